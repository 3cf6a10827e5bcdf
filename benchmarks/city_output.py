"""Whether writing a city slows down as its folder grows.

Run ``PYTHONPATH=src python benchmarks/city_output.py``. Nothing is rendered: only the plan, the
times and labels of every picture, and writing the files are timed. For comparison, as many files of
that size are written into one folder and synced one by one.
"""

import argparse
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from platefree.city.generate import generate_city
from platefree.city.plan import CitySettings, plan_city
from platefree.city.scene import (
    Bytes,
    CameraModel,
    Conditions,
    Crop,
    Mesh,
    Paint,
    Part,
    Picture,
    Scene,
    Surface,
    VehicleAsset,
)
from platefree.city.studio import ModelName, Order, Stage

_JPEG = np.random.default_rng(0).bytes(6000)  # about what a crop of 128 pixels takes
_COLORS = ("white", "black", "grey", "silver", "red", "blue")


@dataclass(frozen=True)
class NoStudio:
    """Every vehicle is a block that fills its picture."""

    def models(self) -> tuple[ModelName, ...]:
        """Twenty of one type."""
        return tuple(ModelName(f"Make M{index}", "sedan") for index in range(20))

    def color(self, order: Order) -> str:
        """By seed."""
        seed = order.seed if order.twin_of is None else order.twin_of
        return _COLORS[seed % len(_COLORS)]

    def build(self, order: Order) -> VehicleAsset:
        """A block."""
        corners = [(x, y, z) for x in (-2.2, 2.2) for y in (-0.9, 0.9) for z in (0.0, 1.5)]
        vertices = np.array(corners, np.float32)
        mesh = Mesh(
            vertices, vertices, np.ones(8, np.float32), np.array([[0, 1, 2]], np.int32),
            np.zeros(1, np.int16),
        )  # fmt: skip
        maps = np.zeros((5, 2, 2, 6), np.uint8)
        surface = Surface(maps[..., :3], maps, maps[..., 0], np.zeros((5, 4), np.float32))
        paint = Paint((1.0, 1.0, 1.0), 0.0, self.color(order))
        return VehicleAsset(mesh, mesh, surface, (), paint, (4.4, 1.8, 1.5))

    def render(self, scene: Scene, crop: Crop) -> Picture:
        """Nothing but the vehicle."""
        shape = (crop.out_height, crop.out_width)
        return Picture(
            np.zeros((*shape, 3), np.uint8),
            np.zeros(shape, np.int16),
            np.full(shape, Part.BODY, np.uint8),
            np.ones(shape, np.bool_),
        )

    def stage(self, camera: CameraModel, conditions: Conditions) -> Stage:
        """Never asked for."""
        raise NotImplementedError

    def encode(self, pixels: Bytes, camera: CameraModel) -> bytes:
        """Always the same bytes."""
        return _JPEG


def _rate(times: list[tuple[int, float]], start: int, end: int) -> float:
    """Images per second between two counts of finished images."""
    counts, seconds = zip(*times, strict=True)
    first, last = np.interp((start, end), counts, seconds)
    return (end - start) / float(last - first)


def _files_alone(folder: Path, count: int) -> float:
    """Files per second, written into one folder and synced one by one."""
    folder.mkdir()
    start = time.perf_counter()
    for index in range(count):
        with (folder / f"{index:06d}.jpg").open("wb") as file:
            file.write(_JPEG)
            file.flush()
            os.fsync(file.fileno())
    return count / (time.perf_counter() - start)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where to write; by default a temporary folder")
    options = parser.parse_args()
    images = options.images
    numbers = {"vehicles": images // 20, "cameras": 20, "size": 32}
    start = time.perf_counter()
    plan_city(CitySettings(images=images, **numbers), NoStudio())
    print(f"plan: {time.perf_counter() - start:.1f} s")
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        times: list[tuple[int, float]] = []
        generate_city(
            folder / "city", images=images, **numbers, workers=1, studio=NoStudio(),
            on_progress=lambda done, total: times.append((done, time.perf_counter())),
        )  # fmt: skip
        finished = time.perf_counter() - times[-1][1]
        part = images // 10
        print(f"first {part:,} images: {_rate(times, 0, part):.0f} images/s")
        print(f"last {part:,} images:  {_rate(times, images - part, images):.0f} images/s")
        print(f"all {images:,} images:  {_rate(times, 0, images):.0f} images/s")
        print(f"table, labels and card: {finished:.1f} s")
        print(f"files alone, synced one by one: {_files_alone(folder / 'alone', part):.0f} files/s")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
