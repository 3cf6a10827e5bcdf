"""The load box of a box truck: ribbed walls, doors, chassis and rear lamps."""

from dataclasses import dataclass, replace

import numpy as np

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.maps import Canvas, Ink
from platefree.city.vehicles.markings import paint_sticker
from platefree.city.vehicles.meshes import PAINTED, box, join, sheet
from platefree.city.vehicles.shapes import BodyShape
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.vehicle_identity import Identity

_GAP = Ink((10, 10, 11), roughness=0.9, opacity=0.8)
_STEEL = Ink((150, 152, 154), roughness=0.35, metal=0.8)


@dataclass(frozen=True)
class LoadBox:
    """Where the box stands.

    Attributes:
        front: its foremost x.
        rear: its rearmost x.
        half: half of its width.
        floor: height of its floor.
        top: height of its roof.
    """

    front: float
    rear: float
    half: float
    floor: float
    top: float


def load_box(shape: BodyShape, size: tuple[float, float, float]) -> LoadBox:
    """The box of a truck whose cab has this shape."""
    front = shape.rear_x - 0.09
    return LoadBox(front, front - size[0], size[1] / 2, 0.98, size[2])


def box_mesh(place: LoadBox) -> Mesh:
    """Walls with ribs, painted by the maps."""
    low = (place.rear, -place.half, place.floor)
    walls = box(low, (place.front, place.half, place.top), PAINTED, 0.95)
    material = walls.material.copy()
    material[:2] = Stuff.BOX_WALL  # the front map shows the cab where this wall is
    parts = [replace(walls, material=material)]
    for x in np.linspace(place.rear + 0.03, place.front - 0.03, 11):
        for sign in (1.0, -1.0):
            inner, outer = sign * place.half, sign * (place.half + 0.022)
            rib_low = (x - 0.022, min(inner, outer), place.floor + 0.02)
            rib_high = (x + 0.022, max(inner, outer), place.top - 0.02)
            parts.append(box(rib_low, rib_high, PAINTED, 0.9))
    for z in (place.floor, place.top - 0.05):
        for sign in (1.0, -1.0):
            inner, outer = sign * place.half, sign * (place.half + 0.028)
            parts.append(
                box(
                    (place.rear, min(inner, outer), z),
                    (place.front, max(inner, outer), z + 0.05),
                    PAINTED,
                    0.9,
                )
            )
    return join(parts)


def chassis(shape: BodyShape, place: LoadBox) -> Mesh:
    """Frame, tank, underrun bar, rear lamps and blank plate."""
    rear, front = place.rear, shape.rear_x + 0.35
    parts = [
        box((rear + 0.05, -0.42, 0.62), (front, 0.42, 0.86), Stuff.TRIM, 0.4),
        box(
            (rear, -place.half, place.floor - 0.10),
            (place.front, place.half, place.floor),
            Stuff.TRIM,
            0.6,
        ),
        box(
            (shape.rear_x - 0.95, -0.92, 0.48), (shape.rear_x - 0.2, -0.45, 0.84), Stuff.ENGINE, 0.6
        ),
        box((shape.rear_x - 0.75, 0.5, 0.52), (shape.rear_x - 0.2, 0.92, 0.84), Stuff.TRIM, 0.6),
        box((rear + 0.02, -0.95, 0.48), (rear + 0.10, 0.95, 0.60), Stuff.TRIM, 0.7),
    ]
    axle = -shape.wheelbase / 2
    for sign in (1.0, -1.0):
        y = sign * (place.half - 0.03)
        parts.append(
            box(
                (axle - 0.62, min(y, y - sign * 0.4), 0.84),
                (axle + 0.62, max(y, y - sign * 0.4), 0.87),
                Stuff.TRIM,
                0.5,
            )
        )
        lamp = sign * 0.78
        parts.append(
            box((rear - 0.03, lamp - 0.17, 0.68), (rear + 0.04, lamp + 0.17, 0.82), Stuff.TAIL_LAMP)
        )
        tip = sign * 0.90
        parts.append(box((rear - 0.034, tip - 0.05, 0.68), (rear, tip + 0.05, 0.82), Stuff.AMBER))
        upright = sign * 0.5
        parts.append(
            box(
                (rear + 0.03, upright - 0.04, 0.5),
                (rear + 0.10, upright + 0.04, 0.9),
                Stuff.TRIM,
                0.6,
            )
        )
    y0, y1, z0, z1 = -0.26, 0.26, 0.69, 0.80
    x = rear - 0.006
    parts.append(box((rear, y0 - 0.02, z0 - 0.02), (rear + 0.03, y1 + 0.02, z1 + 0.02), Stuff.TRIM))
    parts.append(sheet([(x, y1, z0), (x, y0, z0), (x, y0, z1), (x, y1, z1)], Stuff.PLATE))
    return join(parts)


def paint_box(canvas: Canvas, place: LoadBox, identity: Identity) -> None:
    """Paint walls, doors and livery of the box, in place."""
    color = identity.box_color
    wall = Ink(color, roughness=0.45, part=Part.BODY)
    livery = Ink(
        identity.stripe_color if color != identity.stripe_color else (232, 232, 230),
        roughness=0.4,
    )
    a, b = place.rear - 0.02, place.front + 0.02
    low, high = place.floor - 0.02, place.top + 0.02
    for side in ("left", "right"):
        canvas.polygon(side, [(a, low), (b, low), (b, high), (a, high)], wall)
        canvas.polygon(side, [(a, low), (b, low), (b, low + 0.07), (a, low + 0.07)], _STEEL)
        middle, up = 0.5 * (a + b), 0.5 * (low + high)
        if identity.livery == 1:
            canvas.polygon(
                side, [(a, up - 0.2), (b, up - 0.2), (b, up + 0.15), (a, up + 0.15)], livery
            )
        elif identity.livery == 2:
            canvas.polygon(side, [(a, low), (middle, low), (middle - 0.7, high), (a, high)], livery)
        elif identity.livery == 3:
            canvas.ellipse(side, (middle, up), (0.75, 0.45), livery)
            canvas.ellipse(side, (middle, up), (0.5, 0.25), wall)
        elif identity.livery == 4:
            for k in range(7):
                x = middle - 0.9 + 0.28 * k
                canvas.line(side, [(x, up - 0.2), (x, up + 0.22)], 0.14, livery)
        canvas.line(
            side,
            [(a + 0.06, low + 0.10), (b - 0.06, low + 0.10)],
            0.045,
            Ink((196, 60, 40), roughness=0.5, opacity=0.7),
        )
    half = place.half + 0.03
    canvas.polygon("rear", [(-half, low), (half, low), (half, high), (-half, high)], wall)
    frame = [(-half, low), (half, low), (half, high), (-half, high), (-half, low)]
    canvas.line("rear", frame, 0.13, _STEEL)
    canvas.line("rear", [(0, low), (0, high)], 0.02, _GAP)
    for y in (-0.62, -0.22, 0.22, 0.62):
        canvas.line("rear", [(y, low + 0.1), (y, high - 0.1)], 0.024, _STEEL)
        canvas.line("rear", [(y - 0.12, low + 0.42), (y + 0.02, low + 0.42)], 0.03, _GAP)
    for sign in (1.0, -1.0):
        for z in np.linspace(low + 0.25, high - 0.25, 4):
            canvas.line("rear", [(sign * (half - 0.14), z), (sign * (half - 0.3), z)], 0.04, _STEEL)
    if identity.livery in (2, 3):
        canvas.ellipse("rear", (-0.45, 0.6 * high + 0.4 * low), (0.28, 0.2), livery)
        canvas.ellipse("rear", (0.45, 0.6 * high + 0.4 * low), (0.28, 0.2), livery)
    for sticker in identity.rear_stickers:
        u, v = sticker.place
        where = ((2 * u - 1) * (place.half - 0.3), low + 0.2 + 0.4 * v * (high - low))
        paint_sticker(canvas, "rear", where, sticker)
    canvas.polygon(
        "front", [(-half, 2.0), (half, 2.0), (half, high), (-half, high)], wall, _above(place)
    )
    canvas.polygon("top", [(a, -half), (b, -half), (b, half), (a, half)], wall)
    for x in np.linspace(a + 0.3, b - 0.3, 6):
        canvas.line("top", [(x, -half), (x, half)], 0.02, _GAP)


def _above(place: LoadBox) -> list[tuple[float, float]]:
    """The part of the front map that only the box can be seen in."""
    low = 0.5 * (place.floor + place.top) + 0.42
    return [(-9.0, low), (9.0, low), (9.0, 9.0), (-9.0, 9.0)]
