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
    ablation,
    city,
    data,
    demo,
    evaluation,
    info,
    joining,
    labelling,
    parts,
    searching,
    submission,
    training,
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
app.add_typer(data.app, name="data")
app.add_typer(info.recipes_app, name="recipes")
app.command("city")(city.city)
app.command("demo")(demo.demo)
app.command("doctor")(info.doctor)
app.command("train")(training.train)
app.command("eval")(evaluation.evaluate)
app.command("ablate")(ablation.ablate)
app.command("ensemble")(joining.ensemble)
app.command("bench-methods")(ablation.bench_methods)
app.command("submit")(submission.submit)
app.command("compare")(searching.compare)
app.command("embed")(searching.embed)
app.command("search")(searching.search)
app.command("label")(labelling.label)
app.command("parts")(parts.parts)


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
            "--version", callback=info.print_version, is_eager=True, help="Print the version."
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
