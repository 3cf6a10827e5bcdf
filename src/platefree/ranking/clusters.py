"""Clusters of pictures by density: DBSCAN, Ester et al., KDD 1996."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from platefree.errors import DataError
from platefree.ranking.comparison import Comparison, Cosine, check_block
from platefree.ranking.exact import embedding_blocks
from platefree.types import Embeddings, Floats, Indices

_BLOCK = 2048  # rows and columns of distances: 16 MB


def cluster_pictures(
    parts: Sequence[Embeddings], comparison: Comparison, radius: float, smallest: int
) -> Indices:
    """Number of the cluster of each picture; -1 for pictures in no cluster.

    Args:
        parts: embeddings by one model, concatenated in this order.
        comparison: how their spaces combine; taken to be symmetric.
        radius: distance within which pictures are neighbours, in (0, 2].
        smallest: neighbours, itself included, from which a picture makes a cluster; 1 or more.

    Returns:
        (n,) int64, clusters numbered from 0 by their first core picture. A picture between two
        clusters belongs to the first.

    Raises:
        DataError: an argument is out of range, or a row is not finite.
    """
    if isinstance(comparison, Cosine):
        rows = np.concatenate([comparison.rows(part) for part in parts])
        return cluster_rows(rows, radius, smallest)
    return _cluster_by(comparison, parts, radius, smallest)


def cluster_rows(rows: Floats, radius: float, smallest: int) -> Indices:
    """Clusters of L2-normalised rows by cosine distance; -1 for rows in no cluster.

    Time grows with the square of the number of rows, memory with the pairs within the radius.

    Args:
        rows: (n, d) float32, L2-normalised.
        radius: cosine distance within which rows are neighbours, in (0, 2].
        smallest: neighbours, itself included, from which a row makes a cluster; 1 or more.

    Returns:
        (n,) int64, clusters numbered from 0 by their first core row. A row between two clusters
        belongs to the first.

    Raises:
        DataError: an argument is out of range, or a row is not finite.
    """
    _check(radius, smallest)
    if not np.isfinite(rows).all():
        raise DataError("a row to cluster holds NaN or infinity; expected embeddings")
    if not len(rows):
        return np.empty(0, np.int64)
    from sklearn.cluster import DBSCAN  # which takes up to a second to load

    found = DBSCAN(eps=radius, min_samples=smallest, metric="cosine").fit_predict(rows)
    return np.asarray(found, np.int64)


def _cluster_by(
    comparison: Comparison, parts: Sequence[Embeddings], radius: float, smallest: int
) -> Indices:
    """The clusters by any distance."""
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import sort_graph_by_row_values

    _check(radius, smallest)
    blocks = [block for part in parts for _, block in embedding_blocks(part, _BLOCK)]
    firsts = np.cumsum([0, *map(len, blocks)])
    if not firsts[-1]:
        return np.empty(0, np.int64)
    rows, columns, near = [], [], []
    for first_row, one in zip(firsts, blocks, strict=False):
        for first_column, other in zip(firsts, blocks, strict=False):
            block = check_block(comparison.distances(one, other), one, other)
            row, column = np.nonzero(block <= radius)
            rows.append(row + first_row)
            columns.append(column + first_column)
            near.append(block[row, column].clip(min=0))
    shape = firsts[-1], firsts[-1]
    places = np.concatenate(rows), np.concatenate(columns)
    graph = sort_graph_by_row_values(
        csr_array((np.concatenate(near), places), shape=shape), warn_when_not_sorted=False
    )
    found = DBSCAN(eps=radius, min_samples=smallest, metric="precomputed").fit_predict(graph)
    return np.asarray(found, np.int64)


def _check(radius: float, smallest: int) -> None:
    if not 0 < radius <= 2 or smallest < 1:
        raise DataError(
            f"radius is {radius} and smallest {smallest}, expected a distance in (0, 2] and 1 or "
            "more"
        )
