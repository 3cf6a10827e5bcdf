"""Vehicle-model verification against brute force."""

from pathlib import Path

import numpy as np
import pytest
from comparisons import By
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import distances, random_embeddings, similarity
from messages import facts

from platefree.data.dataset import DataSet, PairList
from platefree.errors import ProtocolError
from platefree.evaluation.model_pairs import draw_pairs, fit_threshold, score_pairs
from platefree.evaluation.set_protocols import make_plan
from platefree.types import Sightings


def comp_cars(seed: int = 0, **pairs: PairList) -> DataSet:
    random = np.random.default_rng(seed)
    n = 300
    model = random.choice([f"make/model{number}" for number in range(20)] + [""], n)
    columns = {
        "image": random.permutation([f"{row:04d}.jpg" for row in range(n)]),
        "model": model,
        "vehicle": model,  # what the embeddings lean towards
        "split": ["train"] * 200 + [""] * 100,
    }
    return DataSet("compcars", Sightings.from_columns(Path(), columns), pairs=pairs)


def random_pairs(data: DataSet, count: int, seed: int = 0) -> PairList:
    random = np.random.default_rng(seed)
    first, second = random.integers(0, len(data.table), (2, count))
    return PairList(first, second, data.table.model[first] == data.table.model[second])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0]) | st.floats(-1, 1), st.booleans()
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_threshold_tells_more_pairs_right(pairs: list[tuple[float, bool]]) -> None:
    similarity = np.array([np.float32(value) for value, _ in pairs], np.float64)
    same = np.array([each for _, each in pairs])

    def right(threshold: float) -> int:
        return sum(
            (value >= threshold) == each for value, each in zip(similarity, same, strict=True)
        )

    best = max(right(candidate) for candidate in [*similarity, 2.0])
    assert right(fit_threshold(similarity, same)) == best


def test_accuracy_is_that_of_loops_and_the_threshold_never_sees_a_test_pair() -> None:
    data = comp_cars()
    lists = {name: random_pairs(data, 700, n) for n, name in enumerate(("easy", "hard", "train"))}
    data = comp_cars(**lists)
    embeddings = random_embeddings(data.table)
    plan = make_plan(data)
    assert plan.protocol == "model-verification"
    assert [trial.test for trial in plan.trials] == ["easy", "hard"]
    thresholds = set()
    for trial in plan.trials:
        found = score_pairs(embeddings, trial, By(distances))
        right = sum(
            (similarity(embeddings, one, other) >= found.threshold) == same
            for one, other, same in zip(
                trial.pairs.first, trial.pairs.second, trial.pairs.same, strict=True
            )
        )
        assert found.accuracy == pytest.approx(right / 700)
        assert trial.seed is None
        thresholds.add(found.threshold)
    assert len(thresholds) == 1


def test_training_pairs_are_drawn_where_the_set_has_none() -> None:
    easy = random_pairs(comp_cars(), 50)
    data = comp_cars(easy=easy)
    (trial,) = make_plan(data, seed=3).trials
    assert trial.seed == 3
    drawn = draw_pairs(data, 3, count=4000)
    table = data.table
    rows = np.concatenate((drawn.first, drawn.second))
    assert set(table.split[rows]) == {"train"}
    assert "" not in table.model[rows]
    assert (drawn.first != drawn.second).all()
    assert drawn.same.sum() == 4000
    np.testing.assert_array_equal(table.model[drawn.first] == table.model[drawn.second], drawn.same)
    usable = np.flatnonzero((table.split == "train") & (table.model != ""))
    assert set(drawn.second[drawn.same]) == set(drawn.second[~drawn.same]) == set(usable)


def test_training_pairs_are_drawn_from_the_list_that_is_for_them() -> None:
    data = comp_cars()
    listed = np.flatnonzero(np.isin(data.table.model, ["make/model3", "make/model5"]))
    data = DataSet(data.name, data.table, {"verification_train": listed})
    drawn = draw_pairs(data, 0, count=500)
    assert set(drawn.first) == set(drawn.second) == set(listed)


def test_no_order_of_rows_decides_a_drawn_pair() -> None:
    data = comp_cars()
    order = np.random.default_rng(1).permutation(len(data.table))
    turned = DataSet("compcars", data.table.take(order))
    one, other = draw_pairs(data, 0, 200), draw_pairs(turned, 0, 200)
    for side in ("first", "second"):
        np.testing.assert_array_equal(
            data.table.image[getattr(one, side)], turned.table.image[getattr(other, side)]
        )


def test_sets_without_pairs_or_models_are_refused() -> None:
    with pytest.raises(
        ProtocolError,
        match=facts("model-verification", "lists of pairs", "compcars", "leave-one-out"),
    ):
        make_plan(comp_cars())
    table = Sightings.from_columns(Path(), {"image": ["a", "b"], "split": ["train"] * 2})
    pairs = PairList(np.array([0]), np.array([1]), np.array([True]))
    with pytest.raises(
        ProtocolError, match=facts("compcars", "0 known models", "0 training pictures")
    ):
        make_plan(DataSet("compcars", table, pairs={"easy": pairs}))
