"""Films into a gallery: each looked at by its own process, all written by this one.

At regular seconds of a film the sightings of the tracks that ended are added, and then it is noted
in the ledger how far the film is. Both are whole or not there. Whoever is killed between them looks
at the last seconds again, finds the same tracks, and passes over what is there: a sighting is what
its film holds, its frame and its box.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from platefree.data.frame_boxes import KINDS
from platefree.errors import OtherWriter
from platefree.gallery.stored_gallery import Gallery
from platefree.ingest.cameras import Camera
from platefree.ingest.film_plan import Plan, Planned, Planner
from platefree.ingest.ledger import Ledger, Pass
from platefree.ingest.looking import BETWEEN, FilmToDo, Reached
from platefree.ingest.looking_processes import Failed, look_at_all
from platefree.ingest.track_rows import FilmFacts, TrackRows, embedded_tracks
from platefree.types import utc_text
from platefree.video.tracks import Track
from platefree.work import DEFAULT_WORK, Work

PATIENCE = 300.0
"""Seconds to wait for another process that writes to the gallery."""

Progress = Callable[[float], None]
"""Called with the seconds of footage that are done."""


@dataclass
class Taken:
    """What was done.

    Attributes:
        films: that are done, those that were before too.
        before: how many were.
        added: sightings that are new in the gallery.
        seconds: of footage that were looked at.
        took: seconds of work.
        failed: why other films were left out, or left where they are, a sentence for each.
        remarks: what could not be read of films that are done, a sentence for each.
    """

    films: list[Planned] = field(default_factory=list)
    before: int = 0
    added: int = 0
    seconds: float = 0.0
    took: float = 0.0
    failed: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def and_then(self, later: "Taken") -> "Taken":
        """Both."""
        return Taken(**{name: value + getattr(later, name) for name, value in vars(self).items()})


class Intake:
    """Takes films into a gallery.

    Args:
        gallery: open.
        ledger: its own.
        keep_plates: whether plates stay as they are.
        work: device, and how many processes look at films.
        between: seconds of a film after which it is noted how far it is.
    """

    def __init__(
        self,
        gallery: Gallery,
        ledger: Ledger,
        *,
        keep_plates: bool = False,
        work: Work = DEFAULT_WORK,
        between: float = BETWEEN,
    ) -> None:
        self._gallery, self._ledger, self._work = gallery, ledger, work
        self._keep_plates, self._between = keep_plates, between
        self._planner = Planner(ledger, keep_plates=keep_plates, device=work.device)

    def plan(self, cameras: Sequence[Camera]) -> Plan:
        """Look at all films of some cameras, before anything is done; see `Planner.plan`.

        Raises:
            CheckpointError: there is no detector, or no model of the gallery.
            MismatchError: the gallery is of another model.
            DataError: a film begins at no known time, or a part of it is done with other settings.
            FilmError: a camera has no films.
        """
        _ = self._gallery.model
        return self._planner.plan(cameras)

    def take(self, plan: Plan, progress: Progress = lambda seconds: None) -> Taken:
        """Take in what is left of some films; what was stopped goes on where it was.

        Raises:
            StorageError: the gallery or the ledger cannot be written.
            CheckpointError: a network cannot run.
        """
        taken = Taken(list(plan.done), len(plan.done), failed=list(plan.refused))
        begun, reached = time.monotonic(), [each.record.seconds for each in plan.todo]
        before = sum(reached)
        tasks = [self._task(each) for each in plan.todo]
        films, detectors = list(plan.todo), [each.detector for each in plan.todo]
        with closing(look_at_all(tasks, detectors, self._work.processes)) as looking:
            for number, news in looking:
                if isinstance(news, Failed):
                    taken.failed.append(news.reason)
                    continue
                if news.memory is not None:
                    films[number], added = self._kept(films[number], news)
                    taken.added += added
                reached[number] = max(reached[number], news.seconds)
                taken.seconds = sum(reached) - before
                progress(taken.seconds)
        for film in films:
            if film.record.finished:
                taken.films.append(film)
                taken.remarks += [f"{film.film}: {each}" for each in film.record.remarks]
        taken.took = time.monotonic() - begun
        return taken

    def _task(self, planned: Planned) -> FilmToDo:
        record = planned.record
        return FilmToDo(
            planned.film,
            planned.camera,
            record.memory,
            self._between,
            self._keep_plates,
            self._work.device,
        )

    def _kept(self, planned: Planned, news: Reached) -> tuple[Planned, int]:
        """Keep the tracks that ended, then note it; also how many sightings are new."""
        record, added = planned.record, 0
        start = np.datetime64(record.start.removesuffix("Z") or "NaT", "ms")
        facts = FilmFacts(
            planned.film, record.fingerprint, news.content, planned.camera.name, start
        )
        if news.tracks:
            place = self._ledger.path.parent / "pictures"
            model = self._gallery.model
            rows = embedded_tracks(news.tracks, facts, model, place, self._work)
            added = self._added(rows)
        after = replace(
            record,
            seconds=news.seconds,
            memory=news.memory or "",
            finished=not news.memory,
            remarks=news.remarks,
        )
        self._ledger.note(after, [_pass(each, facts) for each in news.tracks])
        return replace(planned, record=after), added

    def _added(self, rows: TrackRows) -> int:
        """Add sightings, after another process that writes to the gallery at this moment."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self._gallery.add_embedded(rows.embeddings, rows.small).added
            except OtherWriter:
                if time.monotonic() >= end:
                    raise
                time.sleep(1.0)


def _pass(track: Track, facts: FilmFacts) -> Pass:
    return Pass(
        track.number,
        KINDS[track.kind],
        utc_text(facts.moment(track.first)),
        utc_text(facts.moment(track.last)),
        track.first,
        track.last,
        None if math.isnan(track.direction) else track.direction,
        track.path.tolist(),
    )
