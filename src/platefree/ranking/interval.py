"""Temporal window: a vehicle that comes back after long is taken for another.

Zheng et al., VehicleNet, TMM 2020, section IV-C: only gallery rows within [t - tau, t + tau] of the
query's time t are kept. Decided, since the paper gives no tau: `covering_interval` finds one in
training data, where the vehicles are known.
"""

from datetime import timedelta

import numpy as np

from platefree.errors import DataError
from platefree.ranking.penalty import check_labels, penalise
from platefree.types import Floats, Ranking, Text, Times


def verify_times(
    ranking: Ranking,
    query_times: Times,
    gallery_times: Times,
    window: timedelta | np.timedelta64,
    penalty: float = np.inf,
) -> Ranking:
    """The ranking without the entries taken longer than a window before or after the query.

    Args:
        ranking: what to change.
        query_times: (q,) datetime64; NaT is unknown and removes nothing.
        gallery_times: (g,) datetime64; NaT is unknown and stays.
        window: the longest interval to keep, 0 or more.
        penalty: what to add to the distances of the others instead; inf removes them.

    Raises:
        DataError: the times do not fit the ranking, or the window or the penalty is negative.
    """
    check_labels(ranking, query_times, gallery_times)
    longest = _longest(window)
    times = np.append(gallery_times, np.datetime64("NaT"))[ranking.indices]
    return penalise(ranking, abs(times - query_times[:, None]) > longest, penalty)


def remove_far_times(
    block: Floats, query_times: Times, gallery_times: Times, window: timedelta | np.timedelta64
) -> None:
    """Put what was taken longer than a window before or after the query at distance inf, in place.

    Args:
        block: (q, g) distances, changed.
        query_times: (q,) datetime64; NaT is unknown and removes nothing.
        gallery_times: (g,) datetime64; NaT is unknown and stays.
        window: the longest interval to keep, 0 or more.

    Raises:
        DataError: the window is negative.
    """
    longest = _longest(window)
    for row, time in zip(block, query_times, strict=True):
        row[abs(gallery_times - time) > longest] = np.inf


def covering_interval(
    vehicles: Text, cameras: Text, times: Times, share: float
) -> tuple[float, int]:
    """The shortest window that covers a share of the times between cameras.

    A time between cameras is that between two pictures of one vehicle by two of them.

    Args:
        vehicles: (n,) text, ``""`` unknown.
        cameras: (n,) text, ``""`` unknown.
        times: (n,) datetime64, NaT unknown; pictures with anything unknown are left out.
        share: in (0, 1].

    Returns:
        Seconds, and how many pairs of pictures they are taken from.

    Raises:
        DataError: no vehicle was seen by two cameras at known times, or the share is out of range.
    """
    if not 0 < share <= 1:
        raise DataError(f"share is {share}, expected more than 0 and at most 1")
    known = np.flatnonzero((vehicles != "") & (cameras != "") & ~np.isnat(times))
    rows = known[np.argsort(vehicles[known], kind="stable")]
    starts = np.flatnonzero(vehicles[rows][1:] != vehicles[rows][:-1]) + 1
    between = [np.empty(0, "timedelta64[ms]")]
    for same in np.split(rows, starts):
        one, other = (same[side] for side in np.triu_indices(len(same), 1))
        elsewhere = cameras[one] != cameras[other]
        between.append(abs(times[one] - times[other])[elsewhere])
    intervals = np.concatenate(between).astype("timedelta64[ms]").astype(np.int64)
    if not len(intervals):
        raise DataError(
            f"none of {len(vehicles)} rows show a vehicle before two cameras at known times, so "
            "they tell no temporal window"
        )
    longest = np.quantile(intervals, share, method="inverted_cdf")
    return float(longest) / 1000, len(intervals)


def _longest(window: timedelta | np.timedelta64) -> np.timedelta64:
    longest = np.timedelta64(window)
    if not longest >= np.timedelta64(0):
        raise DataError(f"window is {window}, expected 0 or more")
    return longest
