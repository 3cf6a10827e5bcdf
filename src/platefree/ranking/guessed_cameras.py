"""Cameras guessed from the look of the pictures, for camera verification.

Zheng et al., VehicleNet, TMM 2020, section IV-C: embeddings of a camera classifier are clustered,
and gallery rows of the query's cluster are removed. Decided: the clusters are those of DBSCAN, and
a picture in no cluster has an unknown camera. Cameras known from the table need no clusters.
"""

from platefree.ranking.clusters import cluster_pictures
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.types import Embeddings, Text, text_column


def cluster_cameras(
    embeddings: Embeddings,
    radius: float,
    smallest: int = 5,
    comparison: Comparison = ONLY_SPACE,
) -> Text:
    """Guessed cameras of pictures, from embeddings of a classifier of cameras.

    Args:
        embeddings: L2-normalised, of queries and gallery together.
        radius: distance within which rows are neighbours.
        smallest: neighbours, itself included, from which a row makes a cluster.
        comparison: how spaces combine; by default the cosine distance in the only space.

    Returns:
        (n,) labels, each the number of a cluster; ``""`` is unknown.

    Raises:
        DataError: an argument is out of range, or spaces are several and no comparison is given.
    """
    clusters = cluster_pictures([embeddings], comparison, radius, smallest)
    return text_column(["" if cluster < 0 else str(cluster) for cluster in clusters.tolist()])
