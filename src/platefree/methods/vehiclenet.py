"""VehicleNet: learn from the vehicles of all sources, then from those of the target alone.

Zheng et al., "VehicleNet: Learning Robust Visual Representation for Vehicle Re-identification",
TMM 2020: backbone -> adaptive average pooling -> fc1 -> batch norm = embedding f -> fc2 =
classifier (section IV-A, figure 3). Stage I learns to classify the vehicles of all sources, stage
II those of the target, by cross-entropy; between them fc2 is replaced and everything else is kept
(section IV-B, algorithm 1). The stages are those of the recipe: ``rows = "target"`` is stage II.

Where the paper is silent this follows the authors' code: the initialisation of the new layers, and
two settings, a lower learning rate of the backbone and dropout before fc2.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from platefree.batches.training_data import TrainingData
from platefree.methods.backbone import StridedSettings, make_backbone
from platefree.methods.base import Batch, Descent, Method, make_optimizer
from platefree.methods.source_accuracy import SourceAccuracy
from platefree.nets.backbones import Backbone
from platefree.nets.heads import Average
from platefree.recipes.ranges import Channels, RateBelowOne
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Train


class VehicleNetSettings(StridedSettings):
    """Backbone, fc1 with batch norm, and a classifier that a stage may replace (Zheng et al.)."""

    restarts_classifier: ClassVar[bool] = True
    method: Literal["vehiclenet"]
    embedding_size: Channels = 512  # fc1
    dropout: RateBelowOne = 0.0  # between fc1 and fc2
    backbone_rate: Annotated[float, Field(gt=0, le=1)] = 1.0  # of the backbone, times train.lr
    drop_path: RateBelowOne = 0.0


def build(
    settings: VehicleNetSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> "VehicleNet":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    return VehicleNet(
        make_backbone(settings, recipe, weights, drop_path=settings.drop_path),
        vehicles=classes["vehicle"],
        embedding_size=settings.embedding_size,
        dropout=settings.dropout,
        backbone_rate=settings.backbone_rate,
    )


class VehicleNet(Method):
    """One space, ``main``: the L2-normalised vector after fc1 and its batch norm.

    Args:
        backbone: the network that makes the feature map.
        vehicles: number of training identities of the first stage.
        embedding_size: width of fc1.
        dropout: of the embedding before the classifier.
        backbone_rate: learning rate of the backbone, as a fraction of ``train.lr``.
    """

    forwards: ClassVar[tuple[str, ...]] = ("logits",)

    def __init__(
        self,
        backbone: Backbone,
        *,
        vehicles: int,
        embedding_size: int = 512,
        dropout: float = 0.0,
        backbone_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = Average()
        self.fc1 = nn.Linear(backbone.channels, embedding_size)
        self.norm = nn.BatchNorm1d(embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = _classifier(embedding_size, vehicles)
        self.backbone_rate = backbone_rate
        nn.init.kaiming_normal_(self.fc1.weight, mode="fan_out")
        nn.init.zeros_(self.fc1.bias)
        nn.init.normal_(self.norm.weight, 1.0, 0.02)
        self._sources: list[str] = []
        self._accuracy = SourceAccuracy()

    def feature_map(self, images: Tensor) -> Tensor:
        """The backbone's last map, (b, c, h', w')."""
        maps: Tensor = self.backbone(images)
        return maps

    def embed_map(self, maps: Tensor) -> dict[str, Tensor]:
        """(b, embedding_size) L2-normalised embeddings."""
        return {"main": functional.normalize(self._embedding(maps).float())}

    def identify(self, maps: Tensor) -> Tensor:
        """(b, vehicles) logits of the vehicles of the latest stage."""
        logits: Tensor = self.fc2(self.dropout(self._embedding(maps)))
        return logits

    def logits(self, images: Tensor) -> Tensor:
        """W F(x) of equation 4, (b, vehicles)."""
        return self.identify(self.feature_map(images))

    def prepare(self, data: TrainingData) -> TrainingData:
        """Read the names of the sources and count their pictures, for the log."""
        self._sources = data.names["source"].tolist()
        self._accuracy = SourceAccuracy(self._sources)
        names, counts = np.unique(data.sightings.source, return_counts=True)
        known = {name: int(n) for name, n in zip(names, counts, strict=True) if name}
        return replace(data, counts={**data.counts, "sources": known}) if known else data

    def restart_classifier(self, classes: int) -> None:
        """A new fc2 (section IV-B): "only the classification layer is replaced"."""
        fresh = _classifier(self.fc2.in_features, classes)
        self.fc2 = fresh.to(self.fc2.weight.device)
        self._accuracy = SourceAccuracy(self._sources)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The cross-entropy of a batch."""
        return self._losses(self.logits(batch.images), batch.labels)

    def optimizers(self, train: Train) -> dict[str, Optimizer]:
        """One optimizer; the backbone is its own parameter group with its own rate."""
        optimizer = make_optimizer(self.fc2, train, part="fc2")
        slow = train.lr * self.backbone_rate
        for part, rate in {"norm": train.lr, "fc1": train.lr, "backbone": slow}.items():
            of_part = make_optimizer(getattr(self, part), train, rate, part=part)
            for group in of_part.param_groups:
                optimizer.add_param_group(group)
        return {"main": optimizer}

    def step(self, batch: Batch, descent: Descent) -> None:
        """One step, with the accuracy by source for the log."""
        logits: Tensor = descent.forward("logits", batch.images)
        right = batch.gather((logits.argmax(1) == batch.labels["vehicle"]).long())
        descent.observe(self._accuracy.see(right, batch.gather(batch.labels["source"])))
        descent.step(self._losses(logits, batch.labels), "main")

    def _embedding(self, maps: Tensor) -> Tensor:
        """F of the paper: the input of the classifier."""
        embedding: Tensor = self.norm(self.fc1(self.pool(maps)))
        return embedding

    def _losses(self, logits: Tensor, labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"identity": functional.cross_entropy(logits.float(), labels["vehicle"])}


def _classifier(size: int, vehicles: int) -> nn.Linear:
    """fc2, initialised so that all vehicles are about equally likely."""
    layer = nn.Linear(size, vehicles)
    nn.init.normal_(layer.weight, std=0.001)
    nn.init.zeros_(layer.bias)
    return layer
