"""Tracks of boxes whose vehicles are known."""

from itertools import permutations

import numpy as np
import pytest
from messages import facts

from platefree.errors import DataError
from platefree.video.overlap_tracker import OverlapTracker, _pairs, _shared

Box = tuple[float, float, float, float]


def followed(
    frames: list[list[tuple[str, Box]]], *, rate: float = 10.0, score: float = 0.9
) -> dict[str, set[int]]:
    """The tracks of each vehicle."""
    tracker, tracks = OverlapTracker(), dict[str, set[int]]()
    for number, frame in enumerate(frames):
        boxes = np.array([box for _, box in frame]).reshape(-1, 4)
        numbers = tracker.update(number / rate, boxes, np.full(len(boxes), score))
        assert len(set(numbers.tolist())) == len(numbers)
        assert set(numbers.tolist()) <= tracker.open
        for (vehicle, _), track in zip(frame, numbers.tolist(), strict=True):
            tracks.setdefault(vehicle, set()).add(track)
    return tracks


def driving(time: float, *, start: float, speed: float, top: float = 50) -> Box:
    left = start + speed * time
    return left, top, left + 40, top + 20


def iou(one: np.ndarray, other: np.ndarray) -> float:
    squares = [
        {(x, y) for x in range(int(b[0]), int(b[2])) for y in range(int(b[1]), int(b[3]))}
        for b in (one, other)
    ]
    return len(squares[0] & squares[1]) / len(squares[0] | squares[1])


def test_boxes_are_assigned_with_the_largest_sum_of_overlaps() -> None:
    """Against all permutations, with overlaps by counting squares."""
    random = np.random.default_rng(3)
    rows = np.arange(4)
    for _ in range(30):
        low = random.integers(0, 16, (2, 4, 2))
        boxes, places = np.concatenate([low, low + random.integers(6, 14, (2, 4, 2))], axis=2)
        shared = np.array([[iou(a, b) for b in places] for a in boxes])
        shared[shared < 0.2] = 0
        best = max(sum(shared[rows, list(order)]) for order in permutations(range(4)))
        exact = _shared(boxes.astype(float), places.astype(float), np.zeros(4))
        pairs = _pairs(exact, rows, rows, 0.2)
        assert all(shared[pair] > 0 for pair in pairs)
        assert sum(shared[pair] for pair in pairs) == pytest.approx(best)


def test_buffered_boxes_are_larger_at_each_side() -> None:
    box, place = np.array([[10.0, 20, 30, 30]]), np.array([[40.0, 20, 60, 30]] * 2)
    shared = _shared(box, place, np.array([0.0, 0.5]))
    larger = iou(np.array([0, 15, 40, 35]), np.array([30, 15, 70, 35]))
    np.testing.assert_allclose(shared, [[0.0, larger]])


def test_a_vehicle_that_comes_in_where_another_has_left_is_another() -> None:
    """What is known of where the first one went speaks against it."""
    frames = [[("out", (120.0 - 12 * k, 100.0, 180.0 - 12 * k, 140.0))] for k in range(12)]
    frames += [[("in", (-60.0 + 30 + 8 * k, 145.0, 30 + 8 * k, 185.0))] for k in range(12)]
    assert followed(frames) == {"out": {0}, "in": {1}}


def test_vehicles_that_pass_each_other_keep_their_tracks() -> None:
    frames = [
        [
            ("there", driving(k / 10, start=0, speed=80)),
            ("back", driving(k / 10, start=300, speed=-80, top=58)),
        ]
        for k in range(40)
    ]
    assert followed(frames) == {"there": {0}, "back": {1}}


def test_a_vehicle_that_is_hidden_for_a_second_keeps_its_track() -> None:
    frames = [
        [] if 20 <= k < 30 else [("car", driving(k / 10, start=0, speed=60))] for k in range(50)
    ]
    assert followed(frames) == {"car": {0}}


def test_a_vehicle_that_is_gone_for_long_is_another() -> None:
    frames = [
        [] if 20 <= k < 60 else [("car", driving(k / 10, start=0, speed=60))] for k in range(80)
    ]
    assert followed(frames) == {"car": {0, 1}}


def test_a_parked_vehicle_is_one_track_while_others_hide_it() -> None:
    """It is hidden for eight seconds in every forty, by a lorry that stands before it."""
    frames = list[list[tuple[str, Box]]]()
    for k in range(1200):
        hidden = k % 400 >= 320
        lorry = [(f"lorry {k // 400}", (60.0, 40.0, 220.0, 130.0))]
        frames.append(lorry if hidden else [("parked", (100.0, 80.0, 150.0, 110.0))])
    tracks = followed(frames)
    assert tracks["parked"] == {0}
    assert all(0 not in each for name, each in tracks.items() if name != "parked")


def test_a_car_that_drives_past_a_parked_one_does_not_take_its_track() -> None:
    frames = [
        [
            ("parked", (200.0, 45.0, 240.0, 65.0)),
            ("car", driving(k / 10, start=0, speed=70, top=56)),
        ]
        for k in range(60)
    ]
    assert followed(frames) == {"parked": {0}, "car": {1}}


def test_fast_vehicles_are_followed_though_their_boxes_do_not_overlap_at_first() -> None:
    frames = [[("car", driving(k / 5, start=0, speed=220))] for k in range(12)]  # 44 of 40 pixels
    assert followed(frames, rate=5.0) == {"car": {0}}


def test_unsure_boxes_prolong_tracks_and_begin_none() -> None:
    tracker = OverlapTracker(0.4)
    boxes = np.array([[10.0, 10, 50, 30], [100.0, 10, 150, 40]])
    assert tracker.update(0.0, boxes, np.array([0.9, 0.2])).tolist() == [0, -1]
    assert tracker.update(0.1, boxes, np.array([0.2, 0.2])).tolist() == [0, -1]
    assert tracker.update(0.2, boxes, np.array([0.9, 0.5])).tolist() == [0, 1]


def test_what_is_only_unsure_ends() -> None:
    tracker, box = OverlapTracker(0.4), np.array([[10.0, 10, 50, 30]])
    for k in range(100):
        number = tracker.update(k / 10, box, np.array([0.9 if k < 10 else 0.3]))[0]
        assert (number == 0) == (k / 10 <= 0.9 + 1.0 + 0.5) or 2.3 < k / 10 < 5
    assert tracker.open == set()


def test_rare_frames_still_follow_what_stands() -> None:
    """A frame a minute, whatever a tracker remembers in seconds."""
    frames = [[("parked", (100.0, 80.0, 150.0, 110.0))] for _ in range(20)]
    assert followed(frames, rate=1 / 60) == {"parked": {0}}


def test_memory_does_not_grow() -> None:
    tracker = OverlapTracker()
    for k in range(3000):
        left = 100.0 * (k % 97)
        tracker.update(k / 10, np.array([[left, 0, left + 40, 30]]), np.array([0.9]))
        assert len(tracker.open) < 40


def test_frames_are_in_the_order_of_time() -> None:
    tracker = OverlapTracker()
    tracker.update(2.0, np.empty((0, 4)), np.empty(0))
    with pytest.raises(DataError, match=facts(1.5, 2.0)):
        tracker.update(1.5, np.empty((0, 4)), np.empty(0))
