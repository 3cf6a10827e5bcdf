"""Processor time of a whole city: building each vehicle and taking its pictures.

Run ``PYTHONPATH=src python benchmarks/city_streets.py``. It takes a sample of the vehicles of the
preset ``streets`` and, for comparison, of the same city with a plain fleet on the roads of a town.
Models are built before, as they are shared by many vehicles: about two seconds each.
"""

import time
from dataclasses import replace
from functools import cache

import numpy as np

from platefree.city.atelier import Atelier
from platefree.city.plan import PRESETS, CitySettings, plan_city
from platefree.city.world.shots import shots_of

STREETS = replace(PRESETS["streets"], vehicles=200, cameras=12, images=1200, seed=5)
SAMPLE = 60  # vehicles


def measure(settings: CitySettings) -> tuple[float, float, int]:
    """Seconds of building and of taking pictures, and the number of pictures."""
    studio = Atelier(settings.fleet)
    plan = plan_city(settings, studio)
    bystander = cache(lambda index: studio.build(plan.bystanders[index]))
    for index in range(len(plan.bystanders)):
        bystander(index)
    chosen = np.random.default_rng(1).choice(len(plan.journeys), SAMPLE, replace=False)
    journeys = sorted(
        (plan.journeys[index] for index in chosen), key=lambda each: each.vehicle.order.model
    )
    building = taking = 0.0
    pictures = 0
    for journey in journeys:
        order = journey.vehicle.order
        studio.build(order)  # builds its model
        start = time.process_time()
        asset = studio.build(replace(order, seed=order.seed + 1))
        building += time.process_time() - start
        for passed in journey.passes:
            site = plan.cameras[passed.camera]
            shots = shots_of(
                passed, site, plan.climate, asset, bystander,
                pool=len(plan.bystanders), size=settings.size,
            )  # fmt: skip
            start = time.process_time()
            for shot in shots:
                studio.encode(studio.render(shot.scene, shot.crop).pixels, site.camera)
            taking += time.process_time() - start
            pictures += len(shots)
    return building, taking, pictures


def main() -> None:
    """Print milliseconds and pictures per second of one core."""
    for settings in (replace(STREETS, fleet="plain", roads="town"), STREETS):
        building, taking, pictures = measure(settings)
        print(
            f"{settings.fleet} fleet, {settings.roads}: building {1e3 * building / SAMPLE:.0f} ms "
            f"a vehicle, {1e3 * taking / pictures:.1f} ms a picture of {settings.size} pixels; "
            f"{pictures / (building + taking):.0f} pictures/s"
        )


if __name__ == "__main__":
    main()
