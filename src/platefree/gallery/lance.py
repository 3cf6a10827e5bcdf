"""A gallery in a folder: a Lance table that grows, is searched by many and written by one.

Every change is one commit: a new manifest, which names the files of the whole table. So a killed
writer leaves the table as it was, and a reader keeps the version that it opened. Its files are on
the disk before a change is acknowledged, so that no power cut takes it back; one that was not is
taken back whole where a power cut took a part (`lance_recovery`). What accumulates
is put in order by the writer, after a change, by these rules:

- fragments are gathered into one when there are `MANY` of fewer rows than a number of `TIERS`, and
  into the largest when there are `MOST`: thousands of small additions stay few files, and no row
  is written again and again;
- superseded versions, and what killed writers left, are removed whenever fragments were gathered
  or an index was written, and after `VERSIONS` changes, but for those that somebody reads
  (`reader_leases`);
- from some number of rows on each space has an index; new rows are searched beside it, and taken in
  when they are many (`lance_indexes`). Until then, and where a comparison cannot use one, every
  distance is computed.

`compact` does all of it at once, and rewrites the fragments in which rows were deleted.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from platefree.data.content import picture_contents
from platefree.errors import DataError, MismatchError, PlatefreeError, StorageError
from platefree.gallery.filters import Filter
from platefree.gallery.lance_engine import (
    bytes_of,
    engine,
    files_in,
    reading_errors,
    writing_errors,
)
from platefree.gallery.lance_files import gather, gather_halves, purge, rows_in
from platefree.gallery.lance_indexes import index_rows
from platefree.gallery.lance_recovery import durable_change, is_unfinished, settle_change
from platefree.gallery.lance_rows import MODEL, SPACE, rows_of
from platefree.gallery.lance_view import LanceView
from platefree.gallery.other_models import of_another_model
from platefree.gallery.present_rows import PresentRows
from platefree.gallery.reader_leases import leased_versions, reader_lease
from platefree.gallery.store import Compacted, PastVersion
from platefree.inputs.plain_files import MB
from platefree.ranking.comparison import Comparison
from platefree.ranking.space_searches import searched_spaces
from platefree.storage.files import remove, write_text
from platefree.storage.locks import only_writer
from platefree.types import Embeddings, Indices

TABLE = "sightings.lance"
"""The folder of the table, in that of the gallery."""

REMAINS = "remains"
"""An empty file, which is there while rows are on the disk that were deleted or superseded."""

TIERS = (256, 4_096)
MANY, MOST, VERSIONS = 8, 256, 64
_AT_ONCE = 1 << 24  # rows of one addition
_KEPT_METADATA = 32 * MB  # some 65 kB of each version that a reader saw: the engine keeps 1 GB
_log = logging.getLogger(__name__)

_TRIES = 20  # to open a version before the writer removes it


class LanceStore(PresentRows):
    """A `Store` in a folder, by the engine of LanceDB.

    Args:
        folder: of the gallery; it is created by the first addition.
        comparison: how the spaces of its embeddings combine.
        model: fingerprint of the model; empty takes that of what is stored, or first added.
    """

    def __init__(self, folder: str | Path, comparison: Comparison, model: str = "") -> None:
        self.folder, self.comparison, self._model = Path(folder), comparison, model
        self._writes = False
        self._first: Any = None  # the table as first opened; later ones share its caches

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
    def snapshot(self, version: int | None = None) -> Iterator[LanceView]:
        """What is stored now: within the block it stays as it is, whoever writes.

        Args:
            version: an older one instead, which is on the disk until a writer puts it in order.

        Raises:
            PastVersion: it is no longer there.
        """
        if version is not None:
            with reader_lease(self.folder, version):
                yield LanceView(self._past(version), self.comparison, self.folder)
            return
        for _ in range(_TRIES):
            view = self._now()
            with reader_lease(self.folder, view.version) if view.version else nullcontext():
                if self._newest() == view.version:
                    yield view
                    return
        raise DataError(f"{self.folder} changed {_TRIES} times while it was opened; try again")

    # --- writing ---

    def writing(self) -> AbstractContextManager[None]:
        """Within the block no other process writes; several changes need it only once.

        Raises:
            StorageError: another process writes, or the folder cannot be written to.
        """
        return nullcontext() if self._writes else self._written()

    def alone(self) -> AbstractContextManager[None]:
        """Within the block nobody adds: the same."""
        return self.writing()

    def add(self, embeddings: Embeddings, crops: Sequence[bytes] | None = None) -> Indices:
        """Append sightings with their embeddings, all of them or none.

        Raises:
            MismatchError: another model made them, or they have other spaces.
            DataError: they cannot be stored, see `rows_of`.
            StorageError: they cannot be written, or another process is writing.
        """
        if len(embeddings) >= _AT_ONCE:
            raise DataError(f"{len(embeddings):,} sightings at once, expected below {_AT_ONCE:,}")
        if embeddings.content is None:
            embeddings = replace(embeddings, content=picture_contents(embeddings.sightings))
        with self.writing():
            dataset = self._opened()
            self._refuse_others(embeddings, dataset)
            version = 1 if dataset is None else dataset.version + 1
            numbers = (version << 24) + np.arange(len(embeddings))
            if not len(embeddings):
                return numbers
            given = [b""] * len(embeddings) if crops is None else crops
            rows = rows_of(embeddings, self.comparison, given, numbers)
            with self._changing():
                if dataset is None:
                    dataset = engine().write_dataset(rows, self._place)
                else:
                    dataset.insert(rows)
            self._tidy(dataset)
        return numbers

    def delete(self, where: Filter) -> int:
        """Delete the sightings that meet the conditions; with no condition, all."""
        sql = where.without_query().sql() or "true"
        with self.writing():
            dataset = self._opened()
            if dataset is None:
                return 0
            with self._changing():
                count = int(dataset.count_rows(filter=sql))
                if count:
                    self._note_remains()
                    dataset.delete(sql)
            if count:
                self._tidy(dataset)
        return count

    def replace(self, rows: Iterator[pa.Table], comparison: Comparison) -> None:
        """Put other rows in the place of all, in one commit: every reader sees these, or those.

        Args:
            rows: from `rows_of`, at least one table; those of a number that was stored keep it.
            comparison: how the spaces of their embeddings combine.

        Raises:
            StorageError: they cannot be written, or another process is writing.
        """
        first = next(rows)
        batches = (batch for table in chain([first], rows) for batch in table.to_batches())
        with self.writing():
            with self._changing():
                self._note_remains()
                reader = pa.RecordBatchReader.from_batches(first.schema, batches)
                dataset = engine().write_dataset(reader, self._place, mode="overwrite")
                self._first = dataset  # the schema is another one
                self.use(comparison, str(first.schema.metadata[MODEL].decode()))
                index_rows(dataset, self._searched_columns(dataset))
            self._remove_remains(dataset)

    def compact(self) -> Compacted:
        """Remove from the disk what was deleted or superseded, and gather what lies apart."""
        with self.writing():
            dataset, before = self._opened(), self.bytes_on_disk()
            if dataset is None:
                return Compacted(before, before)
            with self._changing():
                purged = purge(dataset)
                gather(dataset, TIERS[-1])
                self._gather_many(dataset)
                index_rows(dataset, self._searched_columns(dataset), everything=True, anew=purged)
                self._gather_many(dataset)  # what the parts of an older index kept apart
            readers = self._remove_remains(dataset)
            return Compacted(before, self.bytes_on_disk(), readers)

    @property
    def has_remains(self) -> bool:
        """Whether something is on the disk that `compact` has to remove since it was deleted."""
        return (self.folder / REMAINS).exists()

    def bytes_on_disk(self) -> int:
        """The size of the folder."""
        return sum(map(bytes_of, files_in(self.folder)))

    # --- parts ---

    @property
    def _place(self) -> str:
        return str(self.folder / TABLE)

    @contextmanager
    def _written(self) -> Iterator[None]:
        with only_writer(self.folder):
            settle_change(self.folder / TABLE)
            self._writes = True  # so that the same block within finds itself inside
            try:
                yield
            finally:
                self._writes = False

    def _settle(self) -> None:
        """After a power cut a reader finds the table as it was, if it may write and nobody does."""
        if not self._writes and is_unfinished(self.folder / TABLE):
            with suppress(StorageError), only_writer(self.folder):
                settle_change(self.folder / TABLE)

    def _newest(self) -> int:
        """The newest version; 0 if nothing was ever added."""
        if self._first is None:
            self._settle()
            if not (self.folder / TABLE / "_versions").is_dir():
                return 0
            with reading_errors(self.folder):
                self._first = engine().dataset(
                    self._place, metadata_cache_size_bytes=_KEPT_METADATA
                )
        with reading_errors(self.folder):
            return int(self._first.latest_version)

    def _opened(self) -> Any:  # noqa: ANN401 - of an untyped package
        """The newest version of the table; None if nothing was ever added."""
        for _ in range(_TRIES):
            version = self._newest()
            if not version:
                return None
            try:
                return self._first.checkout_version(version)
            except ValueError:  # a writer has just removed it
                continue
        raise DataError(f"{self.folder} changed {_TRIES} times while it was opened; try again")

    def _past(self, version: int) -> Any:  # noqa: ANN401
        """An older version of the table; None if nothing was added yet."""
        newest = self._opened()
        if not version or newest is None:
            return None
        if version not in {each["version"] for each in newest.versions()}:
            raise PastVersion(version, newest.version)  # it may still open, from a cache
        return newest.checkout_version(version)

    def _now(self) -> LanceView:
        return LanceView(self._opened(), self.comparison, self.folder)

    def _refuse_others(self, embeddings: Embeddings, dataset: Any) -> None:  # noqa: ANN401
        view = LanceView(dataset, self.comparison, self.folder)
        model = view.model or self._model
        if model and embeddings.model != model:
            raise of_another_model(self.folder, model, embeddings.model)
        sizes = {name: rows.shape[1] for name, rows in embeddings.spaces.items()}
        if dataset is not None and sizes != view.spaces:
            raise MismatchError(f"{self.folder} has the spaces {view.spaces}, not {sizes}")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Within the block the engine writes; at its end all of it is on the disk."""
        try:
            with writing_errors(self.folder), self._durable():
                yield
        except StorageError:
            self._clear_up()
            raise

    def _durable(self) -> AbstractContextManager[None]:
        return durable_change(self.folder / TABLE, self._newest())

    def _clear_up(self) -> None:
        """Remove what a failed change left, which else would keep a full disk full."""
        with suppress(PlatefreeError), writing_errors(self.folder):
            dataset = self._opened()
            if dataset is not None:
                self._remove_superseded(dataset)

    def _tidy(self, dataset: Any) -> None:  # noqa: ANN401
        """Put in order what has accumulated, see the first lines of this file.

        The change before it is on the disk already, and stays if this fails.
        """
        try:
            with self._changing():
                accumulated = self._gathered(dataset)
            if accumulated:  # and the new files are on the disk
                with writing_errors(self.folder):
                    self._remove_superseded(dataset)
        except StorageError as error:
            _log.warning("%s: what was stored is safe, and is put in order later", error)

    def _gathered(self, dataset: Any) -> bool:  # noqa: ANN401
        """Gather fragments and extend indexes; whether superseded versions are to be removed."""
        sizes = np.array([rows_in(each) for each in dataset.get_fragments()])
        full = [below for below in TIERS if (sizes < below).sum() >= MANY]
        if len(sizes) >= MOST:
            dataset.optimize.compact_files()
        elif full:
            gather(dataset, full[-1])
        written = index_rows(dataset, self._searched_columns(dataset))
        versions = len(os.listdir(self.folder / TABLE / "_versions"))
        return written or bool(full) or len(sizes) >= MOST or versions > VERSIONS

    def _gather_many(self, dataset: Any) -> None:  # noqa: ANN401
        """Two fragments of many."""
        if len(dataset.get_fragments()) > MANY:
            gather_halves(dataset)

    def _searched_columns(self, dataset: Any) -> list[str]:  # noqa: ANN401
        """The columns of vectors that an index helps to search; it takes 8 numbers at a time."""
        sizes = LanceView(dataset, self.comparison, self.folder).spaces
        searched = searched_spaces(self.comparison, sizes)
        return [f"{SPACE}{name}" for name in sizes if name in searched and sizes[name] % 8 == 0]

    def _note_remains(self) -> None:
        if not self.has_remains:
            write_text(self.folder / REMAINS, "")

    def _remove_remains(self, dataset: Any) -> int:  # noqa: ANN401
        """Remove superseded versions where the newest has no deleted row; as the one below."""
        with writing_errors(self.folder):
            readers = self._remove_superseded(dataset)
        if not readers:
            remove(self.folder / REMAINS)
        return readers

    def _remove_superseded(self, dataset: Any) -> int:  # noqa: ANN401
        """Remove versions that nobody reads; returns how many older ones somebody does."""
        read = leased_versions(self.folder) - {dataset.version}
        if not read:
            dataset.cleanup_old_versions(older_than=timedelta(0), delete_unverified=True)
            return 0
        every = [each["version"] for each in dataset.versions()]
        unread = [each for each in every if each not in read and each != dataset.version]
        if unread:
            dataset.cleanup_old_versions(versions=unread, delete_unverified=True)
        return len(read)
