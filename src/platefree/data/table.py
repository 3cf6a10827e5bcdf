"""Tables of pictures: a CSV file, a Parquet file, or a folder whose layout gives the labels.

One column, ``image``, is required; the others are `LABELS`, ``time``, and for sightings that are a
part of a file ``frame`` and ``x0, y0, x1, y1``; what is absent is unknown. Every cell is text, so
"0012" stays "0012"; white space around a cell is dropped. No picture is opened while a table is
read: that is what `platefree.data.check` is for.

Decided: CSV goes through Python's own parser, since it knows the line of every error, and
434,440 rows take seconds all the same.
"""

import csv
import logging
import os
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from platefree.data.columns import SPLITS, known_columns, sightings_of
from platefree.data.csv_records import csv_records
from platefree.data.dataset import DataSet
from platefree.data.frame_columns import EDGES, FRAME_COLUMNS
from platefree.data.image import IMAGE_SUFFIXES, find_pictures
from platefree.data.listed_text import reading
from platefree.data.readers.detect import find_dataset
from platefree.errors import DataError
from platefree.storage import Utf8, atomic_file
from platefree.types import LABELS, Sightings

TABLE_NAMES = ("images.csv", "images.parquet", "table.csv", "table.parquet")
"""A folder that holds one of these files is read as that table."""

_LAYOUTS = (
    "expected FOLDER/picture, FOLDER/vehicle/picture or FOLDER/{train,query,gallery}/vehicle/"
    "picture: move the pictures, or list them in a CSV file with the columns image,vehicle"
)

_log = logging.getLogger(__name__)


def read_table(path: str | Path) -> Sightings:
    """Read a table of pictures.

    Args:
        path: a ``.csv`` file (UTF-8, commas, a header), a ``.parquet`` file, or a folder. A
            folder is read as the table of `TABLE_NAMES` in it, or as the public data set
            that it holds, see `platefree.data.readers.detect.read_dataset`. Otherwise its layout
            is the table: ``vehicle/picture``, ``split/vehicle/picture``, or pictures alone, whose
            vehicles are then unknown.

    Returns:
        The rows in the order of the file, of the lists of a data set, or of the sorted paths of
        a folder. Relative image paths start at the table's folder, or at the root of the data
        set. Times without a zone are UTC.

    Raises:
        DataError: the table is missing or malformed, a picture is listed twice, or there is
            none; the message names the line (CSV) or the row (Parquet, from 1).
    """
    path = Path(path).absolute()
    with reading(path):
        if path.is_dir():
            return _read_folder(path)
        if not path.exists():
            raise DataError(f"{path} does not exist, expected a table or a folder of pictures")
        if path.suffix.lower() == ".csv":
            return _read_csv(path)
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
    raise DataError(f"{path} is no table, expected a .csv or .parquet file, or a folder")


def write_table(sightings: Sightings, path: str | Path) -> None:
    """Write a table as CSV or Parquet, by the suffix of ``path``, atomically.

    Columns without any known value are left out. Paths are relative to the folder of ``path``
    where the pictures lie under it, else absolute. Times are UTC.

    Raises:
        DataError: the suffix is neither ``.csv`` nor ``.parquet``, or a text is not Unicode.
        StorageError: the file cannot be written.
    """
    path = Path(os.path.abspath(path))
    writers = {".csv": _write_csv, ".parquet": _write_parquet}
    if path.suffix.lower() not in writers:
        raise DataError(f"{path}: a table is written as .csv or .parquet, choose one of the two")
    columns = {"image": _images_from(sightings, path.parent)}
    columns |= {name: getattr(sightings, name).tolist() for name in LABELS if sightings.knows(name)}
    try:
        with atomic_file(path) as file:
            writers[path.suffix.lower()](file, columns, sightings)
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: {error.object!r} is not Unicode text: rename it") from error


def _images_from(sightings: Sightings, folder: Path) -> list[str]:
    """(n,) image paths relative to ``folder``, or absolute where they are not under it."""
    root = os.path.abspath(sightings.root)
    images = [os.path.join(root, image) for image in sightings.image.tolist()]
    return [image.removeprefix(os.path.join(folder, "")) for image in images]


# --- CSV --------------------------------------------------------------------------------------


def _read_csv(path: Path) -> Sightings:
    records = csv_records(path)
    _, header = next(records, (0, []))
    if not header:
        raise DataError(f"{path} is empty, expected a header with at least 'image'")
    positions = known_columns(path, header)
    columns: dict[str, list[str]] = {name: [] for name in positions}
    lines = array("q")
    for line, cells in records:
        lines.append(line)
        for name, position in positions.items():
            columns[name].append(cells[position].strip())
    return sightings_of(path, columns, lambda row: f"line {lines[row]}")


def _write_csv(file: BinaryIO, columns: Mapping[str, list[str]], sightings: Sightings) -> None:
    columns = dict(columns)
    if sightings.knows("time"):
        stamps = np.datetime_as_string(sightings.time, unit="ms", timezone="UTC").tolist()
        columns["time"] = ["" if stamp == "NaT" else stamp for stamp in stamps]
    if sightings.knows("frame"):
        columns["frame"] = ["" if frame < 0 else str(frame) for frame in sightings.frame.tolist()]
    if sightings.knows("box"):
        edges = zip(EDGES, sightings.box.T, strict=True)
        columns |= {name: [_shortest(value) for value in edge] for name, edge in edges}
    # Python 3.11 leaves a lone carriage return unquoted, and then reads it as the end of a row.
    returns = any("\r" in cell for column in columns.values() for cell in column)
    quoting: Any = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    writer = csv.writer(Utf8(file), lineterminator="\n", quoting=quoting)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))


def _shortest(value: np.float32) -> str:
    """The fewest digits that give the same float32 again; NaN is an empty cell."""
    return "" if np.isnan(value) else np.format_float_positional(value, trim="-")


# --- Parquet ----------------------------------------------------------------------------------


def _read_parquet(path: Path) -> Sightings:
    times = None
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            positions = known_columns(path, names)
            for name, position in positions.items():
                _check_type(path, name, file.schema_arrow.field(position).type)
            table = file.read(columns=[names[position] for position in positions.values()])
        columns = {name: table[names[position]] for name, position in positions.items()}
        if "time" in columns and pa.types.is_temporal(columns["time"].type):
            times = columns.pop("time").to_numpy().astype("datetime64[ms]")
        texts = {name: _texts(column) for name, column in columns.items()}
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or not Parquet ({reason}): write it again") from error
    return sightings_of(path, texts, lambda row: f"row {row + 1}", times)


def _check_type(path: Path, name: str, kind: pa.DataType) -> None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    text = str(kind) in ("string", "large_string", "string_view", "null")
    if name == "time":
        if not (text or pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            raise DataError(f"{path}: column 'time' holds {kind}, expected timestamps or text")
    elif name in FRAME_COLUMNS:
        if not (text or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise DataError(f"{path}: column {name!r} holds {kind}, expected numbers or text")
    elif pa.types.is_floating(kind):
        raise DataError(
            f"{path}: column {name!r} holds {kind}, in which long ids lose digits: write it as "
            "text (pandas: .astype('Int64').astype('string'))"
        )
    elif not (text or pa.types.is_integer(kind)):
        raise DataError(f"{path}: column {name!r} holds {kind}, expected text")


def _texts(column: "pa.ChunkedArray[Any]") -> list[str]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return [(value or "").strip() for value in column.cast(pa.large_string()).to_pylist()]


def _write_parquet(file: BinaryIO, columns: Mapping[str, list[str]], sightings: Sightings) -> None:
    arrays: dict[str, pa.Array[Any]] = {
        name: pa.array([value or None for value in column], pa.string())
        for name, column in columns.items()
    }
    if sightings.knows("time"):
        arrays["time"] = pa.array(sightings.time, pa.timestamp("ms", tz="UTC"))
    if sightings.knows("frame"):
        arrays["frame"] = pa.array(sightings.frame, pa.int64(), mask=sightings.frame < 0)
    if sightings.knows("box"):
        for name, edge in zip(EDGES, sightings.box.T, strict=True):
            arrays[name] = pa.array(edge, pa.float32(), mask=np.isnan(edge))
    pq.write_table(pa.table(arrays), file)


# --- folders ----------------------------------------------------------------------------------


def dataset_at(path: str | Path) -> DataSet | None:
    """The public data set that `read_table` reads at a path.

    Returns:
        None where the path is a table, a folder of pictures, or does not exist.

    Raises:
        DataError: the folder holds several data sets, or a list is malformed.
    """
    path = Path(path).absolute()
    with reading(path):
        return find_dataset(path) if path.is_dir() and not _tables_in(path) else None


def _read_folder(folder: Path) -> Sightings:
    tables = _tables_in(folder)
    if len(tables) > 1:
        raise DataError(f"{folder} holds {' and '.join(t.name for t in tables)}: name one of them")
    if tables:
        return read_table(tables[0])
    dataset = find_dataset(folder)
    if dataset is not None:
        for remark in dataset.remarks:
            _log.warning("%s: %s", folder, remark)
        return dataset.table
    pictures = list(find_pictures(folder, depth=3))
    if not pictures:
        raise DataError(
            f"{folder} holds no pictures ({', '.join(IMAGE_SUFFIXES)}) and no {TABLE_NAMES[0]}"
        )
    images = ["/".join(parts) for parts in pictures]
    columns = {"image": images, **_folder_labels(folder, pictures)}
    return sightings_of(folder, columns, lambda row: f"picture {images[row]!r}")


def _tables_in(folder: Path) -> list[Path]:
    return [folder / name for name in TABLE_NAMES if (folder / name).is_file()]


def _folder_labels(folder: Path, pictures: list[tuple[str, ...]]) -> dict[str, list[str]]:
    depths = {len(parts): "/".join(parts) for parts in pictures}
    if len(depths) > 1:
        examples = " and ".join(list(depths.values())[:2])
        raise DataError(f"{folder} holds pictures at different depths ({examples}), {_LAYOUTS}")
    depth = len(pictures[0])
    for parts in pictures:
        # A picture directly in "train" has no vehicle; one in "cars/7" has no split.
        if depth > 3 or (depth > 1 and (parts[0].lower() in (*SPLITS, "test")) != (depth == 3)):
            raise DataError(f"{folder} holds {'/'.join(parts)}, {_LAYOUTS}")
    columns = list(zip(*pictures, strict=True))
    labels = {1: (), 2: ("vehicle",), 3: ("split", "vehicle")}[depth]
    return {name: list(column) for name, column in zip(labels, columns, strict=False)}
