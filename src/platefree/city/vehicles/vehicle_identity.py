"""What makes one vehicle different from another of its model.

An identity is drawn from its own random stream, so pictures, models and identities do not
influence one another.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from platefree.city.scene import Paint
from platefree.city.vehicles.colors import (
    BOXES,
    CLOTHES,
    HELMETS,
    LEGS,
    LIVERIES,
    PACKS,
    SEATS,
    SKIN,
    STICKERS,
    VIVID,
    Srgb,
)
from platefree.city.vehicles.models import CYCLE_PAINTS, PAINTS, VARIED_PAINTS, VehicleModel
from platefree.city.vehicles.variety import Variety, draw_variety


@dataclass(frozen=True)
class Sticker:
    """A sheet of paper or film on glass or paint.

    Attributes:
        place: horizontal and vertical position, 0 to 1, in the area that it is meant for.
        size: half width and half height, metres.
        color: sRGB.
        shape: 0 rectangle, 1 disc, 2 stripe, 3 flame-like.
    """

    place: tuple[float, float]
    size: tuple[float, float]
    color: Srgb
    shape: int = 0


@dataclass(frozen=True)
class Damage:
    """A dent or a scratch.

    Attributes:
        side: 0 left, 1 right, 2 front, 3 rear.
        place: 0 to 1 along and up the body.
        length: metres.
        scratch: a scratch instead of a dent.
    """

    side: int
    place: tuple[float, float]
    length: float
    scratch: bool


@dataclass(frozen=True)
class Rider:
    """Who sits on a motorcycle or behind a wheel.

    Attributes:
        top: jacket or shirt, sRGB.
        legs: trousers.
        shoes: shoes.
        skin: skin.
        helmet: its color.
        helmet_kind: 0 open, 1 full face, 2 half shell, 3 with a peak.
        pack: color of what is on the back.
        pack_kind: 0 nothing, 1 backpack, 2 shoulder bag.
        case: color of the top box.
        case_kind: 0 none, 1 top box, 2 delivery box, 3 parcel, 4 side cases.
        print_kind: on the back: 0 plain, 1 band, 2 square print, 3 check, 4 yoke, 5 floral.
        print_color: of it.
        hair: long hair below the helmet.
        short_sleeves: bare lower arms.
        shorts: bare lower legs.
        build: 0.9 slight to 1.1 broad.
        mirrors: 0 none, 1 round, 2 angular, 3 only the left one.
        passenger: a second person.
        passenger_top: sRGB.
        passenger_legs: sRGB.
        passenger_helmet: sRGB.
    """

    top: Srgb = (30, 32, 40)
    legs: Srgb = (30, 34, 48)
    shoes: Srgb = (26, 26, 28)
    skin: Srgb = (206, 160, 128)
    helmet: Srgb = (24, 24, 26)
    helmet_kind: int = 0
    pack: Srgb = (20, 20, 22)
    pack_kind: int = 0
    case: Srgb = (24, 24, 26)
    case_kind: int = 0
    print_kind: int = 0
    print_color: Srgb = (226, 226, 222)
    hair: bool = False
    short_sleeves: bool = False
    shorts: bool = False
    build: float = 1.0
    mirrors: int = 1
    passenger: bool = False
    passenger_top: Srgb = (96, 98, 102)
    passenger_legs: Srgb = (30, 34, 48)
    passenger_helmet: Srgb = (226, 226, 222)


@dataclass(frozen=True)
class Identity:
    """Everything that one vehicle has and another of its model may not have.

    Attributes:
        kind: body type of its model.
        paint: body color.
        tint: of the glass.
        stickers: on the windscreen.
        rear_stickers: on the rear window or boot.
        decals: on both sides.
        items: on the dashboard, 0 to 1 across it.
        item_color: of the first of them.
        other_item_color: of the others.
        tag: hangs from the mirror.
        tag_color: its color.
        seats: color of the seats.
        driver: somebody is seen at the wheel.
        roof: 0 nothing, 1 bars, 2 box, 3 basket, 4 ladder.
        load: 0 nothing, 1 boxes, 2 tarpaulin, 3 pipes.
        load_color: its color.
        damage: dents and scratches.
        missing_cap: wheel without its cap, 0 to 3; -1 all are there.
        missing_badge: the rear badge is gone.
        dark_rims: rims in black.
        livery: 0 plain, 1 band, 2 block, 3 wave, 4 two bands: on vans, trucks and buses.
        stripe_color: its color.
        second_color: of a motorcycle's panels or a truck's box.
        saddle: color of a motorcycle's seat.
        dirt: seed of the pattern of dirt.
        dirt_amount: 0 clean to 1.
        rider: rider, or driver behind glass.
        variety: what only vehicles of a varied fleet have.
    """

    kind: str
    paint: Paint
    tint: float
    stickers: tuple[Sticker, ...]
    rear_stickers: tuple[Sticker, ...]
    decals: tuple[Sticker, ...]
    items: tuple[float, ...]
    item_color: Srgb
    other_item_color: Srgb
    tag: bool
    tag_color: Srgb
    seats: Srgb
    driver: bool
    roof: int
    load: int
    load_color: Srgb
    damage: tuple[Damage, ...]
    missing_cap: int
    missing_badge: bool
    dark_rims: bool
    livery: int
    stripe_color: Srgb
    second_color: Srgb
    saddle: Srgb
    dirt: int
    dirt_amount: float
    rider: Rider
    variety: Variety | None = None

    @property
    def box_color(self) -> Srgb:
        """Of the walls of a truck's load box."""
        return BOXES[self.dirt % len(BOXES)] or self.stripe_color


def _one_of(rng: np.random.Generator, choices: tuple[Srgb, ...]) -> Srgb:
    return choices[int(rng.integers(len(choices)))]


def _worn(rng: np.random.Generator, choices: tuple[Srgb, ...]) -> Srgb:
    """Of a table that begins with what is common."""
    return choices[int(len(choices) * float(rng.random()) ** 1.7)]


@cache
def _paints(kind: str) -> tuple[tuple[Paint, ...], NDArray[np.float64]]:
    """The paints of a body type, and the fraction of the street that has one or any before it."""
    paints = CYCLE_PAINTS if kind == "motorcycle" else PAINTS
    fractions = np.array([fraction for _, fraction in paints])
    if kind in ("van", "box_truck", "bus"):  # commercial vehicles are mostly white
        fractions = fractions + np.array([0.8 * (paint.name == "white") for paint, _ in paints])
    return tuple(paint for paint, _ in paints), np.cumsum(fractions / fractions.sum())


def _draw_paint(rng: np.random.Generator, kind: str) -> Paint:
    paints, edges = _paints(kind)
    place = int(np.searchsorted(edges, rng.random(), side="right"))
    return paints[min(place, len(paints) - 1)]


def _draw_windscreen(rng: np.random.Generator, scale: float) -> tuple[Sticker, ...]:
    corners = ((0.08, 0.88), (0.92, 0.88), (0.08, 0.14), (0.92, 0.14), (0.5, 0.93))
    count = int(rng.choice(5, p=[0.12, 0.28, 0.30, 0.20, 0.10]))
    stickers: list[Sticker] = []
    for _ in range(count):
        u, v = corners[int(rng.choice(5, p=[0.34, 0.30, 0.12, 0.12, 0.12]))]
        place = (u + float(rng.uniform(-0.05, 0.10)) * (1 if u < 0.5 else -1), v)
        size = (scale * float(rng.uniform(0.03, 0.06)), scale * float(rng.uniform(0.028, 0.055)))
        shape = int(rng.random() < 0.25)
        stickers.append(Sticker(place, size, _one_of(rng, STICKERS), shape))
    return tuple(stickers)


def _draw_stickers(rng: np.random.Generator, chance: float, large: float) -> tuple[Sticker, ...]:
    stickers: list[Sticker] = []
    while rng.random() < chance and len(stickers) < 3:
        size = (float(rng.uniform(0.08, large)), float(rng.uniform(0.04, 0.35 * large + 0.02)))
        place = (float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.15, 0.85)))
        stickers.append(Sticker(place, size, _one_of(rng, VIVID), int(rng.integers(4))))
    return tuple(stickers)


def _draw_damage(rng: np.random.Generator) -> tuple[Damage, ...]:
    damage: list[Damage] = []
    while rng.random() < 0.30 and len(damage) < 2:
        damage.append(
            Damage(
                int(rng.integers(4)),
                (float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.35, 0.75))),
                float(rng.uniform(0.15, 0.5)),
                bool(rng.random() < 0.6),
            )
        )
    return tuple(damage)


def _draw_rider(rng: np.random.Generator) -> Rider:
    return Rider(
        top=_worn(rng, CLOTHES),
        legs=_worn(rng, LEGS),
        shoes=_one_of(rng, ((26, 26, 28), (190, 188, 184), (96, 70, 50), (200, 160, 130))),
        skin=_one_of(rng, SKIN),
        helmet=_worn(rng, HELMETS),
        helmet_kind=int(rng.choice(4, p=[0.42, 0.15, 0.33, 0.10])),
        pack=_one_of(rng, PACKS),
        pack_kind=int(rng.choice(3, p=[0.72, 0.21, 0.07])),
        case=_one_of(rng, PACKS + VIVID[2:4]),
        case_kind=int(rng.choice(5, p=[0.82, 0.06, 0.05, 0.04, 0.03])),
        print_kind=int(rng.choice(6, p=[0.50, 0.12, 0.16, 0.07, 0.09, 0.06])),
        print_color=_one_of(rng, CLOTHES + VIVID),
        hair=bool(rng.random() < 0.18),
        short_sleeves=bool(rng.random() < 0.25),
        shorts=bool(rng.random() < 0.12),
        build=float(rng.uniform(0.9, 1.1)),
        mirrors=int(rng.choice(4, p=[0.05, 0.55, 0.30, 0.10])),
        passenger=bool(rng.random() < 0.20),
        passenger_top=_worn(rng, CLOTHES),
        passenger_legs=_worn(rng, LEGS),
        passenger_helmet=_worn(rng, HELMETS),
    )


def draw_identity(model: VehicleModel, seed: int) -> Identity:
    """Draw a vehicle of a model.

    Args:
        model: of which model.
        seed: of the vehicle.
    """
    return draw_of_kind(model.kind, seed)


def paint_of(model: VehicleModel, seed: int) -> Paint:
    """The paint that `draw_identity` draws, without the rest."""
    return _draw_paint(_stream(seed), model.kind)


def _stream(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 11])


def draw_varied(model: VehicleModel, seed: int) -> Identity:
    """The vehicle of `draw_identity` with what it has in a varied fleet."""
    return varied_of_kind(model.kind, seed)


def varied_of_kind(kind: str, seed: int) -> Identity:
    """Likewise, by its body type."""
    plain = draw_of_kind(kind, seed)
    return replace(plain, paint=varied_paint(kind, seed), variety=draw_variety(kind, seed))


def varied_paint(kind: str, seed: int) -> Paint:
    """The paint that `varied_of_kind` draws: more colors, each a little faded or deepened."""
    rng = np.random.default_rng([seed, 13])
    table = VARIED_PAINTS.get(kind, VARIED_PAINTS["car"])
    fractions = np.array([fraction for _, fraction in table])
    paint, _ = table[int(rng.choice(len(table), p=fractions / fractions.sum()))]
    tone, tint = float(np.exp(rng.normal(0.0, 0.10))), rng.normal(1.0, 0.03, 3)
    red, green, blue = (
        min(float(c * tone * t), 0.85) for c, t in zip(paint.color, tint, strict=True)
    )
    return replace(paint, color=(red, green, blue))


def draw_of_kind(kind: str, seed: int) -> Identity:
    """Draw a vehicle of a body type: all that its identity needs to know of its model."""
    rng = _stream(seed)
    paint = _draw_paint(rng, kind)  # before all else, for `paint_of`
    commercial = kind in ("van", "box_truck", "bus")
    family = kind in ("estate", "suv", "mpv", "hatchback")
    roof = 0
    if kind == "van" and rng.random() < 0.18:
        roof = int(rng.choice([1, 4]))
    elif family and rng.random() < 0.12:
        roof = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    tints = np.array([0.12, 0.3, 0.5, 0.75, 0.92])
    return Identity(
        kind=kind,
        paint=paint,
        tint=float(rng.choice(tints, p=[0.2, 0.32, 0.26, 0.15, 0.07])),
        stickers=_draw_windscreen(rng, 1.8 if kind in ("box_truck", "bus") else 1.0),
        rear_stickers=_draw_stickers(rng, 0.40, 0.14),
        decals=_draw_stickers(rng, 0.30 if commercial else 0.09, 0.5 if commercial else 0.3),
        items=tuple(float(value) for value in rng.uniform(0.1, 0.9, int(rng.integers(0, 3)))),
        item_color=_one_of(rng, VIVID),
        other_item_color=_one_of(rng, VIVID),
        tag=bool(rng.random() < 0.25),
        tag_color=_one_of(rng, VIVID),
        seats=_one_of(rng, SEATS),
        driver=True,
        roof=roof,
        load=int(rng.integers(0, 4)),
        load_color=_one_of(rng, VIVID + PACKS),
        damage=_draw_damage(rng),
        missing_cap=int(rng.integers(4)) if rng.random() < 0.07 else -1,
        missing_badge=bool(rng.random() < 0.06),
        dark_rims=bool(rng.random() < 0.22),
        livery=int(rng.integers(1, 5)) if commercial and rng.random() < 0.45 else 0,
        stripe_color=_one_of(rng, LIVERIES),
        second_color=_one_of(rng, ((22, 22, 24), (22, 22, 24), (60, 62, 66), (200, 200, 198))),
        saddle=_one_of(rng, ((20, 20, 22), (20, 20, 22), (66, 44, 32), (92, 26, 30))),
        dirt=int(rng.integers(2**31)),
        dirt_amount=float(rng.beta(1.3, 4.0)),
        rider=_draw_rider(rng),
    )
