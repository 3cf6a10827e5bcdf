"""Which broken tracks become one."""

from itertools import permutations

import numpy as np
import pytest

from platefree.video.best_pictures import Picture
from platefree.video.joining import Joiner, Likeness, alike, join
from platefree.video.tracks import POINTS, Track

LIKENESS = Likeness(similarity=0.6, gap=10.0)


def track(
    number: int,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    *,
    looks: float = 0.0,
    quality: float = 0.5,
    points: int = 5,
    side: float = 40.0,
) -> Track:
    """A vehicle of 40 x 40 pixels; ``looks`` is an angle in degrees."""
    path = np.linspace((*start, side), (*end, side), points)
    box = np.array([0, 0, 40, 40], np.float32)
    crop = np.full((2, 2, 3), number, np.uint8)
    pictures = tuple(
        Picture(number, p[0], box, crop, quality / (k + 1)) for k, p in enumerate(path)
    )
    row = np.array([np.cos(np.radians(looks)), np.sin(np.radians(looks))], np.float32)
    scene = np.full((3, 3, 3), number, np.uint8)
    kinds = np.eye(5)[0]
    return Track(number, kinds, points, pictures[:4], scene, path, {"main": row})


BEFORE = track(0, (0, 100, 50), (3, 220, 50))
AFTER = track(1, (6, 330, 50), (9, 450, 50), looks=20)


def joined(tracks: list[Track]) -> list[int]:
    joiner = Joiner(LIKENESS)
    for each in tracks:
        joiner.add(each)
    return [each.number for each in joiner.finish()]


@pytest.mark.parametrize(
    ("later", "numbers"),
    [
        (AFTER, [0]),
        (track(1, (6, 330, 50), (9, 450, 50), looks=80), [0, 1]),  # looks different
        (track(1, (14, 330, 50), (19, 450, 50)), [0, 1]),  # too late
        (track(1, (2.5, 330, 50), (9, 450, 50)), [0, 1]),  # at the same time
        (track(1, (3.5, 450, 50), (9, 560, 50)), [0, 1]),  # too far
        (track(1, (6, 330, 50), (9, 450, 50), side=90), [0, 1]),  # too large
        (track(1, (6, 150, 50), (9, 270, 50)), [0, 1]),  # backwards
        (track(1, (6, 330, 50), (9, 100, 50)), [0, 1]),  # the other way
    ],
    ids=["same", "looks", "late", "together", "far", "large", "back", "turned"],
)
def test_tracks_are_joined_by_time_place_and_looks(later: Track, numbers: list[int]) -> None:
    assert joined([BEFORE, later]) == numbers


def test_how_far_a_vehicle_gets_depends_on_its_size_there_and_then() -> None:
    """In the distance 110 pixels are far, whatever the size of the best picture."""
    for side, numbers in ((40.0, [0]), (5.0, [0, 1])):
        before = track(0, (0, 100, 50), (3, 220, 50), side=side)
        after = track(1, (6, 330, 50), (9, 450, 50), side=side)
        assert joined([before, after]) == numbers


def test_three_parts_are_one_in_whatever_order_they_come() -> None:
    parts = [BEFORE, AFTER, track(2, (14, 640, 50), (17, 760, 50), looks=10)]
    for order in permutations(parts):
        assert joined(list(order)) == [0]


def test_the_most_similar_one_is_taken() -> None:
    tracks = [BEFORE, track(1, (0, 100, 60), (3, 220, 60), looks=25), AFTER]
    joiner = Joiner(LIKENESS)
    for each in tracks:
        joiner.add(each)
    by_number = {each.number: each for each in joiner.finish()}
    assert by_number[0].last == 3
    assert by_number[1].last == 9


def test_a_joined_track_keeps_the_best_of_both() -> None:
    later = track(1, (6, 330, 50), (9, 450, 50), looks=20, quality=0.9, points=16)
    both = join(BEFORE, later)
    every = sorted([*BEFORE.pictures, *later.pictures], key=lambda each: -each.quality)
    assert list(both.pictures) == every[:4]
    assert (both.number, both.first, both.last, both.boxes) == (0, 0, 9, 21)
    assert both.scene[0, 0, 0] == 1
    assert len(both.path) <= POINTS
    np.testing.assert_array_equal(both.kinds, BEFORE.kinds + later.kinds)
    assert np.linalg.norm(both.embeddings["main"]) == pytest.approx(1)
    assert alike(both, BEFORE) == pytest.approx(alike(both, later))  # as many pictures


def test_tracks_are_released_when_nothing_can_follow() -> None:
    joiner = Joiner(LIKENESS)
    joiner.add(BEFORE)
    assert joiner.release(12.9) == []
    assert joiner.release(14.0, open_since=[5.0]) == []  # it may be the same vehicle
    assert joiner.release(14.0, open_since=[2.0]) == [BEFORE]
    assert joiner.finish() == []


def test_without_embeddings_time_and_place_decide() -> None:
    from dataclasses import replace

    bare = [replace(each, embeddings={}) for each in (BEFORE, AFTER)]
    assert joined(bare) == [0]
