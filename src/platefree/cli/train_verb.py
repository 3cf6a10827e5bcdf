"""The verb ``train``."""

import difflib
from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import (
    DeviceName,
    DeviceOption,
    Json,
    SkipUnreadable,
    done,
    notes,
    print_json,
)
from platefree.errors import TrainingError


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="See 'platefree recipes'; or a .toml file.")
    ],
    data: Annotated[
        Path, typer.Option("--data", "-d", metavar="PATH", help="Table or folder of pictures.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="For the run.", show_default="runs/RECIPE"
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a setting: train.lr=0.01."),
    ] = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run that is at --out.")
    ] = False,
    skip_unreadable: SkipUnreadable = False,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Train a model on a table of pictures with known vehicles.

    For several GPUs put 'torchrun --nproc-per-node 4 -m' before 'platefree'.
    """
    from platefree.cli.progress import training_progress
    from platefree.machine import started_as
    from platefree.methods.catalogue import load_recipe
    from platefree.recipes.overrides import parse_overrides
    from platefree.training.loop import train as run_training
    from platefree.work import Work

    chosen = load_recipe(recipe, parse_overrides(settings or []))
    folder = out or Path("runs") / chosen.name.replace("/", "-")
    if resume:
        _check_resumable(folder)
    with training_progress() as on_step:
        run = run_training(
            chosen,
            data,
            folder,
            resume=resume,
            unreadable="skip" if skip_unreadable else "refuse",
            work=Work(device=device.value),
            on_step=on_step,
        )
    if started_as() > 0:
        return  # only the first process prints
    if as_json:
        print_json(
            {
                "best": str(run.best),
                "last": str(run.last),
                "step": run.step,
                "total_steps": run.total,
                "validation_map": run.validation_map,
                "left_out": run.left_out,
            }
        )
    if run.validation_map is not None:
        figures = {
            "vehicle": "mAP on held-out vehicles (leave-one-out)",
            "parts": "AP on held-out pictures",
        }
        figure = figures.get(chosen.model.learns, "held-out accuracy")
        notes.print(f"{figure}: {run.validation_map:.4f}")
    notes.print(f"trained {run.step} of {run.total} steps")
    done(run.best, "model")


def _check_resumable(folder: Path) -> None:
    """Refuse a folder without a run, which is most often a typing error."""
    if _is_run(folder):
        return
    beside = sorted(folder.parent.iterdir()) if folder.parent.is_dir() else []
    runs = [folder.parent, *beside] if _is_run(folder.parent) else beside
    names = [str(run) for run in runs if run != folder and _is_run(run)]
    near = difflib.get_close_matches(str(folder), names, n=1, cutoff=0.0)
    hint = f"did you mean --out {near[0]}? " if near else ""
    raise TrainingError(
        f"there is no run to resume at {folder}, which has no checkpoint 'last': {hint}"
        "Leave --resume out to begin a run"
    )


def _is_run(folder: Path) -> bool:
    from platefree.checkpoint import CARD

    return (folder / "last" / CARD).is_file()
