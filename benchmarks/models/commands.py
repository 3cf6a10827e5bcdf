"""Verbs of the command line, one after the other, as the scripts beside this file need them."""

import subprocess
import sys
from pathlib import Path


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
