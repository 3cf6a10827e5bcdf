"""From a feature map to an embedding: pooling and the batch-norm neck."""

import torch
from torch import Tensor, nn

from platefree.nets.classifiers import IdentityClassifier


class GeneralisedMean(nn.Module):
    """Generalised-mean pooling (Radenovic et al., PAMI 2018, eq. 3).

    Args:
        exponent: start value; 1 is the mean, infinity the maximum.
        learns: whether the exponent is learnt.
        floor: smallest base of the power; smaller values are raised to it.
    """

    def __init__(self, *, exponent: float = 3.0, learns: bool = True, floor: float = 1e-6) -> None:
        super().__init__()
        self.exponent = nn.Parameter(torch.tensor(exponent), requires_grad=learns)
        self.floor = floor

    def forward(self, maps: Tensor) -> Tensor:
        """Pool (b, c, h, w) to (b, c)."""
        # Powers of small numbers underflow in 16 bits.
        with torch.autocast(maps.device.type, enabled=False):
            raised = maps.float().clamp(min=self.floor).pow(self.exponent)
            return raised.mean(dim=(2, 3)).pow(1.0 / self.exponent)


class Average(nn.Module):
    """Plain average pooling."""

    def forward(self, maps: Tensor) -> Tensor:
        """Pool (b, c, h, w) to (b, c)."""
        return maps.mean(dim=(2, 3))


class BNNeck(nn.Module):
    """Batch norm between the metric loss and the classifier (Luo et al., CVPRW 2019, fig. 5).

    The metric loss uses the vector before it; the classifier and the search use the vector after
    it. The shift is fixed and the classifier has no bias, so classes differ by direction.

    Args:
        channels: size of the vector.
        vehicles: number of training identities.
        classifier: by default linear.
    """

    def __init__(
        self, channels: int, vehicles: int, classifier: IdentityClassifier | None = None
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.norm.bias.requires_grad_(False)
        self.classifier = classifier or IdentityClassifier(channels, vehicles)

    def forward(self, pooled: Tensor) -> Tensor:
        """Normalise (b, channels); same shape out."""
        normalised: Tensor = self.norm(pooled)
        return normalised
