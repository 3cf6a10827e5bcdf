"""What people on motorcycles wear and carry, drawn with the spread of a busy street.

Colors come from the tables of `platefree.city.vehicles.colors`, each dyed a little differently, so
that two people in blue rarely wear the same blue.
"""

from dataclasses import dataclass

import numpy as np

from platefree.city.vehicles.colors import CLOTHES, HELMETS, LEGS, PACKS, SKIN, VIVID, Srgb

LONG, SHORT, BARE = range(3)
"""Sleeves."""

TROUSERS, SHORTS, SKIRT = range(3)

OPEN, FULL, HALF, PEAKED, CAP = range(5)
"""Helmets."""

NO_BAG, BACKPACK, SHOULDER_BAG, CROSS_BAG = range(4)

PRINTS = (
    "plain", "band", "square", "check", "yoke", "dots", "words", "stripes", "panels", "vest",
    "disc", "camouflage", "hem", "harness",
)  # fmt: skip
"""What is on the back of a jacket."""

_PRINT_SHARES = (0.40, 0.06, 0.06, 0.06, 0.06, 0.05, 0.09, 0.05, 0.06, 0.02, 0.04, 0.02, 0.02, 0.01)
_SHOES: tuple[Srgb, ...] = (
    (26, 26, 28), (190, 188, 184), (96, 70, 50), (200, 160, 130), (230, 230, 228), (60, 66, 90),
)  # fmt: skip
_DARK: tuple[Srgb, ...] = ((20, 20, 22), (28, 30, 38), (30, 36, 62), (48, 48, 52), (46, 40, 38))
_LIGHT: tuple[Srgb, ...] = (
    (236, 236, 232), (230, 230, 230), (214, 210, 204), (206, 214, 222), (226, 206, 206),
)  # fmt: skip
_TOP_SHARES = (0.38, 0.28, 0.34)


@dataclass(frozen=True)
class Person:
    """Somebody on a motorcycle; colors are sRGB.

    Attributes:
        top: jacket or shirt.
        sleeves: of its sleeves, if they are long or short.
        sleeve_kind: `LONG`, `SHORT` or `BARE`.
        print_kind: index into `PRINTS`.
        print_color: of the print.
        other_color: second color of prints that have two.
        hood: color of a hood that lies on the neck; None for none.
        legs: trousers, shorts or skirt.
        leg_kind: `TROUSERS`, `SHORTS` or `SKIRT`.
        shoes: shoes.
        skin: skin.
        helmet: its shell.
        helmet_kind: `OPEN`, `FULL`, `HALF`, `PEAKED` or `CAP`.
        helmet_mark: 0 none, 1 a stripe from front to back, 2 a rim, 3 a crown, 4 two stripes.
        helmet_color: of the mark.
        hair: long hair below the helmet.
        bag_kind: `NO_BAG`, `BACKPACK`, `SHOULDER_BAG` or `CROSS_BAG`.
        bag: its color.
        pocket: color of its pocket or flap.
        bag_size: 0.75 to 1.25.
        cape: a rain cape over everything, in the color of the top.
        build: 0.85 slight to 1.2 broad.
        loose: 0 a tight shirt to 1 a wide jacket.
        elbows: 0 close to the body to 1 stretched out.
        lean: radians that the back is bent forward, beyond the usual.
    """

    top: Srgb = (30, 32, 40)
    sleeves: Srgb = (30, 32, 40)
    sleeve_kind: int = LONG
    print_kind: int = 0
    print_color: Srgb = (226, 226, 222)
    other_color: Srgb = (26, 26, 28)
    hood: Srgb | None = None
    legs: Srgb = (30, 34, 48)
    leg_kind: int = TROUSERS
    shoes: Srgb = (26, 26, 28)
    skin: Srgb = (206, 160, 128)
    helmet: Srgb = (24, 24, 26)
    helmet_kind: int = OPEN
    helmet_mark: int = 0
    helmet_color: Srgb = (226, 226, 222)
    hair: bool = False
    bag_kind: int = NO_BAG
    bag: Srgb = (20, 20, 22)
    pocket: Srgb = (20, 20, 22)
    bag_size: float = 1.0
    cape: bool = False
    build: float = 1.0
    loose: float = 0.5
    elbows: float = 0.5
    lean: float = 0.0


def dyed(rng: np.random.Generator, choices: tuple[Srgb, ...], bias: float = 1.0) -> Srgb:
    """One of a table's colors, a little lighter, darker and tinted.

    Args:
        rng: random numbers.
        choices: the table.
        bias: above 1 prefers what stands first.
    """
    color = np.array(choices[int(len(choices) * float(rng.random()) ** bias)], float)
    color = color * np.exp(rng.normal(0.0, 0.16)) + rng.normal(0.0, 7.0, 3)
    red, green, blue = (int(value) for value in np.clip(np.round(color), 8, 246))
    return red, green, blue


def draw_crew(rng: np.random.Generator) -> tuple[Person, ...]:
    """Everybody on a motorcycle, the rider first."""
    rider = draw_person(rng)
    if rng.random() >= 0.24:
        return (rider,)
    return rider, draw_person(rng)


def draw_person(rng: np.random.Generator) -> Person:
    """One person."""
    top = _top(rng)
    sleeve_kind = int(rng.choice(3, p=[0.66, 0.29, 0.05]))
    leg_kind = int(rng.choice(3, p=[0.80, 0.14, 0.06]))
    bag = dyed(rng, PACKS, 1.3)
    return Person(
        top=top,
        sleeves=_top(rng) if rng.random() < 0.16 else top,
        sleeve_kind=sleeve_kind,
        print_kind=int(rng.choice(len(PRINTS), p=_PRINT_SHARES)),
        print_color=_top(rng) if rng.random() < 0.6 else dyed(rng, VIVID),
        other_color=dyed(rng, CLOTHES + VIVID),
        hood=_hood(rng, top, sleeve_kind),
        legs=dyed(rng, LEGS, 1.25),
        leg_kind=leg_kind,
        shoes=dyed(rng, _SHOES),
        skin=dyed(rng, SKIN),
        helmet=dyed(rng, HELMETS + VIVID, 2.2),
        helmet_kind=int(rng.choice(5, p=[0.46, 0.10, 0.27, 0.11, 0.06])),
        helmet_mark=int(rng.choice(5, p=[0.55, 0.12, 0.12, 0.10, 0.11])),
        helmet_color=dyed(rng, HELMETS + VIVID),
        hair=bool(rng.random() < 0.2),
        bag_kind=int(rng.choice(4, p=[0.66, 0.23, 0.05, 0.06])),
        bag=bag,
        pocket=dyed(rng, PACKS + VIVID) if rng.random() < 0.3 else bag,
        bag_size=float(rng.uniform(0.75, 1.25)),
        cape=bool(rng.random() < 0.025),
        build=float(np.clip(rng.normal(1.0, 0.09), 0.85, 1.2)),
        loose=float(rng.random()),
        elbows=float(rng.random()),
        lean=float(rng.normal(0.0, 0.05)),
    )


def _top(rng: np.random.Generator) -> Srgb:
    """A jacket: dark, light, or in any other color."""
    return dyed(rng, (_DARK, _LIGHT, CLOTHES)[int(rng.choice(3, p=_TOP_SHARES))])


def _hood(rng: np.random.Generator, top: Srgb, sleeve_kind: int) -> Srgb | None:
    """A hood in the color of the jacket, or now and then another one."""
    if sleeve_kind != LONG or rng.random() > 0.35:
        return None
    return top if rng.random() < 0.75 else _top(rng)
