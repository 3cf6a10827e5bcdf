"""The vehicle models of the city: invented makes, shapes by type with variations by model."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from platefree.city.scene import Paint
from platefree.city.vehicles.shapes import BodyShape, Cycle, Style

KINDS = (
    "sedan", "hatchback", "estate", "suv", "mpv", "van", "pickup", "box_truck", "bus", "motorcycle"
)  # fmt: skip

PAINTS: tuple[tuple[Paint, float], ...] = (
    (Paint((0.80, 0.80, 0.79), 0.0, "white"), 0.26),
    (Paint((0.72, 0.71, 0.68), 0.25, "pearl"), 0.05),
    (Paint((0.012, 0.012, 0.013), 0.15, "black"), 0.18),
    (Paint((0.085, 0.088, 0.094), 0.45, "grey"), 0.13),
    (Paint((0.030, 0.032, 0.036), 0.5, "anthracite"), 0.06),
    (Paint((0.42, 0.43, 0.44), 0.65, "silver"), 0.13),
    (Paint((0.36, 0.016, 0.018), 0.1, "red"), 0.05),
    (Paint((0.10, 0.010, 0.016), 0.4, "wine"), 0.015),
    (Paint((0.018, 0.050, 0.19), 0.35, "blue"), 0.05),
    (Paint((0.10, 0.25, 0.42), 0.4, "light blue"), 0.012),
    (Paint((0.010, 0.014, 0.035), 0.4, "navy"), 0.02),
    (Paint((0.33, 0.27, 0.19), 0.5, "beige"), 0.018),
    (Paint((0.075, 0.042, 0.022), 0.45, "brown"), 0.018),
    (Paint((0.022, 0.075, 0.040), 0.35, "green"), 0.012),
    (Paint((0.62, 0.40, 0.020), 0.0, "yellow"), 0.008),
    (Paint((0.52, 0.13, 0.012), 0.15, "orange"), 0.007),
)
"""Body colors with their fraction of the street."""

CYCLE_PAINTS: tuple[tuple[Paint, float], ...] = (
    (Paint((0.012, 0.012, 0.013), 0.1, "black"), 0.34),
    (Paint((0.74, 0.74, 0.72), 0.0, "white"), 0.17),
    (Paint((0.33, 0.012, 0.018), 0.15, "red"), 0.16),
    (Paint((0.018, 0.060, 0.25), 0.3, "blue"), 0.08),
    (Paint((0.075, 0.078, 0.084), 0.4, "grey"), 0.09),
    (Paint((0.40, 0.41, 0.42), 0.6, "silver"), 0.05),
    (Paint((0.60, 0.40, 0.03), 0.0, "yellow"), 0.02),
    (Paint((0.11, 0.048, 0.022), 0.4, "brown"), 0.03),
    (Paint((0.30, 0.42, 0.40), 0.0, "mint"), 0.03),
    (Paint((0.03, 0.09, 0.05), 0.2, "green"), 0.02),
    (Paint((0.50, 0.13, 0.012), 0.1, "orange"), 0.01),
)
"""Likewise for motorcycles."""


VARIED_PAINTS: dict[str, tuple[tuple[Paint, float], ...]] = {
    "motorcycle": (
        *CYCLE_PAINTS,
        (Paint((0.055, 0.018, 0.020), 0.3, "wine"), 0.03),
        (Paint((0.55, 0.22, 0.28), 0.0, "pink"), 0.015),
    ),
    "box_truck": (
        *((paint, 0.7 * fraction) for paint, fraction in PAINTS),
        (Paint((0.42, 0.022, 0.022), 0.0, "red"), 0.12),
        (Paint((0.028, 0.10, 0.34), 0.0, "blue"), 0.12),
        (Paint((0.66, 0.42, 0.025), 0.0, "yellow"), 0.06),
        (Paint((0.035, 0.20, 0.085), 0.0, "green"), 0.06),
        (Paint((0.30, 0.55, 0.04), 0.0, "lime"), 0.02),
        (Paint((0.44, 0.03, 0.16), 0.0, "magenta"), 0.02),
    ),
    "car": (
        *PAINTS,
        (Paint((0.055, 0.50, 0.47), 0.0, "turquoise"), 0.03),
        (Paint((0.06, 0.22, 0.50), 0.2, "sky blue"), 0.02),
        (Paint((0.13, 0.16, 0.12), 0.3, "olive"), 0.015),
        (Paint((0.30, 0.55, 0.04), 0.0, "lime"), 0.005),
        (Paint((0.42, 0.36, 0.24), 0.5, "champagne"), 0.03),
    ),
}
"""Likewise for varied fleets; all bodies but motorcycles and trucks are cars here."""


@dataclass(frozen=True)
class VehicleModel:
    """A vehicle model of the city.

    Attributes:
        make: who builds it.
        name: what it is called; unique.
        kind: one of `KINDS`.
        shape: its body; for a box truck its cab.
        style: what is painted on and fitted to it.
        cycle: of a motorcycle instead of the body.
        box: length, width and height over ground of a truck's box; zeros for none.
    """

    make: str
    name: str
    kind: str
    shape: BodyShape
    style: Style
    cycle: Cycle | None = None
    box: tuple[float, float, float] = (0.0, 0.0, 0.0)


_BASES: dict[str, BodyShape] = {
    "sedan": BodyShape(),
    "hatchback": BodyShape(
        wheelbase=2.58, front_overhang=0.84, rear_overhang=0.72, width=1.78, height=1.49,
        wheel_radius=0.318, cowl_x=0.92, screen_x=0.22, roof_x=-1.30, tail_x=-1.86, tail_z=1.02,
        deck_z=0.98, tail_slope=0.05, belt=0.95, roof_drop=0.08, bow_rear=0.10,
    ),
    "estate": BodyShape(
        rear_overhang=1.08, height=1.49, roof_x=-1.95, tail_x=-2.34, tail_z=1.02, deck_z=0.99,
        roof_drop=0.09, bow_rear=0.10, tail_slope=0.05,
    ),
    "suv": BodyShape(
        wheelbase=2.72, front_overhang=0.86, rear_overhang=0.84, width=1.94, height=1.77,
        wheel_radius=0.385, sill=0.29, belt=1.17, nose=0.96, bonnet_front=1.10, bonnet_rear=1.19,
        nose_slope=0.08, nose_round=0.08, chin=0.14, cowl_x=0.74, cowl_z=1.20, screen_x=0.24,
        roof_x=-1.80, roof_drop=0.05, tail_x=-2.06, tail_z=1.20, deck_z=1.17, tail_slope=0.03,
        front_taper=0.09, rear_taper=0.07, front_corner=0.30, rear_corner=0.22, edge=0.07,
        lean=0.13, flare=0.030, roof_edge=0.10, bow_front=0.13, bow_rear=0.07,
    ),
    "mpv": BodyShape(
        wheelbase=2.85, front_overhang=0.88, rear_overhang=0.88, width=1.84, height=1.72,
        wheel_radius=0.330, belt=1.04, nose=0.74, bonnet_front=0.86, bonnet_rear=1.06,
        nose_slope=0.22, cowl_x=1.16, cowl_z=1.08, screen_x=0.30, roof_x=-1.85, roof_drop=0.06,
        tail_x=-2.18, tail_z=1.08, deck_z=1.05, tail_slope=0.05, lean=0.16, bow_rear=0.08,
    ),
    "van": BodyShape(
        wheelbase=3.10, front_overhang=0.92, rear_overhang=0.98, width=1.94, height=2.05,
        wheel_radius=0.335, sill=0.24, belt=1.16, nose=0.80, bonnet_front=0.98, bonnet_rear=1.18,
        nose_slope=0.26, cowl_x=1.72, cowl_z=1.20, screen_x=1.00, roof_x=-2.30, roof_drop=0.04,
        tail_x=-2.47, tail_z=1.14, deck_z=1.12, tail_slope=0.03, lean=0.12, inset=0.045,
        front_taper=0.10, rear_taper=0.03, rear_corner=0.14, edge=0.08, roof_edge=0.10,
        bow_front=0.16, bow_rear=0.03, step=0.05,
    ),
    "pickup": BodyShape(
        wheelbase=3.12, front_overhang=0.92, rear_overhang=1.18, width=1.88, height=1.80,
        wheel_radius=0.382, sill=0.36, belt=1.16, nose=0.92, bonnet_front=1.06, bonnet_rear=1.15,
        nose_slope=0.10, nose_round=0.10, chin=0.14, cowl_x=0.98, cowl_z=1.17, screen_x=0.40,
        roof_x=-0.78, roof_drop=0.05, tail_x=-1.08, tail_z=1.14, deck_z=1.12, tail_slope=0.02,
        front_taper=0.09, rear_taper=0.03, front_corner=0.30, rear_corner=0.12, edge=0.07,
        lean=0.17, flare=0.030, bed=1.52, bed_floor=0.78, bow_front=0.12, bow_rear=0.03, step=0.048,
    ),
    "box_truck": BodyShape(
        wheelbase=3.60, front_overhang=1.02, rear_overhang=-2.58, width=2.02, height=2.28,
        wheel_radius=0.395, sill=0.36, belt=1.36, nose=1.05, bonnet_front=1.22, bonnet_rear=1.34,
        nose_slope=0.06, nose_round=0.10, chin=0.06, cowl_x=2.70, cowl_z=1.36, screen_x=2.38,
        roof_x=1.20, roof_drop=0.03, tail_x=1.06, tail_z=1.36, deck_z=1.34, tail_slope=0.02,
        front_taper=0.05, rear_taper=0.0, front_corner=0.26, rear_corner=0.05, lean=0.14,
        inset=0.03, edge=0.08, roof_edge=0.14, bow_front=0.09, bow_rear=0.0, crease=0.008,
        hollow=0.006, step=0.05,
    ),
    "bus": BodyShape(
        wheelbase=5.80, front_overhang=2.55, rear_overhang=3.15, width=2.52, height=3.05,
        wheel_radius=0.48, sill=0.34, belt=1.30, nose=1.05, bonnet_front=1.16, bonnet_rear=1.26,
        nose_slope=0.05, nose_round=0.08, chin=0.05, cowl_x=5.32, cowl_z=1.28, screen_x=5.10,
        roof_x=-5.70, roof_drop=0.03, tail_x=-5.94, tail_z=1.45, deck_z=1.45, tail_slope=0.03,
        front_taper=0.06, rear_taper=0.03, front_corner=0.34, rear_corner=0.20, lean=0.06,
        inset=0.02, edge=0.10, roof_edge=0.22, bow_front=0.16, bow_rear=0.05, crease=0.0,
        hollow=0.0, flare=0.008, step=0.09,
    ),
}  # fmt: skip

# Lengths that differ between models of a type, and by how much (standard deviation, metres).
_SPREAD = {
    "nose": 0.030, "nose_slope": 0.045, "nose_round": 0.045, "chin": 0.03, "front_taper": 0.022,
    "front_corner": 0.10, "rear_corner": 0.06, "rear_taper": 0.02, "edge": 0.02, "inset": 0.010,
    "lean": 0.025, "roof_edge": 0.03, "bow_front": 0.03, "crease": 0.007, "hollow": 0.006,
    "flare": 0.006, "tail_slope": 0.03, "roof_drop": 0.015, "belt": 0.022, "front_overhang": 0.035,
    "width": 0.028, "sill": 0.012, "wheel_radius": 0.010,
}  # fmt: skip
_LEAST = {"edge": 0.045, "roof_edge": 0.06, "inset": 0.015, "lean": 0.03, "nose_round": 0.03,
          "nose_slope": 0.03, "front_corner": 0.12, "rear_corner": 0.05, "chin": 0.02,
          "front_taper": 0.03, "rear_taper": 0.0, "crease": 0.0, "hollow": 0.0, "flare": 0.004,
          "tail_slope": 0.01, "roof_drop": 0.02, "bow_front": 0.05}  # fmt: skip


def _varied(base: BodyShape, kind: str, rng: np.random.Generator) -> BodyShape:
    """A model's shape: the type's, with its own proportions."""
    values = {
        name: max(getattr(base, name) + spread * float(np.clip(rng.normal(), -1.7, 1.7)),
                  _LEAST.get(name, 0.0))
        for name, spread in _SPREAD.items()
    }  # fmt: skip
    values["bow_rear"] = base.bow_rear
    if kind in ("box_truck", "bus"):
        for name in ("belt", "width", "front_overhang", "tail_slope", "sill", "inset", "roof_drop"):
            values[name] = getattr(base, name)
        values["nose_slope"] = base.nose_slope + 0.4 * (values["nose_slope"] - base.nose_slope)
    if kind == "bus":
        return replace(base, **values)
    lift = float(np.clip(rng.normal(), -1.5, 1.5)) * (0.02 if kind == "sedan" else 0.045)
    up = values["belt"] - base.belt
    values["height"] = base.height + lift + 0.5 * up
    for name in ("bonnet_rear", "cowl_z", "tail_z", "deck_z"):
        values[name] = getattr(base, name) + up
    values["bonnet_front"] = base.bonnet_front + 0.6 * up + (values["nose"] - base.nose) * 0.7
    stretch = 0.0 if kind == "box_truck" else float(rng.uniform(-0.10, 0.12))
    values["wheelbase"] = base.wheelbase + stretch
    values["cowl_x"] = base.cowl_x + stretch / 2 + float(rng.uniform(-0.05, 0.06))
    values["screen_x"] = base.screen_x + stretch / 2 + float(rng.uniform(-0.09, 0.09))
    rear = -stretch / 2
    if kind != "box_truck":
        longer = float(rng.uniform(-0.08, 0.08))
        values["rear_overhang"] = base.rear_overhang + longer
        rear -= longer if kind != "pickup" else 0.0
    values["tail_x"] = base.tail_x + rear
    values["roof_x"] = base.roof_x + rear + float(rng.uniform(-0.10, 0.10)) * (kind != "box_truck")
    if kind == "pickup":
        values["bed"] = (
            values["tail_x"] - (-values["wheelbase"] / 2 - values["rear_overhang"]) - 0.16
        )
    return replace(base, **values)


def _styled(kind: str, number: int, rng: np.random.Generator) -> Style:
    tails = {
        "van": (2, 2, 0),
        "mpv": (0, 2, 5, 3),
        "estate": (0, 1, 5, 2, 3),
        "suv": (0, 1, 3, 5, 6),
        "bus": (2, 0),
        "pickup": (2, 0),
        "box_truck": (0,),
    }.get(kind, (0, 1, 3, 4, 5, 6))
    lamps = {
        "bus": (1, 3, 6, 7),
        "box_truck": (1, 6, 3, 7),
        "suv": (0, 1, 2, 5, 6, 7),
        "pickup": (0, 1, 6, 7, 4),
    }.get(kind, (0, 1, 2, 3, 4, 5, 6, 7))
    grilles = {
        "bus": (9, 0, 8),
        "box_truck": (4, 7, 8, 0),
        "suv": (1, 4, 5, 6, 7, 3, 8),
        "pickup": (7, 4, 1, 6),
        "van": (0, 1, 4, 6, 8),
    }.get(kind, (0, 1, 2, 3, 4, 5, 6, 8, 9))
    commercial = kind in ("van", "box_truck", "bus")
    doors = (
        2 if kind in ("van", "box_truck", "bus") or (kind == "hatchback" and number % 4 == 3) else 4
    )
    rims = (4, 5, 4) if commercial else (0, 1, 2, 3, 5, 6, 0, 1)
    return Style(
        lamp=lamps[(number * 3 + int(rng.integers(2))) % len(lamps)],
        tail=tails[(number * 2 + int(rng.integers(2))) % len(tails)],
        grille=grilles[(number * 2 + int(rng.integers(2))) % len(grilles)],
        bumper=int(rng.integers(5)),
        wheel=rims[int(rng.integers(len(rims)))],
        badge=int(rng.integers(7)),
        doors=doors,
        cladding=(kind == "suv" and number % 3 != 2) or (kind == "pickup" and number % 2 == 0)
        or (commercial and number % 2 == 1),
        chrome=not commercial and bool(rng.random() < 0.4),
        roof_black=kind in ("suv", "hatchback") and number % 5 == 1,
        rails=kind in ("suv", "estate", "mpv") and number % 2 == 0,
        panel_side=kind == "van" and number % 2 == 0,
        split_rear=kind == "van" and number % 3 != 1,
        spoiler=kind in ("hatchback", "suv") and number % 2 == 1,
        plate_low=(kind != "pickup" and bool(rng.random() < 0.3)) or kind in ("van", "bus"),
        seed=int(rng.integers(1000)),
    )  # fmt: skip


_NAMES: dict[str, tuple[str, ...]] = {
    "sedan": ("Orvane Linea", "Kessar K4", "Tavio Merit", "Halden 5", "Mirano Vela", "Dorsun Crest",
              "Vantek S6", "Lumora Aria", "Orvane Regal", "Sorrin Atlas"),
    "hatchback": ("Tavio Pico", "Mirano Uno Due", "Kessar K2", "Dorsun Minta", "Lumora Bee",
                  "Halden 2", "Vantek C1", "Sorrin Dash", "Orvane Petit"),
    "estate": ("Halden 5 Tour", "Kessar K4 Wagon", "Tavio Merit Break", "Orvane Linea SW",
               "Vantek S6 Avant"),
    "suv": ("Dorsun Ridge", "Kessar X5", "Halden Forr", "Tavio Montana", "Mirano Alto",
            "Vantek Q7", "Lumora Peak", "Sorrin Summit", "Orvane Terra"),
    "mpv": ("Tavio Familia", "Mirano Gruppo", "Halden Rum", "Dorsun Voyage", "Lumora Nest"),
    "van": ("Kargo V1", "Halden Transporter 3", "Tavio Boxer", "Dorsun Courier", "Brann Hauler",
            "Kargo V2 Shuttle"),
    "pickup": ("Dorsun Ranchero", "Brann Mule", "Halden Lift", "Tavio Sierra", "Sorrin Tundar"),
    "box_truck": ("Brann 35", "Kargo T4", "Dorsun Elfin", "Halden F50", "Brann 60"),
    "bus": ("Brann Citybus 12", "Kargo Omni", "Halden Intercity", "Lumora Metro", "Sorrin Coach"),
    "motorcycle": ("Zeno Breeze 110", "Zeno Wave", "Aprica Dolce", "Aprica Primavera",
                   "Maruko Lead", "Maruko Vision", "Kitsu Air", "Kitsu Naked 250",
                   "Brandt Tourer", "Zeno Cub", "Maruko Winner", "Kitsu Ray", "Aprica Vento 300",
                   "Zeno Dream"),
}  # fmt: skip


def _model(kind: str, number: int, generation: int) -> VehicleModel:
    """A model of `_NAMES`; further generations have the name, but another shape and style."""
    full = _NAMES[kind][number]
    make, name = full.split(" ", 1)[0], full if generation == 0 else f"{full} mk{generation + 1}"
    rng = np.random.default_rng([KINDS.index(kind), number + 1000 * generation, 2024])
    if kind == "motorcycle":
        cycle = CYCLES[number] if generation == 0 else _drawn_cycle(rng)
        return VehicleModel(make, name, kind, BodyShape(), Style(seed=number), cycle)
    number += 3 * generation
    shape = _varied(_BASES[kind], kind, rng)
    style = _styled(kind, number, rng)
    box = (0.0, 0.0, 0.0)
    if kind == "box_truck":
        box = (
            3.9 + 0.35 * (number % 3),
            2.1 + 0.08 * (number % 2),
            2.85 + 0.2 * (number % 3),
        )
    if kind == "bus" and number % 2 == 1:  # a midibus
        shape = replace(
            shape, wheelbase=4.2, front_overhang=1.75, rear_overhang=2.1, width=2.3,
            height=2.85, wheel_radius=0.42, cowl_x=3.70, screen_x=3.46, roof_x=-3.86,
            tail_x=-4.10, step=0.08,
        )  # fmt: skip
    return VehicleModel(make, name, kind, shape, style, None, box)


def _drawn_cycle(rng: np.random.Generator) -> Cycle:
    """A motorcycle beyond those of `CYCLES`; scooters are the most frequent, and wide."""
    family = int(rng.choice(5, p=[0.56, 0.30, 0.07, 0.02, 0.05]))
    low, high = (0.14, 0.22) if family == 0 else (0.11, 0.17)
    radius = (rng.uniform(0.215, 0.265), rng.uniform(0.27, 0.29), 0.30, 0.305, 0.29)[family]
    return Cycle(
        family,
        float(rng.uniform(1.22, 1.36) + 0.1 * (family > 1)),
        float(radius),
        float(rng.uniform(0.75, 0.80)),
        float(rng.uniform(low, high)),
        int(rng.integers(5)),
        int(rng.integers(4)),
        rounded=float(rng.uniform(0.95, 1.4)),
    )


def _make_models(generations: int) -> tuple[VehicleModel, ...]:
    return tuple(
        _model(kind, number, generation)
        for generation in range(generations)
        for kind, names in _NAMES.items()
        for number in range(len(names))
    )


# family: 0 scooter, 1 underbone, 2 naked, 3 tourer, 4 sport
CYCLES: tuple[Cycle, ...] = (
    Cycle(0, 1.28, 0.225, 0.76, 0.15, 0, 0),
    Cycle(1, 1.24, 0.285, 0.77, 0.11, 1, 1),
    Cycle(0, 1.30, 0.215, 0.78, 0.19, 2, 2, rounded=1.3),
    Cycle(0, 1.34, 0.225, 0.79, 0.20, 3, 2, rounded=1.4),
    Cycle(0, 1.29, 0.220, 0.76, 0.17, 1, 0),
    Cycle(0, 1.27, 0.260, 0.76, 0.14, 4, 1),
    Cycle(0, 1.29, 0.265, 0.77, 0.16, 0, 3),
    Cycle(2, 1.38, 0.300, 0.80, 0.13, 2, 1),
    Cycle(3, 1.50, 0.305, 0.76, 0.17, 3, 3),
    Cycle(1, 1.22, 0.280, 0.76, 0.12, 3, 2, rounded=1.2),
    Cycle(4, 1.29, 0.290, 0.79, 0.12, 4, 0),
    Cycle(0, 1.31, 0.240, 0.77, 0.15, 1, 3),
    Cycle(0, 1.42, 0.245, 0.80, 0.21, 0, 1),
    Cycle(1, 1.23, 0.285, 0.77, 0.13, 2, 3),
)

MODELS: tuple[VehicleModel, ...] = _make_models(1)
"""All models, in an order that never changes."""

_GENERATIONS = 4


@cache
def varied_models() -> tuple[VehicleModel, ...]:
    """The models of a varied fleet: `MODELS`, followed by later generations of each."""
    return _make_models(_GENERATIONS)
