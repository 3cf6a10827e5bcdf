"""Candidates for the nearest and the farthest rows of each row, from an approximate product.

Half of the product is enough: each block gives candidates for its rows and for its columns. They
are kept in heaps (`platefree.ranking.heaps`): the nearest by distance, the farthest by minus the
distance. With many rows, a sample first gives each heap a limit to start from; otherwise ten times
as many candidates would enter the heaps and leave them again.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil, sqrt
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from platefree.jit import njit
from platefree.ranking.approximation import Approximation
from platefree.ranking.heaps import NOBODY, is_nearer, sift_down
from platefree.types import Floats, Indices

_BLOCK = 1024  # rows and columns of a product: 4 MB
_STRIPE = 128  # columns that are skipped together if none is near or far
_SAMPLE = 4096  # rows in the sample that gives the limits


@dataclass(frozen=True, eq=False)
class Proposals:
    """Heaps of candidates, the worst candidate first.

    Attributes:
        near: (n, size) float32, lower bounds of the distances.
        near_at: (n, size) the rows they belong to.
        far: (n, few) float32, minus the upper bounds of the distances.
        far_at: (n, few) the rows they belong to, never the row itself.

    No row that is missing would rank before the first entry. An empty place has index `NOBODY`.
    """

    near: Floats
    near_at: Indices
    far: Floats
    far_at: Indices


class _Side(NamedTuple):
    """The rows, or the columns, of a block."""

    first: int
    scale: Floats
    least: Floats
    most: Floats
    near: Floats
    near_at: Indices
    far: Floats
    far_at: Indices


def propose(rows: Approximation, size: int, few: int) -> Proposals:
    """Find the ``size`` nearest rows of every row, itself included, and the ``few`` farthest.

    The order of the blocks does not matter, so threads take them as they become free; each block
    is one product by one thread, small enough for its cache.
    """
    n, least, most = len(rows), rows.least, rows.most
    near, far = _beginnings(rows, least, most, size, few)
    found = Proposals(
        np.repeat(near[:, None], size, axis=1),
        np.full((n, size), NOBODY),
        np.repeat(far[:, None], few, axis=1),
        np.full((n, few), NOBODY),
    )
    # each row itself, as a leaf
    found.near[:, -1], found.near_at[:, -1] = np.minimum(near, -2 * rows.rounding), np.arange(n)
    blocks = [slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]
    sides = [
        _Side(
            part.start,
            rows.scale[part],
            least[part],
            most[part],
            found.near[part],
            found.near_at[part],
            found.far[part],
            found.far_at[part],
        )
        for part in blocks
    ]
    locks = [Lock() for _ in sides]

    def work(pair: tuple[int, int]) -> None:
        products = rows.products(blocks[pair[0]], rows, blocks[pair[1]])
        with ExitStack() as stack:
            for place in sorted(set(pair)):  # ascending order avoids deadlocks
                stack.enter_context(locks[place])
            _offer(products, sides[pair[0]], sides[pair[1]])

    with one_thread_a_product() as executor:
        for _ in executor.map(work, _pairs(len(sides))):
            pass
    return found


def _beginnings(
    rows: Approximation, least: Floats, most: Floats, size: int, few: int
) -> tuple[Floats, Floats]:
    """(n,) limits of near and of far candidates, to start the heaps with.

    The s-th nearest of m random rows has s n / m rows before it, give or take the root of s. A
    limit that is too strict loses nothing: the list is then not proven, and searched again.
    """
    n = len(rows)
    if n < 4 * _SAMPLE:
        return np.full(n, np.inf, np.float32), np.full(n, np.inf, np.float32)
    chosen = np.random.default_rng(0).choice(n, _SAMPLE, replace=False)
    sample, others = rows.take(chosen), (rows.scale[chosen], least[chosen], most[chosen])
    heaps = [np.full((n, _in_sample(count, n)), np.inf, np.float32) for count in (size, few)]

    def work(start: int) -> None:
        part = slice(start, start + _BLOCK)
        products = rows.products(part, sample, slice(None))
        own = rows.scale[part], least[part], most[part]
        _keep_sample(products, own, others, heaps[0][part], heaps[1][part])

    with one_thread_a_product() as executor:
        for _ in executor.map(work, range(0, n, _BLOCK)):
            pass
    return heaps[0][:, 0].copy(), heaps[1][:, 0].copy()


def _in_sample(count: int, n: int) -> int:
    """The place in the sample that almost surely has ``count`` of all ``n`` rows before it."""
    expected = count * _SAMPLE / n
    return ceil(expected + 2 * sqrt(expected) + 1)


def _pairs(blocks: int) -> Iterator[tuple[int, int]]:
    """All unordered pairs of blocks; consecutive pairs have no block in common."""
    for apart in range(blocks):
        for first in range(blocks - apart):
            yield first, first + apart


@contextmanager
def one_thread_a_product() -> Iterator[ThreadPoolExecutor]:
    """Threads whose products, by BLAS or by torch, do not start threads of their own."""
    import sys

    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0

    def initialise() -> None:
        if torch:
            torch.set_num_threads(1)

    try:
        with (
            threadpool_limits(1, "blas"),
            ThreadPoolExecutor(get_num_threads(), initializer=initialise) as executor,
        ):
            yield executor
    finally:
        if torch:
            torch.set_num_threads(threads)


@njit(nogil=True, cache=True)
def _keep_sample(
    products: NDArray[Any],
    rows: tuple[Floats, Floats, Floats],
    sample: tuple[Floats, Floats, Floats],
    near: Floats,
    far: Floats,
) -> None:
    """Keep the nearest and the farthest of a sample for each row: (rows, few) heaps."""
    scale, least, most = rows
    sample_scale, sample_least, sample_most = sample
    near_at, far_at = np.zeros(near.shape[1], np.int64), np.zeros(far.shape[1], np.int64)
    for row in range(len(products)):
        for place in range(products.shape[1]):
            shared = scale[row] * sample_scale[place] * np.float32(products[row, place])
            nearest = least[row] + sample_least[place] - shared
            farthest = -(most[row] + sample_most[place] - shared)
            if nearest < near[row, 0]:
                near[row, 0] = nearest
                sift_down(near[row], near_at, len(near_at))
            if farthest < far[row, 0]:
                far[row, 0] = farthest
                sift_down(far[row], far_at, len(far_at))


@njit(nogil=True, cache=True)
def _offer(products: NDArray[Any], rows: _Side, columns: _Side) -> None:
    """Offer the rows of a block to its columns, and the columns to the rows.

    Args:
        products: (rows, columns) float32 or int32; a block on the diagonal is used above the
            diagonal only.
        rows: where candidates for the rows are kept.
        columns: the same for the columns.
    """
    near, far = columns.near[:, 0].copy(), columns.far[:, 0].copy()
    minus_most, diagonal = -columns.most, rows.first == columns.first
    buffer = np.empty(_STRIPE, np.float32)
    for row in range(len(products)):
        scale, least, most = rows.scale[row], rows.least[row], rows.most[row]
        for start in range(row + 1 if diagonal else 0, products.shape[1], _STRIPE):
            stop = min(start + _STRIPE, products.shape[1])
            shared = buffer[: stop - start]
            _fill_shared(products[row, start:stop], scale, columns.scale[start:stop], shared)
            if not _count_within(
                shared, (-1, least, rows.near[row, 0]), columns.least[start:stop], near[start:stop]
            ) and not _count_within(
                shared, (1, -most, rows.far[row, 0]), minus_most[start:stop], far[start:stop]
            ):
                continue
            for column in range(start, stop):
                nearest = least + columns.least[column] - shared[column - start]
                farthest = shared[column - start] - most - columns.most[column]
                this, other = rows.first + row, columns.first + column
                if nearest <= rows.near[row, 0]:
                    _replace_worst(nearest, other, rows.near[row], rows.near_at[row])
                if farthest <= rows.far[row, 0]:
                    _replace_worst(farthest, other, rows.far[row], rows.far_at[row])
                if nearest <= near[column]:
                    _replace_worst(nearest, this, columns.near[column], columns.near_at[column])
                    near[column] = columns.near[column, 0]
                if farthest <= far[column]:
                    _replace_worst(farthest, this, columns.far[column], columns.far_at[column])
                    far[column] = columns.far[column, 0]


@njit(nogil=True, cache=True)
def _fill_shared(products: NDArray[Any], scale: float, scales: Floats, shared: Floats) -> None:
    for place in range(products.size):
        shared[place] = scale * scales[place] * np.float32(products[place])


@njit(nogil=True, cache=True)
def _count_within(
    shared: Floats, row: tuple[float, float, float], terms: Floats, limits: Floats
) -> np.uint32:
    """How many entries belong in the heap of the row, or of their column.

    Args:
        shared: (stripe,) float32 products.
        row: sign (1 or -1), term to add, and limit of the row's heap.
        terms: (stripe,) terms to add for each column.
        limits: (stripe,) of the columns' heaps.
    """
    sign, term, limit = np.float32(row[0]), row[1], row[2]
    count = np.uint32(0)
    for place in range(shared.size):  # a 32-bit index, so that the compiler vectorises
        entry = term + terms[place] + sign * shared[place]
        count = np.uint32(count + np.uint32(entry <= max(limit, limits[place])))
    return count


@njit(nogil=True, cache=True)
def _replace_worst(distance: float, index: int, kept: Floats, indices: Indices) -> None:
    if is_nearer(distance, index, kept[0], indices[0]):
        kept[0], indices[0] = distance, index
        sift_down(kept, indices, len(kept))
