"""Time and extra memory of `platefree.rank_metrics`, compared with the usual way.

The usual way, as in fast-reid and torchreid, sorts every row of the distance matrix and masks the
sorted labels query by query. It is reimplemented here in plain numpy from the definition. Both
run in one process, on the same matrix, and must agree.

Two kinds of embeddings: `random` (the slowest case for counting, since every match has to be
compared with everything), and `trained`, around one centre per vehicle.

    python benchmarks/rank_metrics.py [--runs 5] [--small]
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median

import numpy as np
import psutil
from numpy.typing import NDArray

from platefree import rank_metrics

DIMENSIONS = 64
NOISE = {"random": None, "trained": 1.0}
MEGA = 1e6


@dataclass(frozen=True)
class Size:
    """About the size of a public data set."""

    queries: int
    gallery: int
    vehicles: int
    cameras: int
    usual_queries: int  # the usual way is timed on this many, if all would take too long


VERI = Size(queries=1678, gallery=11_579, vehicles=200, cameras=20, usual_queries=1678)
VERI_WILD = Size(queries=10_000, gallery=128_517, vehicles=10_000, cameras=174, usual_queries=500)


@dataclass(frozen=True, eq=False)
class Problem:
    """Distances and labels; see `rank_metrics`."""

    distance: NDArray[np.float32]
    query_vehicles: NDArray[np.int64]
    gallery_vehicles: NDArray[np.int64]
    query_cameras: NDArray[np.int64]
    gallery_cameras: NDArray[np.int64]

    def first(self, queries: int) -> "Problem":
        """The same problem with fewer queries."""
        return Problem(
            self.distance[:queries],
            self.query_vehicles[:queries],
            self.gallery_vehicles,
            self.query_cameras[:queries],
            self.gallery_cameras,
        )


def make_problem(size: Size, noise: float | None, seed: int) -> Problem:
    """Draw labels and L2-normalised embeddings; fill the distances some rows at a time."""
    random = np.random.default_rng(seed)
    labels = [
        random.integers(0, high, count)
        for high in (size.vehicles, size.cameras)
        for count in (size.queries, size.gallery)
    ]
    centres = random.standard_normal((size.vehicles, DIMENSIONS), np.float32)

    def embed(vehicles: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = random.standard_normal((len(vehicles), DIMENSIONS), np.float32)
        if noise is not None:
            rows = centres[vehicles] + np.float32(noise) * rows
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    query, gallery = embed(labels[0]), embed(labels[1])
    distance = np.empty((size.queries, size.gallery), np.float32)
    for start in range(0, size.queries, 512):
        block = distance[start : start + 512]
        np.matmul(query[start : start + 512], gallery.T, out=block)
        np.subtract(np.float32(1), block, out=block)
    return Problem(distance, *labels)


def ours(problem: Problem) -> tuple[float, float]:
    """MAP and rank-1 by `rank_metrics`."""
    found = rank_metrics(
        problem.distance,
        problem.query_vehicles,
        problem.gallery_vehicles,
        problem.query_cameras,
        problem.gallery_cameras,
    )
    return found.mAP, float(found.cmc[0])


def usual(problem: Problem) -> tuple[float, float]:
    """Sort the whole matrix, then one mask per query: mAP and rank-1."""
    order = np.argsort(problem.distance, axis=1)
    correct = problem.gallery_vehicles[order] == problem.query_vehicles[:, None]
    precisions, first_is_correct = [], []
    for query, row in enumerate(order):
        same_camera = problem.gallery_cameras[row] == problem.query_cameras[query]
        hits = correct[query][~(correct[query] & same_camera)]
        if not hits.any():
            continue
        so_far = np.cumsum(hits)
        precision = so_far / np.arange(1, len(hits) + 1)
        precisions.append((precision * hits).sum() / so_far[-1])
        first_is_correct.append(hits[0])
    return float(np.mean(precisions)), float(np.mean(first_is_correct))


def _watch(process: int, connection: Connection) -> None:
    """Send the peak memory of a process when asked, from another process without its locks."""
    watched = psutil.Process(process)
    peak = watched.memory_info().rss
    connection.send(peak)
    while not connection.poll(0.001):
        peak = max(peak, watched.memory_info().rss)
    connection.send(peak)


@contextmanager
def extra_memory() -> Iterator[list[int]]:
    """Yields a list that gets the peak growth of this process in bytes."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    watcher = multiprocessing.get_context("spawn").Process(
        target=_watch, args=(psutil.Process().pid, there)
    )
    watcher.start()
    before = here.recv()
    grown: list[int] = []
    yield grown
    here.send("stop")
    grown.append(here.recv() - before)
    watcher.join()


def measure(
    name: str,
    score: Callable[[Problem], tuple[float, float]],
    problem: Problem,
    runs: int,
    scale: float = 1.0,
) -> float:
    """Print one line; returns the best time, scaled to all queries."""
    score(problem)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        mean_average_precision, rank_1 = score(problem)
        seconds.append(time.perf_counter() - start)
    with extra_memory() as grown:
        score(problem)
    best = min(seconds)
    scaled = f"  x {scale:g} = {best * scale:.1f} s for all" if scale != 1 else ""
    print(
        f"    {name:<6} best {best:8.4f} s  median {median(seconds):8.4f} s  "
        f"extra memory {grown[0] / MEGA:7.1f} MB  {problem.distance.nbytes / best / 1e9:5.1f} GB/s"
        f"  mAP {mean_average_precision:.5f}  rank-1 {rank_1:.5f}{scaled}"
    )
    return best * scale


def compare(size: Size, runs: int, seed: int) -> None:
    """Both ways on one size, with both kinds of embeddings."""
    for kind, noise in NOISE.items():
        problem = make_problem(size, noise, seed)
        print(
            f"  {size.queries:,} x {size.gallery:,}, {size.vehicles:,} vehicles, "
            f"{size.cameras} cameras, {kind} embeddings, {problem.distance.nbytes / 1e9:.2f} GB"
        )
        part = problem.first(size.usual_queries)
        np.testing.assert_allclose(ours(part), usual(part), atol=1e-3)  # ties fall differently
        best = measure("ours", ours, problem, runs)
        scale = size.queries / size.usual_queries
        slower = measure("usual", usual, part, min(runs, 3), scale)
        measured = "" if scale == 1 else f" (usual way timed on {size.usual_queries} queries)"
        print(f"    {slower / best:.0f} times faster{measured}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time and extra memory of rank_metrics.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="only 1,678 x 11,579")
    arguments = parser.parse_args()

    start = time.perf_counter()
    rank_metrics(np.zeros((1, 1), np.float32), [0], [0])
    warm_up = time.perf_counter() - start
    print(f"  import and warm-up {warm_up:.2f} s (a first run ever compiles, later ones load)")
    compare(VERI, arguments.runs, arguments.seed)
    if not arguments.small:
        compare(VERI_WILD, arguments.runs, arguments.seed)


if __name__ == "__main__":
    main()
