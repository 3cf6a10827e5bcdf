"""Lists of pictures, label files and tracks, as in VeRi-776, CityFlow and VehicleX."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from platefree.data.listed_text import LISTED, Folder, Lines, reading
from platefree.data.readers.labels_xml import Item, read_items
from platefree.data.readers.names import name_for, nameless, read_names
from platefree.data.readers.pictures import PictureFolder, listed_pictures, split_ending
from platefree.errors import DataError
from platefree.inputs.plain_files import open_input

_PEEK = 4096  # bytes in which the first picture of a label file is found


_SPLITS = {"train": "train", "query": "query", "gallery": "test"}


@dataclass(frozen=True)
class Listed:
    """The pictures of one split, in the order of the data set.

    Attributes:
        names: of the pictures.
        where: place in the list -> its file and line, for messages.
    """

    names: list[str]
    where: Callable[[int], str]


@dataclass(frozen=True)
class Split:
    """One split of a data set.

    Attributes:
        listed: its pictures.
        labels: picture, without its ending -> its labels; some pictures may have none.
        place: the folder of the pictures.
    """

    listed: Listed
    labels: Mapping[str, Item]
    place: PictureFolder

    @property
    def images(self) -> Iterator[str]:
        """The path of each picture from the root of the data set."""
        return map(self.place.image, self.listed.names)

    @property
    def items(self) -> list[Item | None]:
        """The labels of each picture."""
        return labels_of(self.listed.names, self.labels)


def splits_of(folder: Folder, remarks: list[str]) -> Iterator[tuple[str, str, Split]]:
    """Name of the list, name in its files, and split: of train, query and gallery, if they exist.

    Raises:
        DataError: a file is malformed.
    """
    for name, split in _SPLITS.items():
        found = split_of(folder, split, (f"image_{split}",), remarks)
        if found is not None:
            yield name, split, found


def split_of(
    folder: Folder, split: str, images: tuple[str, ...], remarks: list[str]
) -> Split | None:
    """One split, with remarks about what is missing; None if all of it is.

    Args:
        folder: the root of the data set.
        split: train, query or test.
        images: possible names of the folder of pictures; ``""`` is the root itself.
        remarks: what is missing is added to these.

    Raises:
        DataError: a file is malformed.
    """
    labels = _labels_of(folder, split)
    listed = _listed(folder, split, [name for name in images if name], labels)
    if listed is None:
        remarks.append(
            f"no name_{split}.txt, {split}_label.xml or {images[0]}: no {split} pictures"
        )
        return None
    if not labels and folder.find(f"name_{split}.txt") is None:
        remarks.append(f"no name_{split}.txt: the pictures of {split} are those in their folder")
    place, odd = PictureFolder.of(folder, images, listed.names[0] if listed.names else "")
    remarks += odd
    return Split(listed, labels, place)


def _labels_of(folder: Folder, split: str) -> dict[str, Item]:
    """Picture, without its ending -> its labels, of ``SPLIT_label.xml``; empty without the file.

    Raises:
        DataError: a picture has two items, or the file is malformed.
    """
    path = folder.find(f"{split}_label.xml")
    items = [] if path is None else read_items(path)
    stems = [split_ending(item.image)[0] for item in items]
    _refuse_repeated(stems, lambda n: f"{path}, line {items[n].line}")
    return dict(zip(stems, items, strict=True))


def labels_of(names: Sequence[str], labels: Mapping[str, Item]) -> list[Item | None]:
    """The labels of each picture; lists and label files may name endings or not.

    Args:
        names: of the pictures.
        labels: of `Split`.
    """
    return [labels.get(split_ending(name)[0]) for name in names]


def _listed(
    folder: Folder, split: str, images: Sequence[str], labels: Mapping[str, Item]
) -> Listed | None:
    """The pictures of a split: by ``name_SPLIT.txt``, else by the labels, else by the folder.

    Args:
        folder: the root of the data set.
        split: train, query or test.
        images: possible names of the folder of pictures.
        labels: of the split.

    Returns:
        None if there is none of the three.

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
        return Listed([item.image for item in items], lambda n: f"{file}, line {items[n].line}")
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
    """The first listed picture; its name shows which of these data sets a folder holds.

    Where there are no lists, it is the first picture in a folder of a split.
    """
    for split in ("train", "test", "query"):
        for name in (f"name_{split}.txt", f"{split}_label.xml"):
            path = folder.find(name)
            if path is None or not path.is_file():
                continue
            with open_input(path, LISTED) as file:
                start = file.read(_PEEK).decode("latin-1")
            if name.endswith(".xml"):
                found = re.search(r"imageName\s*=\s*[\"']\s*([^\"']+)", start)
            else:
                found = re.search(r"[\w.-]+\.\w+", start)
            if found:
                return found.group(found.lastindex or 0).strip()
    for split in ("train", "test", "query"):
        pictures = folder.find(f"image_{split}")
        if pictures is not None and pictures.is_dir():
            with reading(pictures):
                names = listed_pictures(pictures)
            if names:
                return names[0]
    return ""


def kinds_of(
    folder: Folder, kind: str, items: Sequence[Item | None], remarks: list[str]
) -> list[str]:
    """The ``color`` or the ``type`` of each picture, by its labels and ``list_KIND.txt``.

    Raises:
        DataError: the list is malformed.
    """
    numbers = [item.known(f"{kind}ID") if item else "" for item in items]
    names = read_names(folder.find(f"list_{kind}.txt"), set(numbers))
    if names is None and any(items):
        remarks.append(f"no list_{kind}.txt: numbers are used as names")
    remarks += nameless(names, set(numbers), kind)
    return [name_for(number, names) for number in numbers]


def tracks_of(lines: Lines, prefix: str, name_of: Callable[[str], str | None]) -> dict[str, str]:
    """Picture -> track, of a file with the pictures of one track in each line.

    A first word that is not a picture is skipped: it is the name of the track in VeRi-776. Since
    those names need not be different, tracks are named by their line. A picture in two tracks is
    counted to the first.

    Args:
        lines: the file.
        prefix: of the names of tracks.
        name_of: word -> name of the picture, None if the word is not one.

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
