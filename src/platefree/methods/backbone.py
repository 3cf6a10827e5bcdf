"""Settings of methods with a backbone, and the backbone of a recipe."""

from typing import Literal

from platefree.nets.backbones import (
    Backbone,
    backbone_statistics,
    has_fixed_size,
    published_weights,
)
from platefree.recipes.recipe import MethodSettings, Recipe


class BackboneSettings(MethodSettings):
    """The settings of every method with a backbone."""

    backbone: str = "resnet50"  # any timm name, resnet18/34/50/101_ibn_a, or vgg_cnn_m_1024
    weights: str = "none"  # none, timm (its published weights), package:NAME, or a file

    def statistics(self) -> tuple[list[float], list[float]]:
        """The channel statistics that the backbone was trained with."""
        return backbone_statistics(self.backbone)

    def takes_one_size(self) -> str:
        """The backbone, if it is built for one size, as most transformers are."""
        return f"backbone {self.backbone}" if has_fixed_size(self.backbone) else ""


class StridedSettings(BackboneSettings):
    """The settings of methods whose backbone can keep a larger last feature map."""

    last_stride: Literal[1, 2] = 2  # CNNs: 1 keeps a larger last feature map


def start_note(recipe: Recipe) -> str:
    """What a start from random weights costs a recipe that claims published figures.

    Empty for other recipes, and with start weights.
    """
    settings = recipe.model
    if not isinstance(settings, BackboneSettings) or settings.weights != "none" or not recipe.paper:
        return ""
    return (
        f"{recipe.name} starts from random weights, so expect it to fall short of its published "
        "figures, even if all else is as published: such networks usually start from ImageNet. "
        f"Weights of {settings.backbone}: {published_weights(settings.backbone)}"
    )


def make_backbone(
    settings: StridedSettings,
    recipe: Recipe,
    weights: str | None,
    *,
    drop_path: float = 0.0,
    patch_stride: int = 0,
    class_token: bool = False,
    side: bool = False,
) -> Backbone:
    """The backbone of a recipe.

    Args:
        settings: of the method.
        recipe: gives the size of the pictures.
        weights: to start from, instead of those of the settings.
        drop_path: see `Backbone`, as for all below.
        patch_stride: of a ViT.
        class_token: of a transformer.
        side: of a transformer.

    Raises:
        RecipeError: no such backbone, or an option that it does not have.
        TrainingError: the weights cannot be loaded or do not fit.
    """
    return Backbone(
        settings.backbone,
        height=recipe.input.height,
        width=recipe.input.width,
        last_stride=settings.last_stride,
        drop_path=drop_path,
        patch_stride=patch_stride,
        class_token=class_token,
        side=side,
        weights=weights or settings.weights,
    )
