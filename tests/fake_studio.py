"""A studio that draws blocks: enough to plan, label and write whole cities in a moment."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from platefree.city.optics import full_frame, project, view_of
from platefree.city.scene import (
    Bytes,
    CameraModel,
    Conditions,
    Crop,
    Mesh,
    Paint,
    Part,
    Picture,
    PlacedVehicle,
    Scene,
    Surface,
    VehicleAsset,
)
from platefree.city.studio import ModelName, Order

TYPES = ("sedan", "suv", "van", "motorcycle", "bus", "hatchback")
SIZES = {"motorcycle": (2.0, 0.8, 1.6), "bus": (11.0, 2.5, 3.0), "van": (5.2, 2.0, 2.3)}
COLORS = ("white", "black", "grey", "silver", "red")


def block_asset(size: tuple[float, float, float], color: str = "white") -> VehicleAsset:
    """A block of this length, width and height."""
    x, y, z = np.array(size) / 2
    corners = [(a, b, c) for a in (-x, x) for b in (-y, y) for c in (0.0, 2 * z)]
    vertices = np.array(corners, np.float32)
    mesh = Mesh(
        vertices,
        np.zeros_like(vertices),
        np.ones(8, np.float32),
        np.array([[0, 1, 2]], np.int32),
        np.zeros(1, np.int16),
    )
    maps = np.zeros((5, 2, 2, 6), np.uint8)
    surface = Surface(maps[..., :3], maps, maps[..., 0], np.zeros((5, 4), np.float32))
    return VehicleAsset(mesh, mesh, surface, (), Paint((1.0, 1.0, 1.0), 0.0, color), size)


@dataclass(frozen=True)
class BlockStage:
    """Films of grey blocks."""

    studio: "BlockStudio"
    camera: CameraModel
    conditions: Conditions

    def take(self, vehicles: tuple[PlacedVehicle, ...], seed: int) -> Picture:
        scene = Scene(self.camera, self.conditions, vehicles, seed=seed)
        return self.studio.render(scene, full_frame(self.camera))


@dataclass(frozen=True)
class BlockStudio:
    """Pictures of grey blocks."""

    def models(self) -> tuple[ModelName, ...]:
        return tuple(
            ModelName(f"Make{index % 4} M{index}", TYPES[index % len(TYPES)]) for index in range(18)
        )

    def color(self, order: Order) -> str:
        original = order.seed if order.twin_of is None else order.twin_of
        return COLORS[original % len(COLORS)]

    def build(self, order: Order) -> VehicleAsset:
        size = SIZES.get(self.models()[order.model].type, (4.4, 1.8, 1.5))
        return block_asset(size, self.color(order))

    def render(self, scene: Scene, crop: Crop) -> Picture:
        shape = (crop.out_height, crop.out_width)
        vehicle, part = np.full(shape, -1, np.int16), np.zeros(shape, np.uint8)
        away = [self._distance(scene.camera, each) for each in scene.vehicles]
        for index in sorted(range(len(away)), key=lambda i: -away[i]):
            rows, columns = self._box(scene, crop, index)
            vehicle[rows, columns], part[rows, columns] = index, Part.BODY
            middle = (rows.start + rows.stop) // 2
            part[rows.start : middle, columns] = Part.WINDOW
        silhouette = np.zeros(shape, np.bool_)
        if scene.vehicles:
            silhouette[self._box(scene, crop, 0)] = True
        pixels = np.full((*shape, 3), scene.seed % 200, np.uint8)
        pixels[vehicle == 0] = 230
        return Picture(pixels, vehicle, part, silhouette)

    def stage(self, camera: CameraModel, conditions: Conditions) -> BlockStage:
        return BlockStage(self, camera, conditions)

    def encode(self, pixels: Bytes, camera: CameraModel) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=camera.jpeg)
        return buffer.getvalue()

    def _distance(self, camera: CameraModel, vehicle: PlacedVehicle) -> float:
        return float(np.hypot(*(np.array(vehicle.position) - camera.position[:2])))

    def _box(self, scene: Scene, crop: Crop, index: int) -> tuple[slice, slice]:
        vehicle = scene.vehicles[index]
        sin, cos = np.sin(vehicle.heading), np.cos(vehicle.heading)
        turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        corners = vehicle.asset.exterior.vertices @ turn.T + np.array([*vehicle.position, 0])
        seen = project(view_of(scene.camera, crop), corners.astype(np.float32))
        if seen[:, 2].min() <= 0.1:
            return slice(0, 0), slice(0, 0)
        low = np.clip(np.round(seen[:, :2].min(axis=0)), 0, (crop.out_width, crop.out_height))
        high = np.clip(np.round(seen[:, :2].max(axis=0)), 0, (crop.out_width, crop.out_height))
        return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
