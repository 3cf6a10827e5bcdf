"""Places on a body, and the dark linings of its wheel arches."""

import numpy as np

from platefree.city.scene import Mesh
from platefree.city.vehicles.body import WELL_DEPTH, Body, Field, distance_to
from platefree.city.vehicles.meshes import join, mesh_of, outward
from platefree.jit import njit


@njit(cache=True)
def _outermost(field: Field, x: float, z: float, start: float) -> float:
    low, high = 0.0, start
    for _ in range(24):
        middle = 0.5 * (low + high)
        if distance_to(field, x, middle, z) < 0:
            low = middle
        else:
            high = middle
    return low


def half_width_at(body: Body, x: float, z: float) -> float:
    """How far to the side the body reaches at a place; 0 outside its outline."""
    return float(_outermost(body.field, x, z, body.shape.half_width + 0.1))


@njit(cache=True)
def _topmost(field: Field, x: float, y: float, start: float) -> float:
    z = start
    while z > 0.2 and distance_to(field, x, y, z) > 0:
        z -= 0.01
    return z


def top_at(body: Body, x: float, y: float) -> float:
    """Height of the body's upper side at a place, to a centimetre."""
    return float(_topmost(body.field, x, y, body.shape.height + 0.1))


def wheel_wells(body: Body, material: int) -> Mesh:
    """Dark linings of the wheel arches, so that the hollow body is not visible."""
    shape = body.shape
    radius, centre = shape.arch_radius, shape.wheel_radius
    inner = shape.half_width - WELL_DEPTH
    angles = np.linspace(-0.35, np.pi + 0.35, 21)
    parts = []
    for axle in shape.axles:
        if axle < shape.rear_x:
            continue
        x, z = axle + radius * np.cos(angles), centre + radius * np.sin(angles)
        outer = np.array([half_width_at(body, *place) or inner for place in zip(x, z, strict=True)])
        outer = np.maximum(outer, inner + 0.02)
        for sign in (1.0, -1.0):
            rims = np.concatenate(
                (
                    np.stack((x, sign * outer, z), axis=1),
                    np.stack((x, np.full_like(x, sign * inner), z), axis=1),
                    [[axle, sign * inner, centre]],
                )
            )
            count = len(x)
            i = np.arange(count - 1)
            tube = np.concatenate(
                (
                    np.stack((i, i + 1, i + count), 1),
                    np.stack((i + 1, i + 1 + count, i + count), 1),
                    np.stack((i + count, i + 1 + count, np.full(count - 1, 2 * count)), 1),
                )
            )
            normals = np.concatenate(
                (
                    np.stack((-np.cos(angles), 0 * x, -np.sin(angles)), axis=1),
                    np.tile([0.0, sign, 0.0], (count + 1, 1)),
                )
            )
            parts.append(mesh_of(rims, tube.astype(np.int32), normals, material, 0.35))
    return outward(join(parts)) if parts else join(parts)
