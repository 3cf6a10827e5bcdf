"""VeRi-776 (Liu, Liu, Ma and Fu, ICME 2016): 776 vehicles before 20 cameras.

Vehicle and camera are read off the names of the pictures, ``VVVV_cCCC_FFFFFFFF_N.jpg``, as every
protocol does; colour and type come from the label files, whose labels of vehicle and camera are
only compared. The frame numbers are not times: each camera counts its own. Query pictures lie in
``image_test`` too, so the gallery holds every query once more.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.readers.labels_xml import Item
from platefree.data.readers.names import name_for, read_names
from platefree.data.readers.pictures import PictureFolder, Pictures, indices
from platefree.data.readers.veri_layout import (
    Listed,
    first_name,
    labels_of,
    listed,
    tracks_of,
)
from platefree.data.text import Folder, Lines, many
from platefree.errors import DataError
from platefree.types import Indices

NAME = "veri-776"
LOOKS_FOR = "name_train.txt or train_label.xml with pictures named 0001_c001_00016450_0.jpg"

_PICTURE = re.compile(r"(\d+)_(c\d+)_\d+_\d+(\.\w+)?")
_SPLITS = {"train": "train", "query": "query", "gallery": "test"}


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of this data set."""
    return _PICTURE.fullmatch(first_name(folder)) is not None


def read_veri(folder: Folder) -> DataSet:
    """Read VeRi-776.

    Returns:
        Lists ``train``, ``query``, ``gallery``; junk of the queries where ``jk_index.txt`` has it.

    Raises:
        DataError: a list is malformed.
    """
    pictures, remarks, lists = Pictures(), list[str](), dict[str, Indices]()
    names: dict[str, list[str]] = {}
    labels: dict[str, Item] = {}
    for name, split in _SPLITS.items():
        own = labels_of(folder, split)
        labels |= own
        found = listed(folder, split, [f"image_{split}"], own)
        if found is None:
            remarks.append(f"no name_{split}.txt: {name} is empty")
            continue
        names[name] = found.names
        lists[name] = _add(folder, split, found, pictures, remarks)
    every = [name for split in names.values() for name in split]
    items = [labels.get(name) for name in every]
    remarks += _odd_labels(items, pictures)
    table = pictures.table(
        folder.path,
        NAME,
        lists,
        track=_tracks(folder, names, every, remarks),
        colour=_kinds(folder, "color", items, remarks),
        type=_kinds(folder, "type", items, remarks),
    )
    ignored = _junk(folder, lists, remarks)
    return DataSet(NAME, table, lists=lists, ignored=ignored, remarks=tuple(remarks))


def _add(
    folder: Folder, split: str, found: Listed, pictures: Pictures, remarks: list[str]
) -> Indices:
    first = found.names[0] if found.names else ""
    place, odd = PictureFolder.of(folder, (f"image_{split}",), first)
    remarks += odd
    rows: list[int] = []
    for number, name in enumerate(found.names):
        parts = _PICTURE.fullmatch(name)
        if parts is None:
            raise DataError(
                f"{found.where(number)}: {name!r}, expected a name like 0001_c001_00016450_0.jpg"
            )
        rows.append(pictures.add(place.image(name), parts[1], parts[2]))
    return indices(rows)


def _odd_labels(items: Sequence[Item | None], pictures: Pictures) -> list[str]:
    """What the label files say otherwise than the names, or do not say."""
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
        remarks.append("no label files: colours and types are unknown")
    elif missing:
        remarks.append(f"{many(missing, 'picture')} not in the label files: no colour, no type")
    if other:
        remarks.append(f"{many(other, 'picture')} of another vehicle or camera in the label files")
    return remarks


def _differs(label: str, named: str) -> bool:
    return label != "" and label.lstrip("c0") != named.lstrip("c0")


def _kinds(
    folder: Folder, kind: str, items: Sequence[Item | None], remarks: list[str]
) -> list[str]:
    """The colour or the type of each row."""
    names = read_names(folder.find(f"list_{kind}.txt"))
    if names is None and any(items):
        remarks.append(f"no list_{kind}.txt: numbers stand for the names")
    return [name_for(item.known(f"{kind}ID"), names) if item else "" for item in items]


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


def _junk(
    folder: Folder, lists: Mapping[str, Indices], remarks: list[str]
) -> Mapping[str, tuple[Indices, ...]]:
    """Rows that each query ignores: positions in the list of test pictures, from 1."""
    path = folder.find("jk_index.txt")
    if path is None or not {"query", "gallery"} <= set(lists):
        remarks.append("no jk_index.txt: the same-camera rule says what is ignored")
        return {}
    lines, gallery = Lines.read(path), lists["gallery"]
    if not any(lines.texts):
        remarks.append("jk_index.txt is empty: the same-camera rule says what is ignored")
        return {}
    texts = lines.texts[: len(lists["query"])]
    if len(texts) < len(lists["query"]) or any(lines.texts[len(texts) :]):
        raise DataError(
            f"{path} has {len(lines.texts)} lines, expected one for each of "
            f"{len(lists['query'])} queries: copy it again, or remove it"
        )
    junk = []
    for place, text in enumerate(texts):
        words = text.split()
        if not all(word.isdecimal() and 0 < int(word) <= len(gallery) for word in words):
            raise lines.fault(place, f"positions from 1 to {len(gallery)} in name_test.txt")
        junk.append(gallery[np.array(words, np.int64) - 1])
    return {"query": tuple(junk)}
