"""Viewpoint classifier, for `platefree label` and inside VANet models."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from platefree.methods.label_classifier import LabelClassifier, LabelSettings, build_classifier
from platefree.recipes.recipe import Recipe


class ViewpointSettings(LabelSettings):
    """Viewpoint classifier (front, rear, side): backbone, average pooling and cross-entropy."""

    learns: ClassVar[str] = "view"
    method: Literal["viewpoint"]


def build(
    settings: ViewpointSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> LabelClassifier:
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    return build_classifier(LabelClassifier, settings, recipe, classes, weights)
