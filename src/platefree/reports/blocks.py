"""The blocks that a page is made of: figures with captions, tables, and blocks side by side."""

from collections.abc import Mapping, Sequence

from platefree.reports.drawing import clean

Cells = Mapping[str, str] | str
"""The cells of a row by column name, or one text that spans all of them."""


def side_by_side(*parts: str) -> str:
    """Blocks beside each other where the page is wide enough."""
    return f'<div class="columns">{"".join(parts)}</div>'


def undefined(what: str, reason: str) -> str:
    """What stands in place of a figure that cannot be stated."""
    return f'<p class="card">Cannot state {what}: {reason}.</p>'


def figure_block(chart: str, caption: str) -> str:
    """A chart with its caption, both as HTML."""
    return f'<figure class="card">{chart}<figcaption>{caption}</figcaption></figure>'


def table_block(
    caption: str,
    head: Sequence[str],
    groups: Sequence[Sequence[tuple[str, Cells]]],
    *,
    kind: str = "plain",
) -> str:
    """A table of named rows, with cells by column name."""
    titles = "".join(f'<th scope="col">{clean(title)}</th>' for title in head)
    bodies = "".join(
        f"<tbody>{''.join(_row(name, cells, head[1:]) for name, cells in group)}</tbody>"
        for group in groups
    )
    # A scrollable region can only be scrolled by keyboard if it can have the focus.
    return (
        f'<figure class="card"><figcaption>{caption}</figcaption>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">'
        f'<table class="{kind}"><thead><tr>{titles}</tr></thead>{bodies}</table></div></figure>'
    )


def _row(name: str, cells: Cells, columns: Sequence[str]) -> str:
    if isinstance(cells, str):
        filled = f'<td class="note" colspan="{len(columns)}">{clean(cells)}</td>'
    else:
        filled = "".join(
            f'<td data-column="{clean(column)}">{cells.get(column, "")}</td>' for column in columns
        )
    return f'<tr><th scope="row">{clean(name)}</th>{filled}</tr>'
