"""Where a vehicle was at each moment of a trip, and where that is in the world of a camera."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.city.world.network import Leg, RoadNetwork
from platefree.city.world.sites import PlacedCamera

APPROACH = 70.0
"""Metres of the neighbouring streets that belong to the world of a camera."""

_BEND = 0.35  # radians; a smaller change of direction is straight on
_RADII = (8.5, 12.0)  # of a turn to the right and to the left, metres

Reals = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trip:
    """One drive from a junction to another, in steps of equal length.

    Attributes:
        vehicle: its number.
        route: the legs.
        start: step of the first state.
        ends: (legs + 1,) metres from the start of the route to that of each leg, and to its end.
        way: (n,) metres from the start of the route to the vehicle's origin, at each step.
        right: (n,) metres from the middle of the street to its origin, to the right.
        speed: (n,) metres / second.
        braking: (n,) whether its brake lamps are lit.
        lanes: (n, 2) the lanes that it takes up; twice the same unless it changes lanes.
    """

    vehicle: int
    route: tuple[Leg, ...]
    start: int
    ends: Reals
    way: Reals
    right: Reals
    speed: Reals
    braking: NDArray[np.bool_]
    lanes: NDArray[np.int16]


@dataclass(frozen=True)
class Seen:
    """A vehicle in the world of a camera at one moment.

    Attributes:
        x: metres along the street.
        y: metres to the left of its middle.
        heading: radians, counter-clockwise from world x.
        braking: its brake lamps are lit.
        speed: metres / second.
    """

    x: float
    y: float
    heading: float
    braking: bool
    speed: float


@dataclass(frozen=True, eq=False)
class Passage:
    """The part of a trip that leads along the street of a camera.

    Attributes:
        vehicle: its number.
        forward: towards world x.
        first: step of the first state.
        before: radians by which it turns into the street.
        after: radians by which it turns out of it.
        length: of the street, metres.
        offset: of the camera, metres from the start of the street.
        along: (n,) metres from where it enters the street.
        right: (n,) see `Trip`.
        speed: (n,) metres / second.
        braking: (n,).
    """

    vehicle: int
    forward: bool
    first: int
    before: float
    after: float
    length: float
    offset: float
    along: Reals
    right: Reals
    speed: Reals
    braking: NDArray[np.bool_]

    @property
    def last(self) -> int:
        """Step of the last state."""
        return self.first + len(self.along) - 1

    def at(self, step: float) -> Seen | None:
        """Where the vehicle is between two states; None before the first and after the last."""
        if not self.first <= step <= self.last:
            return None
        row = min(int(step - self.first), len(self.along) - 1)
        after = min(row + 1, len(self.along) - 1)
        part = step - self.first - row
        along, right, speed = (
            float(values[row] + part * (values[after] - values[row]))
            for values in (self.along, self.right, self.speed)
        )
        u, v, heading = self._centre(along)
        u, v = u + right * math.sin(heading), v - right * math.cos(heading)
        heading += self._drift(row, after)
        braking = bool(self.braking[row])
        if self.forward:
            return Seen(u - self.offset, v, heading, braking, speed)
        away = math.remainder(heading + math.pi, math.tau)
        return Seen(self.length - self.offset - u, -v, away, braking, speed)

    def _centre(self, along: float) -> tuple[float, float, float]:
        """The middle of the way: metres ahead and to the left, and the direction."""
        if along > self.length:
            u, v, heading = _arc(along - self.length, self.after)
            return self.length + u, v, heading
        if along < 0:
            u, v, heading = _arc(-along, self.before)
            return -u, v, -heading
        return along, 0.0, 0.0

    def _drift(self, row: int, after: int) -> float:
        """Direction of a vehicle that moves sideways, against that of the street."""
        low, high = max(row - 2, 0), min(after + 2, len(self.along) - 1)
        ahead = float(self.along[high] - self.along[low])
        if ahead < 0.5:
            return 0.0
        return -math.atan2(float(self.right[high] - self.right[low]), ahead)


def _arc(metres: float, turn: float) -> tuple[float, float, float]:
    """Ahead, left and direction after a way that first turns and then goes straight on."""
    if not turn:
        return metres, 0.0, 0.0
    sign, radius = math.copysign(1.0, turn), _RADII[int(turn > 0)]
    angle = min(metres / radius, abs(turn))
    rest = metres - radius * angle
    u = radius * math.sin(angle) + rest * math.cos(angle)
    v = radius * (1 - math.cos(angle)) + rest * math.sin(angle)
    return u, sign * v, sign * angle


def turn_between(network: RoadNetwork, leg: Leg, beyond: Leg) -> float:
    """Radians by which a vehicle turns to the left from a leg to the next; 0 if hardly any."""
    before, after = (
        network.bearing(each.street) + (0.0 if each.forward else math.pi) for each in (leg, beyond)
    )
    turn = math.remainder(after - before, math.tau)
    return turn if abs(turn) > _BEND else 0.0


def passages_of(trip: Trip, network: RoadNetwork, site: PlacedCamera) -> list[Passage]:
    """Every time that a trip leads along the street of a camera."""
    found = []
    for place, leg in enumerate(trip.route):
        if leg.street != site.street:
            continue
        begin, end = trip.ends[place], trip.ends[place + 1]
        rows = np.flatnonzero((trip.way >= begin - APPROACH) & (trip.way <= end + APPROACH))
        if len(rows) < 2:
            continue
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        neighbours = trip.route[max(place - 1, 0)], trip.route[min(place + 1, len(trip.route) - 1)]
        found.append(
            Passage(
                vehicle=trip.vehicle,
                forward=leg.forward,
                first=trip.start + part.start,
                before=turn_between(network, neighbours[0], leg),
                after=turn_between(network, leg, neighbours[1]),
                length=network.streets[leg.street].length,
                offset=site.offset,
                along=trip.way[part] - begin,
                right=trip.right[part],
                speed=trip.speed[part],
                braking=trip.braking[part],
            )
        )
    return found
