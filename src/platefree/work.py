"""How work on pictures is done: where, by how many processes, with what progress shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from platefree.errors import PlatefreeError

MOST_WORKERS, MOST_PROCESSES, MOST_AT_A_TIME = 256, 64, 65_536
"""The largest numbers of a `Work`; more would fill the memory before they speed anything up."""

Device = Literal["auto", "cpu", "cuda", "mps"]
Progress = Callable[[int], None]
"""Called with the number of pictures that were done since the last call."""


def no_progress(pictures: int) -> None:
    """Show nothing."""
    del pictures


@dataclass(frozen=True)
class Work:
    """How pictures are read and looked at; it never changes a result.

    Attributes:
        device: where a network runs; ``auto`` takes a CUDA GPU where there is one; ``mps`` (Apple)
            must be asked for.
        workers: processes that load pictures; -1 decides by the machine.
        batch_size: pictures at a time.
        processes: that embed a table together, each on a GPU of its own where there are.
        progress: shows how far the work is.

    Raises:
        PlatefreeError: a number is out of range.
    """

    device: Device = "auto"
    workers: int = -1
    batch_size: int = 64
    processes: int = 1
    progress: Progress = no_progress

    def __post_init__(self) -> None:
        limits = {
            "workers": (-1, MOST_WORKERS),
            "batch_size": (1, MOST_AT_A_TIME),
            "processes": (1, MOST_PROCESSES),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise PlatefreeError(f"{name} is {value:,}, expected {low:,} to {high:,}")


DEFAULT_WORK = Work()
"""What functions do unless they are given another `Work`."""
