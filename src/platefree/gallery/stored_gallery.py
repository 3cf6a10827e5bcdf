"""A gallery: a place where sightings accumulate for months, with the model that embeds them."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from platefree.data.content import picture_contents
from platefree.data.table import read_table
from platefree.errors import CheckpointError, MismatchError
from platefree.gallery.embedded_blocks import Block, embed_block
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.gallery_card import new_card
from platefree.gallery.gallery_export import export_sightings
from platefree.gallery.gallery_places import (
    Place,
    create_card,
    gallery_place,
    open_store,
    read_card,
)
from platefree.gallery.opening import open_embedder
from platefree.gallery.search import Answer, Query, answer
from platefree.gallery.sighting_identity import identities, joined
from platefree.gallery.store import Compacted, Reading, identities_of
from platefree.gallery.stored_query import StoredQuery
from platefree.inference.embedder import Embedder
from platefree.ranking.described import read_comparison
from platefree.recipes.post import NONE, Post
from platefree.types import Contents, Embeddings, Hit, Indices, Sightings, utc_text
from platefree.work import DEFAULT_WORK, Work

BLOCK = 512
"""Pictures that are embedded and added at a time: the most that a killed addition loses."""

_NAMED = 1_000  # pictures of forgotten sightings that are looked for


@dataclass(frozen=True)
class Added:
    """What `Gallery.add` did.

    Attributes:
        added: number of new sightings.
        known: number of sightings that were there already.
        skipped: why the others were left out, a sentence for each.
    """

    added: int
    known: int
    skipped: list[str]


@dataclass(frozen=True)
class Forgotten:
    """What `Gallery.forget` did.

    Attributes:
        count: number of sightings that are found no more.
        files: their pictures, as far as they are outside of the gallery and still there.
    """

    count: int
    files: list[Path]


@dataclass(frozen=True)
class GalleryAnswer(Answer):
    """What a search of a gallery found, and what it has to be asked to find it again.

    Attributes:
        model: fingerprint of the model.
        version: of the gallery.
        exact: whether every distance was computed.
        searched: number of sightings that meet the conditions.
        seconds: that the search took.
    """

    model: str = ""
    version: int = 0
    exact: bool = True
    searched: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class GalleryInfo:
    """What a gallery holds.

    Attributes:
        path: its folder, or its address on a Milvus server.
        created: when, ISO 8601.
        model: fingerprint of the model.
        model_path: where the model was loaded from.
        sightings: their number.
        cameras: sightings by camera, the empty text is unknown.
        first: the earliest known time, ISO 8601 in UTC; empty if none is known.
        last: the latest.
        spaces: dimensions by space.
        indexed: number of sightings in the index of each space; the others are compared one by one.
        megabytes: on the disk; 0 where a server alone knows it.
        version: rises with every change.
    """

    path: Place
    created: str
    model: str
    model_path: str | None
    sightings: int
    cameras: dict[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    spaces: dict[str, int] = field(default_factory=dict)
    indexed: dict[str, int] = field(default_factory=dict)
    megabytes: float = 0.0
    version: int = 0


class Gallery:
    """Sightings in a folder or on a server, each with its embeddings and a small picture.

    Use `create` or `open`. Any number of processes may search while one adds or forgets; on a
    Milvus server any number may add and forget.

    Args:
        folder: of the gallery, which exists; or its address, ``milvus://host:port/name``.
        model: the model that made it; by default the one that its card names, loaded when needed.

    Raises:
        DataError: there is no gallery, or it is damaged or of a newer version.
        MismatchError: it was made by another model.
    """

    def __init__(self, folder: str | Place, model: Embedder | str | Path | None = None) -> None:
        self.folder = gallery_place(folder)
        self.card = read_card(self.folder)
        self.comparison = read_comparison(self.card.comparison)
        self.store = open_store(self.folder, self.comparison, self.card.model)
        self._given, self._model = model, None if isinstance(model, str | Path) else model
        if self._model is not None:
            self._check(self._model)

    @classmethod
    def create(cls, folder: str | Place, model: Embedder | str | Path) -> Self:
        """Make an empty gallery.

        Args:
            folder: missing or empty; or an address with a new name.
            model: that embeds its pictures: open, or the path of a checkpoint folder, or
                ``color_stripes``.

        Raises:
            StorageError: something is in the folder, or it cannot be written.
            CheckpointError: there is no such model.
        """
        opened = open_embedder(model)
        there = Path(opened.name)
        path = str(there.resolve()) if there.exists() else opened.name
        card = new_card(opened.fingerprint, path, opened.comparison.to_json())
        create_card(gallery_place(folder), card)
        return cls(folder, opened)

    @classmethod
    def open(cls, folder: str | Place, model: Embedder | str | Path | None = None) -> Self:
        """Open a gallery; see the class."""
        return cls(folder, model)

    @property
    def model(self) -> Embedder:
        """The model that made it.

        Raises:
            CheckpointError: it is no longer where it was.
            MismatchError: another one is there now.
        """
        if self._model is None:
            path = self._given or self.card.model_path
            try:
                self._model = open_embedder(path or "")
            except CheckpointError as error:
                raise CheckpointError(
                    f"{self.folder} was made with the model at {path}, which cannot be opened "
                    f"({error}): give its path as it is now (--model)"
                ) from error
            self._check(self._model)
        return self._model

    def add(
        self, sightings: Sightings | Embeddings | str | Path, *, work: Work = DEFAULT_WORK
    ) -> Added:
        """Embed sightings and keep them; those that are there already are passed over.

        A sighting is the same if its file has the same content, frame and box, wherever it lies.
        `BLOCK` pictures at a time are stored for good, so an addition that was stopped goes on
        where it was when it is asked for again.

        Args:
            sightings: a table, what `read_table` reads, or embeddings of this model, which are
                kept as they are and without small pictures.
            work: device, workers and progress.

        Raises:
            MismatchError: the embeddings are of another model.
            StorageError: the folder cannot be written, or another process is writing.
        """
        if isinstance(sightings, Embeddings):
            return self._add_embedded(sightings, work)
        table = sightings if isinstance(sightings, Sightings) else read_table(sightings)
        added, known, skipped, model = 0, 0, list[str](), self.model
        with self.store.writing():
            for start in range(0, len(table), BLOCK):
                rows = np.arange(start, min(start + BLOCK, len(table)))
                block = Block.of(table.take(rows))
                new = self._new(identities(block.table, block.contents))
                known += len(rows) - len(new)
                work.progress(len(rows) - len(new))
                if len(new):
                    made = embed_block(model, block.take(new), work)
                    skipped += made.skipped
                    if made.embeddings is not None:
                        added += len(self.store.add(made.embeddings, made.crops))
        return Added(added, known, skipped)

    def search(
        self,
        query: Query | int | None = None,
        *,
        where: Filter = EVERYTHING,
        top: int = 20,
        post: Post | str = NONE,
        work: Work = DEFAULT_WORK,
    ) -> GalleryAnswer:
        """The sightings most like the query, nearest first; see `platefree.gallery.search.search`.

        The whole answer is of one version of the gallery, whoever writes meanwhile.

        Args:
            query: pictures or a table, as for `search`; the number of a stored sighting; or none,
                for the latest sightings that meet the conditions, whose similarity is NaN.
            where: conditions that every hit meets.
            top: the largest number of hits.
            post: steps on the nearest candidates.
            work: device, workers and progress.

        Raises:
            DataError: there is no sighting of this number, or nothing is asked for.
            MismatchError: the model is not that of the gallery.
        """
        began = time.perf_counter()
        with self.store.snapshot() as now:
            if not now.version:  # nothing was ever added
                found = Answer([], [], [])
            elif query is None:
                found = Answer(_listed(now, where, top), [], [])
            elif isinstance(query, int):
                own = StoredQuery(now.get(np.array([query])), self.comparison, str(self.folder))
                one = own.embeddings.sightings
                found = answer(own, one, now, top=top, post=post, where=where)
            else:
                found = answer(self.model, query, now, top=top, post=post, where=where, work=work)
            return GalleryAnswer(
                found.hits,
                found.left_out,
                found.cautions,
                model=self.card.model,
                version=now.version,
                exact=now.exact,
                searched=now.count(where.of_sightings()),
                seconds=time.perf_counter() - began,
            )

    def forget(self, where: Filter) -> Forgotten:
        """Forget sightings: their rows, embeddings and small pictures are found no more.

        `compact` then removes them from the disk. Their own picture files are not touched.

        Raises:
            DataError: the conditions are not on sightings alone.
            StorageError: the folder cannot be written, or another process is writing.
        """
        with self.store.writing():
            with self.store.snapshot() as now:
                table = now.get(now.latest(where, _NAMED)).sightings
            files = sorted({table.path(row) for row in range(len(table))})
            count = self.store.delete(where)
        return Forgotten(count, [path for path in files if path.exists()])

    def compact(self) -> Compacted:
        """Remove from the disk what was forgotten or superseded; see `Store.compact`."""
        return self.store.compact()

    def info(self) -> GalleryInfo:
        """What it holds."""
        with self.store.snapshot() as now:
            times = self._first_and_last(now)
            return GalleryInfo(
                path=self.folder,
                created=self.card.created,
                model=self.card.model,
                model_path=self.card.model_path,
                sightings=now.count(),
                cameras=dict(sorted(now.tally("camera").items())),
                first=times[0],
                last=times[1],
                spaces=now.spaces,
                indexed={name.partition("_")[2]: rows for name, rows in now.indexed.items()},
                megabytes=round(self.store.bytes_on_disk() / 2**20, 3),
                version=now.version,
            )

    def export(self, place: str | Path, where: Filter = EVERYTHING) -> int:
        """Write sightings to a ``.csv`` or ``.parquet`` file, or to a folder with their pictures.

        Args:
            place: see `export_sightings`.
            where: conditions that they meet.

        Returns:
            How many were written.

        Raises:
            StorageError: it cannot be written.
        """
        with self.store.snapshot() as now:
            return export_sightings(now, Path(place), where)

    def _check(self, model: Embedder) -> None:
        if model.fingerprint != self.card.model:
            raise MismatchError(
                f"{self.folder} was made with model {self.card.model}, and this is "
                f"{model.fingerprint} ({model.name}): give the model of the gallery, or make "
                f"another one with this model ('platefree gallery create', then 'platefree "
                "gallery add'), which embeds all pictures again"
            )

    def _new(self, asked: Contents) -> Indices:
        """The places of (n, 16) identities that are not stored, each once."""
        first = np.zeros(len(asked), np.bool_)
        first[np.unique(joined(asked), return_index=True)[1]] = True
        return np.flatnonzero(first & ~self.store.holds(asked))

    def _add_embedded(self, embeddings: Embeddings, work: Work) -> Added:
        if embeddings.content is None:
            contents = picture_contents(embeddings.sightings)
            embeddings = replace(embeddings, content=contents)
        with self.store.writing():
            new = self._new(identities_of(embeddings))
            self.store.add(embeddings.take(new))
        work.progress(len(embeddings))
        return Added(len(new), len(embeddings) - len(new), [])

    @staticmethod
    def _first_and_last(now: Reading) -> tuple[str, str]:
        known = now.latest(Filter(since="0001-01-01"))
        if not len(known):
            return "", ""
        times = now.get(known[[-1, 0]]).sightings.time
        return utc_text(times[0]), utc_text(times[1])


def _listed(now: Reading, where: Filter, top: int) -> list[Hit]:
    """The latest sightings that meet the conditions."""
    numbers = now.latest(where, top)
    table = now.get(numbers).sightings
    return [
        Hit(rank, float("nan"), table.path(row), table.labels(row), number=number)
        for rank, (row, number) in enumerate(enumerate(numbers.tolist()), start=1)
    ]
