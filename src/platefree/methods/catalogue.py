"""All methods by name, with their settings and builders; recipes are read and checked here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from platefree.errors import RecipeError
from platefree.inputs.complaints import checked
from platefree.inputs.documents import parse_toml
from platefree.methods import (
    camera,
    color_stripes,
    drdl,
    fda_net,
    members,
    multi_branch,
    part_detector,
    part_regularized,
    strong_baseline,
    vanet,
    vehicle_detector,
    vehiclenet,
    viewpoint,
)
from platefree.methods.base import Method
from platefree.recipes.builtin import recipe_text
from platefree.recipes.lengths import check_lengths
from platefree.recipes.old_names import with_current_keys
from platefree.recipes.overrides import set_value
from platefree.recipes.recipe import MethodSettings, Recipe


class Entry(NamedTuple):
    """A method's settings and its builder.

    Attributes:
        settings: the class of the section ``[model]``.
        build: makes the method from (settings, recipe, classes, weights), see `build_method`.
    """

    settings: type[MethodSettings]
    build: Callable[[Any, Recipe, Mapping[str, int], str | None], Method]


METHODS: dict[str, Entry] = {
    "camera": Entry(camera.CameraSettings, camera.build),
    "color_stripes": Entry(color_stripes.ColorStripesSettings, color_stripes.build),
    "drdl": Entry(drdl.DrdlSettings, drdl.build),
    "ensemble": Entry(members.EnsembleSettings, members.build),
    "fda_net": Entry(fda_net.FdaNetSettings, fda_net.build),
    "multi_branch": Entry(multi_branch.MultiBranchSettings, multi_branch.build),
    "part_detector": Entry(part_detector.PartDetectorSettings, part_detector.build),
    "part_regularized": Entry(part_regularized.PartRegularizedSettings, part_regularized.build),
    "strong_baseline": Entry(strong_baseline.StrongBaselineSettings, strong_baseline.build),
    "vanet": Entry(vanet.VANetSettings, vanet.build),
    "vehicle_detector": Entry(vehicle_detector.VehicleDetectorSettings, vehicle_detector.build),
    "vehiclenet": Entry(vehiclenet.VehicleNetSettings, vehiclenet.build),
    "viewpoint": Entry(viewpoint.ViewpointSettings, viewpoint.build),
}
"""To add a method, write a file with its settings and its ``build``, and add a line here."""


def load_recipe(name: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe and check it.

    Args:
        name: a built-in name (``strong_baseline/small``; a bare method name means its
            ``default`` recipe) or the path of a ``.toml`` file.
        overrides: dotted key -> value, such as ``{"train.lr": 0.01}``.

    Raises:
        RecipeError: no such recipe, not TOML, an unknown key, a value of the wrong type, or a
            length that something else decides.
    """
    recipe = recipe_with(name, overrides or {})
    check_lengths(overrides or {}, [recipe])
    return recipe


def recipe_with(name: str | Path, settings: Mapping[str, Any]) -> Recipe:
    """`load_recipe` with settings of several origins, of which one may undo another.

    Raises:
        RecipeError: no such recipe, not TOML, an unknown key, or a value of the wrong type.
    """
    label, text = recipe_text(str(name))
    content = parse_toml(text, f"recipe {label}", RecipeError)
    for key, value in settings.items():
        set_value(content, key, value)
    return check_recipe({"name": label} | content)


def check_recipe(content: Mapping[str, Any]) -> Recipe:
    """Turn plain content (parsed TOML, or a card's ``recipe``) into a checked recipe.

    Raises:
        RecipeError: an unknown key, or a value of the wrong type.
    """
    current = with_current_keys(content)
    model = current.get("model")
    entry = METHODS.get(str(model.get("method"))) if isinstance(model, Mapping) else None
    return checked(
        Recipe,
        current,
        f"recipe {content.get('name', '?')}",
        error=RecipeError,
        context={"model": _settings},
        parts={} if entry is None else {"model": entry.settings},
    )


def change_in_use(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe of a trained model with some settings changed that do not affect its weights.

    Args:
        recipe: of the model.
        overrides: dotted key -> value.

    Raises:
        RecipeError: a key decides the weights, or a value is of the wrong type.
    """
    free = [f"model.{name}" for name in recipe.model.free_in_use]
    for key in overrides:
        if key not in free and not key.startswith("post."):
            raise RecipeError(
                f"{key!r} of a trained {recipe.model.method} cannot be changed; only "
                f"{', '.join([*free, '[post]'])} can be, such as post.rerank.k1=30"
            )
    content = recipe.model_dump()
    for key, value in overrides.items():
        set_value(content, key, value)
    return check_recipe(content)


def build_method(
    recipe: Recipe, classes: Mapping[str, int], *, weights: str | None = None
) -> Method:
    """Build the method of a recipe with fresh weights.

    Args:
        recipe: a checked recipe.
        classes: label column -> number of classes among the training rows, as in
            `platefree.batches.training_data.TrainingData.classes`.
        weights: instead of the recipe's start weights; ``none`` when a checkpoint follows.

    Raises:
        RecipeError: the backbone does not exist or cannot be built so.
        TrainingError: the start weights cannot be loaded or do not fit.
    """
    return METHODS[recipe.model.method].build(recipe.model, recipe, classes, weights)


def needs_training(recipe: Recipe) -> bool:
    """Whether the method of a recipe has anything to learn."""
    return not recipe.model.learns_nothing


def resolve(recipe: Recipe) -> Recipe:
    """Make a recipe self-contained: fill in what comes from the backbone and from other models.

    Raises:
        RecipeError: the backbone does not exist, or cannot take pictures of the recipe's scales, or
            another model does not suit it.
        CheckpointError: there is no such other model.
    """
    check_scales(recipe)
    mean, std = recipe.model.statistics()
    unset = {"mean": recipe.input.mean or mean, "std": recipe.input.std or std}
    return recipe.model_copy(
        update={"input": recipe.input.model_copy(update=unset), "model": recipe.model.resolved()}
    )


def check_scales(recipe: Recipe) -> None:
    """Refuse picture scales that the network cannot take.

    Raises:
        RecipeError: the network takes pictures of one size only, as most transformers do.
    """
    shape = recipe.input
    if shape.scales != [1.0] and (what := recipe.model.takes_one_size()):
        raise RecipeError(
            f"input.scales is {shape.scales}, but {what} takes pictures of "
            f"{shape.height} x {shape.width} pixels only; set it to [1.0]"
        )


def _settings(content: Mapping[str, Any]) -> MethodSettings:
    """The section ``[model]`` as the settings of its method; pydantic reports its errors."""
    method = content.get("method")
    if method is not None and (not isinstance(method, str) or method not in METHODS):
        raise ValueError(
            f"model.method is {str(method)[:60]!r}; expected one of {', '.join(METHODS)}"
        )
    return METHODS[method].settings.model_validate(content) if method else MethodSettings(**content)
