"""What VeRi-776, CityFlow and VehicleX share: lists of pictures, label files and tracks."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from platefree.data.readers.labels_xml import Item, read_items
from platefree.data.readers.pictures import listed_pictures
from platefree.data.text import Folder, Lines, reading
from platefree.errors import DataError

_PEEK = 4096  # bytes that are enough to meet the first picture of a label file


@dataclass(frozen=True)
class Listed:
    """The pictures of one split, in the order of the data set.

    Attributes:
        names: of the pictures.
        where: place in the list -> where that stands, for people.
    """

    names: list[str]
    where: Callable[[int], str]


def labels_of(folder: Folder, split: str) -> dict[str, Item]:
    """Picture -> its labels, of ``SPLIT_label.xml``; empty if there is no such file.

    Raises:
        DataError: a picture has two items, or the file is malformed.
    """
    path = folder.find(f"{split}_label.xml")
    items = [] if path is None else read_items(path)
    _refuse_repeated([item.image for item in items], lambda n: f"{path}, line {items[n].line}")
    return {item.image: item for item in items}


def listed(
    folder: Folder, split: str, images: Sequence[str], labels: Mapping[str, Item]
) -> Listed | None:
    """The pictures of a split: by ``name_SPLIT.txt``, else by the labels, else by the folder.

    Args:
        folder: the root of the data set.
        split: train, query or test.
        images: what the folder of the pictures may be called.
        labels: of the split.

    Returns:
        None if none of the three is there.

    Raises:
        DataError: a picture is listed twice, or a file is malformed.
    """
    path, pictures = folder.find(f"name_{split}.txt"), folder.find(*images)
    if path is not None:
        rows = list(Lines.read(path).fields((1,), "the name of one picture"))
        names = [words[0] for _, words in rows]
        found = Listed(names, lambda n: f"{path}, line {rows[n][0] + 1}")
        _refuse_repeated(names, found.where)
        return found
    if labels:
        file, items = folder.find(f"{split}_label.xml"), list(labels.values())
        return Listed(list(labels), lambda n: f"{file}, line {items[n].line}")
    if pictures is not None:
        with reading(pictures):
            return Listed(listed_pictures(pictures), lambda _: str(pictures))
    return None


def _refuse_repeated(names: Sequence[str], where: Callable[[int], str]) -> None:
    if len(set(names)) == len(names):
        return
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        if first.setdefault(name, place) != place:
            raise DataError(
                f"{where(place)}: {name!r} is listed already in {where(first[name])}, "
                "expected each picture once: remove one of the two"
            )


def first_name(folder: Folder) -> str:
    """The first picture that the lists in a folder name, to tell these data sets apart."""
    for split in ("train", "test", "query"):
        for name in (f"name_{split}.txt", f"{split}_label.xml"):
            path = folder.find(name)
            if path is None or not path.is_file():
                continue
            with reading(path), path.open("rb") as file:
                start = file.read(_PEEK).decode("latin-1")
            if name.endswith(".xml"):
                found = re.search(r"imageName\s*=\s*[\"']\s*([^\"']+)", start)
            else:
                found = re.search(r"[\w.-]+\.\w+", start)
            if found:
                return found.group(found.lastindex or 0).strip()
    return ""


def tracks_of(lines: Lines, prefix: str, name_of: Callable[[str], str | None]) -> dict[str, str]:
    """Picture -> track, of a file with the pictures of one track in each line.

    A first word that is no picture, the name that VeRi-776 gives its tracks, is passed over; a
    track is called by its line, since those names need not differ. A picture in two tracks is in
    the first.

    Args:
        lines: the file.
        prefix: of the names of tracks.
        name_of: word -> name of a picture, None if it is none.

    Raises:
        DataError: a line holds no picture.
    """
    tracks: dict[str, str] = {}
    for place, text in enumerate(lines.texts):
        names = [name for name in map(name_of, text.split()) if name is not None]
        if text and not names:
            raise lines.fault(place, "the names of the pictures of a track")
        for name in names:
            tracks.setdefault(name, f"{prefix}{place + 1:04d}")
    return tracks
