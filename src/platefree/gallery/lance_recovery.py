"""A change of a Lance table that a power cut ended is taken back, or made safe.

The engine commits a change before the bytes of its files are on the disk, and cannot be told to
wait. So while a change is under way, and until all of it is on the disk, a note beside the table
says of which version it began. Where the note is found and nobody writes, its writer was killed. If
the machine has run since, nothing is lost, and only the waiting is made good; after a power cut the
versions since are kept only if all their files are whole.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from platefree.errors import DataError
from platefree.gallery.lance_engine import all_synced, files_in, sync_files
from platefree.inputs.complaints import checked
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import GB, KB, Expected, open_input
from platefree.storage.files import remove, write_text

UNFINISHED = "unfinished.json"
"""The note, in the folder of the gallery."""

_NOTE = Expected("a note on an unfinished change of a gallery", 4 * KB)
_FILE = Expected("a file of a gallery", 1024 * GB)
_BOOTED = Expected("what the system calls its run", KB)
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ENDS = {".lance": b"LANC", ".idx": b"LANC", ".manifest": b"LANC", ".arrow": b"ARROW1"}
_END = 8  # bytes
_LAST = 2**64 - 1  # the engine numbers manifests backwards, so that the newest is listed first


class _Note(BaseModel):
    """What the note says: the version before the change, and what the system calls its run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    boot: str


@contextmanager
def durable_change(table: Path, version: int) -> Iterator[None]:
    """Within the block the engine changes a table; at its end all of it is on the disk.

    Args:
        table: its folder, in that of a gallery in which nobody else writes.
        version: the newest; 0 if there is none yet.

    Raises:
        StorageError: it cannot be written.
    """
    settle_change(table)  # of a change before, which failed
    note = _Note(version=version, boot=_boot())
    write_text(table.parent / UNFINISHED, note.model_dump_json() + "\n")
    with all_synced(table.parent):
        yield
    remove(table.parent / UNFINISHED)


def is_unfinished(table: Path) -> bool:
    """Whether a change is under way, or its writer was killed."""
    return (table.parent / UNFINISHED).exists()


def settle_change(table: Path) -> None:
    """Take back a change whose files a power cut took, or wait until they are on the disk.

    Args:
        table: its folder, in that of a gallery in which nobody else writes.

    Raises:
        StorageError: it cannot be written.
        DataError: the note is damaged.
    """
    if not is_unfinished(table):
        return
    path = table.parent / UNFINISHED
    note = checked(_Note, read_json(path, _NOTE), str(path), error=DataError)
    began = path.stat().st_mtime_ns
    new = [each for each in files_in(table) if each.stat().st_mtime_ns >= began]
    is_same_run = note.boot != "" and note.boot == _boot()
    if not is_same_run and not all(map(_is_whole, new)):
        _take_back(table, note.version)
    sync_files(table.parent, [each for each in new if each.exists()])
    remove(path)


def _take_back(table: Path, version: int) -> None:
    """Let a version be the newest; the files of later ones are removed by the next change."""
    if not version:
        remove(table)
        return
    for path in (table / "_versions").iterdir():
        if not path.stem.isdecimal() or _version_of(path.stem) > version:  # or a hint at the newest
            remove(path)


def _version_of(manifest: str) -> int:
    """The version in the name of a manifest, of the older naming too, which counts upwards."""
    return _LAST - int(manifest) if len(manifest) == len(str(_LAST)) else int(manifest)


def _is_whole(path: Path) -> bool:
    """Whether a file has the end that its kind has; others are not empty."""
    with open_input(path, _FILE) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _END))
        end = file.read()
    return bool(end) and end.endswith(_ENDS.get(path.suffix, b""))


def _boot() -> str:
    """What the system calls the time since it was started; empty where it does not say."""
    try:
        with open_input(_BOOT, _BOOTED) as file:  # which says that it is empty
            return file.read(KB).decode().strip()
    except DataError:
        return ""
