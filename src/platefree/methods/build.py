"""From a recipe to a method: the one place where a recipe's [model] becomes plain arguments."""

from collections.abc import Mapping

from platefree.config import Recipe
from platefree.errors import RecipeError
from platefree.methods.base import Method
from platefree.methods.color_stripes import ColorStripes
from platefree.methods.relations import ViewRelations
from platefree.methods.settings import (
    ColorStripesSettings,
    StrongBaselineSettings,
    TrunkSettings,
    VANetSettings,
    ViewpointSettings,
)
from platefree.methods.strong_baseline import StrongBaseline
from platefree.methods.vanet import VANet
from platefree.methods.viewpoint import (
    FrozenViewpoint,
    copy_viewpoint,
    describe_viewpoint,
    frozen_viewpoint,
    make_viewpoint,
)
from platefree.nets.branches import BranchedTrunk
from platefree.nets.trunks import Trunk, trunk_statistics


def build_method(
    recipe: Recipe, classes: Mapping[str, int], *, weights: str | None = None
) -> Method:
    """Build the method of a recipe with fresh weights.

    Args:
        recipe: a checked recipe.
        classes: label column -> number of classes among the training rows, as in
            `platefree.data.training.TrainingData.classes`.
        weights: instead of the recipe's start weights; ``none`` when a checkpoint follows.

    Raises:
        RecipeError: the trunk does not exist or cannot be built so.
        TrainingError: the start weights cannot be had or do not fit.
    """
    match recipe.model:
        case ColorStripesSettings() as settings:
            return ColorStripes(**settings.model_dump(exclude={"method"}))
        case StrongBaselineSettings() as settings:
            return _strong_baseline(settings, recipe, classes, weights or settings.weights)
        case ViewpointSettings() as settings:
            start = weights or settings.weights
            return make_viewpoint(settings, recipe.input, classes["view"], start)
        case VANetSettings() as settings:
            return _vanet(settings, recipe, classes, weights)


def resolve(recipe: Recipe) -> Recipe:
    """Fill what a recipe leaves to the trunk (the channel statistics) and to a viewpoint model.

    Then it stands alone.

    Raises:
        RecipeError: the trunk does not exist, or the viewpoint model tells other views apart.
        CheckpointError: there is no such viewpoint model.
    """
    mean, std = [0.0] * 3, [1.0] * 3
    if isinstance(recipe.model, TrunkSettings):
        mean, std = trunk_statistics(recipe.model.trunk)
    unset = {"mean": recipe.input.mean or mean, "std": recipe.input.std or std}
    update: dict[str, object] = {"input": recipe.input.model_copy(update=unset)}
    model = recipe.model
    if isinstance(model, VANetSettings) and model.viewpoint and model.relations != "none":
        inside = describe_viewpoint(model.viewpoint, model.views)
        update["model"] = model.model_copy(update={"inside": inside})
    return recipe.model_copy(update=update)


def needs_training(recipe: Recipe) -> bool:
    """Whether the method of a recipe has anything to learn."""
    return not isinstance(recipe.model, ColorStripesSettings)


def _strong_baseline(
    settings: StrongBaselineSettings, recipe: Recipe, classes: Mapping[str, int], weights: str
) -> StrongBaseline:
    trunk = Trunk(
        settings.trunk,
        height=recipe.input.height,
        width=recipe.input.width,
        last_stride=settings.last_stride,
        drop_path=settings.drop_path,
        weights=weights,
    )
    return StrongBaseline(
        trunk,
        vehicles=classes["vehicle"],
        pooling=settings.pooling,
        embedding_size=settings.embedding_size,
        label_smoothing=settings.label_smoothing,
        margin=settings.margin if settings.triplet == "margin" else None,
        identity_weight=settings.identity_weight,
        triplet_weight=settings.triplet_weight,
    )


def _vanet(
    settings: VANetSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> VANet:
    relations = ViewRelations(settings.views, settings.relations)
    trunk = BranchedTrunk(
        settings.trunk,
        branches=len(relations.spaces),
        height=recipe.input.height,
        width=recipe.input.width,
        last_stride=settings.last_stride,
        drop_path=settings.drop_path,
        weights=weights or settings.weights,
    )
    return VANet(
        trunk,
        relations,
        vehicles=classes["vehicle"],
        viewpoint=_viewpoint_inside(settings, recipe, is_new=weights is None),
        view_from=settings.view_from,
        view_error=settings.view_error,
        margin=settings.margin,
        within=settings.within,
        cross=settings.cross,
        identity_weight=settings.identity_weight,
    )


def _viewpoint_inside(
    settings: VANetSettings, recipe: Recipe, *, is_new: bool
) -> FrozenViewpoint | None:
    if settings.relations == "none":
        return None
    if settings.inside is None:
        if settings.view_from == "prediction":
            raise RecipeError(
                "model.viewpoint is not set, so nothing could tell the view of a picture in use: "
                "train a viewpoint model ('platefree train viewpoint/default') and set "
                "model.viewpoint=runs/viewpoint-default/best, or set model.view_from=table where "
                "the column 'view' is always known"
            )
        return None
    frozen = frozen_viewpoint(settings.inside, len(settings.views), recipe.input)
    if is_new:
        copy_viewpoint(settings.viewpoint, settings.inside, frozen)
    return frozen
