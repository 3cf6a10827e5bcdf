"""Queries and gallery joined into one set of points, as k-reciprocal re-ranking needs them.

Points are numbered queries first, then gallery. Two kinds: rows, whose squared Euclidean distance
is exact and symmetric, and embeddings that a method compares in its own way.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.sparse import csr_array

from platefree.errors import DataError
from platefree.ranking.distance import (
    Distances,
    check_block,
    check_comparable,
    embedding_blocks,
)
from platefree.ranking.heaps import NOBODY, keep_nearest, sort_heaps
from platefree.ranking.neighbours import Places, RowSet, nearest_rows
from platefree.types import Embeddings, Floats, Indices

_ROWS = 256
_COLUMNS = 16_384  # 16 MB of float32 distances with the rows
_LONGEST = 1e15  # rows up to this length have squared distances that float32 can hold


class Points(Protocol):
    """A joined set of points; distances are in any unit, the same everywhere.

    Attributes:
        queries: how many of the points are queries.
    """

    queries: int

    def __len__(self) -> int: ...

    def nearest(self, count: int) -> tuple[Indices, Floats]:
        """The (n, count) nearest points of each, itself included; the (n,) largest distances."""

    def distances_to(self, sets: csr_array) -> NDArray[np.floating[Any]]:
        """Distances from each point to the members of its set, in the order of the entries."""

    def query_rows(self, rows: slice) -> Floats:
        """(len(rows), g) distances from some queries to the gallery."""


class RowPoints:
    """Rows in the precision given, compared by squared Euclidean distance.

    Raises:
        DataError: the rows are no finite (q, d) and (g, d) numbers.
    """

    def __init__(self, query: NDArray[Any], gallery: NDArray[Any]) -> None:
        sides = _check_rows("query", query), _check_rows("gallery", gallery)
        if sides[0].shape[1] != sides[1].shape[1]:
            raise DataError(
                f"query rows {sides[0].shape} and gallery rows {sides[1].shape}: expected (q, d) "
                "and (g, d); were both made by one model?"
            )
        self.queries = len(query)
        self._rows = RowSet.prepare(np.concatenate(sides))

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, count: int) -> tuple[Indices, Floats]:
        """See `Points`; the lists are exact."""
        return nearest_rows(self._rows, count)

    def distances_to(self, sets: csr_array) -> NDArray[np.floating[Any]]:
        """See `Points`; float64."""
        return self._rows.distances_of_pairs(sets.indptr, sets.indices)

    def query_rows(self, rows: slice) -> Floats:
        """See `Points`."""
        return self._rows.distances_between(rows, slice(self.queries, len(self)))


class ComparedPoints:
    """Embeddings compared by the distances of their method, which should be symmetric.

    Raises:
        MismatchError: query and gallery come from different models or have different spaces.
    """

    def __init__(self, query: Embeddings, gallery: Embeddings, distances: Distances) -> None:
        check_comparable(query, gallery)
        self.queries = len(query)
        self._sides = (0, query), (len(query), gallery)
        self._distances = distances

    def __len__(self) -> int:
        return sum(len(side) for _, side in self._sides)

    def nearest(self, count: int) -> tuple[Indices, Floats]:
        """See `Points`."""
        n = len(self)
        nearest = np.full((n, count), np.inf, np.float32)
        indices, farthest = np.full((n, count), NOBODY), np.zeros(n, np.float32)
        for rows, columns, block in self._blocks():
            allowed, nan_at = np.ones(block.shape[1], np.bool_), np.full(len(block), -1)
            keep_nearest(block, allowed, columns.start, nearest[rows], indices[rows], nan_at)
            np.maximum(farthest[rows], block.max(axis=1), out=farthest[rows])
        sort_heaps(nearest, indices)
        return indices, farthest

    def distances_to(self, sets: csr_array) -> NDArray[np.floating[Any]]:
        """See `Points`; every distance is computed again, since few can be kept."""
        found = np.zeros(sets.nnz, np.float32)
        for rows, columns, block in self._blocks():
            starts = sets.indptr[rows.start : rows.stop + 1]
            _pick(block, columns.start, starts, sets.indices, found)
        return found

    def query_rows(self, rows: slice) -> Floats:
        """See `Points`."""
        (_, query), (_, gallery) = self._sides
        found = np.empty((len(range(*rows.indices(len(query)))), len(gallery)), np.float32)
        part = query.take(np.arange(len(query))[rows])
        for columns, block in embedding_blocks(gallery, _COLUMNS):
            found[:, columns] = check_block(self._distances(part, block), part, block)
        return found

    def _blocks(self) -> Iterator[tuple[slice, slice, Floats]]:
        for first_row, side in self._sides:
            for rows, row_block in embedding_blocks(side, _ROWS):
                for first_column, other in self._sides:
                    for columns, column_block in embedding_blocks(other, _COLUMNS):
                        found = self._distances(row_block, column_block)
                        yield (
                            _shift(rows, first_row),
                            _shift(columns, first_column),
                            _check_finite_block(check_block(found, row_block, column_block)),
                        )


def _shift(rows: slice, first: int) -> slice:
    return slice(rows.start + first, rows.stop + first)


def _check_finite_block(block: Floats) -> Floats:
    if not np.isfinite(block).all():
        raise DataError(
            "`distances` returned NaN or infinity; expected numbers (are the embeddings finite?)"
        )
    return block


def _check_rows(side: str, rows: NDArray[Any]) -> NDArray[Any]:
    """Rows as float32, or as float64 if they are, after looking for what cannot be compared."""
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise DataError(f"{side} rows are {rows.dtype} {rows.shape}, expected float32 (n, d)")
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float32)
    for start in range(0, len(rows), _COLUMNS):
        block = rows[start : start + _COLUMNS]
        with np.errstate(over="ignore"):
            good = np.isfinite(block).all(axis=1) & (abs(block).max(axis=1, initial=0) < _LONGEST)
        for row in np.flatnonzero(~good)[:1]:
            raise DataError(
                f"{side} row {start + row} holds NaN, infinity or a number beyond {_LONGEST:g}; "
                "expected an embedding"
            )
    return rows


@njit(parallel=True, cache=True)
def _pick(block: Floats, first_column: int, starts: Places, members: Places, found: Floats) -> None:
    """Copy the distances of set members that a block of distances holds."""
    for row in prange(len(block)):
        for place in range(starts[row], starts[row + 1]):
            column = members[place] - first_column
            if 0 <= column < block.shape[1]:
                found[place] = block[row, column]
