"""Which frames are taken: the same ones, wherever a reading that goes on begins."""

from dataclasses import replace

import pytest

from platefree.data.film_sampling import Sampling

STAMPS = {
    "29.97, milliseconds": [round(number * 1001 / 30) * 0.001 for number in range(3000)],
    "29.97, ticks": [number * 1001 * (1 / 30000) for number in range(3000)],
    "23.976, milliseconds": [round(number * 1001 / 24) * 0.001 for number in range(3000)],
    "uneven": [(number * 40 + number * 7919 % 13) * 0.001 for number in range(3000)],
}


def taken(times: list[float], sampling: Sampling) -> list[float]:
    """The times of the frames that are taken."""
    moment, found = sampling.first, list[float]()
    for time in times:
        if time > sampling.taken and time >= sampling.from_moment(moment):
            found.append(time)
            moment = sampling.after(time)
    return found


@pytest.mark.parametrize("stamps", STAMPS)
@pytest.mark.parametrize("every", [0.0, 0.1, 0.2, 1 / 3])
def test_what_goes_on_takes_the_frames_that_one_reading_takes(stamps: str, every: float) -> None:
    times, whole = STAMPS[stamps], Sampling(every, since=0.7)
    unstopped = taken(times, whole)
    assert len(unstopped) > 200
    for last in unstopped[:: len(unstopped) // 15]:
        resumed = taken(times, replace(whole, taken=last))
        assert resumed == unstopped[unstopped.index(last) + 1 :]
