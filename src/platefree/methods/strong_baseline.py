"""The strong baseline of the field (Luo et al., CVPRW 2019; fast-reid's SBS settings).

trunk -> pooling (GeM) -> [linear] -> vector (triplet loss) -> BNNeck -> embedding -> classifier.
"""

from torch import Tensor, nn
from torch.nn import functional

from platefree.losses import batch_hard_triplet, smoothed_cross_entropy
from platefree.methods.base import Batch, Method
from platefree.nets.heads import Average, BNNeck, GeneralisedMean
from platefree.nets.trunks import Trunk


class StrongBaseline(Method):
    """One space, ``main``: the unit vector after the batch-norm neck.

    Args:
        trunk: the network that makes the feature map.
        vehicles: number of training identities.
        pooling: ``gem`` or ``average`` (also of a map of one cell, such as a class token).
        embedding_size: 0 keeps the trunk's width, else a linear layer reduces it.
        label_smoothing: of the identity cross-entropy.
        margin: of the triplet loss; None is the soft margin.
        identity_weight: of the cross-entropy in the sum.
        triplet_weight: of the triplet loss in the sum.
    """

    teachable = True

    def __init__(
        self,
        trunk: Trunk,
        *,
        vehicles: int,
        pooling: str = "gem",
        embedding_size: int = 0,
        label_smoothing: float = 0.1,
        margin: float | None = None,
        identity_weight: float = 1.0,
        triplet_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.pool: nn.Module = GeneralisedMean() if pooling == "gem" else Average()
        size = embedding_size or trunk.channels
        self.reduce = (
            nn.Linear(trunk.channels, size, bias=False) if embedding_size else nn.Identity()
        )
        self.neck = BNNeck(size, vehicles)
        self.label_smoothing = label_smoothing
        self.margin = margin
        self.identity_weight = identity_weight
        self.triplet_weight = triplet_weight

    def feature_map(self, images: Tensor) -> Tensor:
        """The trunk's last map, (b, c, h', w')."""
        maps: Tensor = self.trunk(images)
        return maps

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """Pool, normalise and scale to unit length."""
        return {"main": functional.normalize(self.neck(self._pooled(maps)).float())}

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Unit rows after the neck, (b, d)."""
        return self.embed_map(self.feature_map(images))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Smoothed identity cross-entropy, batch-hard triplet before the neck, and a teacher's."""
        vehicles = batch.labels["vehicle"]
        pooled = self._pooled(self.feature_map(batch.images))
        normed = self.neck(pooled)
        logits = self.neck.classifier(normed)
        identity = smoothed_cross_entropy(logits, vehicles, self.label_smoothing)
        triplet = batch_hard_triplet(self.gather(pooled), self.gather(vehicles), self.margin)
        return {
            "identity": self.identity_weight * identity,
            "triplet": self.triplet_weight * triplet,
            **self.taught(functional.normalize(normed.float()), batch),
        }

    def _pooled(self, maps: Tensor) -> Tensor:
        pooled: Tensor = self.reduce(self.pool(maps))
        return pooled
