"""Trucks of a varied fleet: behind the cab, a frame or a semi-trailer with what it carries."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from platefree.city.scene import Mesh, Surface
from platefree.city.vehicles.closed_loads import box_body, container_body
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.lettering import Corner
from platefree.city.vehicles.load_bed import FLOOR, Bed
from platefree.city.vehicles.meshes import box, join, mirrored, moved, scaled
from platefree.city.vehicles.open_loads import cover_body, flatbed_body, skeleton_body, tipper_body
from platefree.city.vehicles.plates import Plate, plate_mesh
from platefree.city.vehicles.round_loads import mixer_body, tank_body
from platefree.city.vehicles.shapes import BodyShape
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

_LIGHT = 5.4  # metres of load that two axles and a small cab can carry
_RADIUS, _WIDE = 0.46, 0.26


class Hauler:
    """A truck behind a cab; heavy trucks have larger cabs.

    Args:
        shape: of the cab.
        load: what it carries.
        plate: its number plate.
        dyes: takes its colors.
    """

    def __init__(self, shape: BodyShape, load: Superstructure, plate: Plate, dyes: Dyes) -> None:
        self._load, self._plate, self._dyes = load, plate, dyes
        self._size = 1.2 if load.trailer else 1.1 if load.length > _LIGHT else 1.0
        self._cab_rear = shape.rear_x * self._size
        self._cab_front = shape.screen_x * self._size
        self._cab_half = shape.half_width * self._size
        self._cab_top = shape.height * self._size
        self._axle = -0.5 * shape.wheelbase * self._size

    def behind(self, cab: Mesh, inside: Mesh, surface: Surface) -> tuple[Mesh, Mesh, Surface]:
        """The whole truck; its origin is in its middle, not in that of its cab.

        Args:
            cab: exterior of the cab.
            inside: its interior.
            surface: its maps.
        """
        exterior = join([scaled(cab, self._size), *self._parts()])
        x = exterior.vertices[:, 0]
        forward = -0.5 * float(x.min() + x.max())
        extent = surface.extent * np.float32(self._size)
        for number in (0, 1, 4):  # the maps whose columns are x
            extent[number, :2] += np.float32(forward)
        return (
            moved(exterior, forward),
            moved(scaled(inside, self._size), forward),
            replace(surface, extent=extent),
        )

    def _parts(self) -> list[Mesh]:
        load, dyes = self._load, self._dyes
        half = 1.22 if load.trailer else self._cab_half + 0.06
        front = self._cab_rear - _GAP[load.trailer]
        rear = front - load.length
        frame = dyes.of(load.frame, 0.7)
        parts = [
            *_BODIES[load.name](Bed(load, front, half, dyes)),
            box((rear + 0.1, -0.46, 0.66), (self._cab_rear + 0.3, 0.46, 0.92), frame, 0.4),
            *_tail(rear, half, frame),
            *_guards(rear, front, half, frame),
            plate_mesh(self._plate, _plate_corners(rear, self._plate), dyes),
        ]
        if load.trailer:
            axles = 3 if load.length > 8 else 2
            wheels = [_axle(rear + 1.1 + 1.3 * number, half) for number in range(axles)]
            return [*parts, *wheels, *self._above_cab()]
        return [*parts, _axle(self._axle - 1.25, half)] if load.length > _LIGHT else parts

    def _above_cab(self) -> list[Mesh]:
        """What a tractor has above and behind its cab: a deflector and exhausts."""
        rear, half = self._cab_rear, self._cab_half
        middle, long = 0.5 * (rear + self._cab_front), 0.5 * (self._cab_front - rear)
        roof = block(
            (middle - 0.05, 0, self._cab_top + 0.22), (long + 0.2, half - 0.16, 0.36),
            Stuff.PANEL, -0.16, 0.12,
        )  # fmt: skip
        exhausts = [
            box(
                (rear - 0.16, y - 0.06, 0.9),
                (rear - 0.04, y + 0.06, self._cab_top + 0.4),
                Stuff.ENGINE,
            )
            for y in (0.8, -0.8)
        ]
        return [soft_mesh([roof], 0.07), *exhausts]


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
