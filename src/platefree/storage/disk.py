"""The disk as everything that is written meets it: one object that makes every change.

Tests put another one in its place, at which any change can fail.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platefree.errors import StorageError

TEMPORARY = ".partial-"
"""The names of unfinished files and folders, and of locks, begin with this."""

WINDOWS = sys.platform == "win32"

NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
"""What a file system says of an operation that it does not have."""

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run the command again",
    errno.EDQUOT: "your disk quota is used up; free some space and run the command again",
    errno.EIO: "the disk reports a fault; check it, or choose another output folder",
    errno.EROFS: "the file system is read-only; choose another output folder",
    errno.EACCES: "permission denied; choose another output folder or change its permissions",
    errno.EPERM: "permission denied; choose another output folder or change its permissions",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another output path",
    errno.EISDIR: "the path is an existing folder; choose another output path",
    errno.EEXIST: "a file of that name is in the way; choose another output path",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter output path",
}


class Disk:
    """The changes of the disk, one method for each kind."""

    def open(self, path: Path, *, append: bool) -> int:
        """Create a file, or open it to add to its end; returns a descriptor."""
        how = os.O_APPEND if append else os.O_TRUNC
        flags = os.O_WRONLY | os.O_CREAT | how | getattr(os, "O_BINARY", 0)
        return os.open(path, flags, 0o666)

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write some bytes; returns how many were written."""
        return os.write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        """Wait until the content of a file, or the names in a folder, are on the disk."""
        os.fsync(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Move a file or folder; a file of the new name is replaced."""
        os.replace(old, new)

    def link(self, old: Path, new: Path) -> None:
        """Give a file another name."""
        os.link(old, new)

    def make_folder(self, path: Path) -> None:
        """Create one folder."""
        os.mkdir(path)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        os.unlink(path)

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        os.rmdir(path)


_disk = Disk()


def disk() -> Disk:
    """What is written to."""
    return _disk


@contextmanager
def written_to(other: Disk) -> Iterator[None]:
    """Within the block, everything is written to another disk."""
    global _disk
    before, _disk = _disk, other
    try:
        yield
    finally:
        _disk = before


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` met while writing ``path`` into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"cannot write {path}: {reason}") from error


def make_folder(path: Path) -> Path:
    """Create a folder and its parents; return it.

    Raises:
        StorageError: it cannot be created or written to.
    """
    with storage_errors(path):
        make_folders(path)
        refuse_unwritable(path)
    return path


def refuse_unwritable(folder: Path) -> None:
    """Raise the ``OSError`` that writing into a folder would, without trying it."""
    if os.access(folder, os.W_OK):
        return
    read_only = hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY
    raise OSError(errno.EROFS if read_only else errno.EACCES, "not writable", str(folder))


def make_folders(path: Path) -> None:
    """Create a folder and its parents, each name synced, so that no power cut can lose them."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folders(path.parent)
    try:
        disk().make_folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file", str(path)) from None
    sync_folder(path.parent)


def remove_all(path: Path) -> None:
    """Remove a file, or a folder with everything in it, if there is one."""
    if path.is_symlink() or not path.is_dir():
        with suppress(FileNotFoundError):
            disk().remove(path)
        return
    for entry in sorted(path.iterdir()):
        remove_all(entry)
    disk().remove_folder(path)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir():
        sync_folder(path)
        return
    descriptor = os.open(path, os.O_RDWR if WINDOWS else os.O_RDONLY)
    try:
        disk().sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can tell.

    Windows and some file systems of networks cannot.
    """
    if WINDOWS:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        disk().sync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


def neighbour(path: Path, ending: str = "") -> Path:
    """Where a file or folder is before it is finished."""
    return path.parent / f"{TEMPORARY}{path.name[-56:]}{ending}"
