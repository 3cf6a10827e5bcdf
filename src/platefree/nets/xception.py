"""Xception (Chollet, CVPR 2017, figure 5) with a fraction of its channels.

VANet's authors recommend an Xception with 10 % of GoogLeNet's parameters to predict the view (Chu
et al., ICCV 2019, section 4.5), and do not say how they made it so small: the published network
has 3.7 times as many as GoogLeNet. Decided: all its layers, with a sixth of the channels, so that
it has 0.60 million parameters, where GoogLeNet has 5.60 million. Layers and names are timm's.
"""

from timm.models.xception import Block, SeparableConv2d
from torch import Tensor, nn

NAME = "xception_sixth"
FRACTION = 1 / 6
MEAN, STD = [0.5] * 3, [0.5] * 3  # of the published network

_MIDDLE = range(4, 12)  # blocks that keep the size of the map
_MULTIPLE = 8  # channels that processors compute at once


class Xception(nn.Module):
    """All layers but the classifier, with a stride of 32.

    Args:
        fraction: of the published channels, rounded to multiples of eight.

    Attributes:
        num_features: channels of the map.
    """

    def __init__(self, fraction: float = FRACTION) -> None:
        super().__init__()
        first, second, *entry, middle, wide, wider, last = (
            max(round(channels * fraction / _MULTIPLE), 1) * _MULTIPLE
            for channels in (32, 64, 128, 256, 728, 1024, 1536, 2048)
        )
        self.num_features = last
        self.conv1 = nn.Conv2d(3, first, 3, stride=2, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, second, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(second)
        self.block1 = Block(second, entry[0], 2, 2, start_with_relu=False)
        self.block2 = Block(entry[0], entry[1], 2, 2)
        self.block3 = Block(entry[1], middle, 2, 2)
        for number in _MIDDLE:
            self.add_module(f"block{number}", Block(middle, middle, 3, 1))
        self.block12 = Block(middle, wide, 2, 2, grow_first=False)
        self.conv3 = SeparableConv2d(wide, wider, 3, 1, 1)
        self.bn3 = nn.BatchNorm2d(wider)
        self.conv4 = SeparableConv2d(wider, last, 3, 1, 1)
        self.bn4 = nn.BatchNorm2d(last)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward_features(self, images: Tensor) -> Tensor:
        """Map (b, 3, h, w) to (b, num_features, h / 32, w / 32)."""
        maps = self.bn1(self.conv1(images)).relu()
        maps = self.bn2(self.conv2(maps)).relu()
        for number in range(1, 13):
            maps = self.get_submodule(f"block{number}")(maps)
        maps = self.bn3(self.conv3(maps)).relu()
        features: Tensor = self.bn4(self.conv4(maps)).relu()
        return features
