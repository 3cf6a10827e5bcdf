"""Answers for the server of the AI City challenge, track 2: ``track2.txt``.

A line for each query picture in the order of their numbers; in it the numbers of the nearest
gallery pictures, nearest first, separated by blanks. A picture's number is its name.
"""

from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet
from platefree.errors import DataError
from platefree.storage import write_text
from platefree.types import Indices, Ranking, Sightings

NEAREST = 100
"""So many are scored."""


def write_submission(dataset: DataSet, ranking: Ranking, path: str | Path) -> None:
    """Write what was found for the queries of CityFlow.

    Args:
        dataset: as `platefree.data.readers.detect.read_dataset` gives it.
        ranking: of the lists ``query`` and ``gallery``, in their order; at least `NEAREST` deep,
            or as deep as the gallery.
        path: the file, which the server wants to be called ``track2.txt``.

    Raises:
        DataError: the ranking is not of these lists, or is not deep enough.
        StorageError: the file cannot be written.
    """
    query, gallery = dataset.rows("query"), dataset.rows("gallery")
    depth = min(NEAREST, len(gallery))
    if len(ranking) != len(query) or ranking.indices.max(initial=-1) >= len(gallery):
        raise DataError(
            f"a ranking of {len(ranking)} queries, expected {len(query)} queries in a gallery of "
            f"{len(gallery)}: rank the lists 'query' and 'gallery' in their order"
        )
    nearest = ranking.indices[:, :depth]
    if nearest.shape[1] < depth or (nearest < 0).any():
        raise DataError(
            f"a ranking of fewer than {depth} pictures for a query, expected the nearest {depth}"
        )
    asked, shown = _numbers(dataset.table, query), _numbers(dataset.table, gallery)
    lines = (" ".join(map(str, shown[nearest[row]].tolist())) for row in np.argsort(asked))
    write_text(Path(path), "".join(f"{line}\n" for line in lines))


def _numbers(table: Sightings, rows: Indices) -> Indices:
    names = [Path(image).stem for image in table.image[rows].tolist()]
    for name in names:
        if not name.isdecimal():
            raise DataError(f"picture {name!r}, expected a number as CityFlow names its pictures")
    return np.array(names, np.int64)
