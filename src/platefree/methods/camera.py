"""Camera classifier, whose embeddings camera verification clusters (VehicleNet, section IV-C)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from platefree.methods.backbone import make_backbone
from platefree.methods.label_classifier import CameraClassifier, LabelSettings
from platefree.recipes.recipe import Recipe


class CameraSettings(LabelSettings):
    """Camera classifier: backbone, average pooling, batch norm and cross-entropy."""

    learns: ClassVar[str] = "camera"
    method: Literal["camera"]


def build(
    settings: CameraSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> CameraClassifier:
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    return CameraClassifier(
        make_backbone(settings, recipe, weights, drop_path=settings.drop_path),
        column=settings.learns,
        classes=classes[settings.learns],
        label_smoothing=settings.label_smoothing,
    )
