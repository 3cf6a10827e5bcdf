"""Query expansion by clusters: queries that look alike are replaced by their mean.

Zheng et al., VehicleNet, TMM 2020, section IV-C: the queries are clustered by DBSCAN and each takes
the mean of its cluster. Decided: the mean includes the query itself. "The mean feature of the other
queries in the same cluster", to the letter, is ``of="others"``: of two queries, each becomes the
other. The answer to a query then depends on the other queries, which a benchmark may forbid and a
live search does not have.
"""

from typing import Literal

import numpy as np

from platefree.ranking.clusters import cluster_pictures
from platefree.ranking.comparison import ONLY_SPACE, Comparison, l2_normalised
from platefree.ranking.exact import check_comparable
from platefree.ranking.view_comparison import without_views
from platefree.types import Embeddings, Floats, Indices


def expand_by_clusters(
    query: Embeddings,
    radius: float,
    smallest: int = 2,
    *,
    neighbours: Embeddings | None = None,
    of: Literal["all", "others"] = "all",
    comparison: Comparison = ONLY_SPACE,
) -> Embeddings:
    """Each query replaced by the L2-normalised mean of its cluster, if it is in one.

    Args:
        query: L2-normalised embeddings; each space is averaged on its own, but for
            predicted views, which stay.
        radius: distance within which rows are neighbours.
        smallest: neighbours, itself included, from which a row makes a cluster.
        neighbours: more rows to cluster and average with the queries, such as the gallery rows
            ranked first: ``gallery.take(np.unique(ranking.indices[:, :5]))``.
        of: which rows of its cluster a query becomes the mean of, ``all`` or the ``others``; a
            query without others stays.
        comparison: how spaces combine; by default the cosine distance in the only space.

    Returns:
        Embeddings of the queries' sightings.

    Raises:
        DataError: an argument is out of range, or spaces are several and no comparison is given.
        MismatchError: queries and neighbours come from different models.
    """
    if neighbours is None:
        neighbours = query.take(np.empty(0, np.int64))
    check_comparable(query, neighbours)
    clusters = cluster_pictures((query, neighbours), comparison, radius, smallest)
    spaces = {
        name: _means(rows, neighbours.spaces[name], clusters, of)
        for name, rows in without_views(query.spaces).items()
    }
    return Embeddings({**query.spaces, **spaces}, query.sightings, query.model)


def _means(query: Floats, neighbours: Floats, clusters: Indices, of: str) -> Floats:
    """Queries, those in a cluster replaced by the mean of its rows, or of its other rows."""
    sums = np.zeros((clusters.max(initial=-1) + 1, query.shape[1]))
    member = clusters >= 0
    np.add.at(sums, clusters[member], np.concatenate([query, neighbours])[member])
    of_query = clusters[: len(query)]
    moved = of_query >= 0
    expanded = np.array(query)
    totals = sums[of_query[moved]] - (query[moved] if of == "others" else 0)
    expanded[moved] = l2_normalised(totals, otherwise=query[moved])
    return expanded
