"""Refuse a length of training that was asked for and that a recipe does not go by."""

from collections.abc import Mapping, Sequence
from typing import Any

from platefree.errors import RecipeError
from platefree.recipes.recipe import Recipe


def check_lengths(asked: Mapping[str, Any], recipes: Sequence[Recipe]) -> None:
    """Refuse ``train.epochs`` or ``train.steps`` that change no recipe.

    What decides instead may be asked for in the same breath, since then both are known.

    Args:
        asked: dotted key -> value, as asked for.
        recipes: with these values.

    Raises:
        RecipeError: says what decides, and what to set.
    """
    for key in ("train.epochs", "train.steps"):
        deciders = [_decider(recipe, key) for recipe in recipes]
        if key in asked and deciders and all(deciders) and deciders[0] not in asked:
            raise RecipeError(f"{key}={asked[key]} changes nothing: {_advice(recipes[0], key)}")


def _decider(recipe: Recipe, key: str) -> str:
    """The key that decides the length instead of ``key``; empty if that has a say in a stage."""
    stages = recipe.stages
    if key == "train.steps":
        return "stages" if stages and all(each.steps is not None for each in stages) else ""
    without = [each for each in stages if each.epochs is None and not each.steps]
    if stages and not without:
        return "stages"
    inherit = all(each.steps is None for each in without)
    return "train.steps" if recipe.train.steps and inherit else ""


def _advice(recipe: Recipe, key: str) -> str:
    if _decider(recipe, key) == "stages":
        names = ", ".join(stage.name for stage in recipe.stages)
        return (
            f"every stage of {recipe.name} ({names}) says how long it is; change [[stages]] in a "
            "file of your own ('platefree recipes show NAME' prints one), or end early with "
            "train.max_steps"
        )
    return (
        f"{recipe.name} is {recipe.train.steps} steps long (train.steps), which overrides "
        "it; set train.steps instead, or train.steps=0 as well"
    )
