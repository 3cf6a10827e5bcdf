"""A small detector for cropped pictures: FCOS (Tian et al., ICCV 2019).

This is torchvision's FCOS on any timm backbone. It was chosen because it has no anchors to fit to
flat windows and tall lights, because every position near the centre of a box is an example (so a
few hundred pictures are enough), and because its head has group norm, which works with small
batches.
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork

from platefree.errors import RecipeError
from platefree.nets.backbones import Backbone

STRIDES = (8, 16, 32)
"""Strides of the maps that boxes are detected in; the first detects boxes up to 64 pixels."""

LOWEST_SCORE = 0.02
"""Boxes of a lower score are never predicted."""

_MOST_BOXES = 40  # per picture
_ALIKE = 0.5  # intersection over union above which the box of lower score is dropped
_SMALLEST = 1.0  # pixels; thinner boxes are neither examples nor predictions


Targets = list[dict[str, Tensor]] | None
"""The boxes and the labels of each picture, in torchvision's format."""


class Found(NamedTuple):
    """The boxes of one picture, by falling score.

    Attributes:
        box: (n, 4) left, top, right, bottom in pixels of the network's input.
        kind: (n,) int64.
        score: (n,) in [0, 1].
    """

    box: Tensor
    kind: Tensor
    score: Tensor


class PyramidDetector(nn.Module):
    """Backbone, feature pyramid and the head of FCOS.

    Args:
        backbone: a network with stages; its maps of `STRIDES` are used.
        name: of the backbone, for messages.
        kinds: number of kinds of boxes.
        width: channels of pyramid and head, a multiple of 32.
        depth: convolutions of each half of the head.

    Raises:
        RecipeError: the backbone has no maps of these strides.
    """

    def __init__(
        self, backbone: Backbone, name: str, *, kinds: int, width: int, depth: int
    ) -> None:
        super().__init__()
        pyramid = Pyramid(backbone, name, width)
        self.fcos = FCOS(
            pyramid,
            kinds,
            anchor_generator=AnchorGenerator(
                tuple((stride,) for stride in STRIDES), ((1.0,),) * len(STRIDES)
            ),
            head=FCOSHead(width, 1, kinds, depth),
            score_thresh=LOWEST_SCORE,
            nms_thresh=_ALIKE,
            detections_per_img=_MOST_BOXES,
        )
        self.fcos.transform = _AsGiven()

    def losses(
        self, images: Tensor, box: Tensor, picture: Tensor, kind: Tensor
    ) -> dict[str, Tensor]:
        """Classification, regression and centre-ness (equation 2).

        Args:
            images: (b, 3, h, w) normalised.
            box: (n, 4) left, top, right, bottom in pixels; thin boxes are left out.
            picture: (n,) which picture a box is on.
            kind: (n,) what it shows.
        """
        wide = (box[:, 2:] - box[:, :2]).amin(dim=1) >= _SMALLEST
        targets = [
            {"boxes": box[wide & (picture == place)], "labels": kind[wide & (picture == place)]}
            for place in range(len(images))
        ]
        losses: dict[str, Tensor] = self.fcos(list(images), targets)
        return {name: losses[key] for key, name in _LOSSES.items()}

    def forward(self, images: Tensor) -> list[Found]:
        """The detections on each of (b, 3, h, w) normalised pictures; not in training mode."""
        return [_wide(Found(e["boxes"], e["labels"], e["scores"])) for e in self.fcos(list(images))]


_LOSSES = {"classification": "kind", "bbox_regression": "box", "bbox_ctrness": "centre"}


def _wide(found: Found) -> Found:
    """Without thin boxes."""
    wide = (found.box[:, 2:] - found.box[:, :2]).amin(dim=1) >= _SMALLEST
    return Found(*(column[wide] for column in found))


class _AsGiven(nn.Module):
    """Replaces torchvision's transform, since pictures are already resized and normalised."""

    def forward(self, images: list[Tensor], targets: Targets = None) -> tuple[ImageList, Targets]:
        """The pictures as a batch; their sides are multiples of the largest stride."""
        sizes = [(each.shape[1], each.shape[2]) for each in images]
        return ImageList(torch.stack(images), sizes), targets

    def postprocess(
        self, found: list[dict[str, Tensor]], *_: list[tuple[int, int]]
    ) -> list[dict[str, Tensor]]:
        """The detections, unchanged."""
        return found


class Pyramid(nn.Module):
    """The feature pyramid: maps of `STRIDES`, each combined with the coarser ones."""

    def __init__(self, backbone: Backbone, name: str, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        known = getattr(backbone.network, "feature_info", None) or []
        if not isinstance(known, list):
            known = known.get_dicts()
        self.places = [
            place for place, info in enumerate(known) if info.get("reduction") in STRIDES
        ]
        if len(self.places) != len(STRIDES) or not hasattr(
            backbone.network, "forward_intermediates"
        ):
            raise RecipeError(
                f"backbone {name} has no maps of strides {', '.join(map(str, STRIDES))}, in which "
                "parts could be found; use a ResNet, MobileNet, EfficientNet or ConvNeXt"
            )
        channels = [int(known[place]["num_chs"]) for place in self.places]
        self.pyramid = FeaturePyramidNetwork(channels, width)
        self.out_channels = width

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        """(b, 3, h, w) to maps (b, width, h / stride, w / stride) by stride."""
        maps = self.backbone.intermediates(images, self.places)
        named = OrderedDict((str(stride), each) for stride, each in zip(STRIDES, maps, strict=True))
        merged: OrderedDict[str, Tensor] = self.pyramid(named)
        return merged


def joined(found: list[Found]) -> tuple[Tensor, Found]:
    """The boxes of all pictures, concatenated: (n,) picture of each box, and the boxes."""
    counts = torch.tensor([len(each.box) for each in found])
    place = torch.repeat_interleave(torch.arange(len(found)), counts)
    columns = (torch.cat([each[n] for each in found]).cpu() for n in range(len(Found._fields)))
    return place, Found(*columns)
