"""How well a part detector finds what people drew: one test, ``part-boxes``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from platefree.data.dataset import DataSet
from platefree.data.part_boxes import PARTS, place_boxes
from platefree.data.part_files import find_part_boxes
from platefree.errors import ImageError, ProtocolError
from platefree.evaluation.part_precision import LIMITS, PartPrecision, part_precision
from platefree.evaluation.part_trial import PROTOCOL, PartTrial
from platefree.inference.model import Model
from platefree.inference.part_finding import find_parts
from platefree.types import Sightings


@dataclass(frozen=True, eq=False)
class PartResult:
    """Boxes that were found against those that there are.

    Attributes:
        name: for people.
        pictures: number of pictures.
        precision: average precision by part.
    """

    name: str
    pictures: int
    precision: PartPrecision

    def figures(self) -> dict[str, float]:
        """AP and AP50 of each part and their means, as fractions; NaN of a part that is nowhere."""
        values = self.precision.precision
        known = values[self.precision.truths > 0]
        found = {"AP": self.precision.mean, "AP50": float(known[:, 0].mean())}
        for number, part in enumerate(PARTS):
            found[f"AP {part}"] = float(values[number].mean())
            found[f"AP50 {part}"] = float(values[number, 0])
        return found

    def counts(self) -> dict[str, int | float]:
        """What the figures were measured on, for people."""
        return {"pictures": self.pictures, "boxes": int(self.precision.truths.sum())}

    def to_json(self) -> dict[str, Any]:
        """The figures, the counts, and AP by part and limit."""
        limits = {
            part: dict(
                zip(map(str, LIMITS), self.precision.precision[number].tolist(), strict=True)
            )
            for number, part in enumerate(PARTS)
        }
        boxes = dict(zip(PARTS, self.precision.truths.tolist(), strict=True))
        return {
            "name": self.name,
            **self.counts(),
            "boxes_by_part": boxes,
            "figures": self.figures(),
            "precision_by_overlap": limits,
        }


def part_trial(model: Model, data: DataSet) -> PartTrial:
    """The pictures of a set that are not for training and have part boxes.

    Raises:
        DataError: there are no part boxes, or they do not fit the pictures.
        ProtocolError: none of these pictures has part boxes.
    """
    boxes = find_part_boxes(getattr(model.recipe.model, "boxes", ""), data.table.root)
    truth = place_boxes(boxes, data.table)
    rows = np.flatnonzero((data.table.split != "train") & truth.seen)
    if not len(rows):
        raise ProtocolError(
            f"{PROTOCOL} compares with part boxes, but all of the {int(truth.seen.sum())} pictures "
            "that have such are for training (split 'train'); annotate some others too"
        )
    return PartTrial(rows, truth.take(rows))


def score_parts(
    model: Model,
    table: Sightings,
    trial: PartTrial,
    *,
    workers: int = -1,
    on_batch: Callable[[int], None] | None = None,
) -> PartResult:
    """Look for parts in the pictures of a trial, and compare.

    Raises:
        DataError: the model is no part detector.
        ImageError: a picture cannot be read.
    """
    found, skipped = find_parts(model, table.take(trial.rows), workers=workers, on_batch=on_batch)
    if skipped:
        raise ImageError(skipped[0])
    return PartResult("parts of each picture", len(trial.rows), part_precision(found, trial.truth))
