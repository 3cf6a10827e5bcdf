"""Reading a gallery in a folder at one of its versions, which never changes."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platefree.errors import DataError
from platefree.gallery.conditions import Bools, OneOf
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.lance_engine import reading_errors
from platefree.gallery.lance_rows import (
    MODEL,
    SIGHTING,
    SPACE,
    embeddings_of,
    hexadecimal,
    spaces_of,
    times_of,
)
from platefree.gallery.store import latest_first, refuse_absent, span_of
from platefree.gallery.stored_view import Near, StoredView
from platefree.ranking.comparison import Comparison, cosine_distance
from platefree.ranking.space_searches import SpaceSearch
from platefree.types import Contents, Embeddings, Indices

_EVERY_LIST = 1_000  # of an index, which has fewer

_CANDIDATES, _LEAST = 3, 30
"""So many times the rows asked for, and at least so many, are taken from an index by its distances,
and compared by their own: with 5 bits for each number two times have lost nothing yet, and each
candidate costs a search about 0.1 ms."""

_MORE = 32  # rows beyond those asked for, without an index: equal distances are put by number
_BLOCK = 16_384  # rows that are compared at a time where no index can
_AT_A_TIME = 50_000  # numbers in one condition


class LanceView(StoredView):
    """A `Reading` of one version of a Lance table.

    Args:
        dataset: the table at that version; None if nothing was ever added.
        comparison: how the spaces of its embeddings combine.
        folder: of the gallery, for messages.
    """

    def __init__(self, dataset: Any, comparison: Comparison, folder: Path) -> None:  # noqa: ANN401
        super().__init__(folder, comparison)
        self._dataset, self._folder = dataset, folder

    @property
    def version(self) -> int:
        """Rises with every change; 0 if nothing was ever added."""
        return 0 if self._dataset is None else int(self._dataset.version)

    @property
    def model(self) -> str:
        """Fingerprint of the model that made the embeddings; empty if there are none yet."""
        return "" if self._dataset is None else str(self._metadata[MODEL].decode())

    @property
    def spaces(self) -> dict[str, int]:
        """Space -> dimensions."""
        if self._dataset is None:
            return {}
        return {
            field.name.removeprefix(SPACE): field.type.list_size
            for field in self._dataset.schema
            if field.name.startswith(SPACE)
        }

    @property
    def exact(self) -> bool:
        """Whether there is no index of vectors."""
        return not self.indexed

    @cached_property
    def indexed(self) -> dict[str, int]:
        """Column of vectors -> how many of its rows are in an index."""
        if self._dataset is None:
            return {}
        return {
            index.field_names[0]: index.num_rows_indexed
            for index in self._dataset.describe_indices()
            if index.field_names[0].startswith(SPACE)
        }

    def get(self, numbers: Indices) -> Embeddings:
        """The sightings of these numbers, with their embeddings, in this order."""
        if self._dataset is None:
            raise DataError(f"{self._folder} holds no sightings yet")
        spaces = [f"{SPACE}{name}" for name in self.spaces]
        rows = self._rows(numbers, ["content", *SIGHTING, *spaces])
        return embeddings_of(rows, self.model)

    def crops(self, numbers: Indices) -> list[bytes]:
        """The small pictures of these sightings, as JPEG; empty where none was stored."""
        return [crop or b"" for crop in self._rows(numbers, ["crop"])["crop"].to_pylist()]

    def latest(self, where: Filter = EVERYTHING, top: int | None = None) -> Indices:
        """The numbers of the sightings that meet the conditions, the latest first."""
        rows = self._table(["number", "time"], where.without_query().sql())
        return latest_first(rows["number"].to_numpy(), times_of(rows["time"].to_numpy()))[:top]

    def holds(self, identities: Contents) -> Bools:
        """(n,) which of these identities are stored."""
        wanted, there = pa.array(hexadecimal(identities)), np.zeros(len(identities), np.bool_)
        for batch in self._batches(["identity"], None):
            there |= np.asarray(pc.is_in(wanted, value_set=batch["identity"]))
        return there

    def has(self, numbers: Indices) -> Bools:
        """(n,) which of these numbers are stored."""
        found = [part["number"].to_numpy() for part in self._parts(np.unique(numbers), [])]
        return np.isin(numbers, np.concatenate(found))

    def time_span(self) -> tuple[np.datetime64, np.datetime64]:
        """The earliest and the latest known time; NaT if none is known."""
        spans = [
            span_of(times_of(batch["time"].to_numpy())) for batch in self._batches(["time"], None)
        ]
        return span_of(np.array(spans, "datetime64[ms]").reshape(-1))

    def count(self, where: Filter = EVERYTHING) -> int:
        """How many sightings meet the conditions."""
        if self._dataset is None:
            return 0
        with reading_errors(self._folder):
            return int(self._dataset.count_rows(filter=where.without_query().sql()))

    def tally(self, column: str) -> dict[str, int]:
        """How many sightings have each value of a label column."""
        found = Counter[str]()
        for batch in self._batches([column], None):
            found.update(value or "" for value in batch[column].to_pylist())
        return dict(found)

    def blocks(self, where: Filter = EVERYTHING, *, crops: bool = False) -> Iterator[pa.Table]:
        """All columns of the sightings that meet the conditions, some thousand at a time."""
        columns = ["number", "content", *SIGHTING, *(f"{SPACE}{name}" for name in self.spaces)]
        sql = where.without_query().sql()
        for batch in self._batches([*columns, *(["crop"] if crops else [])], sql):
            yield pa.Table.from_batches([batch])

    @property
    def _metadata(self) -> dict[bytes, bytes]:
        return dict(self._dataset.schema.metadata or {})

    def _nearest(self, query: Embeddings, part: SpaceSearch, where: Filter, top: int) -> Near:
        """Numbers and distances of the nearest rows in one space, and a few more."""
        column, rows = f"{SPACE}{part.space}", query.spaces[part.space]
        indexed = column in self.indexed
        nearest = {
            "column": column,
            "q": rows[0],
            "k": max(_LEAST, _CANDIDATES * top) if indexed else top + _MORE,
            "metric": "cosine",
            "nprobes": _EVERY_LIST,
        }
        conditions = [] if part.groups is None else [OneOf("group", part.groups).sql()]
        conditions += [sql] if (sql := where.sql()) else []
        found = self._table(
            ["number", column, "_distance"], " AND ".join(conditions) or None, nearest=nearest
        )
        distances = cosine_distance(rows, spaces_of(found)[part.space])[0]
        return found["number"].to_numpy(), distances

    def _scanned(self, query: Embeddings, where: Filter) -> Iterator[Near]:
        """The distances of all rows, some thousand at a time."""
        for block in self.blocks(where.of_sightings()):
            distances = self.comparison.distances(query, embeddings_of(block, self.model))[0]
            yield block["number"].to_numpy(), distances

    def _rows(self, numbers: Indices, columns: list[str]) -> pa.Table:
        """The rows of these numbers, in this order."""
        rows = pa.concat_tables(self._parts(np.unique(numbers), columns))
        stored = rows["number"].to_numpy()
        order = np.argsort(stored)
        places = np.searchsorted(stored, numbers, sorter=order)
        refuse_absent(numbers, np.append(stored[order], -1)[places] == numbers)
        return rows.take(order[places]) if len(numbers) else rows

    def _parts(self, distinct: Indices, columns: list[str]) -> list[pa.Table]:
        """The rows of these numbers that there are, in any order, and their numbers."""
        return [
            self._table(["number", *columns], OneOf("number", tuple(part.tolist())).sql())
            for part in np.array_split(distinct, len(distinct) // _AT_A_TIME + 1)
        ]

    def _table(self, columns: list[str], sql: str | None, **options: Any) -> pa.Table:  # noqa: ANN401
        if self._dataset is None:
            kinds = {"number": pa.int64(), "time": pa.int64()}
            return pa.table({name: pa.array([], kinds.get(name)) for name in columns})
        with reading_errors(self._folder):
            found: pa.Table = self._dataset.to_table(
                columns=columns, filter=sql, prefilter=True, **options
            )
        return found

    def _batches(self, columns: list[str], sql: str | None) -> Iterator[pa.RecordBatch]:
        if self._dataset is not None:
            with reading_errors(self._folder):
                yield from self._dataset.to_batches(columns=columns, filter=sql, batch_size=_BLOCK)
