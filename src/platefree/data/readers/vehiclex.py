"""VehicleX (Yao et al., ECCV 2020): rendered vehicles, also the ``_Simulation`` part of CityFlow.

Pictures are called ``VVVV_cCCC_N.jpg``; a label file gives vehicle, camera, colour, type and how
the scene was lit and turned. The angle ``orientation`` is not read: the set does not say which
angle is the front.
"""

import re
from collections.abc import Mapping

from platefree.data.dataset import DataSet
from platefree.data.readers.labels_xml import Item
from platefree.data.readers.names import name_for, read_names
from platefree.data.readers.pictures import PictureFolder, Pictures, indices
from platefree.data.readers.veri_layout import (
    Listed,
    first_name,
    labels_of,
    listed,
)
from platefree.data.text import Folder
from platefree.errors import DataError

NAME = "vehiclex"
LOOKS_FOR = "train_label.xml with pictures named 0001_c001_1.jpg, or sys_image_train/"

_PICTURE = re.compile(r"(\d+)_(c\d+)_\d+(\.\w+)?")
_IMAGES = ("sys_image_train", "image_train", "sys_image_train_tr", "")


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of this data set."""
    first = first_name(folder)
    if not first:
        return folder.find("sys_image_train") is not None
    return _PICTURE.fullmatch(first) is not None


def read_vehiclex(folder: Folder) -> DataSet:
    """Read VehicleX: everything is the list ``train``.

    Raises:
        DataError: a list is malformed.
    """
    labels = labels_of(folder, "train")
    found = listed(folder, "train", _IMAGES[:-1], labels) or Listed([], str)
    place, odd = PictureFolder.of(folder, _IMAGES, found.names[0] if found.names else "")
    remarks = [*odd, *([] if labels else ["no train_label.xml: colours and types are unknown"])]
    pictures = Pictures()
    rows = indices(
        pictures.add(place.image(name), *_known(name, labels.get(name), found.where(number)))
        for number, name in enumerate(found.names)
    )
    table = pictures.table(
        folder.path,
        NAME,
        {"train": rows},
        colour=_kinds(folder, "color", found.names, labels, remarks),
        type=_kinds(folder, "type", found.names, labels, remarks),
    )
    return DataSet(NAME, table, lists={"train": rows}, remarks=tuple(remarks))


def _known(name: str, item: Item | None, where: str) -> tuple[str, str]:
    parts = _PICTURE.fullmatch(name)
    if parts is None:
        raise DataError(f"{where}: {name!r}, expected a name like 0001_c001_1.jpg")
    labels = (item.known("vehicleID"), item.known("cameraID")) if item else ("", "")
    return labels[0] or parts[1], labels[1] or parts[2]


def _kinds(
    folder: Folder, kind: str, names: list[str], labels: Mapping[str, Item], remarks: list[str]
) -> list[str]:
    """The colour or the type of each picture."""
    known = read_names(folder.find(f"list_{kind}.txt"))
    if known is None and labels:
        remarks.append(f"no list_{kind}.txt: numbers stand for the names")
    items = map(labels.get, names)
    return [name_for(item.known(f"{kind}ID"), known) if item else "" for item in items]
