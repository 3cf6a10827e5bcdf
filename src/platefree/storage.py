"""All writing: a reader sees the old content or the new, never a half-written file.

A file is written to a temporary neighbour, synced and renamed: the rename is the commit. What a
killed run leaves behind starts with `TEMPORARY`, and the next run that writes the same thing
removes it. Every change of the disk goes through `disk`, so that tests can let any one of them
fail.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, BinaryIO

from filelock import lock_descriptor

from platefree.errors import StorageError

TEMPORARY = ".partial-"
"""The names of unfinished files and folders, and of locks, begin with this."""

_LOCK = ".lock"
_SYNCS = 8  # files that are synced at the same time
_PATIENCE = 60.0  # seconds to wait for another process that writes the same file
_WINDOWS = sys.platform == "win32"

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


disk = Disk()
"""What is written to; tests put one in its place that fails."""


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
        _make_folders(path)
        if not os.access(path, os.W_OK):
            raise OSError(errno.EACCES, "not writable", str(path))
    return path


def check_writable(path: Path) -> Path:
    """Find out before long work whether a file could be written; nothing is created.

    Returns:
        ``path``.

    Raises:
        StorageError: it could not.
    """
    with storage_errors(path):
        if path.is_dir():
            raise OSError(errno.EISDIR, "a folder", str(path))
        place = path.absolute().parent
        while not os.path.lexists(place):
            place = place.parent
        if not place.is_dir():
            raise OSError(errno.ENOTDIR, "a file", str(place))
        if not os.access(place, os.W_OK):
            raise OSError(errno.EACCES, "not writable", str(place))
    return path


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file to write to; when the block ends it takes the place of ``path``.

    Raises:
        StorageError: the file cannot be written, and the old one is kept; or another process has
            been writing it for a minute.
    """
    temporary = _neighbour(path)
    with storage_errors(path):
        _make_folders(path.parent)
        with _lock(_neighbour(path, _LOCK), path, patience=_PATIENCE), _removed(temporary):
            with _written(temporary) as file:
                yield file
                file.flush()
                _sync_open(file)
            disk.rename(temporary, path)
            sync_folder(path.parent)


class Utf8:
    """Writes text to a binary file as UTF-8, with line ends as they are.

    Args:
        file: from `atomic_file` or `new_file`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write a text; returns its number of bytes.

        Raises:
            UnicodeEncodeError: it is not Unicode text.
        """
        return self._file.write(text.encode())


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder to fill with `new_file` and the like; at the end it becomes ``path``.

    An existing folder is replaced whole.

    Raises:
        StorageError: the folder cannot be written, and the old one is kept.
    """
    temporary, old = _neighbour(path), _neighbour(path, ".old")
    with storage_errors(path):
        _make_folders(path.parent)
        with (
            _lock(_neighbour(path, _LOCK), path, patience=_PATIENCE),
            _removed(temporary),
            _removed(old),
        ):
            disk.make_folder(temporary)
            yield temporary
            # The disk takes many small files at once far quicker than one after the other.
            with ThreadPoolExecutor(_SYNCS) as pool:
                list(pool.map(_sync, temporary.rglob("*")))
            _sync(temporary)
            if path.exists():
                disk.rename(path, old)
            disk.rename(temporary, path)
            sync_folder(path.parent)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file in a folder of `atomic_folder`, which is not synced before the folder is.

    Raises:
        StorageError: it cannot be written.
    """
    with storage_errors(path):
        _make_folders(path.parent)
        with _written(path) as file:
            yield file


def link_file(source: Path, path: Path) -> None:
    """Give a file another name in a folder of `atomic_folder`; where that is not possible, copy.

    Raises:
        StorageError: it cannot be written, or the source cannot be read.
    """
    with storage_errors(path):
        _make_folders(path.parent)
        try:
            disk.link(source, path)
        except OSError:  # another disk, or one without links
            with new_file(path) as file:
                file.write(source.read_bytes())


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    with atomic_file(path) as file:
        file.write(text.encode())


def append_text(path: Path, text: str) -> None:
    """Add ``text`` as UTF-8 to the end of a file, at once and not atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    with storage_errors(path):
        _make_folders(path.parent)
        with _written(path, append=True) as file:
            file.write(text.encode())


def sync_file(path: Path) -> None:
    """Wait until a file that `append_text` wrote is on the disk.

    Raises:
        StorageError: the disk reports a fault.
    """
    with storage_errors(path):
        _sync(path)
        sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it, if there is one.

    Raises:
        StorageError: it cannot be removed.
    """
    with storage_errors(path):
        _remove(path)


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
        with _lock(folder / f"{TEMPORARY}{_LOCK}", folder):
            _sweep(folder)
            try:
                yield
            except BaseException:  # of workers that were killed
                with suppress(StorageError):
                    _sweep(folder)
                raise
    finally:
        if not existed:
            with suppress(OSError):  # it is not empty
                disk.remove_folder(folder)


@contextmanager
def only_writer_of(path: Path) -> Iterator[None]:
    """Keep other processes that ask likewise from a file that `append_text` writes.

    Raises:
        StorageError: another process has it, or the lock file cannot be written.
    """
    make_folder(path.parent)
    with _lock(_neighbour(path, _LOCK), path):
        yield


def _sweep(folder: Path) -> None:
    """Remove what killed runs left in a folder and below; what another run holds is kept."""
    with storage_errors(folder):
        for place, folders, files in os.walk(folder):
            left = [name for name in (*folders, *files) if name.startswith(TEMPORARY)]
            folders[:] = [name for name in folders if name not in left]
            for name in left:
                stem = name.removesuffix(".old").removesuffix(_LOCK)
                lock = Path(place) / f"{stem}{_LOCK}"
                descriptor = _locked(lock)
                if descriptor is not None:
                    try:
                        _remove(Path(place) / name)
                    finally:
                        _unlock(descriptor, lock)


@contextmanager
def _lock(path: Path, target: Path, patience: float = 0.0) -> Iterator[None]:
    end = monotonic() + patience
    while (descriptor := _locked(path)) is None:
        if monotonic() >= end:
            raise StorageError(
                f"{target} is being written by another run: wait until it has ended, or choose "
                "another place"
            )
        sleep(0.01)
    try:
        yield
    finally:
        _unlock(descriptor, path)


def _locked(path: Path) -> int | None:
    """The descriptor of a lock file that nobody else has; None if somebody has it."""
    with storage_errors(path):
        descriptor = disk.open(path, append=True)
        try:
            if lock_descriptor(descriptor, blocking=False) and os.path.samestat(
                os.fstat(descriptor), path.stat()
            ):
                return descriptor
        except FileNotFoundError:  # its last owner has just removed it
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def _unlock(descriptor: int, path: Path) -> None:
    """Remove a lock file and close it; one that cannot be removed does no harm."""
    try:
        if not _WINDOWS:  # while it is locked, so that nobody locks a file that is gone then
            with suppress(OSError):
                _remove(path)
    finally:
        os.close(descriptor)
    if _WINDOWS:  # an open file cannot be removed there
        with suppress(OSError):
            _remove(path)


class _Descriptor(io.RawIOBase):
    """An open file that is written through `disk`."""

    def __init__(self, path: Path, *, append: bool) -> None:
        self.number = disk.open(path, append=append)

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - any buffer
        return disk.write(self.number, memoryview(content))

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self.number)


@contextmanager
def _written(path: Path, *, append: bool = False) -> Iterator[BinaryIO]:
    """A buffered file; after a failure what is still in the buffer is not written."""
    raw = _Descriptor(path, append=append)
    file = io.BufferedWriter(raw)
    try:
        yield file
        file.flush()
    finally:
        raw.close()  # before the buffer, which then has nowhere to write to
        with suppress(ValueError):
            file.close()


def _sync_open(file: BinaryIO) -> None:
    assert isinstance(file, io.BufferedWriter)  # noqa: S101
    assert isinstance(file.raw, _Descriptor)  # noqa: S101
    disk.sync(file.raw.number)


@contextmanager
def _removed(path: Path) -> Iterator[None]:
    """Remove what an earlier run left at ``path``, and what is there when the block ends."""
    _remove(path)
    try:
        yield
    finally:
        _remove(path)


def _neighbour(path: Path, ending: str = "") -> Path:
    return path.parent / f"{TEMPORARY}{path.name[-56:]}{ending}"


def _make_folders(path: Path) -> None:
    """Create a folder and its parents, each name synced, so that no power cut can lose them."""
    if path.is_dir():
        return
    if path.parent != path:
        _make_folders(path.parent)
    try:
        disk.make_folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file", str(path)) from None
    sync_folder(path.parent)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        with suppress(FileNotFoundError):
            disk.remove(path)
        return
    for entry in sorted(path.iterdir()):
        _remove(entry)
    disk.remove_folder(path)


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
        return
    descriptor = os.open(path, os.O_RDWR if _WINDOWS else os.O_RDONLY)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows does that by itself."""
    if _WINDOWS:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
