"""A gallery on a Milvus server: added to and searched by any number of processes and machines.

Its sightings are in a collection for each embedding space (`milvus_rows`); which of them are seen
is said by a small one (`milvus_changes`), so that an addition is seen as a whole or not at all, and
a reader sees one state from its beginning to its end.

An addition that the server does not take is made again, under a new number, for `RETRY_SECONDS`;
what an attempt left behind is never seen. A read that is not answered within `ANSWER_SECONDS` is an
error.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import numpy as np

from platefree.data.content import picture_contents
from platefree.errors import DataError, MismatchError, StorageError
from platefree.gallery import milvus_changes
from platefree.gallery.conditions import OneOf
from platefree.gallery.filters import Filter
from platefree.gallery.lance_rows import rows_of, schema_of
from platefree.gallery.milvus_changes import ROW_BITS, ChangeLog, Changes, numbers_of
from platefree.gallery.milvus_engine import (
    MilvusAddress,
    Occupied,
    answered,
    milvus_address,
    retried,
)
from platefree.gallery.milvus_rows import INDEX, PARTITIONS, fields_of, requests_of
from platefree.gallery.milvus_spaces import StoredSpaces, collections_of
from platefree.gallery.milvus_view import MilvusView
from platefree.gallery.other_models import of_another_model
from platefree.gallery.present_rows import PresentRows
from platefree.gallery.store import Compacted, PastVersion
from platefree.ranking.comparison import Comparison
from platefree.types import Embeddings, Indices

_AT_ONCE = 1 << 20  # rows of one addition
_NUMBERS = 50_000  # in one expression


class MilvusStore(PresentRows):
    """A `Store` on a Milvus server, 2.3 or later.

    Args:
        address: ``milvus://host:port/name``; its collections are made by the first addition.
        comparison: how the spaces of its embeddings combine.
        model: fingerprint of the model; empty takes that of what is stored, or first added.

    Raises:
        DataError: this is no such address.
        MissingPackage: the client is not installed.
    """

    def __init__(
        self, address: str | Path | MilvusAddress, comparison: Comparison, model: str = ""
    ) -> None:
        found = milvus_address(address)
        if found is None:
            raise DataError(f"{address} is not an address, expected milvus://HOST:PORT/NAME")
        self.address, self.comparison, self._model = found, comparison, model
        self.log = ChangeLog.of(found)
        self._open: list[Changes] = []  # what is being read
        self._alone = 0.0  # since when

    # --- reading what is stored now ---

    @property
    def version(self) -> int:
        """Rises with every change; 0 if nothing was ever added."""
        return self._now().version

    @property
    def model(self) -> str:
        """Fingerprint of the model that made what is stored; empty if nothing was ever added."""
        return self._now().model

    def use(self, comparison: Comparison, model: str) -> None:
        """Take what another process has put in the place of all: rows of another model."""
        self.comparison, self._model = comparison, model

    @property
    def exact(self) -> bool:
        """Whether a search computes every distance."""
        return self._now().exact

    @contextmanager
    def snapshot(self, version: int | None = None) -> Iterator[MilvusView]:
        """What is stored now: within the block it stays as it is, whoever writes.

        Older versions are not kept: asking for one is a `PastVersion`.

        If another process removes what was deleted (`compact`) while this reads for more than
        `milvus_changes.GRACE` seconds, reading ends with a `DataError`.
        """
        view = self._now()
        if version not in (None, view.version):
            raise PastVersion(int(version or 0), view.version)
        self._open.append(view.changes)
        try:
            yield view
        finally:
            self._open.remove(view.changes)

    # --- writing ---

    def writing(self) -> AbstractContextManager[None]:
        """Nothing: others may write too."""
        return nullcontext()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block nobody adds, for `milvus_changes.SWITCHING` seconds at most.

        Raises:
            StorageError: it took longer, or others add all the time.
        """
        with answered(self.address, StorageError):
            change = self.log.begin_switch()
        self._alone = monotonic()
        try:
            yield
        finally:
            with answered(self.address, StorageError):
                self.log.end(change)

    def note_switch(self, spaces: StoredSpaces) -> None:
        """Have these spaces searched from now on; for whoever is `alone`."""
        if monotonic() - self._alone > milvus_changes.SWITCHING / 2:
            raise StorageError(f"{self.address} answers slowly: run the same command again")
        self.log.note(spaces.note, spaces.to_json())

    def add(self, embeddings: Embeddings, crops: Sequence[bytes] | None = None) -> Indices:
        """Append sightings with their embeddings, all of them or none.

        Raises:
            MismatchError: another model made them, or they have other spaces.
            DataError: they cannot be stored, see `rows_of` and `requests_of`.
            StorageError: the server took nothing for `RETRY_SECONDS`.
        """
        if len(embeddings) > _AT_ONCE:
            raise DataError(f"{len(embeddings):,} sightings at once, expected up to {_AT_ONCE:,}")
        if embeddings.content is None:
            embeddings = replace(embeddings, content=picture_contents(embeddings.sightings))
        schema_of(embeddings)  # refuses names of spaces
        for name, rows in embeddings.spaces.items():
            if not np.isfinite(rows).all():
                raise DataError(f"space {name} has NaN or infinite numbers, which cannot be stored")
        given = [b""] * len(embeddings) if crops is None else crops
        return retried(lambda: self._added(embeddings, given), self.address)

    def delete(self, where: Filter) -> int:
        """Delete the sightings that meet the conditions; with no condition, all."""
        conditions = where.without_query()
        with answered(self.address, StorageError):
            if not self.log.exists():
                return 0
            change, changes = self.log.begin()
            view = MilvusView(self.log, changes, self.comparison)
            count = view.count(conditions)
            if count:
                self.log.delete(change, view.expression(conditions))
            else:
                self.log.end(change)
        return count

    @property
    def has_remains(self) -> bool:
        """Whether something is on the server that `compact` has to remove since it was deleted."""
        with answered(self.address, DataError):
            return bool(self.log.read().deletions)

    def compact(self) -> Compacted:
        """Have the server remove what was deleted or superseded, and what killed writers left.

        How many bytes that are is known to the server alone: both sizes are 0. It removes them from
        its disks when it cleans up (``dataCoord.gc``, by default some hours later).
        """
        with answered(self.address, StorageError):
            changes = self.log.read()
            stored = StoredSpaces.of(changes, self.address.name)
            if stored is None:
                return Compacted(0, 0)
            removed = self._remove_unfinished(changes)
            due = {
                change: text
                for change, text in changes.deletions.items()
                if all(change in each.deletions for each in self._open)
            }
            read = [StoredSpaces.of(each, stored.name) for each in self._open]
            old = [
                collection
                for collection, number in self._collections().items()
                if number < min(each.number for each in (stored, *read) if each)
            ]
            if due or old:
                self._announce()
                for collection in old:
                    self.log.server.drop(collection)
                for text in due.values():
                    self._remove(text)
                self.log.removed(sorted(due))
            if due or removed:
                for collection in stored.collections.values():
                    self.log.server.rewrite(collection)
            kept = changes.deletions.keys() - due.keys()
            older = [
                bool(kept - each.deletions.keys()) or spaces != stored
                for each, spaces in zip(self._open, read, strict=True)
            ]
            return Compacted(0, 0, sum(older))

    def drop_begun(self, model: str = "") -> None:
        """Drop what was begun with models that do not come.

        Args:
            model: fingerprint of the one that does.
        """
        with answered(self.address, StorageError):
            found, changes = self._collections(), self.log.read()
            stored = StoredSpaces.of(changes, self.address.name)
            coming = None if stored is None else stored.coming(changes, model)
            kept = () if coming is None else coming.collections.values()
            for collection, number in found.items():
                if stored is not None and number > stored.number and collection not in kept:
                    self.log.server.drop(collection)

    def create(self, spaces: StoredSpaces) -> None:
        """Make the collections of some spaces; those that are there stay."""
        with ThreadPoolExecutor() as pool:  # the server takes seconds for each
            list(pool.map(lambda space: self._create(spaces, space), spaces.sizes))

    def remove_numbers(self, collection: str, numbers: Indices) -> None:
        """Remove sightings from one collection."""
        for start in range(0, len(numbers), _NUMBERS):
            some = tuple(numbers[start : start + _NUMBERS].tolist())
            self.log.server.delete(collection, OneOf("number", some).milvus())

    def bytes_on_disk(self) -> int:
        """Known to the server alone: 0."""
        return 0

    # --- parts ---

    def _now(self) -> MilvusView:
        with answered(self.address, DataError):
            return MilvusView(self.log, self.log.read(), self.comparison)

    def _added(self, embeddings: Embeddings, crops: Sequence[bytes]) -> Indices:
        """One attempt to add sightings."""
        began = monotonic()
        stored = self._spaces(embeddings)
        if not len(embeddings):
            return np.empty(0, np.int64)
        change, changes = self.log.begin()
        if changes.waits(change) or StoredSpaces.of(changes, stored.name) != stored:
            self.log.end(change)
            raise Occupied("its model is being changed")
        numbers = (change << ROW_BITS) + np.arange(len(embeddings))
        rows = rows_of(embeddings, self.comparison, crops, numbers)
        for space, collection in stored.collections.items():
            for records in requests_of(rows, space, first=collection == stored.first):
                self._refuse_late(began)
                self.log.server.insert(collection, records)
        self._refuse_late(began)
        self.log.end(change)
        return numbers

    def _spaces(self, embeddings: Embeddings) -> StoredSpaces:
        """The spaces of the gallery, whose collections are made if there are none yet."""
        self.log.create()
        new = StoredSpaces.of_embeddings(embeddings, self.address.name)
        there = StoredSpaces.of(self.log.read(), self.address.name)
        model = self._model if there is None else there.model
        if model and new.model != model:
            raise of_another_model(self.address, model, new.model)
        if there is None:
            self.create(new)
            self.log.note(new.note, new.to_json())
            return self._spaces(embeddings)  # somebody else's may have been noted before
        if new.sizes != there.sizes:
            raise MismatchError(f"{self.address} has the spaces {there.sizes}, not {new.sizes}")
        return there

    def _create(self, stored: StoredSpaces, space: str) -> None:
        collection = stored.collections[space]
        fields = fields_of(stored.sizes[space], first=collection == stored.first)
        self.log.server.create(collection, fields, INDEX, PARTITIONS)

    def _refuse_late(self, began: float) -> None:
        """Raise a `StorageError` if the addition may count as given up soon."""
        if monotonic() - began > milvus_changes.GIVEN_UP / 2:
            raise StorageError(
                f"{self.address} took more than {milvus_changes.GIVEN_UP / 120:.0f} minutes for "
                "one addition, which was given up: add fewer sightings at a time"
            )

    def _collections(self) -> dict[str, int]:
        """The collections of sightings, also those of other models -> the number of the model."""
        return collections_of(self.address.name, self.log.server.collections())

    def _remove_unfinished(self, changes: Changes) -> bool:
        """Remove what writers left that were killed long ago; whether there was any."""
        now = self.log.server.timestamp() >> 18
        old = [
            change
            for change, began in changes.begun.items()
            if now - (began >> 18) > 1000 * milvus_changes.GIVEN_UP
        ]
        for change in old:
            self._remove(numbers_of(change))
            self.log.end(change)
        return bool(old)

    def _announce(self) -> None:
        """Say that deleted sightings will be removed, and wait until all readers can know."""
        change, _ = self.log.begin()
        self.log.purge(change)
        sleep(milvus_changes.GRACE)

    def _remove(self, expression: str) -> None:
        server = self.log.server
        for collection in self._collections():
            while server.count(collection, expression, at=0):
                server.delete(collection, expression)
