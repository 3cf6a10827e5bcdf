"""Pictures that post-processing removed rank last, removed matches after all others.

Otherwise the order of the gallery would decide the rank of a removed match.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from platefree.evaluation.pair_labels import PairLabels, mates_of
from platefree.jit import njit, prange
from platefree.types import Floats

REMOVED = float(np.finfo(np.float32).max)
"""Pictures at this distance or more were removed."""


def sink_removed(
    blocks: Iterable[tuple[slice, Floats]], labels: PairLabels
) -> Iterator[tuple[slice, Floats]]:
    """Blocks of distances in which only removed matches are at distance inf.

    Args:
        blocks: float32, changed in place.
        labels: of the whole search.
    """
    for rows, block in blocks:
        _sink(block, labels.queries(rows))
        yield rows, block


@njit(parallel=True, cache=True)
def _sink(block: Floats, labels: PairLabels) -> None:
    for query in prange(len(block)):
        row = block[query]
        mates, matches = mates_of(labels, query)
        wanted = mates[matches]
        lost = np.isinf(row[wanted])
        for place in range(row.size):
            row[place] = min(row[place], np.float32(REMOVED))
        row[wanted[lost]] = np.inf
