"""Tight boxes around the vehicles of pictures: read from a file, assigned to the rows of a table.

VehicleNet (TMM 2020, section IV-C) detects each vehicle again, since data sets crop loosely.
CSV: a line for each box, ``image,left,top,right,bottom`` in pixels of the picture as displayed. A
line with only an image says that nothing was found in it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from platefree.data.box_places import CITY_LABELS, fractions_of_pictures, rows_of
from platefree.data.csv_records import csv_rows
from platefree.data.listed_text import reading
from platefree.errors import DataError
from platefree.inputs.parquet import read_parquet
from platefree.types import Sightings

VEHICLE_FILES = ("boxes.csv", "labels.parquet")
"""Names of files of vehicle boxes next to a table; the last is written by a rendered city."""

_EDGES = ("left", "top", "right", "bottom")

_CITY = pa.schema([("image", pa.string()), ("vehicle_box", pa.list_(pa.float32()))])

BoxFractions = NDArray[np.float64]
"""(n, 4) left, top, right, bottom as fractions of width and height; NaN where there is no box."""


def find_vehicle_boxes(where: str, root: Path) -> Path:
    """Where the file of vehicle boxes is.

    Args:
        where: a file, or a folder that holds one of `VEHICLE_FILES`; empty means ``root``.
        root: the folder of the table.

    Raises:
        DataError: there is none.
    """
    path = Path(where) if where else root
    if not path.is_dir():
        return path
    for name in VEHICLE_FILES:
        if (path / name).is_file():
            return path / name
    raise DataError(
        f"{path} holds no boxes of vehicles ({', '.join(VEHICLE_FILES)}); name a file with "
        "post.crop.boxes=FILE, or a detector with post.crop.model=torchvision:NAME"
    )


def read_vehicle_boxes(path: Path, table: Sightings) -> BoxFractions:
    """Where the vehicle is in each picture of a table; of several boxes, the largest.

    Args:
        path: a ``.csv``, or the ``labels.parquet`` of a city.
        table: the n pictures.

    Returns:
        (n, 4) fractions.

    Raises:
        DataError: the file is missing or malformed, a box has no area or lies outside of its
            picture, or the file names no picture of the table.
        ImageError: a picture with a box cannot be read.
    """
    readers = {".csv": _csv_boxes, ".parquet": _city_boxes}
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():
        found = "is not a file of vehicle boxes" if path.exists() else "does not exist"
        raise DataError(
            f"{path} {found}, expected boxes of vehicles as .csv (image,{','.join(_EDGES)}) or "
            "the labels.parquet of a city"
        )
    path = path.absolute()
    with reading(path):
        entries = list(reader(path))
    if not entries:
        raise DataError(f"{path} names no picture, expected at least one")
    rows = rows_of([name for name, _ in entries], path.parent, table, "vehicle box")
    kept = [
        (row, box) for row, (_, box) in zip(rows.tolist(), entries, strict=True) if row >= 0 and box
    ]
    row = np.array([row for row, _ in kept], np.int64)
    box = np.array([box for _, box in kept], np.float64).reshape(-1, 4)
    if len(box) and box.max() <= 1.0:
        raise DataError(
            f"{path}: no coordinate is above 1, so these are fractions of width and height, "
            "expected pixels: multiply them by the size of their pictures"
        )
    return largest(fractions_of_pictures(box, table, row, "vehicle box"), row, len(table))


def largest(fraction: BoxFractions, row: NDArray[np.int64], rows: int) -> BoxFractions:
    """(rows, 4) the largest box of each row, the first of equally large ones; NaN without a box.

    Args:
        fraction: (n, 4) boxes.
        row: (n,) the row that each box belongs to.
        rows: number of rows.
    """
    kept = np.full((rows, 4), np.nan)
    areas = (fraction[:, 2] - fraction[:, 0]) * (fraction[:, 3] - fraction[:, 1])
    for place in np.argsort(-areas, kind="stable"):
        if np.isnan(kept[row[place], 0]):
            kept[row[place]] = fraction[place]
    return kept


def with_margin(fraction: BoxFractions, margin: float) -> BoxFractions:
    """Boxes with a margin added on each side, a fraction of their own size, within the picture."""
    grown = fraction.copy()
    by = margin * (fraction[:, 2:] - fraction[:, :2])
    grown[:, :2] -= by
    grown[:, 2:] += by
    return grown.clip(0.0, 1.0)


Entry = tuple[str, tuple[float, ...]]
"""Image and box; empty where nothing was found."""


def _csv_boxes(path: Path) -> Iterator[Entry]:
    columns = ("image", *_EDGES)
    what = f"vehicle boxes are {','.join(columns)} in pixels"
    for line, row in csv_rows(path, columns, what, ("score",)):
        texts = [row[name] for name in _EDGES]
        if row["image"] == "":
            raise DataError(f"{path}, line {line}: no image, expected the path of a picture")
        yield row["image"], _box(path, f"line {line}", texts) if any(texts) else ()


def _box(path: Path, place: str, edges: Sequence[str | float]) -> tuple[float, ...]:
    try:
        box = tuple(map(float, edges))
    except ValueError:
        box = (np.nan,) * 4
    if not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
        shown = ", ".join(str(edge)[:20] for edge in edges)
        raise DataError(
            f"{path}, {place}: {shown} is not a box, expected left, top, right, bottom in "
            "pixels, the lower right corner right of and below the upper left one"
        )
    return box


def _city_boxes(path: Path) -> Iterator[Entry]:
    table = read_parquet(path, CITY_LABELS, _CITY)
    columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in table.column_names}
    for row, (image, box) in enumerate(zip(*columns.values(), strict=True), 1):
        edges = tuple(box or ())
        if not image or len(edges) != 4 or None in edges:
            raise DataError(f"{path}, row {row}: expected a picture and a box of four numbers")
        yield image, _box(path, f"row {row}", edges) if any(edges) else ()
