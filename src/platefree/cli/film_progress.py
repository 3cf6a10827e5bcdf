"""The progress of work on footage: seconds of it, how many times real time, and what is left."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from platefree.cli.console import notes


@contextmanager
def film_progress(what: str, seconds: float) -> Iterator[Callable[[float], None]]:
    """A progress bar of footage; yields the function to call with the seconds that are done.

    Args:
        what: is done.
        seconds: of footage in all; NaN is unknown, as of a live stream.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    known, started = seconds == seconds, time.monotonic()
    with Progress(*columns, console=notes, transient=True) as progress:
        task = progress.add_task(what, total=seconds if known else None, state="")

        def show(done: float) -> None:
            of = f" of {clock(seconds)}" if known else ""
            speed = done / max(time.monotonic() - started, 1e-9)
            state = f"{clock(done)}{of}, {speed:.1f} x real time"
            progress.update(task, completed=done, state=state)

        yield show


def clock(seconds: float) -> str:
    """Seconds of footage as ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
