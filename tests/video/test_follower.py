"""From boxes on frames to what is kept of each vehicle."""

import json
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from platefree.data.frame_boxes import KINDS
from platefree.inference.detector import FoundOnFrame
from platefree.types import Indices
from platefree.video.follower import Follower, follow
from platefree.video.overlap_tracker import OverlapTracker
from platefree.video.tracks import POINTS, Way, mean_row

CAR, TRUCK, PLATE = (KINDS.index(name) for name in ("car", "truck", "plate"))


class OneFrame(NamedTuple):
    number: int
    time: float
    picture: np.ndarray


def patches(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.kron(random.integers(0, 256, (15, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def street(count: int) -> Iterator[tuple[OneFrame, FoundOnFrame]]:
    """A car comes nearer while it drives to the right; another stands; a plate; a ghost."""
    for number in range(count):
        time = number / 10
        size = 20 + 20 * time
        rows = [
            ([10 + 25 * time, 10, 10 + 25 * time + size, 10 + size], CAR, 0.9),
            ([100.0, 100, 130, 118], TRUCK if number % 3 == 0 else CAR, 0.6),
            ([105.0, 112, 112, 115], PLATE, 0.9),
        ]
        if number == 7:
            rows.append(([2.0, 90, 22, 110], CAR, 0.8))
        box, kind, score = zip(*rows, strict=True)
        found = FoundOnFrame(np.array(box, float), np.array(kind), np.array(score))
        yield OneFrame(number, time, patches(number)), found


def test_each_vehicle_is_a_track_and_ghosts_and_plates_are_none() -> None:
    tracks = list(follow(street(30), OverlapTracker()))
    assert [each.boxes for each in tracks] == [30, 30]
    driving, standing = tracks
    assert (driving.first, driving.last) == (0.0, pytest.approx(2.9))
    assert standing.kind == CAR
    np.testing.assert_allclose(standing.kinds[[CAR, TRUCK]], [20 * 0.6, 10 * 0.6])
    assert np.isnan(standing.direction)
    x, y = 25 * 2.9 + 10 * 2.9, 20 * 2.9  # of the middle of the lower edge
    assert driving.direction == pytest.approx(np.degrees(np.arctan2(x, -y)))


def test_pictures_are_cut_from_their_frames() -> None:
    for track in follow(street(30), OverlapTracker()):
        assert 1 <= len(track.pictures) <= 4
        np.testing.assert_array_equal(track.scene, patches(track.pictures[0].frame))
        for each in track.pictures:
            left, top = np.floor(each.box[:2]).astype(int)
            right, bottom = np.ceil(each.box[2:]).astype(int)
            expected = patches(each.frame)[top:bottom, left:right]
            np.testing.assert_array_equal(each.crop, expected)
            assert each.time == pytest.approx(each.frame / 10)


def test_what_was_sure_once_and_hardly_seen_later_is_no_vehicle() -> None:
    box = np.array([[20.0, 20, 60, 50]])
    for rest, count in ((0.3, 1), (0.2, 0)):
        frames = [
            (OneFrame(n, n / 10, patches(n)), FoundOnFrame(box, np.array([CAR]), np.array([each])))
            for n, each in enumerate([0.9, rest, rest, rest, 0.9 if count else rest])
        ]
        scores = [float(found.score[0]) for _, found in frames]
        assert (np.mean(scores) >= 0.35) == (count == 1)
        assert len(list(follow(frames, OverlapTracker()))) == count


def test_boxes_of_no_track_hide_nothing() -> None:
    def with_unsure() -> Iterator[tuple[OneFrame, FoundOnFrame]]:
        for frame, found in street(20):
            box, kind = np.vstack([found.box, [0, 0, 160, 120]]), np.append(found.kind, CAR)
            yield frame, FoundOnFrame(box, kind, np.append(found.score, 0.2))

    plain = list(follow(street(20), OverlapTracker()))
    unsure = list(follow(with_unsure(), OverlapTracker()))
    for one, other in zip(plain, unsure, strict=True):
        assert [each.quality for each in one.pictures] == [each.quality for each in other.pictures]


@pytest.mark.parametrize("scenes", [True, False])
def test_whole_frames_are_held_only_where_they_are_asked_for(*, scenes: bool) -> None:
    follower, held = Follower(OverlapTracker(), scenes=scenes), list[Any]()
    for frame, found in street(30):
        follower.add(frame, found)
        held.append(weakref.ref(frame.picture))
    del frame
    assert any(each() is not None for each in held) == scenes
    other = Follower(OverlapTracker(), scenes=scenes)
    other.remember(follower.to_json(), lambda number: np.zeros((90, 300, 3), np.uint8))
    tracks = [*follower.finish(), *other.finish()]
    assert tracks
    assert {each.scene.size > 0 for each in tracks} == {scenes}


def test_a_vehicle_is_given_out_as_soon_as_it_is_gone() -> None:
    follower, given = Follower(OverlapTracker()), []
    for frame, found in street(100):
        gone = frame.number >= 20
        rows = found.kind == -1 if gone else found.kind == CAR
        some = FoundOnFrame(found.box[rows], found.kind[rows], found.score[rows])
        ended = follower.add(frame, some)
        given += [(frame.time, each) for each in ended]
    assert given
    assert all(time <= each.last + 2.2 for time, each in given)
    assert follower.open_since == []
    assert follower.finish() == []


def test_what_is_kept_does_not_grow_with_time() -> None:
    """A parked vehicle on 4,000 frames."""
    box = FoundOnFrame(np.array([[20.0, 20, 60, 50]]), np.array([CAR]), np.array([0.9]))
    frames = ((OneFrame(n, n / 5, patches(n % 10)), box) for n in range(4000))
    (track,) = follow(frames, OverlapTracker())
    assert (track.boxes, track.last) == (4000, pytest.approx(3999 / 5))
    assert len(track.pictures) == 4
    assert len(track.path) <= POINTS


@pytest.mark.parametrize("count", [1, 2, 5, 16, 17, 300])
def test_a_path_is_spread_over_the_whole_way(count: int) -> None:
    way, seen = Way(), []
    for k in range(count):
        way.go(k / 10, np.array([k, 0.0, k + 4, 3 * k + 1]))
        seen.append((k / 10, k + 2, 3 * k + 1, np.sqrt(4 * (3 * k + 1))))
    path = [tuple(point) for point in way.path.tolist()]
    assert path[0] == seen[0]
    assert path[-1] == seen[-1]
    assert set(path) <= set(seen)
    assert len(path) <= POINTS
    gaps = np.diff(way.path[:, 0])
    assert (gaps <= max(0.1, (count - 1) / 10 / 3) + 1e-9).all()


def test_the_mean_of_embeddings_is_weighted_by_quality() -> None:
    rows = np.array([[1.0, 0], [0.6, 0.8]], np.float32)
    mean = (3 * rows[0] + rows[1]) / 4
    np.testing.assert_allclose(mean_row(rows, [3, 1]), mean / np.hypot(*mean), rtol=1e-6)
    np.testing.assert_allclose(mean_row(rows, [0, 0]), mean_row(rows, [1, 1]))
    assert not mean_row(np.array([[1.0, 0], [-1, 0]], np.float32), [1, 1]).any()


def test_a_track_has_one_embedding_in_each_space() -> None:
    track = next(follow(street(30), OverlapTracker()))
    random = np.random.default_rng(0)
    rows = {name: random.normal(size=(len(track.pictures), 6)).astype("f") for name in "ab"}
    known = track.with_embeddings(rows)
    quality = [each.quality for each in track.pictures]
    for name, row in rows.items():
        np.testing.assert_array_equal(known.embeddings[name], mean_row(row, quality))


def test_any_tracker_can_be_plugged_in() -> None:
    class Each:
        """Every box is a track of its own for two frames."""

        def __init__(self) -> None:
            self.frames = 0

        def update(self, time: float, boxes: np.ndarray, scores: np.ndarray) -> Indices:
            self.frames += 1
            return np.arange(len(boxes)) + 10 * (self.frames // 2)

        @property
        def open(self) -> set[int]:
            return set(range(10 * (self.frames // 2), 10 * (self.frames // 2) + 10))

    tracks = list(follow(street(8), Each()))
    assert {each.boxes for each in tracks} == {2}


@pytest.mark.parametrize("moment", [1, 8, 19, 29])
def test_one_that_is_kept_as_text_goes_on_as_if_nothing_had_been(moment: int) -> None:
    frames = list(street(30))
    whole = list(follow(frames, OverlapTracker(0.3)))
    tracker = OverlapTracker(0.3)
    first = Follower(tracker)
    given = [track for each in frames[:moment] for track in first.add(*each)]
    kept = json.loads(json.dumps([tracker.to_json(), first.to_json()]))
    second = Follower(OverlapTracker.from_json(kept[0]))
    second.remember(kept[1], patches)
    given += [track for each in frames[moment:] for track in second.add(*each)]
    given += second.finish()
    assert [each.number for each in given] == [each.number for each in whole]
    for one, other in zip(given, whole, strict=True):
        np.testing.assert_array_equal(one.kinds, other.kinds)
        np.testing.assert_array_equal(one.path, other.path)
        np.testing.assert_array_equal(one.scene, other.scene)
        assert one.boxes == other.boxes
        for mine, theirs in zip(one.pictures, other.pictures, strict=True):
            assert (mine.frame, mine.time) == (theirs.frame, theirs.time)
            assert mine.quality == theirs.quality
            np.testing.assert_array_equal(mine.box, theirs.box)
            np.testing.assert_array_equal(mine.crop, theirs.crop)
