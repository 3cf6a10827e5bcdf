"""Conditions on the sightings that a search may return."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from platefree.data.columns import utc_milliseconds
from platefree.errors import DataError
from platefree.gallery.conditions import (
    LEAST,
    MOST,
    UNKNOWN_OF_WEEK,
    UNKNOWN_TIME,
    Bools,
    Columns,
    Condition,
    NoneOf,
    OneOf,
    Within,
)
from platefree.types import Indices, Ranking, Sightings, Times

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""The days of the week; their first three letters are understood too."""

LABEL_CONDITIONS = {
    "cameras": "camera",
    "types": "type",
    "colors": "color",
    "views": "view",
    "tracks": "track",
    "sources": "source",
}
"""The conditions on a label: attribute of `Filter` -> column."""

UnknownTime = Literal["out", "in", "only"]

_DAY, _WEEK = 86_400_000, 604_800_000  # milliseconds
_THURSDAY = 3 * _DAY  # 1970-01-01 was one
_ZONE = re.compile(r"([+-])(\d\d):?([0-5]\d)")


@dataclass(frozen=True)
class Filter:
    """Conditions that every answer meets; by default none.

    Of labels, the empty text means *unknown*: ``Filter(cameras=["gate", ""])`` finds what the
    camera ``gate`` saw, and what is known of no camera. A sighting whose label is unknown meets no
    other condition on that label.

    Attributes:
        cameras: captured by one of these.
        types: body types.
        colors: paint colors.
        views: sides of the vehicle that are seen.
        tracks: part of one of these.
        sources: from one of these data sets.
        since: captured then or later, ISO 8601 such as ``2026-05-01T07:00+07:00``.
        until: captured before.
        between: captured between two times of day, ``("22:00", "06:00")`` over midnight.
        weekdays: captured on one of these, ``["mon", "tuesday"]``; over midnight it is the day of
            the sighting that counts.
        zone: difference of the clock from UTC, ``+07:00``, for times of day and weekdays, and for
            moments that name none; by default UTC.
        unknown_time: what becomes of sightings of unknown time: with ``out`` they meet no
            condition on times, with ``in`` they meet all, with ``only`` nothing else is found.
        not_files: picture files to leave out, by their absolute paths.
        not_numbers: stored sightings to leave out, by their numbers.
        at_least: the least similarity to the query, -1 to 1; not a condition on a sighting alone,
            so nothing is counted or deleted by it.

    Raises:
        DataError: ``at_least`` is out of range, or a text is given where a list belongs. A time
            that is not written as above is refused where the filter is first used.
    """

    cameras: Sequence[str] = ()
    types: Sequence[str] = ()
    colors: Sequence[str] = ()
    views: Sequence[str] = ()
    tracks: Sequence[str] = ()
    sources: Sequence[str] = ()
    since: str = ""
    until: str = ""
    between: tuple[str, str] | None = None
    weekdays: Sequence[str] = ()
    zone: str = ""
    unknown_time: UnknownTime = "out"
    not_files: Sequence[str | Path] = ()
    not_numbers: Sequence[int] = ()
    at_least: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is not None and not -1 <= self.at_least <= 1:
            raise DataError(f"at_least is {self.at_least}, expected a similarity from -1 to 1")
        for name in (*LABEL_CONDITIONS, "weekdays", "not_files"):
            if isinstance(getattr(self, name), str):
                raise DataError(f"{name} is one text, expected a list such as {name}=['a', 'b']")

    def conditions(self) -> list[Condition]:
        """What a row has to meet, all of it.

        Raises:
            DataError: a time, a weekday, the zone or ``unknown_time`` cannot be understood.
        """
        found: list[Condition] = [
            OneOf(column, tuple(map(str, values)))
            for name, column in LABEL_CONDITIONS.items()
            if (values := getattr(self, name))
        ]
        found += self._time_conditions()
        if self.not_files:
            found.append(NoneOf("image", tuple(map(absolute, self.not_files))))
        if self.not_numbers:
            found.append(NoneOf("number", tuple(map(int, self.not_numbers))))
        return found

    def _time_conditions(self) -> list[Condition]:
        if self.unknown_time not in get_args(UnknownTime):
            raise DataError(f"unknown_time is {self.unknown_time[:60]!r}, expected out, in or only")
        if self.unknown_time == "only":
            return [Within("of_week", ((UNKNOWN_OF_WEEK, 0),))]
        zone, found = _zone(self.zone), list[Condition]()
        keep = self.unknown_time == "in"
        if self.since or self.until:
            start = _milliseconds(self.since, zone) if self.since else LEAST
            end = _milliseconds(self.until, zone) if self.until else MOST
            unknown = ((UNKNOWN_TIME, UNKNOWN_TIME + 1),) if keep else ()
            found.append(Within("time", ((start, end), *unknown)))
        if self.between is not None or self.weekdays:
            unknown = ((UNKNOWN_OF_WEEK, 0),) if keep else ()
            intervals = _intervals_of_week(self.between, self.weekdays, zone)
            found.append(Within("of_week", (*intervals, *unknown)))
        return found

    def mask(self, table: Sightings, numbers: Indices | None = None) -> Bools:
        """(n,) which rows of a table meet the conditions.

        Args:
            table: the rows.
            numbers: (n,) int64, what a store calls them; by default their places.
        """
        numbers = np.arange(len(table)) if numbers is None else numbers
        met = np.ones(len(table), np.bool_)
        for condition in self.conditions():
            met &= condition.mask(_TableColumns(table, numbers))
        return met

    def sql(self) -> str | None:
        """The conditions in the SQL of Lance, of the columns of `stored_columns`; None if none."""
        return " AND ".join(each.sql() for each in self.conditions()) or None

    def milvus(self) -> str:
        """The conditions as an expression of Milvus, of the same columns; empty if none."""
        return " and ".join(each.milvus() for each in self.conditions())

    def near(self, ranking: Ranking) -> Ranking:
        """The ranking without entries that are less similar than ``at_least``."""
        if self.at_least is None:
            return ranking
        away = 1 - ranking.distances < np.float32(self.at_least)
        return Ranking(
            np.where(away, -1, ranking.indices),
            np.where(away, np.inf, ranking.distances).astype(np.float32),
        )

    def captured(self, since: np.datetime64 | None, until: np.datetime64) -> "Filter":
        """Its conditions, and that a sighting was captured then or later, and before a moment.

        Args:
            since: in UTC; None is ever.
            until: in UTC.
        """
        zone = _zone(self.zone)
        first = [_milliseconds(self.since, zone)] if self.since else []
        first += [] if since is None else [int(since.astype("datetime64[ms]").astype(np.int64))]
        last = [_milliseconds(self.until, zone)] if self.until else []
        last += [int(until.astype("datetime64[ms]").astype(np.int64))]
        return replace(
            self,
            since=_iso(max(first)) if first else "",
            until=_iso(min(last)),
            unknown_time="out",
        )

    def of_sightings(self) -> "Filter":
        """Its conditions on a sighting alone."""
        return replace(self, at_least=None)

    def without_query(self) -> "Filter":
        """Itself, for work without a query.

        Raises:
            DataError: it asks for a similarity.
        """
        if self.at_least is not None:
            raise DataError(
                f"at_least is {self.at_least}, but without a query picture nothing is similar: "
                "leave it out"
            )
        return self


EVERYTHING = Filter()
"""No condition."""


class _TableColumns(dict[str, NDArray[Any]]):
    """The stored columns of a table, each made when it is asked for."""

    def __init__(self, table: Sightings, numbers: Indices) -> None:
        self._table, self._numbers = table, numbers

    def __missing__(self, name: str) -> NDArray[Any]:
        table = self._table
        if name == "number":
            return self._numbers
        if name == "time":
            return milliseconds_of(table.time)
        if name == "of_week":
            return of_week(table.time)
        if name == "image":
            return np.array([*absolute_images(table), ""], object)[:-1]
        column: NDArray[Any] = getattr(table, name)
        return column


def stored_columns(table: Sightings, numbers: Indices) -> Columns:
    """The columns that conditions look at, (n,) each, as every store keeps them.

    Those of `LABEL_CONDITIONS`, ``image`` (absolute paths), ``number``, ``time`` (milliseconds from
    1970 in UTC, `UNKNOWN_TIME`) and ``of_week`` (milliseconds from Monday, 0:00 in UTC; -1 is
    unknown), from which times of day and weekdays are read.
    """
    columns, names = _TableColumns(table, numbers), ("image", "number", "time", "of_week")
    return {name: columns[name] for name in (*LABEL_CONDITIONS.values(), *names)}


def absolute(path: str | Path) -> str:
    """The absolute path of a file; links stay."""
    return os.path.abspath(path)


def absolute_images(table: Sightings) -> list[str]:
    """(n,) the absolute paths of a table's pictures; links stay."""
    root = os.path.abspath(table.root)
    return [os.path.normpath(os.path.join(root, image)) for image in table.image.tolist()]


def milliseconds_of(times: Times) -> Indices:
    """(n,) int64 milliseconds from 1970 in UTC, `UNKNOWN_TIME` where it is unknown."""
    known = times.astype("datetime64[ms]").view(np.int64)
    return np.where(np.isnat(times), UNKNOWN_TIME, known)


def of_week(times: Times) -> Indices:
    """(n,) int64 milliseconds from Monday, 0:00 in UTC, -1 where the time is unknown."""
    week = (milliseconds_of(times) % _WEEK + _THURSDAY) % _WEEK
    return np.where(np.isnat(times), UNKNOWN_OF_WEEK, week)


def _intervals_of_week(
    between: tuple[str, str] | None, weekdays: Sequence[str], zone: tzinfo
) -> list[tuple[int, int]]:
    """The times of the week in UTC that the clock of a zone calls so."""
    parts = [(0, _DAY)] if between is None else _intervals_of_day(*between)
    offset = zone.utcoffset(None) or timedelta()
    shift = offset // timedelta(milliseconds=1)
    found = []
    for day in sorted({_weekday(each) for each in weekdays}) if weekdays else range(7):
        for start, end in parts:
            first = (day * _DAY + start - shift) % _WEEK
            last = first + end - start
            found.append((first, min(last, _WEEK)))
            if last > _WEEK:
                found.append((0, last - _WEEK))
    return found


def _intervals_of_day(start: str, end: str) -> list[tuple[int, int]]:
    first, last = _time_of_day(start), _time_of_day(end)
    if first <= last:
        return [(first, last)] if first < last else []
    return [(first, _DAY), (0, last)] if last else [(first, _DAY)]


def _weekday(text: str) -> int:
    found = [day for day in WEEKDAYS if text.lower() in (day, day[:3])]
    if not found:
        raise DataError(f"weekday {text[:60]!r}, expected one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(found[0])


def _zone(text: str) -> tzinfo:
    if not text or text == "Z":
        return UTC
    found = _ZONE.fullmatch(text)
    if found is None or int(found[2]) > 14:
        raise DataError(
            f"zone {text[:60]!r} is not a difference from UTC, expected for instance +07:00"
        )
    minutes = int(found[2]) * 60 + int(found[3])
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))


def _milliseconds(text: str, zone: tzinfo) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(
            f"time {text[:60]!r} is not ISO 8601, expected for instance 2026-05-01T07:00+07:00"
        ) from None
    return utc_milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _iso(milliseconds: int) -> str:
    return f"{np.datetime_as_string(np.datetime64(milliseconds, 'ms'), unit='ms')}Z"


def moment_of(text: str) -> np.datetime64:
    """A moment in UTC from ISO 8601 text; any other text is a `DataError`."""
    return np.datetime64(_milliseconds(text, UTC), "ms")


def _time_of_day(text: str) -> int:
    """Milliseconds from midnight."""
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise DataError(f"time of day {text[:60]!r}, expected for instance 07:30") from None
    if found.tzinfo is not None:
        raise DataError(
            f"time of day {text[:60]!r} has a zone: leave it out, and give 'zone' for all times"
        )
    return ((found.hour * 60 + found.minute) * 60 + found.second) * 1000 + found.microsecond // 1000
