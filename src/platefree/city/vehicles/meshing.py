"""From a distance field sampled on a grid to triangles: naive surface nets.

Surface nets (Gibson 1998) put one vertex in each cell that the surface crosses and join the four
cells around each crossing edge: half the triangles of marching cubes and no slivers. The callers
then step the vertices onto the field, so the first placement need not be exact.
"""

import numpy as np
from numpy.typing import NDArray

from platefree.city.vehicles.curves import Doubles
from platefree.jit import njit


@njit(cache=True)
def _nets(
    values: NDArray[np.float32], low: Doubles, step: float
) -> tuple[Doubles, NDArray[np.int32]]:
    n0, n1, n2 = values.shape
    index = np.full((n0, n1, n2), -1, dtype=np.int32)
    vertices = np.empty((values.size, 3), dtype=np.float64)
    count = 0
    for i in range(n0 - 1):
        for j in range(n1 - 1):
            for k in range(n2 - 1):
                inside = 0
                for corner in range(8):
                    if values[i + (corner & 1), j + (corner >> 1 & 1), k + (corner >> 2)] < 0:
                        inside += 1
                if inside == 0 or inside == 8:
                    continue
                s0 = s1 = s2 = 0.0
                crossings = 0
                for corner in range(8):
                    c0, c1, c2 = corner & 1, corner >> 1 & 1, corner >> 2
                    here = values[i + c0, j + c1, k + c2]
                    for axis in range(3):
                        if corner >> axis & 1:
                            continue
                        other = corner | 1 << axis
                        there = values[i + (other & 1), j + (other >> 1 & 1), k + (other >> 2)]
                        if (here < 0) == (there < 0):
                            continue
                        fraction = here / (here - there)
                        s0 += c0 + (fraction if axis == 0 else 0.0)
                        s1 += c1 + (fraction if axis == 1 else 0.0)
                        s2 += c2 + (fraction if axis == 2 else 0.0)
                        crossings += 1
                vertices[count, 0] = low[0] + (i + s0 / crossings) * step
                vertices[count, 1] = low[1] + (j + s1 / crossings) * step
                vertices[count, 2] = low[2] + (k + s2 / crossings) * step
                index[i, j, k] = count
                count += 1
    triangles = np.empty((count * 6, 3), dtype=np.int32)
    made = 0
    for i in range(1, n0 - 1):
        for j in range(1, n1 - 1):
            for k in range(1, n2 - 1):
                here = values[i, j, k] < 0
                for axis in range(3):
                    if axis == 0:
                        there = values[i + 1, j, k] < 0
                        a, b = index[i, j - 1, k - 1], index[i, j, k - 1]
                        c, d = index[i, j, k], index[i, j - 1, k]
                    elif axis == 1:
                        there = values[i, j + 1, k] < 0
                        a, b = index[i - 1, j, k - 1], index[i - 1, j, k]
                        c, d = index[i, j, k], index[i, j, k - 1]
                    else:
                        there = values[i, j, k + 1] < 0
                        a, b = index[i - 1, j - 1, k], index[i, j - 1, k]
                        c, d = index[i, j, k], index[i - 1, j, k]
                    if here == there:
                        continue
                    if not here:
                        b, d = d, b
                    triangles[made, 0], triangles[made, 1], triangles[made, 2] = a, b, c
                    triangles[made + 1, 0], triangles[made + 1, 1], triangles[made + 1, 2] = a, c, d
                    made += 2
    return vertices[:count].copy(), triangles[:made].copy()


def surface_nets(
    values: NDArray[np.float32], low: Doubles, step: float
) -> tuple[Doubles, NDArray[np.int32]]:
    """Triangles of the zero level of a sampled field that is negative inside.

    Args:
        values: (nx, ny, nz) samples; the surface must not touch the border.
        low: (3,) position of the first sample.
        step: metres between samples.

    Returns:
        (v, 3) vertices and (t, 3) triangles, counter-clockwise seen from outside.
    """
    return _nets(np.ascontiguousarray(values, dtype=np.float32), low, step)


def cut_away(
    vertices: Doubles, triangles: NDArray[np.int32], level: Doubles
) -> tuple[Doubles, NDArray[np.int32]]:
    """Remove the part of a mesh where a function of its vertices is negative.

    Args:
        vertices: (v, 3).
        triangles: (t, 3).
        level: (v,) the function; triangles are cut where it changes sign.

    Returns:
        Vertices and triangles; vertices without a triangle are kept.
    """
    negative = level[triangles] < 0
    removed = negative.sum(axis=1)
    kept = triangles[removed == 0]
    points = [tuple(point) for point in vertices]
    made: dict[tuple[int, int], int] = {}

    def crossing(a: int, b: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in made:
            fraction = level[a] / (level[a] - level[b])
            made[key] = len(points)
            points.append(tuple(vertices[a] + fraction * (vertices[b] - vertices[a])))
        return made[key]

    extra: list[tuple[int, int, int]] = []
    for row in np.flatnonzero((removed == 1) | (removed == 2)):
        corners = [int(corner) for corner in triangles[row]]
        lone = int(np.flatnonzero(negative[row] == (removed[row] == 1))[0])
        a, b, c = corners[lone], corners[(lone + 1) % 3], corners[(lone + 2) % 3]
        p, q = crossing(a, b), crossing(a, c)
        extra += [(p, b, c), (p, c, q)] if removed[row] == 1 else [(a, p, q)]
    joined = np.concatenate((kept, np.array(extra, dtype=np.int32).reshape(-1, 3)))
    return np.array(points), joined.astype(np.int32)
