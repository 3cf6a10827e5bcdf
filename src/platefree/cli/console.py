"""Output, progress bars and common options of the verbs."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from platefree.work import Work

notes = Console(stderr=True, highlight=False)
"""stderr, for progress and notes."""

out = Console(highlight=False, soft_wrap=True)
"""stdout, for results: tables and paths."""


class DeviceName(StrEnum):
    """Where to run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
DeviceOption = Annotated[DeviceName, typer.Option(help="Where to run.", metavar="auto|cpu|cuda")]
Workers = Annotated[int, typer.Option(min=-1, metavar="N", help="Loading processes, -1 automatic.")]
Processes = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Embedding processes."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        show_default="the gallery's, or color_stripes",
        help="Checkpoint folder, or color_stripes.",
    ),
]


def work_of(
    device: DeviceName,
    workers: int = -1,
    processes: int = 1,
    progress: Callable[[int], None] | None = None,
) -> "Work":
    """Device, workers and progress, from the options of a verb."""
    from platefree.work import Work, no_progress

    return Work(
        device=device.value,
        workers=workers,
        processes=processes,
        progress=progress or no_progress,
    )


def print_json(content: Any) -> None:  # noqa: ANN401
    """Print plain content as JSON to stdout."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def done(path: Path, what: str) -> None:
    """Print the last line of a verb: the path of its output."""
    notes.print(f"{what}: [bold]{path}[/bold]", soft_wrap=True)


@contextmanager
def picture_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar of pictures; yields the function to call with the number done."""
    with _progress() as progress:
        task = progress.add_task(what, total=total, speed="-")

        def advance(count: int) -> None:
            _move(progress, task, advance=count)

        yield advance


@contextmanager
def stage_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for work in stages; yields the function to call with (stage, done, of)."""
    with _progress() as progress:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total, speed="-")
            _move(progress, tasks[stage], completed=done)

        yield report


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]} images/s"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
    )


def _move(
    progress: Progress, task: TaskID, *, advance: int | None = None, completed: int | None = None
) -> None:
    progress.update(task, advance=advance, completed=completed)
    speed = next(each.speed for each in progress.tasks if each.id == task)
    progress.update(task, speed=f"{speed:.0f}" if speed else "-")
