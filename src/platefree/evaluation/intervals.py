"""How sure a difference between two models is: over the queries, and over the seeds.

Over the queries by the paired bootstrap with percentiles (Efron and Tibshirani, An Introduction
to the Bootstrap, 1993, chapters 8 and 13). Queries of one vehicle are alike, so whole vehicles are
drawn, each with all its queries in both models; queries drawn one by one would look surer than
they are. Over the seeds by the interval of Welch (Biometrika 34, 1947), since the trainings of two
models are independent and may scatter differently.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]

CONFIDENCE = 0.95
"""Of an interval on both sides."""

DRAWS = 10_000
"""Of a bootstrap."""

FEWEST_GROUPS = 5
"""Of queries in a bootstrap: the draws of fewer say little of others, those of one nothing."""

_BLOCK_BYTES = 64 << 20  # of counts at a time


@dataclass(frozen=True)
class Interval:
    """Where a difference may be.

    Attributes:
        low: its lower end.
        high: its upper end.
    """

    low: float
    high: float

    def to_json(self) -> list[float]:
        """Both ends."""
        return [self.low, self.high]


def paired_bootstrap(
    gain: Values,
    weight: Values,
    group: NDArray[Any],
    *,
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval | None:
    """The interval of the weighted mean of a gain, over groups of queries drawn at random.

    Args:
        gain: (n,) of each query: its score by one model, minus that by the other.
        weight: (n,) of each query in the mean, positive.
        group: (n,) what is drawn together, such as the vehicle.
        draws: number of them, each as many groups as there are, with repetition.
        confidence: fraction of the draws inside the interval.
        seed: of the draws.

    Returns:
        None with fewer than `FEWEST_GROUPS` groups.
    """
    _, place = np.unique(group.astype(np.str_), return_inverse=True)
    gains, weights = np.bincount(place, gain * weight), np.bincount(place, weight)
    if len(weights) < FEWEST_GROUPS:
        return None
    random = np.random.default_rng(seed)
    equal = np.full(len(weights), 1 / len(weights))
    block = max(1, _BLOCK_BYTES // (8 * len(weights)))
    means = [
        counts @ gains / (counts @ weights)
        for start in range(0, draws, block)
        for counts in [random.multinomial(len(weights), equal, min(block, draws - start))]
    ]
    outside = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [outside, 1 - outside])
    return Interval(float(low), float(high))


def welch_interval(
    one: Sequence[float], other: Sequence[float], *, confidence: float = CONFIDENCE
) -> Interval | None:
    """The interval of the difference of two means, each over some seeds.

    Args:
        one: the figure of one model by seed.
        other: that of the other model.
        confidence: probability that the interval holds the true difference.

    Returns:
        None with fewer than two seeds of a model, or where the seeds of both tie, which tell
        nothing of a spread.
    """
    if min(len(one), len(other)) < 2 or (len({*one}) == 1 and len({*other}) == 1):
        return None
    difference = float(np.mean(one) - np.mean(other))
    shares = [float(np.var(each, ddof=1)) / len(each) for each in (one, other)]
    variance = sum(shares)
    freedom = variance**2 / sum(
        share**2 / (len(each) - 1) for share, each in zip(shares, (one, other), strict=True)
    )
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(variance)
    return Interval(difference - half, difference + half)
