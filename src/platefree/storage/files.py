"""Files and folders: a reader sees the old content or the new, never a half-written one.

A file is written to a temporary neighbour, synced and renamed: the rename is the commit. What a
killed run leaves behind is removed by the next run that writes the same thing.
"""

import errno
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from platefree.storage.disk import (
    disk,
    make_folders,
    neighbour,
    refuse_unwritable,
    remove_all,
    storage_errors,
    sync,
    sync_folder,
)
from platefree.storage.locks import LOCK, locked_for

_SYNCS = 8  # files that are synced at the same time
_PATIENCE = 60.0  # seconds to wait for another process that writes the same file


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
        refuse_unwritable(place)
    return path


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file to write to; when the block ends it takes the place of ``path``.

    Raises:
        StorageError: the file cannot be written, and the old one is kept; or another process has
            been writing it for a minute.
    """
    temporary = neighbour(path)
    with storage_errors(path):
        make_folders(path.parent)
        with locked_for(neighbour(path, LOCK), path, patience=_PATIENCE), _removed(temporary):
            with _written(temporary) as file:
                yield file
                file.flush()
                _sync_open(file)
            disk().rename(temporary, path)
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
    temporary, old = neighbour(path), neighbour(path, ".old")
    with storage_errors(path):
        make_folders(path.parent)
        with (
            locked_for(neighbour(path, LOCK), path, patience=_PATIENCE),
            _removed(temporary),
            _removed(old),
        ):
            disk().make_folder(temporary)
            yield temporary
            # The disk takes many small files at once far quicker than one after the other.
            with ThreadPoolExecutor(_SYNCS) as pool:
                list(pool.map(sync, temporary.rglob("*")))
            sync(temporary)
            _take_the_place(temporary, path, old)
            sync_folder(path.parent)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder for files that are needed within the block alone.

    What a killed run leaves of it is removed by the next only writer of a folder above it.

    Args:
        path: that tells it from others; nothing comes to be there.

    Raises:
        StorageError: the folder cannot be written.
    """
    temporary = neighbour(path)
    with storage_errors(path):
        make_folders(path.parent)
        with locked_for(neighbour(path, LOCK), path, patience=_PATIENCE), _removed(temporary):
            disk().make_folder(temporary)
            yield temporary


def _take_the_place(new: Path, path: Path, old: Path) -> None:
    """Rename a folder to ``path``; what was there is put to ``old``, or back after a failure."""
    if not path.exists():
        disk().rename(new, path)
        return
    disk().rename(path, old)
    try:
        disk().rename(new, path)
    except OSError:
        disk().rename(old, path)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file in a folder of `atomic_folder`, which is not synced before the folder is.

    Raises:
        StorageError: it cannot be written.
    """
    with storage_errors(path):
        make_folders(path.parent)
        with _written(path) as file:
            yield file


def link_file(source: Path, path: Path) -> None:
    """Give a file another name in a folder of `atomic_folder`; where that is not possible, copy.

    Raises:
        StorageError: it cannot be written, or the source cannot be read.
    """
    with storage_errors(path):
        make_folders(path.parent)
        try:
            disk().link(source, path)
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
        make_folders(path.parent)
        with _written(path, append=True) as file:
            file.write(text.encode())


def sync_file(path: Path, *, named: bool = False) -> None:
    """Wait until a file that `append_text` wrote is on the disk.

    Args:
        path: the file.
        named: whether its name is there already, so that its content is enough.

    Raises:
        StorageError: the disk reports a fault.
    """
    with storage_errors(path):
        sync(path)
        if not named:
            sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it, if there is one.

    Raises:
        StorageError: it cannot be removed.
    """
    with storage_errors(path):
        remove_all(path)


class _Descriptor(io.RawIOBase):
    """An open file that is written through `disk`."""

    def __init__(self, path: Path, *, append: bool) -> None:
        self.number = disk().open(path, append=append)

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:  # noqa: ANN401 - any buffer
        return disk().write(self.number, memoryview(content))

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
    disk().sync(file.raw.number)


@contextmanager
def _removed(path: Path) -> Iterator[None]:
    """Remove what an earlier run left at ``path``, and what is there when the block ends."""
    remove_all(path)
    try:
        yield
    finally:
        remove_all(path)
