"""The verb ``train``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from platefree.cli.console import DeviceName, DeviceOption, Json, done, notes, print_json


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
            "--out", "-o", metavar="FOLDER", help="Of the run.", show_default="runs/RECIPE"
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change a setting: train.lr=0.01."),
    ] = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last checkpoint.")
    ] = False,
    device: DeviceOption = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Train a model on a table of pictures with known vehicles.

    For several GPUs put 'torchrun --nproc-per-node 4 -m' before 'platefree'.
    """
    from platefree.cli.progress import training_progress
    from platefree.methods.catalogue import load_recipe
    from platefree.recipes.overrides import parse_overrides
    from platefree.training.loop import train as run_training
    from platefree.work import Work

    chosen = load_recipe(recipe, parse_overrides(settings or []))
    folder = out or Path("runs") / chosen.name.replace("/", "-")
    with training_progress() as on_step:
        run = run_training(
            chosen, data, folder, resume=resume, work=Work(device=device.value), on_step=on_step
        )
    if os.environ.get("RANK", "0") != "0":
        return  # only the first process prints
    if as_json:
        print_json(
            {
                "best": str(run.best),
                "last": str(run.last),
                "step": run.step,
                "total_steps": run.total,
                "validation_map": run.validation_map,
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
