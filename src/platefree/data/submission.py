"""Answers for the server of the AI City challenge, track 2: ``track2.txt``.

A line for each query picture in the order of their numbers; in it the numbers of the nearest
gallery pictures, nearest first, separated by blanks. A picture's number is its name.
"""

from pathlib import Path

import numpy as np

from platefree.data.dataset import DataSet
from platefree.errors import DataError
from platefree.storage import write_text
from platefree.types import Indices, Ranking

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
    asked, shown = check_numbers(dataset)
    depth = min(NEAREST, len(shown))
    if len(ranking) != len(asked) or ranking.indices.max(initial=-1) >= len(shown):
        raise DataError(
            f"a ranking of {len(ranking)} queries, expected {len(asked)} queries in a gallery of "
            f"{len(shown)}: rank the lists 'query' and 'gallery' in their order"
        )
    nearest = ranking.indices[:, :depth]
    if nearest.shape[1] < depth or (nearest < 0).any():
        raise DataError(
            f"a ranking of fewer than {depth} pictures for a query, expected the nearest {depth}"
        )
    lines = (" ".join(map(str, shown[nearest[row]].tolist())) for row in np.argsort(asked))
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
        raise DataError(f"the list {name!r} of {dataset.name} names no picture: unpack it anew")
    first: dict[int, str] = {}
    for each in names:
        if not each.isdecimal():
            raise DataError(f"picture {each!r}, expected a number as CityFlow names its pictures")
        if first.setdefault(int(each), each) != each:
            raise DataError(
                f"pictures {first[int(each)]!r} and {each!r} of the list {name!r} have one number, "
                "by which the server knows them: remove one of the two"
            )
    return np.array(names, np.int64)
