"""A gallery of millions of drawn rows: building it, its size, memory, and how long a search takes.

Rows are drawn in blocks and never all in memory: 25 sightings of each vehicle lie around its
direction, in the blocks of its group. The exact nearest ten of each query are kept while the rows
are drawn, so recall is of every float32 distance. Adding and searching run in processes of their
own, so that the most memory of each is its own.

    PYTHONPATH=src python benchmarks/gallery_at_scale.py [--rows 12000000] [--dimensions 256]
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gallery_engines import CAMERAS, EACH, START, STEP, TOP, unit

from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.lance import LanceStore
from platefree.gallery.lance_indexes import INDEX_FROM
from platefree.ranking.comparison import ONLY_SPACE
from platefree.types import Embeddings, Floats, Indices, Sightings

BLOCK = 100_000  # rows that are drawn and added at a time
WITHOUT_CROPS = "no small pictures: 5 KB of each would hide what is measured"


@dataclass(frozen=True)
class Asked:
    """The queries, and the conditions of each search.

    Attributes:
        queries: (q, d) float32.
        wheres: what is asked for -> its filter.
    """

    queries: Floats
    wheres: dict[str, Filter]

    @classmethod
    def of(cls, rows: int, dimensions: int, queries: int) -> "Asked":
        """Queries are further sightings of vehicles in the first block."""
        random = np.random.default_rng(1)
        vehicles = vehicles_of(0, dimensions)
        chosen = vehicles[random.integers(0, len(vehicles), queries)]
        since = START + rows // 2 * STEP
        until = since + max(TOP, rows // 100) * STEP
        return cls(
            near(random, chosen),
            {
                "no filter": EVERYTHING,
                "1 % of the time": Filter(since=f"{since}Z", until=f"{until}Z"),
                "30 % of the cameras": Filter(cameras=[f"camera{each:03d}" for each in range(30)]),
            },
        )


def vehicles_of(block: int, dimensions: int) -> Floats:
    """(BLOCK / EACH, d) the directions of the vehicles of a block."""
    random = np.random.default_rng((2, block))
    return unit(random.standard_normal((BLOCK // EACH, dimensions), np.float32))


def near(random: np.random.Generator, directions: Floats) -> Floats:
    """One sighting for each direction."""
    noise = random.standard_normal(directions.shape, np.float32)
    return unit(directions + 1.2 * noise / np.sqrt(directions.shape[1]))


def blocks(rows: int, dimensions: int) -> Iterator[Embeddings]:
    """All rows, a block at a time."""
    for start in range(0, rows, BLOCK):
        random = np.random.default_rng((3, start))
        count = min(BLOCK, rows - start)
        of = random.permutation(np.arange(BLOCK) // EACH)[:count]
        numbers = start + np.arange(count)
        columns: dict[str, Any] = {
            "image": [f"/pictures/{row:09d}.jpg" for row in numbers],
            "camera": [f"camera{each:03d}" for each in random.integers(0, CAMERAS, count)],
            "time": START + numbers * STEP,
        }
        table = Sightings.from_columns(Path("/"), columns)
        content = random.integers(0, 256, (count, 16), np.uint8)
        vectors = near(random, vehicles_of(start // BLOCK, dimensions)[of])
        yield Embeddings({"main": vectors}, table, "drawn", content)


def build(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Add all rows and index them; also the exact answers."""
    store, asked = (
        LanceStore(folder, ONLY_SPACE),
        Asked.of(given.rows, given.dimensions, given.queries),
    )
    best = {words: _Nearest(len(asked.queries)) for words in asked.wheres}
    adding, slowest, stored = 0.0, 0.0, 0
    for block in blocks(given.rows, given.dimensions):
        similar = asked.queries @ block.spaces["main"].T
        for words, where in asked.wheres.items():
            best[words].see(np.where(where.mask(block.sightings), similar, -2), stored)
        began = time.perf_counter()
        store.add(block)
        took = time.perf_counter() - began
        adding, slowest, stored = adding + took, max(slowest, took), stored + len(block)
        sys.stderr.write(f"\r{stored:,} rows, {adding:.0f} s")
    began = time.perf_counter()
    store.compact()
    return {
        "adding, s": adding,
        "slowest addition, s": slowest,
        "compacting, s": time.perf_counter() - began,
        "GB": store.bytes_on_disk() / 1e9,
        "GB of memory": _most_memory(),
        "exact": {words: each.rows.tolist() for words, each in best.items()},
    }


class _Nearest:
    """The nearest rows of each query so far."""

    def __init__(self, queries: int) -> None:
        self.rows: Indices = np.full((queries, TOP), -1)
        self._similar: Floats = np.full((queries, TOP), -2, np.float32)

    def see(self, similar: Floats, first: int) -> None:
        """Take in (q, n) similarities of the rows from a number on."""
        part = np.argpartition(-similar, TOP, axis=1)[:, :TOP]
        both = np.hstack([self._similar, np.take_along_axis(similar, part, axis=1)])
        rows = np.hstack([self.rows, part + first])
        order = np.argsort(-both, axis=1, kind="stable")[:, :TOP]
        self._similar = np.take_along_axis(both, order, axis=1)
        self.rows = np.take_along_axis(rows, order, axis=1)


def search(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Ask every query one by one; the pictures found, as numbers of rows."""
    store, asked = (
        LanceStore(folder, ONLY_SPACE),
        Asked.of(given.rows, given.dimensions, given.queries),
    )
    table = Sightings.from_columns(Path("/"), {"image": ["query.jpg"]})
    found: dict[str, Any] = {}
    for words, where in asked.wheres.items():
        took, rows = list[float](), list[list[int]]()
        for query in (*asked.queries[:3], *asked.queries):  # the first three wake it up
            one = Embeddings({"main": query[None]}, table, "drawn")
            began = time.perf_counter()
            numbers = store.search(one, where, TOP).indices[0]
            took.append(1000 * (time.perf_counter() - began))
            images = store.get(numbers[numbers >= 0]).sightings.image.tolist()
            rows.append([int(Path(image).stem) for image in images])
        found[words] = {"ms": took[3:], "rows": rows[3:]}
    return {"searches": found, "GB of memory": _most_memory()}


def _most_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Build in one process, search in another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="where it is built; by default a temporary one")
    parser.add_argument("--part", choices=("build", "search"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is not None:
        done = {"build": build, "search": search}[given.part](given.folder, given)
        sys.stdout.write(json.dumps(done))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        _refuse_small_disk(Path(place), given)
        built, asked = (_run(part, Path(place) / "gallery", given) for part in ("build", "search"))
    report(built, asked, given)


def _refuse_small_disk(place: Path, given: argparse.Namespace) -> None:
    """An index is merged beside the old one, and superseded files go afterwards."""
    needed = given.rows * (given.dimensions * 3 + 400)
    free = shutil.disk_usage(place).free
    if free < needed:
        sys.exit(f"{place} has {free / 1e9:.0f} GB free, this takes up to {needed / 1e9:.0f}")


def _run(part: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    options = [f"--{name}={getattr(given, name)}" for name in ("rows", "dimensions", "queries")]
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(built: dict[str, Any], asked: dict[str, Any], given: argparse.Namespace) -> None:
    """Print what was measured."""
    print(f"\n{given.rows:,} x {given.dimensions} ({WITHOUT_CROPS})")
    print(
        f"added in {built['adding, s']:.0f} s, {given.rows / built['adding, s']:,.0f} a second "
        f"with the index (the slowest {BLOCK:,}: {built['slowest addition, s']:.0f} s), put in "
        f"order in {built['compacting, s']:.0f} s; {built['GB']:.2f} GB on the disk, "
        f"{built['GB of memory']:.2f} GB of memory"
    )
    if given.rows < INDEX_FROM:
        print("without an index")
    for words, found in asked["searches"].items():
        exact = built["exact"][words]
        hits = sum(len(set(a) & set(b)) for a, b in zip(found["rows"], exact, strict=True))
        recall = hits / sum(row >= 0 for rows in exact for row in rows)
        print(
            f"{words}: median {np.median(found['ms']):.1f} ms, p99 "
            f"{np.quantile(found['ms'], 0.99):.1f} ms, recall@{TOP} {recall:.3f}"
        )
    print(f"searching takes {asked['GB of memory']:.2f} GB of memory")


if __name__ == "__main__":
    main()
