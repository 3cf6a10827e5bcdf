"""Calibrations of embeddings whose vehicles are known, with the figures that loops find."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from messages import facts

import platefree as pf
from platefree.errors import DataError
from platefree.evaluation.calibrate import Calibrated
from platefree.evaluation.sure_searches import sure_searches
from platefree.gallery.stored_embedder import StoredEmbeddings
from platefree.inference.embedder import Embedder
from platefree.ranking.calibration import RELATIONS, in_words, p_same
from platefree.ranking.comparison import ONLY_SPACE
from platefree.ranking.view_relation import view_relation
from platefree.types import Embeddings, Sightings


def simulated(
    vehicles: int = 120,
    each: int = 4,
    seed: int = 0,
    *,
    views: Sequence[str] = ("",),
    apart: float = 0.0,
) -> Embeddings:
    """Pictures that scatter around their vehicles; those of a view lie ``apart`` of the others."""
    random = np.random.default_rng(seed)
    n, size = vehicles * each, 16
    of_view = random.normal(size=(len(views), size)) * apart
    seen = random.integers(len(views), size=n)
    rows = np.repeat(random.normal(size=(vehicles, size)), each, axis=0)
    rows = rows + random.normal(size=(n, size)) * 0.8 + of_view[seen]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    columns = {
        "image": [f"{seed}-{row}.jpg" for row in range(n)],
        "vehicle": [f"{seed}-v{row // each}" for row in range(n)],
        "camera": [f"c{row % each}" for row in range(n)],
        "view": [views[number] for number in seen],
    }
    return Embeddings({"main": rows}, Sightings.from_columns(Path("/none"), columns), "m")


def model_of(*parts: Embeddings) -> Embedder:
    columns = {
        name: np.concatenate([getattr(each.sightings, name) for each in parts])
        for name in ("image", "vehicle", "camera", "view")
    }
    rows = np.concatenate([each.spaces["main"] for each in parts])
    table = Sightings.from_columns(Path("/none"), columns)
    return StoredEmbeddings(Embeddings({"main": rows}, table, "m"), ONLY_SPACE, "stored")


@pytest.fixture(scope="module")
def made() -> tuple[Embedder, Embeddings, Calibrated]:
    first, second = simulated(), simulated(seed=1)
    model = model_of(first, second)
    return model, second, pf.calibrate(model, first.sightings)


def test_a_calibration_is_right_on_other_vehicles(
    made: tuple[Embedder, Embeddings, Calibrated],
) -> None:
    model, second, calibrated = made
    assert calibrated.calibration.model == "m"
    assert calibrated.calibration.is_unchanged()
    assert set(calibrated.losses["any"]) == {"isotonic", "logistic"}
    best = min(calibrated.losses["any"], key=lambda kind: calibrated.losses["any"][kind])
    assert calibrated.calibration.curves["any"].kind == best
    figures = pf.measure_calibration(
        model, calibrated.calibration, second.sightings, fitted_on=calibrated.vehicles
    )
    for each in (calibrated.held_out, figures):
        assert each.pairs.error < 0.05
        assert each.pairs.log_loss < 0.35  # of a coin: 0.69
        # three pictures of each other vehicle are candidates, which are no independent trials
        assert each.searches.reliability().error < 0.15
    assert calibrated.calibration.measured["expected calibration error of pairs"] == (
        pytest.approx(calibrated.held_out.pairs.error)
    )
    again = pf.calibrate(model, simulated().sightings)
    assert again.calibration == calibrated.calibration
    other = pf.calibrate(model, simulated().sightings, seed=1)
    assert other.calibration != calibrated.calibration


def test_figures_of_pairs_are_those_of_a_loop(
    made: tuple[Embedder, Embeddings, Calibrated],
) -> None:
    model, second, calibrated = made
    some = second.take(np.arange(80))
    figures = pf.measure_calibration(model, calibrated.calibration, some.sightings)
    table, rows = some.sightings, some.spaces["main"].astype(np.float64)
    bins = np.zeros((10, 3))  # weight, predicted, so
    same, different = [], []
    for i in range(80):
        for j in range(80):
            if table.camera[i] == table.camera[j]:
                continue
            sure = float(calibrated.calibration.p_same(rows[i] @ rows[j], 0, 1))
            (same if table.vehicle[i] == table.vehicle[j] else different).append(sure)
    for kind, each in enumerate((different, same)):
        for sure in each:
            bins[min(int(sure * 10), 9)] += np.array([1, sure, kind]) / len(each) / 2
    error = sum(abs(sure - so) for weight, sure, so in bins if weight)
    assert figures.pairs.error == pytest.approx(error, abs=0.01)
    loss = -np.log(same).mean() / 2 - np.log(1 - np.array(different)).mean() / 2
    assert figures.pairs.log_loss == pytest.approx(loss, abs=0.005)


def test_searches_are_those_of_a_loop(made: tuple[Embedder, Embeddings, Calibrated]) -> None:
    curves = made[2].calibration.curves
    some = simulated(vehicles=12, each=2, seed=5)
    found = sure_searches(some, ONLY_SPACE, curves, seed=0)
    rows, vehicle = some.spaces["main"].astype(np.float64), some.sightings.vehicle
    camera = some.sightings.camera
    called: dict[str, list[bool]] = {}
    for i in range(24):
        others = [j for j in range(24) if vehicle[j] != vehicle[i] and camera[j] != camera[i]]
        (mate,) = (j for j in range(24) if vehicle[j] == vehicle[i] and j != i)
        assert found.candidates[i] == len(others) + 1
        for kind, among in enumerate(([*others, mate], others)):
            first = max(among, key=lambda j, i=i: float(rows[i] @ rows[j]))
            sure = [float(p_same(curves, rows[i] @ rows[j], 0, len(among))) for j in among]
            place = among.index(first)
            assert found.first[kind, i] == pytest.approx(sure[place], abs=1e-5)
            assert found.highest[kind, i] == pytest.approx(max(sure), abs=1e-5)
            called.setdefault(in_words(sure[place]), []).append(first == mate)
            if kind == 0:
                assert found.right[i] == (first == mate)
    expected = {word: (len(each), sum(each)) for word, each in called.items()}
    assert {word: counts for word, counts in found.by_words().items() if counts[0]} == expected
    highest = np.array(found.highest)
    assert found.nothing_likely() == tuple((highest < 0.1).mean(axis=1).tolist())


def test_views_have_curves_where_these_are_better() -> None:
    known = simulated(vehicles=200, views=("front", "rear"), apart=1.0)
    calibrated = pf.calibrate(model_of(known), known.sightings)
    assert set(calibrated.calibration.curves) == set(RELATIONS)
    for relation in ("same_view", "different_view"):
        losses = calibrated.losses[relation]  # type: ignore[index]
        assert min(losses["isotonic"], losses["logistic"]) < losses["common"]
    curves = calibrated.calibration.curves
    middle = np.array(0.5)  # more telling where the views differ
    assert curves["different_view"].at(middle) > curves["same_view"].at(middle) + 0.5
    assert set(calibrated.held_out.by_relation) == {"same_view", "different_view"}
    assert calibrated.held_out.pairs.error < 0.06
    relation = view_relation(known.take(np.arange(3)), known, ONLY_SPACE)
    assert set(relation.ravel().tolist()) == {1, 2}

    alike = simulated(vehicles=200, views=("front", "rear"), apart=0.0)
    losses = pf.calibrate(model_of(alike), alike.sightings).losses
    assert set(losses) == set(RELATIONS)  # tried

    unknown = simulated(vehicles=60)
    calibrated = pf.calibrate(model_of(unknown), unknown.sightings)
    assert set(calibrated.calibration.curves) == {"any"}
    assert calibrated.calibration.data["views"] == "unknown"


def test_few_vehicles_never_make_a_large_gallery_very_likely() -> None:
    few = simulated(vehicles=10)
    calibration = pf.calibrate(model_of(few), few.sightings).calibration
    assert calibration.p_same(1.0, 0, 1) > 0.5
    assert in_words(float(calibration.p_same(1.0, 0, 100_000))) == "unlikely"


def test_what_shows_nothing_is_refused(made: tuple[Embedder, Embeddings, Calibrated]) -> None:
    model, _, calibrated = made
    first = simulated().sightings
    with pytest.raises(DataError, match=facts("one camera", "c0")):
        pf.calibrate(model, first.take(first.camera == "c0"))
    with pytest.raises(DataError, match=facts("5 vehicles", 8)):
        pf.calibrate(model, first.take(np.arange(20)))
    with pytest.raises(DataError, match=facts("480 pictures", "split 'train'")):
        pf.calibrate(model, replace(first, split=np.full(480, "train", object)))
    with pytest.raises(DataError, match=facts("120 vehicles", "fitted on")):
        pf.measure_calibration(model, calibrated.calibration, first)
    part = first.take(np.arange(40))  # another table, of the same vehicles by their source
    source = np.full(480, "set", object)
    named = pf.calibrate(model, replace(first, source=source))
    with pytest.raises(DataError, match=facts("10 vehicles", "fitted on")):
        pf.measure_calibration(
            model,
            named.calibration,
            replace(part, source=source[:40]),
            fitted_on=named.vehicles,
        )


def test_a_model_is_not_calibrated_on_what_it_learnt_from(
    tiny_model_folder: Path, drawn_table: Sightings
) -> None:
    model = pf.load_model(tiny_model_folder)
    unsplit = replace(drawn_table, split=np.full(len(drawn_table), "", object))
    with pytest.raises(DataError, match=facts("8 of 16 scored vehicles", "'platefree data split'")):
        pf.calibrate(model, unsplit)
    held_out = pf.calibrate(model, drawn_table)
    assert held_out.calibration.data["vehicles"] == "8"
