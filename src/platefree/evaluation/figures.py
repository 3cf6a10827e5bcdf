"""The figures of a report as one table, which the page, the terminal and Markdown show alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from platefree.evaluation.markup import clean
from platefree.evaluation.report import Outcome, PairResult, Report, TrialResult

CAPTION = (
    "Figures in %, gaps in percentage points; queries without match are left out of them. "
    "\N{PLUS-MINUS SIGN} is the standard deviation over the trials (n - 1)."
)

Row = tuple[str, Mapping[str, str]]
"""The name of a row, and its cells by the names of their columns."""

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class FigureTable:
    """A table of figures.

    Attributes:
        head: the names of the columns; the first is that of the names of the rows.
        groups: rows that belong together, such as paper, ours and gap of a test.
    """

    head: tuple[str, ...]
    groups: tuple[tuple[Row, ...], ...]


def figure_table(report: Report) -> FigureTable:
    """One test with a row for each trial, or several tests side by side with their means."""
    columns = _columns(report.tests)
    if len(report.tests) > 1:
        groups = tuple(tuple(_compared(test.name, test)) for test in report.tests)
        return FigureTable(("test", *columns), groups)
    (test,) = report.tests
    each: tuple[Row, ...] = tuple(
        (trial.name, percents(trial.figures()) | _counts([trial])) for trial in test.trials
    )
    if not test.paper and len(test.trials) == 1:
        return FigureTable(("trial", *columns), (each,))
    return FigureTable(("trial", *columns), (tuple(_compared("", test)), each))


def percents(
    figures: Mapping[str, float], deviations: Mapping[str, float] | None = None
) -> dict[str, str]:
    """Fractions as text in per cent, with their deviations where there are any."""
    beside = {
        name: f" \N{PLUS-MINUS SIGN} {100 * value:.2f}"
        for name, value in (deviations or {}).items()
        if np.isfinite(value)
    }
    return {
        name: f"{100 * value:.2f}{beside.get(name, '')}" if np.isfinite(value) else "undefined"
        for name, value in figures.items()
    }


def render_markdown(report: Report) -> str:
    """What was measured on what, and the table of figures, as Markdown."""
    facts = {
        "Model": report.model,
        "Data": report.data,
        "Measured": {"protocol": report.protocol, **report.settings},
    }
    lines = ["# Vehicle re-identification report", ""]
    for title, pairs in facts.items():
        told = ", ".join(f"{_cell(name)} {_cell(text)}" for name, text in pairs.items())
        lines.append(f"- {title}: {told}")
    table = figure_table(report)
    lines += ["", CAPTION, "", _line(table.head), _line(["---", *("---:" for _ in table.head[1:])])]
    for group in table.groups:
        lines += [_line([name, *_filled(cells, table.head)]) for name, cells in group]
    return "\n".join(lines) + "\n"


def _compared(name: str, test: Outcome) -> Iterator[Row]:
    """Paper, ours and gap; ours alone where nothing is claimed."""
    paper = {figure: claim for figure, claim in test.paper.items() if figure in test.figures()}
    prefix = f"{name}: " if name else ""
    ours = percents(test.figures(), test.deviations())
    if paper:
        yield f"{prefix}paper", percents(paper)
    if not name:
        label = "ours, mean of trials" if len(test.trials) > 1 else "ours"
        yield label, ours
    else:
        yield (f"{prefix}ours" if paper else name), ours | _counts(test.trials)
    if paper:
        yield f"{prefix}gap", {figure: _gap(gap) for figure, gap in test.gaps().items()}


def _columns(tests: Sequence[Outcome]) -> list[str]:
    """Figures first, then counts, each in the order of the tests."""
    figures = [name for test in tests for name in test.figures()]
    counts = [name for test in tests for name in test.trials[0].counts()]
    return list(dict.fromkeys(figures + counts))


def _counts(trials: Sequence[TrialResult | PairResult]) -> dict[str, str]:
    """The counts of some trials, from the smallest to the largest."""
    found = {}
    for name in trials[0].counts():
        values = sorted({trial.counts()[name] for trial in trials})
        found[name] = " to ".join(_count(value) for value in dict.fromkeys((values[0], values[-1])))
    return found


def _count(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _gap(difference: float) -> str:
    if not np.isfinite(difference):
        return "undefined"
    return f"{100 * difference:+.2f}".replace("-", _MINUS)


def _filled(cells: Mapping[str, str], head: Sequence[str]) -> list[str]:
    return [cells.get(column, "") for column in head[1:]]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: object) -> str:
    return " ".join(clean(text).replace("|", "\\|").split())
