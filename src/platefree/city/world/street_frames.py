"""Whole frames with all their traffic, to teach a detector: where the camera is, and what drives.

Each frame is a moment of its own: a camera beside, over, across or straight above a street, near
or far, by day or night, in any weather; lanes that are empty, sparse or full, and parked vehicles
at the kerb. One frame in ten has no vehicle at all.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from platefree.city.scene import CameraModel, Conditions, PlacedVehicle, Scene, VehicleAsset
from platefree.city.world.network import LANE_WIDTH
from platefree.city.world.streams import draw_seed
from platefree.city.world.weather import LAMPS_BELOW, WEATHERS

EMPTY = 0.1
"""Fraction of the frames without a vehicle."""

REACH = 110.0
"""How far along the street vehicles are placed, metres to both sides of the camera."""

_MOUNTINGS = ("gantry", "mast", "across", "above")
_MOUNTING_SHARES = (0.26, 0.38, 0.2, 0.16)
_WEATHER_SHARES = (0.5, 0.24, 0.18, 0.08)  # in the order of WEATHERS
_GAPS = (math.inf, 45.0, 16.0, 5.0, 2.0)  # mean metres between the vehicles of a lane
_GAP_SHARES = (0.12, 0.28, 0.32, 0.18, 0.10)
_SPANS = {"above": (0.14, 0.6)}  # of the frame's width, of a car in its middle
_USUAL_SPAN = (0.04, 0.34)
_PARKED = 0.35  # fraction of the kerbs at which vehicles are parked
_TURNED = 0.06  # fraction of the vehicles that are about to turn
_CAR = 4.5  # metres
_NEAREST = 1.2  # metres between a vehicle and the lens

Assets = Callable[[int], VehicleAsset]
"""Number in the pool -> what it looks like."""


@dataclass(frozen=True)
class FrameSize:
    """Pixels of all frames."""

    width: int = 640
    height: int = 352


def draw_scene(
    random: np.random.Generator, assets: Assets, slim: Sequence[bool], size: FrameSize
) -> tuple[Scene, tuple[int, ...]]:
    """A camera and everything before it, and the number in the pool of each vehicle.

    Args:
        random: of this frame.
        assets: gives the vehicles of the pool.
        slim: of each vehicle of the pool, whether it rides anywhere in its lane, as motorcycles do.
        size: of the frame.
    """
    camera = _camera(random, size)
    conditions = _conditions(random)
    vehicles: list[PlacedVehicle] = []
    numbers: list[int] = []
    if random.random() >= EMPTY:
        lamps = _lamps(conditions, random)
        for number, wish in _traffic(random, camera.lanes, assets, slim, lamps):
            if _clear(wish, vehicles) and _clear_of_lens(wish, camera):
                vehicles.append(wish)
                numbers.append(number)
    return Scene(camera, conditions, tuple(vehicles), seed=draw_seed(random)), tuple(numbers)


# --- the camera -------------------------------------------------------------------------------


def _camera(random: np.random.Generator, size: FrameSize) -> CameraModel:
    mounting = str(random.choice(_MOUNTINGS, p=_MOUNTING_SHARES))
    lanes = int(random.integers(1, 4))
    x, y, height, aim_x, aim_y = _stand(mounting, lanes, random)
    distance = math.hypot(aim_x - x, aim_y - y)
    low, high = _SPANS.get(mounting, _USUAL_SPAN)
    span = math.exp(random.uniform(math.log(low), math.log(high)))
    focal = span * size.width * math.hypot(distance, height) / _CAR
    gain = np.exp(random.normal(0.0, 0.05, 3))
    return CameraModel(
        name=mounting,
        position=(x, y, height),
        yaw=math.atan2(aim_y - y, aim_x - x),
        pitch=math.atan2(height - 0.7, distance),
        focal=min(max(focal, 0.5 * size.width), 3.0 * size.width),
        width=size.width,
        height=size.height,
        gain=(float(gain[0]), float(gain[1]), float(gain[2])),
        noise=float(random.uniform(1.0, 6.0)),
        blur=float(random.uniform(0.15, 0.8)),
        jpeg=int(random.integers(45, 92)),
        seed=draw_seed(random),
        lanes=lanes,
    )


def _stand(
    mounting: str, lanes: int, random: np.random.Generator
) -> tuple[float, float, float, float, float]:
    """Camera x, y and height, and the x and y it is aimed at; metres."""
    half = lanes * LANE_WIDTH
    side, ahead = random.choice((-1.0, 1.0)), random.choice((-1.0, 1.0))
    if mounting == "gantry":
        y, height = random.uniform(-0.9, 0.9) * half, random.uniform(5.0, 10.0)
        aim_x, aim_y = ahead * random.uniform(8, 55), random.uniform(-0.5, 0.5) * half
    elif mounting == "mast":
        y, height = side * (half + random.uniform(1.0, 8.0)), random.uniform(2.8, 9.0)
        aim_x, aim_y = ahead * random.uniform(5, 50), -side * random.uniform(-0.3, 0.6) * half
    elif mounting == "across":
        y, height = side * (half + random.uniform(3.0, 16.0)), random.uniform(2.5, 8.0)
        aim_x, aim_y = ahead * random.uniform(0, 8), 0.0
    else:
        y, height = random.uniform(-1.2, 1.2) * half, random.uniform(6.0, 14.0)
        aim_x, aim_y = ahead * random.uniform(0.3, 5.0), y + random.uniform(-2.0, 2.0)
    return 0.0, float(y), float(height), float(aim_x), float(aim_y)


# --- light ------------------------------------------------------------------------------------


def _conditions(random: np.random.Generator) -> Conditions:
    kind = random.random()
    if kind < 0.68:
        degrees = random.uniform(5.0, 66.0)
    elif kind < 0.78:
        degrees = random.uniform(-3.0, 5.0)
    else:
        degrees = random.uniform(-18.0, -3.0)
    return Conditions(
        sun_azimuth=float(random.uniform(-math.pi, math.pi)),
        sun_elevation=math.radians(degrees),
        weather=str(random.choice(WEATHERS, p=_WEATHER_SHARES)),
        seed=draw_seed(random),
    )


def _lamps(conditions: Conditions, random: np.random.Generator) -> Callable[[], float]:
    """Whether the next vehicle has its lamps on."""
    dark = conditions.sun_elevation < LAMPS_BELOW
    chance = 0.96 if dark else {"rain": 0.7, "fog": 0.85}.get(conditions.weather, 0.15)
    return lambda: float(random.random() < chance)


# --- traffic ----------------------------------------------------------------------------------


def _traffic(
    random: np.random.Generator,
    lanes: int,
    assets: Assets,
    slim: Sequence[bool],
    lamps: Callable[[], float],
) -> Iterator[tuple[int, PlacedVehicle]]:
    """Vehicles of every lane, nearest lanes first, and those at the kerbs, with their numbers."""
    for lane in range(lanes):
        for sign in (-1.0, 1.0):  # towards +x at y < 0
            mean = _GAPS[int(random.choice(len(_GAPS), p=_GAP_SHARES))]
            braking = float(mean < 6.0 and random.random() < 0.5)
            for x, number in _row(random, mean, len(slim), assets):
                y = sign * (lane + 0.5) * LANE_WIDTH + float(random.normal(0.0, 0.25))
                if slim[number]:
                    y = sign * float(random.uniform(0.4, lanes * LANE_WIDTH - 0.4))
                heading = (math.pi if sign > 0 else 0.0) + float(random.normal(0.0, 0.03))
                if random.random() < _TURNED:
                    heading += float(random.uniform(-1.5, 1.5))
                dirt = float(random.beta(1.3, 4.0))
                placed = PlacedVehicle(assets(number), (x, y), heading, lamps(), braking, dirt)
                yield number, placed
    for sign in (-1.0, 1.0):
        if random.random() < _PARKED:
            for x, number in _row(random, float(random.uniform(1.0, 20.0)), len(slim), assets):
                y = sign * (lanes * LANE_WIDTH + float(random.uniform(0.9, 1.6)))
                heading = float(random.choice((0.0, math.pi))) + float(random.normal(0.0, 0.04))
                yield number, PlacedVehicle(assets(number), (x, y), heading, 0.0, 0.0, 0.2)


def _row(
    random: np.random.Generator, mean: float, pool: int, assets: Assets
) -> Iterator[tuple[float, int]]:
    """Places and numbers of vehicles one behind the other."""
    if not pool or math.isinf(mean):
        return
    x = -REACH + float(random.exponential(mean))
    while x < REACH:
        number = int(random.integers(pool))
        length = assets(number).size[0]
        yield x + length / 2, number
        x += length + 0.8 + float(random.exponential(mean))


def _clear(vehicle: PlacedVehicle, others: Sequence[PlacedVehicle]) -> bool:
    """Whether a vehicle touches none of the others."""
    return all(
        abs(vehicle.position[0] - each.position[0]) >= (_along(vehicle) + _along(each)) / 2 + 0.3
        or abs(vehicle.position[1] - each.position[1])
        >= (_across(vehicle) + _across(each)) / 2 + 0.15
        for each in others
    )


def _along(vehicle: PlacedVehicle) -> float:
    """Metres that a vehicle takes up along the street."""
    length, width, _ = vehicle.asset.size
    return length * abs(math.cos(vehicle.heading)) + width * abs(math.sin(vehicle.heading))


def _across(vehicle: PlacedVehicle) -> float:
    length, width, _ = vehicle.asset.size
    return length * abs(math.sin(vehicle.heading)) + width * abs(math.cos(vehicle.heading))


def _clear_of_lens(vehicle: PlacedVehicle, camera: CameraModel) -> bool:
    x, y = (a - b for a, b in zip(vehicle.position, camera.position[:2], strict=True))
    length, width, height = vehicle.asset.size
    return (
        math.hypot(x, y) > math.hypot(length, width) / 2 + _NEAREST
        or camera.position[2] > height + _NEAREST
    )
