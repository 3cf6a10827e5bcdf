"""The progress display of training; imported only when training starts."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from platefree.cli.console import notes
from platefree.training import StepReport


@contextmanager
def training_progress() -> Iterator[Callable[[StepReport], None]]:
    """A bar with ETA, images/s, rate and losses by name; only on the first process."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
    )
    quiet = os.environ.get("RANK", "0") != "0"
    with Progress(*columns, console=notes, disable=quiet) as progress:
        task = progress.add_task("starting", total=None, state="")

        def show(report: StepReport) -> None:
            losses = " ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
            progress.update(
                task,
                total=report.total,
                completed=report.step,
                description=f"{report.stage} epoch {report.epoch}/{report.epochs}",
                state=f"{report.images_per_second:.0f} images/s  {losses}",
            )

        yield show
