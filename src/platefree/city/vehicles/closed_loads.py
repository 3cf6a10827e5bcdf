"""Boxes and containers of trucks: walls, doors, words, labels, rust."""

import numpy as np

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.colors import VIVID, Srgb
from platefree.city.vehicles.lettering import Stroke, laid_on, rectangle, word
from platefree.city.vehicles.load_bed import FLOOR, Bed
from platefree.city.vehicles.meshes import box
from platefree.city.vehicles.wardrobe import dyed

_RUST: Srgb = (104, 62, 40)


def box_body(bed: Bed) -> list[Mesh]:
    """Smooth walls with a few seams."""
    seams = np.linspace(bed.rear + 0.5, bed.front - 0.5, int(bed.rng.integers(2, 7)))
    parts = [*_walls(bed), *_doors(bed, bars=int(bed.rng.integers(1, 3)))]
    for x in seams if bed.rng.random() < 0.7 else ():
        parts.append(_post(bed, float(x), 0.03, 0.012))
    return [*parts, *_words(bed), *_labels(bed), *_wear(bed, 4)]


def container_body(bed: Bed) -> list[Mesh]:
    """Corrugated walls, corner posts, doors with four bars."""
    parts = [*_walls(bed), *_doors(bed, bars=2)]
    for x in np.arange(bed.rear + 0.22, bed.front - 0.1, 0.28):
        parts.append(_post(bed, float(x), 0.07, 0.03))
    for x in (bed.rear + 0.06, bed.front - 0.06):
        parts.append(_post(bed, x, 0.06, 0.04))
    return [*parts, *_words(bed), *_labels(bed), *_wear(bed, 8)]


def _walls(bed: Bed) -> list[Mesh]:
    low, high = (bed.rear, -bed.half, FLOOR), (bed.front, bed.half, bed.top)
    parts = [box(low, high, bed.color, 0.95)]
    if bed.load.two_tone:
        edge = FLOOR + 0.42 * bed.load.height
        low = (bed.rear - 0.004, -bed.half - 0.004, FLOOR - 0.01)
        parts.append(box(low, (bed.front, bed.half + 0.004, edge), bed.other, 0.9))
    return parts


def _post(bed: Bed, x: float, wide: float, out: float) -> Mesh:
    """A ridge up both sides."""
    low = (x - wide, -bed.half - out, FLOOR + 0.05)
    return box(low, (x + wide, bed.half + out, bed.top - 0.06), bed.color, 0.85)


def _doors(bed: Bed, bars: int) -> list[Mesh]:
    """Two doors at the rear: a gap, bars to lock them, hinges, a frame."""
    x, half, top = bed.rear, bed.half, bed.top
    back = (x, half, FLOOR), (x, -half, FLOOR), (x, half, top)
    edge = [
        rectangle(0, 0, 0.045, 1),
        rectangle(0.955, 0, 1, 1),
        rectangle(0, 0, 1, 0.05),
        rectangle(0, 0.95, 1, 1),
    ]
    places = {1: (0.40, 0.60), 2: (0.18, 0.38, 0.62, 0.82)}[bars]
    rods = [rectangle(u - 0.012, 0.03, u + 0.012, 0.97) for u in places]
    hinges = [
        rectangle(u, v, u + 0.05, v + 0.03)
        for u in (0.05, 0.90)
        for v in np.linspace(0.15, 0.85, 4).tolist()
    ]
    frame = bed.steel if bed.load.name == "box" else bed.color
    return [
        laid_on(back, edge, frame, 0.012),
        laid_on(back, [rectangle(0.493, 0.02, 0.507, 0.98)], bed.dark, 0.014),
        laid_on(back, rods, bed.steel, 0.03),
        laid_on(back, hinges, bed.steel, 0.016),
    ]


def _words(bed: Bed) -> list[Mesh]:
    """A word on both sides, and often a smaller one behind."""
    if not bed.load.letters:
        return []
    tall = float(bed.rng.uniform(0.14, 0.42))
    low = float(bed.rng.uniform(0.25, 0.9 - tall))
    left = float(bed.rng.uniform(0.06, 0.4))
    wide = min(0.94 - left, 0.05 * bed.load.letters + 0.1)
    text = word(bed.rng, bed.load.letters, (left, low), (left + wide, low + tall))
    parts = [laid_on(corners, text, bed.ink) for corners in bed.sides()]
    if bed.rng.random() < 0.5:
        parts.append(bed.behind(word(bed.rng, 4, (0.1, 0.6), (0.45, 0.78)), bed.ink))
    return parts


def _labels(bed: Bed) -> list[Mesh]:
    """A few small labels on the doors."""
    parts = []
    for _ in range(int(bed.rng.integers(0, 4))):
        u, v = bed.rng.uniform(0.08, 0.8), bed.rng.uniform(0.1, 0.85)
        shape = rectangle(u, v, u + bed.rng.uniform(0.05, 0.14), v + 0.08)
        parts.append(bed.behind([shape], bed.dyes.of(dyed(bed.rng, VIVID), 0.5, Part.BODY)))
    return parts


def _wear(bed: Bed, most: int) -> list[Mesh]:
    """Patches of rust or repair."""
    material = bed.dyes.of(_RUST if bed.rng.random() < 0.7 else (190, 190, 186), 0.9, Part.BODY)
    parts = []
    for _ in range(int(bed.rng.integers(0, most + 1))):
        u, v = bed.rng.uniform(0.02, 0.9), bed.rng.uniform(0.0, 0.9)
        a, b = bed.rng.uniform(0.01, 0.06), bed.rng.uniform(0.02, 0.12)
        shape: Stroke = (
            (u, v),
            (u + a, v + 0.2 * b),
            (u + 0.8 * a, v + b),
            (u + 0.1 * a, v + 0.7 * b),
        )
        where = int(bed.rng.integers(3))
        parts.append(
            bed.behind([shape], material) if where == 2
            else laid_on(bed.sides()[where], [shape], material, 0.002)
        )  # fmt: skip
    return parts
