"""The four values that everything passes around: frozen, columnar, numpy only.

`Sightings` (a table of pictures), `Embeddings` (named spaces over sightings), `Ranking` (the
nearest gallery rows of each query) and `Hit` (one search result, to be shown).

Labels are text and *unknown* is the empty string; times are UTC and unknown is NaT. Identifiers
are never numbers: "0012" is not "12", and no id is ever rounded by a float.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError

Text = NDArray[np.object_]
"""Each cell is a ``str`` of its own length. Fixed-width text would widen every row to the longest
cell of its column, and numpy's own type of variable width (2.4) crashes when columns are joined and
sorted."""

Times = NDArray[np.datetime64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Contents = NDArray[np.uint8]

CONTENT_BYTES = 16
"""How much of the SHA-256 of a file tells it from all others."""

_BLOCK = 16_384  # rows
_TOLERANCE = 2e-3  # of the squared length

LABELS = (
    "vehicle",
    "camera",
    "track",
    "make",
    "model",
    "model_year",
    "type",
    "color",
    "view",
    "split",
    "source",
)
"""The label columns of a table, all text, all optional."""

COLUMNS = ("image", *LABELS, "time", "frame", "box")
"""Every column of a table, in the order of its attributes' description."""

_LATER = ("model_year", "frame", "box")
"""Columns that version 0.1 did not have; they count in a fingerprint only where any is known."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """A table of pictures, one row a picture, every column of the same length.

    Attributes:
        root: folder that relative image paths start from.
        image: (n,) text, path of each picture or video, relative to ``root`` or absolute.
        vehicle: (n,) text, identity; ``""`` is unknown, here and in every label column.
        camera: (n,) text, the camera that took the picture.
        track: (n,) text, one pass of one vehicle through the view of one camera.
        make: (n,) text, who makes the model.
        model: (n,) text, make and model.
        model_year: (n,) text, the year of the model, where one model is known in several years.
        type: (n,) text, body type (sedan, bus, motorcycle ...).
        color: (n,) text, paint color.
        view: (n,) text, side of the vehicle that the picture shows (front, rear, side).
        split: (n,) text, train, query or gallery.
        source: (n,) text, the data set that the picture comes from.
        time: (n,) datetime64[ms], UTC; NaT is unknown.
        frame: (n,) int64, number of the frame, from 0, in the video file that ``image`` names; -1
            where ``image`` is a picture. All -1 if not given.
        box: (n, 4) float32, left, top, right, bottom of the vehicle in pixels of the picture or
            frame as it is displayed; NaN where the whole picture is the sighting. All NaN if not
            given.
    """

    root: Path
    image: Text
    vehicle: Text
    camera: Text
    track: Text
    make: Text
    model: Text
    model_year: Text
    type: Text
    color: Text
    view: Text
    split: Text
    source: Text
    time: Times
    frame: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    box: Floats = field(default_factory=lambda: np.empty((0, 4), np.float32))

    def __post_init__(self) -> None:
        for name in ("image", *LABELS):
            object.__setattr__(self, name, text_column(getattr(self, name), name))
        n = len(self.image)
        for name, unknown in (("frame", unknown_frames(n)), ("box", unknown_boxes(n))):
            if not len(getattr(self, name)):  # not given
                object.__setattr__(self, name, unknown)
        for name in COLUMNS:
            column = getattr(self, name)
            shape = (n, 4) if name == "box" else (n,)
            if column.shape != shape:
                raise DataError(f"column {name!r} has shape {column.shape}, expected {shape}")
            column.flags.writeable = False
        self._check_frames()
        self._check_boxes()

    def _check_frames(self) -> None:
        if self.frame.dtype != np.int64 or (self.frame < -1).any():
            raise DataError(
                f"column 'frame' is {self.frame.dtype} from {self.frame.min(initial=0)}, expected "
                "int64 frame numbers from 0, or -1 where there is none"
            )

    def _check_boxes(self) -> None:
        if self.box.dtype != np.float32:
            raise DataError(f"column 'box' is {self.box.dtype}, expected float32")
        left, top, right, bottom = self.box.T
        fine = np.isfinite(self.box).all(axis=1) & (left < right) & (top < bottom)
        wrong = ~(fine | np.isnan(self.box).all(axis=1))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"box {self.box[row].tolist()} of row {row}: expected left, top, right, bottom in "
                "pixels with left < right and top < bottom, or four NaN"
            )

    @classmethod
    def from_columns(cls, root: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Self:
        """Build a table from some columns; the others are unknown.

        Args:
            root: folder that relative image paths start from.
            columns: ``image`` and any other of `COLUMNS`, all of one length.

        Raises:
            DataError: ``image`` is missing, a name is not a column, the lengths differ, or a cell
                is no text.
        """
        strange = sorted(set(columns) - set(COLUMNS))
        if strange or "image" not in columns:
            raise DataError(f"columns {sorted(columns)}: expected image and any of {COLUMNS[1:]}")
        n = len(columns["image"])
        text = {
            name: text_column(columns[name], name) if name in columns else unknown_text(n)
            for name in ("image", *LABELS)
        }
        time = (
            np.array(columns["time"], "datetime64[ms]") if "time" in columns else unknown_times(n)
        )
        frame = np.array(columns.get("frame", ()), dtype=np.int64)
        box = np.array(columns.get("box", ()), dtype=np.float32)
        return cls(root=root, time=time, frame=frame, box=box, **text)

    def __len__(self) -> int:
        return len(self.image)

    def __repr__(self) -> str:
        counts = {"image": len(self)}
        for name in ("vehicle", "camera", "track"):
            if self.knows(name):
                counts[name] = len(known_values(getattr(self, name)))
        parts = [f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items()]
        return f"<Sightings: {', '.join(parts)}>"

    def knows(self, column: str) -> bool:
        """Whether any row has a known value in ``column``."""
        values = getattr(self, column)
        if column == "time":
            return bool((~np.isnat(values)).any())
        if column == "frame":
            return bool((values >= 0).any())
        if column == "box":
            return bool((~np.isnan(values)).any())
        return bool((values != "").any())

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The rows at these positions, or where this (n,) mask is true, in that order."""
        n = len(self.image[rows])
        columns = {name: _taken(getattr(self, name), rows, n) for name in COLUMNS}
        return type(self)(root=self.root, **columns)

    def path(self, row: int) -> Path:
        """The file of ``row``: a picture, or the video that its frame is in."""
        return self.root / str(self.image[row])

    def labels(self, row: int) -> dict[str, str]:
        """What is known of a row, as text by column name."""
        values = {name: str(getattr(self, name)[row]) for name in LABELS}
        values["time"] = utc_text(self.time[row])
        return {name: value for name, value in values.items() if value}

    def box_of(self, row: int) -> tuple[float, float, float, float] | None:
        """The box of a row; None where the whole picture is the sighting."""
        left, top, right, bottom = self.box[row].tolist()
        return None if math.isnan(left) else (left, top, right, bottom)

    def fingerprint(self) -> str:
        """A short hash of every column (not of the pictures): equal tables have equal hashes.

        Years, frames and boxes count only where any is known, so that tables of pictures keep the
        hash that they had before there were such columns.
        """
        digest = hashlib.sha256()
        for name in COLUMNS:
            if name in _LATER and not self.knows(name):
                continue
            digest.update(name.encode() if name in _LATER else b"")
            column = getattr(self, name)
            for start in range(0, len(column), _BLOCK):  # all at once would take much memory
                block = column[start : start + _BLOCK]
                texts = block.tolist() if block.dtype == object else block.astype(np.str_).flat
                digest.update(b"\x1f" if start else b"")
                digest.update("\x1f".join(texts).encode("utf-8", "surrogateescape"))
            digest.update(b"\x1e")
        return digest.hexdigest()[:12]


def check_some(sightings: Sightings, purpose: str) -> None:
    """Refuse a table without rows.

    Args:
        sightings: the table.
        purpose: what its pictures are for, in a message, such as ``to embed``.

    Raises:
        DataError: it has none.
    """
    if not len(sightings):
        raise DataError(
            f"the table of {sightings.root} has no rows, expected at least one picture {purpose}: "
            "give a table with pictures"
        )


def text_column(values: Iterable[Any], name: str = "text") -> Text:
    """An (n,) column of text; equal labels in it are one object.

    Args:
        values: (n,) texts, as a sequence or an array of any kind of text; whole numbers are written
            out, and None is unknown.
        name: of the column, for messages.

    Raises:
        DataError: a value is something else, such as a float, in which long ids lose digits.
    """
    if isinstance(values, str) or (isinstance(values, np.ndarray) and values.ndim != 1):
        raise DataError(
            f"column {name!r} is a single text or has several dimensions, expected "
            "one text for each row"
        )
    if isinstance(values, np.ndarray) and values.dtype == object and _holds_text(values):
        return values
    cells = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if not set(map(type, cells)) <= {str}:
        cells = [_text(cell, name) for cell in cells]
    known: dict[str, str] = {}
    column = np.empty(len(cells), object)
    column[:] = [known.setdefault(cell, cell) for cell in cells]
    return column


def _holds_text(column: NDArray[Any]) -> bool:
    distinct = column[:1] if column.strides == (0,) else column
    return set(map(type, distinct.tolist())) <= {str}


def _text(cell: object, name: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str | int | np.integer) and not isinstance(cell, bool):
        return str(cell)
    raise DataError(
        f"column {name!r} holds {cell!r} ({type(cell).__name__}), expected text: write ids and "
        "labels as text, and the empty text where they are unknown"
    )


def _taken(column: NDArray[Any], rows: NDArray[Any], n: int) -> NDArray[Any]:
    """The ``n`` values at these rows; a column of one value stays one value in memory."""
    if column.strides[0] == 0:
        return np.broadcast_to(column[:1], (n, *column.shape[1:]))
    taken: NDArray[Any] = column[rows]
    return taken


def unknown_text(n: int) -> Text:
    """An (n,) label column in which nothing is known; it takes no memory."""
    return same_text("", n)


def same_text(value: str, n: int) -> Text:
    """An (n,) column of one value; it takes no memory."""
    return np.broadcast_to(np.array(str(value), object), n)


def unknown_times(n: int) -> Times:
    """An (n,) column ``time`` in which nothing is known; it takes no memory."""
    return np.broadcast_to(np.datetime64("NaT", "ms"), n)


def unknown_frames(n: int) -> Indices:
    """An (n,) column ``frame`` in which nothing is known; it takes no memory."""
    return np.broadcast_to(np.int64(-1), n)


def unknown_boxes(n: int) -> Floats:
    """An (n, 4) column ``box`` in which nothing is known; it takes no memory."""
    return np.broadcast_to(np.float32("nan"), (n, 4))


def known_values(column: Text) -> Text:
    """The distinct known values of a label column, sorted."""
    return text_column(sorted(set(column.tolist()) - {""}))


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Named embedding spaces over the same sightings.

    Attributes:
        spaces: name -> (n, d) float32, L2-normalised; most methods have one space, ``main``.
        sightings: the n pictures that the rows describe.
        model: fingerprint of the model that made them; only equal fingerprints may be compared.
        content: (n, 16) uint8, what `platefree.data.content.picture_contents` says of the
            pictures' files when they were embedded; None if they were not looked at.

    Raises:
        DataError: a space is not float32 (n, d), or has a row that is not finite or not of
            length 1.
    """

    spaces: Mapping[str, Floats]
    sightings: Sightings
    model: str
    content: Contents | None = None

    def __post_init__(self) -> None:
        if not self.spaces:
            raise DataError("embeddings without any space; expected at least one")
        for name, rows in self.spaces.items():
            if rows.ndim != 2 or len(rows) != len(self.sightings) or rows.dtype != np.float32:
                raise DataError(
                    f"space {name!r} is {rows.dtype} {rows.shape}, "
                    f"expected float32 ({len(self.sightings)}, d)"
                )
            check_unit_rows(rows, f"space {name!r}")
        if self.content is not None and self.content.shape != (len(self.sightings), CONTENT_BYTES):
            raise DataError(
                f"content has shape {self.content.shape}, expected "
                f"({len(self.sightings)}, {CONTENT_BYTES})"
            )

    def __len__(self) -> int:
        return len(self.sightings)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The rows at these positions, or where this (n,) mask is true, in that order."""
        spaces = {name: space[rows] for name, space in self.spaces.items()}
        return self.part(spaces, self.sightings.take(rows), rows)

    def part(
        self,
        spaces: Mapping[str, Floats],
        sightings: Sightings,
        rows: slice | NDArray[np.int64] | NDArray[np.bool_] = slice(None),
    ) -> Self:
        """Some of these rows or spaces; they were checked with the whole, and are not read again.

        Args:
            spaces: name -> (m, d) float32, taken from the spaces of these embeddings.
            sightings: the m sightings that they describe.
            rows: which of the n rows they are.
        """
        part = object.__new__(type(self))
        content = None if self.content is None else self.content[rows]
        values = {"spaces": spaces, "sightings": sightings, "model": self.model, "content": content}
        for name, value in values.items():
            object.__setattr__(part, name, value)
        return part


def check_unit_rows(rows: Floats, what: str) -> None:
    """Refuse rows that are no embeddings, as `wrong_row` finds them.

    Without this, a distance would be clipped, and pictures be ranked by their place.

    Raises:
        DataError: one is not; the message begins with ``what``.
    """
    if (wrong := wrong_row(rows)) is not None:
        row, found = wrong
        raise DataError(
            f"{what}: row {row} of {len(rows)} {found}, expected finite rows of length 1: divide "
            "each row by its length"
        )


def wrong_row(rows: Floats) -> tuple[int, str] | None:
    """The first of (n, d) rows that is not finite or not of length 1, to a thousandth.

    They are read once, in blocks, so that memory-mapped rows stay on disk.

    Returns:
        The row, and what is wrong with it; None if all are right.
    """
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        with np.errstate(all="ignore"):  # an overflow is found as infinity
            squared = np.vecdot(block, block)
        wrong = ~(np.abs(squared - 1) < _TOLERANCE)  # NaN is wrong too
        if wrong.any():
            row = int(wrong.argmax())
            if not np.isfinite(block[row]).all():
                return start + row, "holds NaN or infinity"
            length = np.linalg.norm(block[row].astype(np.float64))
            return start + row, f"has length {length:.6g}"
    return None


@dataclass(frozen=True, eq=False)
class Ranking:
    """Gallery rows of each query and their distances: a search gives them nearest first.

    Equal distances stand by gallery index. Steps (`platefree.ranking.steps`) take and give entries
    at any place; `in_order` sorts them.

    Attributes:
        indices: (q, k) int64, rows of the gallery; -1 where fewer than k rows qualify.
        distances: (q, k) float32, lower is closer; inf where the index is -1.
    """

    indices: Indices
    distances: Floats

    def __post_init__(self) -> None:
        if self.indices.ndim != 2 or self.indices.shape != self.distances.shape:
            raise DataError(
                f"indices {self.indices.shape} and distances {self.distances.shape}: "
                "expected two arrays of shape (q, k)"
            )

    def __len__(self) -> int:
        return len(self.indices)

    @classmethod
    def of_gallery(cls, distances: Floats) -> Self:
        """Every gallery row as an entry, in the order of the gallery.

        Args:
            distances: (q, g) float32.
        """
        return cls(np.broadcast_to(np.arange(distances.shape[1]), distances.shape), distances)

    def in_order(self) -> Self:
        """The entries nearest first, equal distances by gallery index, removed ones last."""
        removed = (self.indices < 0) | np.isinf(self.distances)
        indices = np.where(removed, -1, self.indices)
        distances = np.where(removed, np.inf, self.distances).astype(np.float32)
        order = np.lexsort((indices, distances, removed), axis=1)
        return type(self)(
            np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1)
        )


@dataclass(frozen=True)
class Hit:
    """One search result.

    Attributes:
        rank: 1 is the nearest.
        similarity: cosine similarity in [-1, 1], higher is closer; re-ranked hits keep theirs, so
            they need not be in its order.
        image: path of the picture.
        labels: what is known of it, by column name; unknown columns are left out.
        space: the embedding space of the comparison; empty if the model has only one.
        query: the query picture that it is nearest to; None if there is only one.
        number: of the sighting in its store, not compared; None in embeddings without a store.
        p_same: probability that it is the vehicle, see `platefree.ranking.calibration`; None where
            the model is not calibrated. Re-ranked hits keep that of their similarity.
        in_words: *very likely*, *possible* or *unlikely*; empty where ``p_same`` is None.
        frame: number of the frame, from 0, if ``image`` is a film; -1 if it is a picture.
        box: left, top, right and bottom of the vehicle in pixels; None where it is all of the
            picture.
        query_number: which of several query pictures ``query`` is, from 0; not compared.
    """

    rank: int
    similarity: float
    image: Path
    labels: Mapping[str, str] = field(default_factory=dict)
    space: str = ""
    query: Path | None = None
    number: int | None = field(default=None, compare=False)
    p_same: float | None = None
    in_words: str = ""
    frame: int = -1
    box: tuple[float, float, float, float] | None = None
    query_number: int | None = field(default=None, compare=False)


def utc_text(time: np.datetime64) -> str:
    """A time as ISO 8601 text in UTC, to the second; unknown is the empty string."""
    return "" if np.isnat(time) else f"{np.datetime_as_string(time, unit='s')}Z"
