"""VGG_CNN_M (Chatfield et al., BMVC 2014, "Return of the Devil in the Details", table 1).

The convolutions of VGG_CNN_M_1024, which differs from its variants in the width of fc7 only. Sizes
and layer names are those of the published Caffe model: local response normalisation over 5 channels
with alpha 5e-4, beta 0.75, k 2; conv1 without padding; 3 x 3 pooling with stride 2 that keeps a
last partial window, so that 224 pixels become maps of 54, 13 and 6.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from platefree.errors import TrainingError

VGG_CNN_M = "vgg_cnn_m_1024"
FC6, FC7 = 4096, 1024
"""Widths of its fully connected layers, which belong to the methods."""


class VggM(nn.Module):
    """conv1 to pool5: (b, 3, h, w) pictures to (b, 512, h', w') maps, 6 x 6 for 224 x 224.

    Attributes:
        num_features: channels of the map.
    """

    num_features = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2)
        self.conv2 = nn.Conv2d(96, 256, 5, stride=2, padding=1)
        self.conv3 = nn.Conv2d(256, 512, 3, padding=1)
        self.conv4 = nn.Conv2d(512, 512, 3, padding=1)
        self.conv5 = nn.Conv2d(512, 512, 3, padding=1)
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.relu = nn.ReLU()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                start_for_relu(module)

    def forward_features(self, images: Tensor) -> Tensor:
        """The map after pool5."""
        # In float32: the square of a half-precision value above 255 is infinite.
        maps = self.pool(self.norm(self.relu(self.conv1(images)).float()))
        maps = self.pool(self.norm(self.relu(self.conv2(maps)).float()))
        maps = self.relu(self.conv4(self.relu(self.conv3(maps))))
        pooled: Tensor = self.pool(self.relu(self.conv5(maps)))
        return pooled


def start_for_relu(layer: nn.Conv2d | nn.Linear) -> None:
    """Random weights that keep the size of activations through ReLUs (He et al., ICCV 2015)."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def take_published(published: Mapping[str, Tensor], name: str, layer: nn.Module) -> None:
    """Take a fully connected layer of a published VGG_CNN_M_1024.

    Args:
        published: tensors by name, such as ``fc6.weight``; those that are absent stay random.
        name: of the layer there, ``fc6`` or ``fc7``.
        layer: gets its tensors.

    Raises:
        TrainingError: one has another shape.
    """
    for part, own in layer.named_parameters():
        found = published.get(f"{name}.{part}")
        if found is None:
            continue
        if found.shape != own.shape:
            raise TrainingError(
                f"{name}.{part} of the weights is {tuple(found.shape)}, expected "
                f"{tuple(own.shape)}; pictures of 224 x 224, model.pooling=flatten, "
                "model.shared_size=4096 and model.embedding_size=1024 are as published"
            )
        own.data.copy_(found)
