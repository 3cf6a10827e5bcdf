"""Parts fitted to closed bodies: mirrors, seats, driver, dashboard items, roof racks, load."""

import numpy as np

from platefree.city.scene import Mesh
from platefree.city.vehicles.body import Body
from platefree.city.vehicles.glazing import doors_of
from platefree.city.vehicles.meshes import (
    box,
    empty_mesh,
    join,
    lathe,
    mirrored,
    moved,
    rotated,
    sheet,
)
from platefree.city.vehicles.shapes import BodyShape, Style
from platefree.city.vehicles.solids import ball, block, limb, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.surface import BUS_HALF_WIDTH
from platefree.city.vehicles.vehicle_identity import Identity
from platefree.city.vehicles.wells import top_at


def outside_mirrors(shape: BodyShape) -> Mesh:
    """Both outside mirrors."""
    tall = shape.height > 2.1
    x = shape.cowl_x - (0.40 if not tall else 0.02)
    z = shape.belt + (0.09 if not tall else 0.35)
    inner = shape.half_width - shape.inset - 0.03
    y = shape.half_width + (0.07 if not tall else 0.14)
    high = 0.075 if not tall else 0.17
    shell = soft_mesh(
        [
            ball((x + 0.02, y, z), (0.075, 0.105 if not tall else 0.09, high), Stuff.PANEL),
            limb((x, inner, z - 0.05), (x + 0.01, y - 0.03, z - 0.03), 0.03, 0.022, Stuff.TRIM),
        ],
        0.018,
        0.02,
    )
    half = 0.085 if not tall else 0.07
    back = x - 0.062
    glass = sheet(
        [
            (back, y + half, z - 0.7 * high),
            (back, y - half, z - 0.7 * high),
            (back, y - half, z + 0.7 * high),
            (back, y + half, z + 0.7 * high),
        ],
        Stuff.MIRROR,
    )
    edge = sheet(
        [
            (back + 0.003, y + half + 0.012, z - 0.8 * high),
            (back + 0.003, y - half - 0.012, z - 0.8 * high),
            (back + 0.003, y - half - 0.012, z + 0.8 * high),
            (back + 0.003, y + half + 0.012, z + 0.8 * high),
        ],
        Stuff.TRIM,
    )
    one = join([shell, edge, glass])
    return join([one, mirrored(one)])


def _seat(x: float, y: float, z: float, wide: float = 0.24) -> Mesh:
    return soft_mesh(
        [
            block((x + 0.12, y, z), (0.26, wide, 0.08), Stuff.SEAT, -0.08, 0.05),
            block((x - 0.16, y, z + 0.32), (0.07, wide, 0.32), Stuff.SEAT, 0.22, 0.05),
            block((x - 0.26, y, z + 0.72), (0.045, 0.13, 0.075), Stuff.SEAT, 0.2, 0.035),
        ],
        0.035,
        0.03,
    )


def _bench() -> Mesh:
    """A bus seat: there are many, and each is small in a picture."""
    return join(
        [
            box((-0.15, -0.22, -0.06), (0.28, 0.22, 0.06), Stuff.SEAT, 0.7),
            box((-0.24, -0.22, 0.0), (-0.14, 0.22, 0.72), Stuff.SEAT, 0.8),
        ]
    )


def _rows(body: Body, style: Style) -> list[float]:
    """X of the seat rows."""
    doors = doors_of(body.shape, style)
    first = max(doors.middle + 0.22, body.shape.cowl_x - 1.15)
    rows = [first]
    end = doors.glass_rear if not style.panel_side else first
    while rows[-1] - 0.85 > end + 0.25:
        rows.append(rows[-1] - 0.85)
    return rows


def _seat_height(shape: BodyShape) -> float:
    # In a bus there is room to stand: its seats are where its windows begin.
    return shape.belt - 0.15 if shape.half_width > BUS_HALF_WIDTH else shape.height - 1.12


def cabin(body: Body, style: Style) -> Mesh:
    """The interior that all vehicles of a model have."""
    shape = body.shape
    seat = _seat_height(shape)
    belt, half = shape.belt - 0.03, shape.half_width - 0.16
    rows = _rows(body, style)
    front, rear = shape.cowl_x - 0.10, max(shape.tail_x + 0.15, shape.rear_x + 0.15)
    floor = max(0.3, seat - 0.25)
    parts = [
        box((rear, -half, floor - 0.02), (front, half, floor), Stuff.CABIN, 0.4),
        box((front - 0.55, -half, belt - 0.35), (front, half, belt - 0.045), Stuff.CABIN, 0.7),
        box((rear, half, floor), (front, half + 0.02, belt), Stuff.CABIN, 0.5),
        box((rear, -half - 0.02, floor), (front, -half, belt), Stuff.CABIN, 0.5),
        box((rear - 0.03, -half, floor), (rear, half, belt), Stuff.CABIN, 0.5),
    ]
    if shape.roof_x - shape.tail_x > 0.5 and shape.bed == 0:
        shelf = rows[-1] - 0.35
        parts.append(box((rear, -half, belt - 0.06), (shelf, half, belt - 0.03), Stuff.CABIN, 0.8))
    bucket = _bench() if shape.half_width > BUS_HALF_WIDTH else _seat(0.0, 0.0, 0.0)
    for number, x in enumerate(rows):
        for y in (
            (0.37, -0.37)
            if shape.half_width < BUS_HALF_WIDTH or number == 0
            else (0.8, 0.36, -0.36, -0.8)
        ):
            parts.append(moved(bucket, x, y, seat))
    wheel = soft_mesh(
        [
            limb(
                (0.0, 0.17 * np.cos(a), 0.17 * np.sin(a)),
                (0.0, 0.17 * np.cos(a + 0.79), 0.17 * np.sin(a + 0.79)),
                0.016,
                0.016,
                Stuff.TRIM,
            )
            for a in np.arange(8) * 0.785
        ],
        0.02,
        0.01,
    )
    parts.append(moved(rotated(wheel, 1, 0.4), rows[0] + 0.45, 0.37, seat + 0.38))
    inner_mirror = (shape.screen_x + 0.06, 0.0, shape.height - 0.19)
    parts.append(
        moved(soft_mesh([block((0, 0, 0), (0.02, 0.11, 0.035), Stuff.TRIM)], 0.02), *inner_mirror)
    )
    return join(parts)


def driver(body: Body, style: Style, build: float) -> Mesh:
    """Somebody at the wheel."""
    x, z = _rows(body, style)[0] - 0.05, _seat_height(body.shape)
    y = 0.37
    wide = 0.19 * build
    return soft_mesh(
        [
            limb((x - 0.02, y, z + 0.12), (x - 0.08, y, z + 0.50), 0.16, 0.14, Stuff.TOP),
            limb(
                (x - 0.06, y - wide, z + 0.50),
                (x - 0.06, y + wide, z + 0.50),
                0.075,
                0.075,
                Stuff.TOP,
            ),
            limb(
                (x - 0.04, y + wide, z + 0.48),
                (x + 0.18, y + wide, z + 0.28),
                0.055,
                0.045,
                Stuff.TOP,
            ),
            limb(
                (x + 0.18, y + wide, z + 0.28),
                (x + 0.42, y + 0.12, z + 0.42),
                0.042,
                0.035,
                Stuff.SKIN,
            ),
            limb(
                (x - 0.04, y - wide, z + 0.48),
                (x + 0.18, y - wide, z + 0.28),
                0.055,
                0.045,
                Stuff.TOP,
            ),
            limb(
                (x + 0.18, y - wide, z + 0.28),
                (x + 0.42, y - 0.12, z + 0.42),
                0.042,
                0.035,
                Stuff.SKIN,
            ),
            limb((x - 0.05, y, z + 0.52), (x - 0.03, y, z + 0.62), 0.055, 0.055, Stuff.SKIN),
            ball((x - 0.01, y, z + 0.72), (0.095, 0.078, 0.115), Stuff.SKIN),
            ball((x - 0.03, y, z + 0.755), (0.10, 0.086, 0.10), Stuff.HAIR),
        ],
        0.026,
        0.03,
    )


def belongings(body: Body, identity: Identity) -> Mesh:
    """Dashboard items and what hangs from the mirror."""
    shape = body.shape
    parts = []
    half = shape.half_width - 0.25
    top = shape.belt - 0.075
    for number, place in enumerate(identity.items):
        y = (2 * place - 1) * half
        x = shape.cowl_x - 0.38
        stuff = Stuff.ITEM if number == 0 else Stuff.OTHER_ITEM
        parts.append(box((x, y - 0.07, top), (x + 0.09, y + 0.07, top + 0.075), stuff))
    if identity.tag:
        x, z = shape.screen_x + 0.08, shape.height - 0.29
        parts.append(box((x, -0.035, z - 0.13), (x + 0.012, 0.035, z), Stuff.TAG))
        parts.append(box((x, -0.004, z), (x + 0.006, 0.004, z + 0.08), Stuff.TAG))
    return join(parts)


def _bars(body: Body, xs: tuple[float, ...], width: float) -> list[Mesh]:
    parts = []
    for x in xs:
        foot = min(top_at(body, x, width), top_at(body, x, -width))
        z = top_at(body, x, 0.0) + 0.07
        parts.append(
            soft_mesh([limb((x, -width, z), (x, width, z), 0.018, 0.018, Stuff.RACK)], 0.015)
        )
        for sign in (1.0, -1.0):
            y = sign * width
            parts.append(
                box((x - 0.03, y - 0.02, foot - 0.01), (x + 0.03, y + 0.02, z), Stuff.RACK)
            )
    return parts


def on_roof(body: Body, style: Style, identity: Identity) -> Mesh:
    """Factory roof rails and what the owner put on the roof."""
    shape = body.shape
    parts: list[Mesh] = []
    width = shape.half_width - shape.inset - shape.lean - 0.06
    front, rear = shape.screen_x - 0.15, shape.roof_x + 0.1
    if style.rails:
        xs = np.linspace(front, rear, 7)
        heights = [
            top_at(body, float(x), width) + (0.045 if 0 < i < 6 else 0.0) for i, x in enumerate(xs)
        ]
        rail = soft_mesh(
            [
                limb(
                    (xs[i], width, heights[i]),
                    (xs[i + 1], width, heights[i + 1]),
                    0.017,
                    0.017,
                    Stuff.CHROME if style.chrome else Stuff.RACK,
                )
                for i in range(6)
            ],
            0.016,
            0.01,
        )
        parts += [rail, mirrored(rail)]
    if identity.roof == 0:
        return join(parts)
    first, last = front - 0.2, max(front - 1.0, rear + 0.15)
    parts += _bars(body, (first, last), width)
    middle = 0.5 * (first + last)
    z = top_at(body, middle, 0.0) + 0.08
    if identity.roof == 2:
        parts.append(
            soft_mesh(
                [block((middle, -0.12, z + 0.18), (0.78, 0.36, 0.17), Stuff.RACK, 0.0, 0.10)], 0.045
            )
        )
    elif identity.roof == 3:
        for sign in (1.0, -1.0):
            parts.append(
                box(
                    (last, sign * width - 0.015, z),
                    (first, sign * width + 0.015, z + 0.10),
                    Stuff.RACK,
                )
            )
        parts.append(box((middle - 0.35, -0.4, z), (middle + 0.35, 0.35, z + 0.28), Stuff.LOAD))
    elif identity.roof == 4:
        for y in (-0.35, 0.05):
            parts.append(
                box((rear - 0.1, y - 0.025, z), (front, y + 0.025, z + 0.06), Stuff.CHROME)
            )
        for x in np.arange(rear, front, 0.3):
            parts.append(box((x, -0.35, z + 0.02), (x + 0.03, 0.05, z + 0.045), Stuff.CHROME))
    return join(parts)


def spoiler(body: Body, style: Style) -> Mesh:
    """A lip at the rear end of the roof."""
    if not style.spoiler:
        return empty_mesh()
    shape = body.shape
    x = shape.roof_x + 0.02
    z = top_at(body, x, 0.0) - 0.005
    wide = shape.half_width - shape.inset - shape.lean - 0.05
    return soft_mesh(
        [block((x - 0.07, 0.0, z), (0.13, wide, 0.018), Stuff.PANEL, -0.08, 0.015)], 0.024
    )


def in_bed(body: Body, identity: Identity) -> Mesh:
    """Load of a pickup."""
    shape = body.shape
    if shape.bed == 0 or identity.load == 0:
        return empty_mesh()
    low, length, floor = shape.rear_x + 0.12, shape.bed - 0.1, shape.bed_floor + 0.005
    half = shape.half_width - 0.20
    if identity.load == 1:
        rng = np.random.default_rng([identity.dirt, 3])
        parts = []
        for _ in range(5):
            x = low + float(rng.uniform(0.0, length - 0.5))
            y = float(rng.uniform(-half, half - 0.45))
            high = float(rng.uniform(0.2, 0.55))
            stuff = Stuff.LOAD if rng.random() < 0.5 else Stuff.OTHER_LOAD
            parts.append(box((x, y, floor), (x + 0.48, y + 0.42, floor + high), stuff))
        return join(parts)
    if identity.load == 2:
        top = shape.deck_z - floor
        return soft_mesh(
            [
                block(
                    (low + length / 2, 0, floor + 0.5 * top),
                    (length / 2, half, 0.5 * top),
                    Stuff.LOAD,
                ),
                ball((low + 0.6 * length, 0.1, floor + top), (0.45, 0.5, 0.22), Stuff.LOAD),
            ],
            0.05,
            0.12,
        )
    pipes = [
        rotated(lathe([(0.055, -length / 2), (0.055, length / 2)], Stuff.LOAD, 10), 2, np.pi / 2)
        for _ in range(5)
    ]
    return join(
        [
            moved(pipe, low + length / 2, -0.3 + 0.14 * i, floor + 0.06)
            for i, pipe in enumerate(pipes)
        ]
    )
