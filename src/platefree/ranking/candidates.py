"""Re-rank the candidates of a live search: k-reciprocal sets among a query and its candidates.

What the gallery holds beyond the candidates is not looked at, so the cost does not depend on the
gallery, and one query's answer does not depend on the others'.
"""

from typing import Unpack

import numpy as np

from platefree.errors import DataError
from platefree.ranking.order import in_order
from platefree.ranking.reciprocal import Options, Rows, k_reciprocal, take_rows
from platefree.types import Ranking


def rerank_candidates(
    ranking: Ranking, query: Rows, gallery: Rows, **options: Unpack[Options]
) -> Ranking:
    """The same candidates of each query in k-reciprocal order, equal distances by gallery index.

    Args:
        ranking: the candidates of each query, about 100.
        query: embeddings or (q, d) rows, as `k_reciprocal` takes them.
        gallery: what the candidates are rows of; only those rows are read.
        **options: what else `k_reciprocal` takes.

    Returns:
        As many entries; places without a candidate (index -1) come last, at distance inf.

    Raises:
        DataError: the ranking does not fit the queries or the gallery, or `k_reciprocal` refuses.
        MismatchError: query and gallery come from different models.
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
        found = k_reciprocal(take_rows(query, one), take_rows(gallery, candidates), **options)
        indices[number, : len(candidates)] = candidates
        distance[number, : len(candidates)] = found[0]
    return in_order(indices, distance)
