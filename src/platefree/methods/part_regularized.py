"""Part-regularized re-ID (He et al., CVPR 2019): in training, parts also classify vehicles.

    backbone -> global average pooling -> 1 x 1 convolution -> embedding -> classifier
          -> average over the cells of windows, lights and brand -> a classifier each

Part boxes come from a file (`platefree.data.part_files`), written by a detector or by people. After
training only the global branch is used: no boxes, no detector. Section 4.4 fuses the three part
vectors where there is no global branch, and section 4.2 tried all four: ``in_use`` is ``parts`` or
``all`` then, and pictures need part boxes in use as well.

Decided, where the paper is silent: lambda of equation 3 is 1 for every part; the input of a part
classifier is the pooled map itself; a picture that lacks a part adds 0 to its mean; vectors are
fused by concatenation, unit vectors with equal weights; a part that was not found in use is the
average of the whole map, since the vehicle, whose other pictures know its mean location, is what
is searched for. Without global branch and without boxes in use, so is the embedding.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from platefree.batches.training_data import TrainingData
from platefree.data.part_boxes import PARTS, PictureBoxes, count_parts, fill_missing, place_boxes
from platefree.data.part_files import find_part_boxes
from platefree.errors import DataError, TrainingError
from platefree.fingerprint import fingerprint_of_text
from platefree.methods.backbone import StridedSettings, make_backbone
from platefree.methods.base import Batch, Labels, Method
from platefree.nets.backbones import Backbone
from platefree.nets.heads import Average
from platefree.nets.roi import local_average, part_masks
from platefree.ranking.comparison import Comparison, Cosine
from platefree.ranking.homogeneous import Euclidean
from platefree.recipes.ranges import Channels, RateBelowOne, Weight
from platefree.recipes.recipe import Recipe
from platefree.types import Sightings

log = logging.getLogger(__name__)

_PARTS_IN_USE = "parts"  # their boxes among the labels of a batch


InUse = Literal["global", "parts", "all"]


class PartRegularizedSettings(StridedSettings):
    """Global branch, and a classifier of vehicles on each part (He et al., CVPR 2019)."""

    free_in_use: ClassVar[tuple[str, ...]] = ("in_use", "boxes")
    method: Literal["part_regularized"]
    boxes: str = ""  # file of part boxes; empty: parts.csv or a city's labels next to the table
    in_use: InUse = "global"  # what is embedded: the global vector, those of parts, or all
    embedding_size: Channels = 256
    vectors: Literal["unit", "raw"] = (
        "unit"  # raw: L2 distance of the vector as it is, as published
    )
    global_weight: Weight = 1.0  # 0: no global branch
    window_weight: Weight = 1.0  # lambda of eq. 3; 0: no such branch
    light_weight: Weight = 1.0
    brand_weight: Weight = 1.0
    drop_path: RateBelowOne = 0.0

    @property
    def part_weights(self) -> dict[str, float]:
        """Lambda by part."""
        return {
            "window": self.window_weight,
            "light": self.light_weight,
            "brand": self.brand_weight,
        }

    @model_validator(mode="after")
    def _something_is_learnt(self) -> "PartRegularizedSettings":
        if not self.global_weight and not any(self.part_weights.values()):
            raise ValueError(
                "model.global_weight and the weights of all parts are 0, so nothing is learnt"
            )
        if self.in_use != "global" and not any(self.part_weights.values()):
            raise ValueError(
                f"model.in_use is {self.in_use}, but the weights of all parts are 0; set one, or "
                "model.in_use=global"
            )
        if self.in_use == "all" and not self.global_weight:
            raise ValueError("model.global_weight is 0; set model.in_use=parts")
        return self

    def check(self, recipe: Recipe) -> None:
        """Boxes of parts are of whole pictures."""
        if self.in_use != "global" and recipe.input.crops:
            raise ValueError(
                f"input.crops is {recipe.input.crops:g}, but parts are in use, which are found in "
                "whole pictures; set input.crops=0, or model.in_use=global"
            )


def build(
    settings: PartRegularizedSettings,
    recipe: Recipe,
    classes: Mapping[str, int],
    weights: str | None,
) -> "PartRegularized":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    return PartRegularized(
        make_backbone(settings, recipe, weights, drop_path=settings.drop_path),
        vehicles=classes["vehicle"],
        embedding_size=settings.embedding_size,
        vectors=settings.vectors,
        global_weight=settings.global_weight,
        part_weights=settings.part_weights,
        boxes=settings.boxes,
        in_use=settings.in_use,
    )


class PartRegularized(Method):
    """One space, ``main``: the vector of the global branch, or with vectors of parts.

    Its unit vectors are compared by the cosine distance, which orders pictures as the L2 distance
    does. As published (section 4.2) the vector is compared by the L2 distance as it is; it is then
    stored in homogeneous coordinates (`platefree.ranking.homogeneous`), one number more.

    Args:
        backbone: the network that makes the feature map.
        vehicles: number of training identities.
        embedding_size: width of the global branch.
        vectors: ``unit`` for L2-normalised embeddings, ``raw`` for those of the paper.
        global_weight: of its cross-entropy; 0: there is no global branch.
        part_weights: part -> lambda of equation 3; 0: the part has no branch.
        boxes: file of the part boxes, see `find_part_boxes`.
        in_use: ``global``; ``parts`` or ``all`` need part boxes of each picture.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        vehicles: int,
        embedding_size: int = 256,
        vectors: Literal["unit", "raw"] = "unit",
        global_weight: float = 1.0,
        part_weights: Mapping[str, float] | None = None,
        boxes: str = "",
        in_use: InUse = "global",
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = Average()
        weights = dict.fromkeys(PARTS, 1.0) if part_weights is None else part_weights
        self.part_weights = {part: weight for part, weight in weights.items() if weight}
        self.vectors = vectors
        self.global_weight = global_weight
        self.boxes = boxes
        self.in_use = in_use
        self.reduce: nn.Module = nn.Identity()
        self.classifier: nn.Module | None = None
        if global_weight:
            # On a pooled map a 1 x 1 convolution is a linear layer.
            self.reduce = nn.Linear(backbone.channels, embedding_size)
            self.classifier = nn.Linear(embedding_size, vehicles)
        self.part_classifiers = nn.ModuleDict(
            {part: nn.Linear(backbone.channels, vehicles) for part in self.part_weights}
        )

    # --- training ---------------------------------------------------------------------------

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Equation 3: the cross-entropy of the global branch, and of each part."""
        maps = self.feature_map(batch.images)
        vehicles = batch.labels["vehicle"]
        named: dict[str, Tensor] = {}
        if self.classifier is not None:
            identity = functional.cross_entropy(self.identify(maps).float(), vehicles)
            named["global"] = self.global_weight * identity
        if not self.part_weights:
            return named
        masks = self._masks(batch, maps)
        features = local_average(maps, masks)
        seen = masks.any(dim=(2, 3))  # (b, parts)
        for part, classifier in self.part_classifiers.items():
            number = PARTS.index(part)
            logits = classifier(features[:, number]).float()
            each = functional.cross_entropy(logits, vehicles, reduction="none")
            named[part] = self.part_weights[part] * (each * seen[:, number]).mean()
        return named

    def _masks(self, batch: Batch, maps: Tensor) -> Tensor:
        if batch.boxes is None:
            raise TrainingError(
                "part_regularized learns from part boxes, which these batches lack: call 'prepare'"
            )
        height, width = batch.images.shape[2:]
        rows, columns = maps.shape[2:]
        return part_masks(
            *batch.boxes,
            pictures=len(batch.images),
            parts=len(PARTS),
            size=(height, width),
            grid=(rows, columns),
        )

    def prepare(self, data: TrainingData) -> TrainingData:
        """Read the part boxes of the training pictures, and fill in missing ones.

        Raises:
            DataError: there are no part boxes, or they do not fit the pictures.
            TrainingError: a part with a weight is on no training picture.
        """
        if not self.part_weights:
            return data
        read = find_part_boxes(self.boxes, data.sightings.root)
        found = place_boxes(read, data.sightings)
        filled = fill_missing(found, data.sightings.vehicle)
        counts = count_parts(found, filled)
        for part in self.part_weights:
            if not counts[part]["found"]:
                raise TrainingError(
                    f"none of the {len(data.sightings)} training pictures has a box of {part}, so "
                    "nothing can be learnt from it: find more with a lower threshold ('platefree "
                    "parts --threshold'), train the detector longer, or set "
                    f"model.{part}_weight=0"
                )
        for part, count in counts.items():
            log.info(
                "%s: found in %d training pictures, put at the vehicle's mean location in %d, "
                "missing in %d",
                *(part, count["found"], count["mean_location"], count["missing"]),
            )
        both = f"{data.fingerprint} {read.fingerprint()}"
        fingerprint = fingerprint_of_text(both)
        counts_of = {**data.counts, "parts": counts, "unseen_pictures": int((~found.seen).sum())}
        return replace(data, boxes=filled, fingerprint=fingerprint, counts=counts_of)

    # --- use --------------------------------------------------------------------------------

    def feature_map(self, images: Tensor) -> Tensor:
        """The backbone's last map, (b, c, h', w')."""
        maps: Tensor = self.backbone(images)
        return maps

    def known(self, sightings: Sightings) -> dict[str, Tensor]:
        """The part boxes of pictures, if parts are embedded: (n, boxes, 5), see `_padded`.

        Raises:
            DataError: there are no part boxes, or they do not fit the pictures.
        """
        if self.in_use == "global":
            return {}
        boxes = find_part_boxes(self.boxes, sightings.root)
        return {_PARTS_IN_USE: _padded(place_boxes(boxes, sightings))}

    def flipped(self, labels: Labels) -> Labels:
        """With the boxes of the mirrored pictures."""
        if _PARTS_IN_USE not in labels:
            return labels
        part, left, top, right, bottom = labels[_PARTS_IN_USE].unbind(dim=2)
        mirrored = torch.stack([part, 1 - right, top, 1 - left, bottom], dim=2)
        return {**labels, _PARTS_IN_USE: mirrored}

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """The global vector, or with the vectors of the parts that `known` has placed.

        Raises:
            DataError: parts are embedded, and nothing is known of them.
        """
        if self.in_use == "global":
            return super().embed(images, labels)
        if labels is None or _PARTS_IN_USE not in labels:
            raise DataError(
                f"this model embeds parts of pictures (model.in_use={self.in_use}), whose boxes "
                "are not known here; set model.in_use=global"
            )
        maps = self.feature_map(images)
        masks = _masks_in_use(labels[_PARTS_IN_USE], images, maps)
        of_parts = local_average(maps, masks).float()
        fused = [of_parts[:, PARTS.index(part)] for part in self.part_classifiers]
        if self.in_use == "all":
            fused = [self._pooled(maps).float(), *fused]
        if self.vectors == "unit":
            fused = [functional.normalize(vectors) for vectors in fused]
        return self._space(torch.cat(fused, dim=1))

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """The global branch, (b, d) or homogeneous (b, d + 1), of length 1; no parts are needed."""
        return self._space(self._pooled(maps).float())

    def _space(self, vectors: Tensor) -> dict[str, Tensor]:
        if self.vectors == "raw":
            vectors = functional.pad(vectors, (0, 1), value=1.0)
        return {"main": functional.normalize(vectors)}

    def comparison(self) -> Comparison:
        """The cosine distance of unit vectors, the L2 distance of raw ones."""
        return Euclidean("main") if self.vectors == "raw" else Cosine("main")

    def identify(self, maps: Tensor) -> Tensor:
        """(b, vehicles) logits of training vehicles; without global branch, the sum of parts."""
        pooled = self._pooled(maps)
        if self.classifier is not None:
            logits: Tensor = self.classifier(pooled)
            return logits
        return torch.stack([part(pooled) for part in self.part_classifiers.values()]).sum(dim=0)

    def _pooled(self, maps: Tensor) -> Tensor:
        pooled: Tensor = self.reduce(self.pool(maps))
        return pooled


def _padded(boxes: PictureBoxes) -> Tensor:
    """(n, most boxes of a picture, 5): part, and left, top, right, bottom as fractions.

    Pictures with fewer boxes are filled up with boxes without area, which cover nothing.
    """
    counts = np.bincount(boxes.row, minlength=len(boxes.seen))
    place = np.arange(len(boxes)) - np.repeat(np.cumsum(counts) - counts, counts)
    padded = np.zeros((len(counts), max(1, counts.max(initial=0)), 5), np.float32)
    padded[boxes.row, place, 0] = boxes.part
    padded[boxes.row, place, 1:] = boxes.fraction
    return torch.from_numpy(padded)


def _masks_in_use(padded: Tensor, images: Tensor, maps: Tensor) -> Tensor:
    """(b, parts, rows, columns) the cells of each part; all cells where a part was not found."""
    (height, width), (rows, columns) = images.shape[2:], maps.shape[2:]
    pictures, most = padded.shape[:2]
    flat = padded.reshape(-1, 5)
    edges = flat[:, 1:] * flat.new_tensor([width, height, width, height])
    masks = part_masks(
        edges.round(decimals=3),  # or an edge on the border of two cells may cover both
        torch.arange(pictures, device=flat.device).repeat_interleave(most),
        flat[:, 0].long(),
        pictures=pictures,
        parts=len(PARTS),
        size=(height, width),
        grid=(rows, columns),
    )
    return masks | ~masks.any(dim=(2, 3), keepdim=True)
