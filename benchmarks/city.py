"""Speed and memory of rendering a city.

Run ``PYTHONPATH=src python benchmarks/city.py``. A finished image is a crop of a city vehicle from
one of many cameras under changing light and weather: rendered at 2x2 samples a pixel, with masks,
and encoded as JPEG. Building vehicles is not counted: a city renders each of them many times.
"""

import argparse
import cProfile
import math
import multiprocessing
import pstats
import resource
import time
from collections.abc import Iterator

import numpy as np

from platefree.city.optics import body_to_world, project
from platefree.city.render.renderer import render
from platefree.city.render.sensor import encode_jpeg
from platefree.city.scene import CameraModel, Conditions, Crop, PlacedVehicle, Scene, VehicleAsset
from platefree.city.vehicles.models import MODELS
from platefree.city.vehicles.vehicle import build_vehicle
from platefree.city.vehicles.vehicle_identity import draw_identity

_WEATHERS = ("clear", "clear", "clear", "overcast", "overcast", "rain", "fog")


def _fleet(count: int, seed: int) -> list[VehicleAsset]:
    random = np.random.default_rng(seed)
    chosen = [MODELS[int(random.integers(len(MODELS)))] for _ in range(count)]
    return [
        build_vehicle(model, draw_identity(model, number)) for number, model in enumerate(chosen)
    ]


def _camera(random: np.random.Generator, number: int) -> CameraModel:
    height, away = random.uniform(4, 9), random.uniform(10, 22)
    return CameraModel(
        name=str(number),
        position=(0.0, float(random.uniform(-7, 7)), float(height)),
        yaw=float(random.uniform(-0.3, 0.3)),
        pitch=math.atan2(height, away),
        focal=float(random.uniform(1100, 2400)),
        seed=number,
        lanes=int(random.integers(1, 3)),
    )


def _crop(camera: CameraModel, vehicle: PlacedVehicle, size: int) -> Crop:
    half = np.array(vehicle.asset.size) / 2 * (1, 1, 2)
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (0, 1)])
    rotation, shift = body_to_world(vehicle)
    points = project(camera, (signs * half @ rotation.T + shift).astype(np.float32))[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max() * 1.15)
    left, top = ((low + high) / 2 - side / 2).tolist()
    return Crop(left, top, side, side, size, size)


def _work(fleet: list[VehicleAsset], size: int, seed: int) -> Iterator[tuple[Scene, Crop]]:
    """Endless scenes: half have a second vehicle behind, a third move."""
    random = np.random.default_rng(seed)
    cameras = [_camera(random, number) for number in range(20)]
    while True:
        camera = cameras[int(random.integers(len(cameras)))]
        x, heading = random.uniform(11, 24), random.choice([0.0, math.pi]) + random.normal(0, 0.1)
        placed = [
            PlacedVehicle(
                fleet[int(random.integers(len(fleet)))],
                (float(x + 7 * n), -1.7),
                float(heading),
                lamps=float(random.random() < 0.3),
            )
            for n in range(1 + int(random.random() < 0.5))
        ]
        conditions = Conditions(
            float(random.uniform(-3, 3)),
            float(random.uniform(-0.2, 1.1)),
            str(random.choice(_WEATHERS)),
            int(random.integers(99)),
        )
        motion = (0.12, 0.0) if random.random() < 1 / 3 else (0.0, 0.0)
        scene = Scene(camera, conditions, tuple(placed), motion, int(random.integers(2**31)))
        yield scene, _crop(camera, placed[0], size)


def _measure(task: tuple[int, int, int, bool]) -> tuple[float, float, float, str]:
    """Images per second by wall clock and by processor time, peak memory in MB, and a profile."""
    size, count, seed, profiled = task
    work = _work(_fleet(24, seed), size, seed)
    for _ in range(60):  # compile, and fill the caches of cameras
        scene, crop = next(work)
        encode_jpeg(render(scene, crop).pixels, scene.camera.jpeg)
    profile = cProfile.Profile(time.process_time)
    if profiled:
        profile.enable()
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(count):
        scene, crop = next(work)
        encode_jpeg(render(scene, crop).pixels, scene.camera.jpeg)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    profile.disable()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return count / seconds, count / busy, memory, _stages(profile, count) if profiled else ""


def _stages(profile: cProfile.Profile, count: int) -> str:
    """The functions that take most time themselves, in ms per image."""
    rows = []
    for (path, _, name), (_, calls, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        rows.append((own / count * 1000, f"{path.rsplit('/', 1)[-1]}:{name}", calls / count))
    rows.sort(reverse=True)
    return "\n".join(
        f"  {own:6.2f} ms  {name} ({calls:.1f} calls)" for own, name, calls in rows[:14]
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200, help="per process")
    images = parser.parse_args().images
    context = multiprocessing.get_context("spawn")
    for size in (128, 256):
        for processes in (1, 2):
            tasks = [(size, images, seed, False) for seed in range(processes)]
            with context.Pool(processes) as pool:
                results = pool.map(_measure, tasks, chunksize=1)
            rate, alone = sum(r[0] for r in results), sum(r[1] for r in results)
            print(
                f"{size} px, {processes} process(es): {rate:.1f} images/s by wall clock, "
                f"{alone:.1f} by processor time, {max(r[2] for r in results):.0f} MB each"
            )
        with context.Pool(1) as pool:
            print(pool.map(_measure, [(size, images, 0, True)])[0][3])


if __name__ == "__main__":
    main()
