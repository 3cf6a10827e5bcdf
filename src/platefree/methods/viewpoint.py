"""From which side is the vehicle seen? Trained apart, for `platefree label` and inside of VANet."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from platefree.methods.backbone import make_backbone
from platefree.methods.label_classifier import LabelClassifier, LabelSettings
from platefree.recipes.recipe import Recipe


class ViewpointSettings(LabelSettings):
    """Backbone, average pooling and cross-entropy: front, rear or side?"""

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
