"""Classifiers of training identities: linear or with a margin, over all identities or a sample.

The weights are rows of a linear layer. With a margin, rows and vectors are L2-normalised, so that
logits are cosines times a scale, in float32.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from platefree.losses import (
    arc_logits,
    circle_logits,
    cos_logits,
    pairwise_cosines,
    sampled_cross_entropy,
    smoothed_cross_entropy,
)

Margin = Literal["linear", "circle", "arc", "cos"]

_LOGITS: dict[str, Callable[..., Tensor]] = {
    "circle": circle_logits,
    "arc": arc_logits,
    "cos": cos_logits,
}


class IdentityClassifier(nn.Linear):
    """Classifies a vector as one of the training vehicles.

    Args:
        channels: size of the vector.
        vehicles: number of training identities.
        margin: the kind of margin; ``linear`` has neither margin nor scale.
        scale: s.
        size: m, the margin's size.
        centres: rows for each vehicle, of which the nearest counts (Deng et al., ECCV 2020,
            "Sub-center ArcFace"); 1 with ``linear``.
        fraction: of the vehicles whose logits are computed in a training step: those of the batch,
            and random other vehicles (An et al., ICCVW 2021, "Partial FC"). They are drawn from
            torch's generator, which the training loop seeds at every step.
    """

    def __init__(
        self,
        channels: int,
        vehicles: int,
        *,
        margin: Margin = "linear",
        scale: float = 64.0,
        size: float = 0.35,
        centres: int = 1,
        fraction: float = 1.0,
    ) -> None:
        super().__init__(channels, vehicles * centres, bias=False)
        nn.init.normal_(self.weight, std=0.001 if margin == "linear" else 0.01)
        self.vehicles, self.centres, self.fraction = vehicles, centres, fraction
        self.margin, self.scale, self.size = margin, scale, size

    def forward(self, rows: Tensor) -> Tensor:
        """Scores of (n, channels) vectors without margin, (n, vehicles): logits or cosines."""
        return self._scores(rows, self.weight)

    def loss(self, rows: Tensor, vehicles: Tensor, smoothing: float) -> Tensor:
        """Smoothed cross-entropy.

        Args:
            rows: (n, channels).
            vehicles: (n,) int64 identities.
            smoothing: of `platefree.losses.smoothed_cross_entropy`.

        Returns:
            The mean over the rows, or with a sample of the vehicles an estimate of it, see
            `platefree.losses.sampled_cross_entropy`.
        """
        if self.fraction == 1.0:
            return smoothed_cross_entropy(self._logits(self(rows), vehicles), vehicles, smoothing)
        chosen, drawn_with = self.sample(vehicles)
        weight = self.weight.view(self.vehicles, -1)[chosen].view(-1, self.in_features)
        targets = torch.searchsorted(chosen, vehicles)
        return sampled_cross_entropy(
            self._logits(self._scores(rows, weight), targets),
            targets,
            drawn_with,
            classes=self.vehicles,
            smoothing=smoothing,
        )

    def sample(self, vehicles: Tensor) -> tuple[Tensor, Tensor]:
        """Draw the vehicles of a step: those of the batch, and others at random.

        Args:
            vehicles: (n,) int64 identities of the batch.

        Returns:
            (sampled,) int64 identities in ascending order, and (sampled,) float32 probabilities
            with which each was drawn.
        """
        present = vehicles.bincount().nonzero()[:, 0]
        others = self.vehicles - len(present)
        drawn = min(max(round(self.fraction * self.vehicles) - len(present), 0), others)
        lots = torch.rand(self.vehicles, device=vehicles.device)
        lots[present] = 2.0
        chosen = lots.topk(len(present) + drawn).indices.sort().values
        certain = torch.ones(len(chosen), device=vehicles.device)
        return chosen, torch.where(lots[chosen] == 2.0, certain, drawn / max(others, 1))

    def _scores(self, rows: Tensor, weight: Tensor) -> Tensor:
        if self.margin == "linear":
            return nn.functional.linear(rows, weight)
        cosines = pairwise_cosines(rows, weight)
        return cosines.view(len(rows), -1, self.centres).amax(2)

    def _logits(self, scores: Tensor, targets: Tensor) -> Tensor:
        if self.margin == "linear":
            return scores
        return _LOGITS[self.margin](scores, targets, scale=self.scale, margin=self.size)
