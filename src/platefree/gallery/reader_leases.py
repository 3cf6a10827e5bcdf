"""Which versions of a gallery somebody reads, so that its writer does not remove them.

A lease is a locked file whose name holds the version. The lock goes with the process, however it
ends, and the next writer sweeps the file away.
"""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from platefree.errors import StorageError
from platefree.storage.disk import TEMPORARY
from platefree.storage.locks import LOCK, locked_for

_PATIENCE = 1.0  # seconds; a writer that sweeps may hold a new lease for a moment
_LEASE = re.compile(rf"{re.escape(TEMPORARY)}reads-(\d+)-[0-9a-f]+{re.escape(LOCK)}")


@contextmanager
def reader_lease(folder: Path, version: int) -> Iterator[None]:
    """Within the block this version stays on the disk.

    Whoever takes a lease of the newest version, and finds afterwards that it is still the newest,
    has it in time: a writer looks for leases after each newer version, and before it removes one.

    In a folder that cannot be written to there are no leases; a reader there may find that its
    version was removed, and has to ask again.
    """
    place = folder / f"{TEMPORARY}reads-{version}-{uuid.uuid4().hex}{LOCK}"
    with ExitStack() as stack:
        with suppress(StorageError):
            stack.enter_context(locked_for(place, folder, patience=_PATIENCE))
        yield


def leased_versions(folder: Path) -> set[int]:
    """The versions that are read; for the only writer, who has swept away what killed ones left."""
    found = map(_LEASE.fullmatch, os.listdir(folder))
    return {int(each[1]) for each in found if each}
