"""Exact rank metrics: CMC, mean average precision and mean inverse negative penalty.

The rank of a match is one more than the number of nearer gallery rows, so nothing is sorted: for
each match the rows of smaller distance are counted, in blocks that fit the first-level cache, from
the farthest match to the nearest; a block is finished as soon as one count is zero. Nothing of the
size of the distances is allocated.

Average precision is the mean over the matches of (matches up to its rank) / rank, as in the
evaluation code of VeRi-776 and Market-1501. INP is (matches) / (rank of the last match):
Ye et al., Deep Learning for Person Re-identification, 2021, section 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.evaluation.pair_labels import (
    ALL,
    Ids,
    PairLabels,
    check_block,
    mates_of,
    read_only,
)
from platefree.jit import njit, prange

_COUNT_BLOCK = 2048  # gallery rows: short enough to stop early, long enough to vectorise
_FEW_MATES = 1024  # up to here one vectorised count per match beats a binary search per row
_COPY_BYTES = 16 << 20  # of a strided matrix at a time


@dataclass(frozen=True, eq=False)
class RankMetrics:
    """How well the gallery was ranked for each query, and over all of them.

    A query is valid if the gallery holds a match for it. The others are left out of the means;
    if no query is valid, the means are nan.

    Attributes:
        cmc: (max_rank,) float64, fraction of valid queries with a match up to rank k = index + 1.
        mAP: mean of ``average_precision`` over the valid queries.
        mINP: mean of ``inverse_negative_penalty`` over the valid queries.
        average_precision: (q,) float64, nan where not valid.
        inverse_negative_penalty: (q,) float64, nan where not valid.
        first_match: (q,) int64, rank (from 1) of the nearest match, 0 where not valid.
        valid: (q,) bool.
    """

    cmc: NDArray[np.float64]
    mAP: float
    mINP: float
    average_precision: NDArray[np.float64]
    inverse_negative_penalty: NDArray[np.float64]
    first_match: NDArray[np.int64]
    valid: NDArray[np.bool_]

    @classmethod
    def from_queries(
        cls,
        average_precision: NDArray[np.float64],
        inverse_negative_penalty: NDArray[np.float64],
        first_match: NDArray[np.int64],
        max_rank: int,
    ) -> Self:
        """The means over scores of single queries, all (q,)."""
        valid = first_match > 0
        count = int(valid.sum())
        reached = np.bincount(first_match[valid], minlength=max_rank + 1)[1 : max_rank + 1]
        return cls(
            cmc=np.cumsum(reached) / count if count else np.full(max_rank, np.nan),
            mAP=float(average_precision[valid].mean()) if count else np.nan,
            mINP=float(inverse_negative_penalty[valid].mean()) if count else np.nan,
            average_precision=average_precision,
            inverse_negative_penalty=inverse_negative_penalty,
            first_match=first_match,
            valid=valid,
        )


def rank_metrics(
    distance: NDArray[np.floating[Any]],
    query_vehicles: Ids,
    gallery_vehicles: Ids,
    query_cameras: Ids | None = None,
    gallery_cameras: Ids | None = None,
    max_rank: int = 50,
    *,
    self_index: NDArray[np.integer[Any]] | None = None,
) -> RankMetrics:
    """Score the ranking given by a whole matrix of distances.

    Gallery rows of the query's vehicle captured by the query's camera are ignored, if both cameras
    are known. Equal distances rank by gallery row. If the matrix does not fit in memory, use
    `PairLabels.encode`, `score_block` and `merge_rank_metrics`, which give the same result.

    Args:
        distance: (q, g) float32 or float64, lower is closer; inf is legal. Read in place, also
            memory-mapped; a strided matrix is copied some rows at a time.
        query_vehicles: (q,) integers or text; ``""`` is unknown and matches nothing.
        gallery_vehicles: (g,) ids of the same kind.
        query_cameras: (q,) integers or text; ``""`` is unknown: nothing is ignored.
        gallery_cameras: (g,) ids of the same kind.
        max_rank: length of the CMC curve; it is flat beyond the size of the gallery.
        self_index: (q,) integers, gallery row of the query's own picture, which is always
            ignored; -1 is none.

    Raises:
        DataError: a distance is NaN, ids are floats, or shapes or types do not fit.
    """
    labels = PairLabels.encode(
        query_vehicles, gallery_vehicles, query_cameras, gallery_cameras, self_index=self_index
    )
    return score_block(distance, labels, max_rank=max_rank)


def score_block(
    distance: NDArray[np.floating[Any]],
    labels: PairLabels,
    rows: slice = ALL,
    max_rank: int = 50,
) -> RankMetrics:
    """Score a block of queries; see `rank_metrics`.

    Args:
        distance: (len(rows), g) float32 or float64.
        labels: of all queries and the whole gallery.
        rows: the queries that the block holds.
        max_rank: length of the CMC curve.

    Raises:
        DataError: a distance is NaN, or the block does not fit the labels.
    """
    if max_rank < 1:
        raise DataError(f"max_rank is {max_rank}, expected 1 or more")
    distance = np.asarray(distance)
    first, block_labels = check_block("distance", distance, labels, rows)
    q, g = distance.shape
    precision, penalty = np.full(q, np.nan), np.full(q, np.nan)
    first_match, nan_at = np.zeros(q, np.int64), np.full(q, -1)
    step = q if distance.flags.c_contiguous else _COPY_BYTES // (distance.itemsize * g) + 1
    for start in range(0, q, step or 1):
        part = slice(start, start + step)
        _score_queries(
            read_only(distance[part]),
            block_labels.queries(part),
            precision[part],
            penalty[part],
            first_match[part],
            nan_at[part],
        )
    _refuse_nan(nan_at, first)
    return RankMetrics.from_queries(precision, penalty, first_match, max_rank)


def merge_rank_metrics(parts: Sequence[RankMetrics]) -> RankMetrics:
    """Join the scores of consecutive blocks of queries, as if scored at once.

    Raises:
        DataError: there is no part, or the lengths of the CMC curves differ.
    """
    max_ranks = sorted({len(part.cmc) for part in parts})
    if len(max_ranks) != 1:
        raise DataError(f"parts with max_rank {max_ranks}: expected one max_rank for all of them")
    return RankMetrics.from_queries(
        np.concatenate([part.average_precision for part in parts]),
        np.concatenate([part.inverse_negative_penalty for part in parts]),
        np.concatenate([part.first_match for part in parts]),
        max_ranks[0],
    )


def _refuse_nan(nan_at: NDArray[np.int64], first_query: int) -> None:
    found = np.flatnonzero(nan_at >= 0)
    if len(found):
        raise DataError(
            f"distance of query {first_query + found[0]} to gallery row {nan_at[found[0]]} is NaN; "
            "expected numbers (are the embeddings finite?)"
        )


@njit(parallel=True, cache=True)
def _score_queries(
    distance: NDArray[np.floating[Any]],
    labels: PairLabels,
    average_precision: NDArray[np.float64],
    inverse_negative_penalty: NDArray[np.float64],
    first_match: NDArray[np.int64],
    nan_at: NDArray[np.int64],
) -> None:
    """Fill the scores of every query; ``nan_at`` becomes a gallery row of distance NaN, or -1."""
    for query in prange(len(distance)):
        row = distance[query]
        ranks, clean = _match_ranks(row, labels, query)
        nan_at[query] = -1 if clean else _find_nan(row)
        first_match[query] = ranks[0] if len(ranks) else 0
        average_precision[query] = _mean_precision(ranks)
        inverse_negative_penalty[query] = len(ranks) / ranks[-1] if len(ranks) else np.nan


@njit(cache=True)
def _match_ranks(
    row: NDArray[np.floating[Any]], labels: PairLabels, query: int
) -> tuple[NDArray[np.int64], bool]:
    """Ranks (from 1) of the matches among the rows not ignored, and whether no row is NaN."""
    mates, matches = mates_of(labels, query)
    if (
        len(mates) > 1
    ):  # one match per query is common, and sorting it would take a fifth of the time
        # a stable sort keeps equal distances in the order of gallery rows
        order = np.argsort(row[mates], kind="mergesort")
        mates, matches = mates[order], matches[order]
    strangers = np.zeros(len(mates), np.int64)
    if len(mates) <= _FEW_MATES:
        clean = _count_strangers(row, mates, matches, strangers)
    else:
        clean = _search_strangers(row, mates, strangers)
    ranks = strangers[matches]
    for index in range(len(ranks)):
        ranks[index] += index + 1
    return ranks, clean


@njit(cache=True)
def _count_strangers(
    row: NDArray[np.floating[Any]],
    mates: NDArray[np.int64],
    matches: NDArray[np.bool_],
    strangers: NDArray[np.int64],
) -> bool:
    """Count the other vehicles that are nearer than each match.

    Args:
        row: (g,) distances.
        mates: (m,) gallery rows, nearest first.
        matches: (m,) whether the mate matches; nothing is counted for other mates.
        strangers: (m,) to add the counts to.

    Returns:
        Whether the row is free of NaN; if not, the counts are meaningless.
    """
    for start in range(0, len(row), _COUNT_BLOCK):
        stop = min(start + _COUNT_BLOCK, len(row))
        if _count_nan(row[start:stop]):
            return False
        nearer_mates = _count_within(mates, start, stop)
        for index in range(len(mates) - 1, -1, -1):
            mate = mates[index]
            nearer_mates -= start <= mate < stop
            if not matches[index]:
                continue
            # an equal distance is nearer only if it precedes the match
            middle = min(max(mate, start), stop)
            nearer = _count_up_to(row[start:middle], row[mate])
            nearer += _count_below(row[middle:stop], row[mate])
            if nearer == nearer_mates:
                break  # no stranger here, so none for nearer matches either
            strangers[index] += nearer - nearer_mates
    return True


@njit(cache=True)
def _search_strangers(
    row: NDArray[np.floating[Any]], mates: NDArray[np.int64], strangers: NDArray[np.int64]
) -> bool:
    """The same for many mates: a binary search of each gallery row among them."""
    if _count_nan(row):
        return False
    limits = row[mates]
    # between[i]: rows, mates included, after mate i - 1 and not after mate i
    between = np.zeros(len(mates) + 1, np.int64)
    for candidate in range(len(row)):
        low, high = 0, len(mates)
        while low < high:
            middle = (low + high) // 2
            limit = limits[middle]
            if row[candidate] < limit or (row[candidate] == limit and candidate < mates[middle]):
                high = middle
            else:
                low = middle + 1
        between[low] += 1
    nearer = 0
    for index in range(len(mates)):
        nearer += between[index]
        strangers[index] = nearer - index
    return True


@njit(cache=True)
def _mean_precision(ranks: NDArray[np.int64]) -> float:
    if len(ranks) == 0:
        return np.nan
    total = 0.0
    for index in range(len(ranks)):
        total += (index + 1) / ranks[index]
    return total / len(ranks)


# The four loops below use an index and 32-bit counts, so that the compiler vectorises them.


@njit(cache=True)
def _count_below(values: NDArray[np.floating[Any]], limit: float) -> int:
    count = np.uint32(0)
    for index in range(values.size):
        count = np.uint32(count + np.uint32(values[index] < limit))
    return int(count)


@njit(cache=True)
def _count_up_to(values: NDArray[np.floating[Any]], limit: float) -> int:
    count = np.uint32(0)
    for index in range(values.size):
        count = np.uint32(count + np.uint32(values[index] <= limit))
    return int(count)


@njit(cache=True)
def _count_within(rows: NDArray[np.int64], start: int, stop: int) -> int:
    count = np.uint32(0)
    for index in range(rows.size):
        count = np.uint32(count + np.uint32(start <= rows[index] < stop))
    return int(count)


@njit(cache=True)
def _count_nan(values: NDArray[np.floating[Any]]) -> int:
    count = np.uint32(0)
    for index in range(values.size):
        count = np.uint32(count + np.uint32(values[index] != values[index]))
    return int(count)


@njit(cache=True)
def _find_nan(values: NDArray[np.floating[Any]]) -> int:
    for index in range(values.size):
        if values[index] != values[index]:
            return index
    return -1
