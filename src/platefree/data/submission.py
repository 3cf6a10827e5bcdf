"""Answers for the server of the AI City challenge, track 2: ``track2.txt``.

A line for each query picture in the order of their numbers; in it the numbers of the nearest
gallery pictures, nearest first, separated by blanks. The number of a picture is its file name.
"""

from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.storage.files import write_text
from platefree.types import Indices, Ranking

NEAREST = 100
"""The server scores this many pictures for each query."""

_LARGEST = np.iinfo(np.int64).max  # CityFlow's numbers have six digits


def write_submission(dataset: DataSet, ranking: Ranking, path: str | Path) -> None:
    """Write the ranking for the queries of CityFlow.

    Args:
        dataset: as `platefree.data.readers.detect.read_dataset` gives it.
        ranking: of the lists ``query`` and ``gallery``, in their order; with at least `NEAREST`
            pictures for each query, or the whole gallery.
        path: the file; the server expects the name ``track2.txt``.

    Raises:
        DataError: the ranking is not of these lists, or has too few pictures for a query.
        StorageError: the file cannot be written.
    """
    queries, gallery = check_numbers(dataset)
    depth = min(NEAREST, len(gallery))
    if len(ranking) != len(queries) or ranking.indices.max(initial=-1) >= len(gallery):
        raise DataError(
            f"a ranking of {many(len(ranking), 'query', 'queries')}, expected "
            f"{many(len(queries), 'query', 'queries')} in a gallery of {len(gallery)}: "
            "rank the lists 'query' and 'gallery' in their order"
        )
    nearest = ranking.indices[:, :depth]
    if nearest.shape[1] < depth or (nearest < 0).any():
        raise DataError(
            f"a ranking of fewer than {depth} pictures for a query, expected the nearest {depth}"
        )
    lines = (" ".join(map(str, gallery[nearest[row]].tolist())) for row in np.argsort(queries))
    write_text(Path(path), "".join(f"{line}\n" for line in lines))


def check_numbers(dataset: DataSet) -> tuple[Indices, Indices]:
    """The (q,) numbers of the query pictures and the (g,) of the gallery, in their order.

    Raises:
        DataError: there are none, or a picture has no number.
    """
    return _numbers(dataset, "query"), _numbers(dataset, "gallery")


def _numbers(dataset: DataSet, name: str) -> Indices:
    names = [Path(image).stem for image in dataset.table.image[dataset.rows(name)].tolist()]
    if not names:
        raise DataError(
            f"the list {name!r} of {dataset.name} names no picture: unpack the data set again; a "
            f"table names its pictures by {name!r} in the column 'split'"
        )
    first: dict[int, str] = {}
    for each in names:
        if not each.isdecimal() or int(each) > _LARGEST:
            raise DataError(
                f"picture {each!r}, expected a number up to {_LARGEST}, as CityFlow names its "
                "pictures (000001.jpg)"
            )
        if first.setdefault(int(each), each) != each:
            raise DataError(
                f"pictures {first[int(each)]!r} and {each!r} of the list {name!r} have the same "
                "number, by which the server knows them: remove one of the two"
            )
    return np.array(names, np.int64)
