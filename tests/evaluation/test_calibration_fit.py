"""Fits of ratios and the pairs that they see, compared with double loops and closed forms."""

from pathlib import Path

import numpy as np
import pytest
from messages import facts
from scipy.optimize import minimize

from platefree.errors import DataError
from platefree.evaluation.calibration_fit import BinnedPairs, fit_isotonic, fit_logistic
from platefree.evaluation.calibration_pairs import (
    MOST_EACH,
    MOST_ROWS,
    blocks,
    count_pairs,
    folds_of,
    rows_to_pair,
)
from platefree.evaluation.reliability import reliability
from platefree.ranking.calibration import RELATIONS, limits
from platefree.ranking.comparison import ONLY_SPACE
from platefree.types import Embeddings, Sightings

GRID = np.linspace(-1, 1, 401)


def normal_pairs(vehicles: float = 2000.0) -> BinnedPairs:
    """Similarities that are normal, whose log L is 20 s - 4 exactly."""
    different = np.exp(-0.5 * ((GRID - 0.0) / 0.1414) ** 2)
    same = np.exp(-0.5 * ((GRID - 0.4) / 0.1414) ** 2)
    return BinnedPairs(
        GRID,
        same / same.sum() * vehicles,
        different / different.sum() * vehicles * (vehicles - 1) / 2,
    )


def test_both_fits_find_a_ratio_that_is_known() -> None:
    exact = (0.4 * GRID - 0.08) / 0.1414**2
    seen = (GRID > -0.05) & (GRID < 0.5)  # by a vehicle or more
    for fitted, error in (
        (fit_logistic(normal_pairs()), 0.05),
        (fit_isotonic(normal_pairs()), 0.6),
    ):
        low, high = limits(fitted.vehicles, fitted.vehicle_pairs)
        apart = np.abs(fitted.at(GRID) - np.clip(exact, low, high))
        assert apart[seen].max() < error, fitted.kind
        assert (np.diff(fitted.at(GRID)) >= 0).all()


def test_the_logistic_fit_has_the_least_loss() -> None:
    random = np.random.default_rng(1)
    pairs = BinnedPairs(
        GRID, random.random(401) * (GRID + 1), 50 * random.random(401) * np.exp(-2 * GRID)
    )
    a, b = pairs.same.sum(), pairs.different.sum()

    def loss(line: np.ndarray) -> float:
        total = 0.0
        for s, same, different in zip(pairs.similarity, pairs.same, pairs.different, strict=True):
            odds = line[0] + line[1] * s
            yes, no = np.log1p(np.exp(-odds)), np.log1p(np.exp(odds))
            total += same / a * ((a + 1) * yes + no) / (a + 2)
            total += different / b * (yes + (b + 1) * no) / (b + 2)
        return float(total)

    best = minimize(loss, np.zeros(2), tol=1e-10).x
    fitted = fit_logistic(pairs)
    low, high = limits(a, b)
    assert fitted.at(GRID) == pytest.approx(np.clip(best[0] + best[1] * GRID, low, high), abs=1e-3)


def test_the_isotonic_fit_pools_neighbours_that_fall() -> None:
    same, different = np.array([1.0, 6, 2, 9, 40]), np.array([90.0, 20, 30, 5, 0])
    fitted = fit_isotonic(BinnedPairs(np.arange(5.0), same, different))
    steps = [(1, 90, [0]), (8, 50, [1, 2]), (9, 5, [3]), (40, 1, [4])]  # at least one pair of two
    assert len(fitted.similarity) == len(steps)
    a, b = same.sum(), different.sum()
    for place, ratio, (yes, no, bins) in zip(
        fitted.similarity, fitted.log_ratio, steps, strict=True
    ):
        assert ratio == pytest.approx(np.clip(np.log(yes / a / (no / b)), *limits(a, b)))
        weight = [same[each] / a + different[each] / b for each in bins]
        assert place == pytest.approx(np.average(bins, weights=weight))


@pytest.mark.parametrize("fit", [fit_isotonic, fit_logistic])
def test_a_perfect_separation_and_a_useless_similarity_stay_finite(fit) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    apart = BinnedPairs(GRID, 200.0 * (GRID > 0.5), 19_900.0 * (GRID < 0.2) / 240)
    top = fit(apart).at(np.array(0.9))
    assert 1 < top <= limits(apart.same.sum(), apart.different.sum())[1] + 1e-9
    turned = BinnedPairs(GRID, 200.0 * (GRID < 0), 200.0 * (GRID > 0))
    assert np.ptp(fit(turned).at(GRID)) == pytest.approx(0, abs=1e-9)
    one = BinnedPairs(np.zeros(1), np.ones(1) * 20, np.ones(1) * 190)
    assert fit(one).at(np.array(0.3)) == pytest.approx(0, abs=0.1)


def test_reliability_is_that_of_a_loop() -> None:
    random = np.random.default_rng(2)
    p, so, no = random.random(500), random.random(500), random.random(500)
    found = reliability(p, so, no)
    total, error, loss = so.sum() + no.sum(), 0.0, 0.0
    for low in np.arange(10) / 10:
        inside = (p >= low) & (p < low + 0.1)
        weight = (so + no)[inside].sum()
        mean = ((so + no) * p)[inside].sum() / weight
        error += weight / total * abs(mean - so[inside].sum() / weight)
    for each, yes, not_so in zip(p, so, no, strict=True):
        loss -= (yes * np.log(each) + not_so * np.log(1 - each)) / total
    assert found.error == pytest.approx(error)
    assert found.log_loss == pytest.approx(loss)
    assert found.weight.sum() == pytest.approx(1)
    assert reliability(np.array([0.0, 1.0]), np.array([0.0, 1]), np.array([1.0, 0])).error == 0


def some_embeddings(seed: int = 0) -> Embeddings:
    random = np.random.default_rng(seed)
    n = 60
    rows = random.normal(size=(n, 5)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    table = Sightings.from_columns(
        Path(),
        {
            "image": [str(row) for row in range(n)],
            "vehicle": [f"v{random.integers(12)}" for _ in range(n)],
            "camera": [("", "a", "b", "c")[random.integers(4)] for _ in range(n)],
            "view": [("", "front", "rear")[random.integers(3)] for _ in range(n)],
        },
    )
    return Embeddings({"main": rows}, table, "m")


def test_pairs_are_counted_as_by_a_double_loop() -> None:
    embeddings = some_embeddings()
    table, rows = embeddings.sightings, embeddings.spaces["main"]
    parts = folds_of(table, seed=0)
    counted = count_pairs(embeddings, ONLY_SPACE, parts)
    assert counted.parts == parts.max() + 1 == 2
    n = len(table)
    pictures = {name: int((table.vehicle == name).sum()) for name in set(table.vehicle.tolist())}

    def is_pair(i: int, j: int) -> bool:
        known = bool(table.camera[i]) and bool(table.camera[j])
        return i != j and not (known and table.camera[i] == table.camera[j])

    own = {
        name: sum(
            is_pair(i, j)
            for i in range(n)
            for j in range(n)
            if table.vehicle[i] == table.vehicle[j] == name
        )
        for name in pictures
    }
    width = counted.similarity[1] - counted.similarity[0]
    expected = np.zeros_like(counted.weight)
    for i in range(n):
        for j in range(n):
            if not is_pair(i, j):
                continue
            same = table.vehicle[i] == table.vehicle[j]
            views = table.view[i], table.view[j]
            relation = RELATIONS.index("same_view" if views[0] == views[1] else "different_view")
            relation = relation if all(views) else 0
            similarity = 1 - np.float32(1 - rows[i] @ rows[j])
            place = int(np.clip((similarity - counted.similarity[0]) / width + 0.5, 0, 1999))
            two = pictures[table.vehicle[i]] * pictures[table.vehicle[j]]
            weight = 1 / own[table.vehicle[i]] if same else 0.5 / two
            expected[parts[i], parts[j], relation, int(same), place] += weight
    off_by_a_bin = np.abs(np.cumsum(expected - counted.weight, axis=-1))
    assert off_by_a_bin.max() < 0.5
    assert counted.weight.sum(-1) == pytest.approx(expected.sum(-1))
    everything = counted.of(0)
    assert everything.same.sum() == pytest.approx(sum(count > 0 for count in own.values()))
    assert everything.different.sum() <= len(own) * (len(own) - 1) / 2 + 1e-9


def test_parts_hold_whole_vehicles_and_share_those_with_pairs() -> None:
    table = some_embeddings().sightings
    parts = folds_of(table, seed=3)
    for name in set(table.vehicle.tolist()):
        assert len(set(parts[table.vehicle == name].tolist())) == 1
    assert np.array_equal(parts, folds_of(table, seed=3))
    counted = count_pairs(some_embeddings(), ONLY_SPACE, parts)
    each = [dict(counted.within(part)) for part in range(counted.parts)]
    sizes = [sum(pairs.same.sum() for pairs in one.values()) for one in each]
    assert max(sizes) - min(sizes) < 1 + 1e-9


def test_no_pair_is_of_one_camera_or_of_a_picture_with_itself() -> None:
    table = some_embeddings().sightings
    for block in blocks(some_embeddings(), ONLY_SPACE):
        for row, column in np.argwhere(block.same | block.different).tolist():
            cameras = table.camera[block.rows[row]], table.camera[column]
            assert block.rows[row] != column
            assert not (all(cameras) and cameras[0] == cameras[1])


def table_of(vehicles: list[str], cameras: list[str], split: str = "") -> Sightings:
    n = len(vehicles)
    names = [str(row) for row in range(n)]
    columns = {"image": names, "vehicle": vehicles, "camera": cameras, "split": [split] * n}
    return Sightings.from_columns(Path(), columns)


def test_tables_that_show_nothing_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    twice = [f"v{row // 2}" for row in range(40)]
    cameras = ["a", "b"] * 20
    assert len(rows_to_pair(table_of(twice, cameras), 0, "t")) == 40
    assert not caplog.text
    assert len(rows_to_pair(table_of(twice, [""] * 40), 0, "t")) == 40
    assert "too sure" in caplog.text
    with pytest.raises(DataError, match=facts("t.csv", "one camera", "a")):
        rows_to_pair(table_of(twice, ["a"] * 40), 0, "t.csv")
    with pytest.raises(DataError, match=facts("t.csv", "7 vehicles", 8)):
        rows_to_pair(table_of(twice[:14], cameras[:14]), 0, "t.csv")
    with pytest.raises(DataError, match=facts("t.csv", 40, "split 'train'")):
        rows_to_pair(table_of(twice, cameras, "train"), 0, "t.csv")
    with pytest.raises(DataError, match=facts("t.csv", "without a known vehicle")):
        rows_to_pair(table_of([""] * 40, cameras), 0, "t.csv")


def test_of_a_large_table_whole_vehicles_are_drawn() -> None:
    vehicles = [f"v{row // 20}" for row in range(40_000)]
    table = table_of(vehicles, ["a", "b", "c", "d"] * 10_000)
    rows = rows_to_pair(table, 0, "t")
    assert len(rows) == MOST_ROWS
    assert np.array_equal(rows, np.unique(rows))
    counts = np.unique(table.vehicle[rows], return_counts=True)[1]
    assert (counts == MOST_EACH).all()
    assert not np.array_equal(rows, rows_to_pair(table, 1, "t"))
