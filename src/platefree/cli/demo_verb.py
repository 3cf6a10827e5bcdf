"""The verb ``demo``: render, train, score and report, or film and serve, with the package alone."""

from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import Json, done, notes, out, print_json, refuse_given, stage_progress


def demo(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FOLDER", help="For pictures, model and report."),
    ] = Path("platefree-demo"),
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, max=2**32 - 1, metavar="N", help="Same seed, same demo."),
    ] = 0,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="N", help="For --serve; 0: any free one.")
    ] = 8000,
    *,
    serve: Annotated[
        bool, typer.Option("--serve", help="Instead: film the city, find vehicles, open the page.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Render, train, score and report in minutes: try it first.

    It needs no network, no pictures and no GPU. Run the same command again to continue it.
    """
    if serve:
        refuse_given(context, ["as_json"], "--serve has no results to print")
        _serve(folder, seed, port)
        return
    from platefree.cli.progress import training_progress
    from platefree.experiments.demo import run_demo

    result = run_demo(
        folder,
        seed=seed,
        say=notes.print,
        watch_rendering=stage_progress,
        watch_training=training_progress,
    )
    if as_json:
        print_json(result.to_json())
    else:
        from platefree.cli.tables import demo_table

        out.print(demo_table(result.floor, result.trained))
    notes.print(f"search it: {result.search_command}", soft_wrap=True)
    done(result.report, "report")


def _serve(folder: Path, seed: int, port: int) -> None:
    """The analyst's demo: the page, with footage of a rendered city."""
    from platefree.installs import service_install

    with service_install("'platefree demo --serve'"):
        import platefree.service.app  # noqa: F401 - refused before the long work
    from platefree.cli.serve_verbs import serve_here
    from platefree.experiments.demo_footage import demo_footage

    made = demo_footage(folder, seed=seed, say=notes.print, watch_rendering=stage_progress)
    serve_here(made.gallery, made.cameras, port)
