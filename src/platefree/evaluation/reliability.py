"""Are probabilities right? Reliability diagram, expected calibration error, log loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from platefree.ranking.calibration import Values

BINS = 10
"""Bins of equal width over the probabilities, as in Guo et al., ICML 2017, section 3."""

_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class Reliability:
    """Probabilities compared with what was so.

    Attributes:
        predicted: (BINS,) mean probability of each bin; NaN where it is empty.
        observed: (BINS,) fraction that was so.
        weight: (BINS,) fraction of all.
        log_loss: mean of -log of the probability of what was so.
    """

    predicted: Values
    observed: Values
    weight: Values
    log_loss: float

    @property
    def error(self) -> float:
        """Expected calibration error: mean of |predicted - observed|, weighted."""
        apart = np.abs(self.predicted - self.observed)
        return float(np.nansum(self.weight * apart)) if self.weight.sum() else float("nan")

    def to_json(self) -> dict[str, Any]:
        """For ``json.dumps``; may contain NaN."""
        return {
            "expected_calibration_error": self.error,
            "log_loss": self.log_loss,
            "predicted": self.predicted.tolist(),
            "observed": self.observed.tolist(),
            "weight": self.weight.tolist(),
        }


def reliability(probability: Values, so: Values, not_so: Values) -> Reliability:
    """The reliability of probabilities.

    Args:
        probability: (n,) predicted, in [0, 1].
        so: (n,) weight of the cases in which it was so.
        not_so: (n,) weight of the others.
    """
    total = float(so.sum() + not_so.sum())
    bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    cases = np.bincount(bins, so + not_so, BINS)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(bins, (so + not_so) * probability, BINS) / cases
        observed = np.bincount(bins, so, BINS) / cases
    inside = np.clip(probability, _LEAST, 1 - _LEAST)
    loss = -(so * np.log(inside) + not_so * np.log1p(-inside)).sum()
    return Reliability(
        predicted, observed, cases / max(total, _LEAST), float(loss / total) if total else np.nan
    )
