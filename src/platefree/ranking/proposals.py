"""Candidates from blocks of a symmetric product: each block serves its rows and its columns.

Half the squared distance of a row and a column is ``row_half + column_half - product``. The
nearest of each are kept in heaps (`platefree.ranking.heaps`), the farthest as a number.
"""

import numpy as np
from numba import njit

from platefree.ranking.heaps import is_nearer, sift_down
from platefree.types import Floats, Indices

_STRIPE = 128  # columns that are passed over together if none is near


@njit(nogil=True, cache=True)
def offer_rows(
    product: Floats,
    row_half: Floats,
    column_half: Floats,
    first_row: int,
    nearest: Floats,
    indices: Indices,
    farthest: Floats,
) -> None:
    """Offer the rows of a block to its columns.

    Args:
        product: (rows, columns) float32.
        row_half: (rows,) float32.
        column_half: (columns,) float32.
        first_row: index of the first row.
        nearest: (columns, size) heaps of distances.
        indices: (columns, size) the rows that the distances belong to.
        farthest: (columns,) the largest distances.
    """
    for start in range(0, product.shape[1], _STRIPE):
        stop = min(start + _STRIPE, product.shape[1])
        limits = nearest[start:stop, 0].copy()
        for row in range(len(product)):
            values = product[row, start:stop]
            half, halves = row_half[row], column_half[start:stop]
            if not _look_over(values, half, halves, limits, farthest[start:stop]):
                continue
            for place in range(values.size):
                distance = half + halves[place] - values[place]
                if distance <= limits[place]:
                    column = start + place
                    _replace_farthest(distance, first_row + row, nearest[column], indices[column])
                    limits[place] = nearest[column, 0]


@njit(nogil=True, cache=True)
def offer_columns(
    product: Floats,
    row_half: Floats,
    column_half: Floats,
    first_column: int,
    nearest: Floats,
    indices: Indices,
    farthest: Floats,
) -> None:
    """Offer the columns of a block to its rows; the other way round of `offer_rows`."""
    limits, largest = np.empty(_STRIPE, np.float32), np.empty(_STRIPE, np.float32)
    for row in range(len(product)):
        half = row_half[row]
        limits[:] = nearest[row, 0]
        largest[:] = farthest[row]
        for start in range(0, product.shape[1], _STRIPE):
            stop = min(start + _STRIPE, product.shape[1])
            values, halves = product[row, start:stop], column_half[start:stop]
            if not _look_over(values, half, halves, limits, largest):
                continue
            for place in range(values.size):
                distance = half + halves[place] - values[place]
                if distance <= nearest[row, 0]:
                    column = first_column + start + place
                    _replace_farthest(distance, column, nearest[row], indices[row])
            limits[:] = nearest[row, 0]
        farthest[row] = largest.max()


@njit(nogil=True, cache=True)
def _look_over(
    values: Floats, half: float, halves: Floats, limits: Floats, largest: Floats
) -> np.uint32:
    """How many distances are within their limits; the largest so far grow."""
    near = np.uint32(0)
    for place in range(values.size):  # an index and 32 bits: the form that becomes wide vectors
        distance = half + halves[place] - values[place]
        near = np.uint32(near + np.uint32(distance <= limits[place]))
        largest[place] = max(largest[place], distance)
    return near


@njit(nogil=True, cache=True)
def _replace_farthest(distance: float, index: int, nearest: Floats, indices: Indices) -> None:
    if is_nearer(distance, index, nearest[0], indices[0]):
        nearest[0], indices[0] = distance, index
        sift_down(nearest, indices, len(nearest))
