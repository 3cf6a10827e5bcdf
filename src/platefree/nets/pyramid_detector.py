"""A small detector for pictures that were already cut out: FCOS (Tian et al., ICCV 2019).

torchvision's, on any timm backbone. Chosen over its other detectors because there are no anchors to
fit to flat windows and tall lights, because every place near the middle of a box is an example (a
few hundred pictures are enough), and because its head has group norm, which small batches suit.
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
"""Of the maps in which boxes are looked for; the first finds those of up to 64 pixels."""

LOWEST_SCORE = 0.02
"""What scores less is never predicted."""

_MOST_BOXES = 40  # of a picture
_ALIKE = 0.5  # intersection over union from which the less sure of two boxes is dropped
_SMALLEST = 1.0  # pixels: what is thinner is no example and is never predicted


Targets = list[dict[str, Tensor]] | None
"""The boxes and the labels of each picture, as torchvision has them."""


class Found(NamedTuple):
    """The boxes of one picture, surest first.

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
        kinds: how many kinds of boxes are told apart.
        width: channels of pyramid and head, a multiple of 32.
        depth: convolutions of each half of the head.

    Raises:
        RecipeError: the backbone has no maps of these strides.
    """

    def __init__(
        self, backbone: Backbone, name: str, *, kinds: int, width: int, depth: int
    ) -> None:
        super().__init__()
        pyramid = _Pyramid(backbone, name, width)
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
            box: (n, 4) left, top, right, bottom in pixels; slivers are left out.
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
        """What is found in each of (b, 3, h, w) normalised pictures; not in training mode."""
        return [_wide(Found(e["boxes"], e["labels"], e["scores"])) for e in self.fcos(list(images))]


_LOSSES = {"classification": "kind", "bbox_regression": "box", "bbox_ctrness": "centre"}


def _wide(found: Found) -> Found:
    """Without slivers."""
    wide = (found.box[:, 2:] - found.box[:, :2]).amin(dim=1) >= _SMALLEST
    return Found(*(column[wide] for column in found))


class _AsGiven(nn.Module):
    """Instead of torchvision's resizing: pictures arrive in the right size, and normalised."""

    def forward(self, images: list[Tensor], targets: Targets = None) -> tuple[ImageList, Targets]:
        """The pictures as a batch; their sides are multiples of the largest stride."""
        sizes = [(each.shape[1], each.shape[2]) for each in images]
        return ImageList(torch.stack(images), sizes), targets

    def postprocess(
        self, found: list[dict[str, Tensor]], *_: list[tuple[int, int]]
    ) -> list[dict[str, Tensor]]:
        """The boxes as they were found."""
        return found


class _Pyramid(nn.Module):
    """The maps of `STRIDES`, brought to one width, each with what the coarser ones know."""

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
                "parts could be found; take a ResNet, MobileNet, EfficientNet or ConvNeXt"
            )
        channels = [int(known[place]["num_chs"]) for place in self.places]
        self.pyramid = FeaturePyramidNetwork(channels, width)
        self.out_channels = width

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        """(b, 3, h, w) to maps (b, width, h / stride, w / stride) by stride."""
        maps = self.backbone.network.forward_intermediates(  # type: ignore[operator]
            images, indices=self.places, intermediates_only=True
        )
        named = OrderedDict((str(stride), each) for stride, each in zip(STRIDES, maps, strict=True))
        merged: OrderedDict[str, Tensor] = self.pyramid(named)
        return merged


def joined(found: list[Found]) -> tuple[Tensor, Found]:
    """The boxes of all pictures in a row: (n,) place of the picture of each, and the boxes."""
    counts = torch.tensor([len(each.box) for each in found])
    place = torch.repeat_interleave(torch.arange(len(found)), counts)
    columns = (torch.cat([each[n] for each in found]).cpu() for n in range(len(Found._fields)))
    return place, Found(*columns)
