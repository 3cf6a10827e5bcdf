from pathlib import Path

import numpy as np
import pytest
from messages import facts

from platefree.errors import DataError, ProtocolError
from platefree.evaluation.pair_labels import IgnoredPairs, PairLabels
from platefree.evaluation.protocols import default_protocol, make_trials
from platefree.evaluation.trial import Trial
from platefree.types import Sightings


def table(vehicle: str, camera: str = "", split: str = "") -> Sightings:
    """One letter a row; ``.`` is unknown."""
    columns = {"vehicle": vehicle, "camera": camera or "." * len(vehicle)}
    splits = {"t": "train", "q": "query", "g": "gallery", ".": ""}
    return Sightings.from_columns(
        Path(),
        {
            "image": [f"{row}.jpg" for row in range(len(vehicle))],
            **{name: [c.replace(".", "") for c in text] for name, text in columns.items()},
            "split": [splits[c] for c in split or "." * len(vehicle)],
        },
    )


def test_cross_camera_searches_each_camera_in_each_other_both_ways() -> None:
    trials = make_trials(table("aabbc.", "12123."), "cross-camera")
    assert [(t.name, t.query.tolist(), t.gallery.tolist()) for t in trials] == [
        ("1 → 2", [0, 2], [1, 3]),
        ("2 → 1", [1, 3], [0, 2]),
    ]


def test_query_gallery_follows_the_split_column() -> None:
    (trial,) = make_trials(table("aabbcc", "121212", "qgqgtt"), "query-gallery")
    assert (trial.query.tolist(), trial.gallery.tolist()) == ([0, 2], [1, 3])
    assert trial.self_index().tolist() == [-1, -1]


def test_leave_one_out_ignores_the_picture_itself() -> None:
    (trial,) = make_trials(table("aab"), "leave-one-out")
    assert trial.self_index().tolist() == [0, 1, 2]


def test_a_query_is_found_in_the_gallery_wherever_it_stands() -> None:
    trial = Trial("", np.array([5, 2, 9]), np.array([9, 1, 5, 7]))
    assert trial.self_index().tolist() == [2, -1, 0]


@pytest.mark.parametrize(
    ("vehicle", "camera", "split", "protocol", "message"),
    [
        ("aabb", "1111", "", "cross-camera", ("two cameras", "'camera' names 1")),
        ("aabb", "....", "", "cross-camera", ("two cameras", "'camera' names 0")),
        ("aabb", "1122", "", "cross-camera", ("cross-camera", "no vehicle", "two cameras")),
        ("aabb", "1212", "", "query-gallery", ("'query'", "'gallery'", "0 and 0")),
        ("aabb", "1212", "qqtt", "query-gallery", ("'query'", "'gallery'", "2 and 0")),
        ("....", "1212", "", "leave-one-out", ("'vehicle'", "two vehicles", "found 0")),
        ("aaaa", "1212", "", "leave-one-out", ("'vehicle'", "two vehicles", "found 1")),
        ("aabb", "1212", "", "rank-1", ("'rank-1'", "cross-camera", "leave-one-out")),
    ],
)
def test_what_a_table_cannot_support_is_refused_with_the_reason(
    vehicle: str, camera: str, split: str, protocol: str, message: tuple[str, ...]
) -> None:
    with pytest.raises(ProtocolError, match=facts(message)):
        make_trials(table(vehicle, camera, split), protocol)


def test_the_default_is_what_the_table_is_made_for() -> None:
    assert default_protocol(table("aabb", "1212", "qgqg")) == "query-gallery"
    assert default_protocol(table("aabb", "1212")) == "cross-camera"
    assert default_protocol(table("aabb")) == "leave-one-out"


def test_a_trial_moves_to_the_rows_that_are_left_of_a_table() -> None:
    ignored = IgnoredPairs.of([np.array([3, 7]), np.array([], np.int64), np.array([9])])
    trial = Trial("", np.array([2, 3, 4]), np.array([9, 5, 3]), ignored=ignored)
    place = np.full(10, -1)
    place[[2, 3, 4, 5, 9]] = range(5)  # rows 0, 1, 6, 7, 8 are gone
    moved = trial.moved(place)
    assert (moved.query.tolist(), moved.gallery.tolist()) == ([0, 1, 2], [4, 3, 1])
    assert moved.ignored is not None
    assert [tuple(map(int, pair)) for pair in zip(*moved.ignored, strict=True)] == [(0, 1), (2, 4)]
    places = moved.ignored_index()
    assert places is not None
    assert [tuple(map(int, pair)) for pair in zip(*places, strict=True)] == [(0, 2), (2, 0)]
    last = moved.part(np.array([False, True, True]))
    assert last.ignored is not None
    assert last.query.tolist() == [1, 2]
    assert [tuple(map(int, pair)) for pair in zip(*last.ignored, strict=True)] == [(1, 4)]


def test_ignored_pairs_that_are_not_there_are_refused() -> None:
    for query, row, message in (
        (2, 0, ("query", "2 to 2", "0 to 1")),
        (0, -1, ("row", "-1 to -1", "0 to 0")),
    ):
        ignored = IgnoredPairs(np.array([query]), np.array([row]))
        with pytest.raises(DataError, match=facts(message)):
            PairLabels.encode(["a", "b"], ["a"], ignored=ignored)
