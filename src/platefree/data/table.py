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
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from platefree.data.column_names import known_columns
from platefree.data.columns import sightings_of
from platefree.data.csv_records import csv_records, text_of
from platefree.data.dataset import DataSet
from platefree.data.folder_labels import folder_labels
from platefree.data.formula_cells import guarded
from platefree.data.frame_columns import EDGES, FRAME_COLUMNS
from platefree.data.listed_text import many, reading
from platefree.data.outer_blanks import refuse_outer_blanks, without_outer_blanks
from platefree.data.picture_files import IMAGE_SUFFIXES, find_pictures
from platefree.data.readers.detect import find_dataset, set_around
from platefree.data.relocate import relocated
from platefree.data.table_cells import MOST_BYTES, TABLE, TableCells, too_large
from platefree.data.unknown_cells import literal
from platefree.errors import DataError
from platefree.inputs.parquet import MOST_ROWS
from platefree.inputs.plain_files import open_input, require_utf8
from platefree.storage.files import Utf8, atomic_file
from platefree.types import LABELS, Sightings, Times

TABLE_NAMES = ("images.csv", "images.parquet", "table.csv", "table.parquet")
"""A folder that holds one of these files is read as that table."""

_LINES, _PIECE = 1024, 65_536  # rows of CSV and of Parquet that are read at a time

_NO_COLUMNS: Mapping[str, "pa.Array[Any]"] = {}

_log = logging.getLogger(__name__)


def read_table(path: str | Path, *, root: str | Path | None = None) -> Sightings:
    """Read a table of pictures.

    Args:
        path: a ``.csv`` file (UTF-8, commas, a header), a ``.parquet`` file, or a folder. A
            folder is read as the table of `TABLE_NAMES` in it, or as the public data set
            that it holds, see `platefree.data.readers.detect.read_dataset`. Otherwise its layout
            is the table: ``vehicle/picture``, ``split/vehicle/picture``, or pictures alone, whose
            vehicles are then unknown.
        root: where relative image paths of a table start, instead of at its folder.

    Returns:
        The rows in the order of the file, of the lists of a data set, or of the sorted paths of
        a folder. Relative image paths start at the table's folder, or at the root of the data
        set. Times without a zone are UTC.

    Raises:
        DataError: the table is missing or malformed, a picture is listed twice, or there is
            none; the message names the line (CSV) or the row (Parquet, from 1). With ``root``:
            as `platefree.data.relocate.relocated`.
    """
    path = Path(path).absolute()
    require_utf8(path, TABLE)
    if root is not None:
        if path.is_dir() and not _tables_in(path):
            raise DataError(
                f"{path} is a folder without a table, and only a table can have another "
                "root: leave root out"
            )
        return relocated(read_table(path), root)
    with reading(path):
        if path.is_dir():
            return _read_folder(path)
        if not path.exists():
            raise DataError(f"{path} does not exist, expected a table or a folder of pictures")
        if path.suffix.lower() == ".csv":
            return _read_csv(path)
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
    raise DataError(f"{path} is not a table, expected a .csv or .parquet file, or a folder")


def write_table(
    sightings: Sightings, path: str | Path, more: Mapping[str, "pa.Array[Any]"] = _NO_COLUMNS
) -> None:
    """Write a table as CSV or Parquet, by the suffix of ``path``, atomically.

    Columns without any known value are left out. Paths are relative to the folder of ``path``
    where the pictures lie under it, else absolute. Times are UTC.

    Args:
        sightings: the n rows.
        path: of the file.
        more: (n,) further columns, of texts or of lists of numbers.

    Raises:
        DataError: the suffix is neither ``.csv`` nor ``.parquet``, a text is not Unicode, or white
            space around texts, which is dropped, tells two labels apart or is part of a path.
        StorageError: the file cannot be written.
    """
    path = Path(os.path.abspath(path))
    writers = {".csv": _write_csv, ".parquet": _write_parquet}
    if path.suffix.lower() not in writers:
        raise DataError(f"{path}: a table is written as .csv or .parquet, choose one of the two")
    columns = {"image": _images_from(sightings, path.parent)}
    refuse_outer_blanks(path, columns["image"])
    for name in filter(sightings.knows, LABELS):
        labels = without_outer_blanks(path, name, getattr(sightings, name).tolist())
        columns[name] = [literal(label) for label in labels]
    try:
        with atomic_file(path) as file:
            writers[path.suffix.lower()](file, columns, sightings, more)
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
    lines = array("q")
    cells = TableCells(path, positions, lambda row: f"line {lines[row]}", text_of)
    while piece := list(islice(records, _LINES)):
        lines.extend(line for line, _ in piece)
        columns = list(zip(*(row for _, row in piece), strict=True))
        cells.add({name: columns[place] for name, place in positions.items()})
    return sightings_of(path, cells)


def _write_csv(
    file: BinaryIO,
    columns: Mapping[str, list[str]],
    sightings: Sightings,
    more: Mapping[str, "pa.Array[Any]"],
) -> None:
    texts = {name: list(map(guarded, column)) for name, column in columns.items()}
    numbers: dict[str, list[str]] = {}
    if sightings.knows("time"):
        stamps = np.datetime_as_string(sightings.time, unit="ms", timezone="UTC").tolist()
        numbers["time"] = ["" if stamp == "NaT" else stamp for stamp in stamps]
    if sightings.knows("frame"):
        numbers["frame"] = ["" if frame < 0 else str(frame) for frame in sightings.frame.tolist()]
    if sightings.knows("box"):
        edges = zip(EDGES, sightings.box.T, strict=True)
        numbers |= {name: [_shortest(value) for value in edge] for name, edge in edges}
    numbers |= {name: [_cell(value) for value in column] for name, column in more.items()}
    # Python 3.11 leaves a lone carriage return unquoted, and then reads it as the end of a row.
    returns = any("\r" in cell for column in texts.values() for cell in column)
    quoting: Any = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    writer = csv.writer(Utf8(file), lineterminator="\n", quoting=quoting)
    writer.writerow([*texts, *numbers])
    writer.writerows(zip(*texts.values(), *numbers.values(), strict=True))


def _cell(value: Any) -> str:  # noqa: ANN401 - of pyarrow
    """A text, or a list of numbers in brackets, which no spreadsheet takes for a formula."""
    if isinstance(value, pa.StringScalar):
        return guarded(value.as_py())
    return f"[{', '.join(map(str, value.values.to_numpy()))}]"


def _shortest(value: np.float32) -> str:
    """The fewest digits that give the same float32 again; NaN is an empty cell."""
    return "" if np.isnan(value) else np.format_float_positional(value, trim="-")


# --- Parquet ----------------------------------------------------------------------------------


def _read_parquet(path: Path) -> Sightings:
    times: list[Times] = []
    with open_input(path, TABLE) as opened:
        try:
            schema = pq.read_schema(opened)
            positions = known_columns(path, schema.names)
            for name, position in positions.items():
                _check_type(path, name, schema.field(position).type)
            columns = {name: schema.names[position] for name, position in positions.items()}
            timed = "time" in columns and pa.types.is_temporal(schema.field(positions["time"]).type)
            texts = [name for name in columns if not (timed and name == "time")]
            cells = TableCells(path, texts, lambda row: f"row {row + 1}")
            # As a dictionary, a long text that each row repeats is stored, and checked, once.
            with pq.ParquetFile(opened, read_dictionary=_text_columns(schema)) as file:
                _refuse_large(path, file.metadata)
                for batch in file.iter_batches(_PIECE, columns=list(columns.values())):
                    cells.add({name: _texts(batch.column(columns[name])) for name in texts})
                    if timed:
                        moments = batch.column(columns["time"]).to_numpy(zero_copy_only=False)
                        times.append(moments.astype("datetime64[ms]"))
        except MemoryError:
            raise
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"{path} is damaged or not Parquet ({reason}): write it again"
            ) from error
    return sightings_of(path, cells, np.concatenate(times) if times else None)


def _text_columns(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if str(field.type) in ("string", "large_string")]


def _refuse_large(path: Path, metadata: pq.FileMetaData) -> None:
    if metadata.num_rows > MOST_ROWS:
        raise DataError(too_large(path, many(metadata.num_rows, "row")))
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    size = sum(group.total_byte_size for group in groups)  # before compression
    if size > MOST_BYTES:
        raise DataError(too_large(path, many(size, "byte")))


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


def _texts(column: Any) -> list[str]:  # noqa: ANN401 - arrays of pyarrow, of two kinds
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.large_string()).dictionary_encode()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    used, places = np.unique(codes, return_inverse=True)
    known = column.dictionary.take(pa.array(used[used >= 0])).cast(pa.large_string()).to_pylist()
    unknown = [""] * (len(used) - len(known))  # the code -1 comes first
    texts: list[str] = np.array([*unknown, *(text or "" for text in known)], object)[
        places
    ].tolist()
    return texts


def _write_parquet(
    file: BinaryIO,
    columns: Mapping[str, list[str]],
    sightings: Sightings,
    more: Mapping[str, "pa.Array[Any]"],
) -> None:
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
    pq.write_table(pa.table(arrays | dict(more)), file)


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
    passed_over: Counter[str] = Counter()
    pictures = list(find_pictures(folder, depth=3, passed_over=passed_over))
    if passed_over:
        found = ", ".join(f"{count:,} {kind}" for kind, count in passed_over.most_common())
        _log.warning(
            "note: %s: passed over, since their endings are not those of pictures: %s",
            folder,
            found,
        )
    if not pictures:
        raise DataError(
            f"{folder} holds no pictures ({', '.join(IMAGE_SUFFIXES)}) within three folders, and "
            f"no {TABLE_NAMES[0]}"
        )
    images = ["/".join(parts) for parts in pictures]
    columns = {"image": images, **folder_labels(folder, pictures)}
    if "vehicle" in columns:
        columns["vehicle"] = without_outer_blanks(folder, "vehicle", columns["vehicle"])
    around = set_around(folder)
    if around and "vehicle" in columns:
        raise DataError(around)
    if around:
        _log.warning("note: no labels are read: %s", around)
    cells = TableCells(folder, columns, lambda row: f"picture {images[row]!r}", str)
    cells.add(columns)
    return sightings_of(folder, cells)


def _tables_in(folder: Path) -> list[Path]:
    return [folder / name for name in TABLE_NAMES if (folder / name).is_file()]
