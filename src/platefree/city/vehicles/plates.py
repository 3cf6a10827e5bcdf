"""Number plates: their shape and colors belong to a vehicle, their text does not.

Plates come in the layouts and colors of many countries. The text is one of `TEXTS` that thousands
of vehicles share, so that whoever learns from the pictures cannot tell vehicles apart by reading.
"""

from dataclasses import dataclass

import numpy as np

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.colors import Srgb
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.lettering import Corner, Stroke, laid_on, rectangle, word
from platefree.city.vehicles.maps import Canvas, Ink, Side
from platefree.city.vehicles.meshes import join
from platefree.city.vehicles.stuff import Stuff

TEXTS = 24
"""How many texts there are."""

_COLORS: tuple[tuple[Srgb, Srgb], ...] = (
    ((226, 226, 222), (24, 24, 28)),
    ((232, 198, 64), (24, 24, 28)),
    ((36, 82, 160), (236, 236, 236)),
    ((28, 28, 30), (222, 222, 220)),
    ((36, 120, 74), (236, 236, 236)),
    ((226, 226, 222), (170, 32, 36)),
    ((206, 226, 214), (30, 70, 50)),
)
"""Ground and ink."""

_COLOR_SHARES = (0.66, 0.17, 0.05, 0.03, 0.05, 0.02, 0.02)
_WHOLE, _BAND = rectangle(0, 0, 1, 1), rectangle(0, 0, 0.1, 1)
_FRAME = rectangle(-0.04, -0.07, 1.04, 1.07)
_BLUE: Srgb = (28, 60, 150)
_RAISED = 0.004  # metres that ink stands before the ground, so that it is drawn over it


@dataclass(frozen=True)
class Plate:
    """A number plate.

    Attributes:
        ground: its color, sRGB.
        ink: of its characters.
        rows: characters in each of its one or two lines.
        text: which of `TEXTS`.
        band: a blue strip at its left.
        frame: a dark frame around it.
    """

    ground: Srgb = (226, 226, 222)
    ink: Srgb = (24, 24, 28)
    rows: tuple[int, ...] = (4, 5)
    text: int = 0
    band: bool = False
    frame: bool = True

    @property
    def half_size(self) -> tuple[float, float]:
        """Half width and half height on a car, metres."""
        return (0.26, 0.057) if len(self.rows) == 1 else (0.165, 0.085)


def draw_plate(rng: np.random.Generator, *, small: bool) -> Plate:
    """Draw a plate.

    Args:
        rng: random numbers.
        small: it belongs to a motorcycle, where most have two lines.
    """
    ground, ink = _COLORS[int(rng.choice(len(_COLORS), p=_COLOR_SHARES))]
    two = rng.random() < (0.85 if small else 0.35)
    rows = (int(rng.integers(2, 5)), int(rng.integers(3, 6))) if two else (int(rng.integers(5, 9)),)
    return Plate(
        ground, ink, rows, int(rng.integers(TEXTS)), bool(rng.random() < 0.12),
        bool(rng.random() < 0.7),
    )  # fmt: skip


def strokes(plate: Plate) -> list[Stroke]:
    """Outlines of the characters' strokes; across and up the plate, each from 0 to 1."""
    rng = np.random.default_rng([plate.text, 41])
    left = 0.14 if plate.band else 0.06
    count = len(plate.rows)
    found: list[Stroke] = []
    for line, letters in enumerate(plate.rows):
        low = 0.12 + (count - 1 - line) * 0.86 / count
        found += word(rng, letters, (left, low), (0.95, low + 0.76 / count))
    return found


def plate_mesh(plate: Plate, corners: tuple[Corner, Corner, Corner], dyes: Dyes) -> Mesh:
    """A plate with its text as triangles.

    Args:
        plate: what it looks like.
        corners: lower left, lower right and upper left as seen from outside.
        dyes: takes its colors.
    """
    ground = dyes.of(plate.ground, 0.55, Part.PLATE)
    ink = dyes.of(plate.ink, 0.55, Part.PLATE)
    parts = [laid_on(corners, [_WHOLE], ground, _RAISED)]
    if plate.frame:
        parts.append(laid_on(corners, [_FRAME], Stuff.TRIM, 0.0))
    if plate.band:
        blue = dyes.of(_BLUE, 0.55, Part.PLATE)
        parts.append(laid_on(corners, [_BAND], blue, 2 * _RAISED))
    return join([*parts, laid_on(corners, strokes(plate), ink, 2 * _RAISED)])


def paint_text_plate(canvas: Canvas, side: Side, place: tuple[float, float], plate: Plate) -> None:
    """Paint a plate with its text on a front or rear map, in place.

    Args:
        canvas: the maps.
        side: front or rear.
        place: y and z of its middle, metres.
        plate: what it looks like.
    """
    (y, z), (half, high) = place, plate.half_size
    turn = -1.0 if side == "rear" else 1.0  # y grows to the left of a vehicle

    def on_map(shape: Stroke) -> list[tuple[float, float]]:
        return [(y - turn * (2 * u - 1) * half, z + (2 * v - 1) * high) for u, v in shape]

    def ink(color: Srgb) -> Ink:
        return Ink(color, roughness=0.55, part=Part.PLATE)

    if plate.frame:
        canvas.polygon(side, on_map(_FRAME), ink((16, 16, 17)))
    canvas.polygon(side, on_map(_WHOLE), ink(plate.ground))
    if plate.band:
        canvas.polygon(side, on_map(_BAND), ink(_BLUE))
    for shape in strokes(plate):
        canvas.polygon(side, on_map(shape), ink(plate.ink))
