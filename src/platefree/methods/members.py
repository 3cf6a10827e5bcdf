"""Several trained models as one, joined without further training."""

from collections.abc import Mapping
from typing import Literal, NoReturn

from platefree.errors import RecipeError
from platefree.recipes.ranges import PositiveWeight
from platefree.recipes.recipe import MethodSettings, Recipe


class EnsembleSettings(MethodSettings):
    """Trained models whose embeddings are concatenated; 'platefree ensemble' makes one."""

    method: Literal["ensemble"]
    members: list[str]  # their fingerprints
    weights: list[PositiveWeight]  # of each similarity in the mean


def build(
    settings: EnsembleSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> NoReturn:
    """Refused: members are built one by one, see `platefree.inference.ensemble`.

    Raises:
        RecipeError: always.
    """
    del settings, recipe, classes, weights
    raise RecipeError(
        "an ensemble is not trained: train its members, and join them with 'platefree "
        "ensemble MODEL MODEL --out FOLDER'"
    )
