"""Lists that give the names of numbered models, colors and types."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from platefree.data.listed_text import Lines


def read_names(path: Path | None) -> Mapping[str, str] | None:
    """Number -> name, of lines like ``1 yellow`` or ``black 0``, or names alone, from 0.

    None if there is no file.

    Raises:
        DataError: a number has two names, or only some of the lines have a number.
    """
    if path is None:
        return None
    lines = Lines.read(path)
    pairs = _numbered(lines)
    names: dict[str, str] = {}
    for place, number, name in pairs:
        if names.setdefault(number, name) != name:
            raise lines.fault(place, f"one name for {number}, which is {names[number]!r} already")
    return names


def _numbered(lines: Lines) -> list[tuple[int, str, str]]:
    """Place, number and name of each line."""
    rows = [(place, text.split()) for place, text in enumerate(lines.texts) if text]
    for end, name in ((0, slice(1, None)), (-1, slice(None, -1))):
        if all(words[end].isdecimal() and words[name] for _, words in rows):
            return [(place, _plain(words[end]), " ".join(words[name])) for place, words in rows]
    for place, words in rows:
        if words[0].isdecimal() or words[-1].isdecimal():
            raise lines.fault(place, "a number and a name in each line, or only a name in each")
    return [(place, str(n), " ".join(words)) for n, (place, words) in enumerate(rows)]


def name_for(number: str, names: Mapping[str, str] | None) -> str:
    """The name of a number; the number itself where there are no names at all."""
    return number if names is None else names.get(_plain(number), "")


def distinct_names(names: Mapping[str, str]) -> dict[str, str]:
    """Number -> name, followed by the number where another number has the same name."""
    counts = Counter(names.values())
    return {
        number: f"{name} ({number})" if counts[name] > 1 else name for number, name in names.items()
    }


def _plain(number: str) -> str:
    return str(int(number)) if number.isdecimal() else number
