"""A ResNet with several branches of its last stage, with convolutions or with attention (MBR).

Almeida, Silva and Batista, "Strength in Diversity: Multi-Branch Representation Learning for Vehicle
Re-Identification", ITSC 2023: everything up to ``layer3`` is shared. A convolution branch is a
``layer4``; in an attention branch the 3 x 3 convolutions of ``layer4`` are multi-head
self-attention over all positions of the map (Srinivas et al., CVPR 2021, "Bottleneck
Transformers").

Decided: the attention is timm's, with relative positions in height and width as in the paper of the
Bottleneck Transformer; the rest of an attention branch starts from the same weights as a
convolution branch.
"""

from collections import OrderedDict

import timm
import torch
from timm.layers.bottleneck_attn import BottleneckAttn
from torch import Tensor, nn

from platefree.errors import RecipeError
from platefree.nets.backbones import Backbone

LAST = "layer4"


class LateBranches(nn.Module):
    """The shared layers of a ResNet, and branches from its ``layer4`` that share no weights.

    Args:
        name: of a ResNet, see `Backbone`.
        convolution: number of branches with the convolutions of the ResNet; they come first.
        attention: number of branches with attention.
        height: picture height in pixels; attention is built for this size.
        width: picture width in pixels.
        last_stride: see `Backbone`.
        heads: of the attention; must divide the channels of its convolutions.
        weights: see `Backbone`; every branch starts from these, or from its own random ones.

    Attributes:
        channels: c of each branch's feature map.

    Raises:
        RecipeError: no such backbone, no ResNet, or no attention over maps of this size.
        TrainingError: the weights cannot be loaded or do not fit.
    """

    def __init__(
        self,
        name: str,
        *,
        convolution: int,
        attention: int,
        height: int,
        width: int,
        last_stride: int = 2,
        heads: int = 4,
        weights: str = "none",
    ) -> None:
        super().__init__()
        backbones = [
            Backbone(name, height=height, width=width, last_stride=last_stride, weights=weights)
            for _ in range(convolution + attention)
        ]
        for backbone in backbones:
            if not isinstance(backbone.network, timm.models.ResNet):
                raise RecipeError(
                    f"model.backbone {name} is not a ResNet, whose {LAST} the branches are made "
                    "from; use resnet50_ibn_a or another ResNet"
                )
        self.channels = backbones[0].channels
        layers = list(backbones[0].network.named_children())
        end = [layer for layer, _ in layers].index(LAST)
        self.shared = nn.Sequential(OrderedDict(layers[:end]))
        self.branches = nn.ModuleList(
            backbone.network.get_submodule(LAST) for backbone in backbones
        )
        maps = _shared_map(self.shared, height, width)
        for branch in self.branches[convolution:]:
            _attend(branch, maps, heads, f"{name} at {height} x {width} pixels")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (b, 3, h, w) to a feature map (b, channels, h', w') of each branch."""
        return self.branch(self.shared(images))

    def branch(self, maps: Tensor) -> list[Tensor]:
        """The feature map of each branch, from the output of `shared`."""
        return [branch(maps) for branch in self.branches]


@torch.no_grad()
def _shared_map(shared: nn.Module, height: int, width: int) -> Tensor:
    shared.eval()
    maps: Tensor = shared(torch.zeros(1, 3, height, width))
    shared.train()
    return maps


@torch.no_grad()
def _attend(branch: nn.Module, maps: Tensor, heads: int, where: str) -> None:
    """Replace the second convolution of every block by attention."""
    branch.eval()
    try:
        for block in branch.children():
            convolution: nn.Conv2d = block.conv2  # type: ignore[assignment]
            size = _input_size(block, convolution, maps)
            block.conv2 = BottleneckAttn(
                convolution.in_channels,
                convolution.out_channels,
                feat_size=size,
                stride=convolution.stride[0],
                num_heads=heads,
            )
            maps = block(maps)
    except (AssertionError, RuntimeError) as error:
        raise RecipeError(
            f"there is no attention with {heads} heads in {LAST} of {where} "
            f"({str(error).strip() or 'the heads do not divide its channels'}); change "
            "model.heads, or use a height and width that are multiples of 32"
        ) from error
    branch.train()


def _input_size(block: nn.Module, convolution: nn.Module, maps: Tensor) -> tuple[int, int]:
    """Height and width of the input of a convolution in a block."""
    seen: list[tuple[int, int]] = []
    handle = convolution.register_forward_pre_hook(
        lambda _, inputs: seen.append((inputs[0].shape[2], inputs[0].shape[3]))
    )
    block(maps)
    handle.remove()
    return seen[0]
