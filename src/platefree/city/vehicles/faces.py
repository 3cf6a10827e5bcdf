"""What is painted on the front and the rear: glass, lamps, grilles, badges, bumpers, plates.

Outlines are mirrored in y. Families are combined freely by model, so that two models of one type
rarely share a face.
"""

from dataclasses import dataclass

import numpy as np

from platefree.city.scene import Part
from platefree.city.vehicles.body import Body
from platefree.city.vehicles.glazing import BLACK_TRIM, CHROME, FRIT, GAP, GLASS, PLASTIC
from platefree.city.vehicles.grilles import paint_badge, paint_grille
from platefree.city.vehicles.maps import Canvas, Ink, Points, Side
from platefree.city.vehicles.shapes import BodyShape, Style

HOUSING = Ink((58, 62, 68), roughness=0.08, metal=0.2, part=Part.LIGHT)
REFLECTOR = Ink((214, 220, 226), roughness=0.1, metal=0.5, head=1.0, part=Part.LIGHT)
DAY_LAMP = Ink((240, 244, 250), roughness=0.2, head=0.8, part=Part.LIGHT)
AMBER = Ink((222, 126, 24), roughness=0.2, part=Part.LIGHT)
RED = Ink((178, 12, 16), roughness=0.12, tail=0.85, part=Part.LIGHT)
DARK_RED = Ink((104, 8, 11), roughness=0.12, tail=0.4, part=Part.LIGHT)
LAMP_EDGE = Ink((14, 8, 9), roughness=0.3, part=Part.LIGHT)
CLEAR = Ink((196, 190, 188), roughness=0.15, part=Part.LIGHT)
PLATE = Ink((212, 214, 216), roughness=0.55, part=Part.PLATE)
PLATE_FRAME = Ink((16, 16, 17), roughness=0.6)

# (fraction of the lamp's width from inside to outside, fraction of its half height)
LAMPS: tuple[Points, ...] = (
    ((0, -0.2), (0.12, -0.8), (0.6, -1), (0.95, -0.2), (1, 1), (0.6, 0.8), (0.2, 0.3)),
    ((0, -1), (0.05, 1), (0.98, 1), (1, -0.8), (0.9, -1)),
    ((0, -0.35), (0.3, -0.6), (1, 0.1), (1, 0.75), (0.5, 0.25), (0, 0.15)),
    (
        (0.12, 0),
        (0.22, -0.9),
        (0.5, -1.3),
        (0.8, -0.9),
        (0.92, 0),
        (0.8, 0.9),
        (0.5, 1.3),
        (0.2, 1),
    ),
    ((0.15, -1), (0.7, -1.5), (0.95, -0.6), (1, 1.5), (0.75, 1.3), (0.3, 0.1)),
    ((0, -0.4), (0.9, -0.4), (1, 0.4), (0.92, 0.55), (0, 0.2)),
    ((0, -0.9), (0.85, -1.1), (1, -0.6), (1, 0.9), (0.1, 0.9)),
    ((0, 0.0), (0.15, -0.9), (0.8, -1), (1, -0.1), (0.9, 0.9), (0.2, 0.9)),
)
TAILS: tuple[Points, ...] = (
    ((0, -1), (0, 0.8), (1, 1), (1, -0.9)),
    ((0, -0.1), (0, 0.9), (1, 1), (1, -1), (0.6, -1), (0.55, -0.1)),
    ((0.55, -2.2), (0.62, 2.2), (1, 2.4), (1, -2.0)),
    ((-0.9, 0.05), (-0.9, 0.6), (0, 0.6), (0.3, 0.9), (1, 0.9), (1, -0.7), (0.3, -0.5), (0, 0.05)),
    ((0.25, 0), (0.35, -0.9), (0.6, -1.2), (0.9, -0.8), (1, 0), (0.9, 0.9), (0.6, 1.2), (0.3, 0.9)),
    ((0.1, 0.7), (1, 1.2), (1, -1.2), (0.75, -0.9)),
    ((0, 0.2), (0, 0.75), (1, 1), (1, -0.6), (0.8, -0.6), (0.75, 0.2)),
)


@dataclass(frozen=True)
class Face:
    """Where things are on a front or rear, seen along x.

    Attributes:
        inner: |y| where a lamp begins.
        outer: |y| where it ends, around the corner.
        lamp_z: middle of the lamps.
        lamp_half: half of their height.
    """

    inner: float
    outer: float
    lamp_z: float
    lamp_half: float


def front_face(shape: BodyShape, style: Style) -> Face:
    """Places on the front."""
    wide = shape.half_width - shape.front_taper
    # A short nose has its lamps in the bumper's height, a bonnet just below its edge.
    height = min(0.085, 0.30 * (shape.bonnet_front - shape.sill) * 0.5)
    height *= (1.0, 1.0, 0.8, 0.95, 0.85, 0.6, 1.05, 0.95)[style.lamp]
    reach = (0.40, 0.33, 0.44, 0.27, 0.30, 0.42, 0.32, 0.36)[style.lamp]
    middle = 0.62 * shape.nose + 0.38 * shape.bonnet_front - 0.005
    return Face(wide - reach + 0.05, wide + 0.055, middle, height)


def rear_face(shape: BodyShape, style: Style) -> Face:
    """Places on the rear."""
    wide = shape.half_width - shape.rear_taper
    upright = style.tail == 2
    middle = min(shape.deck_z, shape.belt + 0.12) - (0.10 if upright else 0.15)
    boot = shape.roof_x - shape.tail_x > 0.5 and shape.bed == 0
    return Face(wide - 0.36, wide + 0.055, middle, 0.10 if boot or upright else 0.12)


def rear_plate_z(shape: BodyShape, style: Style) -> float:
    """Height of the middle of the rear plate."""
    if style.plate_low:
        return shape.sill + 0.21
    return rear_face(shape, style).lamp_z - (0.16 if style.tail == 3 else 0.11)


def front_plate_z(shape: BodyShape, style: Style) -> float:
    """Height of the middle of the front plate."""
    low = front_face(shape, style).lamp_z - 0.19
    return max(min(0.5 * (shape.sill + shape.nose) - 0.03, low), shape.sill + 0.13)


def _both(points: Points) -> tuple[Points, Points]:
    return points, [(-y, z) for y, z in points]


def _lamp_outline(face: Face, family: Points, grow: float = 1.0) -> Points:
    return [
        (
            face.inner + fraction * (face.outer - face.inner),
            face.lamp_z + up * face.lamp_half * grow,
        )
        for fraction, up in family
    ]


def _head_lamps(canvas: Canvas, shape: BodyShape, style: Style) -> None:
    face = front_face(shape, style)
    wide = face.outer - face.inner
    for mirror in (1.0, -1.0):
        outline = [(mirror * y, z) for y, z in _lamp_outline(face, LAMPS[style.lamp])]
        canvas.polygon("front", outline, HOUSING)
        spots = (0.45,) if style.lamp in (3, 4) else (0.32, 0.62)
        for spot in spots:
            y = mirror * (face.inner + spot * wide)
            radius = face.lamp_half * (0.85 if style.lamp == 3 else 0.58)
            canvas.ellipse("front", (y, face.lamp_z), (radius * 1.1, radius), REFLECTOR)
            canvas.ellipse("front", (y, face.lamp_z), (radius * 0.5, radius * 0.5), CLEAR)
        if style.seed % 3 == 0:
            low = [
                (mirror * (face.inner + s * wide), face.lamp_z + u * face.lamp_half)
                for s, u in ((0.05, -0.45), (0.6, -0.85), (0.95, -0.1))
            ]
            canvas.line("front", low, 0.016, DAY_LAMP, outline)
        elif style.seed % 3 == 1:
            top = [
                (mirror * (face.inner + s * wide), face.lamp_z + u * face.lamp_half)
                for s, u in ((0.1, 0.25), (0.6, 0.7), (0.95, 0.8))
            ]
            canvas.line("front", top, 0.016, DAY_LAMP, outline)
        tip = [
            (mirror * (face.inner + s * wide), face.lamp_z + u * face.lamp_half)
            for s, u in ((0.84, -1.6), (0.84, 1.6), (1.1, 1.6), (1.1, -1.6))
        ]
        canvas.polygon("front", tip, AMBER if style.seed % 4 == 1 else CLEAR, outline)
        if style.lamp == 5:  # a slit above, the real lamp below
            y = mirror * (face.inner + 0.55 * wide)
            canvas.ellipse("front", (y, face.lamp_z - 0.16), (0.12, 0.055), BLACK_TRIM)
            canvas.ellipse("front", (y, face.lamp_z - 0.16), (0.075, 0.038), REFLECTOR)


def _front_bumper(canvas: Canvas, shape: BodyShape, style: Style) -> None:
    wide = shape.half_width - shape.front_taper
    low = shape.sill + 0.045
    top = max(low + 0.10, 0.45 * (shape.nose + shape.sill) - 0.02)
    family = style.bumper
    canvas.polygon("front", [(-2, -1), (2, -1), (2, low), (-2, low)], PLASTIC)
    if style.cladding:
        canvas.polygon("front", [(-2, 0), (2, 0), (2, low + 0.09), (-2, low + 0.09)], PLASTIC)
    if family in (0, 3):
        fraction = 0.72 if family == 0 else 0.9
        mouth = [
            (-fraction * wide, low),
            (fraction * wide, low),
            (0.62 * wide, top),
            (-0.62 * wide, top),
        ]
        canvas.polygon("front", mouth, BLACK_TRIM)
    elif family in (1, 4):
        mouth = [(-0.5 * wide, low), (0.5 * wide, low), (0.42 * wide, top), (-0.42 * wide, top)]
        canvas.polygon("front", mouth, BLACK_TRIM)
    else:
        canvas.line(
            "front", [(-0.75 * wide, low + 0.06), (0.75 * wide, low + 0.06)], 0.05, BLACK_TRIM
        )
    for sign in (1.0, -1.0):
        y = sign * 0.80 * wide
        z = 0.5 * (low + top) + 0.035
        if family == 1:
            canvas.ellipse("front", (y, z), (0.085, 0.06), BLACK_TRIM)
            canvas.ellipse("front", (y, z), (0.045, 0.04), REFLECTOR)
        elif family == 2:
            canvas.ellipse("front", (y, z + 0.04), (0.05, 0.045), REFLECTOR)
        elif family == 3:
            fin = [
                (y - 0.03, low),
                (y + 0.09 * sign, low),
                (y + 0.08 * sign, top + 0.12),
                (y + 0.04 * sign, top + 0.12),
            ]
            canvas.polygon("front", fin, BLACK_TRIM)
        elif family == 4:
            wedge = [
                (y - 0.15 * sign, low),
                (y + 0.12 * sign, low + 0.02),
                (y + 0.12 * sign, top + 0.05),
                (y - 0.02 * sign, top - 0.02),
            ]
            canvas.polygon("front", wedge, BLACK_TRIM)
            canvas.ellipse("front", (y + 0.03 * sign, z), (0.05, 0.022), REFLECTOR)
    if style.cladding:
        skid = [
            (-0.4 * wide, low - 0.06),
            (0.4 * wide, low - 0.06),
            (0.36 * wide, low + 0.05),
            (-0.36 * wide, low + 0.05),
        ]
        canvas.polygon("front", skid, Ink((150, 152, 155), roughness=0.35, metal=0.7))


def paint_plate(
    canvas: Canvas, side: Side, centre: tuple[float, float], wide: float = 0.26
) -> None:
    """A number plate without a number."""
    y, z = centre
    high = 0.055 if wide > 0.2 else 0.075
    for grow, ink in ((0.012, PLATE_FRAME), (0.0, PLATE)):
        a, b = wide + grow, high + grow
        canvas.polygon(side, [(y - a, z - b), (y + a, z - b), (y + a, z + b), (y - a, z + b)], ink)


def cabin_half_width(body: Body, z: float) -> float:
    """Half width of the greenhouse at a height."""
    shape = body.shape
    fraction = float(np.clip((z - shape.belt) / (shape.height - shape.belt), 0, 1))
    return shape.half_width - shape.inset - shape.lean * fraction


def _screen(body: Body, low: float, high: float, pillar: float) -> Points:
    shape = body.shape
    middle = 0.5 * (low + high)
    sag = 0.045
    right = [
        (cabin_half_width(body, low) - pillar + 0.02, low - sag * 0.7),
        (cabin_half_width(body, middle) - pillar, middle - sag * 0.7),
        (cabin_half_width(body, high) - pillar - 0.03, high - sag),
        (0.55 * (cabin_half_width(body, high) - pillar), high - 0.3 * sag),
    ]
    left = [(-y, z) for y, z in reversed(right)]
    lower = [(-0.5 * shape.half_width, low + 0.004), (0.5 * shape.half_width, low + 0.004)]
    return [*right, *left, *lower]


def paint_front(canvas: Canvas, body: Body, style: Style) -> None:
    """Paint what is seen from ahead."""
    shape = body.shape
    half = shape.half_width
    low, high = shape.cowl_z, shape.height - 0.055
    # The cowl is part of the screen's dark edge, so that it can never come loose from it.
    canvas.polygon("front", _screen(body, low - 0.012, high + 0.012, 0.055), FRIT)
    canvas.polygon("front", _screen(body, low + 0.055, high - 0.02, 0.088), GLASS)
    for start, end in (((0.55, 0.035), (0.02, 0.085)), ((-0.05, 0.035), (-0.62, 0.08))):
        blade = [(start[0] * half, low + start[1]), (end[0] * half, low + end[1])]
        canvas.line("front", blade, 0.020, Ink((6, 6, 6), roughness=0.8, part=Part.WINDOW))
    canvas.line(
        "front",
        [(-half + 0.2, shape.bonnet_front - 0.03), (half - 0.2, shape.bonnet_front - 0.03)],
        0.008,
        GAP,
    )
    _front_bumper(canvas, shape, style)
    face = front_face(shape, style)
    paint_grille(canvas, shape, style, face.inner, face.lamp_z, face.lamp_half)
    _head_lamps(canvas, shape, style)
    paint_plate(canvas, "front", (0.0, front_plate_z(shape, style)))


def _tail_lamps(canvas: Canvas, shape: BodyShape, style: Style) -> None:
    face = rear_face(shape, style)
    wide = face.outer - face.inner
    family = TAILS[style.tail]
    for mirror in (1.0, -1.0):
        outline = [(mirror * y, z) for y, z in _lamp_outline(face, family)]
        canvas.line("rear", [*outline, outline[0]], 0.022, LAMP_EDGE)  # or red cars lose them
        canvas.polygon("rear", outline, RED)

        def at(fraction: float, up: float, sign: float = mirror) -> tuple[float, float]:
            return sign * (face.inner + fraction * wide), face.lamp_z + up * face.lamp_half

        tall = 2.4 if style.tail == 2 else 1.0
        band = [
            at(-1, -0.15 * tall),
            at(1.1, -0.1 * tall),
            at(1.1, 0.25 * tall),
            at(-1, 0.2 * tall),
        ]
        canvas.polygon("rear", band, DARK_RED, outline)
        low = [
            at(0.25, -1.2 * tall),
            at(0.85, -1.2 * tall),
            at(0.85, -0.35 * tall),
            at(0.25, -0.35 * tall),
        ]
        canvas.polygon("rear", low, (CLEAR, AMBER, DARK_RED)[style.seed % 3], outline)
        canvas.line(
            "rear",
            [at(0.05, 0.62 * tall), at(0.95, 0.7 * tall)],
            0.014,
            Ink((206, 40, 38), roughness=0.2, tail=1.0, part=Part.LIGHT),
            outline,
        )


def paint_rear(canvas: Canvas, body: Body, style: Style) -> None:
    """Paint what is seen from behind."""
    shape = body.shape
    half = shape.half_width
    face = rear_face(shape, style)
    pickup = shape.bed > 0
    low, high = shape.tail_z + 0.03, shape.height - shape.roof_drop - 0.03
    boot = shape.roof_x - shape.tail_x > 0.5 and not pickup
    if not style.panel_side or not style.split_rear:
        canvas.polygon("rear", _screen(body, low, high, 0.07), FRIT)
        canvas.polygon("rear", _screen(body, low + 0.035, high - 0.03, 0.11), GLASS)
        if not pickup:
            count = 9
            for i in range(count):
                z = low + 0.07 + (high - low - 0.14) * i / (count - 1)
                reach = cabin_half_width(body, z) - 0.16
                canvas.line(
                    "rear",
                    [(-reach, z), (reach, z)],
                    0.004,
                    Ink((70, 42, 30), glass=0.6, roughness=0.4, opacity=0.55),
                )
    else:
        for sign in (1.0, -1.0):
            pane = [
                (sign * 0.10, low + 0.05),
                (sign * (half - 0.22), low + 0.05),
                (sign * (half - 0.28), high - 0.08),
                (sign * 0.10, high - 0.08),
            ]
            canvas.polygon("rear", pane, FRIT)
            inner = [
                (y * 0.94 + sign * 0.01, z * 0.96 + 0.04 * 0.5 * (low + high)) for y, z in pane
            ]
            canvas.polygon("rear", inner, GLASS)
    bumper_z = shape.sill + (0.36 if not boot else 0.33)
    canvas.line("rear", [(-half, bumper_z), (half, bumper_z)], 0.011, GAP)
    lower = shape.sill + (0.17 if style.cladding else 0.07)
    canvas.polygon("rear", [(-2, -1), (2, -1), (2, lower), (-2, lower)], PLASTIC)
    diffuser = [
        (-0.55 * half, lower - 0.03),
        (0.55 * half, lower - 0.03),
        (0.48 * half, lower + 0.06),
        (-0.48 * half, lower + 0.06),
    ]
    canvas.polygon("rear", diffuser, PLASTIC)
    for points in _both(
        [
            (0.62 * half, lower + 0.05),
            (0.82 * half, lower + 0.06),
            (0.82 * half, lower + 0.085),
            (0.62 * half, lower + 0.08),
        ]
    ):
        canvas.polygon("rear", points, DARK_RED)
    lid = face.inner + 0.1 if boot else half - 0.15
    for sign in (1.0, -1.0):
        canvas.line("rear", [(sign * lid, bumper_z), (sign * lid, low)], 0.010, GAP)
    if style.split_rear:
        canvas.line("rear", [(0, bumper_z), (0, shape.height)], 0.014, GAP)
    _tail_lamps(canvas, shape, style)
    plate_z = rear_plate_z(shape, style)
    brand_z = min(face.lamp_z + 0.05, low - 0.10) if style.plate_low else plate_z + 0.125
    paint_plate(canvas, "rear", (0.0, plate_z))
    if style.chrome:
        canvas.line("rear", [(-0.34, plate_z + 0.082), (0.34, plate_z + 0.082)], 0.026, CHROME)
    paint_badge(canvas, "rear", (0.0, brand_z), 0.048, style.badge)
    rng = np.random.default_rng([style.seed, 7])
    for sign in (1.0, -1.0):  # make and model as illegible strokes
        y = sign * 0.42
        for _ in range(int(rng.integers(4, 8))):
            canvas.line("rear", [(y, brand_z - 0.012), (y + 0.004, brand_z + 0.012)], 0.007, CHROME)
            y += 0.024
    if not boot and not pickup and not style.split_rear:
        canvas.line("rear", [(0.0, low + 0.02), (0.30, low + 0.07)], 0.018, Ink((6, 6, 6)))
    stop_z = high + 0.015
    canvas.line("rear", [(-0.12, stop_z), (0.12, stop_z)], 0.02, DARK_RED)
