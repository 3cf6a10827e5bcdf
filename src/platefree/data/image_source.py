"""Where the picture of a row comes from: a file or a frame of a film, cut to its box, or memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from platefree.data.image import (
    ImageHeader,
    PictureStart,
    read_displayed_part,
    read_header,
    read_image,
    read_start,
    reduced,
)
from platefree.data.relocate import lies_elsewhere
from platefree.errors import ImageError
from platefree.types import Sightings


class ImageSource(Protocol):
    """Gives the pictures of the rows of a table."""

    def read(self, row: int, size: tuple[int, int] | None = None) -> Image.Image:
        """The picture of a row: upright, mode RGB.

        Args:
            row: of the table.
            size: (width, height) in pixels that are needed. The picture may then be decoded
                smaller than it is stored, but never below this size.

        Raises:
            ImageError: the picture cannot be read.
        """
        ...


@dataclass(frozen=True, eq=False)
class InMemory(Sightings):
    """A table of pictures that are in memory, and in no file.

    Attributes:
        pictures: n of them, mode RGB.
    """

    pictures: tuple[Image.Image, ...] = ()

    @classmethod
    def of(cls, pictures: Sequence[Image.Image], **columns: Sequence[Any]) -> Self:
        """A table of pictures, with columns of as many values."""
        names = [f"{number} in memory" for number in range(len(pictures))]
        table = Sightings.from_columns(Path(), {"image": names, **columns})
        given = {each.name: getattr(table, each.name) for each in fields(table)}
        return cls(**given, pictures=tuple(pictures))

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The rows at these positions, or where this (n,) mask is true, with their pictures."""
        taken = np.arange(len(self))[rows].tolist()
        return replace(super().take(rows), pictures=tuple(self.pictures[row] for row in taken))


@dataclass(frozen=True)
class TableImages:
    """The pictures of a table: files, frames of films, boxes in them, or what is in memory.

    Attributes:
        table: the rows.
    """

    table: Sightings

    def read(self, row: int, size: tuple[int, int] | None = None) -> Image.Image:
        """The picture of a row, cut to its box; see `ImageSource.read`.

        Raises:
            ImageError: the file cannot be read, or the box lies outside of the picture.
        """
        if isinstance(self.table, InMemory):
            return reduced(self.table.pictures[row], size)
        if self.table.frame[row] >= 0:
            return self._of_film(row)
        path = self.table.path(row)
        with self._moved():
            if np.isnan(self.table.box[row, 0]):
                return read_image(path, at_least=size)
            header = read_header(path)
            return read_displayed_part(path, self._box(row, header.width, header.height))

    def header(self, row: int) -> ImageHeader:
        """What `read` will give of a row, without decoding it unless it is a frame of a film.

        Raises:
            ImageError: as `read`, as far as the header shows it.
        """
        return self.start(row).header

    def start(self, row: int) -> PictureStart:
        """The same, and what the first bytes tell of the file.

        Raises:
            ImageError: as `header`.
        """
        is_loose = isinstance(self.table, InMemory)
        if is_loose or self.table.frame[row] >= 0:
            width, height = self.read(row).size
            kind = "memory" if is_loose else "film"
            return PictureStart(ImageHeader(width, height, kind, "RGB"), 0, 0)
        with self._moved():
            found = read_start(self.table.path(row))
        if np.isnan(self.table.box[row, 0]):
            return found
        left, top, right, bottom = self._box(row, found.header.width, found.header.height)
        return replace(found, header=replace(found.header, width=right - left, height=bottom - top))

    @contextmanager
    def _moved(self) -> Iterator[None]:
        """Say what to do where not only this picture is missing."""
        try:
            yield
        except ImageError as error:
            missing = isinstance(error.__cause__, FileNotFoundError)
            if not missing or len(self.table) == 1 or not lies_elsewhere(self.table):
                raise
            raise ImageError(
                f"{error}; other pictures of the table are missing too: if they lie in another "
                "folder now, 'platefree data relocate TABLE --root FOLDER --out NEW' finds them"
            ) from error.__cause__

    def _of_film(self, row: int) -> Image.Image:
        from platefree.data.film_frames import frame_of_film  # few tables need FFmpeg

        def others() -> set[int]:
            return set(self.table.frame[self.table.image == self.table.image[row]].tolist())

        with self._moved():
            frame = frame_of_film(self.table.path(row), int(self.table.frame[row]), others)
        if not np.isnan(self.table.box[row, 0]):
            left, top, right, bottom = self._box(row, frame.shape[1], frame.shape[0])
            frame = frame[top:bottom, left:right]
        return Image.fromarray(np.ascontiguousarray(frame))

    def _box(self, row: int, width: int, height: int) -> tuple[int, int, int, int]:
        """The whole pixels that the box touches, within the picture."""
        box = self.table.box[row].astype(np.float64)
        left, top = np.floor(box[:2]).clip(0).astype(int).tolist()
        right, bottom = np.ceil(box[2:]).clip(0, [width, height]).astype(int).tolist()
        if not (left < right and top < bottom):
            edges = ", ".join(f"{edge:g}" for edge in box)
            of_row = f" of row {row + 1}" if len(self.table) > 1 else ""
            raise ImageError(
                f"{self.table.path(row)} is {width} x {height} pixels, but the box{of_row} is "
                f"{edges}: expected left, top, right, bottom within the picture"
            )
        return left, top, right, bottom


def one_picture(
    image: str | Path, frame: int = -1, box: tuple[float, float, float, float] | None = None
) -> Sightings:
    """A table of one row.

    Args:
        image: path of the picture or film.
        frame: number of the frame of a film; -1 of a picture.
        box: left, top, right, bottom in pixels; None is the whole picture.
    """
    columns: dict[str, list[Any]] = {
        "image": [str(image)],
        "frame": [frame],
        "box": [box or (np.nan,) * 4],
    }
    return Sightings.from_columns(Path(), columns)
