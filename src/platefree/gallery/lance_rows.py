"""How a sighting is one row of a Lance table, and back.

Every column of `Sightings`; ``number``, ``identity`` (what is the same sighting), ``content``,
``crop`` (a small JPEG), ``of_week`` (see `stored_columns`) and ``group`` (see `groups_of`), and for
each space NAME the column ``space_NAME`` of half floats. A half float keeps 11 bits, so that a
similarity is kept to about 0.001; rows are given back with length 1.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platefree.errors import DataError
from platefree.gallery.conditions import UNKNOWN_TIME
from platefree.gallery.filters import absolute_images, milliseconds_of, of_week
from platefree.gallery.sighting_identity import identities
from platefree.ranking.comparison import Comparison, Cosine, l2_normalised
from platefree.ranking.space_searches import groups_of
from platefree.types import CONTENT_BYTES, LABELS, Embeddings, Floats, Indices, Sightings, Times

SPACE = "space_"
"""The columns of spaces begin with this."""

MODEL = b"platefree.model"
"""Where the schema keeps the fingerprint of the model."""

SIGHTING = ("image", *LABELS, "time", "frame", "box")
"""The columns of a sighting."""

_SPACE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ANYWHERE = Path("/")


def schema_of(embeddings: Embeddings) -> pa.Schema:
    """The columns for embeddings of this model.

    Raises:
        DataError: a space has a name that no column can have.
    """
    for name in embeddings.spaces:
        if not _SPACE_NAME.fullmatch(name):
            raise DataError(f"space {name!r} cannot be stored, expected letters, digits, _ and -")
    columns: list[tuple[str, pa.DataType]] = [
        ("number", pa.int64()),
        ("identity", pa.string()),
        ("content", pa.binary(CONTENT_BYTES)),
        *((name, pa.string()) for name in ("image", *LABELS)),
        *((name, pa.int64()) for name in ("time", "of_week", "frame", "group")),
        ("box", pa.list_(pa.float32(), 4)),
        ("crop", pa.binary()),
    ]
    columns += [
        (f"{SPACE}{name}", pa.list_(pa.float16(), rows.shape[1]))
        for name, rows in embeddings.spaces.items()
    ]
    return pa.schema(columns, {MODEL: embeddings.model.encode()})


def rows_of(
    embeddings: Embeddings, comparison: Comparison, crops: Sequence[bytes], numbers: Indices
) -> pa.Table:
    """The rows of embedded sightings, whose contents are known.

    Args:
        embeddings: of n sightings.
        comparison: how their spaces combine.
        crops: n small pictures.
        numbers: (n,) int64 numbers.

    Raises:
        DataError: a label or path is no Unicode, or a view is unknown that the comparison needs.
    """
    table, content = embeddings.sightings, embeddings.content
    assert content is not None  # noqa: S101
    columns: dict[str, Any] = {name: getattr(table, name) for name in ("frame", *LABELS)}
    columns |= {
        "number": numbers,
        "identity": hexadecimal(identities(table, content)),
        "content": _fixed_bytes(content),
        "image": absolute_images(table),
        "time": milliseconds_of(table.time),
        "of_week": of_week(table.time),
        "group": groups_of(comparison, _as_stored(embeddings, comparison)),
        "crop": crops,
    }
    schema = schema_of(embeddings)
    try:
        arrays = [
            _vectors(embeddings, field) if field.name not in columns
            else pa.array(columns[field.name], field.type)
            for field in schema
        ]  # fmt: skip
    except UnicodeEncodeError as error:
        raise DataError(
            f"{str(error.object)[:80]!a} is not Unicode, so no gallery can hold it: rename the file"
        ) from error
    return pa.Table.from_arrays(arrays, schema=schema)


def embeddings_of(rows: pa.Table, model: str) -> Embeddings:
    """The sightings of some rows, with all spaces that the rows have; numbers are left out.

    Their paths are absolute.
    """
    columns: dict[str, Any] = {
        name: np.array(rows[name].to_pylist(), object) for name in ("image", *LABELS)
    }
    columns["time"] = times_of(rows["time"].to_numpy())
    columns["frame"] = rows["frame"].to_numpy()
    columns["box"] = vectors_of(rows["box"], np.float32)
    content = np.frombuffer(b"".join(each or b"" for each in rows["content"].to_pylist()), np.uint8)
    return Embeddings(
        spaces_of(rows),
        Sightings.from_columns(_ANYWHERE, columns),
        model,
        content.reshape(-1, CONTENT_BYTES),
    )


def spaces_of(rows: pa.Table) -> dict[str, Floats]:
    """Name -> (n, d) float32 of the spaces that the rows have, rows of length 1."""
    found = {}
    for field in rows.schema:
        if field.name.startswith(SPACE):
            vectors = vectors_of(rows[field.name], np.float16).astype(np.float32)
            found[field.name.removeprefix(SPACE)] = l2_normalised(vectors, vectors)
    return found


def times_of(milliseconds: Indices) -> Times:
    """(n,) datetime64[ms] of stored times."""
    times = milliseconds.astype("datetime64[ms]")
    return np.where(milliseconds == UNKNOWN_TIME, np.datetime64("NaT", "ms"), times)


def hexadecimal(identities: "np.ndarray[Any, np.dtype[np.uint8]]") -> list[str]:
    """(n,) texts of (n, 16) identities, as they are stored."""
    whole, size = identities.tobytes().hex(), 2 * CONTENT_BYTES
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def _as_stored(embeddings: Embeddings, comparison: Comparison) -> Embeddings:
    """The embeddings as they will be read, whose predicted view may be another one."""
    if isinstance(comparison, Cosine):  # which has no groups
        return embeddings
    spaces = {
        name: l2_normalised(halves := rows.astype(np.float16).astype(np.float32), halves)
        for name, rows in embeddings.spaces.items()
    }
    return embeddings.part(spaces, embeddings.sightings)


def _fixed_bytes(contents: "np.ndarray[Any, np.dtype[np.uint8]]") -> "pa.Array[Any]":
    """A column of (n, 16) bytes."""
    buffer = pa.py_buffer(contents.tobytes())
    return pa.Array.from_buffers(pa.binary(CONTENT_BYTES), len(contents), [None, buffer])


def _vectors(embeddings: Embeddings, field: "pa.Field[Any]") -> "pa.Array[Any]":
    if field.name == "box":
        rows: Any = np.asarray(embeddings.sightings.box, np.float32)
    else:
        rows = embeddings.spaces[field.name.removeprefix(SPACE)].astype(np.float16)
    flat = pa.array(np.ascontiguousarray(rows).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def vectors_of(column: "pa.ChunkedArray[Any]", kind: type[Any]) -> Any:  # noqa: ANN401
    """(n, d) numbers of a column of lists of one length."""
    size = column.type.list_size
    parts = [np.asarray(pc.list_flatten(chunk)).reshape(-1, size) for chunk in column.chunks]
    return np.concatenate([np.empty((0, size), kind), *parts])
