"""From columns of text to a table: which columns are read, and which cells are refused."""

import difflib
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from platefree.data.frame_columns import (
    EDGES,
    FRAME_COLUMNS,
    Place,
    boxes_of,
    frames_of,
    require_edges,
)
from platefree.errors import DataError
from platefree.types import LABELS, Sightings, Times

SPLITS = ("train", "query", "gallery")
"""The values of the column ``split``; empty is unknown."""

NOT_TEXT = re.compile("[\0\ud800-\udfff]")
"""Characters that no text of a table may hold: NUL and lone surrogates."""

_LONGEST_CELL = 1000  # characters; a column takes as much memory as its longest cell in each row

_COLUMNS = ("image", *LABELS, "time", *FRAME_COLUMNS)
_SPELLINGS = {"colour": "color"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ].+)?|\d{8}T.+")  # not a bare number: that may be epoch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_A_TIME = np.iinfo(np.int64).min

_log = logging.getLogger(__name__)


def known_columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    """The columns of a table that this header has, with their positions; others are ignored.

    Raises:
        DataError: there is no ``image``, a column stands there twice, a name looks like a
            misspelled one, or a box lacks one of its four columns.
    """
    names = [name.strip().lower() for name in header]
    names = [_SPELLINGS.get(name, name) for name in names]
    found = {name: position for position, name in enumerate(names) if name in _COLUMNS}
    for name in found:
        if names.count(name) > 1:
            raise DataError(f"{path} has {names.count(name)} columns {name!r}: keep one of them")
    others = [name for name in names if name and name not in _COLUMNS]
    if "image" not in found:
        raise DataError(f"{path} {_no_image(header, others)}")
    require_edges(path, found)
    # Many tables have columns like "frames" or "x" of their own, so these are not guessed.
    missing = [name for name in _COLUMNS if name not in found and name not in FRAME_COLUMNS]
    for other in others:
        for near in difflib.get_close_matches(other, missing, 1, 0.75):
            raise DataError(
                f"{path} has a column {other!r}; did you mean {near!r}? Rename it (if it is "
                "something else, give it a less similar name)"
            )
    if others:
        _log.info("%s: ignored columns %s", path, ", ".join(others))
    return found


def _no_image(header: Sequence[str], others: Sequence[str]) -> str:
    for delimiter, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and delimiter in header[0]:
            return f"separates its columns by {name}, expected commas: save it with commas"
    shown = ", ".join(repr(name[:40]) for name in header[:20])
    near = difflib.get_close_matches("image", others, 1, 0.5)
    hint = f"did you mean {near[0]!r}? Rename it" if near else "rename the column of the paths"
    return f"has no column 'image', only {shown}: {hint}"


def sightings_of(
    path: Path, columns: Mapping[str, list[str]], place: Place, times: Times | None = None
) -> Sightings:
    """The table of these cells, which all come from ``path``.

    Args:
        path: the file or folder; relative image paths start at its folder.
        columns: ``image`` and any others of a table, (n,) texts each.
        place: names the place of a row in the file, for messages.
        times: (n,) times, where the file stores times and not text.

    Raises:
        DataError: a cell holds text that is too long or not Unicode, a picture is listed twice, or
            a split, a time, a frame or a box cannot be read; the message names the place.
    """
    if not columns["image"]:
        raise DataError(f"{path} lists no pictures, expected at least one row")
    for name, values in columns.items():
        if len(max(values, key=len)) > _LONGEST_CELL or NOT_TEXT.search("".join(values)):
            row = next(r for r, v in enumerate(values) if v[_LONGEST_CELL:] or NOT_TEXT.search(v))
            raise DataError(
                f"{path}, {place(row)}: {name} is {values[row][:40]!r} ({len(values[row]):,} "
                f"characters), expected UTF-8 text of at most {_LONGEST_CELL:,} characters"
            )
    if "" in columns["image"]:
        row = columns["image"].index("")
        raise DataError(f"{path}, {place(row)}: no image, expected the path of a picture")
    _refuse_repeated(path, columns, place)
    known: dict[str, Any] = {name: columns[name] for name in columns if name not in FRAME_COLUMNS}
    if "split" in columns:
        known["split"] = _splits(path, columns["split"], place)
    if "time" in columns:
        known["time"] = _times(path, columns["time"], place)
    elif times is not None:
        known["time"] = times
    if "frame" in columns:
        known["frame"] = frames_of(path, columns["frame"], place)
    if EDGES[0] in columns:
        known["box"] = boxes_of(path, columns, place)
    return Sightings.from_columns(path if path.is_dir() else path.parent, known)


def _refuse_repeated(path: Path, columns: Mapping[str, list[str]], place: Place) -> None:
    """Refuse two rows of one picture; several frames or boxes of one file are several pictures."""
    first: dict[tuple[str, ...], int] = {}
    keys = zip(
        *(columns[name] for name in ("image", *FRAME_COLUMNS) if name in columns), strict=True
    )
    for row, key in enumerate(keys):
        image, earlier = key[0], first.setdefault(key, row)
        if earlier == row:
            continue
        vehicles = columns.get("vehicle", [""] * (row + 1))
        if vehicles[earlier] != vehicles[row]:
            raise DataError(
                f"{path}, {place(row)}: {image!r} is vehicle {vehicles[row]!r}, but vehicle "
                f"{vehicles[earlier]!r} in {place(earlier)}: remove the one that is wrong"
            )
        raise DataError(
            f"{path}, {place(row)}: {image!r} is listed already in {place(earlier)}: "
            f"remove {place(row)}"
        )


def _splits(path: Path, values: list[str], place: Place) -> list[str]:
    strange = {value for value in values if value.lower() not in (*SPLITS, "")}
    if strange:
        row = next(row for row, value in enumerate(values) if value in strange)
        raise DataError(
            f"{path}, {place(row)}: split {values[row]!r} is unknown, expected "
            f"{', '.join(SPLITS)} or nothing"
        )
    return [value.lower() for value in values]


def _times(path: Path, values: list[str], place: Place) -> Times:
    """(n,) times of ISO 8601 texts; empty is unknown."""
    stamps = np.full(len(values), _NOT_A_TIME, dtype=np.int64)
    for row, text in enumerate(values):
        if not text:
            continue
        try:
            stamps[row] = _milliseconds(text)
        except ValueError as error:
            raise DataError(
                f"{path}, {place(row)}: time {text[:40]!r} is not ISO 8601, expected for "
                "instance 2026-05-01T17:32:05Z"
            ) from error
    return stamps.view("datetime64[ms]")


def _milliseconds(text: str) -> int:
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    return utc_milliseconds(datetime.fromisoformat(text))


def utc_milliseconds(moment: datetime) -> int:
    """Milliseconds from 1970 in UTC to a moment, which is in UTC itself if it has no zone."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
