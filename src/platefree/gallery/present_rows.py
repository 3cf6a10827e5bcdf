"""Reading a store as it is now: each question is asked of a snapshot."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

import numpy as np

from platefree.gallery.conditions import Bools
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.store import Reading
from platefree.types import Contents, Embeddings, Indices, Ranking


class PresentRows(ABC):
    """The `Reading` of a store whose snapshots answer."""

    @abstractmethod
    def snapshot(self, version: int | None = None) -> AbstractContextManager[Reading]:
        """See `Store.snapshot`."""

    def search(self, query: Embeddings, where: Filter = EVERYTHING, top: int = 20) -> Ranking:
        """The nearest sightings of each query that meet the conditions, nearest first."""
        with self.snapshot() as now:
            return now.search(query, where, top)

    def get(self, numbers: Indices) -> Embeddings:
        """The sightings of these numbers, with their embeddings, in this order."""
        with self.snapshot() as now:
            return now.get(numbers)

    def crops(self, numbers: Indices) -> list[bytes]:
        """The small pictures of these sightings, as JPEG; empty where none was stored."""
        with self.snapshot() as now:
            return now.crops(numbers)

    def latest(self, where: Filter = EVERYTHING, top: int | None = None) -> Indices:
        """The numbers of the sightings that meet the conditions, the latest first."""
        with self.snapshot() as now:
            return now.latest(where, top)

    def holds(self, identities: Contents) -> Bools:
        """(n,) which of (n, 16) identities are stored."""
        with self.snapshot() as now:
            return now.holds(identities)

    def has(self, numbers: Indices) -> Bools:
        """(n,) which of these numbers are stored."""
        with self.snapshot() as now:
            return now.has(numbers)

    def time_span(self) -> tuple[np.datetime64, np.datetime64]:
        """The earliest and the latest known time; NaT if none is known."""
        with self.snapshot() as now:
            return now.time_span()

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many sightings meet the conditions."""
        with self.snapshot() as now:
            return now.count(where)

    def tally(self, column: str) -> dict[str, int]:
        """How many sightings have each value of a label column."""
        with self.snapshot() as now:
            return now.tally(column)
