"""The strong baseline of the field (Luo et al., CVPRW 2019; fast-reid's BoT and SBS settings).

backbone -> pooling (GeM) -> [linear] -> vector (metric losses) -> BNNeck -> embedding ->
classifier.
A transformer as backbone may have side information as an input, in training above all.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional

from platefree.batches.training_data import TrainingData, require_known
from platefree.methods.base import Batch, Method
from platefree.methods.metric_losses import MetricLosses
from platefree.nets.backbones import Backbone
from platefree.nets.heads import BNNeck
from platefree.nets.side_information import SideInformation


class StrongBaseline(Method):
    """One space, ``main``: the unit vector after the batch-norm neck.

    Args:
        backbone: the network that makes the feature map.
        pool: from a (b, c, h, w) map to a (b, c) vector.
        reduce: of the vector, to (b, d).
        neck: from (b, d) to the embedding, with the classifier of training vehicles behind it.
        metric: the losses between pictures.
        metric_at: ``before_neck`` or ``after_neck``, which vectors the metric losses see.
        label_smoothing: of the identity cross-entropy.
        identity_weight: of the cross-entropy in the sum.
        side: of pictures, for a backbone that takes it.
    """

    teachable = True

    def __init__(
        self,
        backbone: Backbone,
        pool: nn.Module,
        reduce: nn.Module,
        neck: BNNeck,
        metric: MetricLosses,
        *,
        metric_at: str = "before_neck",
        label_smoothing: float = 0.1,
        identity_weight: float = 1.0,
        side: SideInformation | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.pool, self.reduce = backbone, pool, reduce
        self.neck, self.metric = neck, metric
        self.metric_at = metric_at
        self.label_smoothing = label_smoothing
        self.identity_weight = identity_weight
        self.side = side
        self._labels: Mapping[str, Tensor] = {}

    def prepare(self, data: TrainingData) -> TrainingData:
        """Check that the labels of the side information are known, and start its vectors.

        Raises:
            TrainingError: one is unknown for all training pictures.
        """
        if self.side is not None:
            require_known(data, [*self.side.classes], "model.side")
            self.side.start(data.labels)
        return data

    @contextmanager
    def knowing(self, labels: Mapping[str, Tensor]) -> Iterator[None]:
        """Have `embed` add the side information of its pictures within the block."""
        self._labels = labels
        try:
            yield
        finally:
            self._labels = {}

    def feature_map(self, images: Tensor) -> Tensor:
        """The backbone's last map, (b, c, h', w')."""
        side = self.side(self._labels) if self.side is not None and self._labels else None
        maps: Tensor = self.backbone(images, side)
        return maps

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """Pool, normalise and scale to unit length."""
        return {"main": functional.normalize(self.neck(self._pooled(maps)).float())}

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Unit rows after the neck, (b, d)."""
        return self.embed_map(self.feature_map(images))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Identity cross-entropy, metric losses over the batch of all processes, a teacher's."""
        vehicles = batch.labels["vehicle"]
        with self.knowing(batch.labels):
            pooled = self._pooled(self.feature_map(batch.images))
        embeddings = self.neck(pooled)
        identity = self.neck.classifier.loss(embeddings, vehicles, self.label_smoothing)
        compared = pooled if self.metric_at == "before_neck" else embeddings
        return {
            "identity": self.identity_weight * identity,
            **self.metric(self.gather(compared), self.gather(vehicles)),
            **self.taught(self.gather(functional.normalize(embeddings.float())), batch),
        }

    def _pooled(self, maps: Tensor) -> Tensor:
        pooled: Tensor = self.reduce(self.pool(maps))
        return pooled
