"""What tells a picture from others wherever it lies: the bytes of its file, its frame and its box.

A copy, a link, and the same file in a folder that was moved are the same picture; a path is not.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.inputs.plain_files import GB, Expected, hash_input
from platefree.types import CONTENT_BYTES, Contents, Sightings

_FILE = Expected("a picture or a video", 1024 * GB)
_READERS = 8  # files that are read at the same time
_FILES = 4096  # asked for at a time

UNKNOWN = bytes(CONTENT_BYTES)
"""The content of a file that cannot be read."""


def picture_contents(table: Sightings) -> Contents:
    """(n, 16) uint8, the first bytes of the SHA-256 of each picture's file.

    They are zeros where there is no such file. A file that several rows name is read once.
    """
    images, rows = np.unique(table.image, return_inverse=True)
    contents = bytearray()
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(0, len(images), _FILES):
            files = [table.root / name for name in images[start : start + _FILES].tolist()]
            contents += b"".join(pool.map(file_content, files))
    return np.frombuffer(contents, np.uint8).reshape(-1, CONTENT_BYTES)[rows]


def file_content(path: Path) -> bytes:
    """The first bytes of the SHA-256 of a file; zeros if it is none, or cannot be read."""
    try:
        return read_content(path, _FILE)
    except DataError:
        return UNKNOWN


def read_content(path: Path, expected: Expected) -> bytes:
    """The first 16 bytes of the SHA-256 of a file.

    Raises:
        PlatefreeError: an ``expected.error``: it cannot be read, or is something else.
    """
    return bytes.fromhex(hash_input(path, expected))[:CONTENT_BYTES]


def known_contents(contents: Contents) -> NDArray[np.bool_]:
    """(n,) which files could be read."""
    return np.asarray(contents.any(axis=1))
