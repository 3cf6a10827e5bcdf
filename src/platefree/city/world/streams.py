"""Random streams of the city, one for each purpose, so that a change of one part changes no other.

A stream depends on its purpose, the city's seed and a few numbers (vehicle, camera, shot) and on
nothing else, so the order of rendering and the number of processes do not matter.
"""

from enum import IntEnum

import numpy as np

_SEED_LIMIT = 2**31 - 1


class Purpose(IntEnum):
    """What a stream is used for."""

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
    FRAME = 13
    SIGNAL = 14
    DRIVE = 15
    FILM = 16


def stream(purpose: Purpose, seed: int, *numbers: int) -> np.random.Generator:
    """The generator of one purpose; equal arguments give equal draws."""
    # The count distinguishes what numpy would not: it pads short seeds, so (s, 5) is (s, 5, 0).
    return np.random.default_rng([int(purpose), seed, len(numbers), *numbers])


def draw_seed(random: np.random.Generator) -> int:
    """A seed for a part of the city that makes its own streams."""
    return int(random.integers(_SEED_LIMIT))
