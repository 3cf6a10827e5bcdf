"""Stores of sightings that can be added to and searched: the interface, and one in memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from platefree.data.content import picture_contents
from platefree.errors import DataError
from platefree.gallery.conditions import Bools
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.sighting_identity import identities, joined
from platefree.ranking.comparison import Comparison
from platefree.ranking.exact import check_comparable, rank_exact
from platefree.types import COLUMNS, Contents, Embeddings, Indices, Ranking, Sightings, Times


class Reading(Protocol):
    """Stored sightings with their embeddings, each with a number of its own.

    Numbers rise in the order of adding. They are never changed, and never given again.
    """

    @property
    def comparison(self) -> Comparison:
        """How the spaces of its embeddings combine."""

    @property
    def version(self) -> int:
        """Rises with every change."""

    @property
    def exact(self) -> bool:
        """Whether a search computes every distance; otherwise an index takes a part."""

    def search(self, query: Embeddings, where: Filter = EVERYTHING, top: int = 20) -> Ranking:
        """The nearest sightings of each query that meet the conditions, nearest first.

        Conditions are applied before the nearest are taken, so that a narrow filter loses nothing.

        Returns:
            The ranking of their numbers.

        Raises:
            MismatchError: another model made the query.
        """

    def get(self, numbers: Indices) -> Embeddings:
        """The sightings of these numbers, with their embeddings, in this order.

        Raises:
            DataError: one is not stored.
        """

    def crops(self, numbers: Indices) -> list[bytes]:
        """The small pictures of these sightings, as JPEG; empty where none was stored."""

    def latest(self, where: Filter = EVERYTHING, top: int | None = None) -> Indices:
        """The numbers of the sightings that meet the conditions.

        They are ordered by time, the latest first, unknown times last, and equal times by number.
        """

    def holds(self, identities: Contents) -> Bools:
        """(n,) which of (n, 16) identities (`sighting_identity`) are stored."""

    def has(self, numbers: Indices) -> Bools:
        """(n,) which of these numbers are stored."""

    def time_span(self) -> tuple[np.datetime64, np.datetime64]:
        """The earliest and the latest known time; NaT if none is known."""

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many sightings meet the conditions."""

    def tally(self, column: str) -> dict[str, int]:
        """How many sightings have each value of a label column; the empty text is unknown."""


class Store(Reading, Protocol):
    """A place where sightings accumulate; reading it is reading what it holds now."""

    def add(self, embeddings: Embeddings, crops: Sequence[bytes] | None = None) -> Indices:
        """Append sightings with their embeddings, all of them or none.

        Args:
            embeddings: of n sightings.
            crops: n small pictures of them, as JPEG.

        Returns:
            (n,) their numbers.

        Raises:
            MismatchError: another model made them.
            StorageError: they cannot be written, or another process is writing.
        """

    def delete(self, where: Filter) -> int:
        """Delete the sightings that meet the conditions; the others keep their numbers.

        What was deleted is found no more; `compact` removes it from the disk.

        Returns:
            How many were deleted.
        """

    def compact(self) -> "Compacted":
        """Remove from the disk what was deleted or superseded, and gather what lies apart."""

    @property
    def has_remains(self) -> bool:
        """Whether something is on the disk that `compact` has to remove since it was deleted."""

    def snapshot(self, version: int | None = None) -> AbstractContextManager[Reading]:
        """What is stored now: within the block it stays as it is, whoever writes.

        Args:
            version: an older one instead, which may hold what was deleted since.

        Raises:
            PastVersion: it is no longer there.
        """


class PastVersion(DataError):
    """A version of a store is asked for that is no longer there."""

    def __init__(self, version: int, newest: int) -> None:
        super().__init__(f"version {version} is no longer there, the newest is {newest}")


@dataclass(frozen=True)
class Compacted:
    """What `Store.compact` did.

    Attributes:
        before: bytes on the disk.
        after: bytes on the disk now.
        readers: processes and blocks that still read an older version; what was deleted since is
            removed by the next `compact` after they have ended.
    """

    before: int
    after: int
    readers: int = 0


class MemoryStore:
    """A `Store` in memory, searched exactly; memory-mapped embeddings stay on disk.

    Args:
        embeddings: the initial content, whose numbers are their places.
        comparison: how their spaces combine.
    """

    exact, has_remains = True, False

    def __init__(self, embeddings: Embeddings, comparison: Comparison) -> None:
        self._embeddings = embeddings
        self._numbers = np.arange(len(embeddings))
        self._next = len(embeddings)
        self._crops = [b""] * len(embeddings)
        self.comparison, self.version = comparison, 0

    def add(self, embeddings: Embeddings, crops: Sequence[bytes] | None = None) -> Indices:
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
        numbers = self._next + np.arange(len(embeddings))
        self._numbers = np.concatenate([self._numbers, numbers])
        self._crops += [b""] * len(embeddings) if crops is None else crops
        self._next, self.version = self._next + len(embeddings), self.version + 1
        return numbers

    def search(self, query: Embeddings, where: Filter = EVERYTHING, top: int = 20) -> Ranking:
        """The nearest sightings of each query, by computing every distance."""
        allowed = where.mask(self._embeddings.sightings, self._numbers)
        found = rank_exact(query, self._embeddings, top, self.comparison, allowed=allowed)
        numbers = np.append(self._numbers, -1)[found.indices]  # -1 is the last
        return where.near(Ranking(numbers, found.distances))

    def get(self, numbers: Indices) -> Embeddings:
        """The sightings of these numbers, in this order."""
        return self._embeddings.take(self._rows(numbers))

    def crops(self, numbers: Indices) -> list[bytes]:
        """The small pictures of these sightings."""
        return [self._crops[row] for row in self._rows(numbers).tolist()]

    def latest(self, where: Filter = EVERYTHING, top: int | None = None) -> Indices:
        """The numbers of the sightings that meet the conditions, the latest first."""
        met = where.without_query().mask(self._embeddings.sightings, self._numbers)
        return latest_first(self._numbers[met], self._embeddings.sightings.time[met])[:top]

    def holds(self, identities: Contents) -> Bools:
        """(n,) which of these identities are stored."""
        return np.isin(joined(identities), joined(identities_of(self._embeddings)))

    def has(self, numbers: Indices) -> Bools:
        """(n,) which of these numbers are stored."""
        return np.isin(numbers, self._numbers)

    def time_span(self) -> tuple[np.datetime64, np.datetime64]:
        """The earliest and the latest known time; NaT if none is known."""
        return span_of(self._embeddings.sightings.time)

    def delete(self, where: Filter) -> int:
        """Delete the sightings that meet the conditions; with no condition, all."""
        forgotten = where.without_query().mask(self._embeddings.sightings, self._numbers)
        self._embeddings = self._embeddings.take(~forgotten)
        self._numbers = self._numbers[~forgotten]
        self._crops = [each for each, gone in zip(self._crops, forgotten, strict=True) if not gone]
        self.version += 1
        return int(forgotten.sum())

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many sightings meet the conditions."""
        table = self._embeddings.sightings
        return int(where.without_query().mask(table, self._numbers).sum())

    def tally(self, column: str) -> dict[str, int]:
        """How many sightings have each value of a label column."""
        return dict(Counter(getattr(self._embeddings.sightings, column).tolist()))

    def compact(self) -> Compacted:
        """Nothing: what was deleted is gone already."""
        return Compacted(0, 0)

    @contextmanager
    def snapshot(self, version: int | None = None) -> Iterator["MemoryStore"]:
        """What is stored now; older versions are not kept."""
        if version not in (None, self.version):
            raise PastVersion(version or 0, self.version)
        now = MemoryStore(self._embeddings, self.comparison)
        now._numbers, now._crops, now.version = self._numbers, list(self._crops), self.version
        yield now

    def _rows(self, numbers: Indices) -> Indices:
        rows = np.searchsorted(self._numbers, numbers)
        refuse_absent(numbers, np.append(self._numbers, -1)[rows] == numbers)
        return rows


def identities_of(embeddings: Embeddings) -> Contents:
    """(n, 16) uint8 identities of embedded sightings."""
    contents = embeddings.content
    if contents is None:
        contents = picture_contents(embeddings.sightings)
    return identities(embeddings.sightings, contents)


def latest_first(
    numbers: Indices, times: "np.ndarray[tuple[int], np.dtype[np.datetime64]]"
) -> Indices:
    """(n,) numbers by time, the latest first, unknown times last, and equal times by number."""
    unknown = np.isnat(times)
    late = np.where(unknown, 0, -times.astype("datetime64[ms]").view(np.int64))
    return numbers[np.lexsort((numbers, late, unknown))]


def span_of(times: Times) -> tuple[np.datetime64, np.datetime64]:
    """The earliest and the latest known of (n,) times; NaT if none is known."""
    known = times[~np.isnat(times)]
    if not len(known):
        return np.datetime64("NaT", "ms"), np.datetime64("NaT", "ms")
    return known.min(), known.max()


def refuse_absent(numbers: Indices, there: Bools) -> None:
    """Raise a `DataError` if one of these numbers is not there."""
    if not there.all():
        raise DataError(
            f"no sighting {numbers[~there][0]} is stored: it was deleted, or never there"
        )


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
