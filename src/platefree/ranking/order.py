"""Entries of any order as a ranking: nearest first, equal distances by index, empty places last."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.types import Indices, Ranking


def in_order(indices: Indices, distances: NDArray[np.floating[Any]]) -> Ranking:
    """A ranking of (q, k) entries; those of index -1 get distance inf."""
    empty = indices < 0
    distances = np.where(empty, np.inf, distances).astype(np.float32)
    order = np.lexsort((indices, distances, empty), axis=1)
    return Ranking(
        np.take_along_axis(indices, order, axis=1), np.take_along_axis(distances, order, axis=1)
    )
