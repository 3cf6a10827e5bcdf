"""What programs and other data sets write where a label is not known.

`WORDS`, in any case, and `CODES` are read as unknown in every label column; each note says how
many. A label that is really called so is written with an apostrophe in front (``'NA``), which is
taken away when it is read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

WORDS = frozenset(
    (
        # pandas, R, databases, JSON, Python
        "nan", "-nan", "na", "n/a", "<na>", "nat", "null", "<null>", "none", "nil", "undefined",
        r"\n",
        # spreadsheets, which write an error where a formula finds nothing
        "#n/a", "#na", "#n/a n/a", "#value!", "#ref!", "#name?", "#div/0!", "#null!", "#num!",
        # people
        "?", "??", "???", "-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", "unknown", "unk",
        "not known", "unlabelled", "unlabeled", "missing", "(blank)", "(null)", "(none)",
        "(unknown)", "<unknown>", "[unknown]", "n.a.", "n.a", "not available", "undef",
    )
)  # fmt: skip
"""In lower case; also in the columns of times, frames and boxes."""

CODES = frozenset(("-1", "-1.0", "-999", "-9999"))
"""Numbers of other data sets for "no such label"; in label columns only."""

_GUARD = "'"


def is_unknown(cell: str) -> bool:
    """Whether a cell says in words that its value is not known; the empty cell says so too."""
    return not cell or cell.lower() in WORDS


def without_unknown(cells: Sequence[str]) -> tuple[list[str], Counter[str]]:
    """(n,) labels of the cells of a label column, and how often each cell was read as unknown."""
    label_of = {cell: _label(cell) for cell in set(cells)}
    if all(cell == label for cell, label in label_of.items()):
        return list(cells), Counter()
    unknown = {cell for cell, label in label_of.items() if cell and not label}
    return [label_of[cell] for cell in cells], Counter(cell for cell in cells if cell in unknown)


def literal(label: str) -> str:
    """The cell to write for a label, so that it is read as this label."""
    return _GUARD + label if _is_taken(label) else label


def note_of(unknown: Mapping[str, Counter[str]]) -> str:
    """What was read as unknown in each column, as a part of a sentence; empty if nothing was."""
    found = [
        f"{count:,} {'cell' if count == 1 else 'cells'} {cell!r} in {column}"
        for column, counts in unknown.items()
        for cell, count in counts.most_common()
    ]
    return f"read as unknown: {', '.join(found)}" if found else ""


def _label(cell: str) -> str:
    if cell[:1] == _GUARD and _is_taken(cell[1:]):
        return cell[1:]
    return "" if _says_unknown(cell) else cell


def _is_taken(label: str) -> bool:
    core = label.lstrip(_GUARD)
    return core != "" and _says_unknown(core)


def _says_unknown(cell: str) -> bool:
    return is_unknown(cell) or cell in CODES
