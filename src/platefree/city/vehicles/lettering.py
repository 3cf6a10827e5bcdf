"""Words that mean nothing: characters of thick bars, for plates and for signs on vehicles."""

from collections.abc import Sequence

import numpy as np

from platefree.city.scene import Mesh
from platefree.city.vehicles.meshes import join, sheet

Corner = tuple[float, float, float]
Stroke = tuple[tuple[float, float], ...]
"""Corners of a flat shape, across and up an area, each from 0 to 1."""


def rectangle(left: float, bottom: float, right: float, top: float) -> Stroke:
    """An upright rectangle."""
    return (left, bottom), (right, bottom), (right, top), (left, top)


def word(
    rng: np.random.Generator, letters: int, low: tuple[float, float], high: tuple[float, float]
) -> list[Stroke]:
    """A word that fills an area.

    Args:
        rng: random numbers.
        letters: how many.
        low: left and lower edge of the area.
        high: right and upper edge.
    """
    wide = (high[0] - low[0]) / letters
    found: list[Stroke] = []
    for number in range(letters):
        left = low[0] + (number + 0.14) * wide
        found += _character((left, low[1]), (left + 0.72 * wide, high[1]), int(rng.integers(1, 32)))
    return found


def _character(low: tuple[float, float], high: tuple[float, float], bars: int) -> list[Stroke]:
    """Bars as on the display of a pocket calculator, drawn where ``bars`` has a bit."""
    (a, b), (c, d) = low, high
    thick, tall = 0.26 * (c - a), 0.16 * (d - b)
    middle = 0.5 * (b + d)
    boxes = (
        (a, b, a + thick, d),
        (c - thick, b, c, d),
        (a, d - tall, c, d),
        (a, middle - tall / 2, c, middle + tall / 2),
        (a, b, c, b + tall),
    )
    return [rectangle(*edges) for bit, edges in enumerate(boxes) if bars >> bit & 1]


def laid_on(
    corners: tuple[Corner, Corner, Corner],
    shapes: Sequence[Stroke],
    material: int,
    raised: float = 0.004,
) -> Mesh:
    """Flat shapes on a plane, a little before it, so that they are drawn over it.

    Args:
        corners: of the area, lower left, lower right and upper left as seen from outside.
        shapes: on it.
        material: of all of them.
        raised: metres before the plane.
    """
    origin, right, up = (np.array(corner) for corner in corners)
    across, along = right - origin, up - origin
    out = np.cross(across, along)
    start = origin + out * (raised / np.linalg.norm(out))
    return join(
        [
            sheet([tuple((start + u * across + v * along).tolist()) for u, v in shape], material)
            for shape in shapes
        ]
    )
