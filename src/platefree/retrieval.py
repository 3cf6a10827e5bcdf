"""Where else was this vehicle? Exact search in a folder, a table or stored embeddings.

A gallery engine with an index takes this place for millions of pictures; answers stay the same.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.data.table import read_table
from platefree.errors import MismatchError
from platefree.model import Model
from platefree.ranking.distance import rank_exact
from platefree.ranking.store import is_embeddings_folder, load_embeddings
from platefree.types import Embeddings, Hit, Sightings


def open_gallery(
    path: str | Path,
    model: Model,
    *,
    workers: int = -1,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[Embeddings, list[str]]:
    """Stored embeddings as they are, or a folder or table of pictures, embedded now.

    Args:
        path: an embeddings folder (``platefree embed``), or anything that `read_table` reads.
        model: from `load_model`.
        workers: loading processes; -1 decides by the machine.
        on_batch: called with the number of pictures done, for progress bars.

    Returns:
        The gallery, and why some pictures were left out (those that cannot be read).

    Raises:
        MismatchError: stored embeddings were made by another model.
        DataError: there is no gallery at ``path``.
    """
    if is_embeddings_folder(Path(path)):
        stored = load_embeddings(path)
        if stored.model != model.fingerprint:
            raise MismatchError(
                f"{path} was made with model {stored.model}, the search uses {model.fingerprint} "
                f"({model.name}): run 'platefree embed' again with this model"
            )
        return stored, []
    return model.embed(read_table(path), unreadable="skip", workers=workers, on_batch=on_batch)


def search(model: Model, query: str | Path, gallery: Embeddings, *, top: int = 20) -> list[Hit]:
    """The gallery pictures most like a query picture, exactly, nearest first.

    The query's own file is left out: "where else".

    Args:
        model: from `load_model`, the one that made the gallery.
        query: path of a picture of one vehicle.
        gallery: from `open_gallery`, or `Model.embed`.
        top: how many hits at most.

    Raises:
        ImageError: the query cannot be read.
        MismatchError: the gallery was made by another model.
    """
    picture = Sightings.from_columns(Path(), {"image": [str(query)]})
    embedded, _ = model.embed(picture)
    ranking = rank_exact(
        embedded,
        gallery,
        top,
        distances=model.method.distances,
        allowed=~_is_file(gallery.sightings, Path(query)),
    )
    found = [
        (int(row), float(distance))
        for row, distance in zip(ranking.indices[0], ranking.distances[0], strict=True)
        if row >= 0
    ]
    hits = gallery.take(np.array([row for row, _ in found], dtype=np.int64))
    spaces = model.method.judged_in(embedded, hits)[0] if found else []
    return [
        Hit(
            place + 1,
            1.0 - distance,
            gallery.sightings.path(row),
            gallery.sightings.labels(row),
            str(spaces[place]),
        )
        for place, (row, distance) in enumerate(found)
    ]


def _is_file(sightings: Sightings, file: Path) -> NDArray[np.bool_]:
    """(n,) which rows are this very file; only rows of the same file name are looked up."""
    suspects = np.flatnonzero(np.char.endswith(sightings.image, file.name))
    same = np.zeros(len(sightings), dtype=np.bool_)
    same[[row for row in suspects if sightings.path(int(row)).resolve() == file.resolve()]] = True
    return same
