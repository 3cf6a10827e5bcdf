"""Viewpoint classifier, for `platefree label` and inside VANet models."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from platefree.methods.backbone import make_backbone
from platefree.methods.label_classifier import LabelClassifier, LabelSettings
from platefree.recipes.recipe import Recipe


class ViewpointSettings(LabelSettings):
    """Viewpoint classifier (front, rear, side): backbone, average pooling and cross-entropy."""

    learns: ClassVar[str] = "view"
    method: Literal["viewpoint"]


def build(
    settings: ViewpointSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> LabelClassifier:
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    return LabelClassifier(
        make_backbone(settings, recipe, weights, drop_path=settings.drop_path),
        column=settings.learns,
        classes=classes[settings.learns],
        label_smoothing=settings.label_smoothing,
    )
