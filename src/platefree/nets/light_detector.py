"""A light one-stage detector: three maps of a network, joined both ways, and a head for each.

A path aggregation network without weights adds each map to its neighbours, downwards and then
upwards; each stride has a head of its own, one convolution of 3 x 3 and one of 1 x 1 (RangiLyu,
"NanoDet", 2021). Each position predicts the quality of a box per class, and the four distances from
its centre to the sides of the box as distributions over 0 to 10 strides (Li et al., "Generalized
Focal Loss", NeurIPS 2020, sections 3.1 and 3.2).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
"""Strides of the maps in which boxes are found; pictures have sides that the last one divides."""

APART_STRIDES = (8, 16)
"""Strides of the maps in which a kind with heads of its own is found, such as small plates."""

BINS = 11
"""A distance is an average of 0, 1, ..., 10 strides."""

_LEAK = 0.1  # slope below 0
_WIDTH = 128  # channels of the maps and of the heads
_PRIOR = -4.595  # logit of 1 %: at first, few positions hold a vehicle
_NEVER = -100.0  # logit of a kind that other heads find


class Raw(NamedTuple):
    """What the network predicts at its n positions, those of stride 8 first, as `strides` has them.

    Attributes:
        quality: (b, n, kinds) float32 logits of the overlap with a box of that kind.
        sides: (b, n, 4, `BINS`) float32 logits of the distances left, top, right and bottom.
    """

    quality: Tensor
    sides: Tensor


class LightDetector(nn.Module):
    """Pictures in, qualities and distances of boxes out.

    A subclass makes its own layers, then calls `add_heads`, and gives its maps in `features`.

    Args:
        kinds: number of classes.
        apart: a class with heads of its own, upon the same maps: its boxes lie within those of
            others, and one position cannot predict both.

    Attributes:
        strides: of the maps in which boxes are found, in the order of the positions.
    """

    laterals: nn.ModuleList
    heads: nn.ModuleList

    def __init__(self, kinds: int, *, apart: int | None = None) -> None:
        super().__init__()
        self.kinds, self.apart = kinds, apart
        self.strides = STRIDES if apart is None else STRIDES + APART_STRIDES

    def add_heads(self, widths: Sequence[int]) -> None:
        """Add what finds boxes in maps with so many channels, one map for each of `STRIDES`."""
        self.laterals = nn.ModuleList(nn.Conv2d(width, _WIDTH, 1) for width in widths)
        self.heads = nn.ModuleList(_head(self.kinds) for _ in STRIDES)
        if self.apart is not None:
            self.apart_heads = nn.ModuleList(_head(self.kinds) for _ in APART_STRIDES)

    def features(self, images: Tensor) -> list[Tensor]:
        """The maps (b, c, h / stride, w / stride) of each of `STRIDES`."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Raw:
        """(b, 3, h, w) RGB pictures, normalised by the mean and deviation of ImageNet."""
        maps = self.joined(self.features(images))
        found = self._found(self.heads, maps)
        if self.apart is None:
            return found
        own = self._found(self.apart_heads, maps[: len(APART_STRIDES)])
        others = [kind for kind in range(self.kinds) if kind != self.apart]
        quality = _without(found.quality, [self.apart]), _without(own.quality, others)
        return Raw(torch.cat(quality, dim=1), torch.cat([found.sides, own.sides], dim=1))

    def groups(self, height: int, width: int) -> list[tuple[slice, list[int]]]:
        """The positions that find the same kinds, and which.

        Args:
            height: of the pictures in pixels, a multiple of 32.
            width: of the pictures in pixels, a multiple of 32.
        """
        kinds = list(range(self.kinds))
        first = sum((height // stride) * (width // stride) for stride in STRIDES)
        if self.apart is None:
            return [(slice(first), kinds)]
        kinds.remove(self.apart)
        return [(slice(first), kinds), (slice(first, None), [self.apart])]

    def _found(self, heads: nn.ModuleList, maps: Sequence[Tensor]) -> Raw:
        pairs = zip(heads, maps, strict=True)
        both = torch.cat([head(each).flatten(2).transpose(1, 2) for head, each in pairs], dim=1)
        sides = both[..., self.kinds :].reshape(*both.shape[:2], 4, BINS)
        return Raw(both[..., : self.kinds], sides)

    def joined(self, features: list[Tensor]) -> list[Tensor]:
        """The maps in which the heads look: (b, 128, h / stride, w / stride) of each stride."""
        fine, middle, coarse = (
            lateral(each) for lateral, each in zip(self.laterals, features, strict=True)
        )
        middle = middle + _scaled(coarse, 2.0)
        fine = fine + _scaled(middle, 2.0)
        middle = middle + _scaled(fine, 0.5)
        return [fine, middle, coarse + _scaled(middle, 0.5)]


class Convolution(nn.Sequential):
    """A convolution of 3 x 3 with its activation. The published network has no batch norm left."""

    def __init__(self, inward: int, outward: int, *, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inward, outward, 3, stride=stride, padding=1), nn.LeakyReLU(_LEAK)
        )


def _head(kinds: int) -> nn.Sequential:
    """At first, no side is preferred, and every quality is low: few positions hold a vehicle."""
    last = nn.Conv2d(_WIDTH, kinds + 4 * BINS, 1)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        last.bias[:kinds] = _PRIOR  # type: ignore[index]
    return nn.Sequential(Convolution(_WIDTH, _WIDTH), last)


def _without(quality: Tensor, kinds: list[int]) -> Tensor:
    """Logits with these kinds at `_NEVER`."""
    offset = torch.zeros(quality.shape[-1], dtype=quality.dtype, device=quality.device)
    offset[kinds] = _NEVER
    return quality + offset


def _scaled(maps: Tensor, factor: float) -> Tensor:
    return functional.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)


def positions(height: int, width: int, strides: Sequence[int] = STRIDES) -> Tensor:
    """Where the boxes of a picture are predicted.

    Args:
        height: of the pictures in pixels, a multiple of 32.
        width: of the pictures in pixels, a multiple of 32.
        strides: of the detector.

    Returns:
        (n, 3) float32: x and y of the centre in pixels, and the stride.
    """
    rows = []
    for stride in strides:
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
