"""GoogLeNet (Szegedy et al., CVPR 2015), which timm lacks, with the interface of a timm network.

The layers, their names and their initialisation are torchvision's, so its published file loads.
"""

import torchvision
from torch import Tensor, nn

NAME = "googlenet"
MEAN, STD = [0.5] * 3, [0.5] * 3  # of the pictures that torchvision's weights were trained with

_HEAD = ("avgpool", "dropout", "fc")


class GoogLeNet(nn.Module):
    """All layers up to inception 5b, with a stride of 32.

    Attributes:
        num_features: channels of the map.
    """

    num_features = 1024

    def __init__(self) -> None:
        super().__init__()
        whole = torchvision.models.googlenet(weights=None, aux_logits=False, init_weights=True)
        for name, layer in whole.named_children():
            if name not in _HEAD:
                self.add_module(name, layer)

    def forward_features(self, images: Tensor) -> Tensor:
        """Map (b, 3, h, w) to (b, 1024, h / 32, w / 32)."""
        maps = images
        for layer in self.children():
            maps = layer(maps)
        return maps
