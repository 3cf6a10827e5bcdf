"""The command line: flat verbs that call the library, one file for each group of verbs.

Data goes to stdout, progress and notes to stderr. Exit codes: 0 done, 1 refused with a reason in
one line, 2 wrong usage. Heavy imports happen inside the verbs, so ``--help`` is instant.
"""

import logging
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from platefree.cli import (
    ablate_verbs,
    city_verb,
    data_verbs,
    demo_verb,
    ensemble_verb,
    eval_verb,
    info_verbs,
    label_verb,
    parts_verb,
    search_verbs,
    submit_verb,
    train_verb,
)
from platefree.errors import Interrupted, PlatefreeError


class Verbs(TyperGroup):
    """The verbs, with a word about Ctrl-C where the verb itself has none."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own class of contexts moved
        """Run the verb that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted; nothing was left half-written") from None


app = typer.Typer(
    cls=Verbs,
    name="platefree",
    help="Find the same vehicle across cameras without reading its plate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_verbs.app, name="data")
app.add_typer(info_verbs.recipes_app, name="recipes")
app.command("city")(city_verb.city)
app.command("demo")(demo_verb.demo)
app.command("doctor")(info_verbs.doctor)
app.command("train")(train_verb.train)
app.command("eval")(eval_verb.evaluate)
app.command("ablate")(ablate_verbs.ablate)
app.command("ensemble")(ensemble_verb.ensemble)
app.command("bench-methods")(ablate_verbs.bench_methods)
app.command("submit")(submit_verb.submit)
app.command("compare")(search_verbs.compare)
app.command("embed")(search_verbs.embed)
app.command("search")(search_verbs.search)
app.command("label")(label_verb.label)
app.command("parts")(parts_verb.parts)


@app.callback()
def options(
    context: typer.Context,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the trace of an error and more notes.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=info_verbs.print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Find the same vehicle across cameras without reading its plate."""
    del version
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1 and context.invoked_subcommand != "train":
        raise PlatefreeError(
            f"torchrun started {processes} processes, but only 'train' is started so; run "
            f"'platefree {context.invoked_subcommand}' by itself ('eval' and 'embed' start "
            "processes of their own with --processes)"
        )
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING, format="%(message)s", stream=sys.stderr
    )


def main() -> None:
    """The ``platefree`` command."""
    try:
        app()
    except PlatefreeError as error:
        if "--debug" in sys.argv:
            raise
        sys.stderr.write(f"platefree: {' '.join(str(error).split())}\n")
        sys.exit(1)
