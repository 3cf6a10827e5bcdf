"""One film from where it was left to its end: frames, boxes, tracks, without a gallery.

What the tracker and the follower know is given out at regular seconds of the film, as text: boxes,
times and numbers of frames, but no pixels. So nothing that shows a plate or a face is ever written;
whoever goes on from there reads those few frames of the film again.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from platefree.data.film import FilmFrame
from platefree.data.film_frames import frame_of_film
from platefree.data.film_sampling import Sampling
from platefree.inference.detector import Detector, FoundOnFrame
from platefree.inference.detector_loading import load_detector
from platefree.ingestion.cameras import Camera
from platefree.ingestion.film_files import content_of
from platefree.video.best_pictures import Pixels
from platefree.video.face_masks import FaceMasks
from platefree.video.film_detection import seen_in
from platefree.video.follower import Follower
from platefree.video.footage import open_footage
from platefree.video.overlap_tracker import OverlapTracker
from platefree.video.plate_masks import PlateMasks
from platefree.video.track_masks import MASKED, Masked, TrackMasks
from platefree.video.tracks import Track
from platefree.work import Device

BETWEEN = 30.0
"""Seconds of a film after which it is noted how far it is: the most that a killed run does anew."""

_UNSURE = 0.1
"""Score from which boxes prolong tracks (docs/tracking.md)."""


@dataclass(frozen=True, eq=False)
class FilmToDo:
    """A film, or the rest of one.

    Attributes:
        film: its file.
        camera: that took it.
        memory: what `Reached.memory` gave of it; empty at its start.
        between: seconds of the film from one memory to the next.
        masked: what is masked.
        device: where detectors run that are given by their paths.
    """

    film: Path
    camera: Camera
    memory: str = ""
    between: float = BETWEEN
    masked: Masked = MASKED
    device: Device = "auto"


class Reached(NamedTuple):
    """How far a film is.

    Attributes:
        seconds: of the film that are done.
        memory: from which the rest can be done; empty at the end; None between the moments at
            which it is given out, when there are no tracks either.
        tracks: that ended since the last memory, without their scenes.
        content: of the film, see `film_files.content_of`; where there is a memory.
        remarks: at the end, what could not be read.
    """

    seconds: float
    memory: str | None = None
    tracks: tuple[Track, ...] = ()
    content: bytes = b""
    remarks: tuple[str, ...] = ()


def opened_detector(camera: Camera, device: Device, opened: dict[str, Detector]) -> Detector:
    """The detector of a camera.

    Args:
        camera: with the detector, or its path.
        device: where to run.
        opened: those that are open, by their paths; another one is added.

    Raises:
        CheckpointError: there is none.
    """
    given = camera.detector
    if not (given is None or isinstance(given, str | Path)):
        return given
    name = str(given or "")
    if name not in opened:
        opened[name] = load_detector(given, device=device)
    return opened[name]


def look(task: FilmToDo, detector: Detector) -> Iterator[Reached]:
    """Look at a film: after each frame how far it is, and now and then what became of it.

    Raises:
        FilmError: it cannot be read.
        CheckpointError: the network cannot run.
    """
    camera = task.camera
    sure = detector.threshold if camera.threshold is None else camera.threshold
    masks = _masks(task.masked, detector)
    content, rest = content_of(task.film), _Rest(task, sure)
    due = _next(rest.reached, task.between)
    ended: list[Track] = []
    with open_footage(task.film, damaged=rest.damaged) as footage:
        seen = seen_in(
            footage, detector, rest.sampling, regions=camera.regions, threshold=min(_UNSURE, sure)
        )
        for frame, found in seen:
            if frame.time >= due:
                yield Reached(rest.reached, rest.memory(), _kept(ended, masks), content)
                ended, due = [], _next(frame.time, task.between)
            ended += rest.add(frame, found, footage.damaged)
            yield Reached(frame.time)
        ended += rest.finish()
        tracks = _kept(ended, masks)
    yield Reached(max(rest.reached, 0.0), "", tracks, content, tuple(footage.remarks()))


def _next(reached: float, between: float) -> float:
    """The next of the regular seconds; the first one after the first of them."""
    return between * (math.floor(max(reached, 0.0) / between) + 1)


def _masks(masked: Masked, detector: Detector) -> list[TrackMasks]:
    masks: list[TrackMasks] = [PlateMasks(detector)] if masked.plates else []
    return [*masks, FaceMasks()] if masked.faces else masks


def _kept(tracks: Sequence[Track], masks: Sequence[TrackMasks]) -> tuple[Track, ...]:
    """What is kept of tracks: masked pictures."""
    for each in masks:
        tracks = [each.masked_track(track) for track in tracks]
    return tuple(tracks)


class _Rest:
    """What is left of a film, followed from what is known of it."""

    def __init__(self, task: FilmToDo, sure: float) -> None:
        self._every = Sampling(task.camera.every)
        self._tracker, self.reached, self.damaged = OverlapTracker(sure), -math.inf, 0
        self._follower = Follower(self._tracker, least_score=sure, scenes=False)
        if task.memory:
            kept = json.loads(task.memory)
            self.reached = kept["reached"]
            self.damaged = kept.get("damaged", 0)  # former versions forgot them
            self._tracker = OverlapTracker.from_json(kept["tracker"])
            self._follower = Follower(self._tracker, least_score=sure, scenes=False)
            self._follower.remember(kept["follower"], _scenes(task.film, kept["follower"]))

    @property
    def sampling(self) -> Sampling:
        """The frames that are left."""
        return replace(self._every, taken=self.reached)

    def add(self, frame: FilmFrame, found: FoundOnFrame, damaged: int) -> list[Track]:
        self.reached, self.damaged = frame.time, damaged
        return self._follower.add(frame, found)

    def finish(self) -> list[Track]:
        return self._follower.finish()

    def memory(self) -> str:
        far = {"reached": self.reached, "damaged": self.damaged}
        known = {"tracker": self._tracker.to_json(), "follower": self._follower.to_json()}
        return json.dumps({**far, **known})


def _scenes(film: Path, kept: Sequence[Mapping[str, Any]]) -> Callable[[int], Pixels]:
    """Gives whole frames of a film by their numbers."""
    numbers = {picture["frame"] for track in kept for picture in track["best"]}
    return lambda number: frame_of_film(film, number, lambda: numbers)
