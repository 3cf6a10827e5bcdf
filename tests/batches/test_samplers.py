from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import facts

from platefree.batches.loader import Key, StepBatches
from platefree.batches.samplers import IdentitySampler, SetSampler, ShuffleSampler
from platefree.errors import TrainingError

tables = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=12, max_size=60).filter(
    lambda rows: len({vehicle for vehicle, _ in rows}) >= 3
)


def make(rows: list[tuple[int, int]], p: int = 3, k: int = 2) -> IdentitySampler:
    vehicle = np.array([f"v{vehicle}" for vehicle, _ in rows])
    camera = np.array([f"c{camera}" if camera else "" for _, camera in rows])
    return IdentitySampler(vehicle, camera, vehicles_per_batch=p, images_per_vehicle=k)


@given(tables, st.integers(0, 99))
@settings(deadline=None)
def test_batches_are_p_distinct_vehicles_of_k_pictures(
    rows: list[tuple[int, int]], epoch: int
) -> None:
    sampler = make(rows)
    batches = sampler.epoch(0, epoch)
    assert batches.shape == (sampler.batches_per_epoch, 6)
    for batch in batches:
        groups = [[rows[row][0] for row in batch[place : place + 2]] for place in (0, 2, 4)]
        assert all(group[0] == group[1] for group in groups)
        assert len({group[0] for group in groups}) == 3


@given(tables, st.integers(0, 99))
@settings(deadline=None)
def test_a_group_repeats_a_picture_only_if_the_vehicle_has_no_other(
    rows: list[tuple[int, int]], epoch: int
) -> None:
    pictures = Counter(vehicle for vehicle, _ in rows)
    for batch in make(rows).epoch(3, epoch):
        for first, second in batch.reshape(3, 2):
            assert first != second or pictures[rows[first][0]] == 1


def test_an_epoch_deals_every_picture_of_an_even_set_once() -> None:
    rows = [(vehicle, camera) for vehicle in range(6) for camera in (1, 2, 3, 4)]
    for epoch in range(20):
        dealt = Counter(make(rows).epoch(0, epoch).ravel().tolist())
        assert sum(dealt.values()) == len(rows)
        # The weighted draw evens out; at most the last batches take a vehicle twice.
        assert len(dealt) >= 0.7 * len(rows)


def test_groups_join_pictures_of_different_cameras() -> None:
    rows = [(vehicle, camera) for vehicle in range(4) for camera in (1, 1, 1, 2, 2, 2)]
    for batch in make(rows).epoch(0, 1):
        for first, second in batch.reshape(3, 2):
            assert rows[first][1] != rows[second][1]


def test_batches_are_a_function_of_seed_and_epoch() -> None:
    rows = [(vehicle, camera) for vehicle in range(7) for camera in (1, 2, 3)]
    assert np.array_equal(make(rows).epoch(5, 2), make(rows).epoch(5, 2))
    assert not np.array_equal(make(rows).epoch(5, 2), make(rows).epoch(5, 3))
    assert not np.array_equal(make(rows).epoch(5, 2), make(rows).epoch(6, 2))


def test_too_few_vehicles_are_refused_with_the_largest_batch_that_fits() -> None:
    with pytest.raises(
        TrainingError, match=facts("2 vehicles", "train.vehicles_per_batch to at most 2")
    ):
        make([(0, 1), (0, 2), (1, 1)])


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 9))
def test_shuffling_deals_every_picture(rows: int, size: int, epoch: int) -> None:
    batches = ShuffleSampler(rows, size).epoch(1, epoch)
    assert batches.shape[1] == size
    dealt = Counter(batches.ravel().tolist())
    assert set(dealt) == set(range(rows))
    assert max(dealt.values()) - 1 <= -(-size // rows)


def test_starting_later_gives_the_same_keys_as_starting_at_once() -> None:
    rows = [(vehicle, camera) for vehicle in range(7) for camera in (1, 2, 3)]
    whole = list(StepBatches(make(rows), seed=4, start=0, stop=11))
    for start in range(11):
        assert list(StepBatches(make(rows), seed=4, start=start, stop=11)) == whole[start:]


def test_processes_share_a_batch_by_whole_vehicles() -> None:
    rows = [(vehicle, camera) for vehicle in range(8) for camera in (1, 2, 3)]
    whole = list(StepBatches(make(rows, p=4), seed=4, start=2, stop=5))
    shares = [
        list(StepBatches(make(rows, p=4), seed=4, start=2, stop=5, shard=(process, 2)))
        for process in range(2)
    ]
    for step, keys in enumerate(whole):
        assert shares[0][step] + shares[1][step] == keys
        vehicles = [{rows[key.row][0] for key in share[step]} for share in shares]
        assert not vehicles[0] & vehicles[1]


def test_every_picture_of_a_run_gets_a_seed_of_its_own() -> None:
    rows = [(vehicle, camera) for vehicle in range(7) for camera in (1, 2, 3)]
    batches = StepBatches(make(rows), seed=4, start=0, stop=20)
    keys: list[Key] = [key for batch in batches for key in batch]
    assert len({key.seed for key in keys}) == len(keys)


def make_sets(
    rows: list[tuple[int, int]], models: list[str] | None = None, **options: object
) -> SetSampler:
    vehicle = np.array([f"v{vehicle}" for vehicle, _ in rows])
    camera = np.array([f"c{camera}" if camera else "" for _, camera in rows])
    model = np.array(models or [""] * len(rows))
    chosen = {"sets_per_batch": 3, "positives": 3, "negatives": 2} | options
    return SetSampler(vehicle, camera, model, **chosen)  # type: ignore[arg-type]


set_tables = tables.filter(
    lambda rows: (
        max(Counter(v for v, _ in rows).values()) > 1
        and len(rows) - max(Counter(v for v, _ in rows).values()) >= 2
    )
)


@given(set_tables, st.integers(0, 99))
@settings(deadline=None)
def test_a_pair_of_sets_is_one_vehicle_and_pictures_of_others(
    rows: list[tuple[int, int]], epoch: int
) -> None:
    sampler = make_sets(rows)
    pictures = Counter(vehicle for vehicle, _ in rows)
    batches = sampler.epoch(0, epoch)
    assert batches.shape == (sampler.batches_per_epoch, 3 * 5)
    for pair in batches.reshape(-1, 5).tolist():
        own, others = pair[:3], pair[3:]
        (vehicle,) = {rows[row][0] for row in own}
        assert len(set(own)) == min(3, pictures[vehicle])
        assert len(set(others)) == 2
        assert vehicle not in {rows[row][0] for row in others}


@given(set_tables, st.integers(0, 99))
@settings(deadline=None)
def test_an_epoch_of_sets_deals_every_picture_that_has_a_mate(
    rows: list[tuple[int, int]], epoch: int
) -> None:
    pictures = Counter(vehicle for vehicle, _ in rows)
    shown = make_sets(rows).epoch(1, epoch).reshape(-1, 5)[:, :3]
    assert set(shown.ravel().tolist()) == {
        row for row, (vehicle, _) in enumerate(rows) if pictures[vehicle] > 1
    }


def test_negatives_are_drawn_evenly_over_the_pictures_of_others() -> None:
    rows = [(0, 0)] * 6 + [(1, 0)] * 3 + [(2, 0)] * 9
    drawn: Counter[int] = Counter()
    for epoch in range(600):
        pairs = make_sets(rows).epoch(0, epoch).reshape(-1, 5)
        drawn.update(row for pair in pairs.tolist() if pair[0] < 6 for row in pair[3:])
    assert set(drawn) == set(range(6, 18))
    mean = sum(drawn.values()) / 12
    assert all(abs(count - mean) < 5 * mean**0.5 for count in drawn.values())


def test_negatives_of_the_same_model_come_first_where_it_is_known() -> None:
    rows = [(vehicle, 0) for vehicle in range(8) for _ in range(3)]
    of_vehicle = ["a", "a", "a", "b", "b", "", "", ""]
    models = [of_vehicle[vehicle] for vehicle, _ in rows]
    sampler = make_sets(rows, models, prefer="same_model", negatives=4)
    seen = set()
    for epoch in range(20):
        for pair in sampler.epoch(0, epoch).reshape(-1, 7).tolist():
            model, others = models[pair[0]], pair[3:]
            seen.add(model)
            relatives = {"a": 6, "b": 3, "": 0}[model]
            same = sum(models[row] == model for row in others) if model else 0
            assert same == min(relatives, 4) or (not model and same == 0)
            assert rows[pair[0]][0] not in {rows[row][0] for row in others}
    assert seen == {"a", "b", ""}


def test_sets_are_a_function_of_seed_and_epoch_and_start_anywhere() -> None:
    rows = [(vehicle, camera) for vehicle in range(7) for camera in (1, 2, 3, 4)]
    assert np.array_equal(make_sets(rows).epoch(5, 2), make_sets(rows).epoch(5, 2))
    assert not np.array_equal(make_sets(rows).epoch(5, 2), make_sets(rows).epoch(5, 3))
    assert not np.array_equal(make_sets(rows).epoch(5, 2), make_sets(rows).epoch(6, 2))
    whole = list(StepBatches(make_sets(rows), seed=4, start=0, stop=9))
    for start in range(9):
        assert list(StepBatches(make_sets(rows), seed=4, start=start, stop=9)) == whole[start:]


def test_processes_share_a_batch_by_whole_pairs_of_sets() -> None:
    rows = [(vehicle, camera) for vehicle in range(8) for camera in (1, 2, 3)]
    sampler = make_sets(rows, sets_per_batch=4)
    (whole,) = StepBatches(sampler, seed=4, start=1, stop=2)
    shares = [
        next(iter(StepBatches(sampler, seed=4, start=1, stop=2, shard=(process, 2))))
        for process in range(2)
    ]
    assert shares[0] + shares[1] == whole
    for share in shares:
        pairs = np.array([key.row for key in share]).reshape(2, 5)
        for pair in pairs.tolist():
            vehicles = [rows[row][0] for row in pair]
            assert len(set(vehicles[:3])) == 1
            assert vehicles[0] not in vehicles[3:]


@pytest.mark.parametrize(
    ("vehicles", "options", "message"),
    [
        ([0, 1, 2, 3], {}, ("4 training vehicles", "one picture")),
        (
            [0, 0, 0, 1],
            {},
            ("1 pictures of others", "train.negatives_per_set to at most 1"),
        ),
        (
            [0, 0, 1, 1],
            {"prefer": "same_model"},
            ("train.negatives", "column 'model'", "train.negatives=any"),
        ),
    ],
)
def test_a_table_that_cannot_fill_the_sets_is_refused(
    vehicles: list[int], options: dict[str, object], message: tuple[str, ...]
) -> None:
    with pytest.raises(TrainingError, match=facts(message)):
        make_sets([(vehicle, 0) for vehicle in vehicles], **options)
