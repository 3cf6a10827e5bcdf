"""The nearest pictures of every query, kept while it is scored, to be shown as examples."""

import numpy as np
from numpy.typing import NDArray

from platefree.evaluation.pair_labels import PairLabels, mates_of, read_only
from platefree.evaluation.removed import REMOVED
from platefree.jit import njit, prange
from platefree.ranking.heaps import NOBODY, offer, sort_heaps
from platefree.types import Floats, Indices


class FirstHits:
    """The first hits of each query, without pictures that are ignored or removed.

    Args:
        queries: number of queries.
        size: number of hits of each.

    Attributes:
        places: (q, size) int32, gallery rows, nearest first; -1 where there are fewer.
        distances: (q, size) float32.
    """

    def __init__(self, queries: int, size: int) -> None:
        self.places = np.full((queries, size), -1, np.int32)
        self.distances = np.full((queries, size), np.inf, np.float32)

    def of(self, query: int) -> list[tuple[int, float]]:
        """(gallery row, distance) of the first hits of a query."""
        found = zip(self.places[query].tolist(), self.distances[query].tolist(), strict=True)
        return [(place, distance) for place, distance in found if place >= 0]

    def add(self, block: Floats, labels: PairLabels, rows: slice) -> None:
        """Keep the first hits of a block of queries, as passed by `score_blocks`."""
        nearest = self.distances[rows]
        indices = np.full(nearest.shape, NOBODY)
        allowed = np.ones(block.shape[1], np.bool_)
        block = read_only(block.astype(np.float32, copy=False))
        _keep(block, labels.queries(rows), allowed, nearest, indices)
        sort_heaps(nearest, indices)
        self.places[rows] = np.where(nearest >= REMOVED, -1, indices)


@njit(parallel=True, cache=True)
def _keep(
    block: Floats,
    labels: PairLabels,
    allowed: NDArray[np.bool_],
    nearest: Floats,
    indices: Indices,
) -> None:
    for query in prange(len(block)):
        mates, matches = mates_of(labels, query)
        row = block[query].copy()
        row[mates[~matches]] = np.inf
        offer(row, allowed, 0, nearest[query], indices[query])
