"""The vectors of another model for a gallery on a Milvus server, in collections beside its own.

Any machine goes on with them. They are sightings like those that are searched, with the same
numbers: what is forgotten meanwhile is removed from both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from platefree.errors import StorageError
from platefree.gallery.lance_rows import rows_of
from platefree.gallery.milvus_changes import Changes
from platefree.gallery.milvus_engine import answered
from platefree.gallery.milvus_rows import requests_of
from platefree.gallery.milvus_spaces import StoredSpaces
from platefree.gallery.milvus_view import MilvusView
from platefree.ranking.comparison import Comparison
from platefree.types import Embeddings, Indices

if TYPE_CHECKING:
    from platefree.gallery.milvus import MilvusStore


class ComingSpaces:
    """See `Beside`.

    Args:
        store: of the gallery.
        model: fingerprint of the other model.
        comparison: how its spaces combine.
    """

    def __init__(self, store: "MilvusStore", model: str, comparison: Comparison) -> None:
        self._store, self._log = store, store.log
        self._model, self._comparison = model, comparison
        self._seen, self._settled = np.empty(0, np.int64), 0
        self.numbers = self._numbers()

    def pending(self, now: MilvusView) -> Indices:
        """The sightings that have no vectors yet; some may be forgotten."""
        self._seen = np.union1d(self._seen, now.numbers(self._settled))
        self._settled = now.changes.settled
        return np.setdiff1d(self._seen, self.numbers)

    def add(self, numbers: Indices, embeddings: Embeddings) -> None:
        """Keep the vectors of (n,) sightings."""
        with self._writing():
            coming = self._collections(embeddings)
            with self._store.snapshot() as now:  # what is forgotten by now stays so
                there = now.has(numbers)
                kept, made = numbers[there], embeddings.take(there)
                stored = now.get(kept)
                new = Embeddings(made.spaces, stored.sightings, self._model, stored.content)
                rows = rows_of(new, self._comparison, now.crops(kept), kept)
                for space, collection in coming.collections.items():
                    for records in requests_of(rows, space, first=collection == coming.first):
                        self._log.server.upsert(collection, records)
                if not now.purged():
                    self.numbers = np.concatenate([self.numbers, numbers])
                else:  # perhaps before they were there
                    self._remove(coming, kept)

    def switch(self, now: MilvusView, left_out: int) -> None:
        """Make these the vectors that are searched; for whoever is `alone` in the store.

        Args:
            now: what is stored.
            left_out: number of its sightings that have no vectors.

        Raises:
            StorageError: they cannot be written, or others are there than there should be.
        """
        with self._writing():
            coming = self._coming(now.changes)
            assert coming is not None  # noqa: S101
            view = self._view(now.changes, coming)
            due = now.count() - left_out
            if any(view.count_in(space) != due for space in coming.sizes):
                for space in coming.sizes:
                    self._remove(coming, np.setdiff1d(view.numbers(0, space), now.latest()))
                raise StorageError(f"{self._store.address} was changed meanwhile: run it again")
            self._store.note_switch(coming)

    def _numbers(self) -> Indices:
        """The sightings that have vectors in every space."""
        with self._writing():
            changes = self._log.read()
            coming = self._coming(changes)
            if coming is None:
                return np.empty(0, np.int64)
            view = self._view(changes, coming)
            first, *others = [view.numbers(0, space) for space in coming.sizes]
            for each in others:
                first = np.intersect1d(first, each)
            return first

    def _collections(self, embeddings: Embeddings) -> StoredSpaces:
        """The spaces of the coming model, whose collections are made if there are none yet."""
        changes = self._log.read()
        coming = self._coming(changes)
        if coming is None:
            now = StoredSpaces.of(changes, self._store.address.name)
            assert now is not None  # noqa: S101
            new = StoredSpaces.of_embeddings(embeddings, now.name)
            coming = replace(new, model=self._model, number=now.number + 1)
            self._store.create(coming)
            self._log.note(coming.coming_note, coming.to_json())
        return coming

    def _coming(self, changes: Changes) -> StoredSpaces | None:
        """What was begun and not dropped since."""
        now = StoredSpaces.of(changes, self._store.address.name)
        coming = None if now is None else now.coming(changes, self._model)
        if coming is None or not all(map(self._log.server.has, coming.collections.values())):
            return None
        return coming

    def _view(self, changes: Changes, coming: StoredSpaces) -> MilvusView:
        """What is there of them until now, of what is stored."""
        return MilvusView(self._log, replace(changes, at=0), self._comparison, coming)

    def _remove(self, coming: StoredSpaces, numbers: Indices) -> None:
        for collection in coming.collections.values():
            self._store.remove_numbers(collection, numbers)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with answered(self._store.address, StorageError):
            yield
