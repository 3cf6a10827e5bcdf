"""Exact distances, and exact rankings of galleries that need not fit in memory.

A ranking is the stable sort of the distances as computed. Matrix products may round differently
for another shape of block, so the blocks have a fixed size and start at row 0: the same embeddings
always give the same ranking, and rows that are equal to the last bit rank by gallery index.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from platefree.errors import DataError, MismatchError
from platefree.types import LABELS, Embeddings, Floats, Indices, Ranking, Sightings

Distances = Callable[[Embeddings, Embeddings], Floats]
"""(query, gallery) -> (q, g) float32 distances: how the spaces of a method combine."""

_QUERY_BLOCK = 256
_GALLERY_BLOCK = 16_384  # 16 MB of float32 distances with the block of queries
_SKIP_BLOCK = 64  # distances that are passed over together if all are too far
_NOBODY = np.iinfo(np.int64).max  # ranks behind every gallery row, even one at infinity


def cosine_distance(query_rows: Floats, gallery_rows: Floats) -> Floats:
    """1 - cosine similarity of unit rows, in [0, 2].

    Args:
        query_rows: (q, d) float32, unit rows.
        gallery_rows: (g, d) float32, unit rows.

    Returns:
        (q, g) float32.

    Raises:
        DataError: the shapes do not fit.
    """
    query_rows, gallery_rows = np.asarray(query_rows), np.asarray(gallery_rows)
    shapes = query_rows.shape, gallery_rows.shape
    if query_rows.ndim != 2 or gallery_rows.ndim != 2 or shapes[0][1] != shapes[1][1]:
        raise DataError(f"rows {shapes[0]} and {shapes[1]}: expected (q, d) and (g, d)")
    distance: Floats = (query_rows @ gallery_rows.T).astype(np.float32, copy=False)
    np.subtract(np.float32(1), distance, out=distance)
    return np.clip(distance, 0, 2, out=distance)


def rank_exact(
    query: Embeddings,
    gallery: Embeddings,
    top: int,
    distances: Distances | None = None,
    *,
    allowed: NDArray[np.bool_] | None = None,
) -> Ranking:
    """The nearest gallery rows of each query, by computing every distance.

    Beyond the inputs and the ranking it needs little more than one block of distances (16 MB),
    so the spaces of the gallery may be memory-mapped; they are read once.

    Args:
        query: what to search for.
        gallery: what to search in.
        top: how many rows to rank; where fewer qualify, the rest is index -1 at distance inf.
        distances: how spaces combine; by default the cosine distance in the only space.
        allowed: (g,) gallery rows that may be ranked, all by default.

    Raises:
        MismatchError: query and gallery come from different models or have different spaces.
        DataError: an argument does not fit the gallery, or a distance is NaN.
    """
    _check_comparable(query, gallery)
    allowed = _check_allowed(allowed, len(gallery))
    if top < 1:
        raise DataError(f"top is {top}, expected 1 or more")
    compare = distances or _only_space_distance
    nearest = np.full((len(query), top), np.inf, np.float32)
    indices = np.full((len(query), top), _NOBODY)
    for columns, gallery_block in _blocks(gallery, _GALLERY_BLOCK):
        if not allowed[columns].any():
            continue
        for rows, query_block in _blocks(query, _QUERY_BLOCK):
            block = _check_block(compare(query_block, gallery_block), query_block, gallery_block)
            nan_at = np.full(len(block), -1)
            _keep_nearest(
                block, allowed[columns], columns.start, nearest[rows], indices[rows], nan_at
            )
            _refuse_nan(nan_at, rows.start)
    _sort_heaps(nearest, indices)
    indices[indices == _NOBODY] = -1
    return Ranking(indices, nearest)


def _only_space_distance(query: Embeddings, gallery: Embeddings) -> Floats:
    if len(query.spaces) != 1:
        raise DataError(
            f"embeddings have the spaces {sorted(query.spaces)}; with more than one, `distances` "
            "must say how they combine (the method's own `distances` does)"
        )
    (name,) = query.spaces
    return cosine_distance(query.spaces[name], gallery.spaces[name])


def _check_comparable(query: Embeddings, gallery: Embeddings) -> None:
    if query.model != gallery.model:
        raise MismatchError(
            f"the gallery was embedded by model {gallery.model}, the query by {query.model}: "
            "re-embed the gallery with 'platefree embed' and the model of the query"
        )
    sizes = [
        {name: rows.shape[1] for name, rows in sorted(side.spaces.items())}
        for side in (query, gallery)
    ]
    if sizes[0] != sizes[1]:
        raise MismatchError(
            f"the gallery has the spaces {sizes[1]}, the query {sizes[0]}: "
            "re-embed the gallery with 'platefree embed'"
        )


def _check_allowed(allowed: NDArray[np.bool_] | None, g: int) -> NDArray[np.bool_]:
    if allowed is None:
        return np.ones(g, np.bool_)
    if allowed.shape != (g,) or allowed.dtype != np.bool_:
        raise DataError(f"allowed is {allowed.dtype} {allowed.shape}, expected bool ({g},)")
    return np.ascontiguousarray(allowed)


def _blocks(embeddings: Embeddings, size: int) -> Iterator[tuple[slice, Embeddings]]:
    """Neighbouring rows as views: nothing is copied, so a memory-mapped space stays on disk."""
    table = embeddings.sightings
    for start in range(0, len(embeddings), size):
        rows = slice(start, min(start + size, len(embeddings)))
        columns = {name: getattr(table, name)[rows] for name in ("image", *LABELS, "time")}
        spaces = {name: space[rows] for name, space in embeddings.spaces.items()}
        yield rows, Embeddings(spaces, Sightings(root=table.root, **columns), embeddings.model)


def _check_block(block: Floats, query: Embeddings, gallery: Embeddings) -> Floats:
    expected = (len(query), len(gallery))
    if block.shape != expected:
        raise DataError(f"`distances` returned shape {block.shape}, expected {expected}")
    return np.ascontiguousarray(block, dtype=np.float32)


def _refuse_nan(nan_at: Indices, first_query: int) -> None:
    for query in np.flatnonzero(nan_at >= 0)[:1]:
        raise DataError(
            f"distance of query {first_query + query} to gallery row {nan_at[query]} is NaN; "
            "expected numbers (are the embeddings finite?)"
        )


# Each query keeps its nearest rows as a heap with the farthest of them first, so that one
# comparison turns away almost every candidate.


@njit(parallel=True, cache=True)
def _keep_nearest(
    distance: Floats,
    allowed: NDArray[np.bool_],
    first_index: int,
    nearest: Floats,
    indices: Indices,
    nan_at: Indices,
) -> None:
    """Offer a block of gallery rows; ``nan_at`` is a row whose distance is NaN, or -1."""
    for query in prange(len(distance)):
        nan_at[query] = _offer(
            distance[query], allowed, first_index, nearest[query], indices[query]
        )


@njit(cache=True)
def _offer(
    row: Floats,
    allowed: NDArray[np.bool_],
    first_index: int,
    nearest: Floats,
    indices: Indices,
) -> int:
    for start in range(0, len(row), _SKIP_BLOCK):
        stop = min(start + _SKIP_BLOCK, len(row))
        if not _count_not_beyond(row[start:stop], nearest[0]):
            continue
        for candidate in range(start, stop):
            distance, index = row[candidate], first_index + candidate
            if np.isnan(distance):
                return index
            if allowed[candidate] and _is_nearer(distance, index, nearest[0], indices[0]):
                nearest[0], indices[0] = distance, index
                _sift_down(nearest, indices, len(nearest))
    return -1


@njit(cache=True)
def _count_not_beyond(values: Floats, limit: float) -> int:
    count = np.uint32(0)
    for index in range(values.size):  # an index and 32 bits: the form that becomes wide vectors
        count = np.uint32(count + np.uint32(not values[index] > limit))  # counts NaN as well
    return int(count)


@njit(cache=True)
def _is_nearer(distance: Any, index: int, other_distance: Any, other_index: int) -> bool:  # noqa: ANN401
    return distance < other_distance or (distance == other_distance and index < other_index)


@njit(cache=True)
def _sift_down(distances: Floats, indices: Indices, size: int) -> None:
    """Let the first entry of a heap of ``size`` entries sink to its place."""
    parent = 0
    distance, index = distances[0], indices[0]
    while 2 * parent + 1 < size:
        child = 2 * parent + 1
        other = child + 1
        if other < size and _is_nearer(
            distances[child], indices[child], distances[other], indices[other]
        ):
            child = other
        if not _is_nearer(distance, index, distances[child], indices[child]):
            break
        distances[parent], indices[parent] = distances[child], indices[child]
        parent = child
    distances[parent], indices[parent] = distance, index


@njit(parallel=True, cache=True)
def _sort_heaps(nearest: Floats, indices: Indices) -> None:
    """Turn every heap into a list, nearest first."""
    for query in prange(len(nearest)):
        distances, rows = nearest[query], indices[query]
        for last in range(len(distances) - 1, 0, -1):
            distances[0], distances[last] = distances[last], distances[0]
            rows[0], rows[last] = rows[last], rows[0]
            _sift_down(distances, rows, last)
