"""Which camera took the picture? Camera verification (VehicleNet, section IV-C) clusters by it."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from platefree.methods.backbone import make_backbone
from platefree.methods.label_classifier import CameraClassifier, LabelSettings
from platefree.recipes.recipe import Recipe


class CameraSettings(LabelSettings):
    """Backbone, average pooling, batch norm and cross-entropy: which camera took the picture?"""

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
