"""Exact k-reciprocal re-ranking, in memory linear in the number of points.

Zhong et al., Re-ranking Person Re-identification with k-reciprocal Encoding, CVPR 2017, as
computed by the published code. Queries and gallery form one set of points: squared distances are
divided by the largest of each row; the expanded k-reciprocal set of each point
(`platefree.ranking.reciprocal_sets`) is weighted by exp(-distance); the weights are averaged over
the nearest ``k2`` points; with m the sum of the smaller weights of two points, their Jaccard
distance is 1 - m / (2 - m); the final distance is (1 - lambda) Jaccard + lambda distance.

A set with fewer points than ``k1`` or ``k2`` asks for uses them all. If all points are equal, the
normalised distance is 0.
"""

from collections.abc import Iterator
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from platefree.errors import DataError
from platefree.jit import njit, prange
from platefree.ranking.comparison import ONLY_SPACE, Comparison, Cosine
from platefree.ranking.exact import check_comparable
from platefree.ranking.heaps import NOBODY, keep_nearest, sort_heaps
from platefree.ranking.points import ComparedPoints, Points, RowPoints
from platefree.ranking.reciprocal_sets import (
    average_over_neighbours,
    reciprocal_sets,
    set_weights,
)
from platefree.types import Embeddings, Floats, Indices, Ranking

_BLOCK_BYTES = 128 << 20  # of distances at a time
_BLOCK_ROWS = 1024  # queries at a time, at most

_Places = NDArray[np.signedinteger[Any]]
_Sparse = tuple[_Places, _Places, NDArray[Any]]

Rows = Embeddings | NDArray[Any]
"""Embeddings, or their (n, d) rows as a float32 or float64 array."""


class Options(TypedDict, total=False):
    """Arguments of `k_reciprocal` other than query and gallery."""

    k1: int
    k2: int
    lambda_: float
    comparison: Comparison


def k_reciprocal(
    query: Rows,
    gallery: Rows,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    *,
    comparison: Comparison = ONLY_SPACE,
    self_index: Indices | None = None,
) -> Floats:
    """Re-ranked distances of every query to every gallery row, as one matrix.

    If the matrix does not fit in memory, `k_reciprocal_blocks` returns it some queries at a time,
    and `rerank_top` the head of each ranking. A query whose picture is also in the gallery counts
    as two points, unless ``self_index`` says which gallery row it is.

    Args:
        query: embeddings, or (q, d) rows. Rows are compared by their squared Euclidean
            distance, which is 2 - 2 cosine similarity if L2-normalised; they may be memory-mapped.
        gallery: the same for the gallery.
        k1: size of the neighbourhood, 1 or more.
        k2: points to average the weights over, 1 or more; 1 is no averaging.
        lambda_: weight of the original distance in the final one, in [0, 1].
        comparison: how the spaces of embeddings combine, by default the only space as above. If it
            is not the cosine distance, its distances replace the squared distance, and should be
            symmetric and not negative.
        self_index: (q,) integers, gallery row of the query's own picture; -1 is none. Such a query
            is one point with that row, and is compared as the row.

    Returns:
        (q, g) float32 in [0, 1] but for rounding, lower is closer.

    Raises:
        DataError: an argument is out of range, a row is not finite, or shapes do not fit.
        MismatchError: query and gallery come from different models or have different spaces.
    """
    blocks = k_reciprocal_blocks(
        query, gallery, k1, k2, lambda_, comparison=comparison, self_index=self_index
    )
    result = np.empty((len(query), len(gallery)), np.float32)
    for rows, block in blocks:
        result[rows] = block
    return result


def k_reciprocal_blocks(
    query: Rows,
    gallery: Rows,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    *,
    comparison: Comparison = ONLY_SPACE,
    self_index: Indices | None = None,
) -> Iterator[tuple[slice, Floats]]:
    """The rows of `k_reciprocal`, some queries at a time, for `score_block`.

    Returns:
        An iterator of (queries of the block, their (len(rows), g) float32 distances).

    Raises:
        DataError: see `k_reciprocal`; at once, before the first block.
        MismatchError: see `k_reciprocal`.
    """
    _check_parameters(k1, k2, lambda_)
    own = _check_self(self_index, len(query), len(gallery))
    alone = own < 0
    points = _join(query if alone.all() else take_rows(query, alone), gallery, comparison)
    places = np.where(alone, np.cumsum(alone) - 1, alone.sum() + own)
    return _blocks(points, places, len(gallery), k1, k2, np.float32(lambda_))


def rerank_top(
    query: Rows,
    gallery: Rows,
    top: int = 100,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    *,
    comparison: Comparison = ONLY_SPACE,
    self_index: Indices | None = None,
) -> Ranking:
    """The head of each query's re-ranked gallery: `k_reciprocal`, sorted, without its matrix.

    Args:
        query: see `k_reciprocal`, as for all arguments but ``top``.
        gallery: the gallery.
        top: length of each ranking; in a smaller gallery, the rest is index -1, distance inf.
        k1: size of the neighbourhood.
        k2: points to average the weights over.
        lambda_: weight of the original distance.
        comparison: how the spaces of embeddings combine.
        self_index: gallery row of each query's own picture, which is ranked as well.

    Raises:
        DataError: see `k_reciprocal`, or ``top`` is less than 1.
        MismatchError: see `k_reciprocal`.
    """
    if top < 1:
        raise DataError(f"top is {top}, expected 1 or more")
    nearest = np.full((len(query), top), np.inf, np.float32)
    indices = np.full((len(query), top), NOBODY)
    allowed = np.ones(len(gallery), np.bool_)
    blocks = k_reciprocal_blocks(
        query, gallery, k1, k2, lambda_, comparison=comparison, self_index=self_index
    )
    for rows, block in blocks:
        keep_nearest(
            block, allowed, 0, nearest[rows], indices[rows], np.empty(len(block), np.int64)
        )
    sort_heaps(nearest, indices)
    indices[indices == NOBODY] = -1
    return Ranking(indices, nearest)


def take_rows(rows: Rows, chosen: NDArray[Any]) -> Rows:
    """The chosen rows, by position or mask, of either kind."""
    return rows.take(chosen) if isinstance(rows, Embeddings) else np.asarray(rows)[chosen]


def _check_parameters(k1: int, k2: int, lambda_: float) -> None:
    for name, value in (("k1", k1), ("k2", k2)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise DataError(f"{name} is {value}, expected a whole number, 1 or more")
    if not 0 <= lambda_ <= 1:
        raise DataError(f"lambda_ is {lambda_}, expected 0 to 1")


def _check_self(self_index: Indices | None, q: int, g: int) -> Indices:
    if self_index is None:
        return np.full(q, -1)
    own = np.asarray(self_index)
    fits = own.shape == (q,) and own.dtype.kind in "iu"
    if not fits or not -1 <= int(own.min(initial=-1)) <= int(own.max(initial=-1)) < g:
        raise DataError(
            f"self_index is {own.dtype} {own.shape} up to {own.max(initial=-1)}, expected integers "
            f"({q},) from -1 to {g - 1}"
        )
    return own.astype(np.int64)


def _join(query: Rows, gallery: Rows, comparison: Comparison) -> Points:
    if isinstance(query, Embeddings) and isinstance(gallery, Embeddings):
        if not isinstance(comparison, Cosine):
            return ComparedPoints(query, gallery, comparison)
        check_comparable(query, gallery)
        return RowPoints(comparison.rows(query), comparison.rows(gallery))
    alike = not isinstance(query, Embeddings) and not isinstance(gallery, Embeddings)
    if not alike or comparison != ONLY_SPACE:
        raise DataError(
            "expected query and gallery to be both embeddings or both arrays of rows, "
            "and embeddings where a comparison is given"
        )
    return RowPoints(np.asarray(query), np.asarray(gallery))


def _blocks(
    points: Points, queries: Indices, g: int, k1: int, k2: int, lambda_: np.float32
) -> Iterator[tuple[slice, Floats]]:
    """The final distances from the (q,) points that are queries to the last ``g`` points."""
    if not len(queries):
        return
    if not g:  # every query has its row of distances, which is empty
        yield slice(0, len(queries)), np.empty((len(queries), 0), np.float32)
        return
    nearest, farthest = points.nearest(min(max(k1 + 1, k2), len(points)))
    scale = np.divide(1, farthest, out=np.zeros_like(farthest), where=farthest > 0)
    sets = reciprocal_sets(nearest, k1)
    distances = points.distances_to(sets) * np.repeat(scale, np.diff(sets.indptr))
    weights = set_weights(sets, distances)
    if k2 > 1:  # with 1, each point alone, even if an equal point precedes it
        weights = average_over_neighbours(weights, nearest, k2)
    del sets, distances, nearest
    gallery_weights = _arrays(weights[len(points) - g :].tocsc())
    query_weights = weights[queries]
    del weights
    step = min(max(1, _BLOCK_BYTES // (4 * g)), _BLOCK_ROWS)
    for start in range(0, len(queries), step):
        rows = slice(start, min(start + step, len(queries)))
        block = points.distances_to_gallery(queries[rows])
        _mix(block, scale[queries[rows]], _arrays(query_weights[rows]), gallery_weights, lambda_)
        yield rows, block


def _arrays(matrix: csr_array | csc_array) -> _Sparse:
    return matrix.indptr, matrix.indices, matrix.data


@njit(parallel=True, cache=True)
def _mix(
    block: Floats,
    scale: Floats,
    query_weights: _Sparse,
    gallery_weights: _Sparse,
    lambda_: np.float32,
) -> None:
    """Turn original distances into final ones.

    Args:
        block: (queries, g) float32, changed.
        scale: (queries,) float32, normalises the distances.
        query_weights: of these queries, sparse by query.
        gallery_weights: (g, n), sparse by point.
        lambda_: weight of the original distance.
    """
    starts, points, weights = query_weights
    gallery_starts, gallery_rows, smaller = gallery_weights
    for query in prange(len(block)):
        shared = np.zeros(block.shape[1], np.float32)
        for place in range(starts[query], starts[query + 1]):
            point, weight = points[place], weights[place]
            for entry in range(gallery_starts[point], gallery_starts[point + 1]):
                shared[gallery_rows[entry]] += min(weight, smaller[entry])
        one = np.float32(1)  # a plain 1 would make all of it float64
        row, weight_of_distance = block[query], lambda_ * scale[query]
        for index in range(row.size):
            jaccard = one - shared[index] / (one + one - shared[index])
            row[index] = (one - lambda_) * jaccard + weight_of_distance * row[index]
