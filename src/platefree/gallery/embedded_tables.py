"""Tables of sightings with their embeddings: any table, and these columns more.

- ``fingerprint``: of the model, the same in every row;
- ``space_NAME``: the row of each space, a list of numbers in Parquet, ``[0.1, 0.2]`` in CSV;
- ``content``, optional: 32 hexadecimal digits, what tells a picture from others wherever it is.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platefree.data.column_names import EMBEDDED_SPACE, is_embedded
from platefree.data.csv_records import csv_records, text_of
from platefree.data.table import read_table, write_table
from platefree.data.table_cells import TABLE
from platefree.errors import DataError
from platefree.inputs.parquet import read_parquet, read_parquet_names
from platefree.types import CONTENT_BYTES, Contents, Embeddings, Floats

_AGAIN = "'platefree gallery export --embeddings' writes such a table"


def write_embedded(embeddings: Embeddings, path: Path) -> None:
    """Write sightings with their embeddings as CSV or Parquet, by the suffix.

    Raises:
        DataError: it is another suffix, or a text is not Unicode.
        StorageError: it cannot be written.
    """
    n = len(embeddings)
    columns: dict[str, pa.Array[Any]] = {"fingerprint": pa.array([embeddings.model] * n)}
    if embeddings.content is not None:
        columns["content"] = pa.array([each.tobytes().hex() for each in embeddings.content])
    for name, rows in embeddings.spaces.items():
        flat = pa.array(np.ascontiguousarray(rows).reshape(-1))
        columns[f"{EMBEDDED_SPACE}{name}"] = pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
    write_table(embeddings.sightings, path, more=columns)


def read_embedded(path: Path) -> Embeddings:
    """Read a table of sightings with their embeddings.

    Raises:
        DataError: it is no table, has no embeddings, or they are none: of several models, of
            several lengths, not finite, or not of length 1.
    """
    table = read_table(path)
    cells = _parquet_cells(path) if path.suffix.lower() == ".parquet" else _csv_cells(path)
    models = set(cells.pop("fingerprint", []))
    contents = cells.pop("content", None)
    if len(models) != 1 or not cells:
        has = f"the fingerprints of {len(models)} models" if cells else "no embeddings"
        raise DataError(
            f"{path} has {has}, expected the columns 'fingerprint' (the same in all rows) and "
            f"'{EMBEDDED_SPACE}main': {_AGAIN}"
        )
    spaces = {
        name.removeprefix(EMBEDDED_SPACE): _rows(path, name, rows) for name, rows in cells.items()
    }
    try:
        found = Embeddings(spaces, table, str(models.pop()))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return found if contents is None else replace(found, content=_contents(path, contents))


def has_embeddings(path: Path) -> bool:
    """Whether the header of a table names embeddings."""
    if path.suffix.lower() == ".parquet":
        return bool(_embedded(read_parquet_names(path, TABLE)))
    return bool(_embedded(next(csv_records(path), (0, list[str]()))[1]))


def _embedded(header: list[str]) -> list[str]:
    return [name for name in header if is_embedded(name, header)]


def _parquet_cells(path: Path) -> dict[str, Any]:
    names = _embedded(read_parquet_names(path, TABLE))
    kinds = {name: pa.string() for name in ("fingerprint", "content")}
    schema = pa.schema([(name, kinds.get(name, pa.list_(pa.float32()))) for name in names])
    found = read_parquet(path, TABLE, schema)
    return {
        name: found[name].to_pylist() if name in kinds else found[name].combine_chunks()
        for name in names
    }


def _csv_cells(path: Path) -> dict[str, Any]:
    records = csv_records(path)
    header = [name.strip() for name in next(records, (0, list[str]()))[1]]
    places = {name: header.index(name) for name in _embedded(header)}
    cells: dict[str, list[Any]] = {name: [] for name in places}
    for line, row in records:
        for name, place in places.items():
            cell = text_of(row[place])
            if name.startswith(EMBEDDED_SPACE):
                cells[name].append(_numbers(f"{path}, line {line}", name, cell))
            else:
                cells[name].append(cell)
    return cells


def _numbers(place: str, name: str, cell: str) -> Floats:
    try:
        return np.array(cell.strip("[]").replace(",", " ").split(), np.float32)
    except ValueError as error:
        raise DataError(
            f"{place}: {cell[:40]!r} in the column {name!r}, expected numbers such as [0.1, 0.2]"
        ) from error


def _rows(path: Path, name: str, column: Any) -> Floats:  # noqa: ANN401 - of two libraries
    """(n, d) float32."""
    if isinstance(column, list):
        lengths = {len(row) for row in column}
    else:
        lengths = set(pc.list_value_length(column).unique().to_pylist())
    if len(lengths) != 1 or not lengths - {0, None}:
        raise DataError(
            f"{path}: the column {name!r} has {len(lengths)} different lengths, expected equally "
            f"many numbers in each row: {_AGAIN}"
        )
    if isinstance(column, list):
        return np.stack(column)
    flat: Floats = np.asarray(pc.list_flatten(column), np.float32)
    return flat.reshape(len(column), -1)


def _contents(path: Path, texts: list[str | None]) -> Contents:
    try:
        cells = [bytes.fromhex(text or "") or bytes(CONTENT_BYTES) for text in texts]
        if any(len(cell) != CONTENT_BYTES for cell in cells):
            raise ValueError
        return np.frombuffer(b"".join(cells), np.uint8).reshape(len(texts), CONTENT_BYTES)
    except ValueError as error:
        raise DataError(
            f"{path}: the column 'content' holds something else than {2 * CONTENT_BYTES} "
            f"hexadecimal digits: {_AGAIN}"
        ) from error
