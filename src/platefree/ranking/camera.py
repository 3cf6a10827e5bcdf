"""Camera verification: a vehicle that is looked for elsewhere was not seen by the query's camera.

Zheng et al., VehicleNet, TMM 2020, section IV-C: embeddings of a camera classifier are clustered,
and gallery rows of the query's cluster are removed. Decided: the clusters are those of DBSCAN, and
a picture in no cluster has an unknown camera. Known cameras need no clusters.
"""

import numpy as np

from platefree.ranking.clusters import cluster_by, cluster_rows
from platefree.ranking.exact import Distances, only_space
from platefree.ranking.penalty import check_labels, penalise
from platefree.types import Embeddings, Floats, Indices, Ranking, Text


def cluster_cameras(
    embeddings: Embeddings, radius: float, smallest: int = 5, distances: Distances | None = None
) -> Text:
    """Guessed cameras of pictures, from embeddings of a model that tells cameras apart.

    Args:
        embeddings: unit rows, of queries and gallery together.
        radius: distance within which rows are neighbours.
        smallest: neighbours, itself included, from which a row makes a cluster.
        distances: how spaces combine; by default the cosine distance in the only space.

    Returns:
        (n,) labels, each the number of a cluster; ``""`` is unknown.

    Raises:
        DataError: an argument is out of range, or spaces are several and ``distances`` missing.
    """
    if distances is None:
        clusters = cluster_rows(only_space(embeddings), radius, smallest)
    else:
        clusters = cluster_by(distances, [embeddings], radius, smallest)
    return np.where(clusters >= 0, clusters.astype(np.str_), "")


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


def remove_same_camera(block: Floats, query_cameras: Indices, gallery_cameras: Indices) -> None:
    """Put what the query's own camera took at distance inf, in place.

    Args:
        block: (q, g) distances, changed.
        query_cameras: (q,) numbers of cameras; -1 is unknown and removes nothing.
        gallery_cameras: (g,) numbers of the same cameras.
    """
    for row, camera in zip(block, query_cameras, strict=True):
        if camera >= 0:
            row[gallery_cameras == camera] = np.inf
