"""How a sighting is a record of Milvus, and back.

The rows are those of `lance_rows`, with vectors as 32-bit floats (rounded to half floats as there),
bytes as text, and one collection for each space: servers before 2.4 have one field of vectors in a
collection, later ones four. What filters look at is in all of them, the rest in the first. The
camera is the key of the partitions: a new camera needs no change of the collection by whoever first
adds it, and a search of some cameras reads their partitions alone.
"""

import base64
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from platefree.errors import DataError
from platefree.gallery.filters import LABEL_CONDITIONS
from platefree.gallery.lance_rows import SPACE, vectors_of
from platefree.gallery.milvus_engine import Records, milvus_client
from platefree.types import CONTENT_BYTES, LABELS

PARTITIONS = 16
"""Cameras are spread over so many parts by their names."""

INDEX = {
    "index_type": "HNSW",
    "metric_type": "COSINE",
    "params": {"M": 16, "efConstruction": 200},
}
"""The index of each space; the server builds one for each of its segments of 1,024 rows or more."""

FILTERED = ("image", *LABEL_CONDITIONS.values())
"""Texts that conditions look at."""

NUMBERS = ("number", "time", "of_week", "group")
"""Whole numbers that conditions look at."""

_REST = ("identity", "content", "box", "crop", *(name for name in LABELS if name not in FILTERED))
_LONGEST = 65_535  # bytes of a text
_REQUEST = 8 << 20  # bytes that are sent at a time; the server takes 64 MB


def fields_of(size: int, *, first: bool) -> Any:  # noqa: ANN401
    """The fields of a collection.

    Args:
        size: numbers of a vector.
        first: whether it has all columns.
    """
    client = milvus_client()
    kinds, fields = client.DataType, client.MilvusClient.create_schema(auto_id=False)
    for name in (*NUMBERS, *(("frame",) if first else ())):
        fields.add_field(name, kinds.INT64, is_primary=name == "number")
    for name in (*FILTERED, *(_REST if first else ())):
        key = {"is_partition_key": True} if name == "camera" else {}
        fields.add_field(name, kinds.VARCHAR, max_length=_LONGEST, **key)
    fields.add_field("vector", kinds.FLOAT_VECTOR, dim=size)
    return fields


def requests_of(rows: pa.Table, space: str, *, first: bool) -> Iterator[Records]:
    """The records of some rows of `lance_rows` for the collection of a space, in parts.

    Raises:
        DataError: a text is too long.
    """
    names = [*NUMBERS, *FILTERED, *((*_REST, "frame") if first else ())]
    vectors = vectors_of(rows[f"{SPACE}{space}"], np.float16).astype(np.float32)
    texts = {name: _stored(rows, name) for name in names}
    for name, values in texts.items():
        if name not in (*NUMBERS, "frame"):
            _refuse_long(name, values)
    bytes_each = vectors.shape[1] * 4 + 1_000 + max(map(len, texts.get("crop", [""])), default=0)
    step = max(1, _REQUEST // bytes_each)
    for start in range(0, len(rows), step):
        part = range(start, min(start + step, len(rows)))
        yield [
            {**{name: texts[name][row] for name in names}, "vector": vectors[row]} for row in part
        ]


def rows_of_records(
    records: dict[str, Records], columns: Iterable[str], sizes: dict[str, int]
) -> pa.Table:
    """The rows of `lance_rows` that records are.

    Args:
        records: space -> records, each for the same sightings in the same order.
        columns: of `lance_rows`; a space's is made of its own records, others of the first.
        sizes: column of vectors -> their size.
    """
    first = next(iter(records.values()))
    made = {}
    for name in columns:
        if name.startswith(SPACE):
            of_space = records[name.removeprefix(SPACE)]
            vectors = np.array([each["vector"] for each in of_space], np.float16)
            made[name] = _lists(vectors.reshape(-1, sizes[name]))
        else:
            made[name] = _column(name, [each[name] for each in first])
    return pa.table(made)


def _stored(rows: pa.Table, name: str) -> list[Any]:
    """The values of a column as the server takes them."""
    if name == "box":
        boxes = vectors_of(rows["box"], np.float32).astype("<f4")
        return [each.tobytes().hex() for each in boxes]
    values: list[Any] = rows[name].to_pylist()
    if name == "content":
        return [each.hex() for each in values]
    if name == "crop":
        return [base64.b64encode(each).decode() for each in values]
    return values


def _column(name: str, values: list[Any]) -> "pa.Array[Any]":
    if name in (*NUMBERS, "frame"):
        return pa.array(values, pa.int64())
    if name == "box":
        whole = bytes.fromhex("".join(values))
        return _lists(np.frombuffer(whole, "<f4").astype(np.float32).reshape(-1, 4))
    if name == "content":
        return pa.array(map(bytes.fromhex, values), pa.binary(CONTENT_BYTES))
    if name == "crop":
        return pa.array(map(base64.b64decode, values), pa.binary())
    return pa.array(values, pa.string())


def _lists(rows: Any) -> "pa.Array[Any]":  # noqa: ANN401
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])


def _refuse_long(name: str, values: list[str]) -> None:
    for value in values:
        if len(value) > _LONGEST // 4 and len(value.encode()) > _LONGEST:
            raise DataError(
                f"the {name} {value[:40]!r}... has {len(value.encode()):,} bytes, and a Milvus "
                f"server takes {_LONGEST:,}"
            )
