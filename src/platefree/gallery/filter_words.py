"""A filter written as words, for the command line: ``camera:gate,ramp since:2026-05-01 type:van``.

A word is a condition, and all have to be met. A value with white space stands in quotes:
``camera:"north gate"``. The value ``unknown`` is just that.
"""

import shlex
from typing import Any

from platefree.errors import DataError
from platefree.gallery.filters import LABEL_CONDITIONS, Filter

KEYS = (
    *LABEL_CONDITIONS.values(),
    "since",
    "until",
    "between",
    "weekday",
    "zone",
    "time",
    "not",
    "similarity",
)
"""What may stand before the colon."""

_LISTS = {column: name for name, column in LABEL_CONDITIONS.items()} | {"weekday": "weekdays"}


def filter_of(text: str) -> Filter:
    """The filter that these words describe; none are no condition.

    Raises:
        DataError: a word is no condition.
    """
    found: dict[str, Any] = {}
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise DataError(f"{text[:60]!r} has a quote without its end") from error
    for word in words:
        key, colon, value = word.partition(":")
        if not colon or key not in KEYS or not value:
            raise DataError(
                f"{word[:60]!r} is no condition, expected words such as camera:gate, "
                f"since:2026-05-01 or between:07:00-09:00, of {', '.join(KEYS)}"
            )
        name, meaning = _condition(key, value)
        if isinstance(meaning, list):
            meaning = [*found.get(name, ()), *meaning]
        found[name] = meaning
    where = Filter(**found)
    where.conditions()
    return where


def _condition(key: str, value: str) -> tuple[str, Any]:
    """The attribute of `Filter` that a word gives, and its value."""
    if key in _LISTS:
        return _LISTS[key], ["" if each == "unknown" else each for each in value.split(",")]
    if key == "between":
        start, dash, end = value.partition("-")
        if not dash:
            raise DataError(f"between:{value}, expected two times of day such as 07:00-09:00")
        return key, (start, end)
    if key == "not":
        return ("not_numbers", [int(value)]) if value.isdecimal() else ("not_files", [value])
    if key == "similarity":
        try:
            return "at_least", float(value)
        except ValueError:
            raise DataError(f"similarity:{value}, expected a number from -1 to 1") from None
    if key == "time":
        meanings = {"known": "out", "unknown": "only", "any": "in"}
        if value not in meanings:
            raise DataError(f"time:{value}, expected one of time:{', time:'.join(meanings)}")
        return "unknown_time", meanings[value]
    return key, value
