"""Sparse k-reciprocal sets of a set of points, and their weights.

Zhong et al., Re-ranking Person Re-identification with k-reciprocal Encoding, CVPR 2017, section 3.
Relations between points are sparse matrices: a mutual relation has entry (i, j) if i is in the list
of j and j in the list of i. Memory grows with the number of points times the length of a list.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from platefree.types import Indices

_BLOCK = 2048  # points whose sets are expanded at a time: products of relations can be large


def reciprocal_sets(nearest: Indices, k1: int) -> csr_array:
    """The expanded k-reciprocal set of every point.

    The set of a point holds those of its ``k1`` neighbours that have the point among their own
    ``k1`` neighbours. Each member has such a set for half of ``k1``; that set is added if more
    than two thirds of it are in the first set.

    Args:
        nearest: (n, k) int64, at least k1 + 1 nearest points of every point, itself included.
        k1: how many neighbours; half of it rounds to even, as ``np.around`` does.

    Returns:
        (n, n), ones, columns in order.
    """
    mutual, half = _mutual(nearest[:, : k1 + 1]), _mutual(nearest[:, : round(k1 / 2) + 1])
    sizes = half.sum(axis=1)
    parts = []
    for start in range(0, len(nearest), _BLOCK):
        own = mutual[start : start + _BLOCK]
        overlap = (own @ half).multiply(own).tocsr()  # of a point's set with each member's
        overlap.data = np.where(3 * overlap.data > 2 * sizes[overlap.indices], 1, 0)
        overlap.eliminate_zeros()
        part = (own + overlap @ half).tocsr()
        part.sort_indices()
        parts.append(part)
    sets: csr_array = vstack(parts, format="csr")
    sets.data = np.ones(sets.nnz, np.float32)
    return sets


def set_weights(sets: csr_array, distances: NDArray[np.floating[Any]]) -> csr_array:
    """Weights exp(-distance) of the members of every set, of sum 1.

    Args:
        sets: (n, n) from `reciprocal_sets`.
        distances: (members,) normalised distances from a point to its members, in their order.

    Returns:
        (n, n) float32.
    """
    weights = sets.copy()
    weights.data = np.exp(-distances.astype(np.float64))
    totals = weights.sum(axis=1)
    weights.data = (weights.data / np.repeat(totals, np.diff(weights.indptr))).astype(np.float32)
    return weights


def average_over_neighbours(weights: csr_array, nearest: Indices, k2: int) -> csr_array:
    """The mean of the weights of the nearest ``k2`` points of every point, itself included."""
    relation = _lists(nearest[:, :k2])
    relation.data = np.full(relation.nnz, 1 / nearest[:, :k2].shape[1], np.float32)
    averaged: csr_array = relation @ weights
    return averaged


def _lists(nearest: Indices) -> csr_array:
    n, k = nearest.shape
    columns = np.ascontiguousarray(nearest, np.int32).ravel()
    starts = np.arange(0, n * k + 1, k, dtype=np.int32 if n * k < 2**31 else np.int64)
    return csr_array((np.ones(n * k, np.int32), columns, starts), shape=(n, n))


def _mutual(nearest: Indices) -> csr_array:
    lists = _lists(nearest)
    mutual: csr_array = lists.multiply(lists.T).tocsr()
    return mutual
