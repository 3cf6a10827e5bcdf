"""Predicted labels compared with those of the table: a confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.errors import ProtocolError
from platefree.evaluation.trial import Scorer, refuse_steps
from platefree.evaluation.trial_results import LabelResult
from platefree.inference.labelling import most_probable
from platefree.recipes.post import Post
from platefree.types import Indices, Sightings, Text, known_values


@dataclass(frozen=True, eq=False)
class LabelTrial:
    """Predict a label of each picture.

    Attributes:
        test: name of the test.
        target: the label column, which is also the space of the classifier.
        rows: (n,) rows of the table with a known label.
        seed: None, since nothing is drawn.
    """

    test: str
    target: str
    rows: Indices
    seed: int | None = None

    def moved(self, place: Indices) -> Self:
        """The same trial on another table; (n,) ``place`` is each row's new row there."""
        return replace(self, rows=place[self.rows])

    @property
    def task(self) -> str:
        """The number of pictures, as text."""
        return many(len(self.rows), "picture")

    def check_post(self, post: Post, table: Sightings) -> None:
        """Refuse every step, since nothing is ranked."""
        del table
        refuse_steps(post)

    def score(self, scorer: Scorer) -> LabelResult:
        """Compare the most probable label of each picture with that of the table.

        Raises:
            DataError: the model predicts no such label.
            ProtocolError: the table knows labels that the model does not.
        """
        names = scorer.model.class_names(self.target)
        pictures = scorer.embeddings.take(self.rows)
        predicted = most_probable(pictures, self.target, names)
        truth = getattr(pictures.sightings, self.target)
        matrix = confusion(truth, predicted, names)
        return LabelResult(f"{self.target} of each picture", names, matrix)


PREDICTED = {"view": "front, rear, side ...", "camera": "which camera took it"}
"""Label columns that classifiers predict, with a description of their values."""


def view_labels(data: DataSet, seed: int) -> list[LabelTrial]:
    """Predict the view of every picture that is not for training.

    Raises:
        ProtocolError: no view is known.
    """
    del seed
    return [_labels(data, "view")]


def camera_labels(data: DataSet, seed: int) -> list[LabelTrial]:
    """Predict the camera of every picture that is not for training.

    Raises:
        ProtocolError: no camera is known.
    """
    del seed
    return [_labels(data, "camera")]


def _labels(data: DataSet, target: str) -> LabelTrial:
    tested = data.table.split != "train"
    rows = np.flatnonzero(tested & (getattr(data.table, target) != ""))
    if not len(rows):
        raise ProtocolError(
            f"{target}-labels compares with the column {target!r} ({PREDICTED[target]}), which is "
            f"unknown for all of the {int(tested.sum())} pictures that are not for training"
        )
    return LabelTrial("", target, rows)


def confusion(truth: Text, predicted: Text, names: Sequence[str]) -> NDArray[np.int64]:
    """(classes, classes) number of pictures by true label (rows) and predicted label (columns).

    Args:
        truth: (n,) labels, ``""`` unknown; the unknown are left out.
        predicted: (n,) labels.
        names: of the classes, sorted.

    Raises:
        ProtocolError: the truth knows another label.
    """
    known = truth != ""
    strange = sorted(set(known_values(truth).tolist()) - set(names))
    if strange:
        raise ProtocolError(
            f"the table has {', '.join(strange)}, but this model predicts only "
            f"{', '.join(names)}: use another model, or leave those rows out"
        )
    places = [np.searchsorted(list(names), column[known]) for column in (truth, predicted)]
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, tuple(places), 1)
    return counts
