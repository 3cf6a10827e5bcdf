"""What is to be done of the films of cameras, and what is done already: all checks before work."""

import json
import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from platefree.data.columns import utc_milliseconds
from platefree.data.film import FILM
from platefree.errors import DataError, FilmError
from platefree.fingerprint import fingerprint_of_text
from platefree.gallery.filter_words import word_of
from platefree.gallery.ledger import FilmRecord, Ledger
from platefree.inference.detector import Detector
from platefree.ingestion.cameras import Camera
from platefree.ingestion.film_files import film_files, fingerprint_of
from platefree.ingestion.film_start import UNKNOWN, is_rule, moment_of, moment_text, start_by
from platefree.ingestion.looking import opened_detector
from platefree.inputs.plain_files import require_utf8
from platefree.video.footage import open_footage
from platefree.video.regions import Regions
from platefree.video.track_masks import MASKED, Masked
from platefree.work import Device


@dataclass(frozen=True, eq=False)
class Planned:
    """A film that can be taken in, or is.

    Attributes:
        film: its file, absolute.
        camera: that took it.
        detector: of the camera, open.
        record: what is noted of it, or will be.
    """

    film: Path
    camera: Camera
    detector: Detector
    record: FilmRecord

    @property
    def seconds_left(self) -> float:
        """Of the film; NaN is unknown."""
        duration = self.record.duration
        return float("nan") if duration is None else max(0.0, duration - self.record.seconds)


@dataclass
class Plan:
    """Films, each once.

    Attributes:
        todo: of which something is left.
        done: that are done.
        refused: why others cannot be taken in, a sentence for each.
    """

    todo: list[Planned] = field(default_factory=list)
    done: list[Planned] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _by_content: dict[str, Planned] = field(default_factory=dict, repr=False)

    def add(self, found: Planned) -> None:
        """Add a film, once under whatever names.

        Raises:
            DataError: another camera has it.
        """
        other = self._by_content.setdefault(found.record.fingerprint, found)
        if other is found:
            (self.done if found.record.finished else self.todo).append(found)
        elif other.camera.name != found.camera.name:
            raise DataError(
                f"{found.film} and {other.film} are the same film, of the cameras "
                f"{found.camera.name!r} and {other.camera.name!r}: give it to one of them"
            )


class _By(NamedTuple):
    """What looks at a film."""

    camera: Camera
    detector: Detector


def open_detectors(cameras: Iterable[Camera], device: Device) -> dict[str, Detector]:
    """The detectors that cameras name, by their paths.

    Raises:
        CheckpointError: there is none.
    """
    opened = dict[str, Detector]()
    for each in cameras:
        opened_detector(each, device, opened)
    return opened


def films_of(camera: Camera) -> list[Path]:
    """The films of a camera that are there now.

    Raises:
        FilmError: there are none.
        DataError: they have one start.
    """
    films = film_files(camera.films)
    if not films:
        places = ", ".join(map(str, camera.films))
        raise FilmError(f"no film in {places}, expected files such as gate.mp4")
    if len(films) > 1 and camera.start not in ("", UNKNOWN) and not is_rule(camera.start):
        raise DataError(
            f"{len(films)} films of the camera {camera.name!r} have one start: give a rule that "
            "reads it from their names, such as gate-%Y%m%d-%H%M%S, or take each in by itself"
        )
    return films


class Planner:
    """Looks at films before they are taken in.

    Args:
        ledger: what is done already.
        detectors: that are open, by their paths; others are added.
        masked: what is masked.
        device: where detectors run that are given by their paths.
    """

    def __init__(
        self,
        ledger: Ledger,
        detectors: dict[str, Detector],
        *,
        masked: Masked = MASKED,
        device: Device = "auto",
    ) -> None:
        self._ledger, self._masked, self._device = ledger, masked, device
        self._detectors = detectors

    def plan(self, cameras: Sequence[Camera], plan: Plan | None = None) -> Plan:
        """Look at all films of some cameras.

        Args:
            cameras: with their films.
            plan: of other films, to which these are added.

        Raises:
            CheckpointError: there is no detector.
            DataError: a film begins at no known time, a part of it is done with other settings, or
                two cameras have it.
            FilmError: a camera has no films.
        """
        plan = Plan() if plan is None else plan
        for camera in cameras:
            by = _By(camera, opened_detector(camera, self._device, self._detectors))
            for film in films_of(camera):
                try:
                    plan.add(self._found(film.absolute(), by))
                except FilmError as error:
                    plan.refused.append(str(error))
        return plan

    def is_as_noted(self, film: Path, camera: Camera) -> bool:
        """Whether a film would be looked at now as it was, or nothing is noted of it.

        Raises:
            DataError: it begins at no known time.
            FilmError: it is not there.
        """
        fingerprint = fingerprint_of(film)
        noted = self._ledger.film(fingerprint)
        if noted is None or noted.camera != camera.name:
            return noted is None
        by = _By(camera, opened_detector(camera, self._device, self._detectors))
        try:
            return noted.settings == self._opened(film, by, fingerprint).settings
        except FilmError:  # it was damaged since, and will be refused
            return True

    def _found(self, film: Path, by: _By) -> Planned:
        """A film with what is noted of it."""
        require_utf8(film, FILM)
        fingerprint = fingerprint_of(film)
        camera, noted = by.camera, self._ledger.film(fingerprint)
        if noted is not None and noted.camera != camera.name:
            raise FilmError(
                f"{film} was taken in as a film of the camera {noted.camera!r}, not "
                f"{camera.name!r}: forget those sightings (platefree gallery forget GALLERY "
                f"--where {shlex.quote(_sightings_of(noted))}{_and_others(noted)}), and take it in "
                "anew (--again)"
            )
        if noted is not None and noted.finished:
            if (start := _given_start(film, camera, noted)) not in ("", noted.start):
                raise FilmError(
                    f"{film} was taken in as of {noted.start or 'an unknown start'}, not {start}: "
                    "leave it so, or take it in anew (--again)"
                )
            return Planned(film, *by, noted)
        record = self._opened(film, by, fingerprint)
        if noted is not None and noted.seconds:
            if noted.settings != record.settings:
                raise DataError(
                    f"{film} was taken in up to {noted.seconds:.0f} s with other settings "
                    f"({_changes(noted.settings, record.settings)}): go on with those, or take it "
                    "in anew (--again)"
                )
            record = replace(noted, path=str(film))
        return Planned(film, *by, record)

    def _opened(self, film: Path, by: _By, fingerprint: str) -> FilmRecord:
        """What is to be noted of a film of which nothing is done; it is opened for that."""
        camera = by.camera
        known = camera.start != UNKNOWN
        given = start_by(camera.start, camera.clock, film) if known else ""
        with open_footage(film, start=given) as footage:
            start = footage.start if known else np.datetime64("NaT", "ms")
            duration = footage.duration if np.isfinite(footage.duration) else None
        if known and np.isnat(start):
            raise DataError(
                f"{film} does not say when it begins: give the moment, a rule "
                "for names, or unknown (--start 2026-05-01T07:00+07:00, --start unknown)"
            )
        settings = _settings(by, moment_text(start), self._masked)
        return FilmRecord(
            fingerprint, str(film), camera.name, moment_text(start), settings, duration
        )


def _given_start(film: Path, camera: Camera, noted: FilmRecord) -> str:
    """When a film begins that is noted already, if the camera says it; the film is not opened.

    A rule is about the name that the film had then: a copy may have any.
    """
    renamed = is_rule(camera.start) and film.name != Path(noted.path).name
    if camera.start in ("", UNKNOWN) or renamed:
        return ""
    given = datetime.fromisoformat(start_by(camera.start, camera.clock, film))
    return moment_text(np.datetime64(utc_milliseconds(given), "ms"))


def _sightings_of(noted: FilmRecord) -> str:
    """The narrowest condition that the sightings of a film meet, as words.

    Its name and camera alone are not enough: recorders use the same names every day.
    """
    words = [("camera", noted.camera), ("source", Path(noted.path).name)]
    if noted.start:
        begun, seconds = moment_of(noted.start), math.ceil(max(noted.duration or 0, noted.seconds))
        ended = begun + np.timedelta64(seconds + 1, "s")
        words += [("since", moment_text(begun)), ("until", moment_text(ended))]
    else:
        words.append(("time", "unknown"))
    return " ".join(word_of(*each) for each in words)


def _and_others(noted: FilmRecord) -> str:
    return "" if noted.start else ", also of other films of that name, as no time tells them apart"


def _settings(by: _By, start: str, masked: Masked) -> str:
    """What has to be the same for all of a film, as text that is equal where it is."""
    camera, detector = by
    content: dict[str, Any] = {
        "start": start,
        "every": camera.every,
        "threshold": detector.threshold if camera.threshold is None else camera.threshold,
        "detector": detector.fingerprint,
        "plates": "masked" if masked.plates else "kept",
    }
    if masked.faces:  # without it as it was before faces were
        content["faces"] = "masked"
    if regions := _regions(camera.regions):
        content["regions"] = regions
    return json.dumps(content)


def _changes(before: str, now: str) -> str:
    """Which settings differ, as words."""
    old, new = json.loads(before), json.loads(now)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(
        f"{each} {old.get(each, 'none')}, now {new.get(each, 'none')}" for each in names
    )


def _regions(regions: Regions) -> str:
    """A short hash of where vehicles count; empty for the whole frame."""
    corners = [[each.tolist() for each in part] for part in (regions.watch, regions.ignore)]
    if corners == [[], []] and not regions.smallest:
        return ""
    return fingerprint_of_text(json.dumps([*corners, regions.smallest]))
