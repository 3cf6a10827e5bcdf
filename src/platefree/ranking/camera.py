"""Camera verification: a vehicle that is looked for elsewhere was not seen by the query's camera.

Zheng et al., VehicleNet, TMM 2020, section V: embeddings of a camera classifier are clustered, and
gallery rows of the query's cluster are removed. Decided: the clusters are those of DBSCAN, and a
picture in no cluster has an unknown camera. Known cameras need no clusters.
"""

import numpy as np

from platefree.ranking.clusters import cluster_rows
from platefree.ranking.distance import check_comparable, only_space
from platefree.ranking.penalty import check_labels, penalise
from platefree.types import Embeddings, Ranking, Text


def cluster_cameras(
    query: Embeddings, gallery: Embeddings, radius: float, smallest: int = 5
) -> tuple[Text, Text]:
    """Guessed cameras of queries and gallery, from embeddings of a model that tells cameras apart.

    Args:
        query: unit rows in one space.
        gallery: unit rows, by the same model.
        radius: cosine distance within which rows are neighbours.
        smallest: neighbours, itself included, from which a row makes a cluster.

    Returns:
        (q,) and (g,) labels, each the number of a cluster; ``""`` is unknown.

    Raises:
        DataError: an argument is out of range, or there is more than one space.
        MismatchError: query and gallery come from different models.
    """
    check_comparable(query, gallery)
    rows = np.concatenate([only_space(query), only_space(gallery)])
    clusters = cluster_rows(rows, radius, smallest)
    labels = np.where(clusters >= 0, clusters.astype(np.str_), "")
    return labels[: len(query)], labels[len(query) :]


def verify_cameras(
    ranking: Ranking, query_cameras: Text, gallery_cameras: Text, penalty: float = np.inf
) -> Ranking:
    """The ranking without the entries that the query's own camera took.

    Args:
        ranking: what to change.
        query_cameras: (q,) text, known or guessed; ``""`` is unknown and removes nothing.
        gallery_cameras: (g,) text of the same kind.
        penalty: what to add to the distances of such entries instead; inf removes them.

    Raises:
        DataError: the labels do not fit the ranking, or the penalty is negative.
    """
    check_labels(ranking, query_cameras, gallery_cameras)
    cameras = np.append(gallery_cameras, "")[ranking.indices]  # index -1 is unknown
    same = (cameras == query_cameras[:, None]) & (cameras != "")
    return penalise(ranking, same, penalty)
