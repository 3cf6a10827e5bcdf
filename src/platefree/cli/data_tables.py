"""Terminal tables of public data sets."""

from collections.abc import Sequence

from rich.table import Table

from platefree.data.documented import Count
from platefree.data.readers.detect import Format
from platefree.evaluation.overview import Overview


def counts_table(counts: Sequence[Count], name: str) -> Table:
    """Published numbers next to the numbers found."""
    table = Table(
        title=f"{name}, documented and found", caption="* differs from the documented number"
    )
    table.add_column("what")
    table.add_column("documented")
    table.add_column("found", justify="right", no_wrap=True)
    for count in counts:
        claims = ", or ".join(f"{number:,} ({where})" for where, number in count.documented.items())
        table.add_row(count.what, claims, f"{'' if count.agrees else '* '}{count.found:,}")
    return table


def overview_table(overview: Overview) -> Table:
    """The protocol of a data set and its tests."""
    table = Table(title="scored by", caption=overview.reason or None)
    table.add_column("protocol")
    table.add_column("test")
    table.add_column("searched")
    for test, searched in overview.tests.items():
        table.add_row(overview.protocol, test, searched)
    return table


def formats_table(formats: Sequence[Format]) -> Table:
    """The data sets that can be read, and the files that identify them."""
    table = Table(
        title="public data sets", caption="how to get each, and its lists: docs/data-sets.md"
    )
    table.add_column("name", no_wrap=True)
    table.add_column("known by")
    for each in formats:
        table.add_row(each.name, each.looks_for)
    return table
