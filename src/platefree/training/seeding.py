"""Seeds of torch in training, from the run's seed and the step.

The loader seeds the pictures of a step in the same way, with other purposes.
"""

import numpy as np
import torch

_STEP, _STAGE = 3, 5  # purposes, so that equal numbers give different seeds


def seed_step(seed: int, step: int, process: int) -> None:
    """Seed torch for a step of the run, by one of its processes."""
    _seed(_STEP, seed, step, process)


def seed_stage(seed: int, start: int) -> None:
    """Seed torch for the new layers of a stage, equally in all processes.

    Args:
        seed: of the run.
        start: its first step.
    """
    _seed(_STAGE, seed, start)


def _seed(*numbers: int) -> None:
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0] >> 1))
