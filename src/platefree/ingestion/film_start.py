"""When a film begins: as it is given, as its name says, or as the film itself says."""

import re
from datetime import UTC as UTC_ZONE
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path

import numpy as np

from platefree.errors import DataError

UNKNOWN = "unknown"
"""A start that nobody knows: sightings of such films have no time."""

UTC = "+00:00"

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")
_DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_DIRECTIVE = re.compile("%(.)")


def zone_of(text: str) -> tzinfo:
    """A time zone as it is typed.

    Raises:
        DataError: it is none.
    """
    found = _OFFSET.fullmatch(UTC if text in ("Z", "UTC") else text)
    minutes = 60 * int(found[2]) + int(found[3]) if found else 24 * 60
    if found is None or minutes >= 24 * 60:
        raise DataError(f"zone {text[:40]!r}, expected hours and minutes from UTC, such as +07:00")
    return timezone((1 if found[1] == "+" else -1) * timedelta(minutes=minutes))


def check_start(text: str) -> None:
    """Refuse a start of films that is neither a moment, nor a rule for names, nor unknown.

    Raises:
        DataError: it is not.
    """
    if is_rule(text):
        _pattern(text)
    elif text not in ("", UNKNOWN):
        _moment(text)


def is_rule(text: str) -> bool:
    """Whether a start says how names of films tell it."""
    return "%" in text


def moment_text(moment: np.datetime64) -> str:
    """A moment as ISO 8601 in UTC with milliseconds; empty if it is unknown."""
    return "" if np.isnat(moment) else f"{np.datetime_as_string(moment, 'ms')}Z"


def moment_of(text: str) -> np.datetime64:
    """The moment that `moment_text` wrote; NaT where it is empty."""
    return np.datetime64(text.removesuffix("Z") or "NaT", "ms")


def zone_in(text: str) -> str:
    """The zone that a start is given in; UTC where it is no moment."""
    if text in ("", UNKNOWN) or is_rule(text):
        return UTC
    return datetime.fromisoformat(text).isoformat()[-6:]


def start_by(text: str, clock: tzinfo, film: Path) -> str:
    """When a film begins, ISO 8601 with a time zone; empty where only the film can say.

    Args:
        text: of the camera, not ``unknown``.
        clock: the zone of times in names.
        film: its file.

    Raises:
        DataError: its name does not follow the rule.
    """
    if not is_rule(text):
        return text
    found = _pattern(text).search(film.name)
    try:
        if found is None:
            raise ValueError
        moment = datetime.strptime(" ".join(found.groups()), " ".join(_directives(text)))
    except ValueError:
        raise DataError(
            f"the rule {text!r} finds no start in the name of {film}: rename the film, or "
            "correct the rule (--start)"
        ) from None
    return moment.replace(tzinfo=clock).astimezone(UTC_ZONE).isoformat()


def _directives(rule: str) -> list[str]:
    return [f"%{letter}" for letter in _DIRECTIVE.findall(rule)]


def _pattern(rule: str) -> re.Pattern[str]:
    """What finds the start in a name, a group for each number."""
    letters = _DIRECTIVE.findall(rule)
    has_year = letters.count("Y") + letters.count("y") == 1
    whole = has_year and {"m", "d", "H", "M"} <= set(letters) <= set(_DIGITS)
    if not whole or len(set(letters)) < len(letters):
        raise DataError(
            f"start {rule[:60]!r}, expected year, month, day, hour, minute and second as %Y (or "
            "%y) %m %d %H %M %S, such as gate-%Y%m%d-%H%M%S"
        )
    texts = _DIRECTIVE.split(rule)  # text, letter, text ...
    parts = [
        f"(\\d{{{_DIGITS[each]}}})" if place % 2 else re.escape(each)
        for place, each in enumerate(texts)
    ]
    return re.compile("".join(parts))


def _moment(text: str) -> None:
    try:
        is_moment = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        is_moment = False
    if not is_moment:
        raise DataError(
            f"start {text[:60]!r}, expected ISO 8601 with a time zone such as "
            "2026-05-01T07:00+07:00, a rule for names such as gate-%Y%m%d-%H%M%S, or unknown"
        )
