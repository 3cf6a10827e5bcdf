"""Soft shapes from a few solids: people, seats, mirrors, panels of motorcycles.

Solids are joined by a smooth minimum of their distances, meshed together, and each triangle takes
the material of the solid nearest to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from platefree.city.scene import Mesh
from platefree.city.vehicles.curves import Doubles, smooth_min
from platefree.city.vehicles.meshes import mesh_of
from platefree.city.vehicles.meshing import surface_nets
from platefree.jit import njit

Point = tuple[float, float, float]
_LIMB, _BALL, _BLOCK = 0.0, 1.0, 2.0


@dataclass(frozen=True)
class Solid:
    """One solid; made by `limb`, `ball` or `block`.

    Attributes:
        row: its numbers, for the compiled field.
        material: index of its material.
        reach: no part of it is farther from its two points than this.
    """

    row: tuple[float, ...]
    material: int
    reach: float


def limb(start: Point, end: Point, thick: float, thin: float, material: int) -> Solid:
    """A round bar from ``start`` to ``end`` with a radius at either end."""
    return Solid((_LIMB, *start, *end, thick, thin), material, max(thick, thin))


def ball(centre: Point, radii: Point, material: int, pitch: float = 0.0) -> Solid:
    """An ellipsoid; ``pitch`` turns its nose (+x) down, radians."""
    return Solid((_BALL, *centre, *radii, pitch, 0.0), material, max(radii))


def block(
    centre: Point, half: Point, material: int, pitch: float = 0.0, rounding: float = 0.02
) -> Solid:
    """A box with rounded edges; ``pitch`` turns its nose (+x) down, radians."""
    return Solid((_BLOCK, *centre, *half, pitch, rounding), material, float(np.hypot(*half[::2])))


@njit(cache=True)
def _one(row: Doubles, x: float, y: float, z: float) -> float:
    if row[0] == 0.0:
        dx, dy, dz = row[4] - row[1], row[5] - row[2], row[6] - row[3]
        px, py, pz = x - row[1], y - row[2], z - row[3]
        along = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz + 1e-12)
        along = min(1.0, max(0.0, along))
        gap = (px - along * dx) ** 2 + (py - along * dy) ** 2 + (pz - along * dz) ** 2
        bar: float = np.sqrt(gap) - row[7] - along * (row[8] - row[7])
        return bar
    cosine, sine = np.cos(row[7]), np.sin(row[7])
    px, py, pz = x - row[1], y - row[2], z - row[3]
    px, pz = cosine * px - sine * pz, sine * px + cosine * pz
    if row[0] == 1.0:
        near = np.sqrt((px / row[4]) ** 2 + (py / row[5]) ** 2 + (pz / row[6]) ** 2)
        slope = np.sqrt((px / row[4] ** 2) ** 2 + (py / row[5] ** 2) ** 2 + (pz / row[6] ** 2) ** 2)
        egg: float = near * (near - 1.0) / max(slope, 1e-9) if near > 1e-6 else -min(row[4], row[6])
        return egg
    edge = row[8]
    qx, qy, qz = abs(px) - row[4] + edge, abs(py) - row[5] + edge, abs(pz) - row[6] + edge
    outside = np.sqrt(max(qx, 0.0) ** 2 + max(qy, 0.0) ** 2 + max(qz, 0.0) ** 2)
    brick: float = outside + min(max(qx, qy, qz), 0.0) - edge
    return brick


@njit(cache=True)
def _all(rows: Doubles, blend: float, x: float, y: float, z: float) -> float:
    total = 1e3
    for index in range(rows.shape[0]):
        total = smooth_min(total, _one(rows[index], x, y, z), blend)
    return total


@njit(cache=True)
def _fill_solids(rows: Doubles, blend: float, low: Doubles, step: float, out: Doubles) -> None:
    nx, ny, nz = out.shape
    # A coarse look first: most cells are far from every solid.
    stride = 4
    for i0 in range(0, nx, stride):
        for j0 in range(0, ny, stride):
            for k0 in range(0, nz, stride):
                middle = 0.5 * (stride - 1) * step
                far = _all(
                    rows,
                    blend,
                    low[0] + i0 * step + middle,
                    low[1] + j0 * step + middle,
                    low[2] + k0 * step + middle,
                )
                skip = abs(far) > 4.5 * step + 0.5 * blend
                for i in range(i0, min(i0 + stride, nx)):
                    for j in range(j0, min(j0 + stride, ny)):
                        for k in range(k0, min(k0 + stride, nz)):
                            if skip:
                                out[i, j, k] = far
                            else:
                                out[i, j, k] = _all(
                                    rows,
                                    blend,
                                    low[0] + i * step,
                                    low[1] + j * step,
                                    low[2] + k * step,
                                )


@njit(cache=True)
def _slope(rows: Doubles, blend: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    h = 0.002
    return (
        (_all(rows, blend, x + h, y, z) - _all(rows, blend, x - h, y, z)) / (2 * h),
        (_all(rows, blend, x, y + h, z) - _all(rows, blend, x, y - h, z)) / (2 * h),
        (_all(rows, blend, x, y, z + h) - _all(rows, blend, x, y, z - h)) / (2 * h),
    )


@njit(cache=True)
def _finish(rows: Doubles, blend: float, points: Doubles) -> tuple[Doubles, Doubles]:
    """Step the points onto the surface, in place; normals and ambient light there."""
    normals = np.empty_like(points)
    light = np.empty(points.shape[0])
    for index in range(points.shape[0]):
        x, y, z = points[index]
        for _ in range(2):
            gx, gy, gz = _slope(rows, blend, x, y, z)
            length = max(gx * gx + gy * gy + gz * gz, 0.2)
            move = min(max(_all(rows, blend, x, y, z) / length, -0.02), 0.02)
            x, y, z = x - move * gx, y - move * gy, z - move * gz
        points[index, 0], points[index, 1], points[index, 2] = x, y, z
        gx, gy, gz = _slope(rows, blend, x, y, z)
        length = max(np.sqrt(gx * gx + gy * gy + gz * gz), 1e-9)
        gx, gy, gz = gx / length, gy / length, gz / length
        normals[index, 0], normals[index, 1], normals[index, 2] = gx, gy, gz
        free = 0.0
        for tap in (0.04, 0.10, 0.20):
            height = z + gz * tap
            gap = min(_all(rows, blend, x + gx * tap, y + gy * tap, height), height)
            free += min(max(gap / tap, 0.0), 1.0)
        light[index] = 0.15 + 0.85 * free / 3
    return normals, light


@njit(cache=True)
def _nearest(rows: Doubles, points: Doubles) -> Doubles:
    out = np.empty(points.shape[0])
    for index in range(points.shape[0]):
        best = 1e9
        for row in range(rows.shape[0]):
            distance = _one(rows[row], points[index, 0], points[index, 1], points[index, 2])
            if distance < best:
                best = distance
                out[index] = row
    return out


def soft_mesh(solids: Sequence[Solid], step: float = 0.022, blend: float = 0.03) -> Mesh:
    """One smooth mesh around several solids.

    Args:
        solids: what it is made of.
        step: triangle size, metres.
        blend: how far two solids flow into one another.
    """
    rows = np.array([solid.row for solid in solids], dtype=np.float64)
    reach = np.array([solid.reach for solid in solids])[:, None]
    is_limb = (rows[:, :1] == _LIMB).astype(float)
    ends = rows[:, 4:7] * is_limb + rows[:, 1:4] * (1 - is_limb)
    wide = np.where(is_limb > 0, reach, np.maximum(reach, rows[:, 4:7]))
    margin = 2.5 * step + 0.3 * blend
    low = np.minimum(rows[:, 1:4] - wide, ends - wide).min(axis=0) - margin
    high = np.maximum(rows[:, 1:4] + wide, ends + wide).max(axis=0) + margin
    cells = np.ceil((high - low) / step).astype(int) + 1
    values = np.empty(tuple(cells))
    _fill_solids(rows, blend, low, step, values)
    vertices, triangles = surface_nets(values.astype(np.float32), low, step)
    normals, light = _finish(rows, blend, vertices)
    centres = vertices[triangles].mean(axis=1)
    owner = _nearest(rows, centres).astype(int)
    material = np.array([solid.material for solid in solids], dtype=np.int16)[owner]
    return mesh_of(vertices, triangles, normals, material, light)
