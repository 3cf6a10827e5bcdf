"""Reading a gallery on a Milvus server as it was at one moment."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from time import monotonic

import numpy as np
import pyarrow as pa

from platefree.errors import DataError
from platefree.gallery import milvus_changes
from platefree.gallery.conditions import Bools, OneOf
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.lance_rows import (
    SIGHTING,
    SPACE,
    embeddings_of,
    hexadecimal,
    spaces_of,
    times_of,
)
from platefree.gallery.milvus_changes import ROW_BITS, ChangeLog, Changes
from platefree.gallery.milvus_engine import Records, answered
from platefree.gallery.milvus_rows import rows_of_records
from platefree.gallery.milvus_spaces import StoredSpaces
from platefree.gallery.store import latest_first, refuse_absent, span_of
from platefree.gallery.stored_view import Near, StoredView
from platefree.ranking.comparison import Comparison, cosine_distance
from platefree.ranking.space_searches import SpaceSearch
from platefree.types import Contents, Embeddings, Indices

_MORE = 32  # rows beyond those asked for: equal distances are put by number
_MOST = 16_384  # rows that the server gives for one search
_BRUTE = 1_024  # rows below which no part of a collection has an index
_WIDE, _NARROW = 1_000, 50_000  # rows that are read at a time, with their vectors and without


class MilvusView(StoredView):
    """A `Reading` of what the changes of a gallery say at one moment.

    Args:
        log: of the changes.
        changes: what it said.
        comparison: how the spaces of its embeddings combine.
        stored: its spaces; by default those that it is searched by.
    """

    def __init__(
        self,
        log: ChangeLog,
        changes: Changes,
        comparison: Comparison,
        stored: StoredSpaces | None = None,
    ) -> None:
        super().__init__(log.server.address, comparison)
        self.changes = changes
        self._log, self._server, self._address = log, log.server, log.server.address
        self._stored = stored or StoredSpaces.of(changes, self._address.name)
        self._checked = changes.read

    @property
    def version(self) -> int:
        """Rises with every change; 0 if nothing was ever added."""
        return self.changes.version

    @property
    def model(self) -> str:
        """Fingerprint of the model that made the embeddings; empty if there are none yet."""
        return "" if self._stored is None else self._stored.model

    @property
    def spaces(self) -> dict[str, int]:
        """Space -> dimensions."""
        return {} if self._stored is None else dict(self._stored.sizes)

    @property
    def exact(self) -> bool:
        """Whether there are so few rows that the server has no index of them."""
        return self.count() < _BRUTE

    @property
    def indexed(self) -> dict[str, int]:
        """Column of vectors -> how many of its rows are in an index."""
        if self._stored is None:
            return {}
        with answered(self._address, DataError):
            found = {
                f"{SPACE}{space}": self._server.indexed(collection)
                for space, collection in self._stored.collections.items()
            }
        return {column: rows for column, rows in found.items() if rows}

    def get(self, numbers: Indices) -> Embeddings:
        """The sightings of these numbers, with their embeddings, in this order."""
        if self._stored is None:
            raise DataError(f"{self._address} holds no sightings yet")
        columns = ["number", "content", *SIGHTING, *(f"{SPACE}{name}" for name in self.spaces)]
        return embeddings_of(self._of_numbers(numbers, columns), self.model)

    def crops(self, numbers: Indices) -> list[bytes]:
        """The small pictures of these sightings, as JPEG; empty where none was stored."""
        rows = self._of_numbers(numbers, ["number", "crop"])
        return [crop or b"" for crop in rows["crop"].to_pylist()]

    def latest(self, where: Filter = EVERYTHING, top: int | None = None) -> Indices:
        """The numbers of the sightings that meet the conditions, the latest first."""
        pairs = [
            (each["number"], each["time"])
            for part in self._records(self._met(where.without_query()), ["number", "time"])
            for each in part
        ]
        rows = np.array(pairs, np.int64).reshape(-1, 2)
        return latest_first(rows[:, 0], times_of(rows[:, 1]))[:top]

    def numbers(self, start: int = 0, space: str = "") -> Indices:
        """The numbers of the sightings from one on, as a space has them; by default the first."""
        wanted = f"{self._met()} and number >= {start}"
        parts = self._records(wanted, ["number"], space=space)
        return np.array([each["number"] for part in parts for each in part], np.int64)

    def count_in(self, space: str) -> int:
        """How many sightings a space has."""
        return self._count(self._met(), space)

    def holds(self, identities: Contents) -> Bools:
        """(n,) which of (n, 16) identities are stored."""
        asked, there = hexadecimal(identities), set[str]()
        for start in range(0, len(asked) if self._stored else 0, _NARROW):
            some = OneOf("identity", tuple(asked[start : start + _NARROW])).milvus()
            found = self._query(f"{self._met()} and {some}", ["identity"])
            there |= {each["identity"] for each in found}
        return np.array([each in there for each in asked], np.bool_)

    def has(self, numbers: Indices) -> Bools:
        """(n,) which of these numbers are stored."""
        there, asked = set[int](), np.unique(numbers)
        for start in range(0, len(asked) if self._stored else 0, _NARROW):
            some = OneOf("number", tuple(asked[start : start + _NARROW].tolist())).milvus()
            there |= {
                each["number"] for each in self._query(f"{self._met()} and {some}", ["number"])
            }
        return np.array([each in there for each in numbers.tolist()], np.bool_)

    def time_span(self) -> tuple[np.datetime64, np.datetime64]:
        """The earliest and the latest known time; NaT if none is known."""
        spans = [
            span_of(times_of(np.array([each["time"] for each in part], np.int64)))
            for part in self._records(self._met(), ["time"])
        ]
        return span_of(np.array(spans, "datetime64[ms]").reshape(-1))

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many sightings meet the conditions."""
        return self._count(self._met(where.without_query()))

    def tally(self, column: str) -> dict[str, int]:
        """How many sightings have each value of a label column."""
        found = Counter[str]()
        for part in self._records(self._met(), [column]):
            found.update(each[column] for each in part)
        return dict(found)

    def expression(self, where: Filter) -> str:
        """What the sightings meet that are there now and meet the conditions.

        Those of former deletions meet it too, so that it does not hold what these are.
        """
        return _met(replace(self.changes, deletions={}), where)

    def _met(self, where: Filter = EVERYTHING) -> str:
        return _met(self.changes, where)

    def _searches(self, query: Embeddings, top: int) -> Sequence[SpaceSearch] | None:
        """None also where the server would give too few rows."""
        return None if top + _MORE > _MOST else super()._searches(query, top)

    def _nearest(self, query: Embeddings, part: SpaceSearch, where: Filter, top: int) -> Near:
        """Numbers and distances of the nearest rows in one space, and a few more."""
        assert self._stored is not None  # noqa: S101
        rows = query.spaces[part.space]
        groups = [] if part.groups is None else [OneOf("group", part.groups).milvus()]
        expression = " and ".join([self._met(where), *groups])
        collection = self._stored.collections[part.space]
        with self._reading():
            found = self._server.search(
                collection, rows[0], expression, top + _MORE, self.changes.at
            )
        records = {part.space: [each["entity"] for each in found]}
        column, size = f"{SPACE}{part.space}", self.spaces[part.space]
        vectors = spaces_of(rows_of_records(records, [column], {column: size}))[part.space]
        numbers = np.array([each["id"] for each in found], np.int64)
        return numbers, cosine_distance(rows, vectors)[0]

    def _scanned(self, query: Embeddings, where: Filter) -> Iterator[Near]:
        """The distances of all rows, some thousand at a time."""
        for part in self._records(self._met(where), ["number"], _WIDE):
            some = np.sort(np.array([each["number"] for each in part], np.int64))
            yield some, self.comparison.distances(query, self.get(some))[0]

    def _of_numbers(self, numbers: Indices, columns: Sequence[str]) -> pa.Table:
        """The rows of these numbers, in this order."""
        distinct, places = np.unique(numbers, return_inverse=True)
        parts = np.array_split(distinct, len(distinct) // _WIDE + 1)
        rows = pa.concat_tables([self._of_few(part, columns) for part in parts])
        return rows.take(places) if len(numbers) else rows

    def _of_few(self, numbers: Indices, columns: Sequence[str]) -> pa.Table:
        """The rows of some numbers that rise."""
        if self._stored is None:
            refuse_absent(numbers, np.zeros(len(numbers), np.bool_))
            return pa.table({name: pa.array([]) for name in columns})
        wanted = OneOf("number", tuple(numbers.tolist())).milvus()
        expression = f"{self._met()} and {wanted}"
        records = {}
        for place, space in enumerate(self.spaces):
            column = f"{SPACE}{space}"
            fields = [name for name in columns if not name.startswith(SPACE)] if not place else []
            fields += ["vector"] if column in columns else []
            if fields:
                found = self._query(expression, ["number", *fields], space)
                records[space] = sorted(found, key=lambda each: int(each["number"]))
        there = {each["number"] for each in next(iter(records.values()))}
        refuse_absent(numbers, np.array([each in there for each in numbers.tolist()], np.bool_))
        sizes = {f"{SPACE}{name}": size for name, size in self.spaces.items()}
        return rows_of_records(records, columns, sizes)

    def _records(
        self, expression: str, fields: Sequence[str], block: int = _NARROW, space: str = ""
    ) -> Iterator[Records]:
        """The records that meet an expression, by number, at most so many at a time."""
        waiting = [(0, (self.changes.newest + 1) << ROW_BITS)] if self._stored else []
        while waiting:
            start, end = waiting.pop()
            part = f"{expression} and {start} <= number < {end}"
            count = self._count(part, space)
            if count > block:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
            elif count:
                yield self._query(part, fields, space)

    def _count(self, expression: str, space: str = "") -> int:
        if self._stored is None:
            return 0
        with self._reading():
            return self._server.count(self._collection(space), expression, self.changes.at)

    def _query(self, expression: str, fields: Sequence[str], space: str = "") -> Records:
        with self._reading():
            return self._server.query(self._collection(space), expression, fields, self.changes.at)

    def _collection(self, space: str) -> str:
        assert self._stored is not None  # noqa: S101
        return self._stored.collections[space] if space else self._stored.first

    def _reading(self) -> AbstractContextManager[None]:
        if self.purged():
            raise DataError(
                f"forgotten sightings were removed from {self._address} while it was read for "
                f"more than {milvus_changes.GRACE:.0f} seconds: ask again"
            )
        return answered(self._address, DataError)

    def purged(self) -> bool:
        """Whether some of what is seen here may have been removed since it was opened."""
        if monotonic() - self._checked < milvus_changes.GRACE / 2:
            return False
        with answered(self._address, DataError):
            now = self._log.read()
        if now.purged == self.changes.purged:
            self._checked = now.read
        return now.purged > self.changes.purged


def _met(changes: Changes, where: Filter) -> str:
    """What the sightings meet that are seen after some changes, and meet the conditions."""
    conditions = where.of_sightings().milvus()
    return changes.expression() + (f" and {conditions}" if conditions else "")
