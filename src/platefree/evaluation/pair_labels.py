"""Which gallery rows match a query, which do not, and which are ignored.

Ids are integers or text and are compared exactly: they become dense int64 codes, never floats.
Unknown is the empty text and has the code `UNKNOWN`; integers are always known. One `PairLabels`
is used for all blocks of distances and all metrics of a search.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.jit import njit

Ids = NDArray[Any] | Sequence[str] | Sequence[int]
Codes = NDArray[np.int64]

UNKNOWN = -1
ALL = slice(None)


class IgnoredPairs(NamedTuple):
    """Pairs of a query and a row to ignore, such as the junk lists of VeRi-776.

    Attributes:
        query: (n,) int64, number of the query, from 0.
        row: (n,) int64.
    """

    query: Codes
    row: Codes

    @classmethod
    def of(cls, rows: Sequence[NDArray[np.integer[Any]]]) -> Self:
        """From the rows to ignore for each query."""
        lengths = [len(each) for each in rows]
        joined = np.concatenate([np.empty(0, np.int64), *rows]).astype(np.int64)
        return cls(np.repeat(np.arange(len(rows)), lengths), joined)

    def take(self, mask: NDArray[np.bool_]) -> Self:
        """The pairs of the queries where this (q,) mask is true, renumbered."""
        kept = mask[self.query]
        return type(self)((np.cumsum(mask) - 1)[self.query[kept]], self.row[kept])


class PairLabels(NamedTuple):
    """Labels of every pair of a query and a gallery row, in O(q + g) memory.

    A pair is *ignored* if it shows the same vehicle captured by the same known camera, if it is
    the query itself, or if it is listed as ignored. It *matches* if it is not ignored and shows
    the same known vehicle.

    A named tuple, since numba can compile code for it.

    Attributes:
        query_vehicles: (q,) int64 codes, as in the gallery; `UNKNOWN` matches nothing.
        gallery_vehicles: (g,) int64 codes.
        query_cameras: (q,) int64 codes, as in the gallery; with `UNKNOWN` nothing is ignored.
        gallery_cameras: (g,) int64 codes.
        self_index: (q,) int64, gallery row of the query's own picture; -1 is none.
        by_vehicle: (g,) int64, gallery rows sorted by vehicle, then by row; unknown ones first.
        starts: (vehicles + 1,) int64, where each vehicle begins in ``by_vehicle``.
        listed: (n,) int64, gallery rows listed as ignored, query by query.
        listed_from: (q,) int64, where those of each query begin in ``listed``.
        listed_to: (q,) int64, where they end.
    """

    query_vehicles: Codes
    gallery_vehicles: Codes
    query_cameras: Codes
    gallery_cameras: Codes
    self_index: Codes
    by_vehicle: Codes
    starts: Codes
    listed: Codes
    listed_from: Codes
    listed_to: Codes

    @classmethod
    def encode(
        cls,
        query_vehicles: Ids,
        gallery_vehicles: Ids,
        query_cameras: Ids | None = None,
        gallery_cameras: Ids | None = None,
        *,
        self_index: NDArray[np.integer[Any]] | None = None,
        ignored: IgnoredPairs | None = None,
    ) -> Self:
        """Prepare the labels once, for any number of blocks.

        Args:
            query_vehicles: (q,) integers or text.
            gallery_vehicles: (g,) ids of the same kind.
            query_cameras: (q,) integers or text; None means that no camera is known.
            gallery_cameras: (g,) ids of the same kind.
            self_index: (q,) integers, gallery row of the query's own picture; -1 is none.
            ignored: further pairs of a query and a gallery row that are not counted.

        Raises:
            DataError: ids are neither integers nor text, query and gallery differ in kind, the
                cameras of one side are missing, or the lengths disagree.
        """
        vehicles = _encode("vehicles", query_vehicles, gallery_vehicles)
        q, g = len(vehicles[0]), len(vehicles[1])
        cameras = _encode_cameras(query_cameras, gallery_cameras, q, g)
        by_vehicle = np.argsort(vehicles[1], kind="stable")
        count = max(int(codes.max(initial=UNKNOWN)) for codes in vehicles) + 1
        starts = np.searchsorted(vehicles[1][by_vehicle], np.arange(count + 1))
        own = _self_rows(self_index, q, g)
        return cls(*vehicles, *cameras, own, by_vehicle, starts, *_listed(ignored, q, g))

    @property
    def size(self) -> tuple[int, int]:
        """Number of queries and of gallery rows."""
        return len(self.query_vehicles), len(self.gallery_vehicles)

    def queries(self, rows: slice) -> Self:
        """The labels of a block of queries, over the same gallery."""
        return self._replace(
            query_vehicles=self.query_vehicles[rows],
            query_cameras=self.query_cameras[rows],
            self_index=self.self_index[rows],
            listed_from=self.listed_from[rows],
            listed_to=self.listed_to[rows],
        )


# numba's cache of the modules that call this does not see this file: after a change here, delete
# the *.nbi files of their __pycache__.
@njit(cache=True)
def mates_of(labels: PairLabels, query: int) -> tuple[Codes, NDArray[np.bool_]]:
    """The gallery rows that match a query or are ignored for it.

    Returns:
        Rows of the query's vehicle, the query's own picture and rows listed as ignored, ascending,
        and for each whether it matches (otherwise it is ignored).
    """
    # read each column once: every access changes a reference count, which threads contend for
    vehicle, camera = labels.query_vehicles[query], labels.query_cameras[query]
    gallery_cameras, own = labels.gallery_cameras, labels.self_index[query]
    same_vehicle = labels.by_vehicle[:0]
    if vehicle != UNKNOWN:
        same_vehicle = labels.by_vehicle[labels.starts[vehicle] : labels.starts[vehicle + 1]]
    mates = same_vehicle
    if own >= 0:
        place = np.searchsorted(same_vehicle, own)
        if place == len(same_vehicle) or same_vehicle[place] != own:
            mates = np.concatenate((same_vehicle[:place], np.array([own]), same_vehicle[place:]))
    listed = labels.listed[labels.listed_from[query] : labels.listed_to[query]]
    if len(listed):
        mates = np.unique(np.concatenate((mates, listed)))
    matches = np.empty(len(mates), np.bool_)
    for index in range(len(mates)):
        same_camera = camera != UNKNOWN and camera == gallery_cameras[mates[index]]
        matches[index] = not same_camera and mates[index] != own
    for row in listed:
        matches[np.searchsorted(mates, row)] = False
    return mates, matches


def split_mates(labels: PairLabels, query: int) -> tuple[Codes, Codes]:
    """The gallery rows that match a query, and those that are ignored, each ascending."""
    mates, matches = mates_of(labels, query)
    return mates[matches], mates[~matches]


def check_block(
    name: str, block: NDArray[Any], labels: PairLabels, rows: slice
) -> tuple[int, PairLabels]:
    """Check that a block of a (q, g) matrix fits its labels.

    Args:
        name: what the values are, for the message.
        block: (len(rows), g) float32 or float64.
        labels: of the whole matrix.
        rows: the queries that the block holds, a slice without a step.

    Returns:
        The number of the first query of the block, and the labels of the block.

    Raises:
        DataError: the block has another shape or type.
    """
    first, stop, step = rows.indices(labels.size[0])
    expected = (max(stop - first, 0), labels.size[1])
    if step != 1:
        raise DataError(f"queries {rows} have a step of {step}; expected consecutive queries")
    if block.shape != expected:
        raise DataError(f"{name} has shape {block.shape}, expected {expected} to fit the ids")
    if block.dtype not in (np.float32, np.float64):
        raise DataError(f"{name} is {block.dtype}, expected float32 or float64")
    return first, labels.queries(rows)


def read_only(block: NDArray[Any]) -> NDArray[Any]:
    """A read-only C-contiguous view (a copy if strided), so that numba compiles one version."""
    view = np.ascontiguousarray(block).view()
    view.flags.writeable = False
    return view


def _encode(noun: str, query: Ids, gallery: Ids) -> tuple[Codes, Codes]:
    """Dense codes that are equal where the ids are; the empty text becomes `UNKNOWN`."""
    sides = [_exact(f"query {noun}", query), _exact(f"gallery {noun}", gallery)]
    if len({_is_text(ids) for ids in sides if len(ids)}) > 1:
        kinds = ["text" if _is_text(ids) else "integers" for ids in sides]
        raise DataError(
            f"query {noun} are {kinds[0]} but gallery {noun} are {kinds[1]}; "
            "expected one kind, since '0012' is not 12"
        )
    filled = [ids for ids in sides if len(ids)]
    if not filled:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    values, codes = np.unique(_join(filled), return_inverse=True)
    if _is_text(values) and values[0] == "":
        codes = codes - 1  # the empty text sorts first
    query_codes, gallery_codes = np.split(codes.astype(np.int64), [len(sides[0])])
    return query_codes, gallery_codes


def _encode_cameras(query: Ids | None, gallery: Ids | None, q: int, g: int) -> tuple[Codes, Codes]:
    if query is None and gallery is None:
        return np.full(q, UNKNOWN), np.full(g, UNKNOWN)
    if query is None or gallery is None:
        known, missing = ("gallery", "query") if query is None else ("query", "gallery")
        raise DataError(f"{known} cameras without {missing} cameras: give both, or neither")
    codes = _encode("cameras", query, gallery)
    for side, found, expected in (("query", codes[0], q), ("gallery", codes[1], g)):
        if len(found) != expected:
            raise DataError(
                f"{many(len(found), f'{side} camera')} for {many(expected, f'{side} vehicle')}"
            )
    return codes


def _join(sides: list[NDArray[Any]]) -> NDArray[Any]:
    if not _is_text(sides[0]) and np.result_type(*sides).kind == "f":
        # numpy's common type of int64 and uint64 is float64, which merges ids beyond 2**53
        sides = [ids.astype(object) for ids in sides]
    return np.concatenate(sides)


def _exact(name: str, ids: Ids) -> NDArray[Any]:
    """Ids as a 1-D array of integers or text, never converted to float."""
    # a list goes through objects: numpy reads [2**63, -1] as float64 and [1, "a"] as text
    column = ids if isinstance(ids, np.ndarray) else np.array(ids, dtype=object)
    if column.ndim != 1:
        raise DataError(f"{name} have shape {column.shape}, expected one id per row")
    if column.dtype.kind == "T":  # numpy's text of variable width
        column = column.astype(object)
    if column.dtype.kind in "iuU" or not len(column):
        return column
    if column.dtype != object:
        raise DataError(f"{name} are {column.dtype}, expected integers or text")
    if all(isinstance(value, str) for value in column):
        return column  # not as fixed-width text, which would widen every id to the longest
    if all(isinstance(value, int | np.integer) and value is not True for value in column):
        return column
    kinds = sorted({type(value).__name__ for value in column})
    raise DataError(f"{name} hold {' and '.join(kinds)}, expected integers or text")


def _is_text(ids: NDArray[Any]) -> bool:
    return len(ids) > 0 and isinstance(ids[0], str)


def _self_rows(self_index: NDArray[np.integer[Any]] | None, q: int, g: int) -> Codes:
    if self_index is None:
        return np.full(q, -1)
    rows = np.asarray(self_index)
    if rows.shape != (q,) or rows.dtype.kind not in "iu":
        raise DataError(f"self_index is {rows.dtype} {rows.shape}, expected integers ({q},)")
    if q and not -1 <= int(rows.min()) <= int(rows.max()) < g:
        raise DataError(
            f"self_index runs from {rows.min()} to {rows.max()}, expected -1 to {g - 1}"
        )
    return rows.astype(np.int64)


def _listed(ignored: IgnoredPairs | None, q: int, g: int) -> tuple[Codes, Codes, Codes]:
    if ignored is None:
        ignored = IgnoredPairs.of(())
    for name, values, size in (("query", ignored.query, q), ("row", ignored.row, g)):
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) < size:
            raise DataError(
                f"ignored pairs: {name} runs from {values.min()} to {values.max()}, "
                f"expected 0 to {size - 1}"
            )
    order = np.argsort(ignored.query, kind="stable")
    ends = np.searchsorted(ignored.query[order], np.arange(q + 1))
    return ignored.row[order], ends[:-1], ends[1:]
