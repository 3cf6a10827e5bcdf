"""A gallery: a place where sightings accumulate for months, with the model that embeds them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from platefree.data.content import picture_contents
from platefree.data.table import read_table
from platefree.errors import DataError, MismatchError
from platefree.gallery.again import Repeated, compare_again, refuse_answer_of_another
from platefree.gallery.audit_trail import conditions_of
from platefree.gallery.camera_distances import CameraDistances
from platefree.gallery.coming_model import Beside, reembedded, remove_others
from platefree.gallery.embedded_blocks import Block, embed_block
from platefree.gallery.feedback import NO_FEEDBACK, Feedback
from platefree.gallery.filters import EVERYTHING, Filter
from platefree.gallery.gallery_answer import GalleryAnswer, Question, ask
from platefree.gallery.gallery_card import ModelEntry, new_card
from platefree.gallery.gallery_export import export_sightings
from platefree.gallery.gallery_import import Part, parts_of_files, parts_of_gallery
from platefree.gallery.gallery_places import (
    Place,
    create_card,
    gallery_place,
    is_gallery,
    write_card,
)
from platefree.gallery.gallery_results import Added, Forgotten, GalleryInfo, Retained
from platefree.gallery.journeys import NOWHERE, Journeys, journeys_of
from platefree.gallery.ledger import shared_ledger
from platefree.gallery.open_gallery import OpenGallery
from platefree.gallery.opening import open_embedder
from platefree.gallery.recorded_answer import RecordedAnswer, read_answer, write_answer
from platefree.gallery.reembedding import Missing, Reembedded, Reembedding
from platefree.gallery.retention import LATE, Retention
from platefree.gallery.search import Answer, Query, as_pictures, check_search_post
from platefree.gallery.sighting_identity import identities, joined
from platefree.gallery.store import Compacted, PastVersion, Reading, identities_of, refuse_absent
from platefree.gallery.stored import stored_model_path
from platefree.gallery.vectors_beside import VectorsBeside
from platefree.inference.embedder import Embedder
from platefree.inference.model_names import is_model_name, lasting_name
from platefree.inference.shipped import shipped_embedder
from platefree.recipes.post import NONE, Post
from platefree.types import Contents, Embeddings, Hit, Indices, Sightings, utc_text
from platefree.work import DEFAULT_WORK, Work

BLOCK = 512
"""Pictures that are embedded and added at a time: the most that a killed addition loses."""

_NAMED = 1_000  # pictures of forgotten sightings that are looked for


class Gallery(OpenGallery):
    """Sightings in a folder or on a server, each with its embeddings and a small picture.

    Use `create` or `open`. Any number of processes may search while one adds or forgets; on a
    Milvus server any number may add and forget.

    Args:
        folder: of the gallery, which exists; or its address, ``milvus://host:port/name``.
        model: the model that made it; by default the one that its card names, loaded when needed.
        ledger: the folder of the record of films that were taken in; by default one in that of the
            gallery. A gallery on a server needs one to take films in.

    Raises:
        DataError: there is no gallery, or it is damaged or of a newer version.
        MismatchError: it was made by another model.
    """

    @classmethod
    def create(
        cls,
        folder: str | Place,
        model: Embedder | str | Path | None = None,
        *,
        retention: Retention | None = None,
        ledger: str | Path | None = None,
    ) -> Self:
        """Make an empty gallery.

        Args:
            folder: missing or empty; or an address with a new name.
            model: that embeds its pictures: open, or the path of a checkpoint folder, or
                ``color_stripes``; by default the one inside platefree.
            retention: how long sightings are kept; by default for ever.
            ledger: see the class.

        Raises:
            StorageError: something is in the folder, or it cannot be written.
            CheckpointError: there is no such model.
        """
        opened = open_embedder(shipped_embedder() if model is None else model)
        create_card(gallery_place(folder), new_card(_entry(opened), retention))
        return cls(folder, opened, ledger)

    @classmethod
    def open(
        cls,
        folder: str | Place,
        model: Embedder | str | Path | None = None,
        *,
        ledger: str | Path | None = None,
    ) -> Self:
        """Open a gallery; see the class."""
        return cls(folder, model, ledger)

    def add(
        self, sightings: Sightings | Embeddings | str | Path, *, work: Work = DEFAULT_WORK
    ) -> Added:
        """Embed sightings and keep them; those that are there already are passed over.

        A sighting is the same if its file has the same content, frame and box, wherever it lies.
        `BLOCK` pictures at a time are stored for good, so an addition that was stopped goes on
        where it was when it is asked for again. In the end, what is kept no longer is removed
        (`retain`), if some of it has been so for a day: so the rule holds to a day where something
        is added daily, and files are not written again for every sighting.

        Args:
            sightings: a table, what `read_table` reads, or embeddings of this model, which are
                kept as they are and without small pictures.
            work: device, workers and progress.

        Raises:
            MismatchError: the embeddings are of another model.
            StorageError: the folder cannot be written, or another process is writing.
        """
        if isinstance(sightings, Embeddings):
            found = self.add_embedded(sightings)
            work.progress(len(sightings))
            return found
        table = sightings if isinstance(sightings, Sightings) else read_table(sightings)
        added, known, skipped, model = 0, 0, list[str](), self.model
        with self._writing():
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
            return Added(added, known, skipped, self._expire())

    def add_embedded(self, embeddings: Embeddings, small: list[bytes] | None = None) -> Added:
        """Keep sightings with their embeddings; those that are there already are passed over.

        Args:
            embeddings: of n sightings, of this model.
            small: n small pictures of them, JPEG (`platefree.gallery.small_pictures`).

        Raises:
            MismatchError: they are of another model.
            StorageError: the folder cannot be written, or another process is writing.
        """
        if embeddings.content is None:
            contents = picture_contents(embeddings.sightings)
            embeddings = replace(embeddings, content=contents)
        return self._import([(embeddings, small)])

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
        with self._reading() as now:
            return self._noted(self._ask(question, now, work))

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
        with self._reading() as now:
            refuse_answer_of_another(before, self.folder, self.card)
            question = before.question()
            refuse_absent(question.numbers, now.has(question.numbers))
            try:
                with self.store.snapshot(before.gallery.version) as then:
                    found = self._ask(question, then, work)
            except PastVersion:
                found = self._ask(question, now, work)
            self._noted(found)
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

        `compact` then removes them from the disk. Of those that came from films, the ledger then
        no longer says when and where they passed; films that are done stay done. Their own picture
        files are not touched.

        Raises:
            DataError: the conditions are not on sightings alone, or the ledger is damaged or that
                of another gallery.
            StorageError: the folder cannot be written, or another process is writing.
        """
        with self._writing():
            self.forget_passes()  # first: nothing is forgotten beside a ledger that cannot follow
            self._note("forget.asked", {"where": conditions_of(where)})
            with self.store.snapshot() as now:
                table = now.get(now.latest(where, _NAMED)).sightings
            files = sorted({table.path(row) for row in range(len(table))})
            count = self.store.delete(where)
            self.forget_passes()
            self._note("forget.done", {"count": count})
        return Forgotten(count, [path for path in files if path.exists()])

    def forget_passes(self) -> None:
        """Remove from the ledger, and from the disk, the passes whose sightings are not there.

        `forget`, `retain`, `compact` and `reembed` do it, and `platefree.ingest` before its work:
        so a ledger that was elsewhere when something was forgotten follows later.

        Raises:
            DataError: the ledger is damaged, or that of another gallery.
            StorageError: it cannot be written.
        """
        if self.ledger is None:
            return
        with shared_ledger(self.ledger, self.card.created) as ledger:
            # Read first: a pass is noted when its sighting is there, so none of one to come is.
            if ledger is not None and (noted := ledger.tracks()):
                ledger.forget_tracks(noted.difference(self.store.tally("track")))

    def keep(self, retention: Retention | None) -> None:
        """Change how long sightings are kept; `retain` carries it out.

        Raises:
            StorageError: the folder cannot be written, or another process is writing.
        """
        with self._writing():
            self.card = self.card.model_copy(update={"retention": retention})
            write_card(self.folder, self.card)

    def retain(self, now: datetime | None = None) -> Retained:
        """Forget what is kept no longer, and remove it from the disk.

        Args:
            now: the moment from which ages are counted; by default the present.

        Raises:
            StorageError: the folder cannot be written, or another process is writing.
        """
        with self._writing():
            with self.store.snapshot() as before:
                expired = self._expired(before, now or datetime.now(UTC))
                undated = before.count(Filter(unknown_time="only"))
                removed = {
                    camera: count
                    for where in expired
                    for camera in where.cameras
                    if (count := before.count(replace(where, cameras=[camera])))
                }
            if not removed and not self.store.has_remains:  # of one that was killed
                return Retained({}, undated)
            if removed:
                self._note("retain.asked", {"expired": removed})
            for where in expired:
                self.store.delete(where)
            if removed:
                self._note("retain.done", {"removed": removed})
            return Retained(removed, undated, self._compact().readers)

    def compact(self) -> Compacted:
        """Remove from the disk what was forgotten or superseded; see `Store.compact`."""
        with self._writing():
            return self._compact()

    def reembed(
        self,
        model: Embedder | str | Path,
        *,
        missing: Missing = "refuse",
        work: Work = DEFAULT_WORK,
    ) -> Reembedded:
        """Embed all sightings again with another model, whose gallery it is afterwards.

        Meanwhile it is searched with the old one, and sightings are added and forgotten. `BLOCK`
        pictures at a time are stored for good, so work that was stopped goes on where it was when
        it is asked for again. When all are embedded one step puts the new vectors in the place
        of the old; sightings keep their numbers.

        Args:
            model: the new one, as for `create`; also embeddings that it made of these pictures.
            missing: what becomes of sightings whose picture is gone, has changed or cannot be read.
            work: device, workers and progress.

        Returns:
            What was done. With the model of the gallery itself nothing is; vectors of another one
            that was coming are dropped.

        Raises:
            DataError: nothing is stored.
            StorageError: the folder cannot be written, or another process is writing.
        """
        new = open_embedder(model, work)
        with reembedded(self.store):
            with self._writing():
                beside = self._announce(new)
            if beside is None:
                if self.store.has_remains:  # of a run that was killed
                    self.compact()
                return Reembedded(True, self.store.count(), 0, [])
            task = Reembedding(new, beside, missing, work)
            task.embed_all(self.store)
            with self.store.alone():
                task.embed_all(self.store)
                with self.store.snapshot() as now:
                    without, count = task.without(now), now.count()
                    if (without and missing != "forget") or len(without) == count:
                        return Reembedded(False, count - len(without), task.small, without)
                    if without:
                        self._note("forget.asked", {"without_picture": len(without)})
                    beside.switch(now, len(without))
                    if without:
                        self._note("forget.done", {"count": len(without)})
            self._model = self._given = new
            self.compact()  # the rows before, which were read until now
        return Reembedded(True, count - len(without), task.small, without)

    def _compact(self) -> Compacted:
        if isinstance(beside := self._beside(), VectorsBeside):  # a server has them in reach
            beside.keep_only(self.store.latest())
        compacted = self.store.compact()
        self.forget_passes()  # last: a damaged ledger keeps nothing on the disk
        return compacted

    def _announce(self, new: Embedder) -> Beside | None:
        """Write into the card which model is coming; None if it is that of the gallery already."""
        coming = None if new.fingerprint == self.card.model else _entry(new)
        if coming is not None and not self.store.count():
            raise DataError(
                f"{self.folder} holds no sightings to embed again: make another gallery with this "
                "model ('platefree gallery create')"
            )
        write_card(self.folder, self.card.model_copy(update={"coming": coming}))
        self._settle()
        remove_others(self.store, self.card)
        return self._beside()

    def info(self) -> GalleryInfo:
        """What it holds."""
        self.refresh()
        beside = self._beside()
        with self._reading() as now:
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
                coming=self.card.coming.model if self.card.coming else "",
                ready=0 if beside is None else len(np.intersect1d(beside.numbers, now.latest())),
                retention=self.card.retention.words() if self.card.retention else [],
            )

    def import_from(self, place: str | Path) -> Added:
        """Take in sightings with their embeddings; those that are there already are passed over.

        Args:
            place: another gallery, a folder or table that `export` wrote with embeddings, any
                table with such columns (`platefree.gallery.embedded_tables`), or a folder of
                embeddings.

        Raises:
            MismatchError: it is of another model.
            DataError: it is nothing of this, or damaged.
            StorageError: the folder cannot be written, or another process is writing.
        """
        if not is_gallery(place):
            return self._import(parts_of_files(Path(place), self.card.model))
        other = Gallery(place)
        if other.card.model != self.card.model:
            raise MismatchError(
                f"{place} is of model {other.card.model}, {self.folder} of {self.card.model}: "
                f"embed it again first ('platefree gallery reembed {place} --model "
                f"{self.card.model_path}')"
            )
        other._note("export", {"place": str(self.folder), "embeddings": True})
        with other._reading() as now:
            return self._import(parts_of_gallery(now))

    def export(
        self, place: str | Path, where: Filter = EVERYTHING, *, embeddings: bool = False
    ) -> int:
        """Write sightings to a ``.csv`` or ``.parquet`` file, or to a folder with their pictures.

        Args:
            place: see `export_sightings`.
            where: conditions that they meet.
            embeddings: whether their embeddings are written too, for `import_from`.

        Returns:
            How many were written.

        Raises:
            StorageError: it cannot be written.
        """
        said = {"where": conditions_of(where), "place": str(place), "embeddings": embeddings}
        self._note("export", said)
        with self._reading() as now:
            return export_sightings(now, Path(place), where, embeddings=embeddings)

    def _expired(self, now: Reading, moment: datetime) -> list[Filter]:
        """The conditions on sightings that are kept no longer, of those that there are."""
        rule = self.card.retention
        conditions = rule.expired(now.tally("camera"), moment) if rule is not None else []
        return [where for where in conditions if now.count(where)]

    def _expire(self) -> int:
        """Carry the rule out if something is older than it allows by `LATE`."""
        with self.store.snapshot() as now:
            late = self._expired(now, datetime.now(UTC) - LATE)
        return sum(self.retain().removed.values()) if late else 0

    def _ask(self, question: Question, now: Reading, work: Work) -> GalleryAnswer:
        model = None if question.pictures is None else self.model
        found = ask(question, model, now, work, calibration=self.calibration())
        return replace(found, model=self.card.model)

    def _note(self, action: str, details: Mapping[str, Any]) -> None:
        """Write into the audit log, where one has been begun."""
        if self.audit is not None:
            self.audit.note(action, details)

    def _noted(self, found: GalleryAnswer) -> GalleryAnswer:
        """An answer, when it is written down that it was asked for."""
        if self.audit is not None:
            self.audit.note_search(found)
        return found

    def _new(self, asked: Contents) -> Indices:
        """The places of (n, 16) identities that are not stored, each once."""
        first = np.zeros(len(asked), np.bool_)
        first[np.unique(joined(asked), return_index=True)[1]] = True
        return np.flatnonzero(first & ~self.store.holds(asked))

    def _import(self, parts: Iterable[Part]) -> Added:
        added, known = 0, 0
        with self._writing():
            for embeddings, crops in parts:
                new = self._new(identities_of(embeddings))
                small = None if crops is None else [crops[row] for row in new.tolist()]
                self.store.add(embeddings.take(new), small)
                added, known = added + len(new), known + len(embeddings) - len(new)
            return Added(added, known, [], self._expire())


def _entry(model: Embedder) -> ModelEntry:
    """A model as a card names it."""
    path = lasting_name(model.name)
    if not is_model_name(path):
        path = stored_model_path(path) or path  # stored embeddings know no new picture
    return ModelEntry(
        model=model.fingerprint, model_path=path, comparison=model.comparison.to_json()
    )
