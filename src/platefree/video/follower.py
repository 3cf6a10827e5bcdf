"""From boxes on frames to tracks with their best pictures, in constant memory for each vehicle."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.film import FilmFrame
from platefree.data.frame_boxes import KINDS, PLATE
from platefree.inference.detector import FoundOnFrame
from platefree.video.best_pictures import BestPictures, Picture, Pixels, cut, prospects, sharpness
from platefree.video.tracking import Tracker
from platefree.video.tracks import Track, Way

LEAST_BOXES = 2
"""What is found on fewer frames is no vehicle."""

LEAST_SCORE = 0.35
"""A track whose boxes have a lower score on average is none either (docs/tracking.md)."""


@dataclass
class _Growing:
    """A track that is not over."""

    number: int
    first: float
    kinds: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(KINDS)))
    boxes: int = 0
    best: BestPictures = field(default_factory=BestPictures)
    way: Way = field(default_factory=Way)

    def track(self) -> Track:
        best, path = self.best, self.way.path
        return Track(self.number, self.kinds, self.boxes, best.pictures, best.scene, path)

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "first": self.first,
            "kinds": self.kinds.tolist(),
            "boxes": self.boxes,
            "best": [each.to_json() for each in self.best.pictures],
            "way": self.way.to_json(),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any], scene_of: Callable[[int], Pixels]) -> Self:
        best, way = BestPictures.of(kept["best"], scene_of), Way.from_json(kept["way"])
        return cls(**{**kept, "kinds": np.array(kept["kinds"]), "best": best, "way": way})


class Follower:
    """Follows the vehicles of one camera, and keeps what becomes of each a sighting.

    Args:
        tracker: a new one.
        least_boxes: tracks of fewer boxes are dropped.
        least_score: tracks whose boxes have a lower score on average are dropped.
        scenes: whether the whole frame of each best picture is kept too. It is 100 MB for each
            vehicle in view where a camera films in 8K.
    """

    def __init__(
        self,
        tracker: Tracker,
        *,
        least_boxes: int = LEAST_BOXES,
        least_score: float = LEAST_SCORE,
        scenes: bool = True,
    ) -> None:
        self._tracker, self._scenes = tracker, scenes
        self._least_boxes, self._least_score = least_boxes, least_score
        self._growing: dict[int, _Growing] = {}

    def to_json(self) -> list[dict[str, Any]]:
        """What it knows of the vehicles that are not gone, as plain values without any pixels."""
        return [each.to_json() for each in self._growing.values()]

    def remember(
        self, kept: Iterable[Mapping[str, Any]], scene_of: Callable[[int], Pixels]
    ) -> None:
        """Take over what another one knew, whose tracker this one has.

        Args:
            kept: what `to_json` gave.
            scene_of: gives the whole frame (h, w, 3) of a number: pictures are cut from it again.
        """
        found = [_Growing.from_json(each, scene_of) for each in kept]
        self._growing = {each.number: each for each in found}
        if not self._scenes:
            for track in found:
                track.best.drop_scene()

    @property
    def open_since(self) -> list[float]:
        """When each of the tracks that are not over was first seen, seconds."""
        return [each.first for each in self._growing.values()]

    def add(self, frame: FilmFrame, found: FoundOnFrame) -> list[Track]:
        """Look at the next frame; plates are passed over.

        Returns:
            The tracks that are over.
        """
        vehicle = found.kind != PLATE
        boxes, kinds, scores = found.box[vehicle], found.kind[vehicle], found.score[vehicle]
        numbers = self._tracker.update(frame.time, boxes, scores)
        height, width, _ = frame.picture.shape
        rows = np.flatnonzero(numbers >= 0)
        promise = prospects(boxes[rows], width, height)
        for row, most in zip(rows.tolist(), promise.tolist(), strict=True):
            track = self._of(int(numbers[row]), frame.time)
            track.boxes += 1
            track.kinds[kinds[row]] += scores[row]
            track.way.go(frame.time, boxes[row])
            self._look(track.best, frame, boxes[row], most)
        return self._take(set(self._growing) - self._tracker.open)

    def finish(self) -> list[Track]:
        """The tracks that were not over when the footage ended."""
        return self._take(set(self._growing))

    def _look(
        self, best: BestPictures, frame: FilmFrame, box: NDArray[np.float64], promise: float
    ) -> None:
        """Keep the picture of a box if it is better; most are passed over without their pixels."""
        if not best.wants(frame.time, promise):
            return
        kept = box.astype(np.float32)  # by which the picture can be cut again
        crop = cut(frame.picture, kept)
        quality = promise * sharpness(crop)
        best.offer(Picture(frame.number, frame.time, kept, crop, quality), frame.picture)
        if not self._scenes:
            best.drop_scene()

    def _of(self, number: int, time: float) -> _Growing:
        return self._growing.setdefault(number, _Growing(number, time))

    def _take(self, numbers: set[int]) -> list[Track]:
        ended = [self._growing.pop(number) for number in sorted(numbers)]
        return [each.track() for each in ended if self._is_vehicle(each)]

    def _is_vehicle(self, track: _Growing) -> bool:
        surely = float(track.kinds.sum()) >= self._least_score * track.boxes
        return surely and track.boxes >= self._least_boxes


def follow(seen: Iterable[tuple[FilmFrame, FoundOnFrame]], tracker: Tracker) -> Iterator[Track]:
    """The tracks of footage, each when it is over.

    Args:
        seen: its frames, and what was found on each.
        tracker: a new one.
    """
    follower = Follower(tracker)
    for frame, found in seen:
        yield from follower.add(frame, found)
    yield from follower.finish()
