"""The verbs ``doctor`` and ``recipes``, and ``--version``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from platefree.cli.console import Json, PlainHelp, out, print_json

recipes_app = typer.Typer(
    cls=PlainHelp,
    help="List the built-in recipes, or show one.",
    no_args_is_help=False,
    rich_markup_mode=None,
)


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
    """Show versions, devices, codecs and disk, and commands that install missing parts."""
    from platefree.doctor import diagnose

    diagnosis = diagnose(Path())
    if as_json:
        print_json(diagnosis.to_json())
    else:
        table = Table(title="platefree doctor")
        for column in ("", "what", "found", "to do"):
            table.add_column(column, overflow="fold")
        marks = {"ok": "✓", "note": "·", "missing": "✗", "old": "✗"}
        for finding in diagnosis.findings:
            texts = (finding.subject, finding.found, finding.remedy)
            table.add_row(marks[finding.state], *texts)
        out.print(table)
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
        return
    from platefree.recipes.builtin import recipe_description, recipe_names

    descriptions = {name: recipe_description(name) for name in recipe_names()}
    if as_json:
        print_json(descriptions)
        return
    table = Table(title="recipes", caption="platefree recipes show NAME prints a complete recipe")
    table.add_column("name", no_wrap=True)
    table.add_column("what it is")
    for name, description in descriptions.items():
        table.add_row(name, description)
    out.print(table)


@recipes_app.command("show")
def show_recipe(
    name: Annotated[str, typer.Argument(help="A recipe name or a .toml file.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="Change one value: train.lr=0.01.")
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
