"""Atomic files: a reader sees the old content or the new, never a half-written file.

Write to a neighbour, fsync, rename: the rename is the commit. A failure removes the neighbour.
"""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from platefree.errors import StorageError

TEMPORARY = ".partial-"  # the mark of a neighbour, so that leftovers can be recognised
_SYNCS = 8  # files that are synced at the same time

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run the command again",
    errno.EDQUOT: "your disk quota is used up; free some space and run the command again",
    errno.EROFS: "the file system is read-only; choose another output folder",
    errno.EACCES: "permission denied; choose another output folder or change its permissions",
    errno.EPERM: "permission denied; choose another output folder or change its permissions",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another output path",
    errno.EISDIR: "the path is an existing folder; choose another output path",
    errno.EEXIST: "a file of that name is in the way; choose another output path",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter output path",
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` met while writing ``path`` into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        # numpy reports a write cut short without a number: "110592 requested and 12256 written"
        number = errno.ENOSPC if "requested and" in str(error) else error.errno
        reason = _REASONS.get(number or 0, error.strerror or str(error))
        raise StorageError(f"cannot write {path}: {reason}") from error


def make_folder(path: Path) -> Path:
    """Create a folder and its parents; return it.

    Raises:
        StorageError: it cannot be created or written to.
    """
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise OSError(errno.EACCES, "not writable", str(path))
    return path


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it takes the place of ``path``.

    Raises:
        StorageError: the file cannot be written; nothing is left behind.
    """
    temporary = _neighbour(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; on success it takes the place of ``path``.

    ``path`` must not exist, or be a folder that the new one replaces whole.

    Raises:
        StorageError: the folder cannot be written; nothing is left behind.
    """
    temporary = _neighbour(path)
    with storage_errors(path):
        temporary.mkdir(parents=True)
        try:
            yield temporary
            # The disk takes many small files at once far quicker than one after the other.
            with ThreadPoolExecutor(_SYNCS) as pool:
                list(pool.map(_sync, temporary.rglob("*")))
            _sync(temporary)
            _replace_folder(temporary, path)
            _sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other processes that ask likewise out of a folder that exists.

    The lock goes with the process, however it ends: a killed one leaves a file but no lock.

    Raises:
        StorageError: another process has the folder, or the lock file cannot be written.
    """
    path = folder / f"{TEMPORARY}lock"
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _locked(descriptor, path):
            raise StorageError(
                f"{folder} is being written by another run: wait until it has ended, or choose "
                "another folder"
            )
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, path: Path) -> bool:
    """Lock an open file if nobody has, and if it has not been removed since it was opened."""
    with storage_errors(path):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.samestat(os.fstat(descriptor), path.stat())
        except (BlockingIOError, FileNotFoundError):
            return False


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _neighbour(path: Path) -> Path:
    return path.parent / f"{TEMPORARY}{path.name[-60:]}-{uuid.uuid4().hex[:8]}"


def _replace_folder(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    old = _neighbour(path)
    path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
