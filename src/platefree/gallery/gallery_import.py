"""Embedded sightings from elsewhere, on their way into a gallery.

- another gallery's folder;
- a folder of `export_sightings` with its embeddings, whose small pictures are kept;
- a table with embeddings (`platefree.gallery.embedded_tables`);
- a folder of embeddings.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from platefree.data.table import read_table
from platefree.errors import DataError, MismatchError
from platefree.gallery.embedded_tables import has_embeddings, read_embedded
from platefree.gallery.gallery_export import EMBEDDED, SMALL_PICTURES
from platefree.gallery.store import Reading
from platefree.gallery.stored import is_embeddings_folder, load_embeddings
from platefree.inputs.plain_files import MB, Expected, read_input
from platefree.types import Embeddings

_AT_A_TIME = 8_192
_JPEG = b"\xff\xd8\xff"
_SMALL = Expected("a small picture of a gallery", MB)

Part = tuple[Embeddings, list[bytes] | None]
"""Some sightings, and their small pictures where there are any."""


def parts_of_gallery(now: Reading) -> Iterator[Part]:
    """Everything in another gallery."""
    numbers = np.sort(now.latest())
    for start in range(0, len(numbers), _AT_A_TIME):
        some = numbers[start : start + _AT_A_TIME]
        yield now.get(some), now.crops(some)


def parts_of_files(place: Path, model: str) -> Iterator[Part]:
    """Everything in a folder or table.

    Args:
        place: see the first lines of this file.
        model: fingerprint of the model that it has to be of.

    Raises:
        MismatchError: it is of another model.
        DataError: it is nothing of this, or damaged.
    """
    embeddings, crops = _opened(place), list[bytes]()
    if embeddings.model != model:
        raise MismatchError(
            f"{place} was made with model {embeddings.model}, the gallery with {model}: make a "
            "gallery with that model, import it there, and embed it again with this one "
            "('platefree gallery reembed')"
        )
    if place.is_dir() and (place / SMALL_PICTURES).exists():
        crops = _small_pictures(place, len(embeddings))
    for start in range(0, len(embeddings), _AT_A_TIME):
        rows = np.arange(start, min(start + _AT_A_TIME, len(embeddings)))
        yield embeddings.take(rows), crops[start : start + _AT_A_TIME] or None


def _opened(place: Path) -> Embeddings:
    if is_embeddings_folder(place):
        return load_embeddings(place)
    file = place / EMBEDDED if place.is_dir() else place
    if file.suffix.lower() in (".csv", ".parquet") and file.is_file() and has_embeddings(file):
        return read_embedded(file)
    raise DataError(
        f"{place} holds no embeddings: 'platefree gallery export --embeddings' writes a folder or "
        "table with them; add pictures, and tables without them, with 'platefree gallery add'"
    )


def _small_pictures(folder: Path, count: int) -> list[bytes]:
    table = read_table(folder / SMALL_PICTURES)
    if len(table) != count:
        raise DataError(
            f"{folder / SMALL_PICTURES} has {len(table):,} rows, {EMBEDDED} {count:,}: they were "
            "changed since they were exported; export again, or import the second alone"
        )
    own = (folder / "pictures").absolute()
    paths = [table.path(row) for row in range(count)]
    return [_small_picture(path) if path.parent == own else b"" for path in paths]


def _small_picture(path: Path) -> bytes:
    content = read_input(path, _SMALL)
    if not content.startswith(_JPEG):
        raise DataError(
            f"{path} is not a JPEG, as the small pictures of a gallery are: export "
            "the gallery again"
        )
    return content
