"""Parquet, read in parts: a small file can unpack to any size."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from platefree.errors import PlatefreeError
from platefree.inputs.plain_files import GB, Expected, open_input

MOST_ROWS = 10_000_000
"""Rows that a table may have: more would take some 5 GB, and hours to open its pictures once."""

_MOST_BYTES = 4 * GB  # unpacked
_ROWS = 1024  # unpacked at a time


def read_parquet(path: str | Path, expected: Expected, schema: pa.Schema | None = None) -> pa.Table:
    """Columns of a Parquet file.

    Args:
        path: the file.
        expected: what it should be.
        schema: names of the columns and the types that they are cast to; by default all columns as
            they are.

    Raises:
        PlatefreeError: an ``expected.error``: the file cannot be read, is damaged, lacks a column,
            has one of another type, or has more rows or bytes than such a table can have.
    """
    with open_input(path, expected) as file:
        try:
            with pq.ParquetFile(file) as parquet:
                rows = parquet.metadata.num_rows
                wanted = parquet.schema_arrow if schema is None else schema
                missing = [name for name in wanted.names if name not in parquet.schema_arrow.names]
                if not missing and rows <= MOST_ROWS:
                    return pa.Table.from_batches(_batches(path, expected, parquet, wanted), wanted)
        except MemoryError:
            raise
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise _damaged(path, expected, error) from error
    if missing:
        raise expected.error(
            f"{path} lacks the column {missing[0]!r}, expected {expected.noun} with "
            f"{', '.join(wanted.names)}"
        )
    raise expected.error(f"{path} has {rows:,} rows, expected at most {MOST_ROWS:,}: divide it")


def read_parquet_names(path: str | Path, expected: Expected) -> list[str]:
    """The names of the columns of a Parquet file.

    Raises:
        PlatefreeError: an ``expected.error``: the file cannot be read, or is damaged.
    """
    with open_input(path, expected) as file:
        try:
            return list(pq.ParquetFile(file).schema_arrow.names)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise _damaged(path, expected, error) from error


def _damaged(path: str | Path, expected: Expected, error: Exception) -> PlatefreeError:
    reason = " ".join(str(error).split())[:200]
    return expected.error(
        f"{path} is damaged or not Parquet ({reason}), expected {expected.noun}: write or copy it "
        "again"
    )


def _batches(
    path: str | Path, expected: Expected, parquet: pq.ParquetFile, schema: pa.Schema
) -> list[pa.RecordBatch]:
    batches, size = list[pa.RecordBatch](), 0
    for batch in parquet.iter_batches(_ROWS, columns=schema.names, use_threads=False):
        size += batch.nbytes
        if size > _MOST_BYTES:
            raise expected.error(
                f"{path} unpacks to more than {_MOST_BYTES:,} bytes, expected {expected.noun}: "
                "divide it, or leave out long texts"
            )
        kept = batch.select(schema.names).cast(schema)
        kept.validate(full=True)  # among other things that texts are UTF-8
        batches.append(kept)
    return batches
