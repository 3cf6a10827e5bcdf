"""One writer at a time, by locks that end with their process on every system."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from time import monotonic, sleep

from filelock import lock_descriptor

from platefree.errors import OtherWriter, StorageError
from platefree.storage.disk import (
    NOT_SUPPORTED,
    TEMPORARY,
    WINDOWS,
    disk,
    make_folder,
    neighbour,
    remove_all,
    storage_errors,
)

LOCK = ".lock"
"""The ending of the names of locks."""

_log = logging.getLogger(__name__)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other processes that ask likewise out of a folder; it is created if need be.

    The lock goes with the process, however it ends: a killed one leaves a file but no lock. What
    killed runs left in the folder is removed first. A folder that is still empty in the end is
    removed again, if it was created here.

    Raises:
        StorageError: another process has the folder, or the lock file cannot be written.
    """
    existed = folder.is_dir()
    make_folder(folder)
    try:
        with locked_for(folder / f"{TEMPORARY}{LOCK}", folder):
            sweep(folder)
            try:
                yield
            except BaseException:  # of workers that were killed
                with suppress(StorageError):
                    sweep(folder)
                raise
    finally:
        if not existed:
            with suppress(OSError):  # it is not empty
                disk().remove_folder(folder)


@contextmanager
def only_writer_of(path: Path) -> Iterator[None]:
    """Keep other processes that ask likewise from a file that `append_text` writes.

    Raises:
        StorageError: another process has it, or the lock file cannot be written.
    """
    make_folder(path.parent)
    with locked_for(neighbour(path, f".run{LOCK}"), path):  # not the lock of writing it anew
        yield


@contextmanager
def locked_for(path: Path, target: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock file while ``target`` is written.

    Args:
        path: the lock file.
        target: what it is for, for messages.
        patience: seconds to wait for another process that has it.

    Raises:
        OtherWriter: another process has it.
        StorageError: it cannot be written.
    """
    end = monotonic() + patience
    while (descriptor := _locked(path, target)) is None:
        if monotonic() >= end:
            raise OtherWriter(
                f"{target} is being written by another run: wait until it has ended, or choose "
                "another place"
            )
        sleep(0.01)
    try:
        yield
    finally:
        _unlock(descriptor, path)


def _locked(path: Path, target: Path) -> int | None:
    """The descriptor of a lock file that nobody else has; None if somebody has it."""
    with storage_errors(target):
        descriptor = disk().open(path, append=True)
        try:
            if _is_free(descriptor) and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:  # its last owner has just removed it
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def _is_free(descriptor: int) -> bool:
    """Lock an open file if nobody has; where there are no locks at all, take it for free."""
    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
        _warn()
        return True


@cache
def _warn() -> None:
    _log.warning(
        "note: this file system has no locks, so nothing keeps two runs from writing into one "
        "folder at the same time"
    )


def _unlock(descriptor: int, path: Path) -> None:
    """Remove a lock file and close it; one that cannot be removed does no harm."""
    try:
        if not WINDOWS:  # while it is locked, so that nobody locks a file that is gone then
            with suppress(OSError):
                remove_all(path)
    finally:
        os.close(descriptor)
    if WINDOWS:  # an open file cannot be removed there
        with suppress(OSError):
            remove_all(path)


def sweep(folder: Path) -> None:
    """Remove what killed runs left in a folder and below; what another run holds is kept.

    Raises:
        StorageError: something cannot be removed.
    """
    with storage_errors(folder):
        for place, folders, files in os.walk(folder):
            left = [name for name in (*folders, *files) if name.startswith(TEMPORARY)]
            folders[:] = [name for name in folders if name not in left]
            for name in left:
                stem = name.removesuffix(".old").removesuffix(LOCK)
                lock = Path(place) / f"{stem}{LOCK}"
                descriptor = _locked(lock, folder)
                if descriptor is not None:
                    try:
                        remove_all(Path(place) / name)
                    finally:
                        _unlock(descriptor, lock)
