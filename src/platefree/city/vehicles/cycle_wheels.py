"""Wheels of motorcycles, and the families that differ in them."""

import numpy as np

from platefree.city.scene import Mesh
from platefree.city.vehicles.meshes import box, join, lathe, rotated
from platefree.city.vehicles.stuff import Stuff

SCOOTER, UNDERBONE, NAKED, TOURER, SPORT = range(5)


def cycle_wheel(radius: float, family: int, wide: float) -> Mesh:
    """A wheel with spokes and a brake disc around the origin; the disc is at +y.

    Args:
        radius: of the tyre.
        family: of the motorcycle.
        wide: width of the tyre.
    """
    rim = 0.70 * radius if family == SCOOTER else 0.80 * radius
    half = wide / 2
    tyre = [
        (rim, half * 0.7),
        (rim + 0.015, half),
        (radius - 0.03, half * 0.95),
        (radius, half * 0.35),
        (radius, -half * 0.35),
        (radius - 0.03, -half * 0.95),
        (rim + 0.015, -half),
        (rim, -half * 0.7),
    ]
    hoop = [
        (rim + 0.004, half * 0.75),
        (rim - 0.018, half * 0.5),
        (rim - 0.018, -half * 0.5),
        (rim + 0.004, -half * 0.75),
    ]
    hub = [(0.001, half * 0.9), (0.05, half * 0.9), (0.055, -half * 0.9), (0.001, -half * 0.9)]
    parts = [
        lathe(tyre[::-1], Stuff.TYRE, 28),
        lathe(hoop, Stuff.RIM, 28),
        lathe(hub, Stuff.RIM, 12),
    ]
    disc = [(0.001, half), (0.55 * rim, half), (0.55 * rim, half - 0.004)]
    parts.append(lathe(disc, Stuff.ENGINE, 20))
    count = {SCOOTER: 5, UNDERBONE: 9, NAKED: 6, TOURER: 10, SPORT: 6}[family]
    for k in range(count):
        spoke = box((0.03, -0.012, -0.014), (rim - 0.01, 0.012, 0.014), Stuff.RIM)
        parts.append(rotated(spoke, 1, 2 * np.pi * k / count))
    return join(parts)
