"""Clusters of unit rows by density: DBSCAN, Ester et al., KDD 1996, on the cosine distance."""

import numpy as np
from sklearn.cluster import DBSCAN

from platefree.errors import DataError
from platefree.types import Floats, Indices


def cluster_rows(rows: Floats, radius: float, smallest: int) -> Indices:
    """Number of the cluster of each row, -1 for rows that belong to none.

    Time grows with the square of the rows, memory with the pairs within the radius.

    Args:
        rows: (n, d) float32, unit rows.
        radius: cosine distance within which rows are neighbours, in (0, 2].
        smallest: neighbours, itself included, from which a row makes a cluster; 1 or more.

    Returns:
        (n,) int64, clusters numbered from 0 by their first row that makes one. A row between two
        clusters belongs to the first.

    Raises:
        DataError: an argument is out of range, or a row is not finite.
    """
    if not 0 < radius <= 2 or smallest < 1:
        raise DataError(
            f"radius is {radius} and smallest {smallest}, expected a cosine distance in (0, 2] "
            "and 1 or more"
        )
    if not np.isfinite(rows).all():
        raise DataError("a row to cluster holds NaN or infinity; expected embeddings")
    if not len(rows):
        return np.empty(0, np.int64)
    found = DBSCAN(eps=radius, min_samples=smallest, metric="cosine").fit_predict(rows)
    return np.asarray(found, np.int64)
