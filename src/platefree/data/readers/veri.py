"""VeRi-776 (Liu, Liu, Ma and Fu, ICME 2016): 776 vehicles captured by 20 cameras.

Vehicle and camera are taken from the names of the pictures, ``VVVV_cCCC_FFFFFFFF_N.jpg``, as in
every protocol; color and type come from the label files, whose vehicles and cameras are only
compared. Frame numbers are not times, since each camera has its own count. Query pictures are in
``image_test`` too, so the gallery contains every query.
"""

import re
from collections.abc import Mapping, Sequence

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder, Lines, many
from platefree.data.readers.labels_xml import Item
from platefree.data.readers.pictures import Pictures, indices
from platefree.data.readers.veri_indices import ignored_rows
from platefree.data.readers.veri_layout import (
    Split,
    first_name,
    kinds_of,
    labels_of,
    splits_of,
    tracks_of,
)
from platefree.errors import DataError
from platefree.types import Indices

NAME = "veri-776"
LOOKS_FOR = "name_train.txt or train_label.xml with pictures named 0001_c001_00016450_0.jpg"

_PICTURE = re.compile(r"(\d+)_(c\d+)_\d+_\d+(\.\w+)?")


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of this data set."""
    return _PICTURE.fullmatch(first_name(folder)) is not None


def read_veri(folder: Folder) -> DataSet:
    """Read VeRi-776.

    Returns:
        Lists ``train``, ``query``, ``gallery``; the junk of each query if ``jk_index.txt`` exists.

    Raises:
        DataError: a list is malformed.
    """
    pictures, remarks, lists = Pictures(), list[str](), dict[str, Indices]()
    names: dict[str, list[str]] = {}
    labels: dict[str, Item] = {}
    for name, _, split in splits_of(folder, remarks):
        labels |= split.labels
        names[name] = split.listed.names
        lists[name] = _add(split, pictures)
    every = [name for split in names.values() for name in split]
    items = labels_of(every, labels)  # those of queries are in test_label.xml
    remarks += _odd_labels(items, pictures)
    table = pictures.table(
        folder.path,
        NAME,
        lists,
        track=_tracks(folder, names, every, remarks),
        color=kinds_of(folder, "color", items, remarks),
        type=kinds_of(folder, "type", items, remarks),
    )
    ignored = ignored_rows(folder, lists, pictures, remarks)
    return DataSet(NAME, table, lists=lists, ignored=ignored, remarks=tuple(remarks))


def _add(split: Split, pictures: Pictures) -> Indices:
    rows: list[int] = []
    for number, (name, image) in enumerate(zip(split.listed.names, split.images, strict=True)):
        parts = _PICTURE.fullmatch(name)
        if parts is None:
            raise DataError(
                f"{split.listed.where(number)}: {name!r}, expected a name like "
                "0001_c001_00016450_0.jpg"
            )
        rows.append(pictures.add(image, parts[1], parts[2]))
    return indices(rows)


def _odd_labels(items: Sequence[Item | None], pictures: Pictures) -> list[str]:
    """Remarks where the label files differ from the names of the pictures, or lack some."""
    missing = sum(item is None for item in items)
    other = sum(
        item is not None
        and (
            _differs(item.known("vehicleID"), pictures.vehicles[row])
            or _differs(item.known("cameraID"), pictures.cameras[row])
        )
        for row, item in enumerate(items)
    )
    remarks = []
    if missing == len(items):
        remarks.append("no label files: colors and types are unknown")
    elif missing:
        remarks.append(f"{many(missing, 'picture')} not in the label files: no color, no type")
    if other:
        remarks.append(f"{many(other, 'picture')} of another vehicle or camera in the label files")
    return remarks


def _differs(label: str, named: str) -> bool:
    return label != "" and label.lstrip("c0") != named.lstrip("c0")


def _tracks(
    folder: Folder, names: Mapping[str, list[str]], every: list[str], remarks: list[str]
) -> list[str]:
    path = folder.find("test_track.txt", "test_track_VeRi.txt")
    if path is None:
        remarks.append("no test_track.txt: tracks are unknown")
        return [""] * len(every)
    stems = {name.rsplit(".", 1)[0]: name for name in names.get("gallery", ())}

    def name_of(word: str) -> str | None:
        return stems.get(word.rsplit(".", 1)[0], word) if _PICTURE.fullmatch(word) else None

    tracks = tracks_of(Lines.read(path), "", name_of)
    lost = len(stems) - len(stems.values() & tracks.keys())
    if lost:
        remarks.append(f"{many(lost, 'picture')} of the gallery in no track of {path.name}")
    return [tracks.get(name, "") for name in every]
