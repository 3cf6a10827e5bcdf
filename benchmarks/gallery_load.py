"""Clients that search a gallery while one process adds to it.

The gallery has drawn rows and its index first. Then one writer adds at a steady rate, in additions
of some rows each (as a camera's passes are stored), while clients ask without a pause; a third of
them asks for 30 of 100 cameras, a third for the newest hundredth of the time. After each addition
that was acknowledged, a further reader looks whether its rows are counted.

    PYTHONPATH=src python benchmarks/gallery_load.py [--rows 1000000] [--seconds 180]
"""

import argparse
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np
from gallery_engines import BATCH, CAMERAS, START, STEP, World, draw, unit

from platefree.errors import PlatefreeError
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.lance import LanceStore
from platefree.ranking.comparison import ONLY_SPACE
from platefree.types import Embeddings, Sightings

CROP = 4_096  # bytes of noise, as small pictures have


def drawn_later(count: int, dimensions: int, first: int) -> tuple[Embeddings, list[bytes]]:
    """Rows that come after those of the world, and small pictures."""
    random = np.random.default_rng(first)
    columns: dict[str, Any] = {
        "image": [f"/pictures/{first + row:09d}.jpg" for row in range(count)],
        "camera": [f"camera{each:03d}" for each in random.integers(0, CAMERAS, count)],
        "time": START + (first + np.arange(count)) * STEP,
    }
    rows = unit(random.standard_normal((count, dimensions), np.float32))
    content = random.integers(0, 256, (count, 16), np.uint8)
    table = Sightings.from_columns(Path("/"), columns)
    return Embeddings({"main": rows}, table, "drawn", content), [
        random.bytes(CROP) for _ in range(count)
    ]


def write(
    folder: str, given: argparse.Namespace, additions: "Queue[tuple[int, float] | None]"
) -> None:
    """Add rows at the rate; tell after each addition how many there are, and how long it took."""
    store, stored = LanceStore(folder, ONLY_SPACE), given.rows
    began, due = time.monotonic(), 0.0
    while (now := time.monotonic() - began) < given.seconds:
        if now < due:
            time.sleep(due - now)
        rows, crops = drawn_later(given.together, given.dimensions, stored)
        start = time.perf_counter()
        store.add(rows, crops)
        stored += given.together
        additions.put((stored, time.perf_counter() - start))
        due += given.together / given.rate
    additions.put(None)


def ask(
    folder: Path, world: World, client: int, ended: threading.Event
) -> tuple[list[float], list[str]]:
    """Search until the writer has ended; milliseconds of each search, and errors."""
    store, took, errors = LanceStore(folder, ONLY_SPACE), list[float](), list[str]()
    wheres = (EVERYTHING, world.wheres["30 % of the cameras"], newest(len(world.rows)))
    number = client
    while not ended.is_set():
        query = world.queries.take(np.array([number % len(world.queries)]))
        start = time.perf_counter()
        try:
            store.search(query, wheres[client % 3], 10)
        except PlatefreeError as error:
            errors.append(str(error))
        took.append(1000 * (time.perf_counter() - start))
        number += 1
    return took, errors


def newest(rows: int) -> Filter:
    """The last hundredth of the time, and what is added."""
    return Filter(since=f"{START + (rows - rows // 100) * STEP}Z")


def watch(folder: Path, additions: "Queue[tuple[int, float] | None]") -> tuple[list[float], int]:
    """Seconds of each addition, and how many were not counted by a search that began after."""
    store, took, late = LanceStore(folder, ONLY_SPACE), list[float](), 0
    while (found := additions.get()) is not None:
        took.append(found[1])
        late += store.count() < found[0]
    return took, late


def main() -> None:
    """Fill the gallery, then search and add."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rate", type=float, default=200, help="rows a second that are added")
    parser.add_argument("--together", type=int, default=20, help="rows of one addition")
    parser.add_argument("--seconds", type=float, default=180)
    given = parser.parse_args()
    world = draw(given.rows, given.dimensions, 200)
    context, ended = get_context("spawn"), threading.Event()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "gallery"
        store = LanceStore(folder, ONLY_SPACE)
        for start in range(0, given.rows, BATCH):
            store.add(world.rows.take(np.arange(start, min(start + BATCH, given.rows))))
        store.compact()
        additions: Queue[tuple[int, float] | None] = context.Queue()
        writer = context.Process(target=write, args=(str(folder), given, additions))
        with ThreadPoolExecutor(given.clients) as pool:
            clients = [
                pool.submit(ask, folder, world, each, ended) for each in range(given.clients)
            ]
            writer.start()
            took, late = watch(folder, additions)
            ended.set()
            asked = [client.result() for client in clients]
        writer.join()
        count = store.count()
    report(took, late, asked, given)
    print(f"in the gallery {count:,}, expected {given.rows + given.together * len(took):,}")


def report(
    took: list[float],
    late: int,
    asked: list[tuple[list[float], list[str]]],
    given: argparse.Namespace,
) -> None:
    """Print what was measured."""
    searches = np.concatenate([each[0] for each in asked])
    errors = [error for each in asked for error in each[1]]

    def describe(values: Any, part: float) -> str:  # noqa: ANN401
        return f"{np.quantile(values, part):.0f}"

    print(
        f"{given.clients} clients, {given.rows:,} x {given.dimensions}, {len(searches):,} searches "
        f"in {given.seconds:.0f} s: {len(errors)} errors, median {describe(searches, 0.5)} ms, "
        f"p99 {describe(searches, 0.99)} ms, longest {searches.max():.0f} ms"
    )
    milliseconds = 1000 * np.array(took)
    print(
        f"{len(took):,} additions of {given.together} rows, "
        f"{given.together * len(took) / given.seconds:.0f} rows/s: median "
        f"{describe(milliseconds, 0.5)} ms, p99 {describe(milliseconds, 0.99)} ms, longest "
        f"{milliseconds.max():.0f} ms; {late} not found by the next search"
    )
    for error in errors[:5]:
        sys.stdout.write(f"{error}\n")


if __name__ == "__main__":
    main()
