"""Speed of films: frames a second, and what a frame costs beside a single frame of the same scene.

Run ``PYTHONPATH=src python benchmarks/city_film_speed.py``. Vehicles are built before the clock
starts (`building` says how long that takes); a frame is drawn, labelled and coded. ``--workers 2``
times `generate_films` from beginning to end with as many processes instead, by the clock on the
wall.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from platefree.city.atelier import Atelier
from platefree.city.film_plan import FilmPart, FilmPlan, FilmSettings, plan_films
from platefree.city.generate_films import generate_films
from platefree.city.optics import full_frame
from platefree.city.output.film_parts import FilmRoom
from platefree.city.scene import Scene

SIZES = ((640, 360), (1280, 720))
FRAMES = 40  # of each camera

Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of processor time, and what the work gives."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def one_process(settings: FilmSettings) -> None:
    """Processor time of each kind of work."""
    studio = Atelier(settings.fleet)
    planning, plan = timed(lambda: plan_films(settings, studio))
    print(
        f"{settings.light}, {settings.width} x {settings.height}: planning {planning:.1f} s",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        room = FilmRoom(Path(folder), studio, plan)
        for camera in range(len(plan.takes)):
            one_camera(room, studio, plan, camera)


def one_camera(room: FilmRoom, studio: Atelier, plan: FilmPlan, camera: int) -> None:
    """A part of its film with vehicles to be built, and without; its frames one by one."""
    site, conditions = plan.takes[camera].site, plan.takes[camera].conditions
    part = FilmPart(camera, 0, 0, FRAMES)
    first, _ = timed(lambda: room.make(part))
    again, _ = timed(lambda: room.make(part))
    stage = studio.stage(site.camera, conditions)
    shown = [room.vehicles_on(camera, frame) for frame in range(0, FRAMES, 10)]
    filmed, _ = timed(lambda: [stage.take(each, 0) for each in shown])
    frame = full_frame(site.camera)
    scenes = [Scene(site.camera, conditions, each) for each in shown]
    single, _ = timed(lambda: [studio.render(scene, frame) for scene in scenes])
    print(
        f"  {site.camera.name}, about {sum(map(len, shown)) / len(shown):.0f} vehicles: building "
        f"{first - again:.1f} s, {FRAMES / again:.1f} frames/s; drawing a frame of the film "
        f"{1e3 * filmed / len(shown):.0f} ms, as a single one {1e3 * single / len(shown):.0f} ms",
        flush=True,
    )


def several(settings: FilmSettings, workers: int) -> None:
    """Seconds by the clock on the wall, everything included."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generate_films(Path(folder) / "films", settings, workers=workers)
        seconds = time.perf_counter() - start
    frames = settings.frames * settings.cameras
    print(f"{settings.width} x {settings.height}, {workers} processes: {frames} frames in "
          f"{seconds:.0f} s, {frames / seconds:.1f} frames/s")  # fmt: skip


def main() -> None:
    """Print the speed of each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--light", default="day")
    parser.add_argument("--fleet", default="plain")
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    for width, height in SIZES:
        settings = FilmSettings(
            options.seconds, options.cameras, seed=3, width=width, height=height,
            light=options.light, fleet=options.fleet,
        )  # fmt: skip
        if options.workers:
            several(settings, options.workers)
        else:
            one_process(settings)


if __name__ == "__main__":
    main()
