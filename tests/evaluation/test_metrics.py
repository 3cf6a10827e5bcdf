"""Rank metrics against a slow evaluator written from the definition."""

import tracemalloc
from math import inf, isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from messages import facts
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.evaluation import metrics
from platefree.evaluation.metrics import (
    RankMetrics,
    merge_rank_metrics,
    rank_metrics,
    score_block,
)
from platefree.evaluation.pair_labels import PairLabels, split_mates

HUGE = 2**60  # float64 cannot tell HUGE from HUGE + 1


def slow_scores(case: dict, query: int) -> tuple[float, float, int]:
    """AP, INP and rank of the first match of one query, by sorting (distance, index)."""
    ranks, position = [], 0
    row = [float(value) for value in case["distance"][query]]
    for _, index in sorted((value, index) for index, value in enumerate(row)):
        vehicle = case["query_vehicles"][query]
        same_vehicle = vehicle != "" and vehicle == case["gallery_vehicles"][index]
        same_camera = False
        if case["query_cameras"] is not None:
            camera = case["query_cameras"][query]
            same_camera = camera != "" and camera == case["gallery_cameras"][index]
        own = case["self_index"] is not None and case["self_index"][query] == index
        if own or (same_vehicle and same_camera):
            continue
        position += 1
        if same_vehicle:
            ranks.append(position)
    if not ranks:
        return nan, nan, 0
    precision = sum((count + 1) / rank for count, rank in enumerate(ranks)) / len(ranks)
    return precision, len(ranks) / ranks[-1], ranks[0]


def slow_metrics(case: dict, max_rank: int) -> dict:
    scores = [slow_scores(case, query) for query in range(len(case["distance"]))]
    valid = [score for score in scores if score[2]]
    count = len(valid)
    return {
        "precision": [score[0] for score in scores],
        "penalty": [score[1] for score in scores],
        "first": [score[2] for score in scores],
        "mAP": sum(score[0] for score in valid) / count if count else nan,
        "mINP": sum(score[1] for score in valid) / count if count else nan,
        "cmc": [
            sum(score[2] <= rank for score in valid) / count if count else nan
            for rank in range(1, max_rank + 1)
        ],
    }


def assert_like_slow(found: RankMetrics, case: dict, max_rank: int) -> None:
    expected = slow_metrics(case, max_rank)
    np.testing.assert_array_equal(found.first_match, np.array(expected["first"], np.int64))
    np.testing.assert_array_equal(found.valid, np.array(expected["first"], np.int64) > 0)
    for name, values in (
        ("average_precision", expected["precision"]),
        ("inverse_negative_penalty", expected["penalty"]),
        ("cmc", expected["cmc"]),
        ("mAP", expected["mAP"]),
        ("mINP", expected["mINP"]),
    ):
        np.testing.assert_allclose(getattr(found, name), values, rtol=1e-12, err_msg=name)


def assert_equal(one: RankMetrics, other: RankMetrics) -> None:
    for name in (*RankMetrics.__dataclass_fields__,):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


ID_KINDS = {
    "small": [0, 1, 2],
    "text": ["", "7", "07", "vehicle"],
    "huge": [HUGE, HUGE + 1, -HUGE],
}
DISTANCES = {
    "tied": st.sampled_from([0.0, -0.0, 0.5, 1.0]),
    "infinite": st.sampled_from([-inf, 0.0, 1.0, inf]),
    "any": st.floats(allow_nan=False, width=32),
}


@st.composite
def cases(draw: st.DrawFn) -> dict:
    q, g = draw(st.integers(0, 4)), draw(st.integers(0, 12))
    value = DISTANCES[draw(st.sampled_from(sorted(DISTANCES)))]
    rows = draw(st.lists(st.lists(value, min_size=g, max_size=g), min_size=q, max_size=q))

    def ids(count: int, kind: str) -> list:
        return draw(st.lists(st.sampled_from(ID_KINDS[kind]), min_size=count, max_size=count))

    vehicle_kind = draw(st.sampled_from(sorted(ID_KINDS)))
    camera_kind = draw(st.sampled_from([None, *sorted(ID_KINDS)]))
    own = draw(st.none() | st.lists(st.integers(-1, g - 1), min_size=q, max_size=q))
    return {
        "distance": np.array(rows, draw(st.sampled_from(["f4", "f8"]))).reshape(q, g),
        "query_vehicles": ids(q, vehicle_kind),
        "gallery_vehicles": ids(g, vehicle_kind),
        "query_cameras": camera_kind and ids(q, camera_kind),
        "gallery_cameras": camera_kind and ids(g, camera_kind),
        "self_index": None if own is None else np.array(own, np.int64),
    }


def small_case(**changes: object) -> dict:
    base = {
        "distance": np.array([[0.1, 0.2, 0.3]], np.float32),
        "query_vehicles": ["a"],
        "gallery_vehicles": ["b", "a", "a"],
        "query_cameras": None,
        "gallery_cameras": None,
        "self_index": None,
    }
    return base | changes


def random_case(q: int, g: int, vehicles: int, seed: int = 0, ties: bool = False) -> dict:
    random = np.random.default_rng(seed)
    distance = random.random((q, g), np.float32)
    return {
        "distance": np.round(distance, 1) if ties else distance,
        "query_vehicles": random.integers(0, vehicles, q),
        "gallery_vehicles": random.integers(0, vehicles, g),
        "query_cameras": random.integers(0, 4, q),
        "gallery_cameras": random.integers(0, 4, g),
        "self_index": random.integers(-1, g, q),
    }


@settings(deadline=None, max_examples=200)
@given(cases(), st.integers(1, 15))
@example(small_case(), 5)
@example(small_case(query_vehicles=[""], gallery_vehicles=["", "", "a"]), 2)  # unknown, no match
@example(small_case(query_cameras=["x"], gallery_cameras=["y", "x", "x"]), 2)  # all ignored
@example(small_case(query_cameras=[""], gallery_cameras=["", "", ""]), 2)  # unknown cameras
@example(small_case(self_index=np.array([0])), 2)  # the own picture under another label
def test_equals_the_definition(case: dict, max_rank: int) -> None:
    assert_like_slow(rank_metrics(**case, max_rank=max_rank), case, max_rank)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("searched", [False, True])
def test_both_ways_of_counting_over_several_blocks(ties: bool, searched: bool) -> None:
    case = random_case(q=7, g=5000, vehicles=9, ties=ties)
    labels = PairLabels.encode(**{name: case[name] for name in case if name != "distance"})
    for query, row in enumerate(case["distance"]):
        matches, ignored = split_mates(labels, query)
        mates = np.concatenate([matches, ignored])
        mates = mates[np.lexsort((mates, row[mates]))]
        matching = np.isin(mates, matches)
        strangers = np.zeros(len(mates), np.int64)
        if searched:
            assert metrics._search_strangers(row, mates, strangers)
        else:
            assert metrics._count_strangers(row, mates, matching, strangers)
        ranks = strangers[matching] + np.arange(1, len(matches) + 1)
        _, penalty, first = slow_scores(case, query)
        assert (ranks[0], len(ranks) / ranks[-1]) == (first, pytest.approx(penalty))


def test_many_mates_in_a_large_gallery() -> None:
    case = random_case(q=3, g=6000, vehicles=2, ties=True)
    assert_like_slow(rank_metrics(**case), case, 50)


@pytest.mark.parametrize("ties", [False, True])
def test_blocks_merge_to_the_whole(ties: bool) -> None:
    case = random_case(q=23, g=300, vehicles=12, ties=ties)
    whole = rank_metrics(**case)
    distance = case.pop("distance")
    labels = PairLabels.encode(**case)
    blocks = [slice(0, 1), slice(1, 1), slice(1, 17), slice(17, None)]
    parts = [score_block(distance[rows], labels, rows) for rows in blocks]
    assert_equal(merge_rank_metrics(parts), whole)


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        lambda distance: np.repeat(distance, 2, axis=1)[:, ::2],
        lambda distance: np.repeat(distance, 3, axis=0)[::3],
        lambda distance: distance[::-1, ::-1].copy()[::-1, ::-1],
        lambda distance: np.broadcast_to(distance[:1], distance.shape),
    ],
    ids=["fortran", "columns", "rows", "reversed", "broadcast"],
)
def test_strided_distances(convert: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_COPY_BYTES", 3000)  # three rows or so at a time
    case = random_case(q=20, g=200, vehicles=12)
    case["distance"] = convert(case["distance"])
    assert_equal(
        rank_metrics(**case), rank_metrics(**(case | {"distance": case["distance"].copy()}))
    )


def test_memory_mapped_distances(tmp_path: Path) -> None:
    case = random_case(q=20, g=200, vehicles=12)
    np.save(tmp_path / "distance.npy", case["distance"])
    mapped = np.load(tmp_path / "distance.npy", mmap_mode="r")
    assert_equal(rank_metrics(**(case | {"distance": mapped})), rank_metrics(**case))


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_distances_are_not_copied_whole(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_COPY_BYTES", 1 << 18)
    case = random_case(q=500, g=4000, vehicles=400)
    case["distance"] = np.array(case["distance"], order=order)
    before = case["distance"].copy()
    rank_metrics(**case)
    tracemalloc.start()
    try:
        rank_metrics(**case)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < case["distance"].nbytes / 8
    np.testing.assert_array_equal(case["distance"], before)


def test_float64_is_compared_as_float64() -> None:
    case = small_case(distance=np.array([[1.0, 1.0 + 1e-12, 2.0]]))
    assert rank_metrics(**case).first_match[0] == 2
    case["distance"][0, :2] = case["distance"][0, 1::-1].copy()
    assert rank_metrics(**case).first_match[0] == 1


@pytest.mark.parametrize(
    "kind",
    [np.int8, np.uint16, np.int64, np.uint64, np.str_, object, list],
    ids=lambda kind: kind.__name__,
)
def test_kinds_of_ids_agree(kind: type) -> None:
    case = random_case(q=10, g=60, vehicles=8)
    other = dict(case)
    for name in ("query_vehicles", "gallery_vehicles", "query_cameras", "gallery_cameras"):
        other[name] = case[name].tolist() if kind is list else case[name].astype(kind)
    assert_equal(rank_metrics(**other), rank_metrics(**case))


def test_object_text_is_text() -> None:
    case = small_case(gallery_vehicles=np.array(["b", "a", "a"], object))
    assert_like_slow(rank_metrics(**case), case, 50)


@pytest.mark.parametrize(
    ("query", "gallery"),
    [
        (np.array([HUGE]), np.array([HUGE + 1, HUGE])),
        (np.array([2**64 - 1], np.uint64), np.array([2**64 - 2, 2**64 - 1], np.uint64)),
        (np.array([2**62 + 1], np.int64), np.array([2**62, 2**62 + 1], np.uint64)),
        (np.array([2**64 - 1], np.uint64), np.array([-1, 3], np.int64)),
        ([2**63], [-1, 2**63]),
        ([2**70], [2**70 + 1, 2**70]),
    ],
)
def test_large_ids_are_never_rounded(query: object, gallery: object) -> None:
    distance = np.array([[0.0, 1.0]], np.float32)
    found = rank_metrics(distance, query, gallery)
    equal = [int(value) == int(query[0]) for value in gallery]  # type: ignore[index, union-attr]
    assert found.first_match[0] == (equal.index(True) + 1 if any(equal) else 0)


def test_nested_lists() -> None:
    case = small_case()
    listed = case | {"distance": case["distance"].astype(float).tolist()}
    assert_equal(rank_metrics(**listed), rank_metrics(**case))


def test_one_by_one() -> None:
    found = rank_metrics(np.zeros((1, 1), np.float32), ["a"], ["a"], max_rank=3)
    assert (found.mAP, found.mINP, found.cmc.tolist()) == (1.0, 1.0, [1.0, 1.0, 1.0])


@pytest.mark.parametrize(("q", "g"), [(0, 0), (0, 3), (2, 0)])
def test_nothing_to_score_is_nan(q: int, g: int) -> None:
    found = rank_metrics(np.zeros((q, g), np.float32), [1] * q, [1] * g, max_rank=4)
    assert isnan(found.mAP)
    assert isnan(found.mINP)
    assert np.isnan(found.cmc).tolist() == [True] * 4
    assert found.valid.tolist() == [False] * q


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("vehicles", [["a", "b"], ["", ""]])
def test_nan_is_refused_with_its_place(dtype: type, vehicles: list[str]) -> None:
    distance = np.zeros((2, 5000), dtype)
    distance[1, 4321] = nan
    with pytest.raises(DataError, match=facts("query 1", "row 4321", "NaN")):
        rank_metrics(distance, vehicles, ["a"] * 5000)
    labels = PairLabels.encode(vehicles, ["a"] * 5000)
    with pytest.raises(DataError, match=facts("query 1", "row 4321", "NaN")):
        score_block(distance[1:], labels, slice(1, 2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": np.zeros((1, 2), np.float32)}, ("(1, 2)", "(1, 3)")),
        ({"distance": np.zeros(3, np.float32)}, ("(3,)", "(1, 3)")),
        ({"distance": np.zeros((1, 3), np.int64)}, ("int64", "float32 or float64")),
        ({"distance": np.zeros((1, 3), np.float16)}, ("float16", "float32 or float64")),
        ({"query_vehicles": np.array([1.0])}, ("query vehicles", "float64", "integers or text")),
        ({"query_vehicles": [1.0]}, ("query vehicles", "float", "integers or text")),
        ({"query_vehicles": [None]}, ("query vehicles", "NoneType", "integers or text")),
        ({"query_vehicles": [True]}, ("query vehicles", "bool", "integers or text")),
        ({"query_vehicles": np.array([b"a"])}, ("query vehicles", "|S1", "integers or text")),
        ({"query_vehicles": [["a"]]}, ("query vehicles", "(1, 1)", "per row")),
        ({"query_vehicles": [1]}, ("query vehicles are integers", "gallery vehicles are text")),
        ({"query_cameras": ["x"]}, ("query cameras without", "give both")),
        ({"gallery_cameras": ["x"] * 3}, ("gallery cameras without", "give both")),
        (
            {"query_cameras": ["x"], "gallery_cameras": ["x"]},
            ("1 gallery camera", "3 gallery vehicles"),
        ),
        ({"self_index": np.array([3])}, ("self_index", "3 to 3", "-1 to 2")),
        ({"self_index": np.array([0, 0])}, ("self_index", "(2,)", "integers (1,)")),
        ({"self_index": np.array([0.0])}, ("self_index", "float64", "integers (1,)")),
        ({"max_rank": 0}, ("max_rank is 0", "1 or more")),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict, message: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=facts(message)):
        rank_metrics(**small_case(**changes))


def test_merging_needs_parts_of_one_length() -> None:
    parts = [rank_metrics(**small_case(), max_rank=rank) for rank in (3, 4)]
    for wrong, found in (([], "[]"), (parts, "[3, 4]")):
        with pytest.raises(DataError, match=facts(f"max_rank {found}", "one max_rank")):
            merge_rank_metrics(wrong)


def test_a_block_has_neighbouring_queries() -> None:
    labels = PairLabels.encode(["a", "b", "c"], ["a"])
    with pytest.raises(DataError, match=facts("slice(0, 3, 2)", "step of 2")):
        score_block(np.zeros((2, 1), np.float32), labels, slice(0, 3, 2))


def test_split_mates() -> None:
    labels = PairLabels.encode(
        ["a", ""],
        ["a", "b", "a", "", "a"],
        ["x", ""],
        ["x", "x", "y", "", ""],
        self_index=np.array([4, 3]),
    )
    matches, ignored = split_mates(labels, 0)
    assert (matches.tolist(), ignored.tolist()) == ([2], [0, 4])
    matches, ignored = split_mates(labels, 1)
    assert (matches.tolist(), ignored.tolist()) == ([], [3])


def test_order_of_equal_distances() -> None:
    distance: NDArray[np.float32] = np.zeros((1, 4), np.float32)
    found = rank_metrics(distance, ["a"], ["b", "a", "b", "a"])
    assert found.first_match[0] == 2
    assert found.average_precision[0] == (1 / 2 + 2 / 4) / 2
