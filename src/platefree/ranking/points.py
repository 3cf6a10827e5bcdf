"""The set of points of k-reciprocal re-ranking: queries first, then the gallery.

Two kinds: rows, with their exact and symmetric squared Euclidean distance, and embeddings, compared
in the method's own way in one or several spaces.
"""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from platefree.errors import DataError
from platefree.ranking.comparison import Comparison, check_block
from platefree.ranking.exact import check_comparable, embedding_blocks
from platefree.ranking.heaps import NOBODY, keep_nearest, sort_heaps
from platefree.ranking.neighbours import RowSet, nearest_rows
from platefree.types import Embeddings, Floats, Indices

_BLOCK = 2048  # points on each side of a block of distances: 16 MB
_MEMBERS_OF = 32  # points whose members are compared at a time: few, so that columns are reused
_COLUMNS = 16_384  # of the gallery, or rows to check, at a time
_LONGEST = 1e15  # rows up to this length have squared distances that float32 can hold


class Points(Protocol):
    """A set of points, the gallery last; all distances are on one scale."""

    def __len__(self) -> int: ...

    def nearest(self, count: int) -> tuple[Indices, Floats]:
        """The (n, count) nearest points of each, itself included; the (n,) largest distances."""

    def distances_to(self, sets: csr_array) -> NDArray[np.floating[Any]]:
        """Distances from each point to the members of its set, in the order of the entries."""

    def distances_to_gallery(self, points: Indices) -> Floats:
        """(len(points), g) distances from some points to the gallery."""


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
        self._gallery = slice(len(query), len(query) + len(gallery))
        self._rows = RowSet.prepare(np.concatenate(sides))

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, count: int) -> tuple[Indices, Floats]:
        """See `Points`; the lists are exact."""
        return nearest_rows(self._rows, count)

    def distances_to(self, sets: csr_array) -> NDArray[np.floating[Any]]:
        """See `Points`; float64."""
        return self._rows.distances_of_pairs(sets.indptr, sets.indices)

    def distances_to_gallery(self, points: Indices) -> Floats:
        """See `Points`."""
        return self._rows.distances_between(points, self._gallery)


class ComparedPoints:
    """Embeddings compared in several spaces, by distances that are taken to be symmetric.

    Raises:
        MismatchError: query and gallery come from different models or have different spaces.
    """

    def __init__(self, query: Embeddings, gallery: Embeddings, comparison: Comparison) -> None:
        check_comparable(query, gallery)
        self._query, self._gallery, self._comparison = query, gallery, comparison

    def __len__(self) -> int:
        return len(self._query) + len(self._gallery)

    def nearest(self, count: int) -> tuple[Indices, Floats]:
        """See `Points`; every distance is computed once and used for both points."""
        n = len(self)
        nearest = np.full((n, count), np.inf, np.float32)
        indices, farthest = np.full((n, count), NOBODY), np.zeros(n, np.float32)

        def offer(block: Floats, rows: slice, columns: slice) -> None:
            allowed, nan_at = np.ones(block.shape[1], np.bool_), np.full(len(block), -1)
            keep_nearest(block, allowed, columns.start, nearest[rows], indices[rows], nan_at)
            _refuse(bool((nan_at >= 0).any()))
            np.maximum(farthest[rows], block.max(axis=1), out=farthest[rows])

        for (rows, one), (columns, other) in combinations_with_replacement(self._parts(), 2):
            block = self._distances(one, other)
            offer(block, rows, columns)
            if rows != columns:
                offer(np.ascontiguousarray(block.T), columns, rows)
        _refuse(not (np.isfinite(farthest).all() and np.isfinite(nearest).all()))
        sort_heaps(nearest, indices)
        return indices, farthest

    def distances_to(self, sets: csr_array) -> NDArray[np.floating[Any]]:
        """See `Points`; computed again, since keeping them would take too much memory."""
        found = np.empty(sets.nnz, np.float32)
        for start in range(0, len(self), _MEMBERS_OF):
            points = np.arange(start, min(start + _MEMBERS_OF, len(self)))
            starts = sets.indptr[start : points[-1] + 2]
            members = sets.indices[starts[0] : starts[-1]]
            columns, places = np.unique(members, return_inverse=True)
            block = np.empty((len(points), len(columns)), np.float32)
            for rows, one in self._sides(points):
                for part, other in self._sides(columns):
                    block[rows, part] = self._distances(one, other)
            found[starts[0] : starts[-1]] = block[
                np.repeat(points - start, np.diff(starts)), places
            ]
        return found

    def distances_to_gallery(self, points: Indices) -> Floats:
        """See `Points`."""
        found = np.empty((len(points), len(self._gallery)), np.float32)
        queries = points < len(self._query)
        for chosen, side, first in (
            (queries, self._query, 0),
            (~queries, self._gallery, len(self._query)),
        ):
            if chosen.any():
                part = side.take(points[chosen] - first)
                for columns, block in embedding_blocks(self._gallery, _COLUMNS):
                    found[chosen, columns] = self._distances(part, block)
        return found

    def _parts(self) -> list[tuple[slice, Embeddings]]:
        first = len(self._query)
        return [
            *embedding_blocks(self._query, _BLOCK),
            *(
                (slice(rows.start + first, rows.stop + first), part)
                for rows, part in embedding_blocks(self._gallery, _BLOCK)
            ),
        ]

    def _sides(self, points: NDArray[Any]) -> Iterator[tuple[slice, Embeddings]]:
        """Ascending points, split into queries and gallery."""
        first = int(np.searchsorted(points, len(self._query)))
        if first:
            yield slice(first), self._query.take(points[:first])
        if first < len(points):
            yield slice(first, None), self._gallery.take(points[first:] - len(self._query))

    def _distances(self, one: Embeddings, other: Embeddings) -> Floats:
        return check_block(self._comparison.distances(one, other), one, other)


def _refuse(broken: bool) -> None:
    if broken:
        raise DataError(
            "the comparison returned NaN or infinity; expected numbers (are the embeddings finite?)"
        )


def _check_rows(side: str, rows: NDArray[Any]) -> NDArray[Any]:
    """Rows as float32, or float64 if they are, after a check that they can be compared."""
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
