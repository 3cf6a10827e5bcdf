"""How the renderer's inner loops are compiled: all of it in one place.

Loops over samples read many small arrays out of tuples. Numba counts references for each such
read, with atomic instructions, which costs three quarters of the time; `kernel` turns this off.
Such functions must not make arrays: their callers hand them scratch space.
"""

from collections.abc import Callable
from typing import Any

from platefree.jit import njit

_FAST = {"cache": True, "fastmath": True, "error_model": "numpy"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop that makes no arrays."""
    return _compiled(function, _FAST | {"_nrt": False})


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a small function into each kernel that calls it."""
    return _compiled(function, _FAST | {"inline": "always"})


def routine(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that may make arrays; its arithmetic is not rearranged."""
    return _compiled(function, {"cache": True, "error_model": "numpy"})


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = njit(**options)(function)
    return compiled
