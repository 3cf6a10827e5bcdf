"""Where are windows, lights and brand? A small detector, trained apart from any re-ID.

Part-regularized re-ID runs it once over the training pictures ('platefree parts'), and never again.
"""

import hashlib
from dataclasses import replace

import numpy as np
from torch import Tensor

from platefree.config import Input
from platefree.data.part_boxes import PARTS, count_parts, place_boxes
from platefree.data.part_files import find_part_boxes
from platefree.data.training import TrainingData
from platefree.errors import DataError, RecipeError, TrainingError
from platefree.methods.base import Batch, Method
from platefree.methods.settings import PartDetectorSettings
from platefree.nets.pyramid_detector import STRIDES, Found, PyramidDetector
from platefree.nets.trunks import Trunk


class PartDetector(Method):
    """It compares nothing: instead of embeddings it has `find`.

    Args:
        network: the detector.
        boxes: where the part boxes to learn from are, see `find_part_boxes`.
    """

    def __init__(self, network: PyramidDetector, *, boxes: str = "") -> None:
        super().__init__()
        self.network = network
        self.boxes = boxes

    def find(self, images: Tensor) -> list[Found]:
        """The parts of (b, 3, h, w) normalised pictures; a kind is a place in `PARTS`."""
        found: list[Found] = self.network(images)
        return found

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Refused.

        Raises:
            DataError: always.
        """
        raise DataError(
            "a part detector finds parts and embeds nothing, so it can neither search nor compare; "
            "'platefree parts TABLE --model DETECTOR' writes what it finds"
        )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Those of FCOS: kind, box and centre."""
        if batch.boxes is None:
            raise TrainingError("part_detector learns from part boxes, which these batches lack")
        return self.network.losses(batch.images, *batch.boxes)

    def prepare(self, data: TrainingData) -> TrainingData:
        """Keep the pictures that people looked at, with their boxes.

        Raises:
            DataError: there are no part boxes, or they do not fit the pictures.
            TrainingError: some part is never seen.
        """
        read = find_part_boxes(self.boxes, data.sightings.root)
        boxes = place_boxes(read, data.sightings)
        seen = np.flatnonzero(boxes.seen)
        learnt = boxes.take(seen)
        counts = count_parts(learnt, learnt)
        never = [part for part, count in counts.items() if not count["found"]]
        if never:
            raise TrainingError(
                f"none of the {len(seen)} training pictures with part boxes has a box of "
                f"{' or '.join(never)}; annotate some of each of {', '.join(PARTS)}"
            )
        both = f"{data.fingerprint} {read.fingerprint()}"
        held, held_boxes = data.validation, None
        if len(held):
            held_boxes = place_boxes(read, held)
            kept = np.flatnonzero(held_boxes.seen)
            held, held_boxes = held.take(kept), held_boxes.take(kept)
        return replace(
            data,
            sightings=data.sightings.take(seen),
            labels={name: codes[seen] for name, codes in data.labels.items()},
            validation=held,
            boxes=learnt,
            validation_boxes=held_boxes,
            fingerprint=hashlib.sha256(both.encode()).hexdigest()[:12],
            counts={"parts": counts},
        )


def make_part_detector(settings: PartDetectorSettings, given: Input, weights: str) -> PartDetector:
    """The method of a recipe.

    Raises:
        RecipeError: the trunk or the size of the pictures does not suit it.
        TrainingError: the start weights cannot be had or do not fit.
    """
    if given.height % STRIDES[-1] or given.width % STRIDES[-1]:
        raise RecipeError(
            f"pictures of {given.height} x {given.width} pixels; part_detector needs sides that "
            f"are multiples of {STRIDES[-1]}"
        )
    trunk = Trunk(settings.trunk, height=given.height, width=given.width, weights=weights)
    network = PyramidDetector(
        trunk, settings.trunk, kinds=len(PARTS), width=settings.width, depth=settings.depth
    )
    return PartDetector(network, boxes=settings.boxes)
