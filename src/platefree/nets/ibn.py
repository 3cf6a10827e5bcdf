"""IBN-a layers for ResNets, which timm lacks (Pan et al., ECCV 2018, "Two at Once").

In layers 1 to 3 the first normalisation of every residual block becomes half instance
normalisation, half batch normalisation: the first removes a camera's color and contrast, the second
keeps the differences between vehicles. Layer 4 is unchanged. The parts are named IN and BN, so
weights published by the paper's authors load.
"""

import torch
from torch import Tensor, nn


class IBN(nn.Module):
    """Instance normalisation of the first half of the channels, batch normalisation of the rest.

    Args:
        channels: channels of the map to normalise.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.instance_channels = channels // 2
        self.IN = nn.InstanceNorm2d(self.instance_channels, affine=True)
        self.BN = nn.BatchNorm2d(channels - self.instance_channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise (b, c, h, w) maps; same shape out."""
        sizes = [self.instance_channels, self.BN.num_features]
        instance, batch = torch.split(maps, sizes, dim=1)
        return torch.cat([self.IN(instance.contiguous()), self.BN(batch.contiguous())], dim=1)


def add_ibn_a(resnet: nn.Module) -> nn.Module:
    """Replace ``bn1`` of every block in layers 1 to 3 of a timm ResNet; returns the same module."""
    for layer in (resnet.layer1, resnet.layer2, resnet.layer3):
        for block in layer:  # type: ignore[union-attr]
            block.bn1 = IBN(block.bn1.num_features)
    return resnet
