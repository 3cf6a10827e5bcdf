"""Where the load of a truck is built: its floor, its walls and its colors."""

import numpy as np

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.lettering import Corner, Stroke, laid_on
from platefree.city.vehicles.meshes import box
from platefree.city.vehicles.superstructures import Superstructure

FLOOR = 1.08
"""Height of the floor, metres."""


class Bed:
    """The space that one superstructure fills, and its materials.

    Args:
        load: what is built there.
        front: x of its front end, metres.
        half: half of its width.
        dyes: takes its colors.
    """

    def __init__(self, load: Superstructure, front: float, half: float, dyes: Dyes) -> None:
        self.load, self.dyes = load, dyes
        self.front, self.rear, self.half = front, front - load.length, half
        self.top = FLOOR + load.height
        self.rng = np.random.default_rng([load.seed, 51])
        self.color = dyes.of(load.color, 0.5, Part.BODY)
        self.other = dyes.of(load.other, 0.5, Part.BODY)
        self.ink = dyes.of(load.ink, 0.5, Part.BODY)
        self.steel = dyes.of((150, 152, 154), 0.4, Part.BODY)
        self.dark = dyes.of((26, 26, 28), 0.8, Part.BODY)

    @property
    def middle(self) -> float:
        """X of its middle."""
        return 0.5 * (self.front + self.rear)

    def sides(self) -> list[tuple[Corner, Corner, Corner]]:
        """Corners of the left and of the right wall, for `laid_on`."""
        y, out = self.half, 0.035
        a, b, low, high = self.rear, self.front, FLOOR, self.top
        return [
            ((b, y + out, low), (a, y + out, low), (b, y + out, high)),
            ((a, -y - out, low), (b, -y - out, low), (a, -y - out, high)),
        ]

    def behind(self, shapes: list[Stroke], material: int, raised: float = 0.035) -> Mesh:
        """Flat shapes on the rear wall."""
        x, half = self.rear, self.half
        back = (x, half, FLOOR), (x, -half, FLOOR), (x, half, self.top)
        return laid_on(back, shapes, material, raised)

    def deck(self) -> list[Mesh]:
        """The floor."""
        low, high = (self.rear, -self.half, FLOOR - 0.12), (self.front, self.half, FLOOR)
        return [box(low, high, self.dyes.of(self.load.frame, 0.7, Part.BODY), 0.9)]
