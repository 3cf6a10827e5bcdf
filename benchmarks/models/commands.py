"""Verbs of the command line, one after the other, as the scripts beside this file need them."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LICENCE = Path(__file__).parents[2] / "LICENSE"
"""Of the weights, as of all of this repository."""


def platefree(*arguments: str | Path) -> None:
    """Run a verb, and stop where it stops."""
    command = [sys.executable, "-m", "platefree", *map(str, arguments)]
    print("$", *command[2:], flush=True)
    if code := subprocess.run(command, check=False).returncode:
        raise SystemExit(code)


def train(recipe: str, table: Path, run: Path, *, seed: int, settings: list[str]) -> None:
    """Train a recipe; an interrupted run goes on."""
    changes = [each for setting in settings for each in ("--set", setting)]
    going_on = ["--resume"] if run.exists() else []
    platefree(
        *("train", recipe, "--data", table, "--out", run),
        *("--set", f"train.seed={seed}", *changes, *going_on),
    )


def export(checkpoint: Path, model: Path, *options: str | Path, limits: Sequence[str]) -> None:
    """Export a checkpoint to a model with its licence, and say where it fails."""
    said = [each for limit in limits for each in ("--limit", limit)]
    platefree("export", checkpoint, "--out", model, "--licence", "Apache-2.0", *said, *options)
    shutil.copy(LICENCE, model / "LICENSE")
