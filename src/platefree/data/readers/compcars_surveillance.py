"""CompCars, surveillance part (``sv_data``): fronts of cars of 281 models.

Vehicles and cameras are unknown. Colors are numbers in the files; their meaning is in the
README of the data set.
"""

from platefree.data.dataset import DataSet
from platefree.data.listed_text import Folder, Lines
from platefree.data.readers.matlab import read_cells
from platefree.data.readers.names import distinct_names
from platefree.data.readers.pictures import PictureFolder, Pictures, indices, split_ending
from platefree.types import Indices

NAME = "compcars-surveillance"
LOOKS_FOR = "train_surveillance.txt or test_surveillance.txt"

_LISTS = {
    "classification_train": "train_surveillance.txt",
    "classification_test": "test_surveillance.txt",
}
_EXPECTED = "a picture like 1/d5dcefddcde927.jpg"
_COLORS = (
    *("black", "white", "red", "yellow", "blue"),
    *("green", "purple", "brown", "champagne", "silver"),
)


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of this data set, called ``sv_data`` as it is unpacked."""
    return folder.find(*_LISTS.values()) is not None


def read_surveillance(folder: Folder) -> DataSet:
    """Read the surveillance part of CompCars.

    Returns:
        Lists ``classification_train`` and ``classification_test``; split is train or unknown.

    Raises:
        DataError: a list is malformed.
    """
    pictures, remarks, lists = Pictures(), list[str](), dict[str, Indices]()
    for name, file in _LISTS.items():
        path = folder.find(file)
        if path is None:
            remarks.append(f"no {file}")
            continue
        lines = Lines.read(path)
        rows = list(lines.fields((1,), _EXPECTED))
        place, odd = PictureFolder.of(folder, ("image",), rows[0][1][0] if rows else "")
        remarks += odd
        for number, (picture,) in rows:
            if picture.count("/") != 1:
                raise lines.fault(number, _EXPECTED)
        seen: set[int] = set()
        lists[name] = indices(
            pictures.add_labelled(place.image(picture), "", "", lines, number, seen)
            for number, (picture,) in rows
        )
    splits = {"train": lists["classification_train"]} if "classification_train" in lists else {}
    parts = [image.split("/")[-2:] for image in pictures.images]
    models, colors = _models(folder, remarks), _colors(folder, remarks)
    table = pictures.table(
        folder.path,
        NAME,
        splits,
        model=[models.get(model, model) for model, _ in parts],
        color=[colors.get(split_ending(f"{model}/{name}")[0], "") for model, name in parts],
    )
    return DataSet(NAME, table, lists=lists, remarks=tuple(remarks))


def _models(folder: Folder, remarks: list[str]) -> dict[str, str]:
    """Number of a model -> its make and name."""
    path = folder.find("sv_make_model_name.mat")
    if path is None:
        remarks.append("no sv_make_model_name.mat: numbers are used as names of models")
        return {}
    rows = enumerate(read_cells(path, "sv_make_model_name"), 1)
    return distinct_names({str(number): f"{row[0]} {row[1]}".strip() for number, row in rows})


def _colors(folder: Folder, remarks: list[str]) -> dict[str, str]:
    """Picture, without its ending -> color; -1 is unknown."""
    path = folder.find("color_list.mat")
    if path is None:
        remarks.append("no color_list.mat: colors are unknown")
        return {}
    rows = read_cells(path, "color_list")
    return {
        split_ending(row[0])[0]: _COLORS[int(row[1])]
        for row in rows
        if row[1].isdecimal() and int(row[1]) < len(_COLORS)
    }
