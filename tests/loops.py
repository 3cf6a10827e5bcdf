"""Retrieval scored by loops over single pictures, from the definitions; slow on purpose."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.ranking.comparison import cosine_distance
from platefree.types import Embeddings, Floats, Sightings

Entry = Hashable
"""What is found: a row of a table, or a track."""


def random_embeddings(table: Sightings, size: int = 6, seed: int = 0) -> Embeddings:
    """Unit rows that lean towards their vehicle, so that ranks are neither all 1 nor noise."""
    random = np.random.default_rng(seed)
    centres = {name: random.standard_normal(size) for name in sorted(set(table.vehicle.tolist()))}
    rows = np.array([centres[name] for name in table.vehicle.tolist()])
    rows = rows + 1.5 * random.standard_normal(rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Embeddings({"main": rows.astype(np.float32)}, table, "m")


def distances(query: Embeddings, gallery: Embeddings) -> Floats:
    return cosine_distance(query.spaces["main"], gallery.spaces["main"])


def similarity(embeddings: Embeddings, one: int, other: int) -> float:
    rows = embeddings.spaces["main"]
    return float(rows[one].astype(np.float64) @ rows[other].astype(np.float64))


def match_ranks(
    similarities: Mapping[Entry, float],
    right: Callable[[Entry], bool],
    counts: Callable[[Entry], bool],
) -> list[int]:
    """Ranks from 1 of the right entries among those that count."""
    counted = [entry for entry in similarities if counts(entry)]
    ranked = sorted(counted, key=lambda entry: -similarities[entry])
    return [rank for rank, entry in enumerate(ranked, 1) if right(entry)]


def figures(ranks_of_queries: Sequence[list[int]]) -> dict[str, float]:
    """rank-1, rank-5, mAP and the number of queries without a match."""
    found = [ranks for ranks in ranks_of_queries if ranks]
    precisions = [
        sum((n + 1) / rank for n, rank in enumerate(ranks)) / len(ranks) for ranks in found
    ]
    return {
        "rank-1": sum(ranks[0] <= 1 for ranks in found) / len(found),
        "rank-5": sum(ranks[0] <= 5 for ranks in found) / len(found),
        "mAP": sum(precisions) / len(found),
        "without": len(ranks_of_queries) - len(found),
    }


def slow_k_reciprocal(
    distance: NDArray[np.float64], q: int, k1: int, k2: int, lambda_: float
) -> NDArray[np.float64]:
    n = len(distance)
    largest = distance.max(axis=1, keepdims=True)
    distance = np.divide(distance, largest, out=np.zeros((n, n)), where=largest > 0)
    order = [sorted(range(n), key=lambda j, i=i: (distance[i, j], j)) for i in range(n)]

    def mutual(i: int, k: int) -> set[int]:
        return {j for j in order[i][: k + 1] if i in order[j][: k + 1]}

    weights = np.zeros((n, n))
    for i in range(n):
        own = mutual(i, k1)
        members = set(own)
        for j in own:
            others = mutual(j, int(np.around(k1 / 2)))
            if 3 * len(others & own) > 2 * len(others):
                members |= others
        for j in members:
            weights[i, j] = np.exp(-distance[i, j])
        if members:
            weights[i] /= weights[i].sum()
    if k2 != 1:
        weights = np.stack([np.mean([weights[j] for j in order[i][:k2]], axis=0) for i in range(n)])
    final = np.empty((q, n - q))
    for i in range(q):
        for j in range(q, n):
            shared = np.minimum(weights[i], weights[j]).sum()
            jaccard = 1 - shared / (2 - shared)
            final[i, j - q] = (1 - lambda_) * jaccard + lambda_ * distance[i, j]
    return final


def slow_clusters(distance: NDArray[Any], radius: float, smallest: int) -> list[int]:
    """Grow each cluster from its first core row; rows without enough neighbours only join."""
    near = [
        [j for j in range(len(distance)) if distance[i, j] <= radius] for i in range(len(distance))
    ]
    clusters, number = [-1] * len(distance), 0
    for start in range(len(distance)):
        if clusters[start] >= 0 or len(near[start]) < smallest:
            continue
        waiting = [start]
        while waiting:
            row = waiting.pop()
            if clusters[row] >= 0:
                continue
            clusters[row] = number
            if len(near[row]) >= smallest:
                waiting += near[row]
        number += 1
    return clusters
