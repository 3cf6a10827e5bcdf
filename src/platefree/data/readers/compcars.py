"""CompCars, web part (Yang, Luo, Loy and Tang, CVPR 2015): 1,716 models, whole photographs.

There is one picture of each vehicle, so vehicles are unknown. ``model`` is the class in the DRDL
paper, model and ``model_year`` together that of the VehicleNet paper, and ``make`` the number of
its folder. The cars fill only a part of
the pictures: `platefree.data.crops.crop_compcars` cuts them out, and its output is read here too,
with the viewpoints from the 136,726 label files. No list names all pictures, so all folders of
models are searched.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet, PairList
from platefree.data.listed_text import Folder, Lines, many, reading
from platefree.data.picture_files import find_pictures
from platefree.data.readers.matlab import read_cells
from platefree.data.readers.names import distinct_names
from platefree.data.readers.pictures import Pictures, indices, prefix_of, split_ending
from platefree.types import Indices

NAME = "compcars"
LOOKS_FOR = "train_test_split/classification/train.txt next to image/MAKE/MODEL/YEAR/"

CROPPED = "pictures.txt"
"""In a folder of crops: a line for each crop, its path below ``image`` and viewpoint or ``-``."""

SKIPPED = "skipped.txt"
"""In a folder of crops: pictures without a crop, and why; empty if there are none."""

IMAGES = "image"

LISTS = {
    "classification_train": "train_test_split/classification/train.txt",
    "classification_test": "train_test_split/classification/test.txt",
    "verification_train": "train_test_split/verification/verification_train.txt",
}
PAIRS = {
    kind: f"train_test_split/verification/verification_pairs_{kind}.txt"
    for kind in ("easy", "medium", "hard")
}

NAMES = ("misc/make_model_name.mat", "misc/car_type.mat", "misc/attributes.txt")
"""Files that give the names of numbers."""

_PARTS = 4  # make, model, year, picture
_EXPECTED = "a picture like 78/1/2014/3ac218c0c6c378.jpg"


def fits(folder: Folder) -> bool:
    """Whether a folder is the root of this data set, called ``data`` as it is unpacked."""
    return folder.find(*LISTS.values(), *PAIRS.values()) is not None


def read_compcars(folder: Folder) -> DataSet:
    """Read the web part of CompCars, or its crops.

    Returns:
        Lists ``classification_train``, ``classification_test``, ``verification_train``; pairs
        ``easy``, ``medium``, ``hard``, which are the same if their models are. Split is train for
        pictures that are in no test and no pair.

    Raises:
        DataError: a list is malformed.
    """
    remarks: list[str] = []
    images = folder.find(IMAGES)
    rows = _Rows(f"{IMAGES}/" if images is None else prefix_of(folder, images))
    views = _add_crops(folder, rows, remarks)
    if views is None:
        views = _add_photographs(images, rows, remarks)
    lists, pairs = dict[str, Indices](), dict[str, PairList]()
    for name, file in LISTS.items():
        path = folder.find(file)
        if path is None:
            remarks.append(f"no {file}")
            continue
        lines = Lines.read(path)
        lists[name] = indices(
            rows.of(words[0], lines, place) for place, words in lines.fields((1,), _EXPECTED)
        )
    for name, file in PAIRS.items():
        path = folder.find(file)
        if path is None:
            remarks.append(f"no {file}")
            continue
        pairs[name] = _pairs(Lines.read(path), rows)
    models, types = _models(folder, remarks), _types(folder, remarks)
    parts = [image.split("/")[-_PARTS:] for image in rows.pictures.images]
    table = rows.pictures.table(
        folder.path,
        NAME,
        {"train": _untested(len(parts), lists, pairs)},
        make=[make for make, _, _, _ in parts],
        model=[models.get(model, model) for _, model, _, _ in parts],
        model_year=[year for _, _, year, _ in parts],
        type=[types.get(model, "") for _, model, _, _ in parts],
        view=[*views, *[""] * (len(parts) - len(views))],
    )
    return DataSet(NAME, table, lists=lists, pairs=pairs, remarks=tuple(remarks))


class _Rows:
    """Rows by the path below ``image``, without its ending."""

    def __init__(self, prefix: str) -> None:
        self.pictures = Pictures()
        self._prefix = prefix
        self._rows: dict[str, int] = {}

    def add(self, path: str) -> int:
        stem = split_ending(path)[0]
        return self._rows.setdefault(stem, self.pictures.add(f"{self._prefix}{path}"))

    def of(self, path: str, lines: Lines, place: int) -> int:
        """The row of the picture that a line names."""
        row = self._rows.get(split_ending(path)[0])
        if row is not None:
            return row
        if path.count("/") != _PARTS - 1:
            raise lines.fault(place, _EXPECTED)
        return self.add(path)


def _add_crops(folder: Folder, rows: _Rows, remarks: list[str]) -> list[str] | None:
    """Add the pictures of a folder of crops; return their views, None if there are none."""
    path, skipped = folder.find(CROPPED), folder.find(SKIPPED)
    if path is None:
        return None
    lines = Lines.read(path)
    views = []
    for place, (picture, view) in lines.fields((2,), f"{_EXPECTED} and its viewpoint"):
        rows.of(picture, lines, place)
        views.append("" if view == "-" else view)
    texts = [] if skipped is None else Lines.read(skipped).texts
    if texts:
        remarks.append(f"{many(len(texts), 'picture')} without a crop, the first: {texts[0]}")
    return views


def _add_photographs(images: Path | None, rows: _Rows, remarks: list[str]) -> list[str]:
    """Add whole photographs, whose views are unknown; return no views."""
    remarks.append("whole photographs, not cropped to the cars: run 'platefree data crop' first")
    if images is None:
        remarks.append(f"no folder {IMAGES}")
        return []
    with reading(images):
        for parts in find_pictures(images, depth=_PARTS - 1):
            if len(parts) == _PARTS:
                rows.add("/".join(parts))
    return []


def _pairs(lines: Lines, rows: _Rows) -> PairList:
    expected = "two pictures and 1 for the same model, 0 for two models"
    found = []
    for place, (first, second, same) in lines.fields((3,), expected):
        if same not in ("0", "1"):
            raise lines.fault(place, expected)
        found.append((rows.of(first, lines, place), rows.of(second, lines, place), same == "1"))
    first_rows, second_rows, equal = zip(*found, strict=True) if found else ((), (), ())
    return PairList(indices(first_rows), indices(second_rows), np.array(equal, np.bool_))


def _untested(count: int, lists: Mapping[str, Indices], pairs: Mapping[str, PairList]) -> Indices:
    """Rows that are in no test."""
    free = np.ones(count, np.bool_)
    free[lists.get("classification_test", [])] = False
    for each in pairs.values():
        free[each.first] = free[each.second] = False
    return np.flatnonzero(free)


# --- names ------------------------------------------------------------------------------------


def _models(folder: Folder, remarks: list[str]) -> dict[str, str]:
    """Number of a model -> its name, followed by the number where two have the same name."""
    path = folder.find("misc/make_model_name.mat")
    if path is None:
        remarks.append("no misc/make_model_name.mat: numbers are used as names of models")
        return {}
    names = [row[0] for row in read_cells(path, "model_names")]
    return distinct_names({str(n): name for n, name in enumerate(names, 1) if name})


def _types(folder: Folder, remarks: list[str]) -> dict[str, str]:
    """Number of a model -> its body type."""
    path = folder.find("misc/attributes.txt")
    if path is None:
        remarks.append("no misc/attributes.txt: types are unknown")
        return {}
    names = folder.find("misc/car_type.mat")
    types = [name for row in read_cells(names, "types") for name in row] if names else []
    named = {str(n): name for n, name in enumerate(types, 1)}
    lines = Lines.read(path)
    known = {}
    for place, words in lines.fields((6,), "a model, four attributes and its type"):
        if place or words[0].isdecimal():  # the first line is a header
            known[words[0]] = "" if words[5] == "0" else named.get(words[5], words[5])
    return known
