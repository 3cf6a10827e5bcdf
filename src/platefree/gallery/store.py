"""Stores of sightings that can be added to and searched: the interface, and one in memory."""

from typing import Protocol

import numpy as np

from platefree.errors import DataError
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.ranking.comparison import Comparison
from platefree.ranking.exact import check_comparable, rank_exact
from platefree.types import COLUMNS, Embeddings, Indices, Ranking, Sightings


class Store(Protocol):
    """Sightings with their embeddings, addressed by row number."""

    @property
    def comparison(self) -> Comparison:
        """How the spaces of its embeddings combine."""

    def add(self, embeddings: Embeddings) -> None:
        """Append sightings with their embeddings.

        Raises:
            MismatchError: another model made them.
        """

    def search(self, query: Embeddings, where: Filter = EVERYTHING, top: int = 20) -> Ranking:
        """The nearest rows of each query that meet the conditions, nearest first."""

    def get(self, rows: Indices) -> Embeddings:
        """The sightings of these rows, with their embeddings, in this order."""

    def delete(self, where: Filter) -> int:
        """Delete the sightings that meet the conditions; the remaining rows are renumbered.

        Returns:
            How many were deleted.
        """

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many sightings meet the conditions."""


class MemoryStore:
    """A `Store` in memory, searched exactly; memory-mapped embeddings stay on disk.

    Args:
        embeddings: the initial content.
        comparison: how their spaces combine.
    """

    def __init__(self, embeddings: Embeddings, comparison: Comparison) -> None:
        self._embeddings = embeddings
        self.comparison = comparison

    def add(self, embeddings: Embeddings) -> None:
        """Append sightings with their embeddings.

        Raises:
            MismatchError: another model made them.
            DataError: their paths are relative to another folder.
        """
        check_comparable(embeddings, self._embeddings)
        both = self._embeddings, embeddings
        contents = [each.content for each in both if each.content is not None]
        self._embeddings = Embeddings(
            {name: np.concatenate([each.spaces[name] for each in both]) for name in both[0].spaces},
            _joined(*(each.sightings for each in both)),
            embeddings.model,
            np.concatenate(contents) if len(contents) == len(both) else None,
        )

    def search(self, query: Embeddings, where: Filter = EVERYTHING, top: int = 20) -> Ranking:
        """The nearest rows of each query, by computing every distance."""
        allowed = where.mask(self._embeddings.sightings)
        return rank_exact(query, self._embeddings, top, self.comparison, allowed=allowed)

    def get(self, rows: Indices) -> Embeddings:
        """The sightings of these rows, in this order."""
        return self._embeddings.take(rows)

    def delete(self, where: Filter) -> int:
        """Delete the sightings that meet the conditions; with no condition, all."""
        forgotten = where.mask(self._embeddings.sightings)
        self._embeddings = self._embeddings.take(~forgotten)
        return int(forgotten.sum())

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many sightings meet the conditions."""
        return int(where.mask(self._embeddings.sightings).sum())


def _joined(first: Sightings, second: Sightings) -> Sightings:
    if first.root != second.root:
        raise DataError(
            f"the paths of the new sightings start from {second.root}, those of the store from "
            f"{first.root}: read both tables from one folder"
        )
    columns = {
        name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in COLUMNS
    }
    return Sightings.from_columns(first.root, columns)
