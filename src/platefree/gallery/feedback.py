"""What somebody said of the hits of a search, and the query that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from platefree.errors import DataError
from platefree.gallery.filters import Filter
from platefree.ranking.comparison import Comparison, l2_normalised
from platefree.ranking.exact import check_comparable
from platefree.ranking.homogeneous import Euclidean
from platefree.ranking.joined_spaces import WeightedMean
from platefree.ranking.view_comparison import without_views
from platefree.types import Embeddings, Floats

YES_WEIGHT, NO_WEIGHT = 0.75, 0.15
"""Beta and gamma of `moved_query`; the query itself has weight 1."""


@dataclass(frozen=True)
class Feedback:
    """Which hits show the vehicle, and which do not.

    Attributes:
        yes: numbers of stored sightings that show it.
        no: numbers of stored sightings that do not; no search with this feedback shows them.

    Raises:
        DataError: a number is in both.
    """

    yes: Sequence[int] = ()
    no: Sequence[int] = ()

    def __post_init__(self) -> None:
        if both := sorted(set(self.yes) & set(self.no)):
            raise DataError(f"sighting {both[0]} is in yes and in no; it can be one of them")

    def __bool__(self) -> bool:
        return bool(self.yes or self.no)

    def narrowed(self, where: Filter) -> Filter:
        """The conditions, and that a hit was not rejected."""
        if not self.no:
            return where
        return replace(where, not_numbers=(*where.not_numbers, *self.no))


NO_FEEDBACK = Feedback()
"""Nothing was said."""


def moved_query(
    query: Embeddings, yes: Embeddings, no: Embeddings, comparison: Comparison
) -> Embeddings:
    """Every query moved towards what was confirmed, and away from what was rejected.

    In each space on its own, and divided by its length:

        query + `YES_WEIGHT` mean(yes) - `NO_WEIGHT` mean(no)

    Rocchio, Relevance feedback in information retrieval, 1971, as in Manning, Raghavan and Schütze,
    Introduction to Information Retrieval, 2008, section 9.1.1, equation 9.3, with the weights that
    they call reasonable. A mean of nothing is 0.

    Decided, where the source does not say: the space of predicted views stays, since the query
    still shows the side that it shows; and a Euclidean comparison, whose rows are homogeneous, is
    moved by what was confirmed alone, since a difference of such rows need not be one.

    Args:
        query: q queries.
        yes: sightings of the vehicle.
        no: sightings of other vehicles.
        comparison: how the spaces combine.

    Returns:
        Embeddings of the queries' sightings.

    Raises:
        MismatchError: they are of another model.
    """
    for side in (yes, no):
        check_comparable(query, side)
    away = NO_WEIGHT if _can_subtract(comparison) else 0.0
    spaces = {
        name: l2_normalised(
            rows + YES_WEIGHT * _mean(yes.spaces[name]) - away * _mean(no.spaces[name]), rows
        )
        for name, rows in without_views(query.spaces).items()
    }
    return Embeddings({**query.spaces, **spaces}, query.sightings, query.model, query.content)


def _mean(rows: Floats) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """(d,) the mean of (n, d) rows; zeros if there are none."""
    total: np.ndarray[tuple[int], np.dtype[np.float64]] = rows.sum(axis=0, dtype=np.float64)
    return total / max(len(rows), 1)


def _can_subtract(comparison: Comparison) -> bool:
    if isinstance(comparison, WeightedMean):
        return all(map(_can_subtract, comparison.parts))
    return not isinstance(comparison, Euclidean)
