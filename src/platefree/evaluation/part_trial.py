"""Scores of a part detector against annotated boxes: one test, ``part-boxes``."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.listed_text import many
from platefree.data.part_boxes import PictureBoxes, place_boxes
from platefree.data.part_files import find_part_boxes
from platefree.errors import ImageError, ProtocolError
from platefree.evaluation.part_precision import part_precision
from platefree.evaluation.trial import Scorer, refuse_steps
from platefree.evaluation.trial_results import PartResult
from platefree.gallery.opening import as_network
from platefree.recipes.post import Post
from platefree.types import Indices, Sightings

PROTOCOL = "part-boxes"


@dataclass(frozen=True, eq=False)
class PartTrial:
    """Detect the parts on each picture.

    Attributes:
        rows: (n,) rows of the table whose pictures are annotated.
        truth: the true boxes of these rows, in this order.
        test: name of the test.
        seed: None, since nothing is drawn.
    """

    rows: Indices
    truth: PictureBoxes
    test: str = ""
    seed: int | None = None

    @property
    def task(self) -> str:
        """The number of pictures, as text."""
        return many(len(self.rows), "picture")

    def moved(self, place: Indices) -> Self:
        """The same trial on another table; (n,) ``place`` is each row's new row there."""
        return replace(self, rows=place[self.rows])

    def check_post(self, post: Post, table: Sightings) -> None:
        """Refuse every step, since nothing is ranked."""
        del table
        refuse_steps(post)

    def score(self, scorer: Scorer) -> PartResult:
        """Detect parts on the pictures, and compare them with the true boxes.

        Raises:
            DataError: the model is no part detector.
            ImageError: a picture cannot be read.
        """
        from platefree.inference.part_finding import find_parts

        found, skipped = find_parts(
            as_network(scorer.model), scorer.table.take(self.rows), work=scorer.work
        )
        if skipped:
            raise ImageError(skipped[0])
        precision = part_precision(found, self.truth)
        return PartResult("parts of each picture", len(self.rows), precision)


def part_trial(data: DataSet, boxes: str = "") -> PartTrial:
    """The pictures of a set that are not for training and have part boxes.

    Args:
        data: the pictures.
        boxes: a file of part boxes; by default the one next to the table, or a city's labels.

    Raises:
        DataError: there are no part boxes, or they do not fit the pictures.
        ProtocolError: none of these pictures has part boxes.
    """
    truth = place_boxes(find_part_boxes(boxes, data.table.root), data.table)
    rows = np.flatnonzero((data.table.split != "train") & truth.seen)
    if not len(rows):
        raise ProtocolError(
            f"{PROTOCOL} compares with part boxes, but all of the {int(truth.seen.sum())} pictures "
            "that have some are for training (split 'train'); annotate other pictures too"
        )
    return PartTrial(rows, truth.take(rows))
