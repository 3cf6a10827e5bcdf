"""Grilles and badges of invented makes."""

import numpy as np

from platefree.city.scene import Part
from platefree.city.vehicles.maps import Canvas, Ink, Points, Side
from platefree.city.vehicles.shapes import BodyShape, Style

MESH = Ink((11, 11, 12), roughness=0.4, part=Part.BRAND)
SLAT = Ink((70, 72, 75), roughness=0.3, metal=0.4, part=Part.BRAND)
FRAME = Ink((208, 210, 213), roughness=0.12, metal=1.0, part=Part.BRAND)
DARK_FRAME = Ink((24, 24, 26), roughness=0.2, part=Part.BRAND)
SIGN = Ink((196, 199, 204), roughness=0.15, metal=1.0, part=Part.BRAND)
SIGN_BACK = Ink((20, 24, 40), roughness=0.15, part=Part.BRAND)
GRILLES = 10
BADGES = 7


def _scaled(points: Points, fraction: float) -> Points:
    centre = np.mean(np.array(points), axis=0)
    return [tuple(centre + fraction * (np.array(point) - centre)) for point in points]


def _opening(shape: BodyShape, style: Style, inner: float, z: float, half: float) -> list[Points]:
    """Outlines of the grille's openings."""
    low = shape.sill + 0.11
    inner -= 0.03
    family = style.grille
    if family == 0:  # slim slot between the lamps
        return [[(-inner, z - 0.035), (inner, z - 0.035), (inner, z + 0.035), (-inner, z + 0.035)]]
    if family == 1:  # tall trapezoid down to the bumper
        return [
            [
                (-0.62 * inner, low),
                (0.62 * inner, low),
                (0.92 * inner, z - 0.05),
                (0.75 * inner, z + 0.06),
                (-0.75 * inner, z + 0.06),
                (-0.92 * inner, z - 0.05),
            ]
        ]
    if family == 2:  # wide oval
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        return [
            [(0.9 * inner * float(np.cos(a)), z - 0.03 + 0.09 * float(np.sin(a))) for a in angle]
        ]
    if family == 3:  # two openings side by side
        pair: list[Points] = []
        for sign in (1.0, -1.0):
            pair.append(
                [
                    (sign * 0.05, z - 0.10),
                    (sign * 0.30, z - 0.09),
                    (sign * 0.36, z + 0.02),
                    (sign * 0.30, z + 0.065),
                    (sign * 0.05, z + 0.065),
                ]
            )
        return pair
    if family == 4:  # full width, joins the lamps
        return [
            [
                (-inner - 0.05, z - 0.09),
                (inner + 0.05, z - 0.09),
                (inner + 0.05, z + 0.05),
                (-inner - 0.05, z + 0.05),
            ]
        ]
    if family == 5:  # shield
        return [
            [
                (0, z - 0.22),
                (0.30, z - 0.10),
                (0.36, z + 0.06),
                (-0.36, z + 0.06),
                (-0.30, z - 0.10),
            ]
        ]
    if family == 6:  # hexagon
        return [
            [
                (-0.34, z - 0.13),
                (0.34, z - 0.13),
                (0.48, z - 0.02),
                (0.36, z + 0.06),
                (-0.36, z + 0.06),
                (-0.48, z - 0.02),
            ]
        ]
    if family == 7:  # upright, as on off-roaders
        return [
            [
                (-0.85 * inner, z - 0.12),
                (0.85 * inner, z - 0.12),
                (0.85 * inner, z + 0.085),
                (-0.85 * inner, z + 0.085),
            ]
        ]
    if family == 8:  # two slots one above the other
        return [
            [
                (-0.8 * inner, z - offset),
                (0.8 * inner, z - offset),
                (0.85 * inner, z - offset + 0.045),
                (-0.85 * inner, z - offset + 0.045),
            ]
            for offset in (0.10, 0.0)
        ]
    return []  # closed, as on electric cars


def paint_grille(
    canvas: Canvas, shape: BodyShape, style: Style, inner: float, z: float, half: float
) -> None:
    """Paint the grille with its badge.

    Args:
        canvas: its front map.
        shape: of the body.
        style: of the model.
        inner: |y| where the head lamps begin.
        z: their middle.
        half: half of their height.
    """
    frame = FRAME if style.chrome or style.seed % 2 else DARK_FRAME
    openings = _opening(shape, style, inner, z, half)
    for points in openings:
        canvas.polygon("front", points, frame)
        hole = _scaled(points, 0.93)
        canvas.polygon("front", hole, MESH)
        low = min(point[1] for point in points)
        high = max(point[1] for point in points)
        kind = (style.seed // 2 + style.grille) % 4
        if kind == 0:
            for y in np.arange(-0.66, 0.67, 0.055):
                canvas.line("front", [(y, low), (y, high)], 0.018, SLAT, hole)
        elif kind == 1:
            for height in np.arange(low + 0.02, high, 0.04):
                canvas.line("front", [(-0.8, height), (0.8, height)], 0.014, SLAT, hole)
        elif kind == 2:
            middle = 0.5 * (low + high)
            canvas.line("front", [(-0.8, middle), (0.8, middle)], 0.026, frame, hole)
        else:
            for y in np.arange(-0.9, 0.9, 0.06):
                canvas.line("front", [(y, low), (y + 0.12, high)], 0.010, SLAT, hole)
                canvas.line("front", [(y, high), (y + 0.12, low)], 0.010, SLAT, hole)
    on_bonnet = style.grille in (2, 9) or style.grille == 0
    badge_z = z + (0.045 if on_bonnet and style.grille != 0 else 0.0)
    if style.grille == 3:
        badge_z = z + 0.11
    paint_badge(canvas, "front", (0.0, badge_z), 0.055, style.badge)


def paint_badge(
    canvas: Canvas, side: Side, centre: tuple[float, float], radius: float, family: int
) -> None:
    """Paint the sign of an invented make."""
    y, z = centre
    r = radius
    if family == 0:
        canvas.ellipse(side, centre, (r, r), SIGN)
        canvas.ellipse(side, centre, (0.72 * r, 0.72 * r), SIGN_BACK)
        canvas.line(side, [(y, z), (y, z + 0.8 * r)], 0.3 * r, SIGN)
    elif family == 1:
        canvas.ellipse(side, centre, (1.5 * r, 0.8 * r), SIGN)
        canvas.ellipse(side, centre, (1.2 * r, 0.55 * r), SIGN_BACK)
    elif family == 2:
        canvas.polygon(side, [(y, z - r), (y + 0.8 * r, z), (y, z + r), (y - 0.8 * r, z)], SIGN)
    elif family == 3:
        canvas.line(side, [(y - 1.6 * r, z), (y + 1.6 * r, z)], 0.35 * r, SIGN)
        canvas.ellipse(side, centre, (0.6 * r, 0.6 * r), SIGN)
    elif family == 4:
        canvas.line(side, [(y - r, z + 0.8 * r), (y, z - r), (y + r, z + 0.8 * r)], 0.4 * r, SIGN)
    elif family == 5:
        for offset in (-0.7, 0.7):
            canvas.ellipse(side, (y + offset * r, z), (0.75 * r, 0.75 * r), SIGN)
            canvas.ellipse(side, (y + offset * r, z), (0.5 * r, 0.5 * r), SIGN_BACK)
    else:
        canvas.polygon(
            side,
            [
                (y - r, z - 0.7 * r),
                (y + r, z - 0.7 * r),
                (y + 0.6 * r, z + 0.8 * r),
                (y - 0.6 * r, z + 0.8 * r),
            ],
            SIGN,
        )
        canvas.line(side, [(y - 0.5 * r, z), (y + 0.5 * r, z)], 0.3 * r, SIGN_BACK)
