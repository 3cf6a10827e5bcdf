"""A ZIP archive whose ``about.json`` has the SHA-256 of every other file in it."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platefree.service.sighting_table import json_of
from platefree.storage.files import new_file

ABOUT = "about.json"

Put = Callable[[str, bytes], None]
"""Adds a file: its name in the archive, and its content."""


@contextmanager
def hashed_archive(path: Path, about: dict[str, Any]) -> Iterator[Put]:
    """Yield what adds files; at the end of the block the archive is complete.

    Args:
        path: of the archive.
        about: what is said of it, beside when it was made and the hashes.

    Raises:
        StorageError: it cannot be written.
    """
    hashes: dict[str, str] = {}
    with new_file(path) as file, zipfile.ZipFile(file, "w") as archive:

        def put(name: str, content: bytes) -> None:
            archive.writestr(name, content)
            hashes[name] = hashlib.sha256(content).hexdigest()

        yield put
        made = datetime.now(UTC).isoformat(timespec="seconds")
        archive.writestr(ABOUT, json_of({**about, "made": made, "sha256": hashes}))
