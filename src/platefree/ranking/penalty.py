"""Put entries of a ranking back, or take them out of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.ranking.order import in_order
from platefree.types import Ranking


def penalise(ranking: Ranking, entries: NDArray[np.bool_], penalty: float = np.inf) -> Ranking:
    """The ranking after some entries moved further away, equal distances by gallery index.

    Args:
        ranking: what to change.
        entries: (q, k), which entries to move.
        penalty: what to add to their distances, 0 or more; inf takes them out (index -1).

    Raises:
        DataError: the entries do not fit the ranking, or the penalty is negative.
    """
    if entries.shape != ranking.indices.shape or entries.dtype != np.bool_:
        raise DataError(
            f"entries are {entries.dtype} {entries.shape}, expected bool {ranking.indices.shape}"
        )
    if not penalty >= 0:
        raise DataError(f"penalty is {penalty}, expected 0 or more")
    removed = entries & (penalty == np.inf)
    moved = np.where(entries, ranking.distances + np.float32(penalty), ranking.distances)
    return in_order(np.where(removed, -1, ranking.indices), moved)


def check_labels(ranking: Ranking, query: NDArray[Any], gallery: NDArray[Any]) -> None:
    """Refuse labels of another number of queries or gallery rows with a `DataError`."""
    last = ranking.indices.max(initial=-1)
    if query.shape != (len(ranking),) or gallery.ndim != 1 or last >= len(gallery):
        raise DataError(
            f"labels {query.shape} of queries and {gallery.shape} of gallery rows, a ranking of "
            f"{len(ranking)} queries and of rows up to {last}: expected a label for each"
        )
