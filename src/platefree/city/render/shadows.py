"""Shadows from height maps that are sheared along the light.

Every point is slid along the light down to the ground. A cell keeps the greatest height of what
slid onto it; a point lies in shadow if something higher slid onto the same cell. One map serves the
shadow on the ground (height 0) and that on the thing itself.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from platefree.city.render.compiled import inlined, kernel
from platefree.city.render.raster import draw_heights
from platefree.city.scene import Floats

_MARGIN = 3  # empty cells around the edge, so that lookups beside the map find no shadow


class Shadow(NamedTuple):
    """A sheared height map.

    Attributes:
        cells: (h, w) float32, metres; 0 where nothing throws a shadow.
        corner: (2,) float32, world metres of the corner of the first cell.
        scale: cells a metre.
        shear: (2,) float32, metres that a point slides for each metre of height.
        bias: metres by which something must be higher to throw a shadow.
    """

    cells: Floats
    corner: Floats
    scale: float
    shear: Floats
    bias: float


def no_shadow() -> Shadow:
    """The map of a place with nothing in it."""
    nothing = np.zeros(2, np.float32)
    return Shadow(np.zeros((2, 2), np.float32), nothing, 1.0, nothing, 0.05)


def shadow_of(
    points: Floats,
    triangles: NDArray[np.int32],
    light: Floats,
    cells: int = 160,
    window: tuple[float, float, float, float] | None = None,
) -> Shadow:
    """The shadow that a mesh throws.

    Args:
        points: (n, 3) float32, world metres.
        triangles: (t, 3) int32.
        light: (3,), unit, direction to the light.
        cells: of the longer side of the map.
        window: lowest x, y, highest x, y of the ground to cover, metres; all of the shadow if None.
    """
    if not len(triangles):
        return no_shadow()
    shear = (light[:2] / max(float(light[2]), 0.1)).astype(np.float32)
    slid, heights = np.empty((len(points), 2), np.float32), np.empty(len(points), np.float32)
    low, high = np.empty(2, np.float32), np.empty(2, np.float32)
    _slide(points, shear, slid, heights, low, high)
    if window is not None:
        low, high = np.maximum(low, window[:2]), np.minimum(high, window[2:])
    extent = high - low
    if extent.min() <= 0:
        return no_shadow()
    scale = float(cells / extent.max())
    columns, rows = (np.ceil(extent * scale).astype(int) + 2 * _MARGIN).tolist()
    corner = (low - _MARGIN / scale).astype(np.float32)
    raised = np.zeros((rows, columns), np.float32)
    slid -= corner
    slid *= np.float32(scale)
    draw_heights(raised, slid, heights, triangles)
    for edge in (raised[:_MARGIN], raised[-_MARGIN:], raised[:, :_MARGIN], raised[:, -_MARGIN:]):
        edge[...] = 0
    slope = float(np.hypot(*shear))
    return Shadow(raised, corner, scale, shear, 0.05 + 1.3 / scale / max(slope, 0.4))


@kernel
def _slide(points, shear, slid, heights, low, high):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Points slid down along the light, their heights, and the bounds of where they land."""
    low[:], high[:] = np.inf, -np.inf
    for i in range(len(points)):
        heights[i] = points[i, 2]
        for n in range(2):
            place = points[i, n] - points[i, 2] * shear[n]
            slid[i, n] = place
            low[n], high[n] = min(low[n], place), max(high[n], place)


@inlined
def shaded(shadow, x, y, z):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Fraction of the light that is kept from a point, 0 to 1; four cells are compared."""
    rows, columns = shadow.cells.shape
    u = (x - shadow.shear[0] * z - shadow.corner[0]) * shadow.scale - 0.5
    v = (y - shadow.shear[1] * z - shadow.corner[1]) * shadow.scale - 0.5
    if not (0.0 <= u < columns - 1.0 and 0.0 <= v < rows - 1.0):
        return 0.0
    column, row = int(u), int(v)
    p, q = u - column, v - row
    limit = z + shadow.bias
    top = (1 - p) * (shadow.cells[row, column] > limit) + p * (
        shadow.cells[row, column + 1] > limit
    )
    bottom = (1 - p) * (shadow.cells[row + 1, column] > limit) + p * (
        shadow.cells[row + 1, column + 1] > limit
    )
    return (1 - q) * top + q * bottom
