"""Traffic of the films: nobody touches anybody, runs a red light, speeds, or is in two places."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from platefree.city.world.driving import STEP, Driving, Motorist
from platefree.city.world.following import Driver, acceleration, can_stop, worth_changing
from platefree.city.world.network import LANE_WIDTH, Leg, RoadNetwork, draw_network
from platefree.city.world.signals import (
    AMBER,
    Aspect,
    Signal,
    StopLine,
    crossing_signal,
    junction_signals,
)
from platefree.city.world.sites import place_cameras
from platefree.city.world.streams import Purpose, stream
from platefree.city.world.trips import Passage, Trip, passages_of, turn_between

SECONDS = 160.0
CARS = Driver()


@dataclass(frozen=True, eq=False)
class Town:
    network: RoadNetwork
    lines: dict[Leg, list[StopLine]]
    motorists: list[Motorist]
    trips: tuple[Trip, ...]


@cache
def town(seed: int) -> Town:
    """A few minutes of busy traffic with signals at junctions and at two crossings."""
    network = draw_network(seed, 8)
    random = stream(Purpose.SIGNAL, seed)
    lines = {
        leg: [StopLine(network.streets[leg.street].length - 9.0, signal)]
        for leg, signal in junction_signals(network, random).items()
    }
    for street in (0, 1):
        signal = crossing_signal(random)
        for forward in (True, False):
            middle = network.streets[street].length / 2
            lines.setdefault(Leg(street, forward), []).insert(0, StopLine(middle, signal))
    draw = np.random.default_rng(seed)
    motorists = [
        Motorist(
            Driver(float(draw.uniform(0.62, 1.0)), float(draw.uniform(0.9, 1.8))),
            *(float(each) for each in draw.choice([1.2, 2.4, 6.0], 2)),
            beside=float(draw.uniform(-0.5, 0.5)),
        )
        for _ in range(70)
    ]
    driving = Driving(network, lines, motorists, watched=frozenset({0, 3}), seed=seed)
    return Town(network, lines, motorists, driving.run(SECONDS))


SEEDS = [0, 5]


def leg_at(trip: Trip, row: int) -> tuple[Leg, float]:
    """The leg of a state, and how far along it."""
    place = int(np.searchsorted(trip.ends[:-1], trip.way[row], side="right")) - 1
    return trip.route[place], float(trip.way[row] - trip.ends[place])


def moments(town: Town, every: int) -> Iterator[list[tuple[Leg, float, Trip, int]]]:
    for step in range(0, round(SECONDS / STEP), every):
        yield [
            (*leg_at(trip, step - trip.start), trip, step - trip.start)
            for trip in town.trips
            if trip.start <= step < trip.start + len(trip.way)
        ]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_two_vehicles_of_a_lane_overlap(seed: int) -> None:
    here = town(seed)
    compared = 0
    for cars in moments(here, 5):
        lanes = defaultdict(list)
        for leg, along, trip, row in cars:
            motorist = here.motorists[trip.vehicle]
            for lane in set(trip.lanes[row].tolist()):
                lanes[leg, lane].append((along - motorist.rear, along + motorist.front))
        for places in lanes.values():
            places.sort()
            for (_, front), (rear, _) in pairwise(places):
                assert front < rear
                compared += 1
    assert compared > 2000


@pytest.mark.parametrize("seed", SEEDS)
def test_vehicles_side_by_side_have_room(seed: int) -> None:
    """As rectangles on the street, whatever the lanes say."""
    here = town(seed)
    for cars in moments(here, 10):
        legs = defaultdict(list)
        for leg, along, trip, row in cars:
            motorist = here.motorists[trip.vehicle]
            right = float(trip.right[row])
            legs[leg].append((along - motorist.rear, along + motorist.front, right))
        for places in legs.values():
            for number, (rear, front, right) in enumerate(places):
                for other_rear, other_front, other_right in places[:number]:
                    if rear < other_front and other_rear < front:
                        assert abs(right - other_right) > 1.6


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_passes_a_red_signal(seed: int) -> None:
    here = town(seed)
    passed, waited = 0, 0
    for trip in here.trips:
        front = trip.way + here.motorists[trip.vehicle].front
        for place, leg in enumerate(trip.route):
            for line in here.lines.get(leg, []):
                at = trip.ends[place] + line.at
                for row in np.flatnonzero((front[:-1] < at) & (front[1:] >= at)).tolist():
                    moment = (trip.start + row) * STEP
                    assert line.signal.aspect(moment) != Aspect.RED
                    passed += 1
                near = (front < at) & (front > at - 6) & (trip.speed < 0.1)
                waited += bool(near.any())
    assert passed > 80
    assert waited > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_speeds_and_changes_are_possible(seed: int) -> None:
    here = town(seed)
    for trip in here.trips:
        assert (np.diff(trip.way) >= 0).all()
        limits = [here.network.streets[leg_at(trip, row)[0].street].limit
                  for row in range(0, len(trip.way), 10)]  # fmt: skip
        assert (trip.speed[::10] <= np.array(limits) * 1.01).all()
        np.testing.assert_allclose(
            np.diff(trip.way), (trip.speed[:-1] + trip.speed[1:]) / 2 * STEP, atol=0.06
        )
        change = np.diff(trip.speed) / STEP
        assert change.max(initial=0) < 2.6
        assert change.min(initial=0) > -8.1
    every = np.concatenate([np.diff(trip.speed) / STEP for trip in here.trips])
    assert (every < -4.5).mean() < 0.002  # hardly anybody brakes hard


def test_drivers_slow_down_before_a_slower_street() -> None:
    """Straight on from 60 km/h to 30, again and again, alone and behind each other."""
    junctions = np.array([[0.0, 0.0], [400.0, 0.0], [800.0, 0.0]])
    street = type(draw_network(0, 3).streets[0])
    streets = (street(0, 1, 400.0, 2, 60 / 3.6), street(1, 2, 400.0, 1, 30 / 3.6))
    network = RoadNetwork(junctions, streets)
    motorists = [
        Motorist(Driver(pace, acceleration=most)) for pace in (0.7, 1.0) for most in (1, 2)
    ]
    entered = 0
    for trip in Driving(network, {}, motorists * 3, seed=3).run(600.0):
        limits = np.array(
            [streets[leg_at(trip, row)[0].street].limit for row in range(len(trip.way))]
        )
        assert (trip.speed <= limits * 1.01).all()
        change = np.diff(trip.speed) / STEP
        before = np.flatnonzero(limits[:-1] > limits[1:])
        entered += len(before)
        assert all(change[max(row - 60, 0) : row].min(initial=0) > -3.0 for row in before)
    assert entered > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_some_overtake_and_nobody_slides_sideways(seed: int) -> None:
    here = town(seed)
    overtaken = 0
    for trip in here.trips:
        aside = np.abs(np.diff(trip.right))
        assert (aside <= 0.45 * np.diff(trip.way) + 1e-9).all()
        overtaken += int((trip.lanes[:, 0] != trip.lanes[:, 1]).any())
    assert overtaken > 5


def test_one_vehicle_is_on_one_trip_at_a_time() -> None:
    network, spans = draw_network(1, 6), defaultdict(list)
    for trip in Driving(network, {}, [Motorist(CARS)] * 8, seed=1).run(400.0):
        spans[trip.vehicle].append((trip.start, trip.start + len(trip.way)))
        for one, other in pairwise(trip.route):
            assert network.ends(one)[1] == network.ends(other)[0]
    for each in spans.values():
        each.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(each))
    assert max(map(len, spans.values())) > 1


def test_equal_seeds_give_equal_traffic() -> None:
    network = draw_network(2, 6)
    first, second = (
        Driving(network, {}, [Motorist(CARS)] * 12, seed=2).run(60.0) for _ in range(2)
    )
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        assert one.route == other.route
        np.testing.assert_array_equal(one.way, other.way)


# --- drivers ----------------------------------------------------------------------------------


def test_a_driver_settles_at_the_distance_of_the_model() -> None:
    """Where nobody accelerates, the gap is (s0 + v T) / sqrt(1 - (v / v0)^4)."""
    speed, wished = 10.0, 15.0
    gap = (CARS.gap + speed * CARS.headway) / math.sqrt(1 - (speed / wished) ** 4)
    assert acceleration(CARS, speed, wished, gap, speed) == pytest.approx(0.0, abs=1e-9)
    assert acceleration(CARS, speed, wished, gap + 5, speed) > 0
    assert acceleration(CARS, speed, wished, gap, speed - 3) < -0.5
    assert acceleration(CARS, wished, wished) == pytest.approx(0.0)
    assert acceleration(CARS, 0.0, wished) == pytest.approx(CARS.acceleration)


def test_drivers_stop_where_they_can_and_change_lanes_where_it_is_worth_it() -> None:
    assert can_stop(10.0, 30.0)
    assert not can_stop(15.0, 10.0)
    assert worth_changing(0.8, 0.0, 0.0, to_the_right=False)
    assert not worth_changing(0.8, 0.0, 4.0, to_the_right=False)
    assert not worth_changing(0.1, 0.0, 0.0, to_the_right=False)
    assert worth_changing(0.0, 0.0, 0.0, to_the_right=True)


# --- signals ----------------------------------------------------------------------------------


def test_one_approach_of_a_junction_has_green_at_a_time() -> None:
    network = draw_network(3, 10)
    signals = junction_signals(network, np.random.default_rng(1))
    approaches = defaultdict(list)
    for leg, signal in signals.items():
        approaches[network.ends(leg)[1]].append(signal)
    assert approaches
    for group in approaches.values():
        assert len(group) > 2
        for tenth in range(3000):
            shown = [signal.aspect(tenth / 10) for signal in group]
            assert sum(aspect != Aspect.RED for aspect in shown) <= 1
        assert all(
            {signal.aspect(tenth / 10) for tenth in range(3000)} == set(Aspect) for signal in group
        )


def test_a_signal_is_amber_after_green() -> None:
    signal = Signal(60.0, 10.0, 20.0)
    shown = [signal.aspect(second) for second in (9.9, 10.0, 29.9, 30.0, 30.0 + AMBER, 70.0)]
    assert shown == [
        *(Aspect.RED, Aspect.GREEN, Aspect.GREEN),
        *(Aspect.AMBER, Aspect.RED, Aspect.GREEN),
    ]


# --- in the world of a camera -----------------------------------------------------------------


def seen_by_cameras(seed: int) -> list[Passage]:
    here = town(seed)
    sites = place_cameras(here.network, 4, seed)
    return [p for t in here.trips for site in sites for p in passages_of(t, here.network, site)]


def test_vehicles_move_on_in_the_direction_that_they_face() -> None:
    """Along their street, and round the corners before and after it, without a jump."""
    turned = 0
    for passage in seen_by_cameras(0):
        seen = [passage.at(step) for step in range(passage.first, passage.last + 1)]
        for before, after in pairwise(seen):
            assert before is not None
            assert after is not None
            way = math.hypot(after.x - before.x, after.y - before.y)
            # On the outside of a bend a vehicle drives further than the middle of its street.
            assert way < 1.8 * max(before.speed, after.speed) * STEP + 0.05
            if way > 0.3:
                heading = math.atan2(after.y - before.y, after.x - before.x)
                assert abs(math.remainder(heading - before.heading, math.tau)) < 0.35
        turned += bool(passage.before or passage.after)
    assert turned > 5


def test_traffic_keeps_to_the_right_of_the_street() -> None:
    for passage in seen_by_cameras(5):
        for step in range(passage.first, passage.last, 7):
            seen = passage.at(step)
            assert seen is not None
            along = passage.along[step - passage.first]
            if 0 < along < passage.length:
                assert (seen.y < 0) == passage.forward
                assert 0.3 < abs(seen.y) < 2 * LANE_WIDTH
                middle = seen.x + passage.offset
                expected = along if passage.forward else passage.length - along
                assert middle == pytest.approx(expected)


def test_between_two_states_a_vehicle_is_between_its_places() -> None:
    passage = max(seen_by_cameras(0), key=lambda each: len(each.along))
    before, half, after = (passage.at(passage.first + part) for part in (20, 20.5, 21))
    assert before is not None
    assert half is not None
    assert after is not None
    assert half.x == pytest.approx((before.x + after.x) / 2, abs=0.05)
    assert passage.at(passage.first - 0.1) is None
    assert passage.at(passage.last + 0.1) is None


def test_a_turn_is_the_change_of_direction() -> None:
    junctions = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [200.0, 3.0]])
    street = draw_network(0, 3).streets[0]
    streets = tuple(
        type(street)(start, end, 100.0, 1, 10.0) for start, end in ((0, 1), (1, 2), (1, 3))
    )
    network = RoadNetwork(junctions, streets)
    east, north, on = (Leg(number, forward=True) for number in range(3))
    assert turn_between(network, east, north) == pytest.approx(math.pi / 2)
    assert turn_between(network, east, on) == 0.0
    back = Leg(1, forward=False)
    assert turn_between(network, back, on) == pytest.approx(math.pi / 2, abs=0.05)
