"""Which fit, and for which relations of views: chosen by log loss on vehicles held out.

Vehicles are parted at random. Both fits are made on all parts but one and judged on that one, in
turn; the kind of less log loss is then fitted on all. Pairs of one view, and of two views, have a
curve of their own where their views are known and it is better than the common one, judged alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from platefree.evaluation.calibration_fit import BinnedPairs, fit_isotonic, fit_logistic
from platefree.evaluation.calibration_pairs import FEWEST, CountedPairs
from platefree.evaluation.reliability import reliability
from platefree.ranking.calibration import ALONE, RELATIONS, Curve, Curves, Relation, Values, p_same

FITS = {"isotonic": fit_isotonic, "logistic": fit_logistic}
"""The ways to fit."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The curves that were chosen.

    Attributes:
        curves: by relation, fitted on all parts.
        losses: relation -> kind -> mean log loss of pairs held out, half of them of one vehicle;
            ``common`` is the curve of all pairs.
        without: for each part, the curves of the same kinds that were fitted without it.
    """

    curves: dict[Relation, Curve]
    losses: Mapping[Relation, Mapping[str, float]]
    without: Sequence[Curves]


def choose_curves(counted: CountedPairs) -> Chosen:
    """Fit and choose, see the module.

    Args:
        counted: pairs of two parts or more, each with pairs of one vehicle and of two.
    """
    curves, losses = dict[Relation, Curve](), dict[Relation, dict[str, float]]()
    without: list[dict[Relation, Curve]] = [{} for _ in range(counted.parts)]
    for number, relation in enumerate(RELATIONS):
        if number and not _is_enough(counted, number):
            continue
        tried = {kind: _held_out_curves(counted, number, kind) for kind in FITS}
        loss = {kind: _loss(counted, number, each) for kind, each in tried.items()}
        losses[relation] = loss
        best = min(tried, key=lambda kind, loss=loss: loss[kind])  # type: ignore[misc]
        if number:
            loss["common"] = _loss(counted, number, [each["any"] for each in without])
            if loss["common"] <= loss[best]:
                continue
        curves[relation] = FITS[best](counted.of(number))
        for part, curve in enumerate(tried[best]):
            without[part][relation] = curve
    return Chosen(curves, losses, without)


def _is_enough(counted: CountedPairs, relation: int) -> bool:
    """Whether every part has pairs of both kinds, and all of them those of enough vehicles."""
    each = [counted.of(relation, counted.only(part)) for part in range(counted.parts)]
    whole = counted.of(relation)
    has_both = all(pairs.same.any() and pairs.different.any() for pairs in each)
    return has_both and min(whole.same.sum(), whole.different.sum()) >= FEWEST


def _held_out_curves(counted: CountedPairs, relation: int, kind: str) -> list[Curve]:
    others = (~counted.only(part) for part in range(counted.parts))
    return [FITS[kind](counted.of(relation, among)) for among in others]


def _loss(counted: CountedPairs, relation: int, curves: Sequence[Curve]) -> float:
    """Mean log loss of the parts, each by the curve without it."""
    losses = []
    for part, curve in enumerate(curves):
        pairs = counted.of(relation, counted.only(part))
        sure = p_same({"any": curve}, pairs.similarity, 0, ALONE)
        losses.append(reliability(sure, *_balanced(pairs)).log_loss)
    return float(np.mean(losses))


def _balanced(pairs: BinnedPairs) -> tuple[Values, Values]:
    return pairs.same / pairs.same.sum(), pairs.different / pairs.different.sum()
