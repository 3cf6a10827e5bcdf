"""The verbs ``doctor`` and ``recipes``, and ``--version``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from platefree.cli.console import Json, PlainHelp, out, print_json, refuse_given

recipes_app = typer.Typer(
    cls=PlainHelp,
    help="List the built-in recipes, or show one.",
    no_args_is_help=False,
    rich_markup_mode=None,
)


_START = """\
Start here: platefree train strong_baseline/small --data TABLE
On a GPU: strong_baseline/default. Without labelled pictures: platefree demo.
A recipe is METHOD/NAME; 'platefree recipes show METHOD/NAME' prints all its settings.
"2 cores" is minutes on two cores of a processor."""

_METHODS = {
    "strong_baseline": "one network, one embedding; the first to try",
    "vanet": "two embeddings, for equal and for different sides of the vehicle; needs views",
    "drdl": "two branches, for the vehicle and for its model; needs vehicle models",
    "part_regularized": "looks at windows, lights and brand; needs part boxes in training",
    "fda_net": "also learns from hard negatives that a second network makes up",
    "vehiclenet": "learns from several data sets, then from the one that counts",
    "multi_branch": "several branches with a loss each",
    "color_stripes": "compares colors alone, learns nothing: what a trained model has to beat",
    "viewpoint": "not a search: which side of the vehicle does a picture show?",
    "camera": "not a search: which camera took a picture?",
    "part_detector": "not a search: where are windows, lights and brand?",
    "vehicle_detector": "not a search: where are vehicles and plates on whole frames?",
}
"""The methods in plain words, the first to try first."""

_COSTS = {
    "demo": "1 minute",
    "small": "2 cores",
    "city": "2 cores",
    "color_stripes/default": "nothing",
    "strong_baseline/vehicleid": "4 GPUs",
    "strong_baseline/veri-wild": "4 GPUs",
    "vehiclenet/cityflow": "GPUs",
    "vehicle_detector/city": "1 GPU",
    "vehicle_detector/plates": "1 GPU",
}
"""What training takes, by recipe, or by the last part of its name; all others: one GPU."""


def print_version(value: bool) -> None:
    """Print the version and exit."""
    if value:
        from importlib.metadata import version

        out.print(f"platefree {version('platefree')}")
        raise typer.Exit


def doctor(
    *,
    as_json: Json = False,
) -> None:
    """Show what is installed, and commands that install the rest."""
    from platefree.doctor import diagnose

    diagnosis = diagnose(Path())
    if as_json:
        print_json(diagnosis.to_json())
    else:
        marks = {"ok": "✓", "note": "·", "missing": "✗", "old": "✗"}
        for finding in diagnosis.findings:
            out.print(f"{marks[finding.state]} {finding.subject}: {finding.found}")
            if finding.remedy:  # in a line of its own, to copy
                out.print(f"    {finding.remedy}")
    if not diagnosis.healthy:
        raise typer.Exit(1)


@recipes_app.callback(invoke_without_command=True)
def list_recipes(
    context: typer.Context,
    *,
    as_json: Json = False,
) -> None:
    """List the built-in recipes."""
    if context.invoked_subcommand is not None:
        refuse_given(context, ["as_json"], "give it after 'show', which has its own")
        return
    from platefree.recipes.builtin import recipe_description, recipe_names

    descriptions = {name: recipe_description(name) for name in recipe_names()}
    if as_json:
        print_json(descriptions)
        return
    out.print(_START)
    for method, what in _METHODS.items():
        out.print(f"\n{method}: {what}")
        table = Table.grid(padding=(0, 2))
        for name, description in descriptions.items():
            if name.startswith(f"{method}/"):
                short = name.removeprefix(f"{method}/")
                table.add_row(
                    f"  {short}", _COSTS.get(name, _COSTS.get(short, "1 GPU")), description
                )
        out.print(table)


@recipes_app.command("show")
def show_recipe(
    name: Annotated[str, typer.Argument(metavar="RECIPE", help="A name or a .toml file.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a setting: train.lr=0.01."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Print a complete recipe with its defaults, as TOML to save and change."""
    from platefree.methods.catalogue import load_recipe
    from platefree.recipes.overrides import parse_overrides
    from platefree.recipes.toml import to_toml

    recipe = load_recipe(name, parse_overrides(settings or []))
    if as_json:
        print_json(recipe.model_dump())
    else:
        out.print(to_toml(recipe), end="")
