"""The command line: flat verbs that call the library, one file for each group of verbs.

Data goes to stdout, progress and notes to stderr. Exit codes: 0 done, 1 refused with a reason in
one line, 2 wrong usage. Heavy imports happen inside the verbs, so ``--help`` is instant.
"""

import logging
import os
import sys
from typing import Annotated

import click
import typer

from platefree.cli import data, demo, evaluation, info, searching, training
from platefree.errors import PlatefreeError

app = typer.Typer(
    name="platefree",
    help="Find the same vehicle across cameras without reading its plate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.add_typer(info.recipes_app, name="recipes")
app.command("demo")(demo.demo)
app.command("doctor")(info.doctor)
app.command("train")(training.train)
app.command("eval")(evaluation.evaluate)
app.command("compare")(searching.compare)
app.command("embed")(searching.embed)
app.command("search")(searching.search)


@app.callback()
def options(
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
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING, format="%(message)s", stream=sys.stderr
    )


def main() -> None:
    """The ``platefree`` command."""
    try:
        result = app(standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except PlatefreeError as error:
        if "--debug" in sys.argv:
            raise
        code = _refuse(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = 2
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        code = _refuse("interrupted; nothing was left half-written")
    except BrokenPipeError:  # the reader of a pipe, such as head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _refuse(reason: str) -> int:
    line = " ".join(reason.split())
    sys.stderr.write(f"platefree: {line}\n")
    return 1
