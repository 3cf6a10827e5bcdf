"""The 70 x 70 PatchGAN, a critic of patches (Isola et al., CVPR 2017, section 6.1.2)."""

from torch import Tensor, nn


class PatchGan(nn.Module):
    """C64 - C128 - C256 - C512 and one channel; every value is for a patch of 70 x 70 pixels.

    Args:
        width: channels of the first layer; they double up to eight times as many.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            *_halving(width, 2 * width, stride=2),
            *_halving(2 * width, 4 * width, stride=2),
            *_halving(4 * width, 8 * width, stride=1),
            nn.Conv2d(8 * width, 1, 4, padding=1),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of being real, (b, 1, h', w'), of (b, 3, h, w) pictures of 32 pixels or more."""
        logits: Tensor = self.layers(pictures)
        return logits


def _halving(inputs: int, outputs: int, *, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.LeakyReLU(0.2),
    ]
