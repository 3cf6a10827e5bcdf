"""Where a vehicle went: hits in the order of their times, and which of them cannot all be true.

Decided:

- A *stop* is what one camera saw of it at a time: the hits of one pass
  (`platefree.gallery.passes`).
- A *journey* ends where nothing is known for more than `APART` seconds; another one follows.
- Two stops *cannot both be true* if one camera saw two passes at once; if two cameras, whose
  distance is not known, saw it at once (so give that of cameras with a common view: 0); or if the
  way between them takes longer at `FASTEST`. Times are to the second, so a second is allowed for.

It is only said what cannot be true, never that two hits are one vehicle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from platefree.gallery.camera_distances import CameraDistances, PlacedCameras
from platefree.gallery.passes import APART, seconds_between, time_of, timed_passes
from platefree.types import Hit

FASTEST = 50.0
"""Metres a second; no vehicle is faster from one camera to another."""

_SECOND = 1.0  # what is not known of the time between two hits
NOWHERE = PlacedCameras({})
"""Cameras of unknown distances."""


@dataclass(frozen=True)
class Stop:
    """What one camera saw of a vehicle at a time.

    Attributes:
        camera: its name; empty is unknown.
        first: datetime64, in UTC.
        last: datetime64.
        hits: by their times.
    """

    camera: str
    first: np.datetime64
    last: np.datetime64
    hits: tuple[Hit, ...]

    @property
    def best(self) -> Hit:
        """The most similar hit."""
        return min(self.hits, key=lambda hit: (-np.nan_to_num(hit.similarity, nan=-2), hit.rank))


@dataclass(frozen=True)
class Leg:
    """From one stop to the next.

    Attributes:
        seconds: from the last hit of one to the first of the other; below 0 if they overlap.
        metres: between their cameras; None if it is not known.
    """

    seconds: float
    metres: float | None

    @property
    def speed(self) -> float | None:
        """Metres a second, at least; None if it is not known."""
        if self.metres is None or self.seconds <= 0:
            return None
        return self.metres / self.seconds


@dataclass(frozen=True)
class Conflict:
    """Two stops that cannot both be true.

    Attributes:
        first: place of a stop in its journey, from 0.
        second: place of a later one.
        why: in words.
    """

    first: int
    second: int
    why: str


@dataclass(frozen=True)
class Journey:
    """Stops, one after the other.

    Attributes:
        stops: by their first times.
        legs: from each stop to the next.
        conflicts: stops that cannot both be true.
    """

    stops: tuple[Stop, ...]
    legs: tuple[Leg, ...]
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True)
class Journeys:
    """Where the vehicle of some hits went, if they are all of one.

    Attributes:
        journeys: by their times.
        untimed: hits of unknown time, which are in none.
    """

    journeys: tuple[Journey, ...]
    untimed: tuple[Hit, ...]


def journeys_of(hits: Sequence[Hit], distances: CameraDistances = NOWHERE) -> Journeys:
    """The journeys that some hits are of.

    Args:
        hits: that show one vehicle, as far as somebody believes it, with their labels.
        distances: between cameras.
    """
    timed = [hit for hit in hits if hit.labels.get("time")]
    untimed = tuple(hit for hit in hits if not hit.labels.get("time"))
    passes = timed_passes(sorted(timed, key=lambda hit: (time_of(hit), hit.rank)))
    stops = [
        Stop(each[0].labels.get("camera", ""), time_of(each[0]), time_of(each[-1]), tuple(each))
        for each in passes
    ]
    stops.sort(key=lambda stop: (stop.first, stop.last, stop.camera))
    journeys = tuple(_journey(each, distances) for each in _divided(stops))
    return Journeys(journeys, untimed)


def _divided(stops: Sequence[Stop]) -> Iterator[list[Stop]]:
    """The stops of each journey."""
    ends = np.maximum.accumulate(np.array([stop.last for stop in stops], "datetime64[ms]"))
    starts = np.array([stop.first for stop in stops], "datetime64[ms]")
    gaps = (starts[1:] - ends[:-1]) / np.timedelta64(1, "s")
    breaks = [0, *(np.flatnonzero(gaps > APART) + 1).tolist(), len(stops)]
    for start, end in pairwise(breaks):
        if start < end:
            yield list(stops[start:end])


def _journey(stops: Sequence[Stop], distances: CameraDistances) -> Journey:
    legs = [
        Leg(seconds_between(one.last, other.first), _metres(one, other, distances))
        for one, other in pairwise(stops)
    ]
    return Journey(tuple(stops), tuple(legs), tuple(_conflicts(stops, distances)))


def _metres(one: Stop, other: Stop, distances: CameraDistances) -> float | None:
    if not one.camera or not other.camera:
        return None
    return 0.0 if one.camera == other.camera else distances.metres(one.camera, other.camera)


def _conflicts(stops: Sequence[Stop], distances: CameraDistances) -> Iterator[Conflict]:
    cameras = sorted({stop.camera for stop in stops if stop.camera})
    known = (distances.metres(one, other) for one, other in combinations(cameras, 2))
    longest = max((metres for metres in known if metres is not None), default=0.0) / FASTEST
    for first, one in enumerate(stops):
        for second in range(first + 1, len(stops)):
            if seconds_between(one.last, stops[second].first) > longest:  # and those that follow
                break
            if why := _why_not(one, stops[second], distances):
                yield Conflict(first, second, why)


def _why_not(one: Stop, other: Stop, distances: CameraDistances) -> str:
    """Why two stops, of which the second begins later, cannot both be true; empty if they can."""
    if not one.camera or not other.camera:
        return ""
    seconds = seconds_between(one.last, other.first)
    if one.camera == other.camera:
        tracked = all(stop.hits[0].labels.get("track") for stop in (one, other))
        return f"two passes of {one.camera} at once" if tracked and seconds < 0 else ""
    metres = _metres(one, other, distances)
    if metres is None:
        return f"at {one.camera} and {other.camera} at once" if seconds <= 0 else ""
    if metres <= FASTEST * (max(seconds, 0) + _SECOND):
        return ""
    if seconds <= 0:
        return f"at {one.camera} and {other.camera}, {metres:,.0f} m apart, at once"
    speed = 3.6 * metres / seconds
    return (
        f"{metres:,.0f} m from {one.camera} to {other.camera} in {seconds:,.0f} s, "
        f"{speed:,.0f} km/h"
    )
