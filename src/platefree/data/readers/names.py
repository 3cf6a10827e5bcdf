"""Lists that give the names of numbered models, colors and types."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from platefree.data.listed_text import Lines, many

_Rows = list[tuple[int, list[str]]]
"""Place and words of each line."""


def read_names(path: Path | None, used: Collection[str]) -> Mapping[str, str] | None:
    """Number -> name, of lines like ``1 yellow`` or ``black 0``, or names alone, from 0.

    Names alone may end in numbers, as "Mazda 3" does: those are taken for the numbers of the names
    only if they are most of the numbers that are used, or if counting the lines cannot be meant.
    None if there is no file.

    Args:
        path: the file.
        used: the numbers whose names are asked for.

    Raises:
        DataError: a number has two names, or only some of the lines have a number.
    """
    if path is None:
        return None
    lines = Lines.read(path)
    pairs = _numbered(lines, {_plain(number) for number in used if number})
    names: dict[str, str] = {}
    for place, number, name in pairs:
        if names.setdefault(number, name) != name:
            raise lines.fault(place, f"one name for {number}, which is {names[number]!r} already")
    return names


def nameless(names: Mapping[str, str] | None, used: Collection[str], kind: str) -> list[str]:
    """A remark where numbers that are used have no name among those that are known."""
    numbers = {_plain(number) for number in used if number}
    missing = 0 if names is None else len(numbers - names.keys())
    if not missing:
        return []
    return [f"{many(missing, f'{kind} number')} without a name: such a {kind} is unknown"]


def _numbered(lines: Lines, used: Collection[str]) -> list[tuple[int, str, str]]:
    """Place, number and name of each line."""
    rows = [(place, text.split()) for place, text in enumerate(lines.texts) if text]
    if all(words[0].isdecimal() and words[1:] for _, words in rows):
        return [(place, _plain(words[0]), " ".join(words[1:])) for place, words in rows]
    if _ends_are_names(rows, used):
        return [(place, str(n), " ".join(words)) for n, (place, words) in enumerate(rows)]
    if all(words[-1].isdecimal() and words[:-1] for _, words in rows):
        return [(place, _plain(words[-1]), " ".join(words[:-1])) for place, words in rows]
    for place, words in rows:
        if words[0].isdecimal() or words[-1].isdecimal():
            raise lines.fault(place, "a number and a name in each line, or only a name in each")
    return [(place, str(n), " ".join(words)) for n, (place, words) in enumerate(rows)]


def _ends_are_names(rows: _Rows, used: Collection[str]) -> bool:
    """Whether the lines are names alone, some of which end in a number."""
    if any(words[0].isdecimal() for _, words in rows):
        return False
    ends = {_plain(words[-1]) for _, words in rows}
    lines = {str(n) for n in range(len(rows))}
    return lines.issuperset(used) and 2 * len(ends.intersection(used)) <= len(used)


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
