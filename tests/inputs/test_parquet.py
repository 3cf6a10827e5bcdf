"""Parquet files that unpack to any size, or hold other types, are refused before they are whole."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from messages import facts

from platefree.errors import DataError
from platefree.inputs import parquet
from platefree.inputs.parquet import read_parquet
from platefree.inputs.plain_files import GB, Expected

TABLE = Expected("a table", GB)
SCHEMA = pa.schema([("image", pa.string()), ("box", pa.list_(pa.float32()))])


def written(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_columns_are_read_and_cast(tmp_path: Path) -> None:
    images, boxes = [f"{n}.jpg" for n in range(5000)], [[1.0, 2.0]] * 4999 + [None]
    path = written(
        tmp_path / "a.parquet", box=boxes, other=[1] * 5000, image=pa.array(images, pa.large_utf8())
    )
    found = read_parquet(path, TABLE, SCHEMA)
    assert found.schema == SCHEMA
    assert found.to_pydict() == {"image": images, "box": boxes}
    assert read_parquet(path, TABLE).equals(pq.read_table(path))


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"box": [[1.0]]}, ("lacks", "'image'")),
        ({"image": [1.5], "box": ["a"]}, ("not Parquet",)),
        ({"image": ["a"], "box": [["a"]]}, ("not Parquet",)),
        ({"image": [b"\xff"], "box": [[1.0]]}, ("not Parquet",)),
        ({"image": ["a"], "box": [{"x": 1}]}, ("not Parquet",)),
    ],
)
def test_other_columns_and_types(
    columns: dict[str, object], found: tuple[str, ...], tmp_path: Path
) -> None:
    path = written(tmp_path / "a.parquet", **columns)
    with pytest.raises(DataError, match=facts(path, "a table", *found)):
        read_parquet(path, TABLE, SCHEMA)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"x" * 1000])
def test_what_is_no_parquet(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=facts(path, "not Parquet", "a table")):
        read_parquet(path, TABLE)


def test_too_many_rows_and_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.parquet", image=["a" * 50] * 3000, box=[[1.0]] * 3000)
    monkeypatch.setattr(parquet, "MOST_ROWS", 2999)
    with pytest.raises(DataError, match=facts(path, "3,000 rows", "2,999")):
        read_parquet(path, TABLE, SCHEMA)
    monkeypatch.setattr(parquet, "MOST_ROWS", 3000)
    monkeypatch.setattr(parquet, "_MOST_BYTES", 100_000)
    with pytest.raises(DataError, match=facts(path, "100,000 bytes")):
        read_parquet(path, TABLE, SCHEMA)


PEAK = """
import resource, sys
from platefree.errors import DataError
from platefree.inputs.parquet import read_parquet
from platefree.inputs.plain_files import GB, Expected
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_parquet(sys.argv[1], Expected("a table", GB))
except DataError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024, error)
"""


def test_a_small_file_of_many_rows_takes_no_memory(tmp_path: Path) -> None:
    """1.2 MB of 12 million empty rows."""
    path = tmp_path / "a.parquet"
    empty = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int8()), [""])
    with pq.ParquetWriter(path, pa.schema([("image", empty.type)])) as writer:
        for _ in range(12):
            writer.write_table(pa.table({"image": empty}))
    assert path.stat().st_size < 2_000_000
    words = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    megabytes, _, line = done.stdout.partition(" ")
    assert int(megabytes) < 100
    assert "12,000,000 rows" in line
