"""Tables of measurements, for the terminal and as Markdown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from peer_child import Measured

_MEBI, _GIBI = 2**20, 2**30
_SEEN = 5e-8  # scores that differ by less are the same
_HEADS = (
    "way", "wall s", "CPU s", "peak memory", "wall ratio", "CPU ratio", "memory ratio", "mAP",
    "rank-1", "remark",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One way of doing a task.

    Attributes:
        name: of the package.
        measured: its measurements.
        remark: why its figures differ.
    """

    name: str
    measured: Measured
    remark: str = ""


def table(title: str, lines: Sequence[Line], *, markdown: bool) -> str:
    """All ways of one task; ratios are to the first line, which is platefree."""
    ours = lines[0].measured
    rows = [_HEADS, *(_cells(line, ours) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    left, between, right = ("| ", " | ", " |") if markdown else ("  ", "  ", "")
    texts = [
        left + between.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        + right
        for row in rows
    ]  # fmt: skip
    if markdown:
        texts.insert(1, "|" + "---|" * len(_HEADS))
    return "\n".join([f"**{title}**\n" if markdown else title, *(each.rstrip() for each in texts)])


def size(count: float) -> str:
    """Bytes as text with a unit."""
    return f"{count / _GIBI:.2f} GiB" if count >= _GIBI / 10 else f"{count / _MEBI:.1f} MiB"


def _cells(line: Line, ours: Measured) -> tuple[str, ...]:
    found = line.measured
    if found.failure:
        return line.name, *("-",) * (len(_HEADS) - 2), found.failure
    least = max(ours.memory, _MEBI)
    more = f"{found.memory / least:.2f}" if found.memory >= least else "-"
    return (
        line.name,
        f"{found.wall:.3f}",
        f"{found.cpu:.3f}",
        size(found.memory),
        _ratio(found.wall, ours.wall),
        _ratio(found.cpu, ours.cpu),
        "> " + more if ours.memory < _MEBI and more != "-" else more,
        *(_figure(name, found, ours) for name in ("mAP", "rank_1")),
        _remark(line, ours),
    )


def _remark(line: Line, ours: Measured) -> str:
    """Why the figures differ, if they do."""
    found = line.measured
    if found.changed > 0:
        return f"{100 * found.changed:.1g} % of the distances differ: {line.remark}"
    same = all(_is_same(name, found, ours) for name in ("mAP", "rank_1"))
    return "" if same or not math.isfinite(found.mAP) else line.remark


def _ratio(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.2f}" if ours > 0 else "-"


def _figure(name: str, found: Measured, ours: Measured) -> str:
    """A score, and its difference from ours."""
    value: float = getattr(found, name)
    if not math.isfinite(value):
        return "-"
    other = "" if _is_same(name, found, ours) else f" ({value - getattr(ours, name):+.0e})"
    return f"{value:.6f}{other}"


def _is_same(name: str, found: Measured, ours: Measured) -> bool:
    apart: float = getattr(found, name) - getattr(ours, name)
    return abs(apart) < _SEEN
