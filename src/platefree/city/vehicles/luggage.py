"""What is strapped to a motorcycle: boxes, crates, sacks, bottles, bags that hang at its sides."""

from dataclasses import dataclass

import numpy as np

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.colors import PACKS, VIVID, Srgb
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.meshes import box, empty_mesh, join
from platefree.city.vehicles.shapes import Cycle
from platefree.city.vehicles.solids import Solid, ball, block, limb, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.wardrobe import dyed

KINDS = (
    "nothing", "rail", "top_box", "delivery", "parcels", "side_cases", "crate", "sack", "hung_bags",
    "bottles",
)  # fmt: skip
_SHARES = (0.55, 0.17, 0.06, 0.05, 0.03, 0.02, 0.03, 0.02, 0.05, 0.02)
_WITH_PASSENGER = (0.62, 0.20, 0.05, 0.0, 0.0, 0.03, 0.0, 0.0, 0.10, 0.0)
_CARD: tuple[Srgb, ...] = ((168, 128, 86), (146, 108, 70), (196, 160, 118), (206, 200, 190))


@dataclass(frozen=True)
class Luggage:
    """Luggage of a motorcycle.

    Attributes:
        kind: index into `KINDS`.
        color: of most of it, sRGB.
        other: of its lid, strap or second piece.
        mark: of what is written on it.
        size: 0.8 to 1.2.
        seed: of how it is packed.
    """

    kind: int = 0
    color: Srgb = (24, 24, 26)
    other: Srgb = (60, 60, 62)
    mark: Srgb = (230, 230, 228)
    size: float = 1.0
    seed: int = 0


def draw_luggage(rng: np.random.Generator, *, passenger: bool) -> Luggage:
    """Draw luggage for which there is room."""
    kind = int(rng.choice(len(KINDS), p=_WITH_PASSENGER if passenger else _SHARES))
    tables = {"parcels": _CARD, "top_box": PACKS[:1] * 4 + PACKS}
    color = dyed(rng, tables.get(KINDS[kind], VIVID + PACKS))
    other = dyed(rng, tables.get(KINDS[kind], VIVID + PACKS)) if rng.random() < 0.5 else color
    return Luggage(
        kind, color, other, dyed(rng, VIVID), float(rng.uniform(0.8, 1.2)),
        int(rng.integers(1000)),
    )  # fmt: skip


def luggage_mesh(luggage: Luggage | None, cycle: Cycle, dyes: Dyes) -> Mesh:
    """The luggage on its motorcycle.

    Args:
        luggage: what it is.
        cycle: what it is strapped to.
        dyes: takes its colors.
    """
    if luggage is None or KINDS[luggage.kind] == "nothing":
        return empty_mesh()
    packed = _Packed(luggage, cycle, dyes)
    mesh: Mesh = getattr(packed, KINDS[luggage.kind])()
    return mesh


class _Packed:
    """One piece of luggage; ``x`` is the rear axle, ``z`` the height of the seat."""

    def __init__(self, luggage: Luggage, cycle: Cycle, dyes: Dyes) -> None:
        self._x, self._z, self._size = -cycle.wheelbase / 2, cycle.seat, luggage.size
        self._color, self._other, self._mark = (
            dyes.of(color, 0.6, Part.LOAD) for color in (luggage.color, luggage.other, luggage.mark)
        )
        self._rng = np.random.default_rng([luggage.seed, 31])

    def rail(self) -> Mesh:
        """The bare rail of a rack behind the seat."""
        x, z = self._x - 0.16, self._z + 0.06
        bars = [
            limb((x, side, z), (self._x + 0.06, 1.3 * side, z - 0.03), 0.013, 0.013, Stuff.ENGINE)
            for side in (0.09, -0.09, 0.03, -0.03)
        ]
        bars.append(limb((x, 0.10, z), (x, -0.10, z), 0.013, 0.013, Stuff.ENGINE))
        return soft_mesh(bars, 0.018, 0.006)

    def top_box(self) -> Mesh:
        """A round-edged box with a lid and a reflector."""
        x, z, s = self._x - 0.17, self._z + 0.09, self._size
        return soft_mesh(
            [
                block((x, 0, z + 0.08 * s), (0.17 * s, 0.20 * s, 0.10 * s), self._color, 0, 0.06),
                block((x, 0, z + 0.21 * s), (0.165 * s, 0.195 * s, 0.06 * s), self._other, 0, 0.06),
                block((x - 0.17 * s, 0, z + 0.12 * s), (0.01, 0.10 * s, 0.02), Stuff.TAIL_LAMP),
            ],
            0.028,
            0.01,
        )

    def delivery(self) -> Mesh:
        """The cube of a courier, with a sign on its rear and sides."""
        s = self._size
        low, high = self._z + 0.06, self._z + 0.06 + 0.45 * s
        rear, front, half = self._x - 0.34 * s, self._x + 0.13, 0.25 * s
        middle = 0.5 * (low + high)
        signs = [
            box(
                (rear - 0.006, -0.7 * half, middle),
                (rear, 0.7 * half, middle + 0.13 * s),
                self._mark,
            ),
            *(
                box(
                    (rear + 0.1, side * half - 0.006, middle),
                    (front - 0.1, side * half + 0.006, middle + 0.13 * s),
                    self._mark,
                )
                for side in (1.0, -1.0)
            ),
        ]
        body = box((rear, -half, low), (front, half, high - 0.05), self._color)
        lid = box(
            (rear - 0.01, -half - 0.01, high - 0.08), (front + 0.01, half + 0.01, high), self._other
        )
        return join([body, lid, *signs])

    def parcels(self) -> Mesh:
        """A stack of two or three cartons with straps."""
        z, parts = self._z + 0.05, []
        for number in range(int(self._rng.integers(1, 4))):
            half, tall = self._rng.uniform(0.14, 0.30), self._rng.uniform(0.12, 0.26)
            shift = float(self._rng.uniform(-0.04, 0.04))
            low = (self._x - self._rng.uniform(0.18, 0.36), shift - half, z)
            high = (self._x + 0.12, shift + half, z + tall)
            parts.append(box(low, high, self._other if number % 2 else self._color, 0.9))
            strap = (low[0] - 0.005, -0.02, z), (high[0] + 0.005, 0.02, z + tall + 0.004)
            parts.append(box(*strap, Stuff.STRAP))
            z += float(tall)
        return join(parts)

    def side_cases(self) -> Mesh:
        """A case at either side."""
        s = self._size
        return soft_mesh(
            [
                block(
                    (self._x - 0.02, side * 0.27, self._z - 0.20),
                    (0.21 * s, 0.09, 0.15 * s),
                    self._color,
                    0.0,
                    0.05,
                )
                for side in (1.0, -1.0)
            ],
            0.028,
        )

    def crate(self) -> Mesh:
        """An open crate with goods in it."""
        s, z = self._size, self._z + 0.05
        rear, front, half = self._x - 0.34, self._x + 0.08, 0.23 * s
        walls = [
            box((rear, -half, z), (rear + 0.02, half, z + 0.24), self._color),
            box((front - 0.02, -half, z), (front, half, z + 0.24), self._color),
            box((rear, half - 0.02, z), (front, half, z + 0.24), self._color),
            box((rear, -half, z), (front, -half + 0.02, z + 0.24), self._color),
        ]
        goods: list[Solid] = []
        for _ in range(7):
            place = (
                float(self._rng.uniform(rear + 0.08, front - 0.08)),
                float(self._rng.uniform(-half + 0.08, half - 0.08)),
                z + float(self._rng.uniform(0.12, 0.26)),
            )
            radius = float(self._rng.uniform(0.05, 0.10))
            stuff = self._other if self._rng.random() < 0.6 else self._mark
            goods.append(ball(place, (radius, radius, radius), stuff))
        return join([*walls, soft_mesh(goods, 0.028, 0.01)])

    def sack(self) -> Mesh:
        """A full sack across the rack."""
        s, x, z = self._size, self._x - 0.12, self._z + 0.17
        return soft_mesh(
            [
                limb((x, 0.20 * s, z), (x, -0.20 * s, z - 0.01), 0.16, 0.15, self._color),
                limb((x, 0.02, z + 0.01), (x, -0.02, z + 0.01), 0.17, 0.17, self._other),
            ],
            0.03,
            0.05,
        )

    def hung_bags(self) -> Mesh:
        """Shopping bags at one side or both."""
        sides = ((1.0,), (-1.0,), (1.0, -1.0))[int(self._rng.integers(3))]
        solids: list[Solid] = []
        for side in sides:
            drop = float(self._rng.uniform(0.18, 0.30))
            tone = self._color if side > 0 else self._other
            place = (self._x + float(self._rng.uniform(-0.05, 0.4)), side * 0.26, self._z - drop)
            solids += [
                ball(place, (0.13 * self._size, 0.07, 0.15 * self._size), tone),
                limb(place, (place[0], side * 0.17, self._z), 0.03, 0.015, tone),
            ]
        return soft_mesh(solids, 0.028, 0.02)

    def bottles(self) -> Mesh:
        """One or two gas bottles or drums."""
        count = int(self._rng.integers(1, 3))
        solids: list[Solid] = []
        for number in range(count):
            y = 0.0 if count == 1 else (0.19, -0.19)[number]
            foot, top = (self._x - 0.12, y, self._z + 0.22), (self._x - 0.12, y, self._z + 0.42)
            solids += [
                limb(foot, top, 0.15, 0.15, self._color if number == 0 else self._other),
                limb(top, (top[0], y, top[2] + 0.19), 0.06, 0.05, self._mark),
            ]
        return soft_mesh(solids, 0.03, 0.02)
