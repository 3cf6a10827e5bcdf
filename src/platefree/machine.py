"""What this process may use: cores, shared memory, and the other processes started with it."""

import logging
import multiprocessing
import os
from functools import cache

from platefree.errors import PlatefreeError

_log = logging.getLogger(__name__)


def cpu_count() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def started_processes() -> int:
    """How many training processes torchrun started in all; 1 without it.

    Raises:
        PlatefreeError: the variable of torchrun is no number, as for the two below.
    """
    return _number("WORLD_SIZE", 1, least=1)


def started_here() -> int:
    """How many training processes torchrun started on this machine; 1 without it."""
    return _number("LOCAL_WORLD_SIZE", 1, least=1)


def started_as() -> int:
    """The number of this process among those of torchrun, from 0."""
    return _number("RANK", 0, least=0)


@cache
def can_share_memory() -> bool:
    """Whether processes can share memory, without which none are started to load pictures.

    Small containers have no ``/dev/shm``.
    """
    try:
        multiprocessing.get_context("spawn").Lock()
    except OSError as error:
        _log.warning(
            "note: this machine lets processes share no memory (%s), so pictures are loaded by "
            "one process; a container needs /dev/shm",
            error.strerror or error,
        )
        return False
    return True


def _number(variable: str, otherwise: int, *, least: int) -> int:
    text = os.environ.get(variable, "").strip()
    if not text:
        return otherwise
    if not text.isdecimal() or int(text) < least:
        raise PlatefreeError(
            f"the environment variable {variable} is {text[:40]!r}, expected a number from "
            f"{least}, as torchrun sets it: unset it, or start the command by torchrun"
        )
    return int(text)
