"""Films into a gallery: each looked at by its own process, all written by this one.

At regular seconds of a film the sightings of the tracks that ended are added, and then it is noted
in the ledger how far the film is. Both are whole or not there. Whoever is killed between them looks
at the last seconds again, finds the same tracks, and passes over what is there: a sighting is what
its film holds, its frame and its box.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from platefree.data.frame_boxes import KINDS
from platefree.errors import OtherWriter
from platefree.gallery.filters import Filter
from platefree.gallery.gallery_results import Added
from platefree.gallery.ledger import Ledger, Pass
from platefree.gallery.stored_gallery import Gallery
from platefree.gallery.track_names import is_track_of
from platefree.inference.detector import Detector
from platefree.ingestion.cameras import Camera
from platefree.ingestion.film_files import film_files, fingerprint_of
from platefree.ingestion.film_start import moment_of, moment_text
from platefree.ingestion.intake_plan import Plan, Planned, Planner
from platefree.ingestion.looking import BETWEEN, FilmToDo, Reached
from platefree.ingestion.looking_processes import Failed, look_at_all
from platefree.ingestion.track_rows import FilmOrigin, TrackRows, embedded_tracks
from platefree.ingestion.vehicles_seen import VehiclesSeen, vehicles_seen
from platefree.video.track_masks import MASKED, Masked
from platefree.video.tracks import Track
from platefree.work import DEFAULT_WORK, Work

PATIENCE = 300.0
"""Seconds to wait for another process that writes to the gallery."""

NO_DETECTORS: Mapping[str, Detector] = {}

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
        left_out: why other films, or the rest of them, could not be read, a sentence for each.
        remarks: what could not be read of films that are done, a sentence for each.
    """

    films: list[Planned] = field(default_factory=list)
    before: int = 0
    added: int = 0
    seconds: float = 0.0
    took: float = 0.0
    left_out: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Intake:
    """Takes films into a gallery.

    Args:
        gallery: open.
        ledger: its own.
        detectors: that are open, by their paths, see `open_detectors`.
        masked: what is masked; whoever asks for less than all notes that.
        work: device, and how many processes look at films.
        between: seconds of a film after which it is noted how far it is.
    """

    def __init__(
        self,
        gallery: Gallery,
        ledger: Ledger,
        *,
        detectors: Mapping[str, Detector] = NO_DETECTORS,
        masked: Masked = MASKED,
        work: Work = DEFAULT_WORK,
        between: float = BETWEEN,
    ) -> None:
        self._gallery, self._ledger, self._work = gallery, ledger, work
        self._masked, self._between = masked, between
        self._planner = Planner(ledger, dict(detectors), masked=masked, device=work.device)

    def plan(self, cameras: Sequence[Camera], plan: Plan | None = None) -> Plan:
        """Look at all films of some cameras, before anything is done; see `Planner.plan`.

        Args:
            cameras: with their films.
            plan: of other films, to which these are added.

        Raises:
            CheckpointError: there is no detector.
            DataError: a film begins at no known time, or a part of it is done with other settings.
            FilmError: a camera has no films.
        """
        return self._planner.plan(cameras, plan)

    def take(
        self, plan: Plan, taken: Taken | None = None, progress: Progress = lambda seconds: None
    ) -> Taken:
        """Take in what is left of some films; what was stopped goes on where it was.

        Args:
            plan: the films.
            taken: what was done before, to which it is added as it is done.
            progress: called with the seconds of footage that are done.

        Returns:
            What is done.

        Raises:
            StorageError: the gallery or the ledger cannot be written.
            CheckpointError: a network cannot run.
        """
        taken = taken or Taken()
        known = {each.record.fingerprint for each in taken.films}
        before = [each for each in plan.done if each.record.fingerprint not in known]
        taken.films += before
        taken.before += len(before)
        taken.left_out += plan.refused
        tasks = [self._task(each) for each in plan.todo]
        films, detectors = list(plan.todo), [each.detector for each in plan.todo]
        seconds = _Seconds([each.record.seconds for each in films])
        with (
            _timed(taken, seconds),
            closing(look_at_all(tasks, detectors, self._work.processes)) as looking,
        ):
            for number, news in looking:
                if isinstance(news, Failed):
                    taken.left_out.append(news.reason)
                    continue
                if news.memory is not None:
                    films[number], added = self._kept(films[number], news)
                    taken.added += added
                if films[number].record.finished:
                    taken.films.append(films[number])
                    taken.remarks += [
                        f"{films[number].film}: {each}" for each in films[number].record.remarks
                    ]
                seconds.reached(number, news.seconds)
                progress(seconds.done)
        return taken

    def forget(self, cameras: Sequence[Camera]) -> None:
        """Note nothing of the films of some cameras, as if they had never been seen.

        With the same settings the same sightings are found again, and keep their numbers. Those of
        a film that is to be looked at with other settings are forgotten: its tracks will be others
        under the same names.

        Raises:
            FilmError: one cannot be read.
            StorageError: the gallery or the ledger cannot be written.
        """
        for camera in cameras:
            for film in film_files(camera.films):
                fingerprint = fingerprint_of(film)
                if not self._planner.is_as_noted(film, camera):
                    self._forget_sightings(fingerprint)
                self._ledger.forget(fingerprint)

    def _forget_sightings(self, fingerprint: str) -> None:
        """Forget the sightings of a film, also those that are not noted, as of a killed run."""
        stored = self._gallery.store.tally("track")
        if tracks := [name for name in stored if is_track_of(name, fingerprint)]:
            self._gallery.forget(Filter(tracks=tracks))

    def seen(self, films: Iterable[Planned]) -> VehiclesSeen:
        """The vehicles that films showed."""
        return vehicles_seen(self._ledger, films)

    def _task(self, planned: Planned) -> FilmToDo:
        record = planned.record
        return FilmToDo(
            planned.film,
            planned.camera,
            record.memory,
            self._between,
            self._masked,
            self._work.device,
        )

    def _kept(self, planned: Planned, news: Reached) -> tuple[Planned, int]:
        """Keep the tracks that ended, then note it; also how many sightings are new."""
        record, added, expired = planned.record, 0, 0
        start = moment_of(record.start)
        origin = FilmOrigin(
            planned.film, record.fingerprint, news.content, planned.camera.name, start
        )
        if news.tracks:
            model = self._gallery.model
            rows = embedded_tracks(news.tracks, origin, model, self._work)
            kept = self._added(rows)
            added, expired = kept.added, kept.expired
        after = replace(
            record,
            seconds=news.seconds,
            memory=news.memory or "",
            finished=not news.memory,
            remarks=news.remarks,
        )
        self._ledger.note(after, [_pass(each, origin) for each in news.tracks])
        if expired:  # some of these may be older than sightings are kept
            self._gallery.forget_passes()
        return replace(planned, record=after), added

    def _added(self, rows: TrackRows) -> Added:
        """Add sightings, after another process that writes to the gallery at this moment."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self._gallery.add_embedded(rows.embeddings, rows.small)
            except OtherWriter:
                if time.monotonic() >= end:
                    raise
                time.sleep(1.0)


class _Seconds:
    """How far films are that are looked at side by side."""

    def __init__(self, before: Sequence[float]) -> None:
        self._reached, self._before = list(before), sum(before)

    def reached(self, number: int, seconds: float) -> None:
        """One of them has come so far."""
        self._reached[number] = max(self._reached[number], seconds)

    @property
    def done(self) -> float:
        """Seconds of all, since the beginning."""
        return sum(self._reached) - self._before


@contextmanager
def _timed(taken: Taken, seconds: _Seconds) -> Iterator[None]:
    """Count the time of the block and the seconds of footage, however it ends."""
    begun = time.monotonic()
    try:
        yield
    finally:
        taken.took += time.monotonic() - begun
        taken.seconds += seconds.done


def _pass(track: Track, origin: FilmOrigin) -> Pass:
    return Pass(
        track.number,
        KINDS[track.kind],
        moment_text(origin.moment(track.first)),
        moment_text(origin.moment(track.last)),
        track.first,
        track.last,
        None if math.isnan(track.direction) else track.direction,
        track.path.tolist(),
    )
