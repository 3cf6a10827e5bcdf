"""Galleries of drawn embeddings in several engines, side by side in one run.

Vehicles are random directions, sightings lie around them, queries are further sightings. Every
engine gets the same rows, and is asked one query at a time, without a condition, in a window of 1 %
of the time, and for 30 % of the cameras. Recall is of the ten nearest of float32 distances.

- platefree: `LanceStore`, half floats, as a gallery uses it: leases, numbers, exact distances;
- platefree, exact: the same without an index;
- lancedb: its defaults (``add``, ``create_index``, ``search``), float32, if it is installed;
- numpy: one product of the whole matrix in memory, float32;
- faiss: ``IVF,Flat`` of the square root of the rows, 8 lists probed, if it is installed.

    python benchmarks/gallery_engines.py [--rows 100000] [--dimensions 256] [--queries 50]
"""

import argparse
import importlib
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from platefree.gallery import lance_indexes
from platefree.gallery.filters import EVERYTHING, Filter, stored_columns
from platefree.gallery.lance import LanceStore
from platefree.ranking.comparison import ONLY_SPACE
from platefree.types import Embeddings, Floats, Indices, Sightings

CAMERAS, EACH, TOP = 100, 25, 10
BATCH = 20_000
START = np.datetime64("2026-05-01T00:00:00", "ms")
STEP = 1_000  # milliseconds between two sightings

Ask = Callable[[Floats, Filter], Indices]
"""One query and its conditions -> the rows of the nearest ten."""


@dataclass(frozen=True)
class World:
    """The rows, the queries, and what is asked for."""

    rows: Embeddings
    queries: Embeddings
    wheres: dict[str, Filter]


def unit(rows: Floats) -> Floats:
    """Rows of length 1."""
    units: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return units


def draw(count: int, dimensions: int, queries: int) -> World:
    """A world of this size."""
    random = np.random.default_rng(0)
    vehicles = unit(random.standard_normal((count // EACH + 1, dimensions), np.float32))

    def seen(of: Indices) -> Floats:
        noise = random.standard_normal((len(of), dimensions), np.float32)
        return unit(vehicles[of] + 1.2 * noise / np.sqrt(dimensions))

    camera = np.array([f"camera{each:03d}" for each in random.integers(0, CAMERAS, count)], object)
    columns: dict[str, Any] = {
        "image": [f"/pictures/{row:09d}.jpg" for row in range(count)],
        "camera": camera,
        "time": START + np.arange(count) * STEP,
    }
    content = random.integers(0, 256, (count, 16), np.uint8)
    rows = Embeddings(
        {"main": seen(random.permutation(np.arange(count) // EACH))},
        Sightings.from_columns(Path("/"), columns),
        "drawn",
        content,
    )
    asked = Sightings.from_columns(
        Path("/"), {"image": [f"q{each}.jpg" for each in range(queries)]}
    )
    start = START + (count // 2) * STEP
    end = start + max(TOP, count // 100) * STEP
    wheres = {
        "no filter": EVERYTHING,
        "1 % of the time": Filter(since=f"{start}Z", until=f"{end}Z"),
        "30 % of the cameras": Filter(cameras=[f"camera{each:03d}" for each in range(30)]),
    }
    chosen = random.integers(0, len(vehicles), queries)
    return World(rows, Embeddings({"main": seen(chosen)}, asked, "drawn"), wheres)


def platefree(world: World, folder: Path, made: dict[str, float]) -> Ask:
    """A gallery with its index."""
    return _store(world, folder, made, lance_indexes.INDEX_FROM)


def platefree_exact(world: World, folder: Path, made: dict[str, float]) -> Ask:
    """A gallery without an index."""
    return _store(world, folder, made, len(world.rows) + 1)


def _store(world: World, folder: Path, made: dict[str, float], index_from: int) -> Ask:
    store = LanceStore(folder, ONLY_SPACE)
    lance_indexes.INDEX_FROM = len(world.rows) + 1
    with _timed(made, "add"):
        for start in range(0, len(world.rows), BATCH):
            store.add(world.rows.take(np.arange(start, min(start + BATCH, len(world.rows)))))
    lance_indexes.INDEX_FROM = index_from
    with _timed(made, "index"):
        store.compact()
    numbers = np.sort(store.latest())

    def ask(query: Floats, where: Filter) -> Indices:
        one = Embeddings(
            {"main": query[None]}, world.queries.sightings.take(np.array([0])), "drawn"
        )
        found = store.search(one, where, TOP).indices[0]
        places: Indices = np.searchsorted(numbers, found[found >= 0])
        return places

    return ask


def lancedb(world: World, folder: Path, made: dict[str, float]) -> Ask:
    """LanceDB as its guide shows it."""
    import pyarrow as pa

    columns = stored_columns(world.rows.sightings, np.arange(len(world.rows)))
    arrays: dict[str, Any] = {
        name: pa.array(columns[name]) for name in ("number", "camera", "time")
    }
    flat = pa.array(world.rows.spaces["main"].reshape(-1))
    size = world.rows.spaces["main"].shape[1]
    arrays["vector"] = pa.FixedSizeListArray.from_arrays(flat, size)
    rows = pa.table(arrays)
    opened: Any = importlib.import_module("lancedb").connect(folder)
    table = opened.create_table("sightings", schema=rows.schema)
    with _timed(made, "add"):
        for start in range(0, len(rows), BATCH):
            table.add(rows.slice(start, BATCH))
    with _timed(made, "index"):
        config = importlib.import_module("lancedb.index").IvfPq(distance_type="cosine")
        table.create_index("vector", config=config)

    def ask(query: Floats, where: Filter) -> Indices:
        asked = table.search(query).metric("cosine").limit(TOP)
        if where.conditions():
            asked = asked.where(where.sql())
        found: Indices = asked.select(["number", "_distance"]).to_arrow()["number"].to_numpy()
        return found

    return ask


def numpy(world: World, folder: Path, made: dict[str, float]) -> Ask:
    """One product of the matrix."""
    rows, table = world.rows.spaces["main"], world.rows.sightings
    masks = {id(where): np.flatnonzero(where.mask(table)) for where in world.wheres.values()}

    def ask(query: Floats, where: Filter) -> Indices:
        allowed = masks[id(where)]
        similar = rows @ query if not where.conditions() else rows[allowed] @ query
        near = np.argpartition(-similar, TOP)[:TOP]
        return allowed[near[np.argsort(-similar[near])]]

    return ask


def faiss(world: World, folder: Path, made: dict[str, float]) -> Ask:
    """An inverted file of whole vectors."""
    engine: Any = importlib.import_module("faiss")
    rows = world.rows.spaces["main"]
    index = engine.index_factory(
        rows.shape[1], f"IVF{round(len(rows) ** 0.5)},Flat", engine.METRIC_INNER_PRODUCT
    )
    with _timed(made, "index"):
        index.train(rows)
    with _timed(made, "add"):
        index.add(rows)
    masks = {
        id(where): np.packbits(where.mask(world.rows.sightings), bitorder="little")
        for where in world.wheres.values()
    }

    def ask(query: Floats, where: Filter) -> Indices:
        options = {"nprobe": 8}
        if where.conditions():
            mask = masks[id(where)]
            chosen = engine.IDSelectorBitmap(len(rows), engine.swig_ptr(mask))
            options["sel"] = chosen
        parameters = engine.SearchParametersIVF(**options)
        found: Indices = index.search(query[None], TOP, params=parameters)[1][0]
        return found[found >= 0]

    return ask


ENGINES = {
    "platefree": platefree,
    "platefree, exact": platefree_exact,
    "lancedb": lancedb,
    "numpy": numpy,
    "faiss": faiss,
}


class _timed:
    """Notes the seconds of a block."""

    def __init__(self, made: dict[str, float], name: str) -> None:
        self._made, self._name = made, name

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._made[self._name] = time.perf_counter() - self._began


def measure(world: World, name: str, truth: dict[str, list[set[int]]]) -> dict[str, float]:
    """Seconds, size, times of a query and recall of an engine."""
    made: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        ask = ENGINES[name](world, Path(folder) / "gallery", made)
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        made["MB"] = sum(path.stat().st_size for path in files) / 2**20
        for words, where in world.wheres.items():
            for query in world.queries.spaces["main"][:3]:
                ask(query, where)
            took, hits = list[float](), 0
            for number, query in enumerate(world.queries.spaces["main"]):
                began = time.perf_counter()
                found = ask(query, where)
                took.append(1000 * (time.perf_counter() - began))
                hits += len(truth[words][number] & set(found.tolist()))
            made[f"{words}: median ms"] = float(np.median(took))
            made[f"{words}: p99 ms"] = float(np.quantile(took, 0.99))
            made[f"{words}: recall"] = hits / sum(map(len, truth[words]))
    return made


def exact_answers(world: World) -> dict[str, list[set[int]]]:
    """The rows of the nearest ten of each query, by every float32 distance."""
    ask = numpy(world, Path(), {})
    return {
        words: [set(ask(query, where).tolist()) for query in world.queries.spaces["main"]]
        for words, where in world.wheres.items()
    }


def table_of(measured: dict[str, dict[str, float]], wheres: list[str]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| engine | add, s | index, s | MB | {' | '.join(wheres)} |"
    yield "|---" * (4 + len(wheres)) + "|"
    for name, made in measured.items():
        cells = [f"{made[each]:.1f}" if each in made else "-" for each in ("add", "index")]
        cells.append(f"{made['MB']:.0f}" if made["MB"] else "-")
        for words in wheres:
            median, slow, recall = (
                made[f"{words}: {each}"] for each in ("median ms", "p99 ms", "recall")
            )
            cells.append(f"{median:.1f} / {slow:.1f} ms, {recall:.3f}")
        yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Measure all engines that are installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    world = draw(given.rows, given.dimensions, given.queries)
    truth = exact_answers(world)
    measured = {}
    for name in given.engines:
        if name in ("lancedb", "faiss") and importlib.util.find_spec(name) is None:
            sys.stderr.write(f"{name} is not installed\n")
            continue
        measured[name] = measure(world, name, truth)
    if given.json:
        sys.stdout.write(json.dumps(measured))
        return
    print(f"{given.rows:,} x {given.dimensions}; median / p99 of {given.queries}, recall@{TOP}\n")
    print("\n".join(table_of(measured, list(world.wheres))))


if __name__ == "__main__":
    main()
