"""VehicleX (Yao et al., ECCV 2020): rendered vehicles, also the ``_Simulation`` part of CityFlow.

Pictures are called ``VVVV_cCCC_N.jpg``; a label file gives vehicle, camera, color, type and how
the scene was lit and turned. The angle ``orientation`` is not read: the set does not say which
angle is the front.
"""

import re

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder
from platefree.data.readers.labels_xml import Item
from platefree.data.readers.pictures import PictureFolder, Pictures, indices
from platefree.data.readers.veri_layout import Listed, Split, first_name, kinds_of, split_of
from platefree.errors import DataError

NAME = "vehiclex"
LOOKS_FOR = "train_label.xml with pictures named 0001_c001_1.jpg, or sys_image_train/"

_PICTURE = re.compile(r"(\d+)_(c\d+)_\d+(\.\w+)?")
_IMAGES = ("sys_image_train", "image_train", "sys_image_train_tr", "")
_NOTHING = Split(Listed([], str), {}, PictureFolder(""))


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
    remarks: list[str] = []
    split = split_of(folder, "train", _IMAGES, remarks) or _NOTHING
    if not split.labels:
        remarks.append("no train_label.xml: colors and types are unknown")
    pictures, names, items = Pictures(), split.listed.names, split.items
    rows = indices(
        pictures.add(image, *_known(names[number], items[number], split.listed.where(number)))
        for number, image in enumerate(split.images)
    )
    table = pictures.table(
        folder.path,
        NAME,
        {"train": rows},
        color=kinds_of(folder, "color", items, remarks),
        type=kinds_of(folder, "type", items, remarks),
    )
    return DataSet(NAME, table, lists={"train": rows}, remarks=tuple(remarks))


def _known(name: str, item: Item | None, where: str) -> tuple[str, str]:
    parts = _PICTURE.fullmatch(name)
    if parts is None:
        raise DataError(f"{where}: {name!r}, expected a name like 0001_c001_1.jpg")
    labels = (item.known("vehicleID"), item.known("cameraID")) if item else ("", "")
    return labels[0] or parts[1], labels[1] or parts[2]
