"""VehicleID's draws and DRDL's retrieval, against loops and against their definitions."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from comparisons import By
from loops import distances, figures, match_ranks, random_embeddings, similarity
from messages import facts

from platefree.data.dataset import DataSet
from platefree.errors import ProtocolError
from platefree.evaluation.draws import (
    DRAWS,
    model_retrieval,
    model_retrieval_min,
    one_picture_gallery,
    vehicle_retrieval,
    vehicle_retrieval_min,
)
from platefree.evaluation.score import score_trial
from platefree.evaluation.trial import Trial
from platefree.types import Sightings


def vehicle_id(sizes: Sequence[int], lists: dict[str, Sequence[int]], seed: int = 0) -> DataSet:
    """Vehicles of these numbers of pictures in a shuffled table; a list is some vehicles."""
    vehicle = np.repeat([f"{number:05d}" for number in range(len(sizes))], sizes)
    order = np.random.default_rng(seed).permutation(len(vehicle))
    image = np.array([f"image/{number:07d}.jpg" for number in range(len(vehicle))])
    model = np.array([str(int(name) // 4) if int(name) % 7 else "" for name in vehicle])
    columns = {"image": image[order], "vehicle": vehicle[order], "model": model[order]}
    table = Sightings.from_columns(Path(), columns)
    rows = {
        name: np.flatnonzero(np.isin(table.vehicle, [f"{number:05d}" for number in members]))
        for name, members in lists.items()
    }
    return DataSet("vehicleid", table, lists=rows)


SIZES = [2, 5, 1, 6, 7, 9, 3, 12, 8, 4, 2, 7]
DATA = vehicle_id(SIZES, {"test_13": range(12), "test_5": range(3, 8), "train": range(2)})


def named(data: DataSet, trials: Sequence[Trial]) -> dict[tuple[str, str], tuple[set, set]]:
    image = data.table.image
    return {
        (trial.test, trial.name): (set(image[trial.query]), set(image[trial.gallery]))
        for trial in trials
    }


def test_each_draw_takes_one_picture_of_every_vehicle() -> None:
    trials = one_picture_gallery(DATA, 0)
    assert [trial.test for trial in trials] == ["5"] * DRAWS + ["13"] * DRAWS
    for trial in trials:
        rows = DATA.lists[f"test_{trial.test}"]
        assert sorted([*trial.query, *trial.gallery]) == sorted(rows)
        vehicles = DATA.table.vehicle[trial.gallery].tolist()
        assert sorted(vehicles) == sorted(set(DATA.table.vehicle[rows]))
        assert trial.seed == 0


def test_a_draw_is_the_stated_function_of_its_key() -> None:
    table = DATA.table
    for trial in one_picture_gallery(DATA, 7):
        number = trial.name.removeprefix("draw ")
        for row in trial.gallery:
            vehicle = table.vehicle[row]
            pictures = sorted(table.image[table.vehicle == vehicle])
            key = f"7/test_{trial.test}/{number}/{vehicle}".encode()
            drawn = int(hashlib.sha256(key).hexdigest()[:16], 16) % len(pictures)
            assert table.image[row] == pictures[drawn]


@pytest.mark.parametrize(
    "protocol",
    [
        one_picture_gallery,
        vehicle_retrieval,
        vehicle_retrieval_min,
        model_retrieval,
        model_retrieval_min,
    ],
)
def test_no_order_decides_a_draw(protocol) -> None:  # noqa: ANN001
    lists = {"test_5": range(3, 8), "test_13": range(12)}
    turned = vehicle_id(SIZES, lists, seed=1)
    turned = DataSet(turned.name, turned.table, {k: v[::-1] for k, v in turned.lists.items()})
    assert named(turned, protocol(turned, 3)) == named(DATA, protocol(DATA, 3))
    assert named(DATA, protocol(DATA, 4)) != named(DATA, protocol(DATA, 3))


def test_a_vehicle_is_drawn_alike_whoever_else_is_in_the_list() -> None:
    alone = vehicle_id(SIZES, {"test_13": range(4, 6)})
    both = zip(one_picture_gallery(alone, 0), one_picture_gallery(DATA, 0)[DRAWS:], strict=True)
    for small, large in both:
        assert set(DATA.table.image[small.gallery]) <= set(DATA.table.image[large.gallery])


def test_every_picture_is_drawn_about_as_often_as_any_other() -> None:
    data = vehicle_id([4] * 300, {"test_300": range(300)})
    drawn = Counter()
    for trial in one_picture_gallery(data, 0):
        drawn.update((int(name[6:13]) % 4) for name in data.table.image[trial.gallery])
    assert sum(drawn.values()) == 3000
    assert min(drawn.values()) > 650  # 750 expected, deviation 24


def test_draws_are_scored_as_loops_score_them() -> None:
    data = vehicle_id([2, 5, 3, 6, 7, 1, 4] * 3, {"test_21": range(21)})
    embeddings = random_embeddings(data.table)
    vehicle = data.table.vehicle
    for trial in one_picture_gallery(data, 0):
        queries = []
        for query in trial.query:
            by_row = {row: similarity(embeddings, query, row) for row in trial.gallery}
            queries.append(
                match_ranks(by_row, lambda row, q=query: vehicle[row] == vehicle[q], lambda _: True)
            )
        expected = figures(queries)
        found = score_trial(embeddings, trial, By(distances))
        assert found.cmc[0] == pytest.approx(expected["rank-1"])
        assert found.cmc[4] == pytest.approx(expected["rank-5"])
        assert found.mAP == pytest.approx(expected["mAP"])
        assert found.mAP == pytest.approx(np.mean([1 / ranks[0] for ranks in queries]))
        assert found.mINP == pytest.approx(found.mAP)  # one match each


@pytest.mark.parametrize(
    ("protocol", "target", "noun"),
    [(vehicle_retrieval, "vehicle", "retrieval"), (model_retrieval, "model", "model retrieval")],
)
def test_retrieval_puts_all_but_one_and_at_least_six_into_the_gallery(
    protocol, target: str, noun: str  # noqa: ANN001
) -> None:  # fmt: skip
    trials = protocol(DATA, 0)
    assert [trial.test for trial in trials] == [f"5 {noun}"] * DRAWS + [f"13 {noun}"] * DRAWS
    column = getattr(DATA.table, target)
    for trial in trials:
        assert trial.target == target
        rows = DATA.lists[f"test_{trial.test.split()[0]}"]
        sizes = Counter(column[rows][column[rows] != ""].tolist())
        in_gallery = Counter(column[trial.gallery].tolist())
        probes = Counter(column[trial.query].tolist())
        for name, size in sizes.items():
            assert in_gallery[name] == min(size, max(6, size - 1))
            assert probes[name] == size - in_gallery[name]
        assert set(in_gallery) == set(sizes)


@pytest.mark.parametrize(
    ("protocol", "target", "noun"),
    [
        (vehicle_retrieval_min, "vehicle", "retrieval min"),
        (model_retrieval_min, "model", "model retrieval min"),
    ],
)
def test_the_other_reading_puts_all_but_one_and_at_most_six_into_the_gallery(
    protocol, target: str, noun: str  # noqa: ANN001
) -> None:  # fmt: skip
    trials = protocol(DATA, 0)
    assert [trial.test for trial in trials] == [f"5 {noun}"] * DRAWS + [f"13 {noun}"] * DRAWS
    column = getattr(DATA.table, target)
    for trial in trials:
        assert trial.target == target
        rows = DATA.lists[f"test_{trial.test.split()[0]}"]
        used = sorted([*trial.query, *trial.gallery])
        assert used == sorted(row for row in rows if column[row] != "")
        in_gallery = Counter(column[trial.gallery].tolist())
        probes = Counter(column[trial.query].tolist())
        for name in in_gallery:
            size = in_gallery[name] + probes[name]
            assert in_gallery[name] == (1 if size == 1 else min(6, size - 1))
        assert max(probes.values()) > 1


def test_every_picture_is_one_of_the_six_about_as_often_as_any_other() -> None:
    data = vehicle_id([8] * 150, {"test_150": range(150)})
    drawn = Counter()
    for trial in vehicle_retrieval_min(data, 0):
        drawn.update((int(name[6:13]) % 8) for name in data.table.image[trial.gallery])
    assert sum(drawn.values()) == 9000
    assert min(drawn.values()) > 1050  # 1125 expected, deviation 17
    assert max(drawn.values()) < 1200


def test_retrieval_by_model_is_scored_by_the_model() -> None:
    embeddings = random_embeddings(DATA.table)
    model = DATA.table.model
    for trial in model_retrieval(DATA, 0)[:3]:
        queries = []
        for query in trial.query:
            by_row = {row: similarity(embeddings, query, row) for row in trial.gallery}
            queries.append(
                match_ranks(by_row, lambda row, q=query: model[row] == model[q], lambda _: True)
            )
        found = score_trial(embeddings, trial, By(distances))
        assert found.mAP == pytest.approx(figures(queries)["mAP"])


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(
        ProtocolError, match=facts("test_800", "VehicleID", "vric", "leave-one-out")
    ):
        one_picture_gallery(DataSet("vric", DATA.table, {"test_all": DATA.rows("test_5")}), 0)
    lonely = vehicle_id([1, 1, 1], {"test_3": range(3)})
    with pytest.raises(
        ProtocolError, match=facts("test_3", "vehicleid", "no vehicle", "2 pictures", "of 3")
    ):
        one_picture_gallery(lonely, 0)
    small = vehicle_id([6, 2], {"test_2": range(2)})
    with pytest.raises(ProtocolError, match=facts("test_2", "no vehicle", "7 pictures", "of 2")):
        vehicle_retrieval(small, 0)
    with pytest.raises(ProtocolError, match=facts("test_3", "no vehicle", "2 pictures", "of 3")):
        vehicle_retrieval_min(lonely, 0)
    unknown = vehicle_id([9], {"test_1": range(1)})  # its model is not known
    with pytest.raises(ProtocolError, match=facts("test_1", "no model", "7 pictures", "of 0")):
        model_retrieval(unknown, 0)
