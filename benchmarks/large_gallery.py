"""Memory and time of a search in a large stored gallery, which stays on disk.

Rows are drawn, so no network takes part; the query is one of them. The search runs in a process of
its own, whose anonymous memory (all but the pages of the mapped file) is sampled from /proc while
it loads the folder, checks its rows, ranks them and reads the hits.

    python benchmarks/large_gallery.py [--rows 1000000] [--dimensions 512]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from platefree.gallery.search import search
from platefree.gallery.stored import save_embeddings
from platefree.gallery.stored_embedder import load_stored
from platefree.types import Embeddings, Sightings

BLOCK = 16_384
MB = 1024  # in kB, as /proc counts


def store_drawn(folder: Path, rows: int, dimensions: int) -> Path:
    """Store a gallery of drawn unit rows, with paths and cameras as a real one has."""
    random = np.random.default_rng(0)
    path = folder / "rows.npy"
    spaces = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dimensions))
    for start in range(0, rows, BLOCK):
        block = random.standard_normal((min(BLOCK, rows - start), dimensions), np.float32)
        spaces[start : start + BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    columns: dict[str, Any] = {
        "image": [f"camera{row % 100:03d}/{row:09d}.jpg" for row in range(rows)],
        "camera": [f"camera{row % 100:03d}" for row in range(rows)],
        "time": np.datetime64("2026-05-01T00:00:00", "ms") + np.arange(rows),
    }
    table = Sightings.from_columns(folder / "pictures", columns)
    stored = save_embeddings(Embeddings({"main": spaces}, table, "drawn"), folder / "stored")
    path.unlink()
    return stored


class Anonymous:
    """The largest anonymous memory of this process within a block, in MB."""

    def __enter__(self) -> "Anonymous":
        self.start = self.peak = _anonymous()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            self.peak = max(self.peak, _anonymous())

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _anonymous() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // MB for line in lines if line.startswith("RssAnon"))


def measure_search(folder: Path, tiny: Path) -> dict[str, float]:
    """Search in a stored gallery by one of its rows; ``tiny`` has compiled everything before."""
    small = load_stored(tiny)
    search(small, small.embeddings.sightings.take(np.array([0])), small.embeddings)
    with Anonymous() as memory:
        started = time.perf_counter()
        stored = load_stored(folder)
        loaded = time.perf_counter()
        query = stored.embeddings.sightings.take(np.array([len(stored.embeddings) // 2]))
        hits = search(stored, query, stored.embeddings)
        searched = time.perf_counter()
        search(stored, query, stored.embeddings)
        again = time.perf_counter()
    return {
        "hits": len(hits),
        "MB before": memory.start,
        "MB more at the peak": memory.peak - memory.start,
        "seconds to load and check": round(loaded - started, 2),
        "seconds of the first search": round(searched - loaded, 2),
        "seconds of the next": round(again - searched, 2),
    }


def in_a_process(folder: Path, tiny: Path) -> dict[str, float]:
    """`measure_search` in a new process."""
    command = [sys.executable, __file__, "--search", str(folder), str(tiny)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Make a gallery and search in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--search", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.search:
        sys.stdout.write(json.dumps(measure_search(*given.search)))
        return
    with tempfile.TemporaryDirectory() as folder:
        tiny = Path(folder) / "tiny"
        tiny.mkdir()
        store_drawn(tiny, 100, given.dimensions)
        started = time.perf_counter()
        stored = store_drawn(Path(folder), given.rows, given.dimensions)
        made = time.perf_counter() - started
        size = sum(path.stat().st_size for path in stored.iterdir()) / 2**20
        measured = in_a_process(stored, tiny / "stored")
        if given.json:
            sys.stdout.write(json.dumps({"MB on disk": size, **measured}))
            return
        print(f"{given.rows:,} x {given.dimensions}: {size:,.0f} MB on disk, made in {made:.0f} s")
        for name, value in measured.items():
            print(f"{name}: {value:g}")


if __name__ == "__main__":
    main()
