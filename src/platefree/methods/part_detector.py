"""A small detector of windows, lights and brand, trained separately from re-ID.

A window is a windscreen or a rear window, no side window; the brand is the head or rear area, which
spans the lights of that end and reaches down to the bottom of the vehicle (He et al., CVPR 2019,
section 3.2). Part-regularized re-ID needs it once, to find parts on the training pictures
('platefree parts').
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from platefree.batches.loader import Boxes
from platefree.batches.training_data import TrainingData
from platefree.data.listed_text import many
from platefree.data.part_boxes import PARTS, count_parts, place_boxes
from platefree.data.part_files import find_part_boxes
from platefree.errors import TrainingError
from platefree.fingerprint import fingerprint_of_text
from platefree.methods.backbone import BackboneSettings
from platefree.methods.base import Batch, Samples
from platefree.methods.detecting import Detecting, with_boxes
from platefree.nets.backbones import Backbone
from platefree.nets.pyramid_detector import STRIDES, Found, PyramidDetector
from platefree.recipes.recipe import Recipe

THRESHOLD = 0.4
"""The default score from which a box counts."""

_COLORS = {"window": "#2f6df6", "light": "#f6c32f", "brand": "#e0245e"}


class PartDetectorSettings(BackboneSettings):
    """FCOS on a feature pyramid: a detector of windows, lights and brand."""

    learns: ClassVar[str] = "parts"
    free_in_use: ClassVar[tuple[str, ...]] = ("boxes",)
    method: Literal["part_detector"]
    boxes: str = ""  # file of part boxes; empty: parts.csv or a city's labels next to the table
    width: Annotated[int, Field(ge=32, le=4_096, multiple_of=32)] = (
        128  # channels of pyramid and head
    )
    depth: Annotated[int, Field(ge=1, le=8)] = 4  # convolutions of each half of the head

    def check(self, recipe: Recipe) -> None:
        """No sampler by vehicle, and sides that the coarsest stride divides."""
        if any(train.sampler != "shuffle" for _, train in recipe.staged()):
            raise ValueError(
                'part_detector learns from pictures one by one; set train.sampler = "shuffle"'
            )
        height, width = recipe.input.height, recipe.input.width
        if height % STRIDES[-1] or width % STRIDES[-1]:
            raise ValueError(
                f"pictures of {height} x {width} pixels; part_detector needs sides that are "
                f"multiples of {STRIDES[-1]}"
            )


def build(
    settings: PartDetectorSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> "PartDetector":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    del classes  # the kinds of parts are fixed
    shape = recipe.input
    backbone = Backbone(
        settings.backbone,
        height=shape.height,
        width=shape.width,
        weights=weights or settings.weights,
    )
    network = PyramidDetector(
        backbone, settings.backbone, kinds=len(PARTS), width=settings.width, depth=settings.depth
    )
    return PartDetector(
        network,
        mean=shape.mean or (0.0, 0.0, 0.0),
        std=shape.std or (1.0, 1.0, 1.0),
        boxes=settings.boxes,
    )


class PartDetector(Detecting):
    """A detector with `find`; see `find_part_boxes` for its file of boxes."""

    network: PyramidDetector
    embeds_nothing = (
        "a part detector finds parts and embeds nothing, so it can neither search nor compare; "
        "'platefree parts TABLE --model DETECTOR' writes what it finds"
    )

    def find(self, images: Tensor) -> list[Found]:
        """The parts of (b, 3, h, w) normalised pictures; a kind is an index in `PARTS`."""
        found: list[Found] = self.network(images)
        return found

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of FCOS: kind, box and centre."""
        if batch.boxes is None:
            raise TrainingError("part_detector learns from part boxes, which these batches lack")
        return self.network.losses(batch.images, *batch.boxes)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Samples | None:
        """Pictures with their annotated boxes, and with the detected ones."""
        if batch.boxes is None:
            return None
        pictures = self.shown(batch.images)
        drawn = Boxes(*(each.cpu() for each in batch.boxes))
        rows = []
        for place, (picture, found) in enumerate(
            zip(pictures, self.find(batch.images), strict=True)
        ):
            own, sure = drawn.picture == place, (found.score >= THRESHOLD).cpu()
            rows.append(
                torch.stack(
                    [
                        _with_boxes(picture, drawn.box[own], drawn.part[own]),
                        _with_boxes(picture, found.box.cpu()[sure], found.kind.cpu()[sure]),
                    ]
                )
            )
        return Samples(("drawn", "found"), torch.stack(rows))

    def prepare(self, data: TrainingData) -> TrainingData:
        """Keep the annotated pictures, with their boxes.

        Raises:
            DataError: there are no part boxes, or they do not fit the pictures.
            TrainingError: some part has no box.
        """
        read = find_part_boxes(self.boxes, data.sightings.root)
        boxes = place_boxes(read, data.sightings)
        seen = np.flatnonzero(boxes.seen)
        learnt = boxes.take(seen)
        counts = count_parts(learnt, learnt)
        never = [part for part, count in counts.items() if not count["found"]]
        if never:
            raise TrainingError(
                f"none of the {many(len(seen), 'training picture')} with part boxes has a box of "
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
            fingerprint=fingerprint_of_text(both),
            counts={**data.counts, "parts": counts},
        )


def _with_boxes(picture: Tensor, boxes: Tensor, parts: Tensor) -> Tensor:
    return with_boxes(picture, boxes, [_COLORS[PARTS[part]] for part in parts.tolist()])
