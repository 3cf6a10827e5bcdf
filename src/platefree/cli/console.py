"""Output, progress bars and common options of the verbs."""

import json
import logging
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from rich.text import Text
from typer.core import TyperGroup

from platefree.work import MOST_PROCESSES, MOST_WORKERS

if TYPE_CHECKING:
    from platefree.work import Work

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


_HALVES = re.compile("[\ud800-\udfff]")


def printable(text: str) -> str:
    """A text with control characters as Python escapes; line breaks and tabs stay.

    Names and labels come from data, and must not recolor, clear or reorder a terminal.
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class PlainConsole(Console):
    """Prints text as it is: brackets and colons in data are neither markup nor emoji."""

    def __init__(
        self, *, stderr: bool = False, soft_wrap: bool = False, width: int | None = None
    ) -> None:
        super().__init__(
            stderr=stderr,
            soft_wrap=soft_wrap,
            width=width,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401
        """Text to show, of a line, a title or a cell."""
        return super().render_str(printable(text), **options)


class PlainFormatter(logging.Formatter):
    """Log messages as printable text."""

    def format(self, record: logging.LogRecord) -> str:
        """The message."""
        return printable(super().format(record))


notes = PlainConsole(stderr=True)
"""stderr, for progress and notes."""

out = PlainConsole(soft_wrap=True)
"""stdout, for results: tables and paths."""


class NotesHandler(logging.Handler):
    """Prints log messages among the notes, above a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message."""
        notes.print(self.format(record), soft_wrap=True)


class PlainHelp(TyperGroup):
    """Verbs whose help is plain text, which fits a small screen and can be copied."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - of typer's click
        """List the verbs by their panels."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            verb: Any = self.get_command(ctx, name)
            panel = getattr(verb, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, []).append((name, verb.get_short_help_str(limit=70)))
        for panel, rows in panels.items():  # close together, to fit a screen
            formatter.write_heading(panel)
            with formatter.indentation():
                formatter.write_dl(rows)


class DeviceName(StrEnum):
    """Where to run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
DeviceOption = Annotated[DeviceName, typer.Option(help="auto, cpu, cuda or mps.", metavar="NAME")]
Workers = Annotated[
    int,
    typer.Option(
        min=-1,
        max=MOST_WORKERS,
        metavar="N",
        show_default="automatic",
        help="Loading processes.",
    ),
]
Processes = Annotated[
    int,
    typer.Option(min=1, max=MOST_PROCESSES, metavar="N", help="Embedding processes."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        show_default="the gallery's, or the built-in one",
        help="Checkpoint, exported model, or color_stripes.",
    ),
]
SkipUnreadable = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave out pictures that cannot be read."),
]
ModelOrShipped = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        show_default="the built-in one",
        help="Checkpoint, exported model, or color_stripes (colors alone).",
    ),
]
RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="FOLDER",
        show_default="as embedded",
        help="Where stored pictures are.",
    ),
]


def numbers_of(text: str, option: str) -> list[int]:
    """The numbers of sightings, as they are typed for an option.

    Raises:
        BadParameter: they are no numbers.
    """
    words = text.split(",") if text else []
    words = [word.strip() for word in words]
    if not all(word.isdecimal() and len(word) < 20 and int(word) < 2**63 for word in words):
        raise typer.BadParameter(f"{text!r}, expected numbers such as 12,15", param_hint=option)
    return [int(word) for word in words]


def refuse_given(context: typer.Context, names: Sequence[str], why: str) -> None:
    """Refuse options that were given, and that would be passed over.

    Args:
        context: of the verb.
        names: of its parameters.
        why: they have no meaning, for the message.

    Raises:
        BadParameter: one was given.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            option = max(parameter.opts, key=len)
            said = option if option.startswith("-") else parameter.metavar
            raise typer.BadParameter(f"{why}: leave {said} out")


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
    """Print plain content as JSON to stdout; NaN and infinity, which JSON lacks, become null."""
    plain = _finite(content)
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    if _HALVES.search(text):  # a name of a file that is not UTF-8
        text = json.dumps(plain, indent=2, allow_nan=False)
    sys.stdout.write(text + "\n")


def _finite(content: Any) -> Any:  # noqa: ANN401
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def done(path: str | Path, what: str) -> None:
    """Print the last line of a verb: the path of its output."""
    notes.print(Text.assemble(f"{what}: ", (printable(str(path)), "bold")), soft_wrap=True)


def note_skipped(skipped: list[str]) -> None:
    """Print why pictures were left out, of the first of them."""
    from platefree.data.listed_text import many

    for reason in skipped[:5]:
        notes.print(f"skipped: {reason}", soft_wrap=True)
    if len(skipped) > 5:
        notes.print(f"... and {many(len(skipped) - 5, 'more picture')} that cannot be read")


@contextmanager
def picture_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
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
        TextColumn("{task.description}", markup=False),
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
