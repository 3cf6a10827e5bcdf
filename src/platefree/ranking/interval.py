"""Temporal window: only pictures captured within some time of the query are kept.

Zheng et al., VehicleNet, TMM 2020, section IV-C: only gallery rows within [t - tau, t + tau] of the
query's time t are kept. Decided, since the paper gives no tau: `covering_interval` finds one in
training data, where the vehicles are known.
"""

import numpy as np

from platefree.errors import DataError
from platefree.types import Text, Times


def covering_interval(
    vehicles: Text, cameras: Text, times: Times, fraction: float
) -> tuple[float, int]:
    """The shortest window that covers a fraction of the intervals between cameras.

    An interval is the time between two pictures of one vehicle by different cameras.

    Args:
        vehicles: (n,) text, ``""`` unknown.
        cameras: (n,) text, ``""`` unknown.
        times: (n,) datetime64, NaT unknown; pictures with an unknown label are left out.
        fraction: in (0, 1].

    Returns:
        Seconds, and the number of intervals.

    Raises:
        DataError: no vehicle was seen by two cameras at known times, or the fraction is not in
            (0, 1].
    """
    if not 0 < fraction <= 1:
        raise DataError(f"fraction is {fraction}, expected more than 0 and at most 1")
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
            f"none of {len(vehicles)} rows show a vehicle captured by two cameras at known times, "
            "so no temporal window can be found"
        )
    longest = np.quantile(intervals, fraction, method="inverted_cdf")
    return float(longest) / 1000, len(intervals)
