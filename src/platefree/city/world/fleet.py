"""The vehicles of a city: how frequent each model is, and which vehicles are near-duplicates.

A near-duplicate shares model *and* color with another vehicle and differs only in small details.
Groups of two to five are made until the requested fraction of all vehicles is in one. The others
are drawn again if another vehicle has their model and color; if there are more vehicles than pairs
of model and color, the actual fraction is higher than requested.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from platefree.city.studio import ModelName, Order, Studio
from platefree.city.world.roads import TOWN, Roads
from platefree.city.world.streams import Purpose, draw_seed, stream

_GROUP_SIZES = (2, 3, 4, 5)
_GROUP_SHARES = (0.45, 0.3, 0.15, 0.1)
_TRIES = 10  # attempts to find a pair of model and color that no other vehicle has


@dataclass(frozen=True)
class Vehicle:
    """One vehicle of the city.

    Attributes:
        name: its identity.
        order: how to draw it.
        model: make and model.
        type: body type.
        color: of its paint.
    """

    name: str
    order: Order
    model: str
    type: str
    color: str


def draw_fleet(
    studio: Studio, count: int, near_duplicates: float, seed: int, roads: Roads = TOWN
) -> tuple[Vehicle, ...]:
    """The vehicles of a city.

    Args:
        studio: will draw them.
        count: how many.
        near_duplicates: fraction of them that have the model and color of another one.
        seed: of the city.
        roads: what drives there.
    """
    random = stream(Purpose.FLEET, seed)
    models = studio.models()
    fractions = model_fractions(models, roads)
    taken: set[tuple[int, str]] = set()
    orders: list[Order] = []
    colors: list[str] = []
    tries = _TRIES
    while len(orders) < count:
        size = _group_size(round(near_duplicates * count) - len(orders), random)
        first, color, is_new = _new_order(studio, fractions, taken, tries, random)
        tries = tries if is_new else max(tries - 1, 1)  # every pair is probably taken: stop trying
        colors += [color] * size
        seeds = tuple(draw_seed(random) for _ in range(size - 1))
        orders.append(first)
        orders += [
            Order(first.model, seed, first.seed, seeds[:place]) for place, seed in enumerate(seeds)
        ]
    digits = max(5, len(str(count)))
    return tuple(
        _named(f"v{index + 1:0{digits}d}", orders[place], models, colors[place])
        for index, place in enumerate(random.permutation(count).tolist())
    )


def near_duplicate_rate(fleet: Sequence[Vehicle]) -> float:
    """Fraction of the vehicles that share model and color with another one."""
    kinds = Counter((vehicle.model, vehicle.color) for vehicle in fleet)
    return sum(count for count in kinds.values() if count > 1) / len(fleet)


def model_fractions(models: Sequence[ModelName], roads: Roads = TOWN) -> list[float]:
    """How frequent each model is; the models of one type are equally frequent.

    A type that the roads do not know has the average of those that they know.
    """
    per_type = Counter(model.type for model in models)
    usual = sum(roads.types.values()) / len(roads.types)
    fractions = [roads.types.get(model.type, usual) / per_type[model.type] for model in models]
    return [fraction / sum(fractions) for fraction in fractions]


def _group_size(wanted: int, random: np.random.Generator) -> int:
    """The size of the next group of one model and color; ``wanted`` near-duplicates are missing."""
    if wanted < 2:
        return 1
    size = min(int(random.choice(_GROUP_SIZES, p=_GROUP_SHARES)), wanted)
    return size + 1 if wanted - size == 1 else size  # one more would be without a near-duplicate


def _new_order(
    studio: Studio,
    fractions: Sequence[float],
    taken: set[tuple[int, str]],
    tries: int,
    random: np.random.Generator,
) -> tuple[Order, str, bool]:
    """A vehicle, its color, and whether this pair of model and color is new (else the last try)."""
    for _ in range(tries):
        order = Order(int(random.choice(len(fractions), p=fractions)), draw_seed(random))
        kind = (order.model, studio.color(order))
        if kind not in taken:
            break
    is_new = kind not in taken
    taken.add(kind)
    return order, kind[1], is_new


def _named(name: str, order: Order, models: Sequence[ModelName], color: str) -> Vehicle:
    model = models[order.model]
    return Vehicle(name, order, model.model, model.type, color)
