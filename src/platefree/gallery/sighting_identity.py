"""Which stored sighting is the same as a new one, so that adding it again adds nothing.

A sighting is what its picture's file holds, its frame and its box (`platefree.data.content`);
labels and paths may differ. Where the file cannot be read, its absolute path stands for what it
holds.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.data.content import known_contents
from platefree.gallery.filters import absolute
from platefree.types import CONTENT_BYTES, Contents, Sightings


def identities(table: Sightings, contents: Contents) -> Contents:
    """(n, 16) uint8, equal for equal sightings.

    Args:
        table: the sightings.
        contents: (n, 16) uint8, from `picture_contents`.
    """
    held = np.array(contents)
    for row in np.flatnonzero(~known_contents(contents)).tolist():
        path = absolute(table.path(row)).encode("utf-8", "surrogateescape")
        held[row] = np.frombuffer(hashlib.sha256(path).digest()[:CONTENT_BYTES], np.uint8)
    place = np.where(np.isnan(table.box), np.float32(0), table.box)  # no box is all zeros
    parts = held, _bytes(table.frame, "<i8"), _bytes(place, "<f4")
    described = np.concatenate(parts, axis=1)
    whole, size = described.tobytes(), described.shape[1]
    hashes = (hashlib.sha256(whole[at : at + size]) for at in range(0, len(whole), size))
    found = b"".join(each.digest()[:CONTENT_BYTES] for each in hashes)
    return np.frombuffer(found, np.uint8).reshape(-1, CONTENT_BYTES)


def _bytes(column: NDArray[Any], kind: str) -> Contents:
    """(n, b) uint8, the bytes of each row of a column."""
    rows = np.ascontiguousarray(column.astype(kind)).view(np.uint8)
    return rows.reshape(len(column), -1) if len(column) else np.empty((0, 1), np.uint8)


def joined(rows: Contents) -> NDArray[np.void]:
    """(n,) one value for each of (n, 16) bytes, to be compared and looked up."""
    whole = np.ascontiguousarray(rows).view(f"V{CONTENT_BYTES}")
    return whole.reshape(-1)
