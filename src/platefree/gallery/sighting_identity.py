"""Which stored sighting is the same as a new one, so that adding it again adds nothing.

A sighting is what its picture's file holds, its frame and its box (`platefree.data.content`);
labels and paths may differ. Where the file cannot be read, its absolute path stands for what it
holds.
"""

import hashlib

import numpy as np

from platefree.data.content import known_contents
from platefree.gallery.filters import absolute
from platefree.types import CONTENT_BYTES, Contents, Sightings


def identities(table: Sightings, contents: Contents) -> Contents:
    """(n, 16) uint8, equal for equal sightings.

    Args:
        table: the sightings.
        contents: (n, 16) uint8, from `picture_contents`.
    """
    known = known_contents(contents).tolist()
    found = bytearray()
    for row, is_known in enumerate(known):
        digest = hashlib.sha256(contents[row].tobytes())
        if not is_known:
            digest.update(absolute(table.path(row)).encode("utf-8", "surrogateescape"))
        digest.update(int(table.frame[row]).to_bytes(8, "little", signed=True))
        box = table.box[row]
        digest.update(b"" if np.isnan(box).any() else box.tobytes())
        found += digest.digest()[:CONTENT_BYTES]
    return np.frombuffer(bytes(found), np.uint8).reshape(-1, CONTENT_BYTES)


def joined(rows: Contents) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    """(n,) one value for each of (n, 16) bytes, to be compared and looked up."""
    whole = np.ascontiguousarray(rows).view(f"V{CONTENT_BYTES}")
    return whole.reshape(-1)
