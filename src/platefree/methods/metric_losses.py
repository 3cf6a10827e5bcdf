"""Metric losses between the pictures of a batch, each with a weight."""

import torch
from torch import Tensor, nn

from platefree.losses import (
    centre_loss,
    circle_loss,
    hardest_triplet,
    moved_centres,
    pairwise_cosines,
    pairwise_distances,
    proxy_anchor,
    supervised_contrastive,
    vehicle_pairs,
    weighted_triplet,
)
from platefree.nets.memory import CrossBatchMemory


class MetricLosses(nn.Module):
    """A weighted choice of metric losses; one of weight 0 is left out.

    Losses between pairs (triplet, circle, contrastive) also use pairs of the batch with a memory of
    earlier batches. Decided: these are further columns of the same loss, so that hard pairs are
    mined among all of them; the paper of the memory adds a second term instead.

    Args:
        channels: size of the vectors.
        vehicles: number of training identities.
        triplet_weight: of the triplet loss, between Euclidean distances.
        mining: ``hardest``, or ``weighted`` for `platefree.losses.weighted_triplet`.
        margin: of the triplet loss; None is the soft margin.
        circle_weight: of the circle loss.
        circle_margin: m.
        circle_scale: gamma.
        contrastive_weight: of the supervised contrastive loss.
        temperature: tau.
        proxy_weight: of the Proxy-Anchor loss, whose margin and scale are the paper's.
        centre_weight: of the centre loss.
        memory: number of vectors of earlier batches to keep; 0: none.
        memory_start: steps before they are used.
    """

    centres: Tensor

    def __init__(
        self,
        channels: int,
        vehicles: int,
        *,
        triplet_weight: float = 1.0,
        mining: str = "hardest",
        margin: float | None = None,
        circle_weight: float = 0.0,
        circle_margin: float = 0.25,
        circle_scale: float = 128.0,
        contrastive_weight: float = 0.0,
        temperature: float = 0.1,
        proxy_weight: float = 0.0,
        centre_weight: float = 0.0,
        memory: int = 0,
        memory_start: int = 0,
    ) -> None:
        super().__init__()
        self.weights = {
            "triplet": triplet_weight,
            "circle": circle_weight,
            "contrastive": contrastive_weight,
            "proxy": proxy_weight,
            "centre": centre_weight,
        }
        self.mining, self.margin = mining, margin
        self.circle_margin, self.circle_scale = circle_margin, circle_scale
        self.temperature = temperature
        self.memory = CrossBatchMemory(memory, channels, start=memory_start) if memory else None
        if proxy_weight:
            self.proxies = nn.Parameter(torch.empty(vehicles, channels))
            nn.init.kaiming_normal_(self.proxies, mode="fan_out")
        if centre_weight:
            self.register_buffer("centres", torch.zeros(vehicles, channels))

    def forward(self, vectors: Tensor, vehicles: Tensor) -> dict[str, Tensor]:
        """The losses by name, weighted.

        Args:
            vectors: (n, channels).
            vehicles: (n,) int64 identities.
        """
        with torch.autocast(vectors.device.type, enabled=False):
            vectors = vectors.float()
            losses = self._between_pictures(vectors, vehicles)
            if self.weights["proxy"]:
                losses["proxy"] = proxy_anchor(pairwise_cosines(vectors, self.proxies), vehicles)
            if self.weights["centre"]:
                losses["centre"] = centre_loss(vectors, vehicles, self.centres)
                self.centres.copy_(moved_centres(vectors, vehicles, self.centres))
        return {name: self.weights[name] * loss for name, loss in losses.items()}

    def _between_pictures(self, vectors: Tensor, vehicles: Tensor) -> dict[str, Tensor]:
        columns, others = vectors, vehicles
        if self.memory is not None:
            earlier, earlier_vehicles = self.memory.recall()
            columns = torch.cat([vectors, earlier])
            others = torch.cat([vehicles, earlier_vehicles])
            self.memory.remember(vectors, vehicles)
        pairs = vehicle_pairs(vehicles, others)
        losses = {}
        if self.weights["triplet"]:
            triplet = hardest_triplet if self.mining == "hardest" else weighted_triplet
            distances = pairwise_distances(vectors, columns)
            losses["triplet"] = triplet(distances, *pairs, margin=self.margin)
        if self.weights["circle"]:
            losses["circle"] = circle_loss(
                pairwise_cosines(vectors, columns),
                *pairs,
                margin=self.circle_margin,
                scale=self.circle_scale,
            )
        if self.weights["contrastive"]:
            cosines = pairwise_cosines(vectors, columns)
            losses["contrastive"] = supervised_contrastive(
                cosines, *pairs, temperature=self.temperature
            )
        return losses
