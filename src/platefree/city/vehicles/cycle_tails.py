"""The rear of a motorcycle as it differs from one to the next: side panels, mudguard, reflector."""

from dataclasses import dataclass

import numpy as np

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.colors import VIVID, Srgb
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.meshes import box, join
from platefree.city.vehicles.shapes import Cycle
from platefree.city.vehicles.solids import Solid, ball, block, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.wardrobe import dyed

_GREYS: tuple[Srgb, ...] = (
    (22, 22, 24),
    (22, 22, 24),
    (60, 62, 66),
    (150, 152, 156),
    (220, 220, 218),
)


@dataclass(frozen=True)
class Tail:
    """The rear of one motorcycle.

    Attributes:
        panels: color of its side panels, sRGB; None has that of the paint.
        wide: how far they stand out, metres.
        stripe: color of a stripe along them; None for none.
        guard: length of the mudguard below the plate, metres.
        reflector: a red one below the plate.
        dark_rims: black rims and spokes.
    """

    panels: Srgb | None = None
    wide: float = 0.04
    stripe: Srgb | None = None
    guard: float = 0.12
    reflector: bool = True
    dark_rims: bool = True


def draw_tail(rng: np.random.Generator) -> Tail:
    """Draw the rear of a motorcycle."""
    color, stripe = dyed(rng, _GREYS), dyed(rng, VIVID + _GREYS)
    return Tail(
        panels=color if rng.random() < 0.45 else None,
        wide=float(rng.uniform(0.0, 0.07)),
        stripe=stripe if rng.random() < 0.3 else None,
        guard=float(rng.uniform(0.04, 0.24)),
        reflector=bool(rng.random() < 0.6),
        dark_rims=bool(rng.random() < 0.65),
    )


def tail_mesh(tail: Tail, cycle: Cycle, dyes: Dyes) -> Mesh:
    """The rear of a motorcycle.

    Args:
        tail: what it is like.
        cycle: of which model.
        dyes: takes its colors.
    """
    rear, seat = -cycle.wheelbase / 2, cycle.seat
    panel = Stuff.PANEL if tail.panels is None else dyes.of(tail.panels, 0.3, Part.BODY)
    y = 0.72 * cycle.tail_half + tail.wide
    solids: list[Solid] = []
    for sign in (1.0, -1.0):
        solids += [
            ball((rear + 0.14, sign * y, seat - 0.15), (0.34, 0.065, 0.10), panel, -0.12),
            ball((rear - 0.01, sign * 0.8 * y, seat - 0.12), (0.14, 0.05, 0.065), panel, -0.1),
        ]
        if tail.stripe is not None:
            stripe = dyes.of(tail.stripe, 0.3, Part.BODY)
            place = (rear + 0.12, sign * (y + 0.012), seat - 0.13)
            solids.append(ball(place, (0.26, 0.06, 0.03), stripe, -0.12))
    low = 0.50 - tail.guard
    middle, half = 0.5 * (low + 0.52), 0.5 * (0.52 - low)
    plastic = dyes.of((58, 58, 60), 0.7, Part.BODY)
    guard = block((rear - 0.285, 0, middle), (0.012, 0.085, half), plastic, 0.3)
    parts = [soft_mesh(solids, 0.03, 0.02), soft_mesh([guard], 0.03)]
    if tail.reflector:
        x = rear - 0.335
        parts.append(box((x, -0.035, 0.455), (x + 0.03, 0.035, 0.48), Stuff.TAIL_LAMP))
    return join(parts)
