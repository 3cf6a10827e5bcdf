"""The command line: flat verbs that call the library, one file for each group of verbs.

Data goes to stdout, progress and notes to stderr. Exit codes: 0 done, 1 refused with a reason in
one line, 2 wrong usage. Heavy imports happen inside the verbs, so ``--help`` is instant.
"""

import logging
import sys
from typing import Annotated, Any

import typer

from platefree.cli import (
    ablate_verbs,
    audit_verbs,
    calibrate_verb,
    city_verb,
    data_verbs,
    demo_verb,
    detect_verb,
    ensemble_verb,
    eval_verb,
    export_verb,
    gallery_verbs,
    info_verbs,
    ingest_verb,
    journey_verb,
    label_verb,
    models_verb,
    parts_verb,
    picture_verbs,
    samples_verb,
    search_verb,
    serve_verbs,
    submit_verb,
    train_verb,
)
from platefree.cli.console import NotesHandler, PlainFormatter, PlainHelp, printable
from platefree.cli.endings import is_lack_of_memory, stops_as_ctrl_c, whole_output
from platefree.errors import Interrupted, PlatefreeError, first_line
from platefree.installs import training_install
from platefree.machine import started_processes


class Verbs(PlainHelp):
    """The verbs, with a message for Ctrl-C and SIGTERM in verbs without their own."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Say what it is for right below the usage, so that all verbs fit a screen."""
        with formatter.indentation():
            formatter.write_text(self.help)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """Name the options in the usage, so that there is room for verbs."""
        del ctx
        return ["[--debug] [--version] [-h, --help] VERB ..."]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """List the verbs alone."""
        self.format_commands(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own class of contexts moved
        """Run a verb."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("stopped; nothing was left half-written") from None


app = typer.Typer(
    cls=Verbs,
    name="platefree",
    help="Find the same vehicle across cameras without reading its plate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_FIND, _MAKE = "Find vehicles", "Prepare pictures, train models"

app.command("search", rich_help_panel=_FIND)(search_verb.search)
app.command("journey", rich_help_panel=_FIND)(journey_verb.journey)
app.command("compare", rich_help_panel=_FIND)(picture_verbs.compare)
app.command("embed", rich_help_panel=_FIND)(picture_verbs.embed)
app.add_typer(gallery_verbs.app, name="gallery", rich_help_panel=_FIND)
app.command("ingest", rich_help_panel=_FIND)(ingest_verb.ingest)
app.add_typer(serve_verbs.app, name="serve", rich_help_panel=_FIND)
app.add_typer(audit_verbs.app, name="audit", rich_help_panel=_FIND)
app.command("detect", rich_help_panel=_FIND)(detect_verb.detect)
app.command("eval", rich_help_panel=_FIND)(eval_verb.evaluate)
app.command("calibrate", rich_help_panel=_FIND)(calibrate_verb.calibrate)
app.command("submit", rich_help_panel=_FIND)(submit_verb.submit)
app.command("models", rich_help_panel=_FIND)(models_verb.models)
app.command("doctor", rich_help_panel=_FIND)(info_verbs.doctor)
app.command("demo", rich_help_panel=_MAKE)(demo_verb.demo)
app.add_typer(data_verbs.app, name="data", rich_help_panel=_MAKE)
app.command("label", rich_help_panel=_MAKE)(label_verb.label)
app.command("parts", rich_help_panel=_MAKE)(parts_verb.parts)
app.command("city", rich_help_panel=_MAKE)(city_verb.city)
app.add_typer(info_verbs.recipes_app, name="recipes", rich_help_panel=_MAKE)
app.command("train", rich_help_panel=_MAKE)(train_verb.train)
app.command("samples", rich_help_panel=_MAKE)(samples_verb.samples)
app.command("ensemble", rich_help_panel=_MAKE)(ensemble_verb.ensemble)
app.command("export", rich_help_panel=_MAKE)(export_verb.export)
app.command("ablate", rich_help_panel=_MAKE)(ablate_verbs.ablate)
app.command("bench-methods", rich_help_panel=_MAKE)(ablate_verbs.bench_methods)


@app.callback()
def options(
    context: typer.Context,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show more notes, and tracebacks of errors.")
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
    processes = started_processes()
    if processes > 1 and context.invoked_subcommand != "train":
        raise PlatefreeError(
            f"torchrun started {processes} processes, but only 'train' runs under it; run "
            f"'platefree {context.invoked_subcommand}' without it ('eval' and 'embed' start "
            "their own processes with --processes)"
        )
    handler = NotesHandler()
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])


def main() -> None:
    """The ``platefree`` command."""
    try:
        _run()
    except PlatefreeError as error:
        if "--debug" in sys.argv:
            raise
        sys.stderr.write(f"platefree: {printable(' '.join(str(error).split()))}\n")
        sys.exit(1)


def _run() -> None:
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        with stops_as_ctrl_c(), training_install(f"'platefree {verb}'"), whole_output():
            app()
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_lack_of_memory(error):
            raise
        raise PlatefreeError(
            f"{verb}: not enough memory ({first_line(error)}); nothing was left half-written: "
            "use smaller batches or pictures, fewer --workers or --processes, or more memory"
        ) from error
