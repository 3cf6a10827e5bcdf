import logging
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts, says

from platefree.data.split import split_by_vehicle
from platefree.data.table import read_table
from platefree.errors import DataError
from platefree.types import Sightings

REAL = Path(__file__).parents[3] / "shared" / "data" / "two-cameras"


def table(*rows: tuple[str, ...], **more: list[Any]) -> Sightings:
    """A table of (vehicle, camera) rows, or (vehicle, camera, type)."""
    columns: dict[str, list[Any]] = {"image": [f"{i:05d}.jpg" for i in range(len(rows))], **more}
    for name, values in zip(("vehicle", "camera", "type"), zip(*rows, strict=True), strict=False):
        columns[name] = list(values)
    return Sightings.from_columns(Path("/data"), columns)


def held_out(*cameras: str, seed: int = 0) -> Counter[tuple[str, str]]:
    """(camera, split) counts of one held-out vehicle seen by these cameras."""
    others = [("train-me", "x")] * 2
    for attempt in range(100):
        sightings = table(*[("v", camera) for camera in cameras], *others)
        result = split_by_vehicle(sightings, 0.5, seed + 1000 * attempt)
        splits = result.split[: len(cameras)].tolist()
        if splits[0] != "train":
            return Counter(zip(cameras, splits, strict=True))
    raise AssertionError("the vehicle was never held out")


def by_image(sightings: Sightings) -> dict[str, str]:
    return dict(zip(sightings.image.tolist(), sightings.split.tolist(), strict=True))


names = st.sampled_from(["", "a", "b", "c", "d", "e", "f", "g"])
cameras = st.sampled_from(["", "1", "2", "3"])
types = st.sampled_from(["", "bus", "car"])
rows = st.lists(st.tuples(names, cameras, types), min_size=2, max_size=40).filter(
    lambda drawn: len({vehicle for vehicle, *_ in drawn} - {""}) > 1
)


@settings(deadline=None)
@given(rows=rows, train=st.floats(0.05, 0.95), seed=st.integers(0, 5))
def test_the_promises_hold_for_any_table(
    rows: list[tuple[str, str, str]], train: float, seed: int
) -> None:
    sightings = table(*rows)
    result = split_by_vehicle(sightings, train, seed)
    splits: dict[str, set[str]] = defaultdict(set)
    for vehicle, split in zip(result.vehicle.tolist(), result.split.tolist(), strict=True):
        splits[vehicle].add(split)
    unlabelled = splits.pop("", {"gallery"})
    assert unlabelled == {"gallery"}
    assert all(seen == {"train"} or "train" not in seen for seen in splits.values())
    trained = sum(seen == {"train"} for seen in splits.values())
    assert 1 <= trained < len(splits)
    assert trained in (1, len(splits) - 1) or abs(trained - train * len(splits)) <= 0.5 + 1e-9
    listed = list(
        zip(result.vehicle.tolist(), result.camera.tolist(), result.split.tolist(), strict=True)
    )
    queries = Counter((v, c) for v, c, split in listed if split == "query")
    assert all(count == 1 for count in queries.values())
    for vehicle, camera in queries:
        assert any(
            v == vehicle and split == "gallery" and (not c or not camera or c != camera)
            for v, c, split in listed
        )
    for name in ("image", "vehicle", "camera", "type"):
        assert (getattr(result, name) == getattr(sightings, name)).all()


@settings(deadline=None)
@given(rows=rows, seed=st.integers(0, 3), order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_never_matters(
    rows: list[tuple[str, str, str]], seed: int, order: Random
) -> None:
    sightings = table(*rows)
    shuffled = list(range(len(rows)))
    order.shuffle(shuffled)
    expected = by_image(split_by_vehicle(sightings, 0.5, seed))
    assert by_image(split_by_vehicle(sightings.take(np.array(shuffled)), 0.5, seed)) == expected


def test_each_camera_gives_one_query_where_it_can() -> None:
    assert held_out("1", "1", "2", "2", "2") == {
        ("1", "query"): 1, ("1", "gallery"): 1, ("2", "query"): 1, ("2", "gallery"): 2,
    }  # fmt: skip
    assert held_out("1", "1", "2", "2", "3") == {
        ("1", "query"): 1, ("1", "gallery"): 1, ("2", "query"): 1, ("2", "gallery"): 1,
        ("3", "query"): 1,
    }  # fmt: skip


def test_one_camera_alone_gives_no_query() -> None:
    assert held_out("1", "1", "1") == {("1", "gallery"): 3}
    assert held_out("1") == {("1", "gallery"): 1}


def test_one_picture_in_each_camera_gives_one_query_from_a_seeded_camera() -> None:
    givers = set()
    for seed in range(30):
        counts = held_out("1", "2", "3", seed=seed)
        (giver,) = (camera for camera, split in counts if split == "query")
        assert sum(split == "gallery" for _, split in counts.elements()) == 2
        givers.add(giver)
    assert givers == {"1", "2", "3"}


def test_one_stocked_camera_leaves_another_its_picture() -> None:
    keepers = set()
    for seed in range(30):
        counts = held_out("1", "1", "1", "2", "3", seed=seed)
        assert counts["1", "query"] == 1
        (keeper,) = (camera for camera in ("2", "3") if counts[camera, "gallery"])
        giver = "3" if keeper == "2" else "2"
        assert (counts[keeper, "query"], counts[giver, "query"]) == (0, 1)
        assert counts["1", "gallery"] == 2
        keepers.add(keeper)
    assert keepers == {"2", "3"}


def test_unknown_cameras_stay_in_the_gallery_and_match_everything() -> None:
    assert held_out("1", "2", "") == {("1", "query"): 1, ("2", "query"): 1, ("", "gallery"): 1}
    assert held_out("1", "") == {("1", "query"): 1, ("", "gallery"): 1}
    assert held_out("", "", "") == {("", "query"): 1, ("", "gallery"): 2}
    assert held_out("") == {("", "gallery"): 1}


def test_types_keep_their_proportion() -> None:
    sizes = {"car": 60, "bus": 30, "truck": 10, "": 7}
    rows = [
        (f"{kind}{i}", camera, kind)
        for kind, size in sizes.items()
        for i in range(size)
        for camera in ("1", "2")
    ]
    for seed in range(5):
        result = split_by_vehicle(table(*rows), 0.3, seed)
        trained = result.take(result.split == "train")
        counts = Counter(kind for _, kind in {*zip(trained.vehicle, trained.type, strict=True)})
        assert sum(counts.values()) == 32  # 0.3 x 107 vehicles
        for kind, size in sizes.items():
            assert abs(counts[kind] - 0.3 * size) < 1


def test_the_type_of_a_vehicle_is_the_most_frequent_known_one() -> None:
    rows = [(f"b{i}", "1", kind) for i in range(10) for kind in ("bus", "bus", "car", "", "", "")]
    rows += [(f"c{i}", "1", "car") for i in range(10)]
    for seed in range(10):
        result = split_by_vehicle(table(*rows), 0.5, seed)
        trained = {str(vehicle) for vehicle in result.vehicle[result.split == "train"]}
        assert sum(vehicle.startswith("b") for vehicle in trained) == 5
        assert sum(vehicle.startswith("c") for vehicle in trained) == 5


def test_seeds_differ_and_repeat() -> None:
    sightings = table(*[(f"v{i}", camera) for i in range(40) for camera in ("1", "2")])
    splits = [split_by_vehicle(sightings, 0.5, seed).split.tolist() for seed in (0, 1, 0)]
    assert splits[0] == splits[2] != splits[1]


def test_an_old_split_is_replaced_and_the_input_untouched() -> None:
    sightings = table(("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"), split=["train"] * 4)
    result = split_by_vehicle(sightings)
    assert sorted(result.split.tolist()) == ["gallery", "query", "train", "train"]
    assert sightings.split.tolist() == ["train"] * 4


def test_all_vehicles_can_be_trained_on(caplog: pytest.LogCaptureFixture) -> None:
    sightings = table(("a", "1", "car"), ("a", "2", "car"), ("b", "1", "bus"), ("", "1", "car"))
    assert split_by_vehicle(sightings, 1.0).split.tolist() == ["train"] * 3 + ["gallery"]
    assert not caplog.records


@pytest.mark.parametrize("train", [0.0, -0.5, 1.01, 2.0, float("nan")])
def test_a_fraction_outside_zero_and_one_is_refused(train: float) -> None:
    with pytest.raises(DataError, match=facts(f"train is {train}", "over 0", "up to 1")):
        split_by_vehicle(table(("a", "1"), ("b", "1")), train)


def test_other_refusals_say_what_to_do() -> None:
    with pytest.raises(DataError, match=facts("seed is -1", "0 or more")):
        split_by_vehicle(table(("a", "1"), ("b", "1")), seed=-1)
    with pytest.raises(DataError, match=facts("two vehicles", "found 1", "column 'vehicle'")):
        split_by_vehicle(table(("a", "1"), ("a", "2"), ("", "1")))
    unlabelled = Sightings.from_columns(Path(), {"image": ["a.jpg", "b.jpg"]})
    with pytest.raises(DataError, match=facts("two vehicles", "found 0", "column 'vehicle'")):
        split_by_vehicle(unlabelled)


def test_a_split_without_a_query_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        split_by_vehicle(table(("a", "1"), ("b", "1"), ("c", "1")))
    assert says(caplog.text, "no query", "match")


def test_the_real_pictures() -> None:
    if not REAL.is_dir():
        pytest.skip(f"real pictures are absent: {REAL}")
    result = split_by_vehicle(read_table(REAL), 0.5, 1)
    assert Counter(result.split.tolist()) == {"train": 276, "query": 138, "gallery": 138}
    queries = result.take(result.split == "query")
    assert set(queries.camera.tolist()) == {"cam1", "cam2"}
    assert len(set(queries.vehicle.tolist())) == 138
