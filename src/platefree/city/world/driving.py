"""Traffic on the streets, step by step: everybody follows, waits, overtakes and turns.

The state of a vehicle is its leg, its lane, and how far along the leg its origin is. Drivers follow
by `platefree.city.world.following`, wait at `StopLine`s, overtake where a street has several lanes
each way, and slow down to turn. Where lanes become fewer, they zip together behind whoever is
nearer to the junction. A vehicle drives to a junction, parks for a while out of sight, and drives
on to another one. Lane 0 is next to the middle of the street; the last one is the right one.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise

import numpy as np

from platefree.city.world.following import (
    HARDEST,
    Driver,
    acceleration,
    can_stop,
    worth_changing,
)
from platefree.city.world.network import LANE_WIDTH, Leg, RoadNetwork
from platefree.city.world.signals import Aspect, StopLine
from platefree.city.world.streams import Purpose, stream
from platefree.city.world.trips import Trip, turn_between

STEP = 0.1
"""Seconds between two states."""

_ZIP = 60.0  # metres before a junction from which drivers look at those of other lanes
_BEHIND_LINE = 9.5  # metres between a stop line and its junction
_TURNING = 6.5  # metres a second
_GENTLE = 1.3  # metres / second^2, of slowing down before a turn or a slower street
_BEFORE_LINE = 1.0  # metres that drivers stop nearer to a line than to a bumper
_PARKED = 25.0  # seconds on average
_CALM = 4.0  # seconds between two changes of lane
_MARGINS = (40.0, 70.0)  # metres from the ends of a leg without changes of lane
_FIRST_TRIPS = 40.0  # seconds within which everybody wants to drive off
_IDEAS = 8  # ways that are thought of before a trip
_FREE = 28.0  # metres that must be free to drive off


@dataclass(frozen=True)
class Motorist:
    """A vehicle and who drives it.

    Attributes:
        driver: how they drive.
        front: metres from its origin to its front.
        rear: metres from its origin to its rear.
        beside: metres to the right of the middle of its lane.
    """

    driver: Driver
    front: float = 2.3
    rear: float = 2.3
    beside: float = 0.0


@dataclass(frozen=True)
class _Wish:
    """A trip to be begun: from what second on, by whom, and where to."""

    time: float
    number: int
    route: tuple[Leg, ...]


@dataclass(eq=False)
class _Car:
    """A vehicle on its way; ``number`` is that of the motorist."""

    number: int
    motorist: Motorist
    route: tuple[Leg, ...]
    start: int
    lane: int
    along: float
    speed: float
    place: int = 0  # in the route
    lanes: tuple[int, ...] = ()  # that it takes up, two while it changes
    right: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)  # from, to, metres left of so many
    shifting: float = 0.0
    changed: float = -math.inf
    rows: list[tuple[float, float, float, bool, int, int]] = field(default_factory=list)
    done: float = 0.0  # metres of the legs behind it

    @property
    def leg(self) -> Leg:
        return self.route[self.place]

    @property
    def next_leg(self) -> Leg | None:
        return self.route[self.place + 1] if self.place + 1 < len(self.route) else None

    @property
    def front(self) -> float:
        return self.along + self.motorist.front

    @property
    def rear(self) -> float:
        return self.along - self.motorist.rear


class Driving:
    """The traffic of a city, simulated from its first second on.

    Args:
        network: the streets.
        lines: stop lines of each leg, in order; legs without any are missing.
        motorists: who drives.
        watched: streets that trips should lead along, but neither begin nor end on.
        seed: of the city.
    """

    def __init__(
        self,
        network: RoadNetwork,
        lines: Mapping[Leg, Sequence[StopLine]],
        motorists: Sequence[Motorist],
        *,
        watched: frozenset[int] = frozenset(),
        seed: int = 0,
    ) -> None:
        self._network, self._lines, self._motorists = network, lines, motorists
        self._watched = watched
        self._turn = cache(partial(turn_between, network))
        self._random = [stream(Purpose.DRIVE, seed, n) for n in range(len(motorists))]
        self._cars: list[_Car] = []
        self._queues: dict[tuple[Leg, int], list[_Car]] = {}
        self._entering: dict[tuple[Leg, int], list[tuple[float, _Car]]] = {}
        self._step = 0

    def run(self, seconds: float) -> tuple[Trip, ...]:
        """All trips of the first seconds; those under way at the end are cut off there."""
        wishes = []
        for number, random in enumerate(self._random):
            home = int(random.integers(len(self._network.junctions)))
            wishes.append(self._plan(number, home, float(random.uniform(0.0, _FIRST_TRIPS))))
        trips: list[Trip] = []
        for self._step in range(round(seconds / STEP)):
            now = self._step * STEP
            wishes = [wish for wish in wishes if not (wish.time <= now and self._set_off(wish))]
            self._line_up()
            for car, change in [(car, self._wish(car, now)) for car in self._cars]:
                self._move(car, change)
            for car in [car for car in self._cars if self._arrived(car)]:
                self._cars.remove(car)
                trips.append(self._trip(car))
                pause = float(self._random[car.number].exponential(_PARKED))
                home = self._network.ends(car.leg)[1]
                wishes.append(self._plan(car.number, home, now + pause))
        return (*trips, *map(self._trip, self._cars))

    # --- trips --------------------------------------------------------------------------------

    def _plan(self, number: int, home: int, time: float) -> _Wish:
        return _Wish(time, number, self._route(home, self._random[number]))

    def _set_off(self, wish: _Wish) -> bool:
        """Put a vehicle on the road if there is room."""
        number, route = wish.number, wish.route
        if not route:
            return False
        motorist = self._motorists[number]
        lane = number % self._lanes(route[0])
        along = motorist.rear + 3.0
        for car in self._cars:
            if car.leg == route[0] and lane in car.lanes and car.rear < along + _FREE:
                return False
            if car.next_leg == route[0] and self._length(car.leg) - car.along < _FREE:
                return False
        right = (lane + 0.5) * LANE_WIDTH + motorist.beside
        speed = 0.4 * self._network.streets[route[0].street].limit
        car = _Car(number, motorist, route, self._step, lane, along, speed, lanes=(lane,))
        car.right, car.shift = right, (right, right, 1.0)
        self._cars.append(car)
        return True

    def _route(self, home: int, random: np.random.Generator) -> tuple[Leg, ...]:
        """A way from a junction past a watched street that begins and ends elsewhere."""
        ways = [self._way(home, random) for _ in range(_IDEAS)]
        return max(ways, key=self._worth)

    def _way(self, home: int, random: np.random.Generator) -> tuple[Leg, ...]:
        network = self._network
        target = int(random.integers(len(network.junctions)))
        if not self._watched:
            return tuple(network.route(home, target))
        street = sorted(self._watched)[int(random.integers(len(self._watched)))]
        past = Leg(street, forward=bool(random.random() < 0.5))
        begin, end = network.ends(past)
        return (*network.route(home, begin), past, *network.route(end, target))

    def _worth(self, way: tuple[Leg, ...]) -> float:
        """Higher is better: nobody turns round, appears or vanishes before a camera."""
        if not way:
            return -100.0
        seen = [leg.street in self._watched for leg in way]
        turns = sum(one.street == other.street for one, other in pairwise(way))
        return sum(seen) / len(way) - 2.0 * (seen[0] + seen[-1]) - 10.0 * turns

    def _arrived(self, car: _Car) -> bool:
        return car.next_leg is None and car.along > self._length(car.leg) - car.motorist.front

    def _trip(self, car: _Car) -> Trip:
        way, right, speed, braking, lane, other = zip(*car.rows, strict=True)
        return Trip(
            car.number,
            car.route,
            car.start,
            np.cumsum([0.0, *(self._length(leg) for leg in car.route)]),
            np.array(way),
            np.array(right),
            np.array(speed),
            np.array(braking),
            np.array([lane, other], np.int16).T,
        )

    # --- who is where -------------------------------------------------------------------------

    def _lanes(self, leg: Leg) -> int:
        return self._network.streets[leg.street].lanes

    def _length(self, leg: Leg) -> float:
        return self._network.streets[leg.street].length

    def _line_up(self) -> None:
        """Sort the vehicles of each lane, and of each lane beyond a junction."""
        self._queues, self._entering = {}, {}
        for car in sorted(self._cars, key=lambda each: (each.along, each.number)):
            for lane in car.lanes:
                self._queues.setdefault((car.leg, lane), []).append(car)
            left = self._length(car.leg) - car.along
            if car.next_leg is not None and left < _ZIP:
                lane = min(car.lane, self._lanes(car.next_leg) - 1)
                self._entering.setdefault((car.next_leg, lane), []).append((left, car))

    def _ahead(self, car: _Car, lane: int) -> Iterator[tuple[float, float]]:
        """Gaps to the vehicles that a driver in this lane follows, and their speeds."""
        queue = self._queues.get((car.leg, lane), ())
        for other in queue:
            if (other.along, other.number) > (car.along, car.number):
                yield other.rear - car.front, other.speed
                break
        if car.next_leg is None:
            return
        left, beyond = self._length(car.leg) - car.along, car.next_leg
        lane = min(lane, self._lanes(beyond) - 1)
        for other in self._queues.get((beyond, lane), ())[:1]:
            yield left + other.rear - car.motorist.front, other.speed
        if left < _ZIP:
            yield from self._zipping(car, left, (beyond, lane))

    def _zipping(
        self, car: _Car, left: float, entry: tuple[Leg, int]
    ) -> Iterator[tuple[float, float]]:
        for away, other in self._entering.get(entry, ()):
            nearer = (away, -other.number) < (left, -car.number)
            if nearer and (other.leg == car.leg or away < _BEHIND_LINE):
                gap = left - away - other.motorist.rear - car.motorist.front
                yield gap, other.speed

    def _behind(self, car: _Car, lane: int) -> _Car | None:
        before = [
            other
            for other in self._queues.get((car.leg, lane), ())
            if (other.along, other.number) < (car.along, car.number)
        ]
        return before[-1] if before else None

    # --- what drivers want --------------------------------------------------------------------

    def _wish(self, car: _Car, now: float) -> float:
        """The acceleration of the next step; may begin to change lanes."""
        wished = self._wished_speed(car)
        change = min(self._following(car, lane, wished) for lane in car.lanes)
        change = min(change, self._slowing(car))
        line = self._red_line(car, now)
        if line is not None:
            gap = line - car.front + _BEFORE_LINE
            change = min(change, acceleration(car.motorist.driver, car.speed, wished, gap))
        elif len(car.lanes) == 1 and self._may_change(car, now):
            self._consider_overtaking(car, wished, change, now)
        return change

    def _wished_speed(self, car: _Car) -> float:
        wished = car.motorist.driver.pace * self._network.streets[car.leg.street].limit
        left = self._length(car.leg) - car.along
        if car.next_leg is not None and self._turn(car.leg, car.next_leg):
            wished = min(wished, math.sqrt(_TURNING**2 + 2 * _GENTLE * max(left, 0.0)))
        if car.place and car.along < 12.0:
            came = car.route[car.place - 1]
            if self._turn(came, car.leg):
                wished = min(wished, _TURNING)
        return wished

    def _slowing(self, car: _Car) -> float:
        """The most acceleration with which a driver still enters the next street at its speed."""
        if car.next_leg is None:
            return math.inf
        speed = car.motorist.driver.pace * self._network.streets[car.next_leg.street].limit
        left = max(self._length(car.leg) - car.along - car.speed * STEP, 0.0)
        then = math.sqrt(speed**2 + 2 * _GENTLE * left)
        return max((then - car.speed) / STEP, -HARDEST)

    def _following(self, car: _Car, lane: int, wished: float) -> float:
        driver = car.motorist.driver
        changes = [
            acceleration(driver, car.speed, wished, gap, leading)
            for gap, leading in self._ahead(car, lane)
        ]
        return min(changes, default=acceleration(driver, car.speed, wished))

    def _red_line(self, car: _Car, now: float) -> float | None:
        """The next line before which a driver must stop, metres from the start of the leg."""
        for line in self._lines.get(car.leg, ()):
            left = line.at - car.front
            if left < 0:
                continue
            aspect = line.signal.aspect(now)
            if aspect == Aspect.RED or (aspect == Aspect.AMBER and can_stop(car.speed, left)):
                return line.at
        return None

    # --- overtaking ---------------------------------------------------------------------------

    def _may_change(self, car: _Car, now: float) -> bool:
        start, end = _MARGINS
        return (
            self._lanes(car.leg) > 1
            and car.speed > 3.0
            and now - car.changed > _CALM
            and start < car.along < self._length(car.leg) - end
            and not any(-15.0 < line.at - car.front < 45.0 for line in self._lines.get(car.leg, ()))
        )

    def _consider_overtaking(self, car: _Car, wished: float, change: float, now: float) -> None:
        for lane in (car.lane + 1, car.lane - 1):
            if not 0 <= lane < self._lanes(car.leg):
                continue
            gaps = [gap for gap, _ in self._ahead(car, lane)]
            behind = self._behind(car, lane)
            if min(gaps, default=math.inf) < 4.0:
                continue
            if behind is not None and car.rear - behind.front < 4.0:
                continue
            braking, loss = self._cost(car, behind), 0.0
            if behind is not None:
                loss = self._following(behind, lane, self._wished_speed(behind)) + braking
            gain = self._following(car, lane, wished) - change
            if worth_changing(gain, loss, braking, to_the_right=lane > car.lane):
                car.lanes, car.changed = (car.lane, lane), now
                self._queues.setdefault((car.leg, lane), []).append(car)
                self._queues[car.leg, lane].sort(key=lambda each: (each.along, each.number))
                car.lane = lane
                self._shift(car, max(24.0, 3.2 * car.speed))
                return

    def _cost(self, car: _Car, behind: _Car | None) -> float:
        """Braking of the vehicle that would be behind."""
        if behind is None:
            return 0.0
        gap = car.rear - behind.front
        wished = self._wished_speed(behind)
        return -acceleration(behind.motorist.driver, behind.speed, wished, gap, car.speed)

    def _shift(self, car: _Car, metres: float) -> None:
        """Begin to move sideways to the middle of the lane over so many metres."""
        right = (car.lane + 0.5) * LANE_WIDTH + car.motorist.beside
        car.shift, car.shifting = (car.right, right, metres), 0.0

    # --- moving -------------------------------------------------------------------------------

    def _move(self, car: _Car, change: float) -> None:
        other = car.lanes[-1] if len(car.lanes) > 1 else car.lane
        lane = car.lanes[0]
        way, braking = car.done + car.along, change < -0.7 or (car.speed < 0.2 and change < 0.1)
        car.rows.append((way, car.right, car.speed, braking, lane, other))
        speed = max(car.speed + change * STEP, 0.0)
        if car.speed + change * STEP >= 0:
            metres = 0.5 * (car.speed + speed) * STEP
        else:  # it stands before the step is over
            metres = car.speed**2 / (-2 * change)
        car.along, car.speed = car.along + metres, speed
        self._move_sideways(car, metres)
        if car.next_leg is not None and car.along >= self._length(car.leg):
            self._pass_junction(car)

    def _move_sideways(self, car: _Car, metres: float) -> None:
        begin, end, length = car.shift
        car.shifting = min(car.shifting + metres, length)
        part = car.shifting / length
        car.right = begin + (end - begin) * part * part * (3 - 2 * part)
        if part == 1.0:
            car.lanes = (car.lane,)

    def _pass_junction(self, car: _Car) -> None:
        length = self._length(car.leg)
        car.done += length
        car.along -= length
        car.place += 1
        car.lane = min(car.lane, self._lanes(car.leg) - 1)
        car.lanes = (car.lane,)
        self._shift(car, 20.0)
