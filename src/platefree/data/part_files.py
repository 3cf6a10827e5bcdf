"""Files of part boxes: CSV, COCO JSON, and the labels of a rendered city.

CSV: a line for each box, ``image,part,x0,y0,x1,y1`` and optionally ``score``, in pixels. A line
with only an image says that it was examined and that nothing was found. COCO JSON: as annotation
tools write it, boxes as left, top, width, height.
"""

import csv
import difflib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from platefree.data.box_places import CITY_LABELS
from platefree.data.csv_records import csv_rows
from platefree.data.formula_cells import guarded
from platefree.data.listed_text import reading
from platefree.data.part_boxes import PARTS, PartBoxes
from platefree.errors import DataError
from platefree.inputs.complaints import checked
from platefree.inputs.documents import read_json
from platefree.inputs.parquet import read_parquet
from platefree.inputs.plain_files import MB, Expected
from platefree.storage.files import Utf8, atomic_file
from platefree.types import text_column

PART_FILES = ("parts.csv", "parts.json", "labels.parquet")
"""Names of files of part boxes next to a table; the last is written by a rendered city."""

_EDGES = ("x0", "y0", "x1", "y1")
_COLUMNS = ("image", "part", *_EDGES)
_CITY = {"window": "windows", "light": "lights", "brand": "brand"}
_BOXES = pa.list_(pa.list_(pa.float32()))
_LABELS = pa.schema([("image", pa.string()), *((name, _BOXES) for name in _CITY.values())])
_COCO = Expected("part boxes in COCO's JSON", 512 * MB)  # 4 million boxes
_PLURALS = {f"{part}s": part for part in PARTS}

Entry = tuple[str, str, Sequence[float], float, str]
"""Image, part (empty: nothing was found), box, score, and its place in the file, for messages."""


def find_part_boxes(where: str, root: Path) -> PartBoxes:
    """Read the part boxes from a file, or from the one next to a table.

    Args:
        where: a file, or a folder that holds one of `PART_FILES`; empty means ``root``.
        root: the folder of the table.

    Raises:
        DataError: there is none, or it is malformed.
    """
    path = Path(where) if where else root
    if not path.is_dir():
        return read_part_boxes(path)
    for name in PART_FILES:
        if (path / name).is_file():
            return read_part_boxes(path / name)
    raise DataError(
        f"{path} holds no part boxes ({', '.join(PART_FILES)}): 'platefree parts TABLE --model "
        "DETECTOR' writes them; model.boxes=FILE (--set) names another file"
    )


def read_part_boxes(path: str | Path) -> PartBoxes:
    """Read part boxes.

    Args:
        path: ``.csv``, ``.json`` (COCO), or the ``labels.parquet`` of a city.

    Raises:
        DataError: the file is missing or malformed, a part is unknown, corners are swapped, a
            number is not finite, or the boxes are not in pixels; the message names the place.
    """
    path = Path(path).absolute()
    readers = {".csv": _csv_entries, ".json": _coco_entries, ".parquet": _city_entries}
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.exists():
        found = "is not a file of part boxes" if path.exists() else "does not exist"
        raise DataError(
            f"{path} {found}, expected part boxes as .csv ({','.join(_COLUMNS)}), .json (COCO) or "
            "the labels.parquet of a city"
        )
    with reading(path):
        return _boxes(path, reader(path))


def write_part_boxes(boxes: PartBoxes, path: str | Path) -> None:
    """Write part boxes as CSV, atomically; paths are relative where pictures lie under its folder.

    Raises:
        DataError: the name does not end in ``.csv``.
        StorageError: the file cannot be written.
    """
    path = Path(os.path.abspath(path))
    if path.suffix.lower() != ".csv":
        raise DataError(f"{path}: part boxes are written as .csv")
    parent = os.path.join(path.parent, "")
    names = [
        guarded(os.path.abspath(boxes.root / name).removeprefix(parent)) for name in boxes.image
    ]
    order = np.argsort(boxes.picture, kind="stable")
    places = np.searchsorted(boxes.picture[order], np.arange(len(names) + 1))
    with atomic_file(path) as file:
        writer = csv.writer(Utf8(file), lineterminator="\n")
        writer.writerow([*_COLUMNS, "score"])
        for number, name in enumerate(names):
            rows = order[places[number] : places[number + 1]].tolist()
            for row in rows:
                edges = [f"{edge:.2f}" for edge in boxes.box[row]]
                score = f"{boxes.score[row]:.4f}"
                writer.writerow([name, PARTS[boxes.part[row]], *edges, score])
            if not rows:
                writer.writerow([name, *[""] * 6])


def _boxes(path: Path, entries: Iterator[Entry]) -> PartBoxes:
    place_of: dict[str, int] = {}
    picture, parts, boxes, scores = list[int](), list[int](), list[Sequence[float]](), list[float]()
    for image, part, box, score, place in entries:
        number = place_of.setdefault(image, len(place_of))
        if part == "":
            continue
        picture.append(number)
        parts.append(_part(path, part, place))
        boxes.append(_checked(path, box, place))
        scores.append(score)
    if not place_of:
        raise DataError(f"{path} names no picture, expected at least one")
    edges = np.array(boxes, np.float64).reshape(-1, 4)
    if len(edges) and edges.max() <= 1.0:
        raise DataError(
            f"{path}: no coordinate is above 1, so these are fractions of width and height, "
            "expected pixels: multiply them by the size of their pictures"
        )
    return PartBoxes(
        path.parent,
        text_column(place_of, "image"),
        np.array(picture, np.int64),
        np.array(parts, np.int64),
        edges,
        np.array(scores, np.float64),
    )


def _part(path: Path, name: str, place: str) -> int:
    known = _PLURALS.get(name.strip().lower(), name.strip().lower())
    if known in PARTS:
        return PARTS.index(known)
    near = difflib.get_close_matches(known, PARTS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ": rename it, or leave its boxes out"
    raise DataError(
        f"{path}, {place}: part {name[:40]!r} is unknown, expected {', '.join(PARTS)}{hint}"
    )


def _checked(path: Path, box: Sequence[float], place: str) -> Sequence[float]:
    shown = ", ".join(f"{edge:g}" for edge in box)
    if not all(map(math.isfinite, box)):
        raise DataError(f"{path}, {place}: box {shown} is not finite, expected pixels")
    if box[0] >= box[2] or box[1] >= box[3]:
        raise DataError(
            f"{path}, {place}: the lower right corner of box {shown} is not right of and below the "
            "upper left one, expected left, top, right, bottom (not width and height)"
        )
    return box


# --- CSV --------------------------------------------------------------------------------------


def _csv_entries(path: Path) -> Iterator[Entry]:
    what = f"part boxes are {','.join(_COLUMNS)} in pixels: left, top, right, bottom"
    for line, row in csv_rows(path, _COLUMNS, what, ("score",)):
        place = f"line {line}"
        if row["image"] == "":
            raise DataError(f"{path}, {place}: no image, expected the path of a picture")
        if row["part"] == "":
            if any(row[name] for name in _EDGES):
                raise DataError(
                    f"{path}, {place}: a box without a part, expected {', '.join(PARTS)}"
                )
            yield row["image"], "", (), 0.0, place
            continue
        box = [_number(path, row[name], place) for name in _EDGES]
        score = row.get("score", "")
        yield row["image"], row["part"], box, _number(path, score, place) if score else 1.0, place


def _number(path: Path, text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{path}, {place}: {text[:40]!r}, expected a number of pixels") from None


# --- COCO -------------------------------------------------------------------------------------


Number = int | str


class _Image(BaseModel):
    model_config = ConfigDict(strict=True)

    id: Number
    file_name: Annotated[str, Field(min_length=1, max_length=10_000)]


class _Category(BaseModel):
    model_config = ConfigDict(strict=True)

    id: Number
    name: Annotated[str, Field(max_length=1000)]


class _Annotation(BaseModel):
    model_config = ConfigDict(strict=True)

    image_id: Number
    category_id: Number
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)]
    score: Annotated[float, Field(ge=0, le=1)] = 1.0


class _Coco(BaseModel):
    """What is used of a COCO file; annotation tools write much more."""

    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


def _coco_entries(path: Path) -> Iterator[Entry]:
    content = checked(_Coco, read_json(path, _COCO), f"{path} as COCO", error=DataError)
    names = {image.id: image.file_name for image in content.images}
    parts = {each.id: each.name for each in content.categories}
    for image in content.images:
        if names[image.id] != image.file_name:
            raise DataError(f"{path}: two images have the id {image.id!r}, expected one each")
        yield image.file_name, "", (), 0.0, "images"
    for number, each in enumerate(content.annotations, 1):
        place = f"annotation {number}"
        if each.image_id not in names or each.category_id not in parts:
            raise DataError(
                f"{path}, {place}: image_id {each.image_id!r} or category_id "
                f"{each.category_id!r} is not in the file, expected those of its images and "
                "categories"
            )
        left, top, width, height = each.bbox
        box = (left, top, left + width, top + height)
        yield names[each.image_id], parts[each.category_id], box, each.score, place


# --- city -------------------------------------------------------------------------------------


def _city_entries(path: Path) -> Iterator[Entry]:
    table = read_parquet(path, CITY_LABELS, _LABELS)
    columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in table.column_names}
    for row, image in enumerate(columns["image"]):
        if not image:
            raise DataError(f"{path}, row {row + 1}: no image, expected the path of a picture")
        yield image, "", (), 0.0, f"row {row + 1}"
        for part, name in _CITY.items():
            for box in columns[name][row] or ():
                if box is None or len(box) != 4 or None in box:
                    raise DataError(f"{path}, row {row + 1}: a box needs four numbers in {name!r}")
                yield image, part, box, 1.0, f"row {row + 1}"
