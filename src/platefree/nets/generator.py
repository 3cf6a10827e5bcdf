"""The picture-to-picture generators of FDA-Net (Lou et al., CVPR 2019, section 4.6).

Both have the sizes of the paper, those of CycleGAN (Zhu et al., ICCV 2017, appendix 7.2): two
convolutions of stride 2, nine residual blocks, and two layers that double the sides again.

A mirrored border carries an even color through a convolution, and instance norm takes it away:
whatever is added to a channel of the picture is gone after the first layer. `PlainGenerator`, which
is CycleGAN's, therefore cannot see the color of a vehicle. Its transposed convolutions of 3 x 3 and
stride 2 have one, two or four weights at a position in turn: a chequerboard (Odena et al., Distill
2016). `Generator` keeps the colors of the picture, makes its details anew, and enlarges before it
convolves.

Details are not kept, for a copy is a poor negative: all hinges of squared distances are flat where
a picture is its own negative, so what leaves that point first is an invisible change, and the
embedding learns to see it instead of vehicles.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

_COARSE = 8  # pixels of a side over which colors are kept


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
    """Makes details on the colors of pictures, at first none. Sides are multiples of 4.

    Args:
        width: channels of the first layer; they double with each stride.
        blocks: residual blocks.
    """

    def __init__(self, *, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_reduction(width, blocks),
            *_resized(4 * width, 2 * width),
            *_resized(2 * width, width),
        )
        self.change = nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect")
        _start_small(self)
        for parameter in self.change.parameters():
            nn.init.zeros_(parameter)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (b, 3, h, w) pictures in [-1, 1] to others of the same shape and range."""
        change = torch.tanh(self.change(self.layers(pictures)))
        # |change| is the fraction of the way to -1 or to 1: the range is kept, and every value that
        # can still move has a gradient, which clamping the sum would take from it.
        changed: Tensor = colors(pictures) * (1.0 - change.abs()) + change
        return changed


class PlainGenerator(nn.Module):
    """Makes pictures anew, as in CycleGAN; sides are multiples of 4.

    Args:
        width: channels of the first layer; they double with each stride.
        blocks: residual blocks.
    """

    def __init__(self, *, width: int = 64, blocks: int = 9) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_reduction(width, blocks),
            *_transposed(4 * width, 2 * width),
            *_transposed(2 * width, width),
            nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        )
        _start_small(self)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map (b, 3, h, w) pictures in [-1, 1] to others of the same shape and range."""
        changed: Tensor = self.layers(pictures)
        return changed


def colors(pictures: Tensor) -> Tensor:
    """(b, 3, h, w) pictures without their details: means of 8 x 8 pixels, with smooth steps."""
    height, width = pictures.shape[2:]
    means = functional.adaptive_avg_pool2d(pictures, (-(-height // _COARSE), -(-width // _COARSE)))
    return functional.interpolate(means, (height, width), mode="bilinear", align_corners=False)


def largest_singular_value(layer: nn.Conv2d | nn.ConvTranspose2d) -> float:
    """The spectral norm of a layer's weight matrix: how much it can stretch a patch at most."""
    matrix = layer.weight.detach().float().flatten(1)
    return float(torch.linalg.matrix_norm(matrix, ord=2))


def _reduction(width: int, blocks: int) -> list[nn.Module]:
    return [
        *_convolution(3, width, 7),
        *_convolution(width, 2 * width, 3, stride=2),
        *_convolution(2 * width, 4 * width, 3, stride=2),
        *(Residual(4 * width) for _ in range(blocks)),
    ]


def _convolution(inputs: int, outputs: int, size: int, *, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, padding_mode="reflect"),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.ReLU(),
    ]


def _resized(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2, mode="nearest"), *_convolution(inputs, outputs, 3)]


def _transposed(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.ReLU(),
    ]


def _start_small(generator: nn.Module) -> None:
    for module in generator.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=0.02)
