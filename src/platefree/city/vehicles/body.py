"""Car bodies as smooth combinations of outlines, meshed from their distance field.

The lower body is the smooth intersection of what is seen from the side, from above and along the
vehicle; the greenhouse is the intersection of two such outlines and joined on top. Vertices are
stepped onto the zero level by Newton's method and take their normals from the field's gradient,
which is what gives clean highlights. Wheel arches are cut into the triangles along exact circles.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from platefree.city.scene import Mesh
from platefree.city.vehicles.curves import (
    Doubles,
    distance_grid,
    outline,
    sample,
    smooth_max,
    smooth_min,
)
from platefree.city.vehicles.meshes import PAINTED, mesh_of
from platefree.city.vehicles.meshing import cut_away, surface_nets
from platefree.city.vehicles.shapes import BodyShape
from platefree.jit import njit

GRID_STEP = 0.02
WELL_DEPTH = 0.34  # how far the wheel wells reach into the body
_TAPS = np.array([0.05, 0.12, 0.25, 0.45])


class Field(NamedTuple):
    """Everything the compiled field function reads."""

    side: Doubles
    side_low: Doubles
    plan: Doubles
    plan_low: Doubles
    section: Doubles
    section_low: Doubles
    house: Doubles
    house_low: Doubles
    cabin: Doubles
    cabin_low: Doubles
    numbers: Doubles  # crown, half width, edge, roof edge, bows, middle of the roof, relief, bed


def _lower_side(shape: BodyShape) -> Doubles:
    front, rear, sill = shape.front_x, shape.rear_x, shape.sill
    top = shape.bonnet_front
    return outline(
        [
            (0.0, sill, 0.1),
            (front - shape.chin - 0.02, sill + 0.01, 0.03),
            (front - 0.02, sill + 0.16, 0.06),
            (front, 0.5 * (sill + 0.16 + shape.nose), 0.08),
            (front - 0.025, shape.nose, 0.06),
            (front - shape.nose_slope, top, shape.nose_round),
            (0.5 * (front - shape.nose_slope + shape.cowl_x), _bonnet_middle(shape), 0.30),
            (shape.cowl_x, shape.bonnet_rear, 0.15),
            (shape.cowl_x - 0.4, shape.belt + 0.03, 0.15),
            (min(shape.tail_x + 0.4, shape.cowl_x - 0.8), shape.belt + 0.03, 0.15),
            (shape.tail_x, shape.tail_z, 0.08),
            (rear + shape.tail_slope, shape.deck_z, 0.05),
            (rear, 0.5 * (sill + 0.25 + shape.deck_z), 0.10),
            (rear, sill + 0.25, 0.05),
            (rear + 0.14, sill + 0.04, 0.04),
        ]
    )


def _bonnet_middle(shape: BodyShape) -> float:
    """A bonnet is a little fuller than a straight line."""
    return 0.5 * (shape.bonnet_front + shape.bonnet_rear) + 0.018


def _plan(shape: BodyShape) -> Doubles:
    half = shape.half_width
    front, rear = shape.front_x, shape.rear_x
    span = front - rear
    corner, tail = shape.front_corner, shape.rear_corner
    return outline(
        [
            (rear, -half, 0.0),
            (front, -half, 0.0),
            (front, 0.0, 0.2),
            (front - 0.03, half - shape.front_taper - 0.62 * corner, 0.10),
            (front - 0.45 * corner, half - shape.front_taper, 0.5 * corner),
            (front - 0.22 * span, half, 0.3),
            (rear + 0.22 * span, half, 0.3),
            (rear + 0.40 * tail, half - shape.rear_taper, 0.5 * tail),
            (rear + 0.02, half - shape.rear_taper - 0.55 * tail, 0.10),
            (rear, 0.0, 0.2),
        ]
    )


def _section(shape: BodyShape) -> Doubles:
    half, belt = shape.half_width, shape.belt
    middle = 0.5 * (shape.sill + belt)
    return outline(
        [
            (-1.0, -0.6, 0.0),
            (half - 0.12, -0.6, 0.0),
            (half - 0.065, shape.sill, 0.05),
            (half - 0.012, shape.sill + 0.2, 0.10),
            (half, middle + 0.06, 0.15),
            (half - 0.022, belt - 0.10, 0.08),
            (half - shape.inset, belt + 0.03, 0.06),
            (half - shape.inset - 0.30, belt + 0.80, 0.1),
            (half - shape.inset - 0.40, belt + 3.0, 0.0),
            (-1.0, belt + 3.0, 0.0),
        ]
    )


def _greenhouse_side(shape: BodyShape) -> Doubles:
    roof = shape.height
    low = min(shape.belt, shape.cowl_z) - 0.25
    return outline(
        [
            (shape.cowl_x - 0.02, low, 0.02),
            (shape.cowl_x, shape.cowl_z, 0.05),
            (shape.screen_x, roof - 0.035, 0.16),
            (0.5 * (shape.screen_x + shape.roof_x), roof, 0.4),
            (shape.roof_x, roof - shape.roof_drop, 0.12),
            (shape.tail_x, shape.tail_z, 0.06),
            (shape.tail_x + 0.05, low, 0.02),
        ]
    )


def _greenhouse_section(shape: BodyShape) -> Doubles:
    half = shape.half_width - shape.inset
    rise = shape.height - shape.belt
    return outline(
        [
            (-1.0, shape.belt - 0.6, 0.0),
            (half + 0.01, shape.belt - 0.6, 0.0),
            (half, shape.belt, 0.2),
            (half - 0.42 * shape.lean, shape.belt + 0.55 * rise, 0.15),
            (half - shape.lean, shape.height, 0.1),
            (half - 1.5 * shape.lean, shape.height + 0.5, 0.0),
            (-1.0, shape.height + 0.5, 0.0),
        ]
    )


def body_field(shape: BodyShape) -> Field:
    """The distance field of a body."""
    margin = 0.3
    x = (shape.rear_x - margin, shape.front_x + margin)
    half = shape.half_width + margin
    top = shape.height + margin
    side = distance_grid(_lower_side(shape), (x[0], -0.2), (x[1], top), GRID_STEP)
    plan = distance_grid(_plan(shape), (x[0], -0.2), (x[1], half), GRID_STEP)
    section = distance_grid(_section(shape), (-0.1, -0.2), (half, top), GRID_STEP)
    house = distance_grid(_greenhouse_side(shape), (x[0], -0.2), (x[1], top), GRID_STEP)
    cabin = distance_grid(_greenhouse_section(shape), (-0.1, -0.2), (half, top), GRID_STEP)
    front, rear = shape.axles
    bed_front = shape.rear_x + 0.07 + shape.bed
    numbers = np.array(
        [
            0.055,
            shape.half_width,
            shape.edge,
            shape.roof_edge,
            shape.bow_front,
            shape.bow_rear,
            0.5 * (shape.screen_x + shape.roof_x),
            max(0.2, 0.5 * (shape.screen_x - shape.roof_x)),
            shape.belt,
            shape.crease,
            shape.hollow,
            shape.flare,
            shape.arch_radius,
            shape.wheel_radius,
            front,
            rear,
            shape.bed,
            bed_front,
            shape.bed_floor,
        ]
    )
    return Field(
        side.values,
        side.low,
        plan.values,
        plan.low,
        section.values,
        section.low,
        house.values,
        house.low,
        cabin.values,
        cabin.low,
        numbers,
    )


@njit(cache=True)
def _relief(n: Doubles, x: float, z: float) -> float:
    """How far the sides stand out from their section."""
    belt, crease, hollow, flare, arch, wheel = n[8], n[9], n[10], n[11], n[12], n[13]
    out: float = crease * np.exp(-(((z - belt + 0.13) / 0.035) ** 2))
    out -= hollow * np.exp(-(((z - belt + 0.27) / 0.07) ** 2))
    out -= 0.012 * np.exp(-(((z - 0.40) / 0.05) ** 2))
    for axle in (n[14], n[15]):
        distance = np.sqrt((x - axle) ** 2 + (z - wheel) ** 2)
        out += flare * np.exp(-(((distance - arch - 0.015) / 0.045) ** 2))
    return out


@njit(cache=True)
def distance_to(field: Field, x: float, y: float, z: float) -> float:
    """Distance of a point to a body, negative inside."""
    n = field.numbers
    a = abs(y)
    across = (a / n[1]) ** 2
    side = sample(field.side, field.side_low, 0.02, x, z + n[0] * across)
    plan = sample(field.plan, field.plan_low, 0.02, x, a)
    section = sample(field.section, field.section_low, 0.02, a, z) - _relief(n, x, z)
    lower = smooth_max(smooth_max(side, plan, n[2] + 0.01), section, n[2])
    forward = min(max((x - n[6]) / n[7], -1.0), 1.0)
    bow = (n[4] if forward > 0 else n[5]) * forward * across
    house = sample(field.house, field.house_low, 0.02, x + bow, z + 0.8 * n[0] * across)
    cabin = sample(field.cabin, field.cabin_low, 0.02, a, z)
    whole = smooth_min(lower, smooth_max(house, cabin, n[3]), 0.035)
    if n[16] > 0:
        hole = max(abs(x - n[17] + n[16] / 2) - n[16] / 2, a - n[1] + 0.13)
        whole = smooth_max(whole, -max(hole, n[18] - z), 0.02)
    return whole


@njit(cache=True)
def _fill(field: Field, low: Doubles, step: float, values: Doubles) -> None:
    nx, ny, nz = values.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                values[i, j, k] = distance_to(
                    field, low[0] + i * step, low[1] + j * step, low[2] + k * step
                )


@njit(cache=True)
def _gradient(field: Field, x: float, y: float, z: float) -> tuple[float, float, float]:
    h = 0.004
    return (
        (distance_to(field, x + h, y, z) - distance_to(field, x - h, y, z)) / (2 * h),
        (distance_to(field, x, y + h, z) - distance_to(field, x, y - h, z)) / (2 * h),
        (distance_to(field, x, y, z + h) - distance_to(field, x, y, z - h)) / (2 * h),
    )


@njit(cache=True)
def _settle(field: Field, points: Doubles, rounds: int) -> None:
    """Newton steps onto the surface, in place."""
    for row in range(points.shape[0]):
        for _ in range(rounds):
            x, y, z = points[row, 0], points[row, 1], points[row, 2]
            gx, gy, gz = _gradient(field, x, y, z)
            length = gx * gx + gy * gy + gz * gz
            if length < 0.05:
                break
            move = distance_to(field, x, y, z) / length
            move = min(max(move, -0.03), 0.03)
            points[row, 0] -= move * gx
            points[row, 1] -= move * gy
            points[row, 2] -= move * gz


@njit(cache=True)
def _look(field: Field, points: Doubles, taps: Doubles) -> tuple[Doubles, Doubles]:
    """Normals and ambient light at points of the surface."""
    count = points.shape[0]
    normals = np.empty((count, 3))
    light = np.empty(count)
    for row in range(count):
        x, y, z = points[row, 0], points[row, 1], points[row, 2]
        gx, gy, gz = _gradient(field, x, y, z)
        length = max(np.sqrt(gx * gx + gy * gy + gz * gz), 1e-9)
        gx, gy, gz = gx / length, gy / length, gz / length
        normals[row, 0], normals[row, 1], normals[row, 2] = gx, gy, gz
        open_share = 0.0
        for tap in taps:
            height = z + gz * tap
            free = min(distance_to(field, x + gx * tap, y + gy * tap, height), height)
            open_share += min(max(free / tap, 0.0), 1.0)
        light[row] = open_share / taps.shape[0]
    return normals, light


@dataclass(frozen=True, eq=False)
class Body:
    """A meshed body.

    Attributes:
        mesh: painted triangles with wheel arches cut out.
        field: for placing parts on it.
        shape: what it was made from.
    """

    mesh: Mesh
    field: Field
    shape: BodyShape


def _arch_level(shape: BodyShape, vertices: Doubles) -> Doubles:
    """Negative where a wheel arch takes the body away."""
    level = np.full(len(vertices), 1.0)
    inner = shape.half_width - WELL_DEPTH
    for axle in shape.axles:
        if axle < shape.rear_x:
            continue
        round_axle = np.hypot(vertices[:, 0] - axle, vertices[:, 2] - shape.wheel_radius)
        here = np.maximum(round_axle - shape.arch_radius, inner - np.abs(vertices[:, 1]))
        level = np.minimum(level, here)
    return level


def build_body(shape: BodyShape) -> Body:
    """Mesh a body."""
    field = body_field(shape)
    step = shape.step
    half_cells = int(np.ceil((shape.half_width + 0.08) / step))
    low = np.array([shape.rear_x - 0.1, -(half_cells + 0.5) * step, shape.sill - 0.12])
    high = np.array([shape.front_x + 0.1, (half_cells + 0.5) * step, shape.height + 0.1])
    cells = np.ceil((high - low) / step).astype(int) + 1
    cells[1] = 2 * half_cells + 2  # symmetric in y, so that both sides get the same triangles
    values = np.empty(tuple(cells))
    _fill(field, low, step, values)
    vertices, triangles = surface_nets(values.astype(np.float32), low, step)
    _settle(field, vertices, 3)
    vertices, triangles = cut_away(vertices, triangles, _arch_level(shape, vertices))
    used, renumbered = np.unique(triangles, return_inverse=True)
    vertices, triangles = vertices[used], renumbered.reshape(-1, 3).astype(np.int32)
    normals, light = _look(field, vertices, _TAPS)
    return Body(mesh_of(vertices, triangles, normals, PAINTED, 0.12 + 0.88 * light), field, shape)
