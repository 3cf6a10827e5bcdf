"""Tracks by how much boxes overlap with where vehicles are expected, as ByteTrack does.

Zhang et al., "ByteTrack" (ECCV 2022), algorithm 1: the sure boxes are assigned to the expected
ones, then the unsure ones to those that are left; sure ones that are left begin tracks. Three
things differ. Times are in seconds, not in frames. What is left of the sure boxes is also looked
for around the expected ones, as by buffered boxes (Yang et al., WACV 2023, section 3.2), but only
as far as the place of each is in doubt: of vehicles whose velocity is not known yet, or that were
not found for a moment. And a track is kept open for little longer than it was followed, at most
`MEMORY`; one that stands, for a third of the time for which it has stood: a parked vehicle that
others hide stays one track. Both count from its last sure box, for a detector is unsure about the
same wrong place for hours.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from platefree.data.box_overlap import overlap
from platefree.errors import DataError
from platefree.types import Indices
from platefree.video.motion import Motion
from platefree.video.tracking import Boxes, Scores

SURE = 0.4
"""Score from which a box begins a track: the threshold of the detector (docs/detection.md)."""

MEMORY = 2.0
"""Seconds for which a moving vehicle is expected back."""

_AT_FIRST = 0.5  # seconds for which a vehicle is expected back that was seen once

PARKED_MEMORY = 600.0
"""Seconds for which a standing one is, at most."""

_RESTS = 0.6  # overlap with an earlier box below which a vehicle has moved
_STANDS = 3.0  # seconds without having moved
_BUFFER = 0.5  # of a side, added at each of the four sides, at most
_DOUBTS = 2.0  # standard deviations of the centre that are added
_LEAST = 0.2  # overlap of a sure box; ByteTrack's
_LEAST_UNSURE = 0.5  # of an unsure one; ByteTrack's
_LEAST_BUFFERED = 0.2


@dataclass
class _Followed:
    """A track that is open."""

    number: int
    motion: Motion
    first: float
    last: float
    sure: float
    rest: NDArray[np.float64]
    rest_since: float

    def to_json(self) -> dict[str, Any]:
        plain = {
            name: value for name, value in vars(self).items() if name not in ("motion", "rest")
        }
        return {**plain, "motion": self.motion.to_json(), "rest": self.rest.tolist()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        motion, rest = Motion.from_json(kept["motion"]), np.array(kept["rest"])
        return cls(**{**kept, "motion": motion, "rest": rest})

    @property
    def stands(self) -> bool:
        return self.last - self.rest_since >= _STANDS

    def until(self) -> float:
        """The time until which it is open."""
        if self.stands:
            stood = self.last - self.rest_since
            return self.sure + min(max(MEMORY, stood / 3), PARKED_MEMORY)
        return self.sure + min(MEMORY, _AT_FIRST + self.last - self.first)

    def expected(self, time: float) -> Motion:
        """Where it should be; one that stands and is not found stays where it was."""
        ahead = self.motion.at(time)
        if self.stands:
            return Motion(time, self.motion.place, 0 * self.motion.velocity, ahead.spread)
        return ahead

    def see(self, motion: Motion, box: NDArray[np.float64], *, is_sure: bool) -> None:
        self.motion, self.last = motion.seen(box), motion.time
        if is_sure:
            self.sure = self.last
        if overlap(box, self.rest) < _RESTS:
            self.rest, self.rest_since = box, self.last


class OverlapTracker:
    """Tracks of one camera.

    Args:
        sure: score from which a box begins a track.
    """

    def __init__(self, sure: float = SURE) -> None:
        self._sure = sure
        self._open: list[_Followed] = []
        self._count = 0
        self._time = -np.inf

    def to_json(self) -> dict[str, Any]:
        """Everything that it knows, as plain values."""
        return {
            "sure": self._sure,
            "count": self._count,
            "time": None if np.isinf(self._time) else self._time,
            "open": [each.to_json() for each in self._open],
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """The tracker of which `to_json` gave this: it goes on as that would have."""
        tracker = cls(kept["sure"])
        tracker._count = kept["count"]
        tracker._time = -np.inf if kept["time"] is None else kept["time"]
        tracker._open = [_Followed.from_json(each) for each in kept["open"]]
        return tracker

    @property
    def open(self) -> AbstractSet[int]:
        """The tracks that a later box may still belong to."""
        return {each.number for each in self._open}

    def update(self, time: float, boxes: Boxes, scores: Scores) -> Indices:
        """The tracks of the boxes of the next frame; see `platefree.video.tracking.Tracker`.

        Raises:
            DataError: the time is not later than that of the frame before.
        """
        if not time > self._time:
            raise DataError(
                f"a frame at {time} s after one at {self._time} s, expected a later one"
            )
        before, self._time = self._time, time
        # Seen on the last frame, it is looked for on the next, however rarely frames come.
        self._open = [each for each in self._open if each.sure >= before or each.until() >= time]
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        numbers = np.full(len(boxes), -1, np.int64)
        expected = [each.expected(time) for each in self._open]
        places = np.array([each.box for each in expected]).reshape(-1, 4)
        buffers = np.array([min(_BUFFER, _DOUBTS * each.doubt) for each in expected])
        free = np.ones(len(self._open), np.bool_)
        sure = scores >= self._sure
        exact = np.zeros(len(self._open))

        def assign(
            rows: Indices, tracks: Indices, least: float, buffer: NDArray[np.float64] = exact
        ) -> None:
            shared = _shared(boxes[rows], places[tracks], buffer[tracks])
            for box, track in _pairs(shared, rows, tracks, least):
                numbers[box] = self._open[track].number
                self._open[track].see(expected[track], boxes[box], is_sure=bool(sure[box]))
                free[track] = False

        last = np.array([each.last for each in self._open])
        assign(np.flatnonzero(sure), np.flatnonzero(free), _LEAST)
        assign(np.flatnonzero(~sure), np.flatnonzero(free & (last >= before)), _LEAST_UNSURE)
        left = np.flatnonzero(sure & (numbers < 0))
        assign(left, np.flatnonzero(free), _LEAST_BUFFERED, buffers)
        for row in np.flatnonzero(sure & (numbers < 0)).tolist():
            numbers[row] = self._begin(time, boxes[row])
        return numbers

    def _begin(self, time: float, box: NDArray[np.float64]) -> int:
        number, self._count = self._count, self._count + 1
        self._open.append(_Followed(number, Motion.of(time, box), time, time, time, box, time))
        return number


def _pairs(
    shared: NDArray[np.float64], rows: Indices, tracks: Indices, least: float
) -> list[tuple[int, int]]:
    """Which of these boxes are which of these tracks: the largest sum of overlaps."""
    shared = np.where(shared >= least, shared, 0.0)
    chosen = zip(*linear_sum_assignment(shared, maximize=True), strict=True)
    return [(int(rows[i]), int(tracks[j])) for i, j in chosen if shared[i, j] > 0]


def _shared(boxes: Boxes, places: Boxes, buffer: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) overlaps of boxes with places, both buffered by a share of their sides.

    Args:
        boxes: (n, 4).
        places: (m, 4).
        buffer: (m,) the share, for each of the places.
    """
    return overlap(_buffered(boxes[:, None], buffer[:, None]), _buffered(places, buffer[:, None]))


def _buffered(boxes: Boxes, share: NDArray[np.float64]) -> Boxes:
    """Boxes that are larger by this share of their sides at each side."""
    more = share * (boxes[..., 2:] - boxes[..., :2])
    return np.concatenate([boxes[..., :2] - more, boxes[..., 2:] + more], axis=-1)
