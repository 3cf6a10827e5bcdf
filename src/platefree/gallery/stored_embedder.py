"""A folder of embeddings in place of the model that made them: searches without a network."""

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from platefree.data.content import known_contents, picture_contents
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import DataError, ImageError
from platefree.gallery.embeddings_card import AGAIN
from platefree.gallery.stored import read_stored
from platefree.inference.calibrated import calibration_at
from platefree.inference.embedder import Unreadable
from platefree.ranking.calibration import Calibration
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.ranking.described import read_comparison
from platefree.recipes.post import Post
from platefree.types import Contents, Embeddings, Indices, Sightings, Text
from platefree.work import DEFAULT_WORK, Work

_ABSENT, _CHANGED = -1, -2
_BLOCK = 65_536  # names at a time, since a million Python texts take much memory


class StoredEmbeddings:
    """A folder of embeddings as an `Embedder` of the pictures it holds, without the network.

    Args:
        embeddings: the content of the folder.
        comparison: how their spaces combine.
        name: what reports call it; the folder, if it was loaded from one.

    Attributes:
        calibration: of the model, if the model is still where it was.
    """

    learns = "vehicle"
    post = Post()

    def __init__(self, embeddings: Embeddings, comparison: Comparison, name: str) -> None:
        self.embeddings, self.comparison, self.name = embeddings, comparison, name
        self.fingerprint = embeddings.model
        self.claims: Mapping[str, float] = {}
        self.metadata: Mapping[str, Text] = {}
        self.calibration: Calibration | None = None

    def knows(self, sightings: Sightings) -> bool:
        """Whether the embeddings of all rows of a table are stored."""
        return bool((self._rows_of(sightings) >= 0).all())

    def class_names(self, column: str) -> tuple[str, ...]:
        """Refused: it predicts nothing."""
        raise DataError(
            f"{self.name} holds stored embeddings, which predict no {column}; give the model"
        )

    def describe(self) -> dict[str, str]:
        """What it is, for a report."""
        return {"name": self.name, "method": "stored embeddings", "fingerprint": self.fingerprint}

    def describe_use(self) -> dict[str, str]:
        """How pictures were embedded, for a report."""
        return {"input": "embedded before"}

    def embed(
        self,
        sightings: Sightings,
        *,
        boxes: BoxFractions | None = None,
        unreadable: Unreadable = "refuse",
        work: Work = DEFAULT_WORK,
    ) -> tuple[Embeddings, list[str]]:
        """The stored embeddings of these pictures, with the labels of the table.

        A picture is known by what its file holds, wherever it lies, and by its frame and box. By
        its path it is known where its file cannot be read, or an older version stored it.

        Raises:
            DataError: boxes are given.
            ImageError: a picture is not stored, or its file has changed since (with ``refuse``),
                or this is so of every picture.
        """
        if boxes is not None:
            raise DataError(f"{self.name} holds stored embeddings of whole pictures, not of boxes")
        rows = self._rows_of(sightings)
        missing = [
            self._why_not(sightings.path(row), int(rows[row]))
            for row in np.flatnonzero(rows < 0).tolist()
        ]
        if missing and (unreadable == "refuse" or len(missing) == len(sightings)):
            raise ImageError(missing[0])
        work.progress(len(sightings))
        known = rows >= 0
        spaces = {name: space[rows[known]] for name, space in self.embeddings.spaces.items()}
        kept = sightings if known.all() else sightings.take(known)
        return self.embeddings.part(spaces, kept, rows[known]), missing

    def _why_not(self, path: Path, row: int) -> str:
        if row == _CHANGED:
            return (
                f"{path} has changed since it was embedded for {self.name}; {AGAIN}, or give the "
                "model (--model)"
            )
        return (
            f"{path} is not among the {len(self.embeddings)} pictures of {self.name}; embed it too "
            "('platefree embed'), or give the model (--model)"
        )

    def _rows_of(self, sightings: Sightings) -> Indices:
        """(n,) the stored row of each row of a table, negative where none is its picture."""
        rows = np.full(len(sightings), _ABSENT)
        stored, readable = self.embeddings.content, np.zeros(len(sightings), np.bool_)
        if stored is not None:
            contents = picture_contents(sightings)
            readable = known_contents(contents)
            for row in np.flatnonzero(readable).tolist():
                rows[row] = self._row_by_content(sightings, row, contents, stored)
        rest = np.flatnonzero(rows < 0)
        for row, place in zip(rest.tolist(), self._rows_by_path(sightings.take(rest)), strict=True):
            changed = place >= 0 and readable[row] and stored is not None and stored[place].any()
            rows[row] = _CHANGED if changed else place
        return rows

    def _rows_by_path(self, sightings: Sightings) -> Indices:
        names = set(map(os.path.basename, sightings.image.tolist()))
        images = self.embeddings.sightings.image
        rows = [
            row
            for start in range(0, len(images) if names else 0, _BLOCK)
            for row, image in enumerate(images[start : start + _BLOCK].tolist(), start)
            if os.path.basename(image) in names
        ]
        suspects = self.embeddings.sightings.take(np.array(rows, np.int64))
        row_of = dict(zip(_identities(suspects), rows, strict=True))
        return np.array([row_of.get(each, _ABSENT) for each in _identities(sightings)], np.int64)

    @cached_property
    def _by_content(self) -> tuple[Indices, "np.ndarray[tuple[int], np.dtype[np.uint64]]"]:
        """The stored rows in the order of the first half of their contents, and these halves."""
        assert self.embeddings.content is not None  # noqa: S101
        halves = np.ascontiguousarray(self.embeddings.content[:, :8]).view("<u8")[:, 0]
        order = np.argsort(halves, kind="stable")
        return order, halves[order]

    def _row_by_content(
        self, sightings: Sightings, row: int, contents: Contents, stored: Contents
    ) -> int:
        """The first stored row of the same content, frame and box as a row of a table."""
        order, halves = self._by_content
        half = np.ascontiguousarray(contents[row, :8]).view("<u8")[0]
        here = slice(*(np.searchsorted(halves, half, side) for side in ("left", "right")))
        table = self.embeddings.sightings
        for place in order[here].tolist():
            same_box = np.array_equal(table.box[place], sightings.box[row], equal_nan=True)
            same_frame = table.frame[place] == sightings.frame[row]
            if same_box and same_frame and (stored[place] == contents[row]).all():
                return int(place)
        return _ABSENT


def load_stored(folder: str | Path, *, root: str | Path | None = None) -> StoredEmbeddings:
    """Open a folder of embeddings in place of their model, to search and score without a network.

    Args:
        folder: from `save_embeddings`.
        root: see `platefree.gallery.stored.load_embeddings`.

    Raises:
        DataError: the folder is missing, damaged or no embeddings folder, or of an older version
            of platefree, which did not store how several spaces combine.
    """
    card, embeddings = read_stored(folder, root=root)
    if card.comparison is not None:
        comparison = read_comparison(card.comparison)
    elif len(card.spaces) == 1:
        comparison = ONLY_SPACE
    else:
        raise DataError(
            f"{folder} does not say how its spaces {', '.join(card.spaces)} combine, as "
            f"embeddings of an older platefree do not: give the model (--model), or {AGAIN}"
        )
    opened = StoredEmbeddings(embeddings, comparison, str(folder))
    opened.calibration = calibration_at(card.model_path, card.model)
    return opened


def _identities(table: Sightings) -> Iterator[tuple[str, int, tuple[float, ...]]]:
    """What tells rows apart by name: absolute path, frame and box."""
    boxes = np.nan_to_num(table.box, nan=-np.inf).tolist()  # NaN is not equal to itself
    for row, (frame, box) in enumerate(zip(table.frame.tolist(), boxes, strict=True)):
        yield os.path.normpath(table.path(row).absolute()), frame, tuple(box)
