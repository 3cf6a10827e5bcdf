"""Text cells that a spreadsheet would run as formulas, written so that it does not.

A text that begins with one of `STARTS` gets an apostrophe in front, which makes it plain text in
spreadsheets, and which is taken away when the table is read. So that every text comes back as it
was, a text that already looks guarded (``'=1``) gets another apostrophe; one like ``'t Hof`` does
not look so, and is left alone.
"""

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
"""What formulas begin with, in the wide forms of East Asian keyboards too."""

_GUARD = "'"


def guarded(text: str) -> str:
    """The cell to write for a text."""
    return _GUARD + text if _is_formula(text) else text


def unguarded(cell: str) -> str:
    """The text that `guarded` wrote as this cell."""
    return cell[1:] if cell[:1] == _GUARD and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    return text.lstrip(_GUARD).startswith(STARTS)
