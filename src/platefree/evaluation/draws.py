"""Protocols that draw queries and gallery at random.

VehicleID (DRDL, section 5.3; `drdl` below): one picture of each vehicle is the gallery, all others
are queries. Retrieval (DRDL, section 5.2): of the n pictures of a class, max(6, n - 1) are gallery
and the rest are queries. This is literal: at most all n, a class of six pictures or fewer has no
query and only adds distractors, and all others have one query. Who takes it for a slip of the pen
finds min(6, n - 1) beside it: six pictures are gallery, or all but one of a small class. Decided:
a class of one picture is a distractor in both; a class is a vehicle, or on request a vehicle model,
since the paper says "vehicle model i"; and it is drawn ten times as well, where the paper gives no
number.

A draw depends only on (seed, list, number of the draw, class, names of the pictures), not on the
order of files, rows or classes, nor on a random generator that may change.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.data.dataset import DataSet
from platefree.errors import ProtocolError
from platefree.evaluation.trial import Trial
from platefree.types import Indices, Sightings, Text

DRAWS = 10

_GALLERY = 6  # pictures of a class, in retrieval: at least, or at most


def one_picture_gallery(data: DataSet, seed: int) -> list[Trial]:
    """Ten draws of each list of VehicleID, with one random picture of each vehicle as gallery.

    Raises:
        ProtocolError: there is no such list, or none of its vehicles has two pictures.
    """
    return [
        Trial(name, classes.rows[~drawn], classes.rows[drawn], test, seed=seed)
        for test, name, classes, drawn in _draws(data, seed, "vehicle", 1, _one)
    ]


def vehicle_retrieval(data: DataSet, seed: int) -> list[Trial]:
    """Ten draws of each list, with one picture of each vehicle as query and the rest as gallery.

    Raises:
        ProtocolError: there is no such list, or no vehicle has more than six pictures.
    """
    return _retrieval(data, seed, "vehicle", "retrieval")


def model_retrieval(data: DataSet, seed: int) -> list[Trial]:
    """The same with vehicle models as classes; pictures of unknown model are left out.

    Raises:
        ProtocolError: there is no such list, or no model has more than six pictures.
    """
    return _retrieval(data, seed, "model", "model retrieval")


def vehicle_retrieval_min(data: DataSet, seed: int) -> list[Trial]:
    """Ten draws of each list, with six pictures of each vehicle as gallery, or all but one.

    Raises:
        ProtocolError: there is no such list, or no vehicle has two pictures.
    """
    return _retrieval_min(data, seed, "vehicle", "retrieval min")


def model_retrieval_min(data: DataSet, seed: int) -> list[Trial]:
    """The same with vehicle models as classes; pictures of unknown model are left out.

    Raises:
        ProtocolError: there is no such list, or no model has two pictures.
    """
    return _retrieval_min(data, seed, "model", "model retrieval min")


def _retrieval_min(data: DataSet, seed: int, target: str, noun: str) -> list[Trial]:
    found = []
    for test, name, classes, drawn in _draws(data, seed, target, 2, _at_most_six):
        query = ~drawn & np.repeat(classes.counts > 1, classes.counts)
        gallery = classes.rows[~query]
        found.append(
            Trial(name, classes.rows[query], gallery, f"{test} {noun}", None, None, target, seed)
        )
    return found


def _one(count: int) -> int:
    del count
    return 1


def _at_most_six(count: int) -> int:
    return min(_GALLERY, count - 1)


def _retrieval(data: DataSet, seed: int, target: str, noun: str) -> list[Trial]:
    return [
        Trial(
            name, classes.rows[drawn], classes.rows[~drawn], f"{test} {noun}", None, None, target,
            seed,
        )
        for test, name, classes, drawn in _draws(data, seed, target, _GALLERY + 1, _one)
    ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Classes:
    """The rows of a list, grouped by class; the pictures of a class are sorted by name.

    Attributes:
        names: (c,) the classes, sorted.
        starts: (c,) where each begins in ``rows``.
        counts: (c,) how many rows it has.
        rows: (n,) rows of the table.
    """

    names: Text
    starts: Indices
    counts: Indices
    rows: Indices

    @classmethod
    def of(cls, table: Sightings, rows: Indices, target: str) -> "_Classes":
        labels = getattr(table, target)[rows]
        rows, labels = rows[labels != ""], labels[labels != ""]
        order = np.lexsort((table.image[rows], labels))
        names, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
        return cls(names, starts, counts, rows[order])


def _draws(
    data: DataSet, seed: int, target: str, fewest: int, size: Callable[[int], int]
) -> Iterator[tuple[str, str, _Classes, NDArray[np.bool_]]]:
    """``size(n)`` pictures of each class of n, ``fewest`` or more: (test, draw, classes, mask)."""
    for name in _test_lists(data):
        classes = _Classes.of(data.table, data.rows(name), target)
        large = classes.counts >= fewest
        if not (classes.counts >= max(fewest, 2)).any():
            raise ProtocolError(
                f"list {name} of {data.name}: no {target} has {max(fewest, 2)} pictures or more "
                f"(of {len(classes.names)} known ones), so nothing can be searched for"
            )
        for draw in range(1, DRAWS + 1):
            places = [
                start + place
                for each, start, count in zip(
                    classes.names[large].tolist(),
                    classes.starts[large].tolist(),
                    classes.counts[large].tolist(),
                    strict=True,
                )
                for place in _picks(count, size(count), seed, name, draw, each)
            ]
            drawn = np.zeros(len(classes.rows), np.bool_)
            drawn[places] = True
            yield name.removeprefix("test_"), f"draw {draw}", classes, drawn


def _test_lists(data: DataSet) -> list[str]:
    """The names of the lists, the smallest first."""
    names = [name for name in data.lists if re.fullmatch(r"test_\d+", name)]
    if not names:
        raise ProtocolError(
            f"this protocol draws from the lists test_800, test_1600 ... of VehicleID, and "
            f"{data.name} has none; use leave-one-out, or query-gallery"
        )
    return sorted(names, key=lambda name: int(name.removeprefix("test_")))


def _picks(count: int, size: int, *key: object) -> list[int]:
    """``size`` different numbers below ``count`` that depend only on the key."""
    left = list(range(count))
    keys = [key, *((*key, turn) for turn in range(1, size))]
    return [left.pop(_pick(len(left), *each)) for each in keys]


def _pick(count: int, *key: object) -> int:
    """A number below ``count`` that depends only on the key."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % count
