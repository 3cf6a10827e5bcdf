"""A table takes memory as its content does, whatever one of its cells or its file claims.

Each case runs in a process of its own, which says how much memory it had at most beyond what the
imports take.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak of memory")

MEGA = 2**20

READ = """
import sys
from pathlib import Path
from platefree.data.table import read_table
from platefree.errors import DataError
def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))
before = kilobytes("VmRSS")
try:
    table = read_table(sys.argv[1])
    result = f"{len(table)} rows, {max(map(len, table.model))} characters"
except DataError as error:
    result = str(error)
print((kilobytes("VmHWM") - before) * 1024)
print(result)
"""


def read_apart(path: Path) -> tuple[int, str]:
    """Bytes at most while a table is read, and what came of it."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    )
    used, result = done.stdout.splitlines()
    assert int(used) > 0
    return int(used), result


def columns(rows: int) -> dict[str, list[str]]:
    return {
        "image": [f"camera{row % 90:02d}/{row % 40_000:06d}_{row:08d}.jpg" for row in range(rows)],
        "vehicle": [f"{row % 40_000:06d}" for row in range(rows)],
        "camera": [f"c{row % 90:02d}" for row in range(rows)],
        "model": [f"model {row % 900}" for row in range(rows)],
        "time": [f"2026-05-01T{row // 3600 % 24:02d}:{row // 60 % 60:02d}:{row % 60:02d}Z"
                 for row in range(rows)],
    }  # fmt: skip


def write(path: Path, texts: dict[str, list[str]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.table(texts), path)
    else:
        rows = map(",".join, zip(*texts.values(), strict=True))
        path.write_text("\n".join([",".join(texts), *rows]))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_million_rows_take_less_than_a_gigabyte(suffix: str, tmp_path: Path) -> None:
    used, result = read_apart(write(tmp_path / f"t.{suffix}", columns(1_000_000)))
    assert result == "1000000 rows, 9 characters"
    assert used < 1000 * MEGA


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_one_long_cell_costs_nothing(suffix: str, tmp_path: Path) -> None:
    texts = columns(100_000)
    plain, _ = read_apart(write(tmp_path / f"plain.{suffix}", texts))
    texts["model"][50_000] = "x" * 900
    texts["image"][60_000] = "y" * 900
    long, result = read_apart(write(tmp_path / f"long.{suffix}", texts))
    assert result == "100000 rows, 900 characters"
    assert long < plain + 40 * MEGA  # fixed width would take 360 MB for each of the two columns


def test_small_files_of_many_rows(tmp_path: Path) -> None:
    empty = pa.nulls(12_000_000, pa.string())
    pq.write_table(pa.table({"image": empty, "vehicle": empty}), tmp_path / "empty.parquet")
    used, result = read_apart(tmp_path / "empty.parquet")
    assert "12,000,000 rows" in result
    assert "at most 10,000,000" in result
    assert used < 150 * MEGA
    pq.write_table(pa.table({"image": empty[:9_000_000]}), tmp_path / "fewer.parquet")
    used, result = read_apart(tmp_path / "fewer.parquet")
    assert "row 1: no image" in result
    assert used < 150 * MEGA


@pytest.mark.parametrize("length", [900, 100_000])
def test_small_files_of_long_texts(length: int, tmp_path: Path) -> None:
    same = pa.DictionaryArray.from_arrays(np.zeros(1_000_000, np.int32), ["x" * length])
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": same, "model": same}), path)
    assert path.stat().st_size < MEGA
    used, result = read_apart(path)
    assert ("listed already" if length == 900 else "row 1: image is 'xxxx") in result
    assert used < 400 * MEGA


def test_lines_of_one_picture(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("image,model\n" + f"a.jpg,{'x' * 900}\n" * 100_000)
    used, result = read_apart(path)
    assert "'a.jpg' is listed already" in result
    assert used < 200 * MEGA
