"""Time stamps of films that are missing, go back, leap or leave gaps."""

import pytest
from messages import says

from platefree.data.film_clock import FilmClock


def stamps(clock: FilmClock, given: list[tuple[int | None, int | None]]) -> list[int]:
    return [clock.stamp(shown, stored) for shown, stored in given]


def test_sound_stamps_stay_as_they_are() -> None:
    clock = FilmClock(0.001, 100)
    given = [(0, -200), (400, -100), (200, 0), (100, 100), (300, 200), (600, 300)]
    assert stamps(clock, [*given]) == [0, 400, 200, 100, 300, 600]
    assert stamps(FilmClock(0.001, 100), [(each, None) for each, _ in given]) == [
        *(0, 400, 200, 100, 300, 600)
    ]
    assert clock.remarks() == []
    assert not clock.repaired
    assert clock.seconds_read(0) == pytest.approx(0.7)


def test_missing_stamps_are_a_frame_later() -> None:
    clock = FilmClock(0.001, 100)
    assert stamps(clock, [(0, 0), (None, None), (None, None), (350, 350)]) == [0, 100, 200, 350]
    assert says(" ".join(clock.remarks()), 2)


def test_the_clock_never_goes_back_and_never_leaps_a_day() -> None:
    clock = FilmClock(0.001, 100)
    back = [(each, each) for each in (5000, 5100, 5200, 0, 100, 200)]
    assert stamps(clock, back) == [5000, 5100, 5200, 5300, 5400, 5500]
    assert stamps(clock, [(90_000_000, 90_000_000), (90_000_100, 90_000_100)]) == [5600, 5700]
    assert clock.repaired
    assert says(" ".join(clock.remarks()), "1 time")


def test_gaps_are_believed_and_said() -> None:
    clock = FilmClock(0.001, 100)
    assert stamps(clock, [(0, 0), (100, 100), (60_100, 60_100)]) == [0, 100, 60_100]
    assert says(" ".join(clock.remarks()), 1, "60.0 s")
    rare = FilmClock(1.0, 60)
    assert stamps(rare, [(0, 0), (60, 60), (120, 120)]) == [0, 60, 120]
    assert rare.remarks() == []
