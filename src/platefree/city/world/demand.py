"""The number of cameras, passes and pictures of each vehicle, with the requested sums.

The number of cameras is two plus a log-normal tail: many vehicles are captured by two cameras, a
few by very many (one in 200 by at least 40, if there are that many and enough pictures).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.city.world.streams import Purpose, stream
from platefree.data.listed_text import many
from platefree.errors import DataError

_SPREAD = 1.1  # standard deviation of the logarithm of the cameras beyond two
_PER_TRACK = 5  # pictures of one pass, approximately
_MANY = 40  # cameras

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Demand:
    """The cameras, passes and pictures of a vehicle.

    Attributes:
        cameras: number of different ones, at least 2.
        passes: at least ``cameras``.
        pictures: at least ``passes``.
    """

    cameras: int
    passes: int
    pictures: int


def draw_demand(vehicles: int, cameras: int, images: int, seed: int) -> tuple[Demand, ...]:
    """Distribute pictures among vehicles.

    Args:
        vehicles: how many, at least 2.
        cameras: how many, at least 2.
        images: the sum of all pictures, at least two for each vehicle.
        seed: of the city.

    Raises:
        DataError: a number is too small.
    """
    if vehicles < 2 or cameras < 2 or images < 2 * vehicles:
        raise DataError(
            f"{many(vehicles, 'vehicle')}, {many(cameras, 'camera')} and {many(images, 'image')}: "
            "expected at least 2 "
            "vehicles, 2 cameras and 2 images for each vehicle"
        )
    random = stream(Purpose.PICTURES, seed)
    seen_by = _cameras(vehicles, cameras, images, random)
    weights = np.power(seen_by, 0.7) * np.exp(random.normal(0.0, 0.3, vehicles))
    pictures = np.add(seen_by, _in_proportion(weights, images - int(seen_by.sum())))
    passes = np.maximum(seen_by, -(-pictures // _PER_TRACK))
    return tuple(Demand(*row) for row in np.stack([seen_by, passes, pictures], axis=1).tolist())


def _cameras(vehicles: int, cameras: int, images: int, random: np.random.Generator) -> Counts:
    """(vehicles,) numbers of cameras with a mean that leaves some pictures for every pass."""
    mean = images / vehicles
    target = min(2 + 0.55 * math.sqrt(mean - 2), mean)
    waves = random.normal(0.0, _SPREAD, vehicles)

    def counts(level: float) -> Counts:
        beyond = np.floor(np.exp(np.minimum(level + waves, 12.0))).astype(np.int64)
        return np.minimum(2 + beyond, cameras)

    low, high = -20.0, 8.0
    for _ in range(40):  # the highest level whose mean does not pass the target
        middle = (low + high) / 2
        low, high = (middle, high) if counts(middle).mean() <= target else (low, middle)
    chosen = counts(low)
    busy = max(1, vehicles // 200)
    if cameras >= _MANY and 2 * busy * _MANY < images - int(chosen.sum()):
        busiest = np.argsort(-waves, kind="stable")[:busy]
        chosen[busiest] = np.maximum(chosen[busiest], random.integers(_MANY, cameras + 1, busy))
    return _within(chosen, images)


def _within(counts: Counts, images: int) -> Counts:
    """Reduce the largest counts until there is a picture for each camera of each vehicle."""
    while counts.sum() > images:
        counts[np.argmax(counts)] -= 1
    return counts


def _in_proportion(weights: NDArray[np.floating[Any]], total: int) -> Counts:
    """``total`` as whole numbers in proportion to the weights, by largest remainder."""
    exact = total * weights / weights.sum()
    counts = np.floor(exact).astype(np.int64)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return np.asarray(counts)
