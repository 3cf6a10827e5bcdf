"""A gallery after thousands of single additions, beside the same rows added at once.

Rows are drawn, and small pictures are 4 KB of noise. No step by hand: what is put in order, the
gallery puts in order itself. A reader asks while the additions go on. By default one addition
follows the other; ``--over 3600`` spreads them over an hour, with pauses as traffic has them.

    PYTHONPATH=src python benchmarks/gallery_additions.py [--additions 10000] [--over 3600]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from platefree.gallery.lance import TABLE, LanceStore
from platefree.ranking.comparison import ONLY_SPACE
from platefree.types import Embeddings, Sightings

CROP = 4_096  # bytes
QUERIES = 50
EVERY = 500  # additions between two searches


def draw(count: int, dimensions: int) -> tuple[Embeddings, list[bytes]]:
    """Rows and small pictures."""
    random = np.random.default_rng(0)
    rows = random.standard_normal((count, dimensions), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    images = [f"/pictures/{row:09d}.jpg" for row in range(count)]
    table = Sightings.from_columns(Path("/"), {"image": images})
    content = random.integers(1, 255, (count, 16)).astype(np.uint8)
    return Embeddings({"main": rows}, table, "drawn", content), [
        random.bytes(CROP) for _ in range(count)
    ]


def size_of(folder: Path) -> int:
    """Bytes on the disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def median_ms(ask: Callable[[], object]) -> float:
    """The median time of a search."""
    took = []
    for _ in range(QUERIES):
        began = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - began))
    return float(np.median(took))


def main() -> None:
    """Add one by one, and at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--additions", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--over", type=float, default=0, help="seconds that they are spread over")
    given = parser.parse_args()
    rows, crops = draw(given.additions, given.dimensions)
    query = rows.take(np.array([0]))
    with tempfile.TemporaryDirectory() as folder:
        single, at_once = (LanceStore(Path(folder) / name, ONLY_SPACE) for name in ("one", "all"))
        at_once.add(rows, crops)
        took, asked, files = list[float](), list[float](), 0
        pauses = np.random.default_rng(1).exponential(size=given.additions)
        due = time.monotonic() + np.cumsum(pauses) * given.over / pauses.sum()
        for row in range(given.additions):
            time.sleep(max(0.0, due[row] - time.monotonic()))
            began = time.perf_counter()
            single.add(rows.take(np.array([row])), crops[row : row + 1])
            took.append(1000 * (time.perf_counter() - began))
            if row % EVERY == EVERY - 1:
                began = time.perf_counter()
                single.search(query)
                asked.append(1000 * (time.perf_counter() - began))
                files = max(files, len(list((single.folder / TABLE / "data").iterdir())))
        sizes = [size_of(store.folder) / 2**20 for store in (single, at_once)]
        times = [median_ms(lambda store=store: store.search(query)) for store in (single, at_once)]  # type: ignore[misc]
    median, slow = np.median(took), np.quantile(took, 0.99)
    print(f"{given.additions:,} additions of one row: median {median:.1f} ms, p99 {slow:.1f} ms")
    print(f"on the disk: {sizes[0]:.1f} MB, at once {sizes[1]:.1f}: x {sizes[0] / sizes[1]:.2f}")
    print(f"a search: {times[0]:.1f} ms, at once {times[1]:.1f}: x {times[0] / times[1]:.2f}")
    print(f"while adding: at most {max(asked, default=0):.1f} ms, {files} files of rows")


if __name__ == "__main__":
    main()
