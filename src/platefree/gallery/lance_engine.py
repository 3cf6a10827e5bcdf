"""The engine under `LanceStore`, imported when it is first used, and its errors in our words.

Lance is the file format and the engine that LanceDB stands on. It is used directly, because
LanceDB's own ``optimize`` leaves deleted rows on the disk where they are few, and cannot remove old
versions without rewriting the newest rows.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from platefree.errors import DataError, PlatefreeError, StorageError, first_line
from platefree.machine import cpu_count
from platefree.storage.disk import storage_errors, sync, sync_folder

_FULL = ("os error 28", "No space left", "os error 122")


def engine() -> Any:  # noqa: ANN401 - an untyped package
    """The module ``lance``."""
    os.environ.setdefault("LANCE_LOG", "error")  # its notes are not written for users
    # It would leave two processors to reading, on two of them all but one: parts of an index are
    # then searched one after the other.
    os.environ.setdefault("LANCE_CPU_THREADS", str(cpu_count()))
    warnings.filterwarnings("ignore", message="lance is not fork-safe")  # loaders never touch it
    import lance

    return lance


@contextmanager
def writing_errors(folder: Path) -> Iterator[None]:
    """Turn what the engine raises while it writes into a `StorageError`.

    What was stored before stays as it was: a change is one file, which names all others.
    """
    try:
        yield
    except PlatefreeError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        full = any(each in str(error) for each in _FULL)
        reason = "the disk is full; free some space and run it again" if full else first_line(error)
        raise StorageError(f"cannot write {folder}: {reason}") from error


@contextmanager
def all_synced(folder: Path) -> Iterator[None]:
    """At the end of the block, wait until the files that it made in a folder are on the disk.

    The engine does not wait itself.
    """
    before = set(files_in(folder))
    yield
    sync_files(folder, [path for path in files_in(folder) if path not in before])


def sync_files(folder: Path, files: list[Path]) -> None:
    """Wait until files in a folder, and their names, are on the disk."""
    with storage_errors(folder):
        for path in files:
            with suppress(FileNotFoundError):  # superseded already
                sync(path)
        places = {
            parent for path in files for parent in path.parents if parent.is_relative_to(folder)
        }
        for place in sorted(places):
            sync_folder(place)


def files_in(folder: Path) -> list[Path]:
    """Every file in a folder and below."""
    return [Path(place) / name for place, _, names in os.walk(folder) for name in names]


def bytes_of(file: Path) -> int:
    """The size of a file; 0 where it was removed meanwhile, as readers remove their leases."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def reading_errors(folder: Path) -> Iterator[None]:
    """Turn what the engine raises while it reads into a `DataError`."""
    try:
        yield
    except PlatefreeError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{folder} cannot be read: {first_line(error)}") from error
