"""CityFlow, track 2 of the AI City challenges of 2019 to 2022 (Tang et al., CVPR 2019).

The ids of the test vehicles are not published: `platefree.data.submission` writes the search
results for the server of the challenge, which scores them. What can be scored here are vehicles
held out of training (`platefree.data.split.hold_out_vehicles`), or copies whose test labels have
ids. Cameras are in the label files, except those of the test pictures of 2019 and 2020.
"""

import re

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder, Lines, many
from platefree.data.readers.labels_xml import Item
from platefree.data.readers.pictures import Pictures, indices
from platefree.data.readers.veri_layout import Split, first_name, splits_of, tracks_of
from platefree.types import Indices

NAME = "cityflow"
LOOKS_FOR = "train_label.xml or name_test.txt with pictures named 000001.jpg"

_PICTURE = re.compile(r"\d+(\.\w+)?")


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of this data set."""
    return _PICTURE.fullmatch(first_name(folder)) is not None


def read_cityflow(folder: Folder) -> DataSet:
    """Read CityFlow.

    Returns:
        Lists ``train``, ``query``, ``gallery``; vehicles of the last two are unknown, unless their
        label files give them.

    Raises:
        DataError: a list is malformed.
    """
    pictures, remarks, lists = Pictures(), list[str](), dict[str, Indices]()
    tracks: list[str] = []
    for name, kind, split in splits_of(folder, remarks):
        known = map(_known, split.items)
        lists[name] = indices(
            pictures.add(image, *labels) for image, labels in zip(split.images, known, strict=True)
        )
        remarks += _unlabelled(kind, split)
        tracks += _tracks(folder, kind, split.listed.names, remarks)
    table = pictures.table(folder.path, NAME, lists, track=tracks)
    return DataSet(NAME, table, lists=lists, remarks=tuple(remarks))


def _known(item: Item | None) -> tuple[str, str]:
    return ("", "") if item is None else (item.known("vehicleID"), item.known("cameraID"))


def _unlabelled(kind: str, split: Split) -> list[str]:
    missing = split.items.count(None)
    if kind != "train" or not missing:
        return []
    return [f"{many(missing, 'picture')} of train not in train_label.xml: vehicle unknown"]


def _tracks(folder: Folder, split: str, names: list[str], remarks: list[str]) -> list[str]:
    """Track of each picture, by ``SPLIT_track.txt``, or the numbers of ``SPLIT_track_id.txt``."""
    path = folder.find(f"{split}_track.txt", f"{split}_track_id.txt")
    if path is None:
        if split != "query":
            remarks.append(f"no {split}_track.txt: tracks are unknown")
        return [""] * len(names)
    by_number = {int(name.split(".")[0]): name for name in names if _PICTURE.fullmatch(name)}

    def name_of(word: str) -> str | None:
        return by_number.get(int(word.split(".")[0]), word) if _PICTURE.fullmatch(word) else None

    tracks = tracks_of(Lines.read(path), f"{split}-", name_of)
    lost = len(names) - len(tracks.keys() & set(names))
    if lost:
        remarks.append(f"{many(lost, 'picture')} of image_{split} in no track of {path.name}")
    return [tracks.get(name, "") for name in names]
