"""JSON and TOML, strictly: what a text says twice, or cannot mean, is refused in one line.

Refused are keys given twice, NaN and infinity, numbers beyond 64 bits, NUL and half characters in
texts, and nesting that no file of ours has. A byte order mark is no fault.
"""

import codecs
import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from platefree.errors import PlatefreeError
from platefree.inputs.plain_files import Expected, read_input

_DEEPEST = 32  # levels of lists and tables; a card has 6, COCO 5
_TOO_DEEP = f"nested more than {_DEEPEST} levels deep"
_LONGEST_LINE = 4_000  # of TOML, whose reader takes the square of the length of a dotted key
_TOO_MANY_DIGITS = re.compile(r"\d[\d_]{1000}")
_UNFIT = re.compile("[\0\ud800-\udfff]")
_INTEGERS = range(-(2**63), 2**63)

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_json(path: str | Path, expected: Expected) -> Any:  # noqa: ANN401
    """The content of a JSON file.

    Raises:
        PlatefreeError: an ``expected.error``: it cannot be read, or is not strict JSON.
    """
    return parse_json(read_unicode(path, expected), str(path), expected.error)


def read_toml(path: str | Path, expected: Expected) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        PlatefreeError: an ``expected.error``: it cannot be read, or is not strict TOML.
    """
    return parse_toml(read_unicode(path, expected), str(path), expected.error)


def read_unicode(path: str | Path, expected: Expected) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        PlatefreeError: an ``expected.error``: it cannot be read, or is no such text.
    """
    data = read_input(path, expected)
    try:
        return data.decode(byte_order_encoding(data))
    except UnicodeDecodeError as error:
        raise expected.error(
            f"{path} is not UTF-8 text (byte {error.start + 1}), expected {expected.noun}: "
            "save it as UTF-8"
        ) from error


def byte_order_encoding(data: bytes) -> str:
    """The encoding that a byte order mark says; UTF-8 without one."""
    return next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")


def parse_json(text: str, what: str, error: type[PlatefreeError]) -> Any:  # noqa: ANN401
    """The content of a JSON text.

    Args:
        text: of the whole document.
        what: where it is from, for messages.
        error: what is raised.

    Raises:
        PlatefreeError: an ``error``: it is not strict JSON.
    """
    return _parsed(text, what, error, "JSON", _load_json)


def parse_toml(text: str, what: str, error: type[PlatefreeError]) -> dict[str, Any]:
    """The content of a TOML text; arguments and errors are as of `parse_json`."""
    content: dict[str, Any] = _parsed(text, what, error, "TOML", _load_toml)
    return content


def _parsed(
    text: str,
    what: str,
    error: type[PlatefreeError],
    language: str,
    load: Callable[[str], Any],
) -> Any:  # noqa: ANN401
    try:
        content = load(text)
    except RecursionError:
        reason = _TOO_DEEP
    except ValueError as fault:  # of both parsers, and of the functions below
        reason = " ".join(str(fault).split())[:200]
    else:
        check_plain(content, what, error)
        return content
    raise error(f"{what} is not valid {language}: {reason}; correct it, or copy it again")


def check_plain(content: object, what: str, error: type[PlatefreeError]) -> None:
    """Refuse plain content that no file can hold; arguments and errors are as of `parse_json`."""
    try:
        _check(content, ())
    except ValueError as fault:
        raise error(f"{what}: {fault}; correct it, or copy it again") from fault


def _load_json(text: str) -> Any:  # noqa: ANN401
    return json.loads(
        text,
        object_pairs_hook=_table,
        parse_float=_finite,
        parse_int=_integer,
        parse_constant=_finite,
    )


def _load_toml(text: str) -> Any:  # noqa: ANN401
    longest = max(map(len, text.splitlines()), default=0)
    if longest > _LONGEST_LINE:
        raise ValueError(f"a line has {longest:,} characters, expected at most {_LONGEST_LINE:,}")
    if digits := _TOO_MANY_DIGITS.search(text):  # as in `_integer`
        raise ValueError(f"{digits[0][:10]}... is a number beyond 64 bits")
    return tomllib.loads(text, parse_float=_finite)


def _table(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise ValueError(f"the key {name[:40]!r} is given twice")
        table[name] = value
    return table


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


def _integer(text: str) -> int:
    if len(text) > 20:  # before Python's own limit, whose message advises its settings
        raise ValueError(f"{text[:10]}... is a number of {len(text):,} digits, expected 64 bits")
    return int(text)


def _check(value: object, place: tuple[str, ...]) -> None:
    """Refuse what the parsers let through; they refuse any other fault themselves."""
    if len(place) > _DEEPEST:
        raise ValueError(_TOO_DEEP)
    if isinstance(value, Mapping):
        for key, each in value.items():
            _check(key, place)
            _check(each, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            _check(each, (*place, str(number)))
    elif fault := _fault(value):
        raise ValueError(f"{'.'.join(place) or 'its content'} is {fault}"[:200])


def _fault(value: object) -> str:
    if isinstance(value, str) and _UNFIT.search(value):
        return f"{value[:40]!r}, which holds NUL or half a character"
    if isinstance(value, int) and value not in _INTEGERS:
        return f"a whole number of {value.bit_length()} bits, expected at most 64"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}, which is not a finite number"
    return ""
