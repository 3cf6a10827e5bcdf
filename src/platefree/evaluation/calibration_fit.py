"""How much more often a similarity occurs among pairs of one vehicle: two ways to fit it.

Both see the similarities in fine bins, with as much weight of pairs of one vehicle as of pairs of
two, so that the log-odds that they fit are the log L of `platefree.ranking.calibration`.

*Isotonic* (Zadrozny & Elkan, "Transforming classifier scores into accurate multiclass probability
estimates", KDD 2002): the rising step function of least squared error. Decided: bins are joined
before, from the most similar on, until each has the weight of a vehicle and of a pair of vehicles,
or a twentieth of either kind; a step with less than one of a kind counts as one, since with none
it would be infinitely sure; straight lines join the means of the steps.

*Logistic* (Platt, "Probabilistic outputs for support vector machines", 1999, with the targets of
his section 2.2, which keep a perfect separation finite): log L is a straight line. Decided: it
never falls.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from platefree.ranking.calibration import Curve, Values, limits
from platefree.types import Indices

_STEPS = 100  # of Newton's method, which needs about ten
_SMALL = 1e-12


@dataclass(frozen=True, eq=False)
class BinnedPairs:
    """Pairs of known vehicles by their similarity.

    Attributes:
        similarity: (bins,) their middles, rising.
        same: (bins,) weight of the pairs of one vehicle; each vehicle counts 1.
        different: (bins,) weight of the pairs of two vehicles; each two count at most 1.
    """

    similarity: Values
    same: Values
    different: Values

    def used(self) -> "BinnedPairs":
        """The bins with pairs."""
        there = self.same + self.different > 0
        return BinnedPairs(self.similarity[there], self.same[there], self.different[there])

    def joined(self, starts: Indices) -> "BinnedPairs":
        """Fewer bins, from each of these on; their similarities are means, of both kinds alike."""
        weight = self.same / self.same.sum() + self.different / self.different.sum()
        middle = np.add.reduceat(weight * self.similarity, starts) / np.add.reduceat(weight, starts)
        return BinnedPairs(
            middle, np.add.reduceat(self.same, starts), np.add.reduceat(self.different, starts)
        )


def fit_isotonic(pairs: BinnedPairs) -> Curve:
    """The rising steps of the module; both kinds of pairs must be there."""
    used = pairs.used()
    pairs = used.joined(_filled_bins(used))
    vehicles, two = float(pairs.same.sum()), float(pairs.different.sum())
    same, different = pairs.same / vehicles, pairs.different / two
    found = isotonic_regression(same / (same + different), weights=same + different)
    starts = np.flatnonzero(np.r_[True, np.diff(found.x) > 0])
    steps = pairs.joined(starts)
    ratio = np.log(np.maximum(steps.same, 1) / vehicles)
    ratio = np.maximum.accumulate(ratio - np.log(np.maximum(steps.different, 1) / two))
    middle = steps.similarity
    if len(middle) == 1:  # level
        middle, ratio = used.similarity[[0, -1]] + [-_SMALL, _SMALL], ratio[[0, 0]]
    return _curve("isotonic", middle, ratio, vehicles, two)


def _filled_bins(pairs: BinnedPairs) -> Indices:
    """Where bins with enough of both kinds, or much of one, begin; the first may have more."""
    starts, same, different = list[int](), 0.0, 0.0
    much = pairs.same.sum() / 20, pairs.different.sum() / 20
    for place in reversed(range(len(pairs.similarity))):
        same, different = same + pairs.same[place], different + pairs.different[place]
        if min(same, different) >= 1 or same >= much[0] or different >= much[1]:
            starts.append(place)
            same = different = 0.0
    return np.array([0, *reversed(starts[:-1])], np.int64)


def fit_logistic(pairs: BinnedPairs) -> Curve:
    """The straight line of the module; both kinds of pairs must be there."""
    pairs = pairs.used()
    vehicles, two = float(pairs.same.sum()), float(pairs.different.sum())
    same, different = pairs.same / vehicles, pairs.different / two
    targets = (vehicles + 1) / (vehicles + 2), 1 / (two + 2)
    wanted = (same * targets[0] + different * targets[1]) / (same + different)
    low, high = pairs.similarity[[0, -1]]
    scale = max(high - low, _SMALL)
    offset, slope = _newton((pairs.similarity - low) / scale, wanted, same + different)
    if slope < 0:
        offset, slope = 0.0, 0.0
    knots = np.array([0.0, 1.0])
    if slope > 0:  # and where the line meets the limits
        bends = (np.array(limits(vehicles, two)) - offset) / slope
        knots = np.unique(np.concatenate([knots, bends[(bends > 0) & (bends < 1)]]))
    at = low + scale * knots
    return _curve("logistic", at, offset + slope * knots, vehicles, two)


def _newton(x: Values, wanted: Values, weight: Values) -> tuple[float, float]:
    """Offset and slope of the log-odds that fit the wanted probabilities best (log loss)."""
    columns = np.stack([np.ones_like(x), x], axis=1)
    found = np.zeros(2)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-(columns @ found)))
        gradient = columns.T @ (weight * (wanted - p))
        curvature = (columns * (weight * p * (1 - p))[:, None]).T @ columns
        change = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        found = found + change * min(1.0, 5 / np.abs(change).max(initial=_SMALL))
        if np.abs(change).max() < 1e-9:
            break
    return float(found[0]), float(found[1])


def _curve(kind: str, similarity: Values, ratio: Values, vehicles: float, two: float) -> Curve:
    least, most = limits(vehicles, two)
    return Curve.model_validate(
        {
            "kind": kind,
            "similarity": similarity.tolist(),
            "log_ratio": np.clip(ratio, least, most).tolist(),
            "vehicles": vehicles,
            "vehicle_pairs": two,
        }
    )
