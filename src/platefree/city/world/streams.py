"""Random streams of the city: one for each purpose, so that no part disturbs another.

A stream depends on its purpose, the city's seed and a few numbers (vehicle, camera, shot) and on
nothing else; the order in which pictures are made, and by how many processes, cannot matter.
"""

from enum import IntEnum

import numpy as np

_SEED_LIMIT = 2**31 - 1


class Purpose(IntEnum):
    """What a stream is drawn for."""

    NETWORK = 1
    CAMERA = 2
    WEATHER = 3
    FLEET = 4
    IDENTITY = 5
    PICTURES = 6
    ROUTE = 7
    CLOCK = 8
    PASS = 9
    SHOT = 10
    BYSTANDER = 11
    LAYOUT = 12


def stream(purpose: Purpose, seed: int, *numbers: int) -> np.random.Generator:
    """The generator of one purpose; equal arguments give equal draws."""
    # The count tells apart what numpy would not: it pads short seeds, so (s, 5) is (s, 5, 0).
    return np.random.default_rng([int(purpose), seed, len(numbers), *numbers])


def draw_seed(random: np.random.Generator) -> int:
    """A seed for a part of the city that makes its own streams."""
    return int(random.integers(_SEED_LIMIT))
