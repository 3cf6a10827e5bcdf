"""The progress display of training, imported only when training starts."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import mean

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from platefree.cli.console import notes
from platefree.training.step_report import StepReport

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_OF_A_KEPT_RUN = 1.0  # at most


@contextmanager
def training_progress() -> Iterator[Callable[[StepReport], None]]:
    """A bar with ETA, images/s and losses by name; without a terminal, one line per minute.

    It can show several trainings, one after the other.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    if not notes.is_terminal:
        yield _lines()
        return
    with Progress(*columns, console=notes) as progress:
        task = progress.add_task("starting", total=None, state="", visible=False)
        latest = 0

        def show(report: StepReport) -> None:
            nonlocal latest
            if not 0 < latest < report.step:  # the first step of a run
                progress.reset(task, visible=True, completed=report.step - 1)
            latest = report.step
            progress.update(
                task,
                total=report.total,
                completed=report.step,
                description=f"{report.stage} epoch {report.epoch}/{report.epochs}",
                state=_state(report),
            )

        yield show


def announce_runs(total: int) -> Callable[[str, int], None]:
    """Announce each of ``total`` runs with an estimate of the remaining time.

    Returns the function to call with row and seed before each run. The estimate is from the mean
    duration of the rows so far, without runs that were kept from before.
    """
    seconds: dict[str, list[float]] = {}
    begun: list[tuple[str, float]] = []

    def say(row: str, seed: int) -> None:
        now = time.monotonic()
        if begun and now - begun[-1][1] > _SECONDS_OF_A_KEPT_RUN:
            seconds.setdefault(begun[-1][0], []).append(now - begun[-1][1])
        begun.append((row, now))
        each = [mean(taken) for taken in seconds.values()]
        rest = (total - len(begun) + 1) * mean(each) if each else 0.0
        left = f", about {rest / 60:.0f} min left" if each else ""
        notes.print(f"run {len(begun)} of {total}: {row!r}, seed {seed}{left}", soft_wrap=True)

    return say


def _lines() -> Callable[[StepReport], None]:
    started = reported = said = time.monotonic()
    first_step, last_step = 0, -1

    def show(report: StepReport) -> None:
        nonlocal started, reported, said, first_step, last_step
        if last_step < 0 or report.step <= last_step:  # the first step of a run
            started, first_step = reported, report.step - 1
        last_step, reported = report.step, time.monotonic()
        if reported - said < _SECONDS_BETWEEN_LINES and report.step < report.total:
            return
        said = reported
        seconds = (said - started) / (report.step - first_step) * (report.total - report.step)
        notes.print(
            f"step {report.step}/{report.total}  {report.stage} epoch {report.epoch}/"
            f"{report.epochs}  ETA {seconds / 60:.1f} min  {_state(report)}",
            soft_wrap=True,
        )

    return show


def _state(report: StepReport) -> str:
    losses = "  ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
    return f"{report.images_per_second:.0f} images/s  {losses}"
