"""A gallery: a folder in which sightings accumulate for months, with the model that embeds them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from platefree.data.content import picture_contents
from platefree.data.table import read_table
from platefree.errors import CheckpointError, DataError, MismatchError
from platefree.gallery.again import Repeated, compare_again
from platefree.gallery.camera_distances import CameraDistances
from platefree.gallery.embedded_blocks import Block, embed_block
from platefree.gallery.feedback import NO_FEEDBACK, Feedback
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.gallery_answer import GalleryAnswer, Question, ask
from platefree.gallery.gallery_card import create_card, read_gallery_card
from platefree.gallery.gallery_export import export_sightings
from platefree.gallery.journeys import NOWHERE, Journeys, journeys_of
from platefree.gallery.lance import LanceStore
from platefree.gallery.lance_view import LanceView
from platefree.gallery.opening import open_embedder
from platefree.gallery.other_models import of_another_model
from platefree.gallery.recorded_answer import RecordedAnswer, read_answer, write_answer
from platefree.gallery.search import Answer, Query, as_pictures, check_search_post
from platefree.gallery.sighting_identity import identities, joined
from platefree.gallery.store import Compacted, PastVersion, identities_of, refuse_absent
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
class GalleryInfo:
    """What a gallery holds.

    Attributes:
        path: its folder.
        created: when, ISO 8601.
        model: fingerprint of the model.
        model_path: where the model was loaded from.
        sightings: their number.
        cameras: sightings by camera, the empty text is unknown.
        first: the earliest known time, ISO 8601 in UTC; empty if none is known.
        last: the latest.
        spaces: dimensions by space.
        indexed: number of sightings in the index of each space; the others are compared one by one.
        megabytes: on the disk.
        version: rises with every change.
    """

    path: Path
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
    """Sightings in a folder, each with its embeddings and a small picture.

    Use `create` or `open`. Any number of processes may search while one adds or forgets.

    Args:
        folder: of the gallery, which exists.
        model: the model that made it; by default the one that its card names, loaded when needed.

    Raises:
        DataError: there is no gallery, or it is damaged or of a newer version.
        MismatchError: it was made by another model.
    """

    def __init__(self, folder: str | Path, model: Embedder | str | Path | None = None) -> None:
        self.folder = Path(folder)
        self.card = read_gallery_card(self.folder)
        self.comparison = read_comparison(self.card.comparison)
        self.store = LanceStore(self.folder, self.comparison, self.card.model)
        self._given, self._model = model, None if isinstance(model, str | Path) else model
        if self._model is not None:
            self._check(self._model)

    @classmethod
    def create(cls, folder: str | Path, model: Embedder | str | Path) -> Self:
        """Make an empty gallery.

        Args:
            folder: missing or empty.
            model: that embeds its pictures: open, or the path of a checkpoint folder, or
                ``color_stripes``.

        Raises:
            StorageError: something is in the folder, or it cannot be written.
            CheckpointError: there is no such model.
        """
        opened = open_embedder(model)
        there = Path(opened.name)
        path = str(there.resolve()) if there.exists() else opened.name
        create_card(Path(folder), opened.fingerprint, path, opened.comparison.to_json())
        return cls(folder, opened)

    @classmethod
    def open(cls, folder: str | Path, model: Embedder | str | Path | None = None) -> Self:
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
        feedback: Feedback = NO_FEEDBACK,
        work: Work = DEFAULT_WORK,
    ) -> GalleryAnswer:
        """The sightings most like the query, nearest first; see `platefree.gallery.search.answer`.

        The whole answer is of one version of the gallery, whoever writes meanwhile.

        Args:
            query: pictures or a table, as for `search`; the number of a stored sighting; or none,
                for the latest sightings that meet the conditions, whose similarity is NaN.
            where: conditions that every hit meets.
            top: the largest number of hits.
            post: steps on the nearest candidates.
            feedback: which stored sightings show the vehicle, and which do not.
            work: device, workers and progress.

        Raises:
            DataError: there is no sighting of this number, or nothing is asked for.
            MismatchError: the model is not that of the gallery.
        """
        stored = query is None or isinstance(query, int)
        if isinstance(post, str):  # a stored sighting is searched without the model
            post = (Post() if stored else self.model.post).with_steps(post)
        question = Question(
            None if query is None or isinstance(query, int) else as_pictures(query),
            query if isinstance(query, int) else None,
            where,
            top,
            check_search_post(post),
            feedback,
        )
        with self.store.snapshot() as now:
            return self._ask(question, now, work)

    def save_answer(self, answer: GalleryAnswer, path: str | Path) -> None:
        """Write an answer with all that `search_again` needs, as ``platefree search --json``.

        Raises:
            StorageError: it cannot be written.
            DataError: a path or a label is no Unicode, which no JSON holds.
        """
        write_answer(answer, self.card, path)

    def search_again(
        self, recorded: RecordedAnswer | str | Path, *, work: Work = DEFAULT_WORK
    ) -> Repeated:
        """Make a search again that `save_answer` or ``platefree search --json`` recorded.

        It is made at the same version of the gallery if that is still on the disk, and at the
        newest if not. What was forgotten since is not shown in either case.

        Args:
            recorded: the answer, or the file that holds it.
            work: device, workers and progress.

        Returns:
            What was found, and how it differs from the recorded hits.

        Raises:
            DataError: the file is no answer, a picture is gone or was changed, or the answer is of
                another gallery.
            MismatchError: it is of another model.
        """
        before = read_answer(recorded) if isinstance(recorded, str | Path) else recorded
        if before.model.fingerprint != self.card.model:
            raise MismatchError(
                f"the answer is of model {before.model.fingerprint}, and {self.folder} of "
                f"{self.card.model}: no other model finds the same"
            )
        if before.gallery.created != self.card.created:
            raise DataError(
                f"the answer is of a gallery that was made {before.gallery.created}, and "
                f"{self.folder} was made {self.card.created}: give the gallery of the answer"
            )
        question = before.question()
        with self.store.snapshot() as now:
            refuse_absent(question.numbers, now.has(question.numbers))
            try:
                with self.store.snapshot(before.gallery.version) as then:
                    found = self._ask(question, then, work)
            except PastVersion:
                found = self._ask(question, now, work)
            return compare_again(before, found, now)

    def journeys(
        self, found: Answer | Sequence[Hit], distances: CameraDistances = NOWHERE
    ) -> Journeys:
        """Where the vehicle of some hits went, if they are all of one; see `journeys_of`.

        Args:
            found: an answer, or those of its hits that somebody believes.
            distances: between cameras, from `read_camera_distances`.
        """
        return journeys_of(found.hits if isinstance(found, Answer) else found, distances)

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
            first, last = now.time_span()
            return GalleryInfo(
                path=self.folder,
                created=self.card.created,
                model=self.card.model,
                model_path=self.card.model_path,
                sightings=now.count(),
                cameras=dict(sorted(now.tally("camera").items())),
                first=utc_text(first),
                last=utc_text(last),
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

    def _ask(self, question: Question, now: LanceView, work: Work) -> GalleryAnswer:
        model = None if question.pictures is None else self.model
        return replace(ask(question, model, now, work), model=self.card.model)

    def _check(self, model: Embedder) -> None:
        if model.fingerprint != self.card.model:
            this = f"{model.fingerprint} ({model.name})"
            raise of_another_model(self.folder, self.card.model, this)

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
