"""Non-local blocks in ResNets (Wang et al., CVPR 2018, "Non-local Neural Networks")."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

NON_LOCAL = "non_local"
"""The part of weight names that marks the weights of these blocks."""

_BLOCKS = {"layer2": 2, "layer3": 3}


class NonLocal(nn.Module):
    """Adds to every position a sum over all positions, weighted by dot products (section 3.3).

    Dot products are divided by the number of positions; the inner layers have half the channels;
    the batch norm starts at zero, so that published weights at first give the same outputs.

    Args:
        channels: of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.theta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, inner, 1)
        self.out = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Change (b, c, h, w) maps; same shape out."""
        queries, keys, values = (
            layer(maps).flatten(2).float() for layer in (self.theta, self.phi, self.g)
        )  # (b, inner, positions)
        with torch.autocast(
            maps.device.type, enabled=False
        ):  # sums over positions overflow 16 bits
            # By associativity an inner x inner matrix, instead of one entry per pair of positions.
            found = (keys @ values.transpose(1, 2)).transpose(1, 2) @ queries / queries.shape[2]
        added: Tensor = self.norm(self.out(found.unflatten(2, maps.shape[2:])))
        return maps + added


def add_non_local(resnet: nn.Module) -> nn.Module:
    """Put a block after the last 2 blocks of layer 2 and the last 3 of layer 3 of a timm ResNet.

    Args:
        resnet: with bottleneck blocks; changed, and returned.
    """
    for name, count in _BLOCKS.items():
        for block in resnet.get_submodule(name)[-count:]:  # type: ignore[index]
            block.act3 = nn.Sequential(
                OrderedDict([("act", block.act3), (NON_LOCAL, NonLocal(block.bn3.num_features))])
            )
    return resnet
