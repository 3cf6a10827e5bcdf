"""Experiments that are continued by repeating them, whatever they were stopped in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platefree.errors import Interrupted


@contextmanager
def continued_by_repeating(folder: Path) -> Iterator[None]:
    """Say how a stopped experiment is continued, in place of how its stopped part would be.

    Args:
        folder: of the experiment.

    Raises:
        Interrupted: the block was stopped.
    """
    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        raise Interrupted(
            f"stopped; what is finished is kept in {folder}: run the same command (or make the "
            "same call) again to continue"
        ) from None
