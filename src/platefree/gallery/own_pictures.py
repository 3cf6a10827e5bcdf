"""Which pictures of a gallery are a query picture itself, under whatever path."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.data.content import UNKNOWN, file_content, picture_contents
from platefree.types import Contents, Embeddings, Sightings


class OwnPictures:
    """The pictures of a query, to be recognised among candidates.

    A candidate is one of them if its file has the same content (a copy, a link, a folder that was
    moved), it is the same frame, and not another box in it.

    Args:
        query: the query pictures.
        content: (n, 16) uint8, of stored ones what was stored; by default their files are read.
    """

    def __init__(self, query: Sightings, content: Contents | None = None) -> None:
        self._query = query
        contents = picture_contents(query) if content is None else content
        self._contents = [each.tobytes() for each in contents]
        self._files = [query.path(row).resolve() for row in range(len(query))]
        self._sizes = {_size(file) for file in self._files} - {None}

    def among(self, candidates: Embeddings) -> NDArray[np.bool_]:
        """(n,) which candidates are a query picture."""
        found = [self._is_own(candidates, row) for row in range(len(candidates))]
        return np.array(found, np.bool_)

    def _is_own(self, candidates: Embeddings, row: int) -> bool:
        table = candidates.sightings
        file = table.path(row).resolve()
        content = self._content(candidates, row, file)
        return any(
            self._is_same_file(own, file, content) and self._is_same_vehicle(own, table, row)
            for own in range(len(self._query))
        )

    def _is_same_file(self, own: int, file: Path, content: bytes) -> bool:
        """By what they hold; by path only where that is unknown: a camera may reuse a name."""
        if UNKNOWN in (content, self._contents[own]):
            return file == self._files[own]
        return bool(content == self._contents[own])

    def _content(self, candidates: Embeddings, row: int, file: Path) -> bytes:
        """What was stored; else what the file holds, if it is as large as a query picture."""
        if candidates.content is not None and candidates.content[row].any():
            return bytes(candidates.content[row].tolist())
        return file_content(file) if _size(file) in self._sizes else UNKNOWN

    def _is_same_vehicle(self, own: int, table: Sightings, row: int) -> bool:
        if self._query.frame[own] != table.frame[row]:
            return False
        boxes = self._query.box[own], table.box[row]
        is_whole = any(np.isnan(box).any() for box in boxes)
        return is_whole or bool((boxes[0] == boxes[1]).all())


def _size(file: Path) -> int | None:
    try:
        return os.stat(file).st_size
    except (OSError, ValueError):
        return None
