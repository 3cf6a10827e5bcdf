"""The picture-to-picture generator of CycleGAN (Zhu et al., ICCV 2017, appendix 7.2).

FDA-Net (section 4.6) uses its sizes: two convolutions of stride 2, nine residual blocks, two
transposed convolutions.
"""

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Two 3 x 3 convolutions with instance norm, added to their input.

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(channels, channels, 3),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
            nn.InstanceNorm2d(channels, affine=True),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Map (b, channels, h, w) to the same shape."""
        changed: Tensor = maps + self.layers(maps)
        return changed


class Generator(nn.Module):
    """Maps pictures to pictures; sides are multiples of 4.

    Args:
        width: channels of the first layer; they double with each stride.
        blocks: residual blocks.
    """

    def __init__(self, *, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(3, width, 7),
            *_convolution(width, 2 * width, 3, stride=2),
            *_convolution(2 * width, 4 * width, 3, stride=2),
            *(Residual(4 * width) for _ in range(blocks)),
            *_enlargement(4 * width, 2 * width),
            *_enlargement(2 * width, width),
            nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (b, 3, h, w) pictures in [-1, 1] to others of the same shape and range."""
        changed: Tensor = self.layers(pictures)
        return changed


def largest_singular_value(layer: nn.Conv2d | nn.ConvTranspose2d) -> float:
    """The spectral norm of a layer's weight matrix: how much it can stretch a patch at most."""
    matrix = layer.weight.detach().float().flatten(1)
    return float(torch.linalg.matrix_norm(matrix, ord=2))


def _convolution(inputs: int, outputs: int, size: int, *, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, padding_mode="reflect"),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.ReLU(),
    ]


def _enlargement(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.ReLU(),
    ]
