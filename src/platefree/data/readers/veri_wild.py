"""VERI-Wild (Lou et al., CVPR 2019) and VERI-Wild 2.0 (Bai et al., 2021), which adds tests.

Vehicles are the folders of the pictures: the second column of some lists has other numbers of the
training vehicles, from 0. Times are local times of the city, read as UTC. The tests of 2.0 give
vehicles but no cameras.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder, Lines, many, reading
from platefree.data.readers.pictures import (
    PictureFolder,
    Pictures,
    default_ending,
    ending_on_disk,
    indices,
    prefix_of,
    split_ending,
    with_ending,
)
from platefree.types import Indices, Times

NAME = "veri-wild"
LOOKS_FOR = "train_test_split/vehicle_info.txt or train_test_split/test_3000_query.txt"
NAME_2 = "veri-wild-2"
LOOKS_FOR_2 = "test_split/A_query.txt"

_TESTS = ("3000", "5000", "10000")
_TESTS_2 = ("A", "B", "All")
_FOLDERS = ("train_test_split/", "")
_FOLDERS_2 = ("test_split/", "test_split_V2/", "train_test_split/", "")
_EXPECTED = "a picture like 00001/000001.jpg, optionally followed by its vehicle and camera"
_FIELDS = 6  # of vehicle_info.txt: picture, camera, time, model, type, color
_TIME = re.compile(r"(\d{4})[-/]?(\d\d?)[-/]?(\d\d?)[ T_]?(\d\d?):?(\d\d)(?::?(\d\d)(?:\.\d+)?)?")
_VEHICLE = re.compile(r"\d{5,}")
_DEEPEST = 3  # folders between the root or ``images`` and those of the vehicles


class _Entry(NamedTuple):
    """A line of a list."""

    place: int
    vehicle: str
    image: str
    camera: str


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of VERI-Wild, without the tests of 2.0."""
    files = (_find(folder, "vehicle_info.txt"), *(_query(folder, test) for test in _TESTS))
    return any(files) and not fits_2(folder)


def fits_2(folder: Folder) -> bool:
    """Whether a folder is the root of VERI-Wild 2.0."""
    return any(_find(folder, f"{test}_query.txt", _FOLDERS_2) for test in _TESTS_2)


def read_veri_wild(folder: Folder) -> DataSet:
    """Read VERI-Wild or VERI-Wild 2.0.

    Returns:
        Lists ``train``, ``query_3000``, ``gallery_3000`` to ``gallery_10000``; of 2.0 also
        ``query_A``, ``gallery_A``, and the same of B and All.

    Raises:
        DataError: a list is malformed, or two of them give a picture different vehicles.
    """
    pictures, remarks = Pictures(), list[str]()
    information = _Information.read(_find(folder, "vehicle_info.txt"), remarks)
    lists, entries = _lists(folder, pictures, remarks)
    known = [information.of(entry) for entry in entries]
    remarks += information.lacking(entries, known)
    for row, (entry, fields) in enumerate(zip(entries, known, strict=True)):
        pictures.cameras[row] = fields[1] if fields else entry.camera
    newer = fits_2(folder)
    if newer:
        lists |= _lists_2(folder, pictures, remarks)
        known += [()] * (len(pictures) - len(known))
    labels = {
        column: [fields[place] if fields else "" for fields in known]
        for place, column in ((3, "model"), (4, "type"), (5, "color"))
    }
    times = information.times([fields[2] if fields else "" for fields in known], remarks)
    splits = {"train": lists["train"]} if "train" in lists else {}
    name = NAME_2 if newer else NAME
    table = pictures.table(folder.path, name, splits, time=times, **labels)
    return DataSet(name, table, lists=lists, remarks=tuple(remarks))


# --- the lists --------------------------------------------------------------------------------


def _find(folder: Folder, name: str, folders: tuple[str, ...] = _FOLDERS) -> Path | None:
    return folder.find(*(f"{place}{name}" for place in folders))


def _query(folder: Folder, test: str) -> Path | None:
    return _find(folder, f"test_{test}_query.txt") or _find(folder, f"test_{test}_id_query.txt")


def _gallery(folder: Folder, test: str) -> Path | None:
    return _find(folder, f"test_{test}.txt") or _find(folder, f"test_{test}_id.txt")


def _lists(
    folder: Folder, pictures: Pictures, remarks: list[str]
) -> tuple[dict[str, Indices], list[_Entry]]:
    """The lists of the first VERI-Wild, and the first entry of each row."""
    paths = {"train": _find(folder, "train_list.txt") or _find(folder, "train_list_start0.txt")}
    for test in _TESTS:
        paths |= {f"query_{test}": _query(folder, test), f"gallery_{test}": _gallery(folder, test)}
    remarks += [f"the list {name} is missing" for name, path in paths.items() if path is None]
    files = {name: Lines.read(path) for name, path in paths.items() if path is not None}
    entries = {name: _entries(lines) for name, lines in files.items()}
    firsts = [each[0] for each in entries.values() if each]
    vehicles = {entry.vehicle for each in entries.values() for entry in each}
    images = _Images.of(folder, firsts, vehicles, remarks)
    lists: dict[str, Indices] = {}
    added: list[_Entry] = []
    for name, lines in files.items():
        known = len(pictures)
        seen: set[int] = set()
        rows = [
            pictures.add_labelled(images.path(entry), entry.vehicle, "", lines, entry.place, seen)
            for entry in entries[name]
        ]
        added += [entry for row, entry in zip(rows, entries[name], strict=True) if row >= known]
        lists[name] = indices(rows)
    return lists, added


def _entries(lines: Lines) -> list[_Entry]:
    entries = []
    for place, (picture, *more) in lines.fields((1, 2, 3), _EXPECTED):
        vehicle, _, image = picture.partition("/")
        if not (vehicle and image) or "/" in image:
            raise lines.fault(place, _EXPECTED)
        entries.append(_Entry(place, vehicle, image, more[1] if len(more) == 2 else ""))
    return entries


def _lists_2(folder: Folder, pictures: Pictures, remarks: list[str]) -> dict[str, Indices]:
    """The lists that 2.0 adds: paths from the root or from the folder of their kind."""
    lists = {}
    for test in _TESTS_2:
        for kind in ("query", "gallery"):
            path = _find(folder, f"{test}_{kind}.txt", _FOLDERS_2)
            if path is None:
                remarks.append(f"the list {kind}_{test} is missing")
                continue
            lines = Lines.read(path)
            rows = list(lines.fields((2, 3), "a picture, its vehicle, and optionally its camera"))
            first = rows[0][1][0] if rows else ""
            images, odd = PictureFolder.of(folder, ("", kind, f"{kind}/{kind}", "images"), first)
            remarks += odd
            seen: set[int] = set()
            lists[f"{kind}_{test}"] = indices(
                pictures.add_labelled(
                    images.image(words[0]), words[1], "".join(words[2:]), lines, place, seen
                )
                for place, words in rows
            )
    return lists


# --- where the pictures are --------------------------------------------------------------------


@dataclass(frozen=True)
class _Images:
    """Where the pictures are: ``images/VEHICLE/``, or in parts, ``images/images_part01/VEHICLE/``.

    The parts are the archives as they were unpacked, each into a folder of its own or not, under
    whatever name.

    Attributes:
        root: of the data set.
        prefix: of the folder of pictures.
        parts: vehicle -> prefixes of the parts that hold a folder of it.
        ending: of the pictures on disk, where it differs from the lists or is missing there.
        flat: whether there are no folders of vehicles.
    """

    root: Path
    prefix: str
    parts: Mapping[str, list[str]]
    ending: str
    flat: bool = False

    @classmethod
    def of(
        cls, folder: Folder, firsts: list[_Entry], vehicles: set[str], remarks: list[str]
    ) -> Self:
        """Find out by the folders of the vehicles and by the first picture of each list."""
        images = folder.find("images", "image")
        prefix = "images/" if images is None else prefix_of(folder, images)
        parts = _parts(folder, images, vehicles)
        for first in firsts:
            for place in (*parts.get(first.vehicle, []), prefix):
                ending = ending_on_disk(folder.path / place / first.vehicle, first.image)
                if ending is not None:
                    return cls(folder.path, prefix, parts, ending)
            ending = ending_on_disk(folder.path / prefix, first.image)
            if ending is not None:
                return cls(folder.path, prefix, parts, ending, flat=True)
        if firsts:
            remarks.append("the first pictures of the lists do not exist")
        return cls(folder.path, prefix, parts, default_ending(firsts[0].image) if firsts else "")

    def path(self, entry: _Entry) -> str:
        """The path of a picture from the root."""
        image = with_ending(entry.image, self.ending)
        if self.flat:
            return f"{self.prefix}{image}"
        prefix, *others = self.parts.get(entry.vehicle, [self.prefix])
        for other in others:  # several parts have a folder of this vehicle
            if (self.root / other / entry.vehicle / image).is_file():
                prefix = other
        return f"{prefix}{entry.vehicle}/{image}"


def _parts(folder: Folder, images: Path | None, vehicles: set[str]) -> dict[str, list[str]]:
    """Vehicle -> the folders that hold a folder of it; each is listed once."""
    lists = {folder.path / name.strip("/") for name in (*_FOLDERS, *_FOLDERS_2) if name}
    others = [folder.path / name for name in folder.names() if not _VEHICLE.fullmatch(name)]
    beside = [path for path in others if path not in lists and path != images and path.is_dir()]
    parts: dict[str, list[str]] = {}
    for start in (*([] if images is None else [images]), *beside):
        for place, names in _folders(start, vehicles, _DEEPEST):
            for vehicle in names:
                parts.setdefault(vehicle, []).append(prefix_of(folder, place))
    return parts


def _folders(place: Path, vehicles: set[str], depth: int) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those in it that are no vehicles, each with the vehicles in it."""
    with reading(place), os.scandir(place) as entries:
        names = sorted(each.name for each in entries if each.name[0] != "." and each.is_dir())
    yield place, [name for name in names if name in vehicles]
    for name in names if depth else ():
        if name not in vehicles and not _VEHICLE.fullmatch(name):
            yield from _folders(place / name, vehicles, depth - 1)


# --- vehicle_info.txt -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Information:
    """Camera, time, model, type and color of pictures.

    Attributes:
        lines: the file; empty if there is none.
        places: picture, as VEHICLE/NAME without an ending -> its line.
    """

    lines: Lines
    places: Mapping[str, int]

    @classmethod
    def read(cls, path: Path | None, remarks: list[str]) -> Self:
        """Read the file.

        Raises:
            DataError: a line does not hold six fields.
        """
        if path is None:
            remarks.append("no vehicle_info.txt: times, models, types and colors are unknown")
            return cls(Lines(Path(), []), {})
        lines = Lines.read(path)
        places = {}
        for place, text in enumerate(lines.texts):
            if not text or (place == 0 and text.lower().startswith("id/")):
                continue
            if text.count(";") != _FIELDS - 1:
                raise lines.fault(place, f"{_FIELDS} fields with semicolons between them")
            places[split_ending(text.partition(";")[0].strip())[0]] = place
        return cls(lines, places)

    def of(self, entry: _Entry) -> Sequence[str]:
        """The six fields of a picture, or none."""
        place = self.places.get(f"{entry.vehicle}/{split_ending(entry.image)[0]}")
        return () if place is None else [each.strip() for each in self._fields(place)]

    def lacking(self, entries: Sequence[_Entry], known: Sequence[Sequence[str]]) -> Iterator[str]:
        """A remark where the file is there and lacks pictures, by their entries and fields."""
        lacking = [entry for entry, fields in zip(entries, known, strict=True) if not fields]
        if not (self.lines.path.name and lacking):
            return
        remark = f"{many(len(lacking), 'picture')} not in {self.lines.path.name}: no time, no model"
        blind = sum(not entry.camera for entry in lacking)
        yield remark + (f", and of {blind:,} the camera is unknown" if blind else "")

    def times(self, texts: list[str], remarks: list[str]) -> Times:
        """(n,) times; those that cannot be parsed are unknown, with a remark."""
        times = [_time(text) for text in texts]
        wrong = {text for text, time in zip(texts, times, strict=True) if text and time is None}
        if wrong:
            place = next(n for n in self.places.values() if self._fields(n)[2].strip() in wrong)
            remarks.append(
                f"{many(len(wrong), 'time')} unreadable, the first in {self.lines.path}, line "
                f"{place + 1}: expected one like 2018-03-01 07:12:03"
            )
        return np.array(times, "datetime64[ms]")

    def _fields(self, place: int) -> list[str]:
        return self.lines.texts[place].split(";")


def _time(text: str) -> datetime | None:
    parts = _TIME.fullmatch(text)
    if parts is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in parts.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:  # no such day or hour
        return None
