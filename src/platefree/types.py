"""The four values that everything passes around: frozen, columnar, numpy only.

`Sightings` (a table of pictures), `Embeddings` (named spaces over sightings), `Ranking` (the
nearest gallery rows of each query) and `Hit` (one entry of an answer, for people).

Labels are text and *unknown* is the empty string; times are UTC and unknown is NaT. Identifiers
are never numbers: "0012" is not "12", and no id is ever rounded by a float.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError

Text = NDArray[np.str_]
Times = NDArray[np.datetime64]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

LABELS = (
    "vehicle",
    "camera",
    "track",
    "make",
    "model",
    "type",
    "color",
    "view",
    "split",
    "source",
)
"""The label columns of a table, all text, all optional."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """A table of pictures, one row a picture, every column of the same length.

    Attributes:
        root: folder that relative image paths start from.
        image: (n,) text, path of each picture, relative to ``root`` or absolute.
        vehicle: (n,) text, identity; ``""`` is unknown, here and in every label column.
        camera: (n,) text, the camera that took the picture.
        track: (n,) text, one pass of one vehicle before one camera.
        make: (n,) text, who makes the model.
        model: (n,) text, make and model.
        type: (n,) text, body type (sedan, bus, motorcycle ...).
        color: (n,) text, paint color.
        view: (n,) text, side of the vehicle that is seen (front, rear, side).
        split: (n,) text, train, query or gallery.
        source: (n,) text, the data set that a picture comes from.
        time: (n,) datetime64[ms], UTC; NaT is unknown.
    """

    root: Path
    image: Text
    vehicle: Text
    camera: Text
    track: Text
    make: Text
    model: Text
    type: Text
    color: Text
    view: Text
    split: Text
    source: Text
    time: Times

    def __post_init__(self) -> None:
        for name in ("image", *LABELS, "time"):
            column = getattr(self, name)
            if column.shape != (len(self.image),):
                raise DataError(
                    f"column {name!r} has shape {column.shape}, expected ({len(self.image)},)"
                )
            column.flags.writeable = False

    @classmethod
    def from_columns(cls, root: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Self:
        """Build a table from some columns; the others are unknown.

        Args:
            root: folder that relative image paths start from.
            columns: ``image`` and any of `LABELS` and ``time``, all of one length.

        Raises:
            DataError: ``image`` is missing, a name is not a column, or the lengths differ.
        """
        strange = sorted(set(columns) - {"image", "time", *LABELS})
        if strange or "image" not in columns:
            raise DataError(
                f"columns {sorted(columns)}: expected image and any of {(*LABELS, 'time')}"
            )
        n = len(columns["image"])
        text = {
            name: np.array(columns[name], dtype=np.str_) if name in columns else unknown_text(n)
            for name in ("image", *LABELS)
        }
        time = np.array(columns.get("time", [np.datetime64("NaT")] * n), dtype="datetime64[ms]")
        return cls(root=root, time=time, **text)

    def __len__(self) -> int:
        return len(self.image)

    def __repr__(self) -> str:
        parts = [f"{len(self)} images"]
        for name, noun in (("vehicle", "vehicles"), ("camera", "cameras"), ("track", "tracks")):
            if self.knows(name):
                parts.append(f"{len(known_values(getattr(self, name)))} {noun}")
        return f"<Sightings: {', '.join(parts)}>"

    def knows(self, column: str) -> bool:
        """Whether any row has a known value in ``column``."""
        values = getattr(self, column)
        return bool((~np.isnat(values)).any() if column == "time" else (values != "").any())

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The rows at these positions, or where this (n,) mask is true, in that order."""
        columns = {name: getattr(self, name)[rows] for name in ("image", *LABELS, "time")}
        return type(self)(root=self.root, **columns)

    def path(self, row: int) -> Path:
        """Where the picture of ``row`` lies."""
        return self.root / str(self.image[row])

    def labels(self, row: int) -> dict[str, str]:
        """What is known of a row, as text by column name."""
        values = {name: str(getattr(self, name)[row]) for name in LABELS}
        values["time"] = utc_text(self.time[row])
        return {name: value for name, value in values.items() if value}

    def fingerprint(self) -> str:
        """A short hash of every column (not of the pictures), to tell two tables apart."""
        digest = hashlib.sha256()
        for name in ("image", *LABELS, "time"):
            digest.update("\x1f".join(getattr(self, name).astype(np.str_)).encode())
            digest.update(b"\x1e")
        return digest.hexdigest()[:12]


def unknown_text(n: int) -> Text:
    """An (n,) label column in which nothing is known."""
    return np.zeros(n, dtype="<U1")


def known_values(column: Text) -> Text:
    """The distinct known values of a label column, sorted."""
    values: Text = np.unique(column)
    known: Text = values[values != ""]
    return known


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Named embedding spaces over the same sightings.

    Attributes:
        spaces: name -> (n, d) float32, unit rows; most methods have one space, ``main``.
        sightings: the n pictures that the rows describe.
        model: fingerprint of the model that made them; only equal fingerprints may be compared.
    """

    spaces: Mapping[str, Floats]
    sightings: Sightings
    model: str

    def __post_init__(self) -> None:
        if not self.spaces:
            raise DataError("embeddings without any space; expected at least one")
        for name, rows in self.spaces.items():
            if rows.ndim != 2 or len(rows) != len(self.sightings) or rows.dtype != np.float32:
                raise DataError(
                    f"space {name!r} is {rows.dtype} {rows.shape}, "
                    f"expected float32 ({len(self.sightings)}, d)"
                )

    def __len__(self) -> int:
        return len(self.sightings)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The rows at these positions, or where this (n,) mask is true, in that order."""
        spaces = {name: space[rows] for name, space in self.spaces.items()}
        return type(self)(spaces, self.sightings.take(rows), self.model)


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
    """One entry of an answer.

    Attributes:
        rank: 1 is the nearest.
        similarity: cosine similarity in [-1, 1], higher is closer; re-ranked hits keep theirs, so
            they need not stand in its order.
        image: path of the picture.
        labels: what the gallery knows of it, unknown columns left out.
        space: the embedding space that compared it with the query; empty if the model has one.
    """

    rank: int
    similarity: float
    image: Path
    labels: Mapping[str, str] = field(default_factory=dict)
    space: str = ""


def utc_text(time: np.datetime64) -> str:
    """A time as ISO 8601 text in UTC, to the second; unknown is the empty string."""
    return "" if np.isnat(time) else f"{np.datetime_as_string(time, unit='s')}Z"
