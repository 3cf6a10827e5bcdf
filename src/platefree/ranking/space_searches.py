"""How the distances of a comparison are searched by an index: one search in each of some spaces.

An index finds the nearest rows of one space. A comparison in one space needs one such search; one
that chooses the space by the views of both pictures (VANet) divides the gallery into groups of
equal view, and searches each group in the space that compares it with the query. Merged, that is
its exact order. Other comparisons are computed for every row.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from platefree.ranking.comparison import Comparison, Cosine
from platefree.ranking.view_comparison import ViewComparison
from platefree.types import Embeddings, Indices


@dataclass(frozen=True)
class SpaceSearch:
    """The nearest rows, by the cosine distance in one space.

    Attributes:
        space: its name.
        groups: of the gallery rows that are searched; None is all.
    """

    space: str
    groups: tuple[int, ...] | None = None


def groups_of(comparison: Comparison, gallery: Embeddings) -> Indices:
    """(n,) int64 group of each gallery row; 0 where the comparison has no groups.

    Raises:
        DataError: the comparison needs a view that is not known.
    """
    if isinstance(comparison, ViewComparison):
        return comparison.views(gallery)
    return np.zeros(len(gallery), np.int64)


def searched_spaces(comparison: Comparison, spaces: Collection[str]) -> set[str]:
    """Which of some spaces `space_searches` ever names."""
    if isinstance(comparison, Cosine):
        return {comparison.space or next(iter(spaces))}
    if isinstance(comparison, ViewComparison):
        return set(comparison.relations.spaces)
    return set()


def space_searches(comparison: Comparison, query: Embeddings) -> list[SpaceSearch] | None:
    """The searches that together give the order of one query's distances.

    Args:
        comparison: how spaces combine.
        query: one row.

    Returns:
        The searches, whose groups do not overlap; None if no such searches give the order.
    """
    if isinstance(comparison, Cosine):
        return [SpaceSearch(comparison.space or next(iter(query.spaces)))]
    if isinstance(comparison, ViewComparison):
        branches = comparison.relations.branch_of[comparison.views(query)[0]]
        return [
            SpaceSearch(
                comparison.relations.spaces[branch],
                tuple(np.flatnonzero(branches == branch).tolist()),
            )
            for branch in np.unique(branches).tolist()
        ]
    return None
