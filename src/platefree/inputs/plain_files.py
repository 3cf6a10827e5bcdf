"""The one way to open a file for reading: a plain file, no larger than its kind can be.

A pipe would block for ever, a device never ends (``/dev/zero``), and a file of another kind may
fill the memory before its reader notices. So each caller says what it expects (`Expected`), and
nothing is read before the opened file has proved to be that.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from platefree.errors import DataError, OutOfMemory, PlatefreeError

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # opening a pipe returns at once; without effect on files
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)  # Windows
)

_ODD = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True)
class Expected:
    """What a file that is about to be read should be.

    Attributes:
        noun: with its article, for messages: ``a picture``.
        at_most: the largest size in bytes that such a file has in practice.
        error: what is raised where the file is anything else.
        grows: whether others may add to it while it is read.
    """

    noun: str
    at_most: int
    error: type[PlatefreeError] = DataError
    grows: bool = False


@contextmanager
def open_input(path: str | Path, expected: Expected) -> Iterator[BufferedReader]:
    """Open a file for reading; it may be empty. Links are followed.

    Within the block an ``OSError`` becomes an ``expected.error``, so only read in it. Libraries
    that would open a path by themselves are given the open file instead.

    Raises:
        PlatefreeError: an ``expected.error``: the file is missing, a folder, no plain file, too
            large, cannot be opened or read, or was changed within the block.
        OutOfMemory: the memory does not suffice, which says nothing against the file.
    """
    try:
        with _plain_file(path, expected) as file:
            before = os.fstat(file.fileno())
            yield file
            after = os.fstat(file.fileno())
    except MemoryError as error:
        raise OutOfMemory(
            f"not enough memory to read {path}: end other programs, or use fewer workers"
        ) from error
    except OSError as error:
        reason = " ".join(str(error.strerror or error).split())
        raise expected.error(
            f"{path} cannot be read ({reason}), expected {expected.noun}"
        ) from error
    if _is_another(before, after, expected):
        raise expected.error(
            f"{path} was changed while it was read: wait until it is written, and try again"
        )


def _is_another(before: os.stat_result, after: os.stat_result, expected: Expected) -> bool:
    if expected.grows:
        return after.st_size < before.st_size
    return (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)


def read_input(path: str | Path, expected: Expected) -> bytes:
    """The bytes of a file.

    Raises:
        PlatefreeError: as of `open_input`.
    """
    with open_input(path, expected) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def hash_input(path: str | Path, expected: Expected) -> str:
    """The SHA-256 of the bytes of a file, in hexadecimal digits; it is never in memory whole.

    Raises:
        PlatefreeError: as of `open_input`.
    """
    with open_input(path, expected) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_utf8(path: str | Path, expected: Expected) -> None:
    """Refuse a path that no table, card or report could name, before long work starts.

    Raises:
        PlatefreeError: an ``expected.error``: a name in it is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise expected.error(
            f"{path} has a name that is not UTF-8, which no table, card or report can hold: "
            "rename the folder, or give another path to it"
        ) from error


def _plain_file(path: str | Path, expected: Expected) -> BufferedReader:
    try:
        _check(path, os.stat(path), expected)  # opening a device may already do something
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError as error:
        raise expected.error(
            f"{path} does not exist, expected {expected.noun}: correct the path, or put it there"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise expected.error(
            f"{path} cannot be opened ({reason}), expected {expected.noun}: check its path and "
            "permissions"
        ) from error
    try:
        _check(path, os.fstat(descriptor), expected)  # another file may have taken its place
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(path: str | Path, status: os.stat_result, expected: Expected) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise expected.error(f"{path} is a folder, expected {expected.noun}: name a file in it")
    if not stat.S_ISREG(status.st_mode):
        found = next((name for test, name in _ODD if test(status.st_mode)), "no plain file")
        raise expected.error(
            f"{path} is {found}, expected {expected.noun}: copy its content to a file"
        )
    if status.st_size > expected.at_most:
        raise expected.error(
            f"{path} has {status.st_size:,} bytes, expected {expected.noun} of at most "
            f"{expected.at_most:,}: name another file, or divide it"
        )
