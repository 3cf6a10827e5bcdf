"""Tanks and concrete mixers."""

import numpy as np

from platefree.city.scene import Mesh
from platefree.city.vehicles.lettering import laid_on, word
from platefree.city.vehicles.load_bed import FLOOR, Bed
from platefree.city.vehicles.meshes import box, lathe, moved, rotated
from platefree.city.vehicles.solids import limb, soft_mesh
from platefree.city.vehicles.stuff import Stuff


def tank_body(bed: Bed) -> list[Mesh]:
    """A lying cylinder with bands, manholes and a word."""
    radius = min(0.5 * bed.load.height, bed.half) * 0.95
    long, middle, z = 0.5 * bed.load.length, 0.5 * (bed.rear + bed.front), FLOOR + radius
    profile = [
        (0.01, -long), (0.75 * radius, -long + 0.06), (radius, -long + 0.3),
        (radius, long - 0.3), (0.75 * radius, long - 0.06), (0.01, long),
    ]  # fmt: skip
    turned = rotated(lathe(profile, bed.color, 32), 2, np.pi / 2)
    parts = [*bed.deck(), moved(turned, middle, 0.0, z)]
    band = [(radius, -0.05), (radius + 0.02, -0.05), (radius + 0.02, 0.05), (radius, 0.05)]
    for x in np.linspace(bed.rear + 0.6, bed.front - 0.6, 4):
        ring = rotated(lathe(band, bed.other, 32), 2, np.pi / 2)
        parts.append(moved(ring, float(x), 0.0, z))
    for x in np.linspace(bed.rear + 1.0, bed.front - 1.0, 3):
        lid = limb((x, 0, z + radius - 0.02), (x, 0, z + radius + 0.12), 0.25, 0.25, bed.steel)
        parts.append(soft_mesh([lid], 0.06, 0.01))
    text = word(bed.rng, max(bed.load.letters, 4), (0.2, 0.35), (0.75, 0.65))
    a, b, y = bed.rear, bed.front, radius + 0.012
    low, high = z - 0.5 * radius, z + 0.5 * radius
    parts.append(laid_on(((b, y, low), (a, y, low), (b, y, high)), text, bed.ink))
    parts.append(laid_on(((a, -y, low), (b, -y, low), (a, -y, high)), text, bed.ink))
    back = (
        (a - 0.02, 0.5 * radius, low),
        (a - 0.02, -0.5 * radius, low),
        (a - 0.02, 0.5 * radius, high),
    )
    return [*parts, laid_on(back, word(bed.rng, 4, (0.1, 0.3), (0.9, 0.7)), bed.ink)]


def mixer_body(bed: Bed) -> list[Mesh]:
    """The drum of a concrete mixer on its frame, tilted, with a chute."""
    long, middle = 0.5 * bed.load.length, 0.5 * (bed.rear + bed.front)
    radius = min(1.15, 0.55 * bed.load.height)
    profile = [
        (0.3, -long), (0.55 * radius, -0.9 * long), (radius, -0.2 * long), (radius, 0.35 * long),
        (0.6 * radius, 0.85 * long), (0.01, 0.9 * long),
    ]  # fmt: skip
    drum = rotated(rotated(lathe(profile, bed.color, 32), 2, -np.pi / 2), 1, 0.22)
    band = [
        (0.98 * radius, -0.15),
        (radius + 0.02, -0.15),
        (radius + 0.02, 0.15),
        (0.98 * radius, 0.15),
    ]
    ring = rotated(rotated(lathe(band, bed.other, 32), 2, -np.pi / 2), 1, 0.22)
    centre = (middle, 0.0, FLOOR + radius + 0.12)
    legs = [
        box((x, -0.5, FLOOR), (x + 0.15, 0.5, FLOOR + tall), bed.steel)
        for x, tall in ((bed.rear + 0.35, 1.3), (bed.front - 0.5, 0.8))
    ]
    chute = limb(
        (bed.rear + 0.3, 0, FLOOR + 1.3), (bed.rear - 0.05, 0.2, 0.9), 0.2, 0.12, Stuff.RACK
    )
    return [
        *bed.deck(), moved(drum, *centre), moved(ring, *centre), *legs,
        soft_mesh([chute], 0.06, 0.02),
    ]  # fmt: skip
