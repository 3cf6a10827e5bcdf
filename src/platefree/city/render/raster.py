"""A z-buffer rasteriser: which triangle each sample of a picture shows.

Buffers hold a "nearness" that is linear over a triangle on the screen (1 / depth in a perspective
view, height in a shadow map): the largest wins. Sample centres lie at +0.5. Triangle numbers only;
shading works out where in the triangle a sample lies.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import View
from platefree.city.render.compiled import routine
from platefree.city.scene import Floats

NEAR = 0.2  # metres before the camera; nearer parts of triangles are cut off
EMPTY = -1


class Samples(NamedTuple):
    """One z-buffer.

    Attributes:
        nearness: (h, w) float32, 1 / depth in 1 / metre; 0 where nothing is.
        triangle: (h, w) int32, `EMPTY` where nothing is.
    """

    nearness: Floats
    triangle: NDArray[np.int32]


def empty_samples(height: int, width: int) -> Samples:
    """A buffer with nothing in it."""
    return Samples(np.zeros((height, width), np.float32), np.full((height, width), EMPTY, np.int32))


@routine
def _fill(x0, y0, w0, x1, y1, w1, x2, y2, w2, number, nearness, triangle):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Draw one screen triangle whose signed area is positive in (x right, y down)."""
    height, width = nearness.shape
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if area <= 1e-12:
        return
    left = max(int(np.ceil(max(min(x0, x1, x2), -1.0) - 0.5)), 0)
    right = min(int(np.floor(min(max(x0, x1, x2), width + 1.0) - 0.5)), width - 1)
    top = max(int(np.ceil(max(min(y0, y1, y2), -1.0) - 0.5)), 0)
    bottom = min(int(np.floor(min(max(y0, y1, y2), height + 1.0) - 0.5)), height - 1)
    if left > right or top > bottom:
        return
    inverse = 1.0 / area
    step_x0, step_x1 = (y1 - y2) * inverse, (y2 - y0) * inverse
    step_y0, step_y1 = (x2 - x1) * inverse, (x0 - x2) * inverse
    start_x, start_y = left + 0.5, top + 0.5
    row0 = ((x2 - x1) * (start_y - y1) - (y2 - y1) * (start_x - x1)) * inverse
    row1 = ((x0 - x2) * (start_y - y2) - (y0 - y2) * (start_x - x2)) * inverse
    # A hair of tolerance so that two triangles leave no hole along their common edge.
    for y in range(top, bottom + 1):
        b0, b1 = row0, row1
        for x in range(left, right + 1):
            b2 = 1.0 - b0 - b1
            if b0 >= -1e-7 and b1 >= -1e-7 and b2 >= -1e-7:
                near = np.float32(b0 * w0 + b1 * w1 + b2 * w2)
                if near > nearness[y, x]:
                    nearness[y, x] = near
                    triangle[y, x] = number
            b0 += step_x0
            b1 += step_x1
        row0 += step_y0
        row1 += step_y1


@routine
def _clip_near(corners, clipped):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Cut a (3, 3) camera-space triangle at the near plane; returns how many corners are left."""
    count = 0
    for i in range(3):
        j = (i + 1) % 3
        here, there = corners[i, 2] - NEAR, corners[j, 2] - NEAR
        if here >= 0:
            clipped[count] = corners[i]
            count += 1
        if (here >= 0) != (there >= 0):
            fraction = here / (here - there)
            clipped[count] = corners[i] + fraction * (corners[j] - corners[i])
            count += 1
    return count


@routine
def _draw_cut(corners, fx, fy, cx, cy, sign, number, nearness, triangle):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Draw a triangle that crosses the near plane, as a fan of what is left of it."""
    clipped = np.empty((4, 3))
    count = _clip_near(corners, clipped)
    for i in range(count):
        clipped[i, 0] = cx + fx * clipped[i, 0] / clipped[i, 2]
        clipped[i, 1] = cy + fy * clipped[i, 1] / clipped[i, 2]
        clipped[i, 2] = 1.0 / clipped[i, 2]
    a = clipped[0]
    for i in range(1, count - 1):
        b, c = clipped[i], clipped[i + 1]
        if sign < 0:
            b, c = c, b
        _fill(a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2], number, nearness, triangle)


@routine
def _draw(points, triangles, fx, fy, cx, cy, sign, first, nearness, triangle):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    screen = np.empty((len(points), 3))
    for i in range(len(points)):
        depth = points[i, 2]
        near = 1.0 / depth if depth >= NEAR else 0.0
        screen[i, 0] = cx + fx * points[i, 0] * near
        screen[i, 1] = cy + fy * points[i, 1] * near
        screen[i, 2] = near
    corners = np.empty((3, 3))
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if sign < 0:
            j, k = k, j
        near_i, near_j, near_k = screen[i, 2], screen[j, 2], screen[k, 2]
        if near_i > 0 and near_j > 0 and near_k > 0:
            x0, y0, x1, y1 = screen[i, 0], screen[i, 1], screen[k, 0], screen[k, 1]
            x2, y2 = screen[j, 0], screen[j, 1]
            if (x1 - x0) * (y2 - y0) > (x2 - x0) * (y1 - y0):
                _fill(
                    x0, y0, near_i, x1, y1, near_k, x2, y2, near_j,
                    first + t, nearness, triangle,
                )  # fmt: skip
        elif near_i > 0 or near_j > 0 or near_k > 0:
            corners[0], corners[1], corners[2] = points[i], points[k], points[j]
            _draw_cut(corners, fx, fy, cx, cy, 1, first + t, nearness, triangle)


@routine
def _draw_heights(plane, heights, triangles, nearness, triangle):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by = plane[i, 0], plane[i, 1], plane[j, 0], plane[j, 1]
        dx, dy = plane[k, 0], plane[k, 1]
        if (bx - ax) * (dy - ay) > (dx - ax) * (by - ay):
            _fill(
                ax, ay, heights[i], bx, by, heights[j], dx, dy, heights[k],
                t, nearness, triangle,
            )  # fmt: skip


def draw(
    samples: Samples,
    view: View,
    points: Floats,
    triangles: NDArray[np.int32],
    first: int = 0,
) -> None:
    """Add a mesh to a buffer, front sides only.

    Args:
        samples: written in place.
        view: its numbers of pixels must be those of ``samples``.
        points: (n, 3) float32 in camera space.
        triangles: (t, 3) int32, counter-clockwise seen from outside.
        first: number of the first triangle in the buffer.
    """
    sign = 1 if np.linalg.det(view.rotation) > 0 else -1
    _draw(
        points, triangles, view.focal_x, view.focal_y, view.centre_x, view.centre_y,
        sign, first, samples.nearness, samples.triangle,
    )  # fmt: skip


def draw_heights(
    cells: Floats, plane: Floats, heights: Floats, triangles: NDArray[np.int32]
) -> None:
    """Raise the cells of a height map to the highest triangle over them.

    Args:
        cells: (h, w) float32, written in place.
        plane: (n, 2) float32, cell coordinates (column, row) of the vertices.
        heights: (n,) float32.
        triangles: (t, 3) int32; those that run counter-clockwise on the plane are drawn.
    """
    numbers = np.empty(cells.shape, np.int32)
    _draw_heights(plane, heights, triangles, cells, numbers)
