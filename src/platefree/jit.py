"""numba's compiler, which keeps compiled code for the next run where a folder allows it.

Without a writable folder (a read-only home, a container) numba refuses to compile at all; here
the code is compiled again in each run instead.
"""

import logging
import warnings
from collections.abc import Callable
from functools import cache as called_once
from typing import Any, TypeVar

import numba
from numba import prange

__all__ = ["njit", "prange"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_log = logging.getLogger(__name__)

# Without shared memory numba warns of what does not concern a program that starts no threads of
# its own before it compiles; `platefree.machine` says what does.
warnings.filterwarnings("ignore", message="Could not obtain multiprocessing lock")


def njit(*, cache: bool = False, **options: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401
    """Compile a function as ``numba.njit`` does.

    Args:
        cache: keep the compiled code for the next run, if that is possible.
        options: others of ``numba.njit``.
    """

    def compile_it(function: _Function) -> _Function:
        compiled: Any
        try:
            compiled = numba.njit(cache=cache, **options)(function)
        except RuntimeError as error:  # no folder for it, which is found out here
            if "cannot cache" not in str(error):
                raise
            _warn()
            compiled = numba.njit(**options)(function)
        typed: _Function = compiled
        return typed

    return compile_it


def keeps_code() -> bool:
    """Whether compiled code is kept for the next run, as far as anything was compiled."""
    return not _warn.cache_info().currsize


@called_once
def _warn() -> None:
    _log.warning(
        "note: no folder can be written to keep compiled code, so each run compiles it again, "
        "which takes up to a minute: set NUMBA_CACHE_DIR to a folder that can be written"
    )
