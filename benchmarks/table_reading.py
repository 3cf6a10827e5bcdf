"""Time and memory of reading a table of a million rows, as CSV and as Parquet.

Run ``PYTHONPATH=src python benchmarks/table_reading.py`` (Linux). Each file is read in a
process of its own, whose peak of memory counts from after the imports.
"""

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from platefree.data.table import read_table, write_table
from platefree.types import LABELS, Sightings

MEGA = 2**20
VEHICLES, CAMERAS = 40_000, 97


def drawn_table(rows: int) -> Sightings:
    """A table with every label known."""
    number = np.arange(rows)
    vehicle, camera = (number % VEHICLES).tolist(), (number % CAMERAS).tolist()
    columns: dict[str, object] = {name: [f"{name} {v % 900}" for v in vehicle] for name in LABELS}
    columns["image"] = [
        f"images/camera{c:03d}/{v:06d}_{n:08d}.jpg"
        for n, (c, v) in enumerate(zip(camera, vehicle, strict=True))
    ]
    columns["vehicle"] = [f"{v:06d}" for v in vehicle]
    columns["camera"] = [f"c{c:03d}" for c in camera]
    columns["split"] = [("train", "query", "gallery")[v % 3] for v in vehicle]
    columns["time"] = np.datetime64("2026-05-01", "ms") + 1000 * number
    return Sightings.from_columns(Path("/"), columns)  # type: ignore[arg-type]


def measure(path: Path) -> tuple[float, float, float]:
    """Seconds of reading, those of the processor, and the growth of the peak of memory in MB."""
    before = _kilobytes("VmRSS")
    start, worked = time.perf_counter(), time.process_time()
    read_table(path)
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    return seconds, worked, (_kilobytes("VmHWM") - before) * 1024 / MEGA


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    """Write a table in both formats, read each, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    print("| format | rows | file, MB | seconds | of processor | memory, MB |")
    print("|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        table = drawn_table(rows)
        for suffix in ("csv", "parquet"):
            path = Path(folder) / f"table.{suffix}"
            write_table(table, path)
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                seconds, worked, memory = pool.submit(measure, path).result()
            size = path.stat().st_size / MEGA
            spent = f"{seconds:.1f} | {worked:.1f} | {memory:.0f}"
            print(f"| {suffix} | {rows:,} | {size:.0f} | {spent} |")


if __name__ == "__main__":
    main()
