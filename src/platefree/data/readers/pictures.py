"""Collecting the rows of a data set while its lists are read."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from platefree.data.listed_text import Folder, Lines
from platefree.data.picture_files import IMAGE_SUFFIXES
from platefree.types import Indices, Sightings, Times, same_text

_ENDINGS = (".jpg", ".JPG", ".jpeg", ".JPEG", ".png", ".PNG", ".bmp", ".webp")


class Pictures:
    """Collects pictures in the order in which the lists name them, each once.

    Attributes:
        images: path of each row, relative to the root of the data set.
        vehicles: vehicle of each row.
        cameras: camera of each row.
    """

    def __init__(self) -> None:
        self.images: list[str] = []
        self.vehicles: list[str] = []
        self.cameras: list[str] = []
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.images)

    def add(self, image: str, vehicle: str = "", camera: str = "") -> int:
        """The row of a picture; a new row if it was not added before."""
        row = self._rows.setdefault(image, len(self.images))
        if row == len(self.images):
            self.images.append(image)
            self.vehicles.append(vehicle)
            self.cameras.append(camera)
        return row

    def add_labelled(
        self, image: str, vehicle: str, camera: str, lines: Lines, place: int, seen: set[int]
    ) -> int:
        """The row of the picture that a line of a list names; ``seen`` are the list's rows.

        Raises:
            DataError: the list names it twice, or another list gives it another vehicle.
        """
        row = self.add(image, vehicle, camera)
        if row in seen:
            raise lines.fault(place, "each picture once: remove one of its lines")
        if self.vehicles[row] != vehicle:
            raise lines.fault(place, f"vehicle {self.vehicles[row]!r}, as another list says")
        seen.add(row)
        return row

    def row(self, image: str) -> int | None:
        """The row of a picture, None if no list has it."""
        return self._rows.get(image)

    def table(
        self,
        root: Path,
        source: str,
        splits: Mapping[str, Indices],
        **labels: Sequence[str] | Times,
    ) -> Sightings:
        """The table of all rows.

        Args:
            root: of the data set.
            source: its name.
            splits: split -> rows; others have none.
            labels: further columns, (n,) each.
        """
        split = np.full(len(self), "", object)
        for name, rows in splits.items():
            split[rows] = name
        columns = {
            "image": self.images,
            "vehicle": self.vehicles,
            "camera": self.cameras,
            "split": split,
            "source": same_text(source, len(self)),
            **labels,
        }
        return Sightings.from_columns(root, columns)


@dataclass(frozen=True)
class PictureFolder:
    """A folder of listed pictures.

    Attributes:
        prefix: its path from the root of the data set, with a slash unless it is the root.
        ending: of its files on disk, where it differs from the lists or is missing there.
    """

    prefix: str
    ending: str = ""

    @classmethod
    def of(cls, folder: Folder, names: tuple[str, ...], first: str) -> tuple[Self, list[str]]:
        """Find the folder of pictures by one of them.

        Args:
            folder: the root of the data set.
            names: possible names of the folder, the most likely first; ``""`` is the root itself.
            first: a listed picture.

        Returns:
            The folder, and remarks about what is missing. Missing pictures are no error here: they
            are reported when they are read.
        """
        places = [folder.path if name == "" else folder.find(name) for name in names]
        found = [place for place in places if place is not None]
        for place in found:
            ending = ending_on_disk(place, first)
            if ending is not None:
                return cls(prefix_of(folder, place), ending), []
        prefix = prefix_of(folder, found[0]) if found else f"{names[0]}/"
        if not first:
            return cls(prefix), []
        remark = f"{prefix}{first}, the first picture of the lists, does not exist"
        return cls(prefix, default_ending(first)), [remark]

    def image(self, name: str) -> str:
        """The path of a listed picture from the root of the data set."""
        return f"{self.prefix}{with_ending(name, self.ending)}"


def ending_on_disk(folder: Path, name: str) -> str | None:
    """The ending of a listed picture on disk; ``""`` if as listed, None without such a file."""
    stem, listed = split_ending(name)
    for ending in (listed, *_ENDINGS):
        if ending and (folder / f"{stem}{ending}").is_file():
            return "" if ending == listed else ending
    return None


def default_ending(name: str) -> str:
    """The ending that is assumed where no picture exists."""
    return "" if split_ending(name)[1] else ".jpg"


def with_ending(name: str, ending: str) -> str:
    """A listed name with another ending; unchanged where ``ending`` is empty."""
    return f"{split_ending(name)[0]}{ending}" if ending else name


def prefix_of(folder: Folder, place: Path) -> str:
    """The path of a folder from the root of the data set, with a slash unless it is the root."""
    return "" if place == folder.path else f"{place.relative_to(folder.path).as_posix()}/"


def indices(rows: Iterable[int]) -> Indices:
    """Rows as an array."""
    return np.fromiter(rows, np.int64)


def listed_pictures(folder: Path) -> list[str]:
    """The names of the pictures directly in a folder, sorted."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".")]
    return sorted(name for name in names if name.lower().endswith(IMAGE_SUFFIXES))


def split_ending(name: str) -> tuple[str, str]:
    """A name without its ending, and that ending, if it is one of a picture."""
    stem, dot, ending = name.rpartition(".")
    return (stem, f".{ending}") if dot and f".{ending.lower()}" in IMAGE_SUFFIXES else (name, "")
