"""Verification against loops over single pairs."""

import json
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts, says

from platefree.errors import DataError
from platefree.evaluation.pair_labels import IgnoredPairs, PairLabels
from platefree.evaluation.verification import BINS, SimilarityCounts, Verification


def slow_pairs(similarity: np.ndarray, ids: dict) -> tuple[list[float], list[float]]:
    """Similarities of the same and of different vehicles, in any order."""
    same, different = [], []
    ignored = set(zip(*ids["ignored"], strict=True))
    for query, row in enumerate(similarity.astype(np.float64)):
        for index, value in enumerate(row):
            vehicles = ids["query_vehicles"][query], ids["gallery_vehicles"][index]
            if "" in vehicles or ids["self_index"][query] == index:
                continue
            if (query, index) in ignored:
                continue
            cameras = ids["query_cameras"][query], ids["gallery_cameras"][index]
            if vehicles[0] != vehicles[1]:
                different.append(value)
            elif cameras[0] != cameras[1] or cameras[0] == "":
                same.append(value)
    return same, different


def slow_histogram(values: list[float]) -> np.ndarray:
    counts = np.zeros(BINS, np.int64)
    for value in values:
        inside = [place for place in (BINS - 1, *_near(value)) if -1 + place * 2 / BINS <= value]
        counts[max(inside, default=0)] += 1
    return counts


def _near(value: float) -> range:
    guess = int((value + 1) / 2 * BINS)
    return range(max(guess - 2, 0), min(guess + 3, BINS))


def counted(similarity: np.ndarray, ids: dict) -> Verification:
    counts = SimilarityCounts()
    counts.add(similarity, PairLabels.encode(**ids))
    return counts.verification()


def random_ids(q: int, g: int, seed: int = 0) -> dict:
    random = np.random.default_rng(seed)
    return {
        "query_vehicles": random.choice(["", "a", "b", "c"], q),
        "gallery_vehicles": random.choice(["", "a", "b", "c"], g),
        "query_cameras": random.choice(["", "x", "y"], q),
        "gallery_cameras": random.choice(["", "x", "y"], g),
        "self_index": random.integers(-1, g, q),
        "ignored": IgnoredPairs(*np.argwhere(random.random((q, g)) < 0.2)[::-1].T),
    }


def made_of(same: list[float], different: list[float]) -> Verification:
    return Verification(slow_histogram(same), slow_histogram(different))


EDGES = [-1.0, -1.0 - 1e-7, -0.5, -1e-9, -0.0, 0.0, 1e-9, 2**-15, 0.25, 1 - 2**-15, 1.0, 1 + 1e-6]


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(0, 4), st.integers(1, 9), st.integers(0, 99))
def test_counts_every_pair_once(data: st.DataObject, q: int, g: int, seed: int) -> None:
    value = st.sampled_from(EDGES) | st.floats(-1, 1, width=32)
    rows = data.draw(st.lists(st.lists(value, min_size=g, max_size=g), min_size=q, max_size=q))
    similarity = np.array(rows, data.draw(st.sampled_from(["f4", "f8"]))).reshape(q, g)
    ids = random_ids(q, g, seed)
    found = counted(similarity, ids)
    same, different = slow_pairs(similarity, ids)
    assert found.pairs == (len(same), len(different))
    np.testing.assert_array_equal(found.same_counts, slow_histogram(same))
    np.testing.assert_array_equal(found.different_counts, slow_histogram(different))


def test_long_rows_and_blocks_of_queries() -> None:
    ids = random_ids(9, 5000)
    similarity = np.random.default_rng(1).uniform(-1, 1, (9, 5000)).astype(np.float32)
    whole = counted(similarity, ids)
    assert whole.pairs == tuple(map(len, slow_pairs(similarity, ids)))
    counts = SimilarityCounts()
    for rows in (slice(0, 4), slice(4, 4), slice(4, None)):
        counts.add(similarity[rows], PairLabels.encode(**ids), rows)
    np.testing.assert_array_equal(counts.verification().same_counts, whole.same_counts)
    np.testing.assert_array_equal(counts.verification().different_counts, whole.different_counts)


def test_strided_similarities() -> None:
    ids = random_ids(9, 50)
    similarity = np.random.default_rng(1).uniform(-1, 1, (50, 9)).T
    expected = counted(np.ascontiguousarray(similarity), ids)
    np.testing.assert_array_equal(counted(similarity, ids).same_counts, expected.same_counts)


def test_an_own_picture_without_vehicle_is_counted_out_once() -> None:
    ids = random_ids(1, 3) | {
        "query_vehicles": ["a"],
        "gallery_vehicles": ["", "b", "a"],
        "self_index": np.array([0]),
        "ignored": IgnoredPairs.of([np.array([0])]),
    }
    found = counted(np.zeros((1, 3), np.float32), ids | {"gallery_cameras": ["", "", ""]})
    assert found.pairs == (1, 1)
    assert found.different_counts.min() == 0


@pytest.mark.parametrize("wrong", [nan, inf, -inf, 1.1, 2.0, -1.1])
def test_what_is_no_similarity_is_refused_and_not_counted(wrong: float) -> None:
    similarity = np.zeros((2, 4000), np.float32)
    similarity[1, 3210] = wrong
    counts = SimilarityCounts()
    with pytest.raises(DataError, match=facts("query 1", "row 3210", "-1 to 1")):
        counts.add(similarity, PairLabels.encode(["a", "a"], ["a"] * 4000))
    assert counts.verification().pairs == (0, 0)


def test_a_list_of_pairs_is_counted_like_a_matrix_of_one_column() -> None:
    random = np.random.default_rng(0)
    similarity = np.append(random.uniform(-1, 1, 300), EDGES)
    same = random.random(len(similarity)) < 0.4
    counts = SimilarityCounts()
    counts.add_pairs(similarity, same)
    found = counts.verification()
    np.testing.assert_array_equal(found.same_counts, slow_histogram(similarity[same].tolist()))
    np.testing.assert_array_equal(
        found.different_counts, slow_histogram(similarity[~same].tolist())
    )
    with pytest.raises(DataError, match=facts("pair 1", "nan", "-1 to 1")):
        counts.add_pairs(np.array([0.0, nan]), np.array([True, True]))


def test_thresholds_are_exact_and_smallest() -> None:
    random = np.random.default_rng(0)
    different = np.clip(random.normal(0.1, 0.2, 2000), -1, 1).tolist()
    same = np.clip(random.normal(0.5, 0.2, 300), -1, 1).tolist()
    for point in made_of(same, different).thresholds((0.5, 0.1, 0.01, 0.001)):
        assert point.reason == ""
        assert point.far == np.mean([value >= point.threshold for value in different])
        assert point.tar == np.mean([value >= point.threshold for value in same])
        assert point.far <= point.far_target
        lower = point.threshold - 2 / BINS
        assert np.mean([value >= lower for value in different]) > point.far_target


def test_a_rate_needs_enough_pairs_to_be_stated() -> None:
    points = made_of([0.9], [0.0] * 999).thresholds()
    assert [np.isfinite(point.threshold) for point in points] == [True, True, False, False]
    assert says(points[2].reason, "999 pairs", "1,000")
    assert np.isnan([points[2].far, points[2].tar]).all()
    assert np.isfinite(made_of([0.9], [0.0] * 1000).thresholds()[2].threshold)


def test_collapsed_embeddings_have_no_threshold() -> None:
    (point,) = made_of([1.0] * 5, [1.0] * 50).thresholds((0.1,))
    assert np.isnan(point.threshold)
    assert "similarity of 1" in point.reason


@pytest.mark.parametrize("far", [0.0, -0.1, 1.5, nan])
def test_a_rate_is_a_fraction(far: float) -> None:
    with pytest.raises(DataError, match=facts(far, "at most 1")):
        made_of([0.5], [0.0]).thresholds((far,))


def test_area_under_the_curve_is_the_chance_to_order_a_pair() -> None:
    random = np.random.default_rng(0)
    same = (random.integers(-20, 60, 80) / 64).tolist()
    different = (random.integers(-50, 30, 90) / 64).tolist()
    wins = [float(np.sign(one - other)) for one in same for other in different]
    assert made_of(same, different).auc == pytest.approx((np.mean(wins) + 1) / 2)


def test_roc_rises_from_corner_to_corner_on_true_points() -> None:
    random = np.random.default_rng(0)
    same, different = random.uniform(0, 1, 5000), random.uniform(-1, 0.5, 70_000)
    found = made_of(same[:300].tolist(), different[:3000].tolist())
    far, tar = found.roc(points=50)
    assert len(far) < 120
    assert (far[0], tar[0], far[-1], tar[-1]) == (0, 0, 1, 1)
    assert (np.diff(far) >= 0).all()
    assert (np.diff(tar) >= 0).all()
    for one, other in zip(far[1:], tar[1:], strict=True):
        accepted = np.cumsum(found.different_counts[::-1]) / 3000
        places = np.flatnonzero(accepted == one)
        assert other in np.cumsum(found.same_counts[::-1])[places] / 300


def test_coarse_histogram_keeps_every_pair() -> None:
    found = made_of([-1.0, 0.0, 0.999, 1.0], [-0.5, -0.5, 0.1])
    for bins in (1, 7, 50, 60):
        edges, same, different = found.histogram(bins)
        assert (len(edges), edges[0], edges[-1]) == (bins + 1, -1, 1)
        assert (same.sum(), different.sum()) == (4, 3)
    edges, same, _ = found.histogram(2)
    assert (edges.tolist(), same.tolist()) == ([-1, 0, 1], [1, 3])


def test_means_and_separation() -> None:
    found = made_of([0.5, 0.7], [-0.1, 0.1])
    assert found.means == pytest.approx((0.6, 0.0), abs=2 / BINS)
    assert found.separation == pytest.approx(6.0, rel=1e-3)


@pytest.mark.parametrize(("same", "different"), [([], []), ([0.5], []), ([], [0.5] * 2000)])
def test_without_pairs_nothing_is_stated(same: list[float], different: list[float]) -> None:
    found = made_of(same, different)
    assert np.isnan(found.auc)
    assert np.isnan(found.separation)
    assert [len(rates) for rates in found.roc()] == [0, 0]
    assert np.isnan([point.threshold for point in found.thresholds()]).all()
    assert all(point.reason for point in found.thresholds())
    json.dumps(found.to_json(), allow_nan=False)


def test_json_holds_the_figures() -> None:
    found = made_of([0.9] * 10, [0.0] * 100)
    saved = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert saved["pairs"] == {"same": 10, "different": 100}
    assert saved["auc"] == 1.0
    assert [point["threshold"] is None for point in saved["thresholds"]] == [
        False,
        False,
        True,
        True,
    ]
    assert sum(saved["histogram"]["different"]) == 100
