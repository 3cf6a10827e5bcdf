"""The figures of a report as tables, the same on the page, in the terminal and in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from platefree.evaluation.results import Outcome, Report
from platefree.evaluation.trial_results import AnyResult
from platefree.reports.drawing import clean

CAPTION = (
    "Figures in %, gaps in percentage points; queries without match are left out of them. A "
    "deviation is the standard deviation over so many trials (n - 1)."
)

STEPS = (
    "The post-processing step by step: each row adds a step to the row above. Figures in %, with "
    "the gain in percentage points; seconds are those of distances and scores, and of what the "
    "steps embed. A row by the true cameras shows what guessing them costs in the row above it."
)

METADATA = (
    "The same model and pictures, without metadata and with: in the second row the model is "
    "conditioned on labels that occur in its training, so the figure holds for the cameras of the "
    "training data only. All other figures, curves and examples are without metadata. In %, with "
    "the gain in percentage points."
)

COLORS_ALONE = "colors alone (color_stripes)"
"""The name of the row of the floor."""

BY_TRUE_CAMERAS = ", by the true cameras"
"""The end of the name of a row beside that of guessed cameras."""

Row = tuple[str, Mapping[str, str]]
"""The name of a row, and its cells by the names of their columns."""

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class FigureTable:
    """A table of figures.

    Attributes:
        first: what the rows are, ``trial``, ``test`` or ``post-processing``.
        figures: names of the columns of figures.
        counts: names of the columns of counts and seconds.
        groups: rows that belong together, such as paper, ours and gap of a test.
    """

    first: str
    figures: tuple[str, ...]
    counts: tuple[str, ...]
    groups: tuple[tuple[Row, ...], ...]

    @property
    def head(self) -> tuple[str, ...]:
        """The names of all columns."""
        return (self.first, *self.figures, *self.counts)


def figure_table(report: Report) -> FigureTable:
    """One test with a row for each trial, or several tests side by side with their means."""
    figures = tuple(dict.fromkeys(name for test in report.tests for name in test.figures()))
    counts = tuple(dict.fromkeys(name for trial in report.trials for name in trial.counts()))
    measured = report.floor.figures if report.floor else ()
    floors = [*map(_percents, measured)] or [{} for _ in report.tests]
    if len(report.tests) > 1:
        groups = tuple(
            (*_compared(test.name, test), *_floor_row(f"{test.name}: ", floor))
            for test, floor in zip(report.tests, floors, strict=True)
        )
        return FigureTable("test", figures, counts, groups)
    (test,), (floor,) = report.tests, floors
    each: tuple[Row, ...] = tuple(
        (trial.name, _percents(trial.figures()) | _counts([trial])) for trial in test.trials
    )
    last = tuple(_floor_row("", floor))
    if test.paper or len(test.trials) > 1:
        return FigureTable("trial", figures, counts, ((*_compared("", test), *last), each))
    return FigureTable("trial", figures, counts, (each, last) if last else (each,))


def _floor_row(of_test: str, floor: Mapping[str, str]) -> Iterator[Row]:
    if floor:
        yield f"{of_test}{COLORS_ALONE}", floor


def how_measured(report: Report) -> dict[str, str]:
    """Protocol, overlap with training and settings, for the facts at the top of a report."""
    overlap = {"in training": report.overlap.describe()} if report.overlap else {}
    return {"protocol": report.protocol, **overlap, **report.settings}


def steps_table(report: Report) -> FigureTable | None:
    """The post-processing step by step, a group of rows for each test; None if not asked for."""
    tests = [test for test in report.tests if test.prefixes]
    if not tests:
        return None
    figures = dict.fromkeys(name for test in tests for name in test.prefixes[0].figures)
    groups = tuple(
        tuple(_steps("" if len(report.tests) == 1 else f"{test.name}: ", test)) for test in tests
    )
    return FigureTable("post-processing", tuple(figures), ("seconds",), groups)


def _steps(of_test: str, test: Outcome) -> Iterator[Row]:
    for before, prefix in test.steps():
        added = prefix.steps if prefix is before else f"+ {prefix.steps.rpartition(',')[2]}"
        gains = {} if prefix is before else prefix.gains(before)
        cells = _with_gains(prefix.figures, gains)
        yield f"{of_test}{added}", {**cells, "seconds": f"{prefix.seconds:.2f}"}
        if prefix.paper:
            yield f"{of_test}{added}, paper", _percents(prefix.paper)
        if prefix.by_true_cameras:
            gains = prefix.gains_by_true_cameras(before)
            yield f"{of_test}{added}{BY_TRUE_CAMERAS}", _with_gains(prefix.by_true_cameras, gains)


def _with_gains(figures: Mapping[str, float], gains: Mapping[str, float]) -> dict[str, str]:
    texts = _percents(figures)
    return {
        name: f"{text} ({_gap(gains[name])})" if name in gains else text
        for name, text in texts.items()
    }


def metadata_table(report: Report) -> FigureTable | None:
    """Each test without and with metadata; None if not asked for."""
    given = report.metadata
    if given is None:
        return None
    before = [test.figures() for test in report.tests]
    several = len(report.tests) > 1
    groups = []
    for test, plain, after, gains in zip(
        report.tests, before, given.figures, given.gains(before), strict=True
    ):
        of_test = f"{test.name}: " if several else ""
        cells = _with_gains(after, gains)
        without = (f"{of_test}no metadata", {**_percents(plain), "given": "nothing"})
        groups.append((without, (f"{of_test}with metadata", {**cells, "given": given.describe()})))
    figures = tuple(dict.fromkeys(name for figures in before for name in figures))
    return FigureTable("metadata", figures, ("given",), tuple(groups))


def render_markdown(report: Report) -> str:
    """Model, data, settings and the tables of figures, as Markdown."""
    facts = {
        "Model": report.model,
        "Data": report.data,
        "Measured": how_measured(report),
    }
    warning = [f"**{_cell(report.warning)}**", ""] if report.warning else []
    lines = ["# Vehicle re-identification report", "", *warning, _cell(report.verdict), ""]
    for title, pairs in facts.items():
        listed = ", ".join(f"{_cell(name)} {_cell(text)}" for name, text in pairs.items())
        lines.append(f"- {title}: {listed}")
    lines += ["", CAPTION, "", *_table_lines(figure_table(report))]
    for caption, table in ((STEPS, steps_table(report)), (METADATA, metadata_table(report))):
        if table is not None:
            lines += ["", caption, "", *_table_lines(table)]
    return "\n".join(lines) + "\n"


def _table_lines(table: FigureTable) -> Iterator[str]:
    yield _line(table.head)
    yield _line(["---", *("---:" for _ in table.head[1:])])
    for group in table.groups:
        for name, cells in group:
            yield _line([name, *_filled(cells, table.head)])


def _compared(name: str, test: Outcome) -> Iterator[Row]:
    """Paper, ours, its deviation and the gap, as far as they are known."""
    paper = {figure: claim for figure, claim in test.paper.items() if figure in test.figures()}
    prefix = f"{name}: " if name else ""
    if paper:
        yield f"{prefix}paper", _percents(paper)
    if name:
        label = f"{prefix}ours" if paper else name
        yield label, _percents(test.figures()) | _counts(test.trials)
    else:
        label = "ours, mean of trials" if len(test.trials) > 1 else "ours"
        yield label, _percents(test.figures())
    if test.deviations():
        yield f"{prefix}deviation of {len(test.trials)}", _percents(test.deviations())
    if paper:
        yield f"{prefix}gap", {figure: _gap(gap) for figure, gap in test.gaps().items()}


def _percents(figures: Mapping[str, float]) -> dict[str, str]:
    return {
        name: f"{100 * value:.2f}" if np.isfinite(value) else "undefined"
        for name, value in figures.items()
    }


def _counts(trials: Sequence[AnyResult]) -> dict[str, str]:
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
