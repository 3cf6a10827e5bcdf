"""Probabilities of similarities, compared with Bayes' rule written out and with simulations."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from messages import facts

from platefree.errors import CheckpointError
from platefree.ranking.calibration import (
    RELATIONS,
    Calibration,
    Curve,
    in_words,
    limits,
    p_same,
    prior,
    read_calibration,
)
from platefree.ranking.comparison import ONLY_SPACE
from platefree.ranking.view_comparison import ViewComparison, ViewRelations
from platefree.ranking.view_relation import view_relation
from platefree.types import Embeddings, Sightings


def curve(**changes: object) -> Curve:
    usual: dict[str, Any] = {
        "kind": "isotonic",
        "similarity": [0.0, 0.5, 1.0],
        "log_ratio": [-2.0, 0.0, 6.0],
        "vehicles": 1000.0,
        "vehicle_pairs": 499_500.0,
    }
    return Curve(**{**usual, **changes})


def calibration() -> Calibration:
    two = curve(log_ratio=[-1.0, 1.0, 7.0])
    return Calibration(model="abc", curves={"any": curve(), "different_view": two}).sealed()


@pytest.mark.parametrize("candidates", [1, 2, 3, 1000, 10**7])
def test_p_same_is_bayes_rule(candidates: int) -> None:
    found = p_same({"any": curve()}, np.array([0.5, 0.75, 1.0]), np.zeros(3, np.int64), candidates)
    before = 0.5 if candidates == 1 else 1 / candidates
    for value, log_ratio in zip(found, (0.0, 3.0, 6.0), strict=True):
        joint_same, joint_different = math.exp(log_ratio) * before, 1 - before
        assert value == pytest.approx(joint_same / (joint_same + joint_different))


def test_it_is_right_in_simulated_searches() -> None:
    """One of n is the vehicle; similarities are normal, whose ratio is known in closed form."""
    random, n, searches = np.random.default_rng(0), 50, 20_000
    similarity = random.normal(0, 1, (searches, n))
    similarity[:, 0] += 2
    knots = np.linspace(-8, 8, 400)  # log L = 2 s - 2
    exact = curve(
        similarity=knots.tolist(),
        log_ratio=(2 * knots - 2).tolist(),
        vehicles=1e12,
        vehicle_pairs=1e12,
    )
    found = p_same({"any": exact}, similarity, np.zeros_like(similarity, np.int64), n)
    assert found.sum(axis=1).mean() == pytest.approx(1, abs=0.02)
    right = np.zeros_like(found, bool)
    right[:, 0] = True
    for low, high in ((0.01, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1)):
        chosen = (found >= low) & (found < high)
        assert right[chosen].mean() == pytest.approx(found[chosen].mean(), abs=0.03)


def test_a_larger_gallery_makes_every_hit_less_likely() -> None:
    sizes = (1, 2, 3, 10, 1000)
    values = [calibration().p_same(np.array(0.9), np.array(0), size) for size in sizes]
    assert values[0] == values[1]  # a pair alone, and one of two
    assert all(a > b for a, b in pairwise(values[1:]))
    assert prior(1) == 0.5
    assert prior(1000) == 0.001


def test_pairs_are_judged_by_their_views_where_there_is_a_curve_for_them() -> None:
    similarity, relation = np.full(3, 0.5), np.arange(3)
    found = calibration().p_same(similarity, relation, 1)
    assert [RELATIONS[number] for number in relation] == ["any", "same_view", "different_view"]
    assert found[0] == found[1] == 0.5  # no curve for one view: as any
    assert found[2] == pytest.approx(1 / (1 + math.exp(-1)))


def test_words_have_stated_thresholds() -> None:
    values = (0.9, 0.8999, 0.1, 0.0999, None, float("nan"))
    expected = ["very likely", "possible", "possible", "unlikely", "", ""]
    assert list(map(in_words, values)) == expected


def test_no_more_is_claimed_than_pairs_can_show() -> None:
    """Rule of three: had 3 / b of the pairs been so similar, one of b had been seen in 95 %."""
    lowest, highest = limits(300, 30_000)
    assert (1 - 1 / math.exp(highest)) ** 30_000 == pytest.approx(0.05, abs=0.001)
    assert (1 - math.exp(lowest)) ** 300 == pytest.approx(0.05, abs=0.002)
    assert limits(2, 1) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"similarity": [0.0, 1.0]}, (2, 3)),
        ({"similarity": [0.0, 0.0, 1.0]}, ("not more likely",)),
        ({"log_ratio": [0.0, -1.0, 1.0]}, ("not more likely",)),
        ({"log_ratio": [-2.0, 0.0, 13.0]}, (13, 1000)),
        ({"log_ratio": [-7.0, 0.0, 1.0]}, (-7,)),
        ({"vehicles": 10.0, "vehicle_pairs": 45.0}, (10, 45)),
    ],
)
def test_a_curve_that_cannot_be_is_refused(
    changes: dict[str, Any], wanted: tuple[str | int, ...]
) -> None:
    content = calibration().model_dump()
    content["curves"]["any"].update(changes)
    with pytest.raises(CheckpointError, match=facts("card.json", *wanted)):
        read_calibration(content, "abc", "card.json")


def test_a_card_that_lies_is_refused() -> None:
    content = calibration().model_dump()
    assert read_calibration(content, "abc", "card.json") == calibration()
    assert read_calibration(None, "abc", "card.json") is None
    with pytest.raises(CheckpointError, match=facts("abc", "def", "'platefree calibrate'")):
        read_calibration(content, "def", "card.json")
    flattering = {**content, "measured": {"expected calibration error": 0.0}}
    with pytest.raises(CheckpointError, match=facts("was changed", "'platefree calibrate'")):
        read_calibration(flattering, "abc", "card.json")
    with pytest.raises(CheckpointError, match=facts(2, "upgrade platefree")):
        read_calibration({**content, "version": 2}, "abc", "card.json")
    for wrong in ([], "x", {**content, "curves": {}}, {**content, "curves": {"any": None}}):
        with pytest.raises(CheckpointError, match=facts("card.json")):
            read_calibration(wrong, "abc", "card.json")


def embedded(views: list[str], **spaces: list[list[float]]) -> Embeddings:
    table = Sightings.from_columns(
        Path(), {"image": [str(n) for n in range(len(views))], "view": views}
    )
    rows = {name: np.array(each, np.float32) for name, each in spaces.items()}
    return Embeddings(rows, table, "m")


def test_views_come_from_the_table_or_from_a_comparison_by_views() -> None:
    plain = embedded(["front", "rear", ""], main=[[1, 0]] * 3)
    relation = view_relation(plain, plain, ONLY_SPACE)
    for row, first in enumerate(plain.sightings.view):
        for column, second in enumerate(plain.sightings.view):
            known = "same_view" if first == second else "different_view"
            expected = known if first and second else "any"
            assert RELATIONS[relation[row, column]] == expected
    both = {name: [[1.0, 0.0]] * 2 for name in ("same_view", "different_view")}
    predicted = embedded(["", ""], view=[[1, 0], [0, 1]], **both)
    comparison = ViewComparison(ViewRelations(["front", "rear"], "same-different"))
    by_views = view_relation(predicted, predicted, comparison)
    names = comparison.space_of(predicted, predicted)
    assert [[RELATIONS[n] for n in row] for row in by_views] == names.tolist()
