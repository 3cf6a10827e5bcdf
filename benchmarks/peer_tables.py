"""Tables of what was measured, for people and for Markdown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from peer_child import Measured

_MEBI, _GIBI = 2**20, 2**30
_HEADS = (
    "way", "wall s", "CPU s", "peak memory", "wall ratio", "CPU ratio", "memory ratio", "mAP",
    "rank-1", "remark",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One way of doing a task.

    Attributes:
        name: for people.
        measured: what it took and found.
        remark: why its figures are others.
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
    """Bytes for people."""
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
        _remark(line),
    )


def _remark(line: Line) -> str:
    found = line.measured
    if not math.isfinite(found.mAP) or found.changed == 0:
        return ""
    changed = f"{found.changed:.2%} of the distances differ: " if found.changed > 0 else ""
    return changed + line.remark


def _ratio(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.2f}" if ours > 0 else "-"


def _figure(name: str, found: Measured, ours: Measured) -> str:
    """A score, and by how much it is another than ours."""
    value, apart = getattr(found, name), getattr(found, name) - getattr(ours, name)
    if not math.isfinite(value):
        return "-"
    return f"{value:.6f}" + (f" ({apart:+.0e})" if abs(apart) >= 5e-8 else "")
