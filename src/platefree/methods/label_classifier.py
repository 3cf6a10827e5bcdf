"""Small classifiers of a label: from which side is the vehicle seen, by which camera?

VANet trains its viewpoint classifier apart and never changes it afterwards (Chu et al., ICCV 2019,
section 3.3): it learns the column ``view`` of a table, tells the views of another table (`platefree
label`), and lives inside VANet models. Camera verification clusters the embeddings of a classifier
of cameras (Zheng et al., VehicleNet, TMM 2020, section IV-C).
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from platefree.losses import smoothed_cross_entropy
from platefree.methods.backbone import StridedSettings
from platefree.methods.base import Batch, Labels, Method
from platefree.nets.backbones import Backbone
from platefree.nets.heads import Average
from platefree.ranking.comparison import Comparison, Cosine

FEATURES = "features"
"""The space that cameras are clustered in."""


class LabelSettings(StridedSettings):
    """What classifiers of a label have; ``learns`` says of which."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0


class LabelClassifier(Method):
    """backbone -> average pooling -> linear -> softmax over the classes of a label.

    Its one space, named after the column, holds the probabilities of the classes (in sorted order
    of their names) scaled to unit length: divided by their sum they are probabilities again.

    Args:
        backbone: the network that makes the feature map.
        column: the label column that is learnt.
        classes: how many values it has.
        label_smoothing: of the cross-entropy.
    """

    def __init__(
        self, backbone: Backbone, *, column: str, classes: int, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = Average()
        self.classifier = nn.Linear(backbone.channels, classes)
        self.column = column
        self.label_smoothing = label_smoothing

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """(b, classes) along the probabilities, L2-normalised."""
        del labels
        return {self.column: self._probable(self._features(images))}

    def comparison(self) -> Comparison:
        """By the cosine of the probabilities."""
        return Cosine(self.column)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the label."""
        logits: Tensor = self.classifier(self._features(batch.images))
        labels = batch.labels[self.column]
        return {self.column: smoothed_cross_entropy(logits, labels, self.label_smoothing)}

    def _features(self, images: Tensor) -> Tensor:
        """(b, d) what the linear layer sees."""
        pooled: Tensor = self.pool(self.backbone(images))
        return pooled

    def _probable(self, features: Tensor) -> Tensor:
        logits: Tensor = self.classifier(features)
        return functional.normalize(logits.float().softmax(dim=1))


class CameraClassifier(LabelClassifier):
    """The same for cameras, with a space for those that it was not trained on.

    Probabilities of known cameras say little of an unknown one, so cameras are compared by what the
    linear layer sees. Decided: that is normalised over the batch first, without a shift, since
    pooled features share most of their direction, and clusters by the cosine would run together.
    """

    def __init__(
        self, backbone: Backbone, *, column: str, classes: int, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(backbone, column=column, classes=classes, label_smoothing=label_smoothing)
        self.norm = nn.BatchNorm1d(backbone.channels, affine=False)

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """(b, classes) along the probabilities, and (b, d) ``features``, L2-normalised."""
        del labels
        features = self._features(images)
        return {
            self.column: self._probable(features),
            FEATURES: functional.normalize(features.float()),
        }

    def comparison(self) -> Comparison:
        """By the cosine of the ``features``."""
        return Cosine(FEATURES)

    def _features(self, images: Tensor) -> Tensor:
        pooled = super()._features(images)
        with torch.autocast(pooled.device.type, enabled=False):
            normalised: Tensor = self.norm(pooled.float())
        return normalised
