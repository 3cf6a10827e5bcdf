"""Camera classifier, whose embeddings camera verification clusters (VehicleNet, section IV-C)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from platefree.methods.label_classifier import (
    CameraClassifier,
    LabelClassifier,
    LabelSettings,
    build_classifier,
)
from platefree.recipes.recipe import Recipe


class CameraSettings(LabelSettings):
    """Camera classifier: backbone, average pooling, batch norm and cross-entropy."""

    learns: ClassVar[str] = "camera"
    method: Literal["camera"]


def build(
    settings: CameraSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> LabelClassifier:
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    return build_classifier(CameraClassifier, settings, recipe, classes, weights)
