"""What trucks carry: boxes, containers, bare frames, flat beds, covers, tanks, tippers, mixers.

It stands on the frame of a truck or of its semi-trailer (`platefree.city.vehicles.hauler`) and has
colors of its own, so that two trucks of one model rarely look alike.
"""

from dataclasses import dataclass

import numpy as np

from platefree.city.vehicles.colors import CLOTH, LIVERIES, METAL, VIVID, WALLS, Srgb
from platefree.city.vehicles.wardrobe import dyed

KINDS = ("box", "container", "skeleton", "flatbed", "cover", "tank", "tipper", "mixer")
_SHARES = (0.30, 0.19, 0.12, 0.09, 0.13, 0.06, 0.08, 0.03)
_LONG = {"container": 0.9, "skeleton": 0.95, "flatbed": 0.5, "cover": 0.35, "tank": 0.5}
"""How often a kind is on a semi-trailer; other kinds never are."""


@dataclass(frozen=True)
class Superstructure:
    """What a truck carries.

    Attributes:
        kind: index into `KINDS`.
        trailer: it is on a semi-trailer.
        length: metres.
        height: metres over the floor.
        color: of most of it, sRGB.
        other: of its lower half, frame, side boards or second load.
        two_tone: its lower half has the other color.
        ink: of what is written on it.
        letters: of the word on its sides; 0 for none.
        frame: color of the frame below it.
        seed: of details: wear, cargo, letters.
    """

    kind: int
    trailer: bool
    length: float
    height: float
    color: Srgb
    other: Srgb
    two_tone: bool
    ink: Srgb
    letters: int
    frame: Srgb
    seed: int

    @property
    def name(self) -> str:
        """One of `KINDS`."""
        return KINDS[self.kind]


def draw_superstructure(rng: np.random.Generator) -> Superstructure:
    """Draw what a truck carries."""
    kind = int(rng.choice(len(KINDS), p=_SHARES))
    name = KINDS[kind]
    trailer = bool(rng.random() < _LONG.get(name, 0.0))
    tables = {"container": METAL, "box": WALLS, "cover": CLOTH, "tank": WALLS}
    colors = tables.get(name, METAL + WALLS)
    dark = dyed(rng, ((34, 36, 38), (60, 62, 64), (40, 40, 44)))
    return Superstructure(
        kind=kind,
        trailer=trailer,
        length=float(rng.choice([6.1, 12.2]) if name == "container" else
                     rng.uniform(9.0, 12.5) if trailer else rng.uniform(3.6, 6.6)),
        height=float(rng.uniform(1.6, 2.5)) if name != "container" else 2.6,
        color=dyed(rng, colors),
        other=dyed(rng, METAL + VIVID),
        two_tone=bool(rng.random() < 0.25),
        ink=dyed(rng, ((236, 236, 232),) * 6 + LIVERIES),
        letters=int(rng.integers(3, 11)) if rng.random() < 0.6 else 0,
        frame=dyed(rng, METAL) if rng.random() < 0.45 else dark,
        seed=int(rng.integers(2**31)),
    )  # fmt: skip
