"""Classifiers of a label: the view of the vehicle, or the camera.

VANet trains its viewpoint classifier separately and then freezes it (Chu et al., ICCV 2019, section
3.3): it learns the column ``view`` of a table, predicts the views of another table (`platefree
label`), and is part of VANet models. Camera verification clusters the embeddings of a camera
classifier (Zheng et al., VehicleNet, TMM 2020, section IV-C).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from platefree.batches.training_data import TrainingData
from platefree.losses import smoothed_cross_entropy
from platefree.methods.backbone import StridedSettings, make_backbone
from platefree.methods.base import Batch, Labels, Method
from platefree.methods.mirrored_views import refuse_mirror_images
from platefree.nets.backbones import Backbone
from platefree.nets.heads import Average
from platefree.ranking.comparison import Comparison, Cosine
from platefree.ranking.view_comparison import VIEW
from platefree.recipes.ranges import RateBelowOne
from platefree.recipes.recipe import Recipe

FEATURES = "features"
"""The space that cameras are clustered in."""


class LabelSettings(StridedSettings):
    """The settings of label classifiers; ``learns`` is the label."""

    label_smoothing: RateBelowOne = 0.0
    drop_path: RateBelowOne = 0.0


class LabelClassifier(Method):
    """backbone -> average pooling -> linear -> softmax over the classes of a label.

    Its one space, named after the column, holds the probabilities of the classes (in sorted order
    of their names), L2-normalised; divided by their sum they are probabilities again.

    Args:
        backbone: the network that makes the feature map.
        column: the label column that is learnt.
        classes: the number of its values.
        label_smoothing: of the cross-entropy.
        mirrored: whether it sees mirrored pictures.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        column: str,
        classes: int,
        label_smoothing: float = 0.0,
        mirrored: bool = False,
    ) -> None:
        super().__init__()
        self.mirrored = mirrored
        self.backbone = backbone
        self.pool = Average()
        self.classifier = nn.Linear(backbone.channels, classes)
        self.column = column
        self.label_smoothing = label_smoothing

    def prepare(self, data: TrainingData) -> TrainingData:
        """Check the views of the training data.

        Raises:
            TrainingError: two of them are mirror images, and pictures are mirrored.
        """
        if self.column == VIEW and self.mirrored:
            refuse_mirror_images(data.names[VIEW].tolist())
        return data

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """(b, classes) L2-normalised probabilities."""
        del labels
        return {self.column: self._probable(self._features(images))}

    def comparison(self) -> Comparison:
        """The cosine distance of the probabilities."""
        return Cosine(self.column)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of the label."""
        logits: Tensor = self.classifier(self._features(batch.images))
        labels = batch.labels[self.column]
        return {self.column: smoothed_cross_entropy(logits, labels, self.label_smoothing)}

    def _features(self, images: Tensor) -> Tensor:
        """(b, d) input of the linear layer."""
        pooled: Tensor = self.pool(self.backbone(images))
        return pooled

    def _probable(self, features: Tensor) -> Tensor:
        logits: Tensor = self.classifier(features)
        return functional.normalize(logits.float().softmax(dim=1))


class CameraClassifier(LabelClassifier):
    """The same for cameras, with a space that also separates cameras not in training.

    Probabilities of known cameras say little about an unknown one, so cameras are compared by the
    input of the linear layer. Decided: batch norm without a shift comes before it, since pooled
    features share most of their direction, and clusters by the cosine would merge.
    """

    def __init__(self, backbone: Backbone, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(backbone, **settings)
        self.norm = nn.BatchNorm1d(backbone.channels, affine=False)

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """(b, classes) probabilities and (b, d) ``features``, both L2-normalised."""
        del labels
        features = self._features(images)
        return {
            self.column: self._probable(features),
            FEATURES: functional.normalize(features.float()),
        }

    def comparison(self) -> Comparison:
        """The cosine distance of the ``features``."""
        return Cosine(FEATURES)

    def _features(self, images: Tensor) -> Tensor:
        pooled = super()._features(images)
        with torch.autocast(pooled.device.type, enabled=False):
            normalised: Tensor = self.norm(pooled.float())
        return normalised


def build_classifier(
    kind: type[LabelClassifier],
    settings: LabelSettings,
    recipe: Recipe,
    classes: Mapping[str, int],
    weights: str | None,
) -> LabelClassifier:
    """A classifier of a recipe, see `platefree.methods.catalogue.build_method`."""
    return kind(
        make_backbone(settings, recipe, weights, drop_path=settings.drop_path),
        column=settings.learns,
        classes=classes[settings.learns],
        label_smoothing=settings.label_smoothing,
        mirrored=recipe.mirrors,
    )
