"""The nearest rows of every row of one set, exactly, in memory that grows with the rows.

A float32 product of the rows with themselves, half of it, proposes some more candidates than
were asked for; the squared distances of these, in float64, decide. Whether a row that was not
proposed could belong to a list follows from the bound on rounding in the product: a list that is
not proven is searched again with that bound. So the lists are those of the float64 distances,
whatever the product rounds, and rows that are equal to the last bit rank by index.

The product is of the rows minus their mean: distances stay the same, and rows that all lie close
together lose no digits.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations_with_replacement
from threading import Lock
from typing import Any, Self

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from platefree.ranking.heaps import NOBODY, is_nearer, sift_down, sort_heaps
from platefree.ranking.proposals import offer_columns, offer_rows
from platefree.types import Floats, Indices

Places = NDArray[np.signedinteger[Any]]
Doubles = NDArray[np.float64]

_BLOCK = 1024  # rows and columns of a product: 4 MB
_SPARE = 8  # candidates beyond those asked for: almost always enough to prove a list
_UNIT = 1e-5  # rows whose squared lengths differ from 1 by no more are unit rows, rounded


@dataclass(frozen=True, eq=False)
class RowSet:
    """Rows prepared for exact comparison; see `prepare`.

    Half the squared distance of rows i and j is ``half[i] + half[j] - rows[i] @ rows[j]``, and
    up to rounding ``centred_half[i] + centred_half[j] - centred[i] @ centred[j]``.

    Attributes:
        rows: (n, d) float32 or float64, as given.
        half: (n,) float64, half the squared lengths; exactly 0.5 for unit rows.
        centred: (n, d) float32, rows minus their mean.
        centred_half: (n,) float32.
        rounding: (n,) float64, what the second formula may be off at most.
    """

    rows: NDArray[Any]
    half: Doubles
    centred: Floats
    centred_half: Floats
    rounding: Doubles

    @classmethod
    def prepare(cls, rows: NDArray[Any]) -> Self:
        """Prepare finite rows, (n, d) float32 or float64."""
        half = np.empty(len(rows))
        _fill_half(rows, half)
        if (abs(2 * half - 1) <= _UNIT).all():
            half[:] = 0.5
        mean = rows.mean(axis=0, dtype=np.float64) if len(rows) else np.zeros(rows.shape[1])
        centred = np.empty(rows.shape, np.float32)
        centred_half, length = np.empty(len(rows)), np.empty(len(rows))
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            offset = rows[part] - mean
            centred[part] = offset
            centred_half[part] = half[part] - mean @ mean / 2 - offset @ mean
            length[part] = np.linalg.norm(offset, axis=1)
        rounding = _rounding(rows.shape[1], length, centred_half, half)
        return cls(rows, half, centred, centred_half.astype(np.float32), rounding)

    def __len__(self) -> int:
        return len(self.rows)

    def distances_between(self, rows: Indices, columns: slice) -> Floats:
        """Half the squared distances of some rows to others, by one product."""
        found: Floats = self.centred[rows] @ self.centred[columns].T
        _subtract_products(self.centred_half[rows], self.centred_half[columns], found)
        return found

    def distances_of_pairs(self, starts: Places, others: Places) -> Doubles:
        """Half the squared distances of row i to ``others[starts[i]:starts[i + 1]]``, exactly."""
        found = np.empty(len(others))
        _fill_pairs(self.rows, self.half, starts, others, found)
        return found


def nearest_rows(rows: RowSet, count: int) -> tuple[Indices, Floats]:
    """The nearest rows of every row, itself included, and how far its farthest row is.

    Args:
        rows: what to search in and for.
        count: how many rows to list, at most n.

    Returns:
        (n, count) int64, nearest first, equal distances by index; and (n,) float32, half the
        largest squared distance of each row.
    """
    n = len(rows)
    size = min(n, count + _SPARE)
    proposed = np.full((n, size), np.inf, np.float32), np.full((n, size), NOBODY)
    farthest = np.zeros(n, np.float32)
    _propose(rows, *proposed, farthest)
    nearest, limits = np.empty((n, count), np.int64), np.empty(n)
    _decide(rows.rows, rows.half, proposed[1], nearest, limits)
    unproven = limits >= proposed[0][:, 0] - rows.rounding
    if size < n and unproven.any():
        _search_again(rows, np.flatnonzero(unproven), limits, nearest)
    return nearest, farthest


def _rounding(d: int, length: Doubles, centred_half: Doubles, half: Doubles) -> Doubles:
    """Bound, for each row, on what float32 and float64 may make of a distance from it.

    A sum of d products of two rows is off by at most d roundings of the product of their lengths,
    in any order of summation; the rows themselves and the three terms of a distance are rounded
    as well.
    """
    products = (d + 8) * length * length.max(initial=0)
    terms = 4 * (abs(centred_half) + abs(centred_half).max(initial=0))
    exact = (d + 8) * 2 * (half + half.max(initial=0))
    bound: Doubles = 2.0**-24 * (products + terms) + 2.0**-53 * exact
    return bound


def _propose(rows: RowSet, nearest: Floats, indices: Indices, farthest: Floats) -> None:
    """Fill heaps of float32 distances and the largest of them, from the upper half of a product.

    Which blocks come first does not matter, so threads take them as they can; each block is one
    product by one thread, small enough to stay in its cache.
    """
    blocks = [slice(start, min(start + _BLOCK, len(rows))) for start in range(0, len(rows), _BLOCK)]
    locks = [Lock() for _ in blocks]

    def work(pair: tuple[int, int]) -> None:
        upper, lower = blocks[pair[0]], blocks[pair[1]]
        product = rows.centred[upper] @ rows.centred[lower].T
        half = rows.centred_half[upper], rows.centred_half[lower]
        with locks[pair[0]]:
            offer_columns(
                product, *half, lower.start, nearest[upper], indices[upper], farthest[upper]
            )
        if upper == lower:  # holds both directions already
            return
        with locks[pair[1]]:
            offer_rows(product, *half, upper.start, nearest[lower], indices[lower], farthest[lower])

    pairs = combinations_with_replacement(range(len(blocks)), 2)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(get_num_threads()) as executor:
        for _ in executor.map(work, pairs):
            pass


def _search_again(rows: RowSet, unproven: Indices, limits: Doubles, nearest: Indices) -> None:
    """Search some lists again, among all rows that rounding may have hidden.

    Args:
        rows: all rows.
        unproven: which lists to search.
        limits: (n,) how far the last entry of each list is at most.
        nearest: (n, count) the lists, replaced.
    """
    n, count = nearest.shape
    for start in range(0, len(unproven), _BLOCK):
        part = unproven[start : start + _BLOCK]
        reach = (limits[part] + rows.rounding[part]).astype(np.float32)
        reach = np.nextafter(reach, np.float32(np.inf))
        heaps = np.full((len(part), count), np.inf), np.full((len(part), count), NOBODY)
        for first in range(0, n, _BLOCK):
            columns = slice(first, min(first + _BLOCK, n))
            product = rows.centred[part] @ rows.centred[columns].T
            half = rows.centred_half[part], rows.centred_half[columns]
            _offer_exact(rows.rows, rows.half, product, *half, part, first, reach, *heaps)
        sort_heaps(*heaps)
        nearest[part] = heaps[1]


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dot(one: NDArray[Any], other: NDArray[Any]) -> float:
    total = 0.0
    for index in range(one.size):
        total += np.float64(one[index]) * np.float64(other[index])
    return total


@njit(parallel=True, cache=True)
def _subtract_products(row_half: Floats, column_half: Floats, products: Floats) -> None:
    """Turn products into half squared distances in one pass: they may be larger than a cache."""
    for row in prange(len(products)):
        values, half = products[row], row_half[row]
        for column in range(values.size):
            values[column] = half + column_half[column] - values[column]


@njit(parallel=True, cache=True)
def _fill_half(rows: NDArray[Any], half: Doubles) -> None:
    for row in prange(len(rows)):
        half[row] = _dot(rows[row], rows[row]) / 2


@njit(parallel=True, cache=True)
def _fill_pairs(
    rows: NDArray[Any], half: Doubles, starts: Places, others: Places, distances: Doubles
) -> None:
    for row in prange(len(rows)):
        for place in range(starts[row], starts[row + 1]):
            other = others[place]
            distances[place] = half[row] + half[other] - _dot(rows[row], rows[other])


@njit(parallel=True, cache=True)
def _decide(
    rows: NDArray[Any], half: Doubles, proposed: Indices, nearest: Indices, limits: Doubles
) -> None:
    """Sort the proposed rows by exact distance; keep the nearest, and how far the last is."""
    count = nearest.shape[1]
    for row in prange(len(rows)):
        distances, indices = np.empty(proposed.shape[1]), np.empty(proposed.shape[1], np.int64)
        for size in range(len(indices)):
            other = proposed[row, size]
            distance = half[row] + half[other] - _dot(rows[row], rows[other])
            place = size
            while place > 0 and is_nearer(
                distance, other, distances[place - 1], indices[place - 1]
            ):
                distances[place], indices[place] = distances[place - 1], indices[place - 1]
                place -= 1
            distances[place], indices[place] = distance, other
        nearest[row] = indices[:count]
        limits[row] = distances[count - 1]


@njit(parallel=True, cache=True)
def _offer_exact(
    rows: NDArray[Any],
    half: Doubles,
    product: Floats,
    row_half: Floats,
    column_half: Floats,
    searched: Indices,
    first_column: int,
    reach: Floats,
    distances: Doubles,
    indices: Indices,
) -> None:
    """Offer the exact distances of those columns that seem to be within reach of a row."""
    for place in prange(len(product)):
        row = searched[place]
        for column in range(product.shape[1]):
            if row_half[place] + column_half[column] - product[place, column] > reach[place]:
                continue
            other = first_column + column
            distance = half[row] + half[other] - _dot(rows[row], rows[other])
            if is_nearer(distance, other, distances[place, 0], indices[place, 0]):
                distances[place, 0], indices[place, 0] = distance, other
                sift_down(distances[place], indices[place], indices.shape[1])
