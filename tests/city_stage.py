"""A vehicle before a camera of our choice, and pinhole maths of the tests' own."""

import math
from collections.abc import Container, Iterable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from platefree.city.scene import (
    CameraModel,
    Conditions,
    Crop,
    PlacedVehicle,
    Scene,
    VehicleAsset,
)
from platefree.city.vehicles.models import MODELS, VehicleModel
from platefree.city.vehicles.vehicle import build_vehicle
from platefree.city.vehicles.vehicle_identity import draw_identity

Doubles = NDArray[np.float64]


def mostly_slow(kinds: Iterable[str], quick: Container[str] = ("sedan", "motorcycle")) -> list[Any]:
    """Parameters of a test: the ``quick`` kinds as they are, the others marked as slow."""
    return [kind if kind in quick else pytest.param(kind, marks=pytest.mark.slow) for kind in kinds]


def first_of(kind: str) -> VehicleModel:
    return next(model for model in MODELS if model.kind == kind)


def build(kind: str, seed: int = 5) -> VehicleAsset:
    model = first_of(kind)
    return build_vehicle(model, draw_identity(model, seed))


def digest(asset: VehicleAsset) -> tuple[bytes, ...]:
    """All bytes that draw a vehicle."""
    arrays = [getattr(asset.surface, field.name) for field in fields(asset.surface)]
    for mesh in (asset.exterior, asset.interior):
        arrays += [getattr(mesh, field.name) for field in fields(mesh)]
    return (*(array.tobytes() for array in arrays), repr(asset.materials).encode())


def scene_from(
    asset: VehicleAsset, azimuth: float, elevation: float, away: float = 16.0, **how: float
) -> Scene:
    """A vehicle in the middle of a wide street, seen from these angles (degrees), noise off."""
    rise, ahead = math.sin(math.radians(elevation)), math.cos(math.radians(elevation))
    height = asset.size[2] / 2
    camera = CameraModel(
        "c", (0.0, 0.0, height + away * rise), 0.0, math.radians(elevation), 1400.0,
        noise=0.0, blur=0.0, lanes=3, seed=1,
    )  # fmt: skip
    # The camera is straight behind a vehicle that heads away from it, along x.
    heading = math.radians(180.0 - azimuth)
    vehicle = PlacedVehicle(asset, (away * ahead, 0.0), heading, **{"dirt": 0.0, **how})
    return Scene(camera, Conditions(sun_azimuth=2.6, sun_elevation=0.9), (vehicle,))


def matrix_of(camera: CameraModel) -> Doubles:
    """(3, 4) pinhole matrix of the full frame, put together from elementary rotations."""
    yaw, pitch = camera.yaw, camera.pitch
    turn = np.array(
        [[math.cos(yaw), math.sin(yaw), 0], [-math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
    )
    tilt = np.array(
        [[math.cos(pitch), 0, -math.sin(pitch)], [0, 1, 0], [math.sin(pitch), 0, math.cos(pitch)]]
    )
    # forward, left, up -> right, down, forward
    swap = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    lens = np.array(
        [[camera.focal, 0, camera.width / 2], [0, camera.focal, camera.height / 2], [0, 0, 1]]
    )
    rotation = swap @ tilt @ turn
    shift = -rotation @ np.array(camera.position)
    return np.asarray(lens @ np.column_stack([rotation, shift]))


def world_points(vehicle: PlacedVehicle) -> Doubles:
    """(v, 3) exterior vertices in the world."""
    x, y, z = vehicle.asset.exterior.vertices.astype(float).T
    spun = (x + 1j * y) * np.exp(1j * vehicle.heading)
    return np.stack([spun.real + vehicle.position[0], spun.imag + vehicle.position[1], z], axis=1)


def in_frame(scene: Scene) -> Doubles:
    """(v, 2) pixels of the full frame where the subject's vertices fall."""
    points = world_points(scene.vehicles[0])
    seen = np.column_stack([points, np.ones(len(points))]) @ matrix_of(scene.camera).T
    return np.asarray(seen[:, :2] / seen[:, 2:])


def box_of(points: Doubles) -> Doubles:
    """Left, top, right, bottom."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def crop_round(scene: Scene, size: int, margin: float = 1.1) -> Crop:
    """A square window round the subject."""
    left, top, right, bottom = box_of(in_frame(scene))
    side = margin * float(max(right - left, bottom - top))
    return Crop(
        float(left + right - side) / 2, float(top + bottom - side) / 2, side, side, size, size
    )


def in_crop(box: Doubles, crop: Crop) -> Doubles:
    """A box in pixels of the frame, in pixels of the picture."""
    corner = np.array([crop.left, crop.top])
    scale = np.array([crop.out_width / crop.width, crop.out_height / crop.height])
    return np.asarray((np.asarray(box) - np.tile(corner, 2)) * np.tile(scale, 2))


def overlap(one: Doubles, other: Doubles) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    both = float(np.prod(np.maximum(high - low, 0)))
    return both / float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - both)


def corner_weights(ray: Doubles, corners: Doubles) -> tuple[Doubles, Doubles]:
    """Where a ray from the origin meets triangles (t, 3, 3): its length and the corners' weights.

    Both are nan where it meets none, or the triangle's rear (Cramer's rule).
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    whole = np.einsum("ij,ij->i", a, np.cross(b, c))
    shares = np.stack([np.cross(b, c) @ ray, np.cross(c, a) @ ray, np.cross(a, b) @ ray], axis=1)
    total = shares.sum(axis=1)
    with np.errstate(all="ignore"):
        length = whole / total
        weights = shares / total[:, None]
    facing = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    met = facing & (weights >= 0).all(axis=1) & (length > 0)
    return np.where(met, length, np.nan), np.where(met[:, None], weights, np.nan)
