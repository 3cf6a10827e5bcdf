"""Sightings a page at a time, the latest first, whoever adds and forgets meanwhile.

A page begins behind a place in the order of `Reading.latest` (time, the latest first, unknown times
last, equal times by number), not behind a count: so nothing is shown twice or passed over because
something else came or went between two pages.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

import numpy as np

from platefree.errors import DataError
from platefree.gallery.filters import Filter
from platefree.gallery.store import Reading
from platefree.types import Indices

_UNKNOWN = "unknown"
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Place:
    """A sighting's place in the order, which stays when the sighting is forgotten.

    Attributes:
        time: when it was captured, UTC; NaT is unknown.
        number: of the sighting.
    """

    time: np.datetime64
    number: int

    def __str__(self) -> str:
        milliseconds = self.time.astype("datetime64[ms]").astype(np.int64)
        return f"{_UNKNOWN if np.isnat(self.time) else milliseconds}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place that a text names, as ``str`` gave it.

        Raises:
            DataError: it names none.
        """
        moment, _, number = text.partition(".")
        try:
            place = cls(_moment(moment), int(number))
            fits = str(place) == text and 0 <= place.number < 2**63
        except (ValueError, OverflowError):
            fits = False
        if not fits:
            raise DataError(
                f"{text[:60]!r} is not where a page ends: give what the last page named as next"
            )
        return place


def latest_page(now: Reading, where: Filter, top: int, after: Place | None = None) -> Indices:
    """The numbers of the next sightings that meet the conditions.

    Args:
        now: the gallery.
        where: conditions that they meet, the same for every page.
        top: the largest number of them.
        after: the place of the last one of the page before; None is the first page.
    """
    if after is None:
        return now.latest(where, top)
    if np.isnat(after.time):
        unknown = _unknown(now, where, None)
        return unknown[unknown > after.number][:top]
    if where.unknown_time == "only":
        return now.latest(where, top)
    same = now.latest(where.captured(after.time, after.time + np.timedelta64(1, "ms")))
    found = same[same > after.number][:top]
    if len(found) < top:
        older = now.latest(where.captured(None, after.time), top - len(found))
        found = np.concatenate([found, older])
    if len(found) < top:
        found = np.concatenate([found, _unknown(now, where, top - len(found))])
    return found


def _unknown(now: Reading, where: Filter, top: int | None) -> Indices:
    """The sightings of unknown time that meet the conditions."""
    asks_for_time = bool(where.since or where.until or where.between or where.weekdays)
    if asks_for_time and where.unknown_time == "out":
        return np.empty(0, np.int64)
    return now.latest(replace(where, unknown_time="only"), top)


def _moment(text: str) -> np.datetime64:
    if text == _UNKNOWN:
        return np.datetime64("NaT", "ms")
    known: np.datetime64 = np.datetime64(_EPOCH + timedelta(milliseconds=int(text)), "ms")
    return known
