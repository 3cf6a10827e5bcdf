"""Open-set verification: ROC curve and thresholds for pairs of the same or different vehicles.

The similarities of all pairs are counted in two fine histograms, of the same and of different
vehicles, so any number of pairs takes one megabyte. A threshold is always the edge of a bin, and a
pair is accepted if its similarity is at least the threshold, so the rates at a threshold are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.evaluation.pair_labels import (
    ALL,
    UNKNOWN,
    PairLabels,
    check_block,
    mates_of,
    read_only,
)
from platefree.jit import njit, prange

BINS = 65_536
"""Number of bins over [-1, 1]; their edges are exact in float32."""

FALSE_ACCEPT_RATES = (1e-1, 1e-2, 1e-3, 1e-4)

_SCALE = np.float32(BINS // 2)  # bins per unit of similarity
_SLACK = np.float32(1e-3)  # rounding errors beyond [-1, 1] that are counted in the outer bins
_ROW_BLOCK = 2048  # gallery rows whose bins are computed at a time

Series = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and its error rates.

    Attributes:
        far_target: the false accept rate that was asked for.
        threshold: smallest bin edge whose false accept rate does not exceed it; a pair is accepted
            if its similarity is at least this. nan, as are the rates, if it cannot be stated.
        far: exact false accept rate at the threshold.
        tar: exact true accept rate at the threshold.
        reason: why no threshold can be stated; empty if one is.
    """

    far_target: float
    threshold: float
    far: float
    tar: float
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Verification:
    """How well similarity separates pairs of the same vehicle from pairs of different ones.

    Attributes:
        same_counts: (BINS,) int64, pairs of one vehicle by similarity, from -1 to 1.
        different_counts: (BINS,) int64, pairs of two known vehicles.
    """

    same_counts: Counts
    different_counts: Counts

    @property
    def pairs(self) -> tuple[int, int]:
        """Number of pairs of the same and of different vehicles."""
        return int(self.same_counts.sum()), int(self.different_counts.sum())

    @property
    def auc(self) -> float:
        """Area under the ROC curve, pairs in one bin counted half; nan without both kinds."""
        same, different = self.pairs
        if not same or not different:
            return np.nan
        below = np.cumsum(self.different_counts) - 0.5 * self.different_counts
        return float((self.same_counts / same) @ (below / different))

    @property
    def means(self) -> tuple[float, float]:
        """Mean similarity of pairs of the same and of different vehicles; nan without pairs."""
        return _moments(self.same_counts)[0], _moments(self.different_counts)[0]

    @property
    def separation(self) -> float:
        """Difference of the two means in (root mean square) standard deviations, also called d'."""
        (same_mean, same_variance), (mean, variance) = map(
            _moments, (self.same_counts, self.different_counts)
        )
        deviation = np.sqrt((same_variance + variance) / 2)
        return float((same_mean - mean) / deviation) if deviation > 0 else np.nan

    def roc(self, points: int = 200) -> tuple[Series, Series]:
        """False and true accept rates from the highest threshold to the lowest, for plotting.

        Args:
            points: about how many points to keep along either axis, evenly in true accept rate
                and evenly in the logarithm of the false accept rate.

        Returns:
            Rising (n,) false and true accept rates from (0, 0) to (1, 1); empty without pairs of
            both kinds.
        """
        same, different = self.pairs
        if not same or not different:
            return np.empty(0), np.empty(0)
        far = np.append(0.0, _accepted(self.different_counts)[::-1] / different)
        tar = np.append(0.0, _accepted(self.same_counts)[::-1] / same)
        kept = (
            np.searchsorted(far, np.geomspace(1 / different, 1, points), side="right") - 1,
            np.searchsorted(tar, np.linspace(0, 1, points)),
            [0, BINS],
        )
        places = np.unique(np.concatenate(kept))
        return far[places], tar[places]

    def thresholds(self, fars: Sequence[float] = FALSE_ACCEPT_RATES) -> tuple[OperatingPoint, ...]:
        """The operating point of each false accept rate, in the order asked for.

        A rate needs at least 1 / rate pairs of different vehicles.
        """
        return tuple(self._operating_point(far) for far in fars)

    def histogram(self, bins: int = 50) -> tuple[Series, Series, Series]:
        """Coarse histograms for plotting, on edges of the fine ones.

        Returns:
            (bins + 1,) edges, and (bins,) pairs of the same and of different vehicles.
        """
        starts = np.linspace(0, BINS, bins + 1).astype(np.int64)
        same, different = (
            np.add.reduceat(counts, starts[:-1]).astype(np.float64)
            for counts in (self.same_counts, self.different_counts)
        )
        return _edges(starts), same, different

    def to_json(self) -> dict[str, Any]:
        """The figures and plots, for ``json.dumps``; None for what cannot be stated."""
        same, different = self.pairs
        far, tar = self.roc()
        edges, same_pairs, different_pairs = self.histogram()
        return {
            "pairs": {"same": same, "different": different},
            "auc": _finite(self.auc),
            "mean_similarity": dict(
                zip(("same", "different"), map(_finite, self.means), strict=True)
            ),
            "separation": _finite(self.separation),
            "thresholds": [
                {
                    "far_target": point.far_target,
                    "threshold": _finite(point.threshold),
                    "far": _finite(point.far),
                    "tar": _finite(point.tar),
                    "reason": point.reason,
                }
                for point in self.thresholds()
            ],
            "roc": {"far": far.tolist(), "tar": tar.tolist()},
            "histogram": {
                "edges": edges.tolist(),
                "same": same_pairs.astype(np.int64).tolist(),
                "different": different_pairs.astype(np.int64).tolist(),
            },
        }

    def _operating_point(self, far_target: float) -> OperatingPoint:
        same, different = self.pairs
        if not 0 < far_target <= 1:
            raise DataError(f"false accept rate {far_target}: expected more than 0 and at most 1")
        if not same:
            return _unstated(far_target, "there are no pairs of the same vehicle")
        if different < 1 / far_target:
            needed = int(np.ceil(1 / far_target))
            return _unstated(
                far_target, f"{different:,} pairs of different vehicles, {needed:,} are needed"
            )
        far = _accepted(self.different_counts) / different
        if far[-1] > far_target:
            return _unstated(far_target, "too many different vehicles have a similarity of 1")
        place = int(np.argmax(far <= far_target))
        return OperatingPoint(
            far_target=far_target,
            threshold=float(_edges(np.array(place))),
            far=float(far[place]),
            tar=int(self.same_counts[place:].sum()) / same,
        )


class SimilarityCounts:
    """Counts the similarities of pairs, block by block, over one or more trials.

    Pairs that are ignored (`PairLabels`) and pairs with an unknown vehicle are left out.
    """

    def __init__(self) -> None:
        self._same = np.zeros(BINS, np.int64)
        self._different = np.zeros(BINS, np.int64)

    def add(
        self, similarity: NDArray[np.floating[Any]], labels: PairLabels, rows: slice = ALL
    ) -> None:
        """Count a block of pairs.

        Args:
            similarity: (len(rows), g) float32 or float64 in [-1, 1], 1 - cosine distance.
            labels: of all queries and the whole gallery.
            rows: the queries that the block holds.

        Raises:
            DataError: a similarity is not in [-1, 1], or the block does not fit the labels.
                Nothing of the block is counted then.
        """
        similarity = np.asarray(similarity)
        first, block_labels = check_block("similarity", similarity, labels, rows)
        same = np.zeros((get_num_threads(), BINS), np.int64)
        different = np.zeros_like(same)
        stray_at = np.full(len(similarity), -1)
        _count_pairs(read_only(similarity), block_labels, same, different, stray_at)
        for query in np.flatnonzero(stray_at >= 0)[:1]:
            raise DataError(
                f"similarity of query {first + query} and gallery row {stray_at[query]} is "
                f"{similarity[query, stray_at[query]]}, expected -1 to 1 (cosine similarity)"
            )
        self._same += same.sum(axis=0)
        self._different += different.sum(axis=0)

    def add_pairs(self, similarity: NDArray[np.floating[Any]], same: NDArray[np.bool_]) -> None:
        """Count a list of pairs.

        Args:
            similarity: (p,) floats in [-1, 1].
            same: (p,) whether the pair is one vehicle (or whatever is to be verified).

        Raises:
            DataError: a similarity is not in [-1, 1].
        """
        for pair in np.flatnonzero(~(np.abs(similarity) <= 1 + _SLACK))[:1]:
            raise DataError(
                f"similarity of pair {pair} is {similarity[pair]}, expected -1 to 1 (cosine "
                "similarity)"
            )
        places = np.floor(similarity * float(_SCALE)).astype(np.int64) + BINS // 2
        places = places.clip(0, BINS - 1)
        self._same += np.bincount(places[same], minlength=BINS)
        self._different += np.bincount(places[~same], minlength=BINS)

    def verification(self) -> Verification:
        """The pairs counted so far."""
        return Verification(self._same.copy(), self._different.copy())


def _accepted(counts: Counts) -> Counts:
    """(BINS,) how many pairs are at or above the lower edge of each bin."""
    return np.cumsum(counts[::-1])[::-1]


def _edges(bins: NDArray[np.int64]) -> Series:
    """Lower edges of bins."""
    return bins / float(_SCALE) - 1.0


def _moments(counts: Counts) -> tuple[float, float]:
    """Mean and variance of the similarities in a histogram."""
    total = counts.sum()
    if not total:
        return np.nan, np.nan
    weights = counts / total
    centres = _edges(np.arange(BINS)) + 0.5 / float(_SCALE)
    mean = float(weights @ centres)
    return mean, float(weights @ (centres - mean) ** 2)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _unstated(far_target: float, reason: str) -> OperatingPoint:
    return OperatingPoint(far_target, np.nan, np.nan, np.nan, reason)


@njit(parallel=True, cache=True)
def _count_pairs(
    similarity: NDArray[np.floating[Any]],
    labels: PairLabels,
    same: Counts,
    different: Counts,
    stray_at: NDArray[np.int64],
) -> None:
    """Fill a pair of histograms per worker; ``stray_at`` is a row that is out of range, or -1."""
    workers = len(same)
    for worker in prange(workers):
        for query in range(worker, len(similarity), workers):
            stray_at[query] = _count_row(
                similarity[query], labels, query, same[worker], different[worker]
            )


@njit(cache=True)
def _count_row(
    row: NDArray[np.floating[Any]],
    labels: PairLabels,
    query: int,
    same: Counts,
    different: Counts,
) -> int:
    """Count one query; returns a gallery row whose similarity is out of range, or -1."""
    if labels.query_vehicles[query] == UNKNOWN:
        return -1
    bins = np.empty(_ROW_BLOCK, np.int32)
    for start in range(0, len(row), _ROW_BLOCK):
        block = row[start : start + _ROW_BLOCK]
        if _count_stray(block):
            return start + _find_stray(block)
        for index in range(block.size):
            bins[index] = _bin(block[index])
        for index in range(block.size):
            different[bins[index]] += 1
    _take_back(row, labels, query, same, different)
    return -1


@njit(cache=True)
def _take_back(
    row: NDArray[np.floating[Any]],
    labels: PairLabels,
    query: int,
    same: Counts,
    different: Counts,
) -> None:
    """Subtract all but pairs of different vehicles: cheaper than a test for every pair."""
    for stranger in labels.by_vehicle[: labels.starts[0]]:  # gallery rows of unknown vehicle
        different[_bin(row[stranger])] -= 1
    mates, matches = mates_of(labels, query)
    gallery_vehicles = labels.gallery_vehicles
    for index in range(len(mates)):
        mate = mates[index]
        if gallery_vehicles[mate] == UNKNOWN:
            continue  # the query's own picture, subtracted already
        place = _bin(row[mate])
        different[place] -= 1
        same[place] += matches[index]


@njit(cache=True)
def _bin(similarity: float) -> int:
    # scaling by a power of two first is exact; adding 1 first would round pairs across edges
    place = int(np.floor(similarity * _SCALE)) + BINS // 2
    return min(max(place, 0), BINS - 1)


@njit(cache=True)
def _count_stray(values: NDArray[np.floating[Any]]) -> int:
    count = np.uint32(0)
    for index in range(values.size):  # a 32-bit index, so that the compiler vectorises
        count = np.uint32(count + np.uint32(not abs(values[index]) <= 1 + _SLACK))
    return int(count)


@njit(cache=True)
def _find_stray(values: NDArray[np.floating[Any]]) -> int:
    for index in range(values.size):
        if not abs(values[index]) <= 1 + _SLACK:  # also true for NaN in this form
            return index
    return -1
