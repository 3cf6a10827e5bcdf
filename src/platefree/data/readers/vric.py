"""VRIC (Kanaci, Zhu and Gong, GCPR 2018): 5,622 vehicles at many resolutions, from UA-DETRAC."""

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder, Lines
from platefree.data.readers.pictures import PictureFolder, Pictures, indices
from platefree.types import Indices

NAME = "vric"
LOOKS_FOR = "vric_train.txt or vric_probe.txt"

_SPLITS = {"train": "train", "query": "probe", "gallery": "gallery"}


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of this data set."""
    return folder.find("vric_train.txt", "vric_probe.txt") is not None


def read_vric(folder: Folder) -> DataSet:
    """Read VRIC: lists ``train``, ``query`` (its probe) and ``gallery``.

    Raises:
        DataError: a list is malformed.
    """
    pictures, remarks, lists = Pictures(), list[str](), dict[str, Indices]()
    for name, split in _SPLITS.items():
        path = folder.find(f"vric_{split}.txt")
        if path is None:
            remarks.append(f"no vric_{split}.txt: {name} is empty")
            continue
        lines = Lines.read(path)
        rows = list(lines.fields((3,), "a picture, its vehicle and its camera"))
        place, odd = PictureFolder.of(folder, (f"{split}_images",), rows[0][1][0] if rows else "")
        remarks += odd
        seen: set[int] = set()
        lists[name] = indices(
            pictures.add_labelled(place.image(image), vehicle, camera, lines, number, seen)
            for number, (image, vehicle, camera) in rows
        )
    table = pictures.table(folder.path, NAME, lists)
    return DataSet(NAME, table, lists=lists, remarks=tuple(remarks))
