"""Ablations as files: rows of settings that are trained and scored alike, and what they claim.

A TOML file lists the rows. All rows have the same pictures, the same seeds and, unless a row
changes it, the same budget; `converged` gives them as long as each needs. They are run by
`platefree.experiments.ablation_run`.
"""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import Field, field_validator, model_validator

from platefree.errors import RecipeError
from platefree.experiments.claims import Claim
from platefree.inputs.complaints import checked
from platefree.inputs.documents import parse_toml, read_unicode
from platefree.methods.catalogue import needs_training, recipe_with
from platefree.recipes.builtin import RECIPE
from platefree.recipes.lengths import check_lengths
from platefree.recipes.ranges import Figure
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Section
from platefree.training.run_folder import flat

CONVERGED: Mapping[str, Any] = MappingProxyType(
    {
        "train.epochs": 16,
        "train.steps": 0,
        "train.max_steps": 0,
        "train.validation": 0.2,
        "train.validate_epochs": 2,
        "train.patience": 16,
        "train.decay": "cosine",
        "train.decay_epochs": [],  # a cosine would begin at the first of them
        "train.warmup_epochs": 1.0,
    }
)
"""How long every row learns: until its score on held-out vehicles no longer rises.

All rows learn for the same epochs, as many as a pilot needed: while the rate falls to nothing, the
score stops rising. Waiting for that at a constant rate took the pilot 2.6 times as many pictures,
and it ended no higher than three seeds are apart. A row with more epochs (``train.epochs``)
ends where its score has not risen for those of ``train.patience``.

A fifth of the training vehicles is held out, since with few of them nearly every search among
them succeeds, long before the model has learnt all it can.
"""


class Row(Section):
    """One row: a recipe and what it changes.

    Attributes:
        name: of the row, unique.
        recipe: a built-in name or a file.
        set: key -> value (``"train.lr" = 0.01``, or a table ``train``), set after the shared ones.
        converged: key -> value, set last if the rows learn until they `converged`.
        paper: the published figures of this row by name, as fractions.
    """

    name: str
    recipe: str
    set: dict[str, Any] = Field(default_factory=dict)
    converged: dict[str, Any] = Field(default_factory=dict)
    paper: dict[str, Figure] = Field(default_factory=dict)


class Ablation(Section):
    """The rows to compare, and how.

    Attributes:
        title: of the table.
        figures: the columns, by the names that a report uses (``rank-1``, ``mAP``), or costs
            by their names in `platefree.experiments.cost.COSTS`.
        protocol: see `platefree.evaluate`; by default that of the data.
        also: further protocols, whose figures are named ``TEST FIGURE``, or ``PROTOCOL FIGURE``
            for a protocol of one test.
        set: key -> value, for all rows.
        converged: key -> value, for all rows if they learn until they `converged`.
        notes: sentences to print under the table.
        rows: at least one; a method without training is only scored.
        claims: of the paper or ours, about the figures of two rows.
    """

    title: str
    figures: list[str] = Field(default=["rank-1", "mAP"])
    protocol: str | None = None
    also: list[str] = Field(default_factory=list)
    set: dict[str, Any] = Field(default_factory=dict)
    converged: dict[str, Any] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    rows: list[Row]
    claims: list[Claim] = Field(default_factory=list)

    @field_validator("rows")
    @classmethod
    def _have_names_of_their_own(cls, rows: list[Row]) -> list[Row]:
        names = [folder_name(row.name) for row in rows]
        if not rows or len(set(names)) < len(names):
            raise ValueError(f"rows are named {[row.name for row in rows]}; expected distinct ones")
        return rows

    @model_validator(mode="after")
    def _claims_are_of_its_rows_and_figures(self) -> "Ablation":
        names = [row.name for row in self.rows]
        for claim in self.claims:
            strange = [name for name in (claim.row, claim.other) if name not in names]
            if strange:
                raise ValueError(f"a claim names the row {strange[0]!r}; expected one of {names}")
            if claim.figure not in self.figures:
                raise ValueError(
                    f"a claim names the figure {claim.figure!r}; expected one of {self.figures}"
                )
        return self


def ablation_names() -> list[str]:
    """The names of the built-in ablations, sorted."""
    folder = resources.files("platefree.experiments") / "ablations"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir())


def load_ablation(name: str | Path) -> Ablation:
    """Read an ablation from a file or by its built-in name, and check it and all its recipes.

    Raises:
        RecipeError: no such ablation, not TOML, an unknown key, an invalid recipe, or a length
            that something else decides.
    """
    content = parse_toml(_read(str(name)), f"ablation {name}", RecipeError)
    ablation = checked(Ablation, content, f"ablation {name}", error=RecipeError)
    recipes = learning_recipes(ablation)
    check_lengths(flat(ablation.set), [*recipes.values()])
    for row in ablation.rows:
        check_lengths(flat(row.set), [recipes[row.name]] if row.name in recipes else [])
    return ablation


def row_recipe(ablation: Ablation, row: Row, *, seed: int) -> Recipe:
    """The recipe of a row with a seed.

    Raises:
        RecipeError: it is invalid.
    """
    return recipe_with(row.recipe, {**_in_turn(ablation.set, row.set), "train.seed": seed})


def converged(ablation: Ablation) -> Ablation:
    """The same rows, each learning until its score on held-out vehicles no longer rises.

    The settings of all rows are followed by `CONVERGED` and by those that the ablation has for
    this; a row may add to its own.

    Raises:
        RecipeError: a row does not fit these settings.
    """
    rows = [
        row.model_copy(update={"set": _in_turn(row.set, row.converged)}) for row in ablation.rows
    ]
    together = _in_turn(ablation.set, CONVERGED, ablation.converged)
    whole = ablation.model_copy(update={"set": together, "rows": rows})
    learning_recipes(whole)
    return whole


def changed(ablation: Ablation, overrides: Mapping[str, Any]) -> Ablation:
    """The same with other settings of all rows; those of a row still come after them.

    Raises:
        RecipeError: a row does not fit these settings, or no row is as long as they say.
    """
    together = _in_turn(ablation.set, overrides)
    other = ablation.model_copy(update={"set": together})
    check_lengths(flat(overrides), [*learning_recipes(other).values()])
    return other


def only(ablation: Ablation, names: Sequence[str]) -> Ablation:
    """Some of its rows, in its own order, with the claims that are of these rows alone.

    Raises:
        RecipeError: it has no row of such a name.
    """
    known, wanted = [row.name for row in ablation.rows], set(names)
    if strange := [name for name in names if name not in known]:
        raise RecipeError(f"no row named {strange[0]!r}; expected one of {known}")
    return ablation.model_copy(
        update={
            "rows": [row for row in ablation.rows if row.name in wanted],
            "claims": [each for each in ablation.claims if {each.row, each.other} <= wanted],
        }
    )


def _in_turn(*settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings one after the other, with dotted keys."""
    together: dict[str, Any] = {}
    for each in settings:
        for key, value in flat(each).items():
            together.pop(key, None)  # or an empty table would clear what is set after it
            together[key] = value
    return together


def learning_recipes(ablation: Ablation) -> dict[str, Recipe]:
    """The recipes of the rows that learn, by name; those of all rows are checked."""
    recipes = {row.name: row_recipe(ablation, row, seed=0) for row in ablation.rows}
    return {name: recipe for name, recipe in recipes.items() if needs_training(recipe)}


def _read(name: str) -> str:
    if not name.endswith(".toml"):
        if name not in ablation_names():
            raise RecipeError(
                f"no ablation named {name!r}; expected one of {', '.join(ablation_names())}, or a "
                "file that ends in .toml"
            )
        file = resources.files("platefree.experiments") / "ablations" / f"{name}.toml"
        return file.read_text(encoding="utf-8")
    return read_unicode(name, RECIPE)


def folder_name(row: str) -> str:
    """The name of the folder of a row's runs."""
    return re.sub(r"[^\w+-]+", "-", row).strip("-").lower()
