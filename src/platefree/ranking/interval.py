"""Temporal window: a vehicle that comes back after long is taken for another.

Zheng et al., VehicleNet, TMM 2020, section IV-C: only gallery rows within [t - tau, t + tau] of the
query's time t are kept.
"""

from datetime import timedelta

import numpy as np

from platefree.errors import DataError
from platefree.ranking.penalty import check_labels, penalise
from platefree.types import Floats, Ranking, Times


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


def _longest(window: timedelta | np.timedelta64) -> np.timedelta64:
    longest = np.timedelta64(window)
    if not longest >= np.timedelta64(0):
        raise DataError(f"window is {window}, expected 0 or more")
    return longest
