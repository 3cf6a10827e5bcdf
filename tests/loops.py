"""Retrieval scored by loops over single pictures, from the definitions; slow on purpose."""

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from platefree.ranking.distance import cosine_distance
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
