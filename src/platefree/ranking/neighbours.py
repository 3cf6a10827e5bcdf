"""The exact nearest rows of every row of one set, in memory linear in the number of rows.

An approximate product of the rows with themselves (half of it, by symmetry) proposes some more
candidates than asked for; their squared distances in float64 decide. The bound on the
approximation shows whether a row that was not proposed could belong to a list; such a list is
searched again with that bound. So the lists are those of the float64 distances, however the product
rounds, and identical rows rank by index.

The mean is subtracted from the rows first: distances stay the same, and rows that are close
together lose no digits. Many rows are first compared in int8, if a sample shows that this proves
almost all of their lists.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from platefree.jit import njit, prange
from platefree.ranking.approximation import (
    Approximation,
    fits_integers,
    integers_are_faster,
)
from platefree.ranking.heaps import NOBODY, is_nearer, sift_down, sort_heaps
from platefree.ranking.proposals import one_thread_a_product, propose
from platefree.types import Floats, Indices

Places = NDArray[np.signedinteger[Any]]
Doubles = NDArray[np.float64]

_BLOCK = 1024  # rows and columns of a product: 4 MB
_SPARE = 8  # extra candidates in float32: almost always enough to prove a list
_TIMES = 5  # in int8, this many times the candidates asked for
_FARTHEST = 24  # candidates for the farthest row, in int8
_MANY = 32_768  # number of rows from which int8 pays off
_SAMPLE = 64  # rows compared with all rows at a time, and to test int8
_ENOUGH = 0.8  # fraction of the sample whose lists int8 has to prove


@dataclass(frozen=True, eq=False)
class RowSet:
    """Rows prepared for exact comparison; see `prepare`.

    Half the squared distance of rows i and j is ``half[i] + half[j] - rows[i] @ rows[j]``.

    Attributes:
        rows: (n, d) float32 or float64, as given.
        half: (n,) float64, half the squared lengths, also of L2-normalised rows: rounding would
            otherwise give a row a distance from itself.
        centred: the same distances in float32, of the rows minus their mean.
    """

    rows: NDArray[Any]
    half: Doubles
    centred: Approximation

    @classmethod
    def prepare(cls, rows: NDArray[Any]) -> Self:
        """Prepare finite rows, (n, d) float32 or float64."""
        half = np.empty(len(rows))
        _fill_half(rows, half)
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
        ones = np.ones(len(rows), np.float32)
        return cls(
            rows, half, Approximation(centred, ones, centred_half.astype(np.float32), rounding)
        )

    def __len__(self) -> int:
        return len(self.rows)

    def distances_between(self, rows: Indices, columns: slice) -> Floats:
        """Half the squared distances between some rows and some columns, by one product."""
        one, one_half = self.centred.factors[rows], self.centred.half[rows]
        other, other_half = self.centred.factors[columns], self.centred.half[columns]
        found = np.empty((len(one), len(other)), np.float32)

        def fill(start: int) -> None:
            part = slice(start, start + _BLOCK)
            products = one @ other[part].T
            _subtract_products(one_half, other_half[part], products, found[:, part])

        with one_thread_a_product() as executor:
            for _ in executor.map(fill, range(0, len(other), _BLOCK)):
                pass
        return found

    def distances_of_pairs(self, starts: Places, others: Places) -> Doubles:
        """Half the squared distances of row i to ``others[starts[i]:starts[i + 1]]``, exactly."""
        found = np.empty(len(others))
        _fill_pairs(self.rows, self.half, starts, others, found)
        return found


def nearest_rows(rows: RowSet, count: int) -> tuple[Indices, Floats]:
    """The nearest rows of every row, itself included, and the distance of its farthest row.

    Args:
        rows: searched in themselves.
        count: how many nearest rows to list, at most n.

    Returns:
        (n, count) int64, nearest first, equal distances by index; and (n,) float32, half the
        largest squared distance of each row.
    """
    n = len(rows)
    coarse = _in_integers(rows, count)
    if coarse is None:
        proposed = propose(rows.centred, min(n, count + _SPARE), 1)
    else:
        proposed = propose(coarse, min(n, count * _TIMES), _FARTHEST)
    nearest, limits, farthest = np.empty((n, count), np.int64), np.empty(n), np.empty(n)
    sort_heaps(proposed.near, proposed.near_at)
    _decide(rows.rows, rows.half, proposed.near, proposed.near_at, nearest, limits)
    _decide_farthest(rows.rows, rows.half, proposed.far_at, farthest)
    unproven = limits >= proposed.near[:, -1]
    if proposed.near.shape[1] < n and unproven.any():
        _search_again(rows, np.flatnonzero(unproven), limits, nearest)
    if coarse is not None:
        _search_farthest(rows, np.flatnonzero(farthest < -proposed.far[:, 0]), farthest)
    return nearest, farthest.astype(np.float32)


def _in_integers(rows: RowSet, count: int) -> Approximation | None:
    """The rows in int8, if that saves time."""
    n, d = rows.rows.shape
    if n < _MANY or not fits_integers(d) or not integers_are_faster():
        return None
    coarse = rows.centred.quantised()
    sample = np.linspace(0, n - 1, min(_SAMPLE, n)).astype(np.int64)
    distances = np.sort(rows.distances_between(sample, slice(None)), axis=1)
    bound = coarse.rounding[sample] + np.median(coarse.rounding)
    kept = min(count * _TIMES, n) - 1
    near = distances[:, kept] - distances[:, count - 1] > bound
    far = distances[:, -1] - distances[:, -min(_FARTHEST, n)] > bound
    return coarse if min(near.mean(), far.mean()) >= _ENOUGH else None


def _rounding(d: int, length: Doubles, centred_half: Doubles, half: Doubles) -> Doubles:
    """Each row's part of the rounding error of a distance, in float32 and float64.

    A sum of d products of two rows is off by at most d roundings of the product of their lengths,
    in any order of summation; the rows themselves and the terms of a distance are rounded as well.
    """
    products = (d + 8) * length * length / 2  # of two lengths: at most half of both squares
    terms = 8 * abs(centred_half)
    exact = (d + 8) * 2 * half
    bound: Doubles = 2.0**-24 * (products + terms) + 2.0**-53 * exact
    return bound


def _search_again(rows: RowSet, unproven: Indices, limits: Doubles, nearest: Indices) -> None:
    """Search some lists again, among all rows that could be in them within rounding.

    Args:
        rows: all rows.
        unproven: which lists to search.
        limits: (n,) upper bound of the distance of each list's last entry.
        nearest: (n, count) the lists, replaced.
    """
    n, count = nearest.shape
    least = rows.centred.least
    for start in range(0, len(unproven), _BLOCK):
        part = unproven[start : start + _BLOCK]
        reach = np.nextafter(limits[part].astype(np.float32), np.float32(np.inf))
        heaps = np.full((len(part), count), np.inf), np.full((len(part), count), NOBODY)
        for first in range(0, n, _BLOCK):
            columns = slice(first, min(first + _BLOCK, n))
            product = rows.centred.factors[part] @ rows.centred.factors[columns].T
            sides = least[part], least[columns]
            _offer_exact(rows.rows, rows.half, product, *sides, part, first, reach, *heaps)
        sort_heaps(*heaps)
        nearest[part] = heaps[1]


def _search_farthest(rows: RowSet, unproven: Indices, farthest: Doubles) -> None:
    """Replace some of the largest distances by those among all rows, in float32."""
    for start in range(0, len(unproven), _SAMPLE):
        part = unproven[start : start + _SAMPLE]
        farthest[part] = rows.distances_between(part, slice(None)).max(axis=1, initial=0)


@njit(cache=True, fastmath={"reassoc", "contract"})
def _dot(one: NDArray[Any], other: NDArray[Any]) -> float:
    total = 0.0
    for index in range(one.size):
        total += np.float64(one[index]) * np.float64(other[index])
    return total


@njit(nogil=True, cache=True)
def _subtract_products(
    row_half: Floats, column_half: Floats, products: Floats, found: Floats
) -> None:
    for row in range(len(products)):
        values, half, distances = products[row], row_half[row], found[row]
        for column in range(values.size):
            distances[column] = half + column_half[column] - values[column]


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
    rows: NDArray[Any],
    half: Doubles,
    least: Floats,
    proposed: Indices,
    nearest: Indices,
    limits: Doubles,
) -> None:
    """Sort the proposed rows by exact distance; keep the nearest, and the distance of the last.

    They arrive sorted by their lower bounds; a row whose bound exceeds the last distance kept
    cannot belong to the list.
    """
    count = nearest.shape[1]
    for row in prange(len(rows)):
        distances, indices = np.full(count, np.inf), np.full(count, NOBODY)
        for size in range(proposed.shape[1]):
            other = proposed[row, size]
            if other == NOBODY or least[row, size] > distances[count - 1]:
                break
            distance = half[row] + half[other] - _dot(rows[row], rows[other])
            if not is_nearer(distance, other, distances[count - 1], indices[count - 1]):
                continue
            place = min(size, count - 1)
            while place > 0 and is_nearer(
                distance, other, distances[place - 1], indices[place - 1]
            ):
                distances[place], indices[place] = distances[place - 1], indices[place - 1]
                place -= 1
            distances[place], indices[place] = distance, other
        nearest[row] = indices
        limits[row] = distances[count - 1]


@njit(parallel=True, cache=True)
def _decide_farthest(
    rows: NDArray[Any], half: Doubles, proposed: Indices, farthest: Doubles
) -> None:
    """The largest exact distance to a proposed row, at least 0."""
    for row in prange(len(rows)):
        farthest[row] = 0
        for other in proposed[row]:
            if other != NOBODY:
                distance = half[row] + half[other] - _dot(rows[row], rows[other])
                farthest[row] = max(farthest[row], distance)


@njit(parallel=True, cache=True)
def _offer_exact(
    rows: NDArray[Any],
    half: Doubles,
    product: Floats,
    row_least: Floats,
    column_least: Floats,
    searched: Indices,
    first_column: int,
    reach: Floats,
    distances: Doubles,
    indices: Indices,
) -> None:
    """Offer the exact distances of the columns whose lower bound is within the limit of a row."""
    for place in prange(len(product)):
        row = searched[place]
        for column in range(product.shape[1]):
            if row_least[place] + column_least[column] - product[place, column] > reach[place]:
                continue
            other = first_column + column
            distance = half[row] + half[other] - _dot(rows[row], rows[other])
            if is_nearer(distance, other, distances[place, 0], indices[place, 0]):
                distances[place, 0], indices[place, 0] = distance, other
                sift_down(distances[place], indices[place], indices.shape[1])
