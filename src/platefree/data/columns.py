"""From columns of text to a table: which cells are unknown, and which are refused."""

import logging
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from platefree.data.frame_columns import (
    EDGES,
    FRAME_COLUMNS,
    Place,
    boxes_of,
    frames_of,
)
from platefree.data.table_cells import TableCells
from platefree.data.unknown_cells import is_unknown, note_of, without_unknown
from platefree.errors import DataError
from platefree.types import LABELS, Sightings, Times

SPLITS = ("train", "query", "gallery")
"""The values of the column ``split``; empty is unknown."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ].+)?|\d{8}T.+")  # not a bare number: that may be epoch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_A_TIME = np.iinfo(np.int64).min

_log = logging.getLogger(__name__)


def sightings_of(path: Path, cells: TableCells, times: Times | None = None) -> Sightings:
    """The table of these cells, which all come from ``path``.

    A note in the log counts the labels that are read as unknown, see `unknown_cells`.

    Args:
        path: the file or folder; relative image paths start at its folder.
        cells: ``image`` and any others of a table.
        times: (n,) times, where the file stores times and not text.

    Raises:
        DataError: a picture is listed twice, or a split, a time, a frame or a box cannot be read;
            the message names the place.
    """
    columns, place = cells.columns, cells.place
    if not columns["image"]:
        raise DataError(f"{path} lists no pictures, expected at least one row")
    unknown: dict[str, Counter[str]] = {}
    for name in columns:
        if name in LABELS:
            columns[name], unknown[name] = without_unknown(columns[name])
    _refuse_repeated(path, columns, place)
    known: dict[str, Any] = {
        name: np.array(columns[name], object) for name in columns if name not in FRAME_COLUMNS
    }
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
    note = note_of(unknown)
    if note:
        _log.warning("note: %s: %s", path, note)
    return Sightings.from_columns(path if path.is_dir() else path.parent, known)


def _refuse_repeated(path: Path, columns: Mapping[str, list[str]], place: Place) -> None:
    """Refuse two rows of one picture; several frames or boxes of one file are several pictures."""
    images = columns["image"]
    if len(set(images)) == len(images):
        return
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
    cells = pa.array([text or None for text in values], pa.string())
    for kind in (pa.timestamp("ms", "UTC"), pa.timestamp("ms")):
        try:  # all with a zone, or all without: much faster than one by one
            return cells.cast(kind).to_numpy(zero_copy_only=False).astype("datetime64[ms]")
        except pa.ArrowInvalid:
            continue
    stamps = np.full(len(values), _NOT_A_TIME, dtype=np.int64)
    for row, text in enumerate(values):
        if is_unknown(text):
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
