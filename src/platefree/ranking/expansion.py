"""Query expansion: search again with the mean of a query and its nearest gallery rows.

The average of Chum et al., Total Recall, ICCV 2007, and the weighted average of Radenovic et al.,
Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019, section 4.2.
"""

import numpy as np

from platefree.errors import DataError
from platefree.ranking.comparison import l2_normalised
from platefree.ranking.exact import check_comparable
from platefree.ranking.view_comparison import without_views
from platefree.types import Embeddings, Floats, Indices, Ranking

_BLOCK = 512  # queries at a time


def expand_queries(
    query: Embeddings,
    gallery: Embeddings,
    ranking: Ranking,
    neighbours: int = 10,
    alpha: float = 3.0,
) -> Embeddings:
    """L2-normalised mean of each query and its nearest gallery rows, by similarity ** alpha.

    The query itself has weight 1. Each space is expanded on its own, but for predicted views, which
    stay. Queries are expanded with
    gallery rows only, so they do not depend on each other. To expand a gallery, pass it as both
    query and gallery, with its ranking of itself.

    Args:
        query: L2-normalised embeddings.
        gallery: L2-normalised embeddings.
        ranking: the gallery rows of each query, nearest first.
        neighbours: how many of them to add, or as many as the ranking holds.
        alpha: 0 gives every neighbour weight 1. A similarity below 0 counts as 0.

    Returns:
        Embeddings of the queries' sightings.

    Raises:
        DataError: an argument is out of range, or the ranking does not fit.
        MismatchError: query and gallery come from different models or have different spaces.
    """
    check_comparable(query, gallery)
    if neighbours < 1 or not 0 <= alpha < np.inf:
        raise DataError(
            f"neighbours is {neighbours} and alpha {alpha}, expected 1 or more and 0 or more"
        )
    if len(ranking) != len(query) or ranking.indices.max(initial=-1) >= len(gallery):
        raise DataError(
            f"{len(ranking)} rankings, {len(query)} queries, and gallery rows up to "
            f"{ranking.indices.max(initial=-1)} of {len(gallery)}: expected one ranking for each "
            "query, of this gallery"
        )
    nearest = ranking.indices[:, : min(neighbours, len(gallery))]  # an empty gallery has none
    spaces = {
        name: np.concatenate(
            [
                _expand(rows[part], gallery.spaces[name], nearest[part], alpha)
                for part in _parts(len(query))
            ]
        )
        for name, rows in without_views(query.spaces).items()
    }
    return Embeddings({**query.spaces, **spaces}, query.sightings, query.model)


def _parts(n: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, max(n, 1), _BLOCK)]


def _expand(query: Floats, gallery: Floats, nearest: Indices, alpha: float) -> Floats:
    found = gallery[np.maximum(nearest, 0)]  # (queries, neighbours, dimensions)
    similarity = np.einsum("qd,qkd->qk", query, found, dtype=np.float64)
    weights = np.where(nearest >= 0, np.maximum(similarity, 0) ** alpha, 0)
    total = query + np.einsum("qk,qkd->qd", weights, found)
    return l2_normalised(total, otherwise=query)
