"""The nearest candidates seen so far, as heaps with the farthest candidate first.

Almost every new candidate is then rejected by one comparison. Equal distances rank by index.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.jit import njit, prange
from platefree.types import Floats, Indices

NOBODY = np.iinfo(np.int64).max
"""The index of an empty place, which ranks after every row, even one at distance infinity."""

_SKIP_BLOCK = 64  # distances that are skipped together if all are too large


@njit(parallel=True, cache=True)
def keep_nearest(
    distance: Floats,
    allowed: NDArray[np.bool_],
    first_index: int,
    nearest: Floats,
    indices: Indices,
    nan_at: Indices,
) -> None:
    """Offer a block of gallery rows; ``nan_at`` becomes a row whose distance is NaN, or -1."""
    for query in prange(len(distance)):
        nan_at[query] = offer(distance[query], allowed, first_index, nearest[query], indices[query])


@njit(cache=True)
def offer(
    row: Floats,
    allowed: NDArray[np.bool_],
    first_index: int,
    nearest: Floats,
    indices: Indices,
) -> int:
    """Offer gallery rows to the heap of one query; returns a row whose distance is NaN, or -1."""
    for start in range(0, len(row), _SKIP_BLOCK):
        stop = min(start + _SKIP_BLOCK, len(row))
        if not _count_not_beyond(row[start:stop], nearest[0]):
            continue
        for candidate in range(start, stop):
            distance, index = row[candidate], first_index + candidate
            if np.isnan(distance):
                return index
            if allowed[candidate] and is_nearer(distance, index, nearest[0], indices[0]):
                nearest[0], indices[0] = distance, index
                sift_down(nearest, indices, len(nearest))
    return -1


@njit(cache=True)
def _count_not_beyond(values: Floats, limit: float) -> int:
    count = np.uint32(0)
    for index in range(values.size):  # a 32-bit index, so that the compiler vectorises
        count = np.uint32(count + np.uint32(not values[index] > limit))  # counts NaN as well
    return int(count)


@njit(cache=True)
def is_nearer(distance: Any, index: int, other_distance: Any, other_index: int) -> bool:  # noqa: ANN401
    """Whether one candidate ranks before another."""
    return distance < other_distance or (distance == other_distance and index < other_index)


@njit(cache=True)
def sift_down(distances: Floats, indices: Indices, size: int) -> None:
    """Move the first entry of a heap of ``size`` entries down to its place."""
    parent = 0
    distance, index = distances[0], indices[0]
    while 2 * parent + 1 < size:
        child = 2 * parent + 1
        other = child + 1
        if other < size and is_nearer(
            distances[child], indices[child], distances[other], indices[other]
        ):
            child = other
        if not is_nearer(distance, index, distances[child], indices[child]):
            break
        distances[parent], indices[parent] = distances[child], indices[child]
        parent = child
    distances[parent], indices[parent] = distance, index


@njit(parallel=True, cache=True)
def sort_heaps(nearest: Floats, indices: Indices) -> None:
    """Sort every heap in place, nearest first."""
    for query in prange(len(nearest)):
        distances, rows = nearest[query], indices[query]
        for last in range(len(distances) - 1, 0, -1):
            distances[0], distances[last] = distances[last], distances[0]
            rows[0], rows[last] = rows[last], rows[0]
            sift_down(distances, rows, last)
