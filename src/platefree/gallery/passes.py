"""Hits by the passes that they are of: what one camera saw of a vehicle at a time.

Decided: the hits of one track are one pass, where its hits are no more than `APART` seconds from
one to the next. Where no track is known, hits by one camera are, with at most `PASS` seconds from
one to the next. A hit of which neither the camera nor the track is known, or neither the track nor
the time, is a pass of its own.
"""

from collections.abc import Sequence

import numpy as np

from platefree.types import Hit

PASS = 60.0
"""Seconds between two hits of one pass, where no track is known."""

APART = 6 * 3600.0
"""Seconds without a hit that separate two passes of one track, and two journeys."""


def passes_of(hits: Sequence[Hit]) -> list[list[Hit]]:
    """The hits of each pass, in the order of their times; the pass of the best rank comes first.

    Args:
        hits: in any order, each with its labels.
    """
    timed = [hit for hit in hits if hit.labels.get("time")]
    untimed = [hit for hit in hits if not hit.labels.get("time")]
    timed.sort(key=lambda hit: (time_of(hit), hit.rank))
    found = [*timed_passes(timed), *_untimed_passes(untimed)]
    return sorted(found, key=lambda each: min(hit.rank for hit in each))


def timed_passes(timed: Sequence[Hit]) -> list[list[Hit]]:
    """The hits of each pass, from hits by their times, which are known."""
    passes: list[list[Hit]] = []
    latest: dict[tuple[str, ...], list[Hit]] = {}  # by what is one pass
    for hit in timed:
        track = _track(hit)
        key = track or ("", hit.labels.get("camera", ""))
        here = latest.get(key) if any(key) else None
        longest = APART if track else PASS
        if here is None or seconds_between(time_of(here[-1]), time_of(hit)) > longest:
            here = latest[key] = []
            passes.append(here)
        here.append(hit)
    return passes


def time_of(hit: Hit) -> np.datetime64:
    """When a hit was captured, UTC, milliseconds; its time is known."""
    return np.datetime64(hit.labels["time"].removesuffix("Z"), "ms")


def _untimed_passes(untimed: Sequence[Hit]) -> list[list[Hit]]:
    passes: dict[tuple[str, ...], list[Hit]] = {}
    for place, hit in enumerate(untimed):
        passes.setdefault(_track(hit) or (str(place),), []).append(hit)
    return list(passes.values())


def _track(hit: Hit) -> tuple[str, ...]:
    """What tells a track from others; empty if none is known."""
    named = tuple(hit.labels.get(name, "") for name in ("source", "camera", "track"))
    return named if named[2] else ()


def seconds_between(start: np.datetime64, end: np.datetime64) -> float:
    """How long it is from one moment to another."""
    return float((end - start) / np.timedelta64(1, "s"))
