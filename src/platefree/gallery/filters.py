"""Conditions on the sightings that a search may return."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.data.columns import utc_milliseconds
from platefree.errors import DataError
from platefree.types import Sightings, Text, Times

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Filter:
    """Conditions that every answer meets; by default none.

    A sighting whose label is unknown meets no condition on that label.

    Attributes:
        cameras: captured by one of these.
        types: body types.
        colors: paint colors.
        views: sides of the vehicle that are seen.
        tracks: part of one of these.
        since: captured then or later, ISO 8601 such as ``2026-05-01T07:00+07:00``; UTC if it
            names no zone.
        until: captured before.
        between: captured between two times of day in UTC, ``("22:00", "06:00")`` over midnight.
        not_files: picture files to leave out.
    """

    cameras: Sequence[str] = ()
    types: Sequence[str] = ()
    colors: Sequence[str] = ()
    views: Sequence[str] = ()
    tracks: Sequence[str] = ()
    since: str = ""
    until: str = ""
    between: tuple[str, str] | None = None
    not_files: Sequence[Path] = ()

    def mask(self, table: Sightings) -> Bools:
        """(n,) which rows of a table meet the conditions.

        Raises:
            DataError: a time is not written in ISO 8601.
        """
        wanted = {
            "camera": self.cameras,
            "type": self.types,
            "color": self.colors,
            "view": self.views,
            "track": self.tracks,
        }
        met = np.ones(len(table), np.bool_)
        for column, values in wanted.items():
            if values:
                met &= _is_one_of(getattr(table, column), values)
        if self.since:
            met &= table.time >= moment_of(self.since)
        if self.until:
            met &= table.time < moment_of(self.until)
        if self.between is not None:
            met &= _is_between(table.time, *map(_time_of_day, self.between))
        for file in self.not_files:
            met &= ~_is_file(table, file)
        return met


EVERYTHING = Filter()
"""No condition."""


def _is_file(table: Sightings, file: Path) -> Bools:
    """Which rows are this file; only rows of the same file name are looked up on disk."""
    suspects = [row for row, each in enumerate(table.image.tolist()) if each.endswith(file.name)]
    same, there = np.zeros(len(table), np.bool_), file.resolve()
    same[[row for row in suspects if table.path(int(row)).resolve() == there]] = True
    return same


def _is_one_of(column: Text, values: Sequence[str]) -> Bools:
    wanted = {value for value in values if value}
    return np.array([label in wanted for label in column.tolist()], np.bool_)


def _is_between(times: Times, start: np.timedelta64, end: np.timedelta64) -> Bools:
    of_day = times - times.astype("datetime64[D]")
    late, early = of_day >= start, of_day < end  # an unknown time is neither
    met: Bools = late & early if start <= end else late | early
    return met


def moment_of(text: str) -> np.datetime64:
    """A moment in UTC from ISO 8601 text; any other text is a `DataError`."""
    try:
        milliseconds = utc_milliseconds(datetime.fromisoformat(text))
    except ValueError:
        raise DataError(
            f"time {text!r} is not ISO 8601, expected for instance 2026-05-01T07:00+07:00"
        ) from None
    return np.datetime64(milliseconds, "ms")


def _time_of_day(text: str) -> np.timedelta64:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise DataError(f"time of day {text!r}, expected for instance 07:30") from None
    return np.timedelta64((found.hour * 60 + found.minute) * 60 + found.second, "s")
