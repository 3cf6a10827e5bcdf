"""Trucks of a varied fleet: behind the cab, a frame or a semi-trailer with what it carries."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from platefree.city.scene import Mesh, Surface
from platefree.city.vehicles.body import Body
from platefree.city.vehicles.closed_loads import box_body, container_body
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.lettering import Corner
from platefree.city.vehicles.load_bed import FLOOR, Bed
from platefree.city.vehicles.meshes import box, join, mirrored, moved
from platefree.city.vehicles.open_loads import cover_body, flatbed_body, skeleton_body, tipper_body
from platefree.city.vehicles.plates import Plate, plate_mesh
from platefree.city.vehicles.round_loads import mixer_body, tank_body
from platefree.city.vehicles.solids import block, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.superstructures import Superstructure
from platefree.city.vehicles.wheels import wheel

_BODIES = {
    "box": box_body,
    "container": container_body,
    "skeleton": skeleton_body,
    "flatbed": flatbed_body,
    "cover": cover_body,
    "tank": tank_body,
    "tipper": tipper_body,
    "mixer": mixer_body,
}

_GAP = {False: 0.12, True: 0.55}
"""Metres between cab and load, by whether there is a semi-trailer."""

_RADIUS, _WIDE = 0.46, 0.26


def truck_behind(body: Body, load: Superstructure, plate: Plate, dyes: Dyes) -> Mesh:
    """All of a truck behind its cab.

    Args:
        body: its cab.
        load: what it carries.
        plate: its number plate.
        dyes: takes its colors.
    """
    shape = body.shape
    half = 1.22 if load.trailer else shape.half_width + 0.06
    front = shape.rear_x - _GAP[load.trailer]
    rear = front - load.length
    frame = dyes.of(load.frame, 0.7)
    parts = [
        *_BODIES[load.name](Bed(load, front, half, dyes)),
        box((rear + 0.1, -0.46, 0.66), (shape.rear_x + 0.3, 0.46, 0.92), frame, 0.4),
        *_tail(rear, half, frame),
        *_guards(rear, front, half, frame),
        plate_mesh(plate, _plate_corners(rear, plate), dyes),
    ]
    if load.trailer:
        parts += _tractor(body)
        axles = 3 if load.length > 8 else 2
        parts += [_axle(rear + 1.1 + 1.3 * number, half) for number in range(axles)]
    elif load.length > 5.4:
        parts.append(_axle(-shape.wheelbase / 2 - 1.25, half))
    return join(parts)


@lru_cache(maxsize=2)
def _twin_wheel() -> Mesh:
    one = wheel(_RADIUS, _WIDE, 4, Stuff.TYRE, Stuff.RIM, Stuff.WHEEL_DARK, cap_missing=False)
    return join([one, moved(one, 0.0, -_WIDE - 0.04, 0.0)])


def _axle(x: float, half: float) -> Mesh:
    """An axle with twin wheels."""
    one = moved(_twin_wheel(), x, half - _WIDE / 2 - 0.02, _RADIUS)
    bar = box(
        (x - 0.06, -half + 0.3, _RADIUS - 0.06), (x + 0.06, half - 0.3, _RADIUS + 0.06), Stuff.TRIM
    )
    return join([one, mirrored(one), bar])


def _tractor(body: Body) -> list[Mesh]:
    """What a tractor has above and behind its cab: a deflector and exhausts."""
    shape = body.shape
    middle, long = 0.5 * (shape.rear_x + shape.screen_x), 0.5 * (shape.screen_x - shape.rear_x)
    roof = block(
        (middle - 0.05, 0, shape.height + 0.22), (long + 0.2, shape.half_width - 0.16, 0.36),
        Stuff.PANEL, -0.16, 0.12,
    )  # fmt: skip
    exhausts = [
        box(
            (shape.rear_x - 0.16, y - 0.06, 0.9), (shape.rear_x - 0.04, y + 0.06, 2.7), Stuff.ENGINE
        )
        for y in (0.8, -0.8)
    ]
    return [soft_mesh([roof], 0.07), *exhausts]


def _tail(rear: float, half: float, frame: int) -> list[Mesh]:
    """The bumper and the lamps."""
    parts = [
        box((rear + 0.02, -half + 0.1, 0.50), (rear + 0.12, half - 0.1, 0.66), frame, 0.8),
        box((rear, -half, FLOOR - 0.16), (rear + 0.1, half, FLOOR), frame, 0.9),
    ]
    for sign in (1.0, -1.0):
        lamp, tip = sign * 0.80, sign * 1.0
        parts += [
            box(
                (rear - 0.03, lamp - 0.18, 0.70), (rear + 0.06, lamp + 0.18, 0.84), Stuff.TAIL_LAMP
            ),
            box((rear - 0.034, tip - 0.05, 0.70), (rear + 0.05, tip + 0.05, 0.84), Stuff.AMBER),
            box(
                (rear + 0.05, sign * 0.6 - 0.05, 0.55),
                (rear + 0.12, sign * 0.6 + 0.05, 0.95),
                frame,
            ),
        ]
    return parts


def _guards(rear: float, front: float, half: float, frame: int) -> list[Mesh]:
    """Guards along the sides, between the axles."""
    if front - rear < 5.0:
        return []
    return [
        box(
            (rear + 0.45 * (front - rear), sign * half - 0.03, z),
            (front - 0.25 * (front - rear), sign * half + 0.0, z + 0.09),
            frame,
        )
        for sign in (1.0, -1.0)
        for z in (0.55, 0.78)
    ]


def _plate_corners(rear: float, plate: Plate) -> tuple[Corner, Corner, Corner]:
    half, high = plate.half_size
    x, z = rear - 0.008, 0.76
    return (x, half, z - high), (x, -half, z - high), (x, half, z + high)


def moved_surface(surface: Surface, x: float) -> Surface:
    """The maps of a vehicle that is moved forward by ``x`` metres."""
    extent = surface.extent.copy()
    for number in (0, 1, 4):  # the maps whose columns are x
        extent[number, :2] += np.float32(x)
    return replace(surface, extent=extent)
