"""What reading the rows of a gallery has in common, whichever engine keeps them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np

from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.other_models import of_another_model
from platefree.ranking.comparison import Comparison
from platefree.ranking.exact import check_spaces
from platefree.ranking.space_searches import SpaceSearch, space_searches
from platefree.types import Embeddings, Floats, Indices, Ranking

Near = tuple[Indices, Floats]
"""(n,) numbers of sightings, and their distances."""


class StoredView(ABC):
    """The part of a `Reading` that searches, space by space.

    Args:
        place: of the gallery, for messages.
        comparison: how the spaces of its embeddings combine.
    """

    def __init__(self, place: object, comparison: Comparison) -> None:
        self._place, self.comparison = place, comparison

    @property
    @abstractmethod
    def model(self) -> str:
        """Fingerprint of the model that made the embeddings; empty if there are none yet."""

    @property
    @abstractmethod
    def spaces(self) -> dict[str, int]:
        """Space -> dimensions; empty if there are no embeddings yet."""

    def search(self, query: Embeddings, where: Filter = EVERYTHING, top: int = 20) -> Ranking:
        """The nearest sightings of each query that meet the conditions, nearest first."""
        found = np.full((len(query), top), -1), np.full((len(query), top), np.inf, np.float32)
        if not self.spaces:
            return Ranking(*found)
        self._check(query)
        for row in range(len(query)):
            one = query if len(query) == 1 else query.take(np.array([row]))
            searches = self._searches(one, top)
            if searches is None:
                parts = self._scanned(one, where)
            else:
                parts = [self._nearest(one, each, where, top) for each in searches]
            numbers, distances = nearest_of(parts, top)
            found[0][row, : len(numbers)] = numbers
            found[1][row, : len(numbers)] = distances
        return where.near(Ranking(*found))

    def _searches(self, query: Embeddings, top: int) -> Sequence[SpaceSearch] | None:
        """The searches in single spaces that find the nearest; None if there are none."""
        return space_searches(self.comparison, query)

    @abstractmethod
    def _nearest(self, query: Embeddings, part: SpaceSearch, where: Filter, top: int) -> Near:
        """The nearest rows in one space, and a few more."""

    @abstractmethod
    def _scanned(self, query: Embeddings, where: Filter) -> Iterable[Near]:
        """The distances of all rows, some thousand at a time."""

    def _check(self, query: Embeddings) -> None:
        """Raise a `MismatchError` if the query is of another model or has other spaces."""
        if query.model != self.model:
            raise of_another_model(self._place, self.model, query.model)
        check_spaces(query, self.spaces)


def nearest_of(parts: Iterable[Near], top: int) -> Near:
    """The ``top`` nearest of several parts; equal distances are put by number."""
    numbers, distances = np.empty(0, np.int64), np.empty(0, np.float32)
    for some, theirs in parts:
        numbers, distances = np.concatenate([numbers, some]), np.concatenate([distances, theirs])
        order = np.lexsort((numbers, distances))[:top]
        numbers, distances = numbers[order], distances[order]
    return numbers, distances
