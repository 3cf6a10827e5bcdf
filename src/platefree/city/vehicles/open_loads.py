"""Open loads of trucks: bare frames, flat beds, tippers, and beds under a cover."""

import numpy as np

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.colors import CLOTH, METAL, PACKS, VIVID
from platefree.city.vehicles.lettering import laid_on, rectangle, word
from platefree.city.vehicles.load_bed import FLOOR, Bed
from platefree.city.vehicles.meshes import box, lathe, moved, rotated
from platefree.city.vehicles.solids import Solid, ball, block, soft_mesh
from platefree.city.vehicles.wardrobe import dyed


def skeleton_body(bed: Bed) -> list[Mesh]:
    """A bare frame for containers: two beams, cross members, twist locks."""
    beam = bed.dyes.of(bed.load.frame, 0.6, Part.BODY)
    parts = [
        box((bed.rear, y - 0.09, 0.86), (bed.front, y + 0.09, FLOOR + 0.06), beam, 0.8)
        for y in (0.48, -0.48)
    ]
    for x in np.linspace(bed.rear + 0.1, bed.front - 0.2, 6):
        parts.append(
            box(
                (x - 0.1, -bed.half, FLOOR - 0.12),
                (x + 0.1, bed.half, FLOOR + 0.05),
                beam,
                0.8,
            )
        )
    return parts


def flatbed_body(bed: Bed) -> list[Mesh]:
    """A deck with a headboard and whatever lies on it."""
    parts = [*bed.deck(), *_stakes(bed)]
    cargo = int(bed.rng.integers(4))
    if cargo == 1:
        parts += _crates(bed)
    elif cargo == 2:
        parts += _pipes(bed)
    elif cargo == 3:
        parts.append(_heap(bed, 0.5))
    return parts


def tipper_body(bed: Bed) -> list[Mesh]:
    """An open bucket with ribs, empty, full or covered."""
    deep = 0.5 * bed.load.height
    parts = [*bed.deck(), *_boards(bed, FLOOR + deep, bed.color)]
    for x in np.linspace(bed.rear + 0.3, bed.front - 0.3, 6):
        low = (x - 0.05, -bed.half - 0.06, FLOOR)
        for sign in (1.0, -1.0):
            inner, outer = sorted((sign * bed.half, sign * (bed.half + 0.07)))
            parts.append(box((x - 0.05, inner, low[2]), (x + 0.05, outer, FLOOR + deep), bed.other))
    if bed.rng.random() < 0.7:
        parts.append(_heap(bed, deep))
    return [*parts, *_tail_words(bed, deep)]


def cover_body(bed: Bed) -> list[Mesh]:
    """Side boards below a tarpaulin on hoops."""
    board = 0.35 * bed.load.height
    middle, half_long = 0.5 * (bed.front + bed.rear), 0.5 * bed.load.length
    parts = [*bed.deck(), *_boards(bed, FLOOR + board, bed.other)]
    up = 0.5 * (bed.load.height - 0.6 * board)
    tarpaulin: list[Solid] = [
        block(
            (middle, 0, bed.top - up),
            (half_long, bed.half + 0.02, up),
            bed.color,
            0,
            0.22,
        )
    ]
    for x in np.linspace(bed.rear + 0.4, bed.front - 0.4, max(3, int(bed.load.length / 1.1))):
        tarpaulin.append(
            block(
                (x, 0, bed.top - up + 0.015),
                (0.05, bed.half + 0.035, up),
                bed.color,
                0,
                0.05,
            )
        )
    parts.append(soft_mesh(tarpaulin, 0.075, 0.04))
    if bed.rng.random() < 0.5:  # the flap is open
        parts.append(bed.behind([rectangle(0.12, 0.38, 0.88, 0.86)], bed.dark))
    return [*parts, *_tail_words(bed, board)]


def _boards(bed: Bed, top: float, material: int) -> list[Mesh]:
    """Four walls around the deck."""
    a, b, y, thick = bed.rear, bed.front, bed.half, 0.05
    return [
        box((a, -y, FLOOR), (a + thick, y, top), material),
        box((b - thick, -y, FLOOR), (b, y, top + 0.1), material),
        box((a, y - thick, FLOOR), (b, y, top), material),
        box((a, -y, FLOOR), (b, -y + thick, top), material),
    ]


def _stakes(bed: Bed) -> list[Mesh]:
    front, y = bed.front, bed.half
    head = box((front - 0.08, -y, FLOOR), (front, y, FLOOR + 1.1), bed.other)
    xs = np.linspace(bed.rear + 0.1, front - 1.0, 5).tolist() if bed.rng.random() < 0.5 else []
    return [
        head,
        *(
            box(
                (x, side * y - 0.03, FLOOR),
                (x + 0.06, side * y + 0.03, FLOOR + 0.7),
                bed.other,
            )
            for x in xs
            for side in (1.0, -1.0)
        ),
    ]


def _crates(bed: Bed) -> list[Mesh]:
    parts = []
    x = bed.rear + 0.2
    while x < bed.front - 1.4:
        long, half = bed.rng.uniform(0.7, 1.6), bed.rng.uniform(0.5, 0.95 * bed.half)
        tall = bed.rng.uniform(0.4, 0.7 * bed.load.height)
        color = dyed(bed.rng, ((150, 112, 72), (190, 160, 120), *PACKS, *VIVID))
        material = bed.dyes.of(color, 0.8, Part.LOAD)
        parts.append(box((x, -half, FLOOR), (x + long, half, FLOOR + tall), material, 0.9))
        x += long + float(bed.rng.uniform(0.05, 0.6))
    return parts


def _pipes(bed: Bed) -> list[Mesh]:
    radius = float(bed.rng.uniform(0.08, 0.22))
    material = bed.dyes.of(dyed(bed.rng, METAL), 0.5, Part.LOAD)
    long, middle = 0.46 * bed.load.length, 0.5 * (bed.rear + bed.front)
    pipe = rotated(
        lathe([(radius, -long), (radius, long), (0.01, long)], material, 12), 2, np.pi / 2
    )
    return [
        moved(pipe, middle, float(y), FLOOR + radius + layer * 1.8 * radius)
        for layer in range(int(bed.rng.integers(1, 4)))
        for y in np.arange(-bed.half + radius + 0.1, bed.half - radius - 0.1, 2.1 * radius)
    ]


def _heap(bed: Bed, deep: float) -> Mesh:
    """A heap of earth, sand or sacks, or a cover over one."""
    color = dyed(bed.rng, ((120, 92, 66), (176, 152, 112), (90, 92, 94), *CLOTH))
    material = bed.dyes.of(color, 0.95, Part.LOAD)
    middle, long = 0.5 * (bed.rear + bed.front), 0.42 * bed.load.length
    tall = deep + float(bed.rng.uniform(0.1, 0.4))
    humps: list[Solid] = [
        ball(
            (middle, 0, FLOOR + 0.4 * deep),
            (long, 0.92 * bed.half, tall - 0.4 * deep),
            material,
        )
    ]
    for _ in range(5):
        x = middle + float(bed.rng.uniform(-0.8, 0.8)) * long
        y = float(bed.rng.uniform(-0.5, 0.5)) * bed.half
        humps.append(ball((x, y, FLOOR + 0.7 * deep), (0.7, 0.5, 0.4 * tall), material))
    return soft_mesh(humps, 0.09, 0.1)


def _tail_words(bed: Bed, deep: float) -> list[Mesh]:
    """Letters on the tail board, as the law demands them in many countries."""
    if bed.rng.random() < 0.3:
        return []
    x, half = bed.rear, bed.half
    back = (x, half, FLOOR), (x, -half, FLOOR), (x, half, FLOOR + deep)
    text = word(bed.rng, int(bed.rng.integers(4, 8)), (0.25, 0.25), (0.75, 0.75))
    return [laid_on(back, text, bed.ink, 0.02)]
