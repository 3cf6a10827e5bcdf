"""The vectors of another model for a gallery, in files beside it until all of them are there.

    NUMBER.npy   numbers and vectors of some hundred sightings, named by the first: arrays of numpy,
                 one after the other (names of the spaces, numbers, the rows of each space)

A file is whole or absent, and never changed but by `keep_only`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from platefree.errors import DataError
from platefree.gallery.lance import LanceStore
from platefree.gallery.lance_rows import rows_of
from platefree.gallery.lance_view import LanceView
from platefree.inputs.plain_files import GB, Expected, open_input
from platefree.ranking.comparison import Comparison
from platefree.storage.files import atomic_file, remove
from platefree.types import Embeddings, Floats, Indices

_FILE = Expected("vectors of a gallery that is embedded again", GB)


class VectorsBeside:
    """See `Beside`.

    Args:
        folder: of the files; it is created by the first ones.
        store: of the gallery.
        model: fingerprint of the other model.
        comparison: how its spaces combine.
    """

    def __init__(self, folder: Path, store: LanceStore, model: str, comparison: Comparison) -> None:
        self.folder = folder
        self._store, self._model, self._comparison = store, model, comparison
        parts = [_read(path, spaces=False)[0] for path in self._files()]
        self.numbers = np.concatenate([np.empty(0, np.int64), *parts])

    def pending(self, now: LanceView) -> Indices:
        """The sightings that have no vectors yet."""
        return np.setdiff1d(now.latest(), self.numbers)

    def add(self, numbers: Indices, embeddings: Embeddings) -> None:
        """Keep the vectors of (n,) sightings."""
        self._write(numbers, dict(embeddings.spaces))
        self.numbers = np.concatenate([self.numbers, numbers])

    def switch(self, now: LanceView, left_out: int) -> None:
        """Write the whole table with these vectors."""
        self._store.replace(self._rows(now), self._comparison)

    def blocks(self) -> Iterator[tuple[Indices, dict[str, Floats]]]:
        """Numbers, and space -> (n, d) float32 of them, some hundred at a time."""
        for path in self._files():
            yield _read(path)

    def keep_only(self, numbers: Indices) -> None:
        """Remove from the disk the vectors of all sightings but these."""
        for path in self._files():
            found, spaces = _read(path)
            kept = np.isin(found, numbers)
            if not kept.all():
                if kept.any():
                    self._write(found[kept], {name: rows[kept] for name, rows in spaces.items()})
                if not kept[0]:  # the first gives the file its name
                    remove(path)

    def _rows(self, now: LanceView) -> Iterator[pa.Table]:
        """The rows of the gallery with the new vectors; those without are left out."""
        left = set(now.latest().tolist())
        for numbers, spaces in self.blocks():
            kept = np.array([number in left for number in numbers.tolist()], np.bool_)
            left.difference_update(numbers.tolist())
            if kept.any():
                stored, crops = now.get(numbers[kept]), now.crops(numbers[kept])
                vectors = {name: rows[kept] for name, rows in spaces.items()}
                new = Embeddings(vectors, stored.sightings, self._model, stored.content)
                yield rows_of(new, self._comparison, crops, numbers[kept])

    def _write(self, numbers: Indices, spaces: dict[str, Floats]) -> None:
        names = sorted(spaces)
        with atomic_file(self.folder / f"{numbers[0]:020d}.npy") as file:
            for rows in (np.array(names), numbers, *(spaces[name] for name in names)):
                np.save(file, np.ascontiguousarray(rows), allow_pickle=False)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.npy"))


def _read(path: Path, *, spaces: bool = True) -> tuple[Indices, dict[str, Floats]]:
    with open_input(path, _FILE) as file:
        try:
            names, numbers = _array(file).tolist(), _array(file)
            return numbers, {name: _array(file) for name in names} if spaces else {}
        except (ValueError, EOFError, SyntaxError) as error:
            raise DataError(
                f"{path} is damaged: remove it, and its sightings are embedded again"
            ) from error


def _array(file: BinaryIO) -> Any:  # noqa: ANN401 - of any kind
    return np.load(file, allow_pickle=False)
