r"""A filter written as words, for the command line: ``camera:gate,ramp since:2026-05-01 type:van``.

A word is a condition, and all have to be met. A value with white space stands in quotes:
``camera:"north gate"``. A comma ends a value even there; behind a backslash it is a part of it:
``camera:"gate\, north"``. The value ``unknown`` is just that. The page reads words likewise.
"""

import re
from dataclasses import dataclass, field
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

_PLAIN = re.compile(r"[\w.:+-]+")
_MEANT = re.compile(r'[\\,"]')  # signs that mean something inside quotes
_DIGITS = 20  # no number of a sighting has so many; longer ones name a file
_LISTS = {column: name for name, column in LABEL_CONDITIONS.items()} | {"weekday": "weekdays"}


def filter_of(text: str) -> Filter:
    """The filter that these words describe; none are no condition.

    Raises:
        DataError: a word is no condition.
    """
    found: dict[str, Any] = {}
    for word in _words(text):
        if word.key not in KEYS or not all(word.values):
            raise DataError(
                f"{word.text[:60]!r} is not a condition, expected words such as camera:gate, "
                f"since:2026-05-01 or between:07:00-09:00, with one of {', '.join(KEYS)}"
            )
        name, meaning = _condition(word.key, word.values)
        if isinstance(meaning, list):
            meaning = [*found.get(name, ()), *meaning]
        elif name in found:
            raise DataError(f"{word.text[:60]!r}: {word.key} is given twice, expected once")
        found[name] = meaning
    where = Filter(**found)
    where.conditions()
    return where


def word_of(key: str, value: str) -> str:
    """A condition as a word, as `filter_of` reads it; what is not plain stands in quotes.

    Args:
        key: one of `KEYS`.
        value: any, but for lists of conditions one alone, and not ``unknown``.
    """
    if _PLAIN.fullmatch(value):
        return f"{key}:{value}"
    escaped = _MEANT.sub(r"\\\g<0>", value)
    return f'{key}:"{escaped}"'


@dataclass
class _Word:
    """A word: as it was written, what stands before its colon, and its values."""

    text: str = ""
    key: str | None = None
    values: list[str] = field(default_factory=lambda: [""])

    def add(self, sign: str) -> None:
        self.values[-1] += sign


def _words(text: str) -> list[_Word]:
    """The words of a text, without quotes."""
    found, word, quote, signs = list[_Word](), None, "", iter(text)
    for sign in signs:
        if not quote and sign.isspace():
            word = None
            continue
        if word is None:
            found.append(word := _Word())
        word.text += sign
        if sign == "\\" and (escaped := next(signs, "")):
            word.text += escaped
            word.add(escaped)
        elif sign == quote or (not quote and sign in "\"'"):
            quote = "" if quote else sign
        elif sign == ":" and word.key is None:
            word.key, word.values = word.values[0], [""]
        elif sign == "," and word.key is not None:
            word.values.append("")
        else:
            word.add(sign)
    if quote:
        raise DataError(f"{text[:60]!r} has an opening quote and no closing one")
    return found


def _condition(key: str, values: list[str]) -> tuple[str, Any]:
    """The attribute of `Filter` that a word gives, and its value."""
    value = ",".join(values)
    if key in _LISTS:
        return _LISTS[key], ["" if each == "unknown" else each for each in values]
    if key == "between":
        start, dash, end = value.partition("-")
        if not dash:
            raise DataError(f"between:{value}, expected two times of day such as 07:00-09:00")
        return key, (start, end)
    if key == "not":
        is_number = value.isdecimal() and len(value) < _DIGITS
        return ("not_numbers", [int(value)]) if is_number else ("not_files", [value])
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
