"""Other vehicles near the subject of a picture: in front of it, behind it, and beside it.

They are bystanders from a small pool for the whole city, never labelled vehicles: the vehicles
around a subject must not reveal its identity.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from platefree.city.scene import CameraModel, PlacedVehicle, VehicleAsset
from platefree.city.world.network import LANE_WIDTH
from platefree.city.world.sites import PlacedCamera
from platefree.city.world.traffic import Pass

NEIGHBOURS = (0.46, 0.27, 0.17, 0.10)
"""How often none, one, two or three other vehicles drive near."""

_ONCOMING = 0.3  # fraction of moments with a vehicle that comes the other way

Assets = Callable[[int], VehicleAsset]
"""Bystander -> what it looks like."""


@dataclass(frozen=True)
class Companion:
    """Another vehicle that keeps its distance over a pass."""

    bystander: int
    ahead: float  # metres, in the direction of the subject
    y: float
    heading: float


def draw_company(
    site: PlacedCamera, passed: Pass, *, pool: int, random: np.random.Generator
) -> list[Companion]:
    """The vehicles that drive the same way as the subject during a pass.

    Args:
        site: the camera.
        passed: the subject's pass.
        pool: how many bystanders there are to choose from.
        random: of the pass.
    """
    sign = 1.0 if passed.forward else -1.0
    heading = 0.0 if passed.forward else math.pi
    if not pool:
        return []
    company = []
    for _ in range(int(random.choice(len(NEIGHBOURS), p=NEIGHBOURS))):
        lane = int(random.integers(site.camera.lanes))
        y = -sign * ((lane + 0.5) * LANE_WIDTH + float(random.normal(0.0, 0.2)))
        ahead = float(random.choice((-1.0, 1.0)) * random.uniform(0.5, 16.0))
        company.append(Companion(int(random.integers(pool)), ahead, y, heading))
    for _ in range(int(random.poisson(site.roads.crowd)) if site.roads.crowd else 0):
        beside = float(random.choice((-1.0, 1.0)) * random.uniform(0.9, 2.6))
        ahead = float(random.normal(0.0, 3.5))
        company.append(Companion(int(random.integers(pool)), ahead, passed.y + beside, heading))
    return company


def others_near(
    subject: PlacedVehicle,
    company: Sequence[Companion],
    bystanders: Assets,
    site: PlacedCamera,
    *,
    pool: int,
    random: np.random.Generator,
) -> list[PlacedVehicle]:
    """The other vehicles at a moment: the company, and sometimes an oncoming vehicle.

    Args:
        subject: the vehicle to be pictured.
        company: of its pass.
        bystanders: gives the asset of a bystander.
        site: the camera.
        pool: how many bystanders there are to choose from.
        random: of the moment.
    """
    x, lamps = subject.position[0], subject.lamps
    sign = 1.0 if abs(subject.heading) < math.pi / 2 else -1.0
    wishes = [(each.bystander, x + sign * each.ahead, each.y, each.heading) for each in company]
    if pool and random.random() < _ONCOMING:
        lane = int(random.integers(site.camera.lanes))
        y = sign * (lane + 0.5) * LANE_WIDTH
        heading = math.pi if sign > 0 else 0.0
        wishes.append((int(random.integers(pool)), x + random.uniform(-14, 14), y, heading))
    placed = [subject]
    for bystander, where, y, heading in wishes:
        other = PlacedVehicle(bystanders(bystander), (where, y), heading, lamps, 0.0, 0.15)
        moved = _moved_apart(other, placed)
        if moved is not None and _clear_of_lens(moved, site.camera):
            placed.append(moved)
    return placed[1:]


def _moved_apart(other: PlacedVehicle, placed: Sequence[PlacedVehicle]) -> PlacedVehicle | None:
    """Push a vehicle along its lane until it touches none; None if there is no room."""
    first = placed[0]
    away = 1.0 if other.position[0] >= first.position[0] else -1.0
    for _ in range(12):
        if not any(_touch(other, each) for each in placed):
            return other
        x, y = other.position
        other = replace(other, position=(x + 1.5 * away, y))
    return None


def _touch(one: PlacedVehicle, other: PlacedVehicle) -> bool:
    gaps = [abs(a - b) for a, b in zip(one.position, other.position, strict=True)]
    reach = [(a + b) / 2 for a, b in zip(one.asset.size, other.asset.size, strict=True)]
    return gaps[0] < reach[0] + 1.2 and gaps[1] < reach[1] + 0.25


def _clear_of_lens(vehicle: PlacedVehicle, camera: CameraModel) -> bool:
    """Whether a vehicle is entirely in front of the lens or far from it."""
    away = math.hypot(
        vehicle.position[0] - camera.position[0], vehicle.position[1] - camera.position[1]
    )
    return away > vehicle.asset.size[0] / 2 + 1.0 or camera.position[2] > vehicle.asset.size[2] + 1
