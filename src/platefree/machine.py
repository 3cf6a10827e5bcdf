"""What this process may use, and the other processes that belong to it."""

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Thread

from platefree.errors import PlatefreeError

_log = logging.getLogger(__name__)

_STOPS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


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
            "note: processes on this machine cannot share memory (%s), so one process loads the "
            "pictures; a container needs /dev/shm",
            error.strerror or error,
        )
        return False
    return True


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Processes started within the block are not stopped by Ctrl-C and the like; this one is.

    A request to stop mostly goes to all processes, but this one decides what it means. One that
    comes within the block arrives when it ends.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which would let the signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def child_processes(
    tasks: Iterable[Callable[[Connection], None]], *, duplex: bool
) -> Iterator[list[Connection]]:
    """Pipes to a new process for each task, which ends with the block at the latest.

    Args:
        tasks: each is sent to its process, and called there with the other end of its pipe.
        duplex: whether the pipes go both ways, as of `multiprocessing.Pipe`; else only from the
            processes to this one.
    """
    context = multiprocessing.get_context("spawn")  # a fork would share CUDA and locks of threads
    connections, started = list[Connection](), []
    try:
        for task in tasks:
            ours, theirs = context.Pipe(duplex)
            child = context.Process(target=task, args=(theirs,))
            with stop_signals_held():
                child.start()
            theirs.close()  # else the end of the process would go unnoticed
            connections.append(ours)
            started.append(child)
        yield connections
    finally:
        for child in started:
            child.kill()
            child.join()
        for connection in connections:
            connection.close()


def leave_stopping_to_the_parent() -> None:
    """Ignore Ctrl-C and SIGTERM in a process that its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def start_processes_as_usual() -> None:
    """In a spawned process: start its own processes as the machine does by default.

    Else they would be spawned, too, and every loading process would load torch anew.
    """
    multiprocessing.set_start_method(None, force=True)


def end_with_the_parent() -> None:
    """In a process of a pool: end when its parent ends, however that ends, in the middle of a task.

    Else it would go on until its task is done, beside those of the same command given again.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_wait_and_end, args=(parent,), daemon=True).start()


def _wait_and_end(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


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
