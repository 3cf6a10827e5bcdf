"""Results as terminal tables."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.measure import Measurement
from rich.table import Table

from platefree.cli.console import PlainConsole, out, printable
from platefree.data.check import TableCheck
from platefree.data.listed_text import many
from platefree.evaluation.results import Report
from platefree.evaluation.trial_results import TrialResult
from platefree.gallery.conclusion import shown
from platefree.reports.figures import (
    FigureTable,
    figure_table,
    metadata_table,
    steps_table,
)
from platefree.types import Hit

_SHOWN_TRIALS = 20
_NOT_FALLING = (
    "post-processing changed the order; hits keep their similarities, which need not decrease"
)


def print_report(report: Report) -> None:
    """The figures of an evaluation, what they were measured on, and the outcome in one sentence."""
    out.print(f"model: {report.model['name']}")
    out.print(f"data: {report.data['path']}")
    for table in (report_table(report), *gain_tables(report)):
        print_whole(table)
    if report.overlap is not None:
        out.print(f"in training: {report.overlap.describe()}")
    out.print(f"outcome: {report.verdict}")


def report_table(report: Report) -> Table:
    """Paper, ours and gap of every test, in per cent, with data and settings."""
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"protocol {report.protocol}",
        caption=_measured(report),
    )
    figures = figure_table(report)
    rows = [
        [
            [name, _searched(cells), *(cells.get(each, "") for each in figures.figures)]
            for name, cells in group
        ]
        for group in figures.groups
    ]
    _fill(table, (figures.first, "searched", *figures.figures), rows)
    return table


def _measured(report: Report) -> str:
    """The data and the settings of the figures, as text."""
    data, settings = report.data, report.settings
    vehicles = data["vehicles"]
    named = many(int(vehicles), "vehicle") if vehicles.isdecimal() else f"vehicles {vehicles}"
    scored = f"{many(int(data['pictures scored']), 'picture')}, {named}, {data['split']}"
    if "test-time flip" not in settings:  # nothing was compared
        return f"{scored}; figures in %"
    lost = sum(trial.without_match for trial in report.trials if isinstance(trial, TrialResult))
    return (
        f"{scored}; test-time flip {settings['test-time flip']}, scales {settings['scales']}, "
        f"crops {settings.get('crops', 'none')}, "
        f"post-processing {settings['post-processing'].partition(':')[0]}, re-ranking "
        f"{settings['re-ranking']}, seed {settings['seed'].partition(':')[0]}; "
        f"{many(lost, 'query', 'queries')} without a match left out; figures in %"
    )


def gain_tables(report: Report) -> Iterator[Table]:
    """Figures with metadata compared with those without, and post-processing step by step."""
    unit = "figures in %, gains in percentage points"
    metadata, steps = metadata_table(report), steps_table(report)
    if metadata is not None:
        caption = f"with metadata, only comparable on pictures captured by training cameras; {unit}"
        yield _gains(metadata, "without and with labels of the pictures", caption)
    if steps is not None:
        yield _gains(steps, "post-processing", f"each row adds a step; {unit}")


def _gains(figures: FigureTable, title: str, caption: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title, caption=caption)
    rows = [
        [[name, *(cells.get(column, "") for column in figures.head[1:])] for name, cells in group]
        for group in figures.groups
    ]
    _fill(table, figures.head, rows)
    return table


def _fill(table: Table, head: Sequence[str], groups: Sequence[Sequence[Sequence[str]]]) -> None:
    """Fill a table with the first rows of each group."""
    shown = [group[:_SHOWN_TRIALS] for group in groups]
    for number, column in enumerate(head):
        cells = [row[number] for group in shown for row in group]
        _add_whole_column(table, column, cells, justify="right" if number else "left")
    for group, kept in zip(groups, shown, strict=True):
        for row in kept:
            table.add_row(*row)
        if len(group) > len(kept):
            table.add_row(f"... {len(group) - len(kept)} more")
        table.add_section()


def _add_whole_column(
    table: Table, name: str, cells: Sequence[str], *, justify: Literal["left", "right"]
) -> None:
    """A column that is not folded, so that figures are whole and a path can be copied.

    A wide table may exceed a narrow terminal, see `print_whole`.
    """
    width = max(cell_len(printable(cell)) for cell in (name, *cells))
    table.add_column(name, justify=justify, no_wrap=True, min_width=width)


def _searched(cells: Mapping[str, str]) -> str:
    if "queries" in cells:
        return f"{cells['queries']} in {cells['gallery']}"
    return next((f"{cells[noun]} {noun}" for noun in ("pairs", "pictures") if noun in cells), "")


def plain_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of text cells: names aligned left, figures right."""
    table = Table(box=box.SIMPLE_HEAD, title=title)
    for number, column in enumerate(head):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table


def print_whole(table: Table) -> None:
    """Print a wide table without cutting columns, however narrow the terminal is."""
    roomy = PlainConsole(width=1000)
    natural = Measurement.get(roomy, roomy.options, table).maximum
    PlainConsole(width=max(out.width, natural)).print(table)


def demo_table(floor: Mapping[str, float], trained: Mapping[str, float]) -> Table:
    """The demo's figures compared with color_stripes."""
    table = Table(
        title="rendered city, held-out half, query-gallery, no re-ranking",
        caption="in %; color_stripes compares only colors, without training",
    )
    table.add_column("method")
    for name in trained:
        table.add_column(name, justify="right")
    for method, figures in (("color_stripes", floor), ("strong_baseline", trained)):
        table.add_row(method, *(f"{100 * value:.1f}" for value in figures.values()))
    return table


def hits_table(hits: Sequence[Hit], title: str) -> Table:
    """Rank, similarity, how sure it is, known labels and path of each hit."""
    known = [name for name in ("camera", "time", "vehicle") if any(name in h.labels for h in hits)]
    by_space = any(hit.space for hit in hits)
    is_sure = any(hit.in_words for hit in hits)
    several = any(hit.query for hit in hits)
    numbered = any(hit.number is not None for hit in hits)
    names = (
        *(["p_same", ""] if is_sure else []),
        *(["number"] if numbered else []),
        *(["like"] if several else []),
        *(["compared as"] if by_space else []),
        *known,
        "path",
    )
    rows = []
    for hit in hits:
        labels = [hit.labels.get(name, "unknown") for name in known]
        space = [hit.space.replace("_", " ")] if by_space else []
        like = [hit.query.name if hit.query else ""] if several else []
        path = str(hit.image) if hit.image.exists() else f"{hit.image} (no such file)"
        compared = "" if math.isnan(hit.similarity) else f"{hit.similarity:.4f}"
        sure = [shown(hit.p_same), hit.in_words] if is_sure else []
        own = [str(hit.number)] if numbered else []
        rows.append((str(hit.rank), compared, *sure, *own, *like, *space, *labels, path))
    falling = not any(a.similarity < b.similarity for a, b in pairwise(hits))
    table = Table(box=box.SIMPLE_HEAD, title=title, caption=None if falling else _NOT_FALLING)
    for number, name in enumerate(("rank", "similarity", *names)):
        cells = [row[number] for row in rows]
        _add_whole_column(table, name, cells, justify="left" if number > 1 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def check_tables(
    check: TableCheck, path: str, protocols: Table | None = None
) -> Iterator[Table | str]:
    """Counts, the protocols that the table supports, and findings with their meaning.

    Paths are in lines of their own. For a data set, ``protocols`` is the table of its own protocol.
    """
    yield path
    counts = Table(show_header=False)
    spread = check.images_per_vehicle
    sizes = check.widths, check.heights
    rows = {
        "pictures": str(check.images),
        **{f"  split {name or 'unknown'}": str(count) for name, count in check.splits.items()},
        "vehicles": str(check.vehicles),
        "cameras": str(check.cameras or "unknown"),
    }
    if spread is not None:
        rows["pictures per vehicle"] = (
            f"{spread.minimum} to {spread.maximum}, median {spread.median}"
        )
    if sizes[0] is not None and sizes[1] is not None:
        rows["width"] = f"{sizes[0].minimum} to {sizes[0].maximum}, median {sizes[0].median}"
        rows["height"] = f"{sizes[1].minimum} to {sizes[1].maximum}, median {sizes[1].median}"
    for name, value in rows.items():
        counts.add_row(name, value)
    yield counts
    yield _protocol_table(check) if protocols is None else protocols
    for finding in check.findings:
        yield f"{finding.level}: {finding.what}"
        yield f"    {finding.meaning}"


def _protocol_table(check: TableCheck) -> Table:
    table = Table("protocol", "queries with a match", "if not, why", title="protocols")
    for protocol in check.protocols:
        table.add_row(protocol.name, str(protocol.queries), protocol.reason)
    return table
