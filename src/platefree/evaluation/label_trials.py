"""What a classifier tells of pictures against what the table says: a confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.dataset import DataSet
from platefree.errors import ProtocolError
from platefree.types import Embeddings, Indices, Text, known_values


@dataclass(frozen=True, eq=False)
class ToldTrial:
    """Tell a label of each picture.

    Attributes:
        test: name of the test.
        target: the label column, which is also the space of the classifier.
        rows: (n,) rows of the table, whose label is known.
        seed: None, since nothing is drawn.
    """

    test: str
    target: str
    rows: Indices
    seed: int | None = None

    def moved(self, place: Indices) -> Self:
        """The same trial of another table; (n,) ``place`` is where a row is there."""
        return replace(self, rows=place[self.rows])


TOLD = {"view": "front, rear, side ...", "camera": "which camera took it"}
"""What classifiers tell of pictures: a column of tables, and what stands in it."""


def view_labels(data: DataSet, seed: int) -> list[ToldTrial]:
    """Tell the view of every picture that is not for training.

    Raises:
        ProtocolError: no view is known.
    """
    del seed
    return [_labels(data, "view")]


def camera_labels(data: DataSet, seed: int) -> list[ToldTrial]:
    """Tell the camera of every picture that is not for training.

    Raises:
        ProtocolError: no camera is known.
    """
    del seed
    return [_labels(data, "camera")]


def _labels(data: DataSet, target: str) -> ToldTrial:
    tested = data.table.split != "train"
    rows = np.flatnonzero(tested & (getattr(data.table, target) != ""))
    if not len(rows):
        raise ProtocolError(
            f"{target}-labels compares with the column {target!r} ({TOLD[target]}), which is "
            f"unknown for all of the {int(tested.sum())} pictures that are not for training"
        )
    return ToldTrial("", target, rows)


def told(embeddings: Embeddings, target: str, names: Sequence[str]) -> Text:
    """(n,) the most probable label of each picture.

    Args:
        embeddings: with a space ``target``, (n, classes).
        target: the label.
        names: of the classes, sorted.
    """
    labels: Text = np.array(names)[embeddings.spaces[target].argmax(axis=1)]
    return labels


def confusion(truth: Text, said: Text, names: Sequence[str]) -> NDArray[np.int64]:
    """(classes, classes) number of pictures by what they show (rows) and what was told (columns).

    Args:
        truth: (n,) labels, ``""`` unknown; the unknown are left out.
        said: (n,) labels.
        names: of the classes, sorted.

    Raises:
        ProtocolError: the truth knows another label.
    """
    known = truth != ""
    strange = sorted(set(known_values(truth).tolist()) - set(names))
    if strange:
        raise ProtocolError(
            f"the table knows {', '.join(strange)}, which this model never tells: it tells "
            f"{', '.join(names)}"
        )
    places = [np.searchsorted(list(names), column[known]) for column in (truth, said)]
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, tuple(places), 1)
    return counts
