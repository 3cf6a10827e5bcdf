"""Several trained models as one. It is put together from models, and never trained."""

from collections.abc import Mapping
from typing import Literal, NoReturn

from platefree.errors import RecipeError
from platefree.recipes.recipe import MethodSettings, Recipe


class EnsembleSettings(MethodSettings):
    """Trained models whose embeddings stand beside each other; 'platefree ensemble' makes one."""

    method: Literal["ensemble"]
    members: list[str]  # their fingerprints
    weights: list[float]  # what the similarity of each counts in the mean


def build(
    settings: EnsembleSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> NoReturn:
    """Refused: its members are built instead, see `platefree.inference.ensemble`.

    Raises:
        RecipeError: always.
    """
    del settings, recipe, classes, weights
    raise RecipeError(
        "an ensemble is not trained: train its members, and join them with 'platefree "
        "ensemble MODEL MODEL --out FOLDER'"
    )
