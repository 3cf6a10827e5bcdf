"""What is painted on the sides and the top of a body: windows, doors, shut lines, sills."""

from dataclasses import dataclass, replace

import numpy as np

from platefree.city.scene import Floats, Part
from platefree.city.vehicles.body import Body
from platefree.city.vehicles.curves import Doubles, sample
from platefree.city.vehicles.maps import Canvas, Ink, Points, Side
from platefree.city.vehicles.shapes import BodyShape, Style
from platefree.jit import njit

PAINT = Ink((128, 128, 128), paint=1.0, roughness=0.3, part=Part.BODY)
FRIT = Ink((10, 10, 11), roughness=0.25, part=Part.WINDOW)
GLASS = Ink((20, 24, 26), glass=1.0, roughness=0.05, part=Part.WINDOW)
SIDE_FRIT = replace(FRIT, part=Part.SIDE_WINDOW)
SIDE_GLASS = replace(GLASS, part=Part.SIDE_WINDOW)
PLASTIC = Ink((34, 34, 36), roughness=0.75)
GAP = Ink((4, 4, 5), roughness=0.9, opacity=0.72)
CHROME = Ink((205, 207, 210), roughness=0.12, metal=1.0)
BLACK_TRIM = Ink((12, 12, 13), roughness=0.3)


@njit(cache=True)
def _window_distance(
    house: Doubles, low: Doubles, numbers: Doubles, x: Floats, z: Floats, across: float
) -> Floats:
    out = np.empty(x.shape, dtype=np.float32)
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            forward = min(max((x[row, column] - numbers[6]) / numbers[7], -1.0), 1.0)
            bow = (numbers[4] if forward > 0 else numbers[5]) * forward * across
            out[row, column] = sample(
                house, low, 0.02, x[row, column] + bow, z[row, column] + 0.8 * numbers[0] * across
            )
    return out


@dataclass(frozen=True)
class Doors:
    """Where the doors of one side are; all are x, front to rear.

    Attributes:
        front: leading edge of the front door at the shoulder.
        middle: between front and rear door.
        rear: trailing edge of the rear door at the shoulder.
        glass_rear: rear end of the side windows.
    """

    front: float
    middle: float
    rear: float
    glass_rear: float


def doors_of(shape: BodyShape, style: Style) -> Doors:
    """Doors that suit a body."""
    front = shape.axles[0] - shape.arch_radius - 0.07
    if shape.cowl_x > front + 0.5:  # cab over the axle: the door is above the wheel
        front = shape.cowl_x - 0.16
    middle = front - (1.10 if style.doors > 2 else 1.32)
    if shape.rear_x > -0.5:  # a cab
        return Doors(front, shape.rear_x + 0.12, shape.rear_x + 0.12, shape.rear_x + 0.2)
    rear = middle - (0.86 if style.doors > 2 else 0.0)
    rear = max(rear, shape.rear_x + 0.25)
    upright = shape.roof_x - shape.tail_x < 0.55
    end = shape.tail_x + 0.20 if upright else 0.35 * shape.roof_x + 0.65 * shape.tail_x
    if shape.bed > 0:
        end = shape.tail_x + 0.15
    return Doors(front, middle, rear, end)


def _windows(canvas: Canvas, side: Side, body: Body, style: Style, doors: Doors) -> None:
    shape, field = body.shape, body.field
    x, z = canvas.texels(side)
    distance = _window_distance(field.house, field.house_low, field.numbers, x, z, 0.72)
    texel = float(x[0, 1] - x[0, 0])
    roof_gap = 0.075 + 0.25 * shape.roof_edge
    rise = 0.02 + 0.03 * np.clip((doors.middle - x) / 1.5, -0.3, 1.0)
    inside = np.minimum(-distance - roof_gap, z - shape.belt - rise)
    inside = np.minimum(inside, (x - doors.glass_rear) * 0.95)
    inside = np.minimum(inside, (shape.cowl_x - 0.34 - x) * 0.9 + 0.2)

    def cover(margin: float) -> Floats:
        fraction: Floats = np.clip((inside - margin) / texel + 0.5, 0, 1).astype(np.float32)
        return fraction

    if style.panel_side:
        front_only = cover(0.0) * (x > doors.middle + 0.06)
        glass_only = cover(0.022) * (x > doors.middle + 0.08)
        canvas.mask(side, front_only.astype(np.float32), SIDE_FRIT)
        canvas.mask(side, glass_only.astype(np.float32), SIDE_GLASS)
        return
    if style.chrome:
        canvas.mask(side, cover(-0.016), CHROME)
    canvas.mask(side, cover(0.0), SIDE_FRIT)
    canvas.mask(side, cover(0.022), SIDE_GLASS)
    pillars = [(doors.middle, 0.085)]
    if style.doors > 2 and doors.rear - doors.glass_rear > 0.12:
        pillars.append((doors.rear + 0.03, 0.06))
    place = doors.rear - 1.15
    while place > doors.glass_rear + 0.4:
        pillars.append((place, 0.07))
        place -= 1.1
    backward = x + 0.10 * (z - shape.belt)  # pillars lean back a little
    for middle, width in pillars:
        bar = np.clip((width / 2 - np.abs(backward - middle)) / texel + 0.5, 0, 1)
        canvas.mask(side, (bar * cover(0.0)).astype(np.float32), SIDE_FRIT)


def _door_lines(canvas: Canvas, side: Side, body: Body, style: Style, doors: Doors) -> None:
    shape = body.shape
    sill, belt = shape.sill + 0.12, shape.belt
    width = 0.011

    def line(points: Points) -> None:
        canvas.line(side, points, width, GAP)

    line([(doors.front - 0.02, sill), (doors.front, 0.6 * belt), (doors.front - 0.05, belt + 0.02)])
    line([(doors.middle, sill), (doors.middle - 0.01, belt), (doors.middle - 0.045, belt + 0.06)])
    last = doors.middle
    if style.doors > 2 and shape.rear_x < -0.5:
        axle = shape.axles[1]
        angle = np.linspace(2.75, 1.75, 6) if doors.rear < axle + shape.arch_radius else np.zeros(0)
        reach = shape.arch_radius + 0.06
        arc = [
            (axle - reach * float(np.cos(a)), shape.wheel_radius + reach * float(np.sin(a)))
            for a in angle
        ]
        arc = [point for point in arc if point[0] > doors.rear]
        start = [(arc[0][0], sill)] if arc else [(doors.rear + 0.02, sill)]
        line([*start, *arc, (doors.rear, belt - 0.02), (doors.rear + 0.02, belt + 0.06)])
        last = doors.rear
    line([(doors.front - 0.02, sill), (last, sill)])
    handles = [doors.middle + 0.17] + ([doors.rear + 0.19] if style.doors > 2 else [])
    for x in handles:
        z = belt - 0.115
        grip = CHROME if style.chrome else PAINT
        canvas.ellipse(side, (x, z - 0.012), (0.085, 0.026), Ink((8, 8, 8), opacity=0.6))
        canvas.polygon(
            side,
            [(x - 0.1, z - 0.012), (x + 0.1, z - 0.008), (x + 0.1, z + 0.014), (x - 0.1, z + 0.01)],
            grip,
        )
    if style.panel_side:
        rear = shape.rear_x + 0.45
        line([(doors.middle - 0.1, sill), (doors.middle - 0.1, belt + 0.55), (rear, belt + 0.55)])
        line([(doors.middle - 1.15, sill), (doors.middle - 1.15, belt + 0.55)])
        line([(doors.middle - 0.1, belt - 0.1), (rear, belt - 0.1)])


def _arches(canvas: Canvas, side: Side, shape: BodyShape, ink: Ink, width: float) -> None:
    for axle in shape.axles:
        if axle < shape.rear_x:
            continue
        angle = np.linspace(-0.6, np.pi + 0.6, 40)
        ring = [
            (
                axle + (shape.arch_radius + width * 0.5) * float(np.cos(a)),
                shape.wheel_radius + (shape.arch_radius + width * 0.5) * float(np.sin(a)),
            )
            for a in angle
        ]
        canvas.line(side, ring, width, ink)


def paint_sides(canvas: Canvas, body: Body, style: Style) -> None:
    """Paint both sides of a body."""
    shape = body.shape
    doors = doors_of(shape, style)
    sill = shape.sill
    for side in ("left", "right"):
        lower = 0.15 if style.cladding else 0.055
        canvas.polygon(
            side,
            [
                (shape.rear_x - 0.1, 0.0),
                (shape.front_x + 0.1, 0.0),
                (shape.front_x + 0.1, sill + lower),
                (shape.rear_x - 0.1, sill + lower),
            ],
            PLASTIC,
        )
        if style.cladding:
            _arches(canvas, side, shape, PLASTIC, 0.085)
        else:
            _arches(canvas, side, shape, GAP, 0.012)
        _windows(canvas, side, body, style, doors)
        _door_lines(canvas, side, body, style, doors)
        bumper = shape.front_x - 0.36
        canvas.line(
            side,
            [(shape.axles[0] + shape.arch_radius + 0.02, shape.nose - 0.07), (bumper, shape.nose)],
            0.009,
            GAP,
        )
        rear_edge = shape.axles[1] - shape.arch_radius - 0.02
        if shape.rear_x < rear_edge - 0.1:
            canvas.line(side, [(rear_edge, 0.56), (shape.rear_x + 0.1, 0.62)], 0.009, GAP)
    if shape.rear_x < -1:
        flap = (shape.axles[1] - 0.02, shape.belt - 0.16)
        square = [(-0.07, -0.06), (0.07, -0.06), (0.07, 0.06), (-0.07, 0.06), (-0.07, -0.06)]
        canvas.line("right", [(flap[0] + x, flap[1] + z) for x, z in square], 0.008, GAP)


def paint_top(canvas: Canvas, body: Body, style: Style) -> None:
    """Paint bonnet lines, boot lines, roof and load bed as seen from above."""
    shape = body.shape
    half = shape.half_width
    if shape.front_x - shape.cowl_x > 0.55:
        lead = shape.front_x - shape.nose_slope - 0.02
        for sign in (1.0, -1.0):
            canvas.line(
                "top",
                [
                    (shape.cowl_x - 0.06, sign * (half - 0.12)),
                    (0.5 * (lead + shape.cowl_x), sign * (half - 0.15)),
                    (lead - 0.10, sign * (half - 0.26 - 0.4 * shape.front_taper)),
                    (lead, sign * (half - 0.5)),
                ],
                0.011,
                GAP,
            )
        canvas.line("top", [(lead, -half + 0.5), (lead, half - 0.5)], 0.010, GAP)
    if style.roof_black:
        x, y = canvas.texels("top")
        roof = (x < shape.screen_x + 0.15) & (x > shape.tail_x + 0.02)
        inside = roof & (np.abs(y) < half - shape.inset + 0.02)
        canvas.mask("top", inside.astype(np.float32), Ink((9, 9, 10), roughness=0.08))
    if shape.bed > 0:
        low = shape.rear_x + 0.07
        canvas.polygon(
            "top",
            [
                (low, -half + 0.14),
                (low + shape.bed, -half + 0.14),
                (low + shape.bed, half - 0.14),
                (low, half - 0.14),
            ],
            PLASTIC,
        )
        for rib in np.arange(-half + 0.2, half - 0.18, 0.11):
            canvas.line("top", [(low, rib), (low + shape.bed, rib)], 0.02, GAP)
    elif shape.roof_x - shape.tail_x > 0.5:  # a boot lid
        edge = shape.tail_x - 0.03
        for sign in (1.0, -1.0):
            canvas.line(
                "top",
                [(edge, sign * (half - 0.22)), (shape.rear_x, sign * (half - 0.28))],
                0.010,
                GAP,
            )
