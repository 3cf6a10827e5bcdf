"""What VeRi-776, CityFlow and VehicleX share: lists of pictures, label files and tracks."""

import re
from collections.abc import Callable, Sequence
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


def listed(folder: Folder, split: str, images: Sequence[str]) -> Listed | None:
    """The pictures of a split: by ``name_SPLIT.txt``, else by the labels, else by the folder.

    Args:
        folder: the root of the data set.
        split: train, query or test.
        images: what the folder of the pictures may be called.

    Returns:
        None if none of the three is there.

    Raises:
        DataError: a picture is listed twice, or a file is malformed.
    """
    names, labels, pictures = (
        folder.find(f"name_{split}.txt"),
        folder.find(f"{split}_label.xml"),
        folder.find(*images),
    )
    if names is not None:
        lines = Lines.read(names)
        rows = list(lines.fields((1,), "the name of one picture"))
        places = [place for place, _ in rows]
        found = Listed([words[0] for _, words in rows], lambda n: f"{names}, line {places[n] + 1}")
    elif labels is not None:
        items = read_items(labels)
        found = Listed([item.image for item in items], lambda n: f"{labels}, line {items[n].line}")
    elif pictures is not None:
        with reading(pictures):
            found = Listed(listed_pictures(pictures), lambda _: str(pictures))
    else:
        return None
    _refuse_repeated(found)
    return found


def _refuse_repeated(found: Listed) -> None:
    if len(set(found.names)) == len(found.names):
        return
    first: dict[str, int] = {}
    for place, name in enumerate(found.names):
        if first.setdefault(name, place) != place:
            raise DataError(
                f"{found.where(place)}: {name!r} is listed already in "
                f"{found.where(first[name])}, expected each picture once: remove one of the two"
            )


def labels_of(folder: Folder, split: str) -> dict[str, Item]:
    """Picture -> its labels, of ``SPLIT_label.xml``; empty if there is no such file."""
    path = folder.find(f"{split}_label.xml")
    return {} if path is None else {item.image: item for item in read_items(path)}


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
