"""Trips through the city, and the resulting passes by its cameras.

A vehicle has a home and some cameras, mostly near it, on its usual routes. It makes
trips from home past a few of them and back, on different days and at the hours when people
drive; it never drives faster than the limit and waits at junctions, so the times between cameras
are plausible. Passes by other cameras are not kept: real data sets, too, are a selection.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from platefree.city.world.demand import Demand
from platefree.city.world.network import LANE_WIDTH, Leg, RoadNetwork
from platefree.city.world.roads import TOWN, Roads
from platefree.city.world.sites import PlacedCamera
from platefree.city.world.streams import Purpose, draw_seed, stream

DAY = 86_400_000
"""Milliseconds."""

_WAYWARD = 0.6  # spread of the distances of usual routes from home
_SHORTEST_STAY = 10 * 60.0  # seconds at home between two trips
_ERRANDS = 0.4  # fraction of the calls at a camera's street that end with a stop there


@dataclass(frozen=True)
class Pass:
    """One vehicle captured once by one camera: a track.

    Attributes:
        camera: index.
        time: UTC milliseconds when the vehicle's origin is at the camera's world x = 0.
        forward: towards +x.
        y: metres, of its path in the camera's world.
        speed: metres a second.
        braking: its brake lamps are lit.
        pictures: how many are taken, at least 1.
        seed: of its random details.
    """

    camera: int
    time: int
    forward: bool
    y: float
    speed: float
    braking: bool
    pictures: int
    seed: int


@dataclass(frozen=True)
class _Call:
    """A camera passed on a trip: seconds after departure, direction and speed."""

    camera: int
    seconds: float
    forward: bool
    speed: float


@dataclass(frozen=True)
class _Trip:
    calls: tuple[_Call, ...]
    seconds: float


class Traffic:
    """Draws the passes of one vehicle after the other, each from its own streams.

    Args:
        network: the streets.
        cameras: on them.
        start: UTC milliseconds of the first midnight.
        days: how many days are filmed.
        seed: of the city.
        roads: when people drive, and how often they are seen from behind.
    """

    def __init__(
        self,
        network: RoadNetwork,
        cameras: Sequence[PlacedCamera],
        *,
        start: int,
        days: int,
        seed: int,
        roads: Roads = TOWN,
    ) -> None:
        self._network, self._cameras, self._roads = network, cameras, roads
        self._start, self._days, self._seed = start, days, seed
        self._on_street = {camera.street: index for index, camera in enumerate(cameras)}
        self._near_end = np.array([network.streets[camera.street].start for camera in cameras])

    def passes(self, vehicle: int, demand: Demand, *, slim: bool = False) -> tuple[Pass, ...]:
        """The passes of a vehicle, earliest first.

        Args:
            vehicle: its index.
            demand: how many cameras, passes and pictures.
            slim: it rides anywhere in its lane, as motorcycles do.
        """
        random = stream(Purpose.ROUTE, self._seed, vehicle)
        trips = self._trips(demand, random)
        clock = stream(Purpose.CLOCK, self._seed, vehicle)
        calls = list(_timed(trips, self._departures(trips, clock)))
        kept = _choose(calls, demand)
        pictures = _split(demand.pictures, len(kept), random)
        return tuple(
            self._pass(call, self._start + round(1000 * seconds), count, slim, random)
            for (call, seconds), count in zip(kept, pictures, strict=True)
        )

    def _trips(self, demand: Demand, random: np.random.Generator) -> list[_Trip]:
        """Trips that lead past all wanted cameras and give enough passes."""
        home = int(random.integers(len(self._network.junctions)))
        away = self._network.seconds[home, self._near_end] + 20.0
        near = np.argsort(away * np.exp(random.normal(0.0, _WAYWARD, len(away))), kind="stable")
        wanted = near[: demand.cameras].tolist()
        trips: list[_Trip] = []
        unseen: list[int] = list(wanted)
        made = 0
        while unseen or made < demand.passes:
            targets = unseen or random.permutation(wanted).tolist()
            trip = self._trip(home, targets[: int(random.integers(1, 5))], wanted, random)
            called = {call.camera for call in trip.calls}
            unseen = [camera for camera in unseen if camera not in called]
            made += len(trip.calls)
            trips.append(trip)
        return trips

    def _trip(
        self, home: int, targets: Sequence[int], wanted: Sequence[int], random: np.random.Generator
    ) -> _Trip:
        """From home past the target cameras, nearest first, and back; wanted ones are kept."""
        pace = float(random.uniform(0.72, 0.98))  # of the speed limit
        place, seconds, left, calls = home, 0.0, list(targets), []
        while left:
            target = min(
                left, key=lambda camera: self._network.seconds[place, self._near_end[camera]]
            )
            left.remove(target)
            for leg in self._way_past(place, self._cameras[target].street):
                call, seconds = self._drive(leg, seconds, pace, random)
                calls.append(call)
                place = self._network.ends(leg)[1]
            if random.random() < _ERRANDS:
                seconds += float(random.uniform(4, 70)) * 60
        for leg in self._network.route(place, home):
            call, seconds = self._drive(leg, seconds, pace, random)
            calls.append(call)
        kept = tuple(call for call in calls if call is not None and call.camera in wanted)
        return _Trip(kept, seconds)

    def _way_past(self, place: int, street: int) -> list[Leg]:
        """From a junction to the nearer end of a street and along it."""
        ends = (self._network.streets[street].start, self._network.streets[street].end)
        forward = bool(
            self._network.seconds[place, ends[0]] <= self._network.seconds[place, ends[1]]
        )
        way = self._network.route(place, ends[0] if forward else ends[1])
        return [*way, Leg(street, forward)]

    def _drive(
        self, leg: Leg, seconds: float, pace: float, random: np.random.Generator
    ) -> tuple[_Call | None, float]:
        """Drive a street: the camera passed on it, if any, and the time at its end."""
        street = self._network.streets[leg.street]
        speed = street.limit * min(pace * float(random.uniform(0.9, 1.08)), 1.0)
        call = None
        if leg.street in self._on_street:
            camera = self._on_street[leg.street]
            offset = self._cameras[camera].offset
            way = offset if leg.forward else street.length - offset
            call = _Call(camera, seconds + way / speed, leg.forward, speed)
        seconds += street.length / speed
        if random.random() < 0.35:  # a red light
            seconds += float(random.uniform(3, 50))
        return call, seconds

    def _departures(self, trips: Sequence[_Trip], random: np.random.Generator) -> list[float]:
        """When each trip starts, seconds after the first midnight; trips do not overlap."""
        weights = np.array(self._roads.hours) / sum(self._roads.hours)
        hours = random.choice(24, len(trips), p=weights) + random.random(len(trips))
        days = random.integers(self._days, size=len(trips))
        starts: list[float] = []
        free = 0.0
        for wish, trip in zip(np.sort(24 * days + hours).tolist(), trips, strict=True):
            starts.append(max(3600.0 * wish, free))
            free = starts[-1] + trip.seconds + _SHORTEST_STAY
        return starts

    def _pass(
        self, call: _Call, time: int, pictures: int, slim: bool, random: np.random.Generator
    ) -> Pass:
        lanes = self._cameras[call.camera].camera.lanes
        lane = int(random.integers(lanes))
        away = (lane + 0.5) * LANE_WIDTH + float(random.normal(0.0, 0.22))
        if slim:
            away = float(random.uniform(0.5, lanes * LANE_WIDTH - 0.6))
        slow = random.random() < 0.25  # in a queue, or about to turn
        forward = self._direction(call, random)
        return Pass(
            camera=call.camera,
            time=time,
            forward=forward,
            y=-away if forward else away,
            speed=call.speed * (float(random.uniform(0.15, 0.6)) if slow else 1.0),
            braking=bool(slow and random.random() < 0.7),
            pictures=pictures,
            seed=draw_seed(random),
        )

    def _direction(self, call: _Call, random: np.random.Generator) -> bool:
        """Whether a vehicle drives towards +x; on some roads mostly away from the camera."""
        if not self._roads.receding or random.random() >= self._roads.receding:
            return call.forward
        return math.cos(self._cameras[call.camera].camera.yaw) > 0


def _timed(trips: Sequence[_Trip], starts: Sequence[float]) -> Iterator[tuple[_Call, float]]:
    for trip, start in zip(trips, starts, strict=True):
        for call in trip.calls:
            yield call, start + call.seconds


def _choose(calls: Sequence[tuple[_Call, float]], demand: Demand) -> list[tuple[_Call, float]]:
    """The first pass by each camera, and the earliest others up to the wanted number."""
    seen: set[int] = set()
    first = []
    for place, (call, _) in enumerate(calls):
        if call.camera not in seen:
            seen.add(call.camera)
            first.append(place)
    others = sorted(set(range(len(calls))) - set(first))
    return [calls[place] for place in sorted(first + others[: demand.passes - len(first)])]


def _split(total: int, parts: int, random: np.random.Generator) -> list[int]:
    """Split a number into ``parts`` numbers, each at least 1."""
    extra = random.multinomial(total - parts, np.full(parts, 1 / parts))
    return [1 + int(count) for count in extra]
