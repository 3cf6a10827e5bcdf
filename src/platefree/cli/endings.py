"""How a command may end: by signals, for lack of memory, or because nobody takes its output."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from platefree.errors import PlatefreeError

_STOPS = ("SIGTERM", "SIGHUP")  # Windows has only the first


@contextmanager
def stops_as_ctrl_c() -> Iterator[None]:
    """Within the block, a request to stop from the system is the same as Ctrl-C."""
    known = [getattr(signal, name) for name in _STOPS if hasattr(signal, name)]
    # An ignored signal stays so: nohup means that a closed terminal is no reason to stop.
    known = [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        known = []
    before = {number: signal.signal(number, _interrupt) for number in known}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def whole_output() -> Iterator[None]:
    """Find out when the block ends whether all of stdout was taken.

    Raises:
        PlatefreeError: it was not, for instance because the disk is full.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EPIPE, errno.EDQUOT):
            raise
        with suppress(OSError, ValueError):  # what is left would fail once more when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise PlatefreeError(
            f"the output cannot be written ({error.strerror}): free some space, or write it "
            "elsewhere"
        ) from error


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error of any library says that memory ran out."""
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or type(error).__name__ == "OutOfMemoryError"  # of torch, on a GPU
        or "can't allocate memory" in str(error)  # of torch, elsewhere
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
