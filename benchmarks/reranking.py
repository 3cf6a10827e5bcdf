"""Time and memory of k-reciprocal re-ranking, compared with the usual way.

The usual way, as in the published code and toolboxes based on it, holds several matrices of all
points by all points and works on whole rows of them. It is reimplemented here in plain numpy from
the description. Both run in one process on the same embeddings, and must agree.

Half of the product of all rows with themselves is a lower limit for exact methods that compare
every pair; it is timed alone.

In float32 the usual way loses some neighbours by rounding; `--double` runs it in float64.

    python benchmarks/reranking.py [--large] [--double]
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rank_metrics import VERI, VERI_WILD, Size, extra_memory
from threadpoolctl import threadpool_limits

import platefree.evaluation.metrics as metrics
from platefree.evaluation.pair_labels import PairLabels
from platefree.ranking.comparison import cosine_distance
from platefree.ranking.reciprocal import k_reciprocal, k_reciprocal_blocks, rerank_top

DIMENSIONS = 512
K1, K2, LAMBDA = 20, 6, 0.3
BLOCK = 1024
GIGA = 2**30

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Problem:
    """L2-normalised rows around one centre per vehicle, and their labels."""

    query: NDArray[Any]
    gallery: NDArray[Any]
    labels: PairLabels


def make_problem(size: Size, seed: int) -> Problem:
    """Draw vehicles, cameras and embeddings."""
    random = np.random.default_rng(seed)
    vehicles, cameras = (
        [random.integers(0, high, count) for count in (size.queries, size.gallery)]
        for high in (size.vehicles, size.cameras)
    )
    centres = random.standard_normal((size.vehicles, DIMENSIONS), np.float32)

    def embed(chosen: NDArray[np.int64]) -> Floats:
        rows = random.standard_normal((len(chosen), DIMENSIONS), np.float32)
        rows *= np.float32(2.4)
        for start in range(0, len(rows), BLOCK):
            rows[start : start + BLOCK] += centres[chosen[start : start + BLOCK]]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    labels = PairLabels.encode(*vehicles, *cameras)
    return Problem(embed(vehicles[0]), embed(vehicles[1]), labels)


def usual(problem: Problem) -> NDArray[Any]:
    """Matrices of all points by all points, in the precision of the rows: (q, g) distances."""
    rows, q = np.concatenate([problem.query, problem.gallery]), len(problem.query)
    original = 2 - 2 * rows @ rows.T
    original = np.transpose(original / original.max(axis=0))
    order = np.argsort(original)
    weights = np.zeros_like(original)

    def mutual(point: int, k: int) -> NDArray[np.int64]:
        forward: NDArray[np.int64] = order[point, : k + 1]
        return np.compress((order[forward, : k + 1] == point).any(axis=1), forward)

    for point in range(len(rows)):
        own = mutual(point, K1)
        parts = [own]
        for member in own:
            other = mutual(member, int(np.around(K1 / 2)))
            if len(np.intersect1d(other, own)) > 2 / 3 * len(other):
                parts.append(other)
        members = np.unique(np.concatenate(parts))
        weight = np.exp(-original[point, members])
        weights[point, members] = weight / weight.sum()
    averaged = np.empty_like(weights)
    for point in range(len(rows)):
        averaged[point] = weights[order[point, :K2]].mean(axis=0)
    having = [np.flatnonzero(column) for column in averaged.T]
    final = np.empty((q, len(rows) - q), np.float32)
    for query in range(q):
        shared = np.zeros(len(rows), rows.dtype)
        for member in np.flatnonzero(averaged[query]):
            holders = having[member]
            shared[holders] += np.minimum(averaged[query, member], averaged[holders, member])
        jaccard = 1 - shared[q:] / (2 - shared[q:])
        final[query] = (1 - LAMBDA) * jaccard + LAMBDA * original[query, q:]
    return final


def product_alone(query: NDArray[Any], gallery: NDArray[Any]) -> None:
    """Half of all products, by one thread in blocks that stay in its cache."""
    rows = np.concatenate([query, gallery])
    with threadpool_limits(1, "blas"):
        for start in range(0, len(rows), BLOCK):
            for first in range(start, len(rows), BLOCK):
                rows[start : start + BLOCK] @ rows[first : first + BLOCK].T


def score(problem: Problem, blocks: Iterator[tuple[slice, Floats]]) -> str:
    """MAP and rank-1 of distances given some queries at a time."""
    parts = [metrics.score_block(block, problem.labels, rows) for rows, block in blocks]
    found = metrics.merge_rank_metrics(parts)
    return f"mAP {found.mAP:.5f}  rank-1 {found.cmc[0]:.5f}"


def original_blocks(problem: Problem) -> Iterator[tuple[slice, Floats]]:
    """Distances before re-ranking."""
    for start in range(0, len(problem.query), BLOCK // 4):
        rows = slice(start, min(start + BLOCK // 4, len(problem.query)))
        yield rows, cosine_distance(problem.query[rows], problem.gallery)


@contextmanager
def measure(name: str) -> Iterator[list[float]]:
    """Print one line; yields a list that gets the CPU seconds."""
    cpu: list[float] = []
    with extra_memory() as grown:
        wall, start = time.perf_counter(), time.process_time()
        yield cpu
        cpu.append(time.process_time() - start)
        wall = time.perf_counter() - wall
    print(f"    {name:<28} {cpu[0]:8.2f} CPU s  {wall:8.2f} s  {grown[0] / GIGA:6.3f} GiB extra")


def run(name: str, task: Callable[[Problem], Any], problem: Problem) -> tuple[Any, float]:
    """The result of a task, and its CPU seconds."""
    with measure(name) as cpu:
        result = task(problem)
    return result, cpu[0]


def reranked_score(problem: Problem) -> str:
    """Re-rank and score without a matrix."""
    return score(problem, k_reciprocal_blocks(problem.query, problem.gallery, K1, K2, LAMBDA))


def compare(size: Size, seed: int, precision: type[np.floating[Any]]) -> None:
    """Everything on one size."""
    problem = make_problem(size, seed)
    points = size.queries + size.gallery
    held = (problem.query.nbytes + problem.gallery.nbytes) / GIGA
    print(
        f"  {points:,} points ({size.queries:,} queries) x {DIMENSIONS}, {held:.2f} GiB, "
        f"k1 {K1}, k2 {K2}, lambda {LAMBDA}; before: {score(problem, original_blocks(problem))}"
    )
    run("half of the product alone", lambda each: product_alone(each.query, each.gallery), problem)
    print(f"      {run('re-ranked and scored', reranked_score, problem)[0]}")
    if size.queries * size.gallery > 10**8:
        return
    run("top 100", lambda each: rerank_top(each.query, each.gallery, 100, K1, K2, LAMBDA), problem)
    matrix, seconds = run(
        "as one matrix",
        lambda each: k_reciprocal(each.query, each.gallery, K1, K2, LAMBDA),
        problem,
    )
    wide = Problem(
        problem.query.astype(precision), problem.gallery.astype(precision), problem.labels
    )
    expected, usual_seconds = run(f"usual way, {precision.__name__}", usual, wide)
    apart = abs(matrix - expected)
    print(
        f"      {usual_seconds / seconds:.1f} times less CPU; apart by at most {apart.max():.1e}, "
        f"{(apart > 2e-6).sum()} of {apart.size:,} entries by more than 2e-6"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time and memory of k-reciprocal re-ranking.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--large", action="store_true", help="only 10,000 x 128,517")
    parser.add_argument("--double", action="store_true", help="the usual way in float64, 9 GiB")
    arguments = parser.parse_args()

    k_reciprocal(np.eye(30, 4, dtype=np.float32), np.eye(4, dtype=np.float32))
    size = VERI_WILD if arguments.large else VERI
    compare(size, arguments.seed, np.float64 if arguments.double else np.float32)


if __name__ == "__main__":
    main()
