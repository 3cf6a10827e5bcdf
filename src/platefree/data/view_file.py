"""Views of pictures from a file that names them: a table, or a list of lines ``image view``.

A view may be a number, as in lists of VANet's labels: 0, 1, 2. Decided: these are front, rear and
side, since such lists do not say so. The viewpoint protocol only asks which views are equal.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

from platefree.data.listed_text import Lines, many
from platefree.data.readers.pictures import split_ending
from platefree.data.table import read_table
from platefree.data.unknown_cells import without_unknown
from platefree.errors import DataError
from platefree.types import Sightings, Text, text_column

NUMBERED = ("front", "rear", "side")
"""The views that 0, 1 and 2 stand for."""

TABLES = (".csv", ".parquet")

_Ending = tuple[str, ...]


def views_from_file(table: Sightings, path: str | Path) -> Text:
    """The views of the rows of a table, by a file that names pictures.

    A name is the end of a picture's path, with or without folders, and with or without the ending
    of the file: ``0000001``, ``image/0000001.jpg``, or the whole path.

    Args:
        table: n rows.
        path: a table with the columns ``image`` and ``view``, or a text file with a name and a view
            (or 0, 1, 2) in each line, separated by white space or a comma.

    Returns:
        (n,) views; those of rows that the file does not name are unknown.

    Raises:
        DataError: the file cannot be read, has no view, names no picture of the table, one of
            several pictures, or one picture twice with different views.
    """
    path = Path(path)
    named = dict(_table_views(path) if path.suffix.lower() in TABLES else _listed_views(path))
    views, found = [""] * len(table), 0
    for name, row in _rows_of(table, list(named), path):
        if views[row] not in ("", named[name]):
            raise DataError(
                f"{path} gives {table.path(row)} the views {views[row]} and {named[name]}: "
                "leave one of them out"
            )
        views[row] = named[name]
        found += 1
    if not found:
        raise DataError(
            f"{path} names {many(len(named), 'picture')} of known view, such as "
            f"{next(iter(named), 'none')!r}, and none of them is the end of the path of a picture, "
            f"such as {table.path(0)}: give the views of these pictures"
        )
    return text_column(views)


def _table_views(path: Path) -> Iterator[tuple[str, str]]:
    """The name and the view of each picture of known view."""
    table = read_table(path)
    if not table.knows("view"):
        raise DataError(f"{path} has no view, expected the columns image and view")
    numbered = set(table.view.tolist()) <= {"", *map(str, range(len(NUMBERED)))}
    for name, view in zip(table.image.tolist(), table.view.tolist(), strict=True):
        if view:
            yield name, NUMBERED[int(view)] if numbered else view


def _listed_views(path: Path) -> Iterator[tuple[str, str]]:
    expected = "a picture and its view, such as '0000001 0' or '0000001 front'"
    read = Lines.read(path)
    lines = Lines(path, [text.replace(",", " ") for text in read.texts])
    seen: dict[str, str] = {}
    for place, (name, word) in lines.fields((2,), expected):
        (view,), _ = without_unknown([word])
        if view.isdecimal():
            if int(view) >= len(NUMBERED):
                raise lines.fault(place, expected)
            view = NUMBERED[int(view)]
        if seen.setdefault(name, view) != view:
            raise lines.fault(place, f"its view {seen[name]}, which a line before gives")
        if view:
            yield name, view


def _rows_of(table: Sightings, names: list[str], path: Path) -> Iterator[tuple[str, int]]:
    """The names that are a picture of the table, each with its row."""
    paths = [_ending(str(table.path(row))) for row in range(len(table))]
    by_length: dict[int, Mapping[_Ending, list[int]]] = {}
    for name in names:
        ending = _ending(name)
        if len(ending) not in by_length:
            by_length[len(ending)] = _by_ending(paths, len(ending))
        rows = by_length[len(ending)].get(ending, [])
        if len(rows) > 1:
            raise DataError(
                f"{path}: {name!r} is the end of {table.path(rows[0])} and of "
                f"{many(len(rows) - 1, 'other row')}, expected one: give more of its path"
            )
        yield from ((name, row) for row in rows)


def _ending(name: str) -> _Ending:
    """The folders and the name of a picture, without the ending of the file."""
    parts = PurePath(name.replace("\\", "/")).parts
    parts = tuple(part for part in parts if part not in ("..", "."))
    return (*parts[:-1], split_ending(parts[-1])[0]) if parts else ()


def _by_ending(paths: list[_Ending], length: int) -> Mapping[_Ending, list[int]]:
    rows: dict[_Ending, list[int]] = {}
    for row, parts in enumerate(paths):
        if len(parts) >= length:
            rows.setdefault(parts[len(parts) - length :], []).append(row)
    return rows
