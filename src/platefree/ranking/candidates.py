"""Re-rank the candidates of a live search: k-reciprocal sets among a query and its candidates.

What the gallery holds beyond the candidates is not looked at, so the cost does not depend on the
gallery, and one query's answer does not depend on the others'.
"""

import numpy as np

from platefree.errors import DataError
from platefree.ranking.distance import Distances
from platefree.ranking.order import in_order
from platefree.ranking.reciprocal import Rows, k_reciprocal
from platefree.types import Embeddings, Indices, Ranking


def rerank_candidates(
    ranking: Ranking,
    query: Rows,
    gallery: Rows,
    k1: int = 20,
    k2: int = 6,
    lambda_: float = 0.3,
    *,
    distances: Distances | None = None,
) -> Ranking:
    """The same candidates of each query in k-reciprocal order, equal distances by gallery index.

    Args:
        ranking: the candidates of each query, about 100.
        query: embeddings or (q, d) rows; see `k_reciprocal`, as are the others.
        gallery: what the candidates are rows of; only those rows are read.
        k1: size of the neighbourhood.
        k2: points to average the weights over.
        lambda_: share of the original distance.
        distances: how the spaces of embeddings combine.

    Returns:
        As many entries; places without a candidate (index -1) come last, at distance inf.

    Raises:
        DataError: see `k_reciprocal`, or the ranking does not fit the queries or the gallery.
        MismatchError: see `k_reciprocal`.
    """
    if len(ranking) != len(query) or ranking.indices.max(initial=-1) >= len(gallery):
        raise DataError(
            f"{len(ranking)} rankings, {len(query)} queries, and candidates up to row "
            f"{ranking.indices.max(initial=-1)} of a gallery of {len(gallery)}: expected a ranking "
            "a query, of this gallery"
        )
    indices = np.full(ranking.indices.shape, -1)
    distance = np.full(ranking.indices.shape, np.inf, np.float32)
    for number, row in enumerate(ranking.indices):
        candidates = np.sort(row[row >= 0])
        one = np.array([number])
        found = k_reciprocal(
            _take(query, one), _take(gallery, candidates), k1, k2, lambda_, distances=distances
        )
        indices[number, : len(candidates)] = candidates
        distance[number, : len(candidates)] = found[0]
    return in_order(indices, distance)


def _take(rows: Rows, chosen: Indices) -> Rows:
    return rows.take(chosen) if isinstance(rows, Embeddings) else np.asarray(rows)[chosen]
