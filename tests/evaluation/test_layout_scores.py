"""A city scores the same through each layout and its reader as through its own plain table.

Every picture has an embedding of its own, drawn at random from its bytes, so that nothing but the
labels, the lists and the pictures themselves can make two scores equal, query by query.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from block_city import city_rows

import platefree as pf
from platefree.data.dataset import DataSet, PairList
from platefree.data.readers.detect import read_dataset
from platefree.data.submission import write_submission
from platefree.evaluation.score import score_trial
from platefree.evaluation.set_protocols import make_plan
from platefree.inference.model import Model
from platefree.types import Embeddings, Floats, Sightings

Scores = Mapping[tuple[str, str, int], tuple[float, ...]]
"""(test, trial, the city's row of the query) -> average precision, INP, rank of the first match."""


class Drawn(Model):
    """Looks at the bytes of a picture alone: the same file has the same embedding."""

    def embed(self, sightings: Sightings, **_: object) -> tuple[Embeddings, list[str]]:
        rows = np.stack([self._row(sightings.path(row)) for row in range(len(sightings))])
        return Embeddings({"main": rows}, sightings, self.fingerprint), []

    def _row(self, picture: Path) -> Floats:
        digest = hashlib.sha256(picture.read_bytes()).digest()
        row = np.random.default_rng(list(digest)).standard_normal(16).astype(np.float32)
        return row / np.linalg.norm(row)


@pytest.fixture(scope="module")
def model() -> Model:
    floor = pf.load_model("color_stripes", device="cpu")
    return Drawn(floor.method, floor.recipe, name="drawn", fingerprint="drawn", device=floor.device)


def scores(model: Model, data: DataSet, protocol: str, place: Sequence[int]) -> Scores:
    """What `evaluate` makes of every query; ``place`` is the city's row of each row."""
    report = pf.evaluate(model, data, protocol)
    results = [(test.name, each.metrics) for test in report.tests for each in test.trials]
    found = {}
    for trial, (test, metrics) in zip(make_plan(data, protocol).trials, results, strict=True):
        assert metrics.valid.sum() > 4
        for number, row in enumerate(trial.query.tolist()):
            found[test, trial.name, place[row]] = values_of(metrics, number)
    return found


def values_of(metrics: pf.RankMetrics, query: int) -> tuple[float, ...]:
    """The scores of a query; empty where it has no match, since nan is equal to nothing."""
    if not metrics.valid[query]:
        return ()
    return (
        metrics.average_precision[query],
        metrics.inverse_negative_penalty[query],
        metrics.first_match[query],
    )


def by_leaving_one_out(model: Model, table: Sightings, place: Sequence[int]) -> Scores:
    """The scores of every row in all others, whatever its split."""
    data = DataSet("table", without(table, "split"))
    return scores(model, data, "leave-one-out", place)


def without(table: Sightings, *columns: str) -> Sightings:
    """The table as a data set that does not know these columns would give it."""
    return replace(table, **{name: np.full(len(table), "") for name in columns})


def rows_of(table: Sightings, *splits: str) -> list[int]:
    return np.flatnonzero(np.isin(table.split, splits)).tolist()


def part(layouts: Mapping[str, DataSet], layout: str, name: str) -> DataSet:
    """The set that is written beside that of a layout."""
    return read_dataset(layouts[layout].table.root.parent, name)


def test_veri_776(model: Model, layouts: dict[str, DataSet], block_table: Sightings) -> None:
    """VeRi-776 loses times only. Its gallery has the queries once more, as other files."""
    dataset = layouts["veri-776"]
    lists = {
        "query": np.array(rows_of(block_table, "query")),
        "gallery": np.array(rows_of(block_table, "query", "gallery")),
    }
    plain = DataSet("veri-776", block_table, lists)
    for protocol in ("veri-776", "query-gallery", "image-to-track"):
        found = scores(model, dataset, protocol, city_rows(dataset, block_table))
        assert found == scores(model, plain, protocol, range(len(block_table))), protocol


def test_veri_776_scores_the_same_without_its_lists_of_junk(
    model: Model, layouts: dict[str, DataSet], block_table: Sightings
) -> None:
    dataset = layouts["veri-776"]
    assert dataset.ignored
    rows = city_rows(dataset, block_table)
    bare = replace(dataset, ignored={})
    assert scores(model, dataset, "veri-776", rows) == scores(model, bare, "veri-776", rows)


def test_veri_wild(model: Model, layouts: dict[str, DataSet], block_table: Sightings) -> None:
    """VERI-Wild has one query of each vehicle: its other query pictures are in the gallery."""
    first: dict[str, int] = {}
    for row in rows_of(block_table, "query"):
        first.setdefault(str(block_table.vehicle[row]), row)
    gallery = [row for row in rows_of(block_table, "query", "gallery") if row not in first.values()]
    lists = {
        f"{kind}_{size}": np.array(rows)
        for size in (3000, 5000, 10000)
        for kind, rows in (("query", sorted(first.values())), ("gallery", gallery))
    }
    dataset, plain = layouts["veri-wild"], DataSet("veri-wild", block_table, lists)
    found = scores(model, dataset, "query-gallery", city_rows(dataset, block_table))
    assert found == scores(model, plain, "query-gallery", range(len(block_table)))
    assert len(found) == 3 * len(first)


def test_vehicleid(model: Model, layouts: dict[str, DataSet], block_table: Sightings) -> None:
    """VehicleID loses cameras, tracks and times: nothing is ignored but the query itself.

    What it draws depends on names, which are others in the city's table; so the draws are moved
    to that table, whose labels judge them anew.
    """
    dataset, plain = layouts["vehicleid"], without(block_table, "camera")
    rows = np.array(city_rows(dataset, block_table))
    embedded, _ = model.embed(plain)
    for protocol in ("vehicleid", "model-retrieval"):
        expected = {}
        for trial in make_plan(dataset, protocol).trials:
            moved = score_trial(embedded, trial.moved(rows), model.comparison)
            for number, row in enumerate(trial.query.tolist()):
                key = (trial.test, trial.name, rows[row])
                expected[key] = values_of(moved, number)
        assert scores(model, dataset, protocol, rows.tolist()) == expected, protocol
    tested = np.flatnonzero(dataset.table.split == "")
    assert set(rows[tested].tolist()) == set(rows_of(plain, "query", "gallery"))
    found = by_leaving_one_out(model, dataset.table.take(tested), rows[tested].tolist())
    place = rows_of(plain, "query", "gallery")
    assert found == by_leaving_one_out(model, plain.take(np.array(place)), place)


def test_cityflow(
    model: Model, layouts: dict[str, DataSet], block_table: Sightings, tmp_path: Path
) -> None:
    """CityFlow loses the vehicles of its test: what is handed in is ranked as the city ranks it."""
    dataset = layouts["cityflow"]
    rows = city_rows(dataset, block_table)
    asked, shown = dataset.rows("query"), dataset.rows("gallery")
    embedded, _ = model.embed(dataset.table)
    write_submission(
        dataset, pf.rank_exact(embedded.take(asked), embedded.take(shown), 100), tmp_path / "out"
    )
    numbers = {int(Path(dataset.table.image[row]).stem): rows[row] for row in shown.tolist()}
    handed_in = [
        [numbers[int(word)] for word in line.split()]
        for line in (tmp_path / "out").read_text().splitlines()
    ]
    embedded, _ = model.embed(block_table)
    gallery = np.array(rows_of(block_table, "gallery"))
    order = [rows[row] for row in asked[np.argsort(dataset.table.image[asked])]]
    ranked = pf.rank_exact(embedded.take(np.array(order)), embedded.take(gallery), len(gallery))
    assert len(handed_in) == len(rows_of(block_table, "query"))
    assert handed_in == gallery[ranked.indices].tolist()


def test_cityflow_with_the_answers_of_its_server(
    model: Model, layouts: dict[str, DataSet], block_table: Sightings
) -> None:
    """With the vehicles that the challenge keeps, its lists score as the city's own splits."""
    dataset = layouts["cityflow"]
    rows = city_rows(dataset, block_table)
    answered = replace(dataset.table, vehicle=block_table.vehicle[rows])
    answered_set = replace(dataset, table=answered)
    found = scores(model, answered_set, "query-gallery", rows)
    plain = DataSet("table", block_table)
    own = scores(model, plain, "query-gallery", range(len(block_table)))
    assert found == {("query-gallery", *key[1:]): value for key, value in own.items()}


def test_held_back_vehicles_of_cityflow(
    model: Model, layouts: dict[str, DataSet], block_table: Sightings
) -> None:
    held = pf.hold_out_vehicles(layouts["cityflow"].table, vehicles=3)
    rows = city_rows(DataSet("table", held), block_table)
    plain = replace(block_table.take(np.array(rows)), split=held.split)
    found = scores(model, DataSet("table", held), "query-gallery", rows)
    assert found == scores(model, DataSet("table", plain), "query-gallery", rows)


def test_vehiclex(model: Model, layouts: dict[str, DataSet], block_table: Sightings) -> None:
    """VehicleX is for training alone: its pictures are scored with each other."""
    table = part(layouts, "cityflow", "vehiclex").table
    rows = city_rows(DataSet("vehiclex", table), block_table)
    found = by_leaving_one_out(model, table, rows)
    assert found == by_leaving_one_out(model, block_table.take(np.array(rows)), rows)


@pytest.mark.parametrize("name", ["compcars", "compcars-surveillance"])
def test_models_of_compcars(
    model: Model, layouts: dict[str, DataSet], block_table: Sightings, name: str
) -> None:
    """CompCars knows models and years alone; they stand for vehicles, as in VehicleNet."""
    table = part(layouts, "compcars", name).table
    rows = city_rows(DataSet(name, table), block_table)
    found = by_leaving_one_out(model, pf.model_as_vehicle(table), rows)
    plain = without(block_table, "vehicle", "camera").take(np.array(rows))
    plain = replace(plain, model_year=table.model_year)  # which a city does not know
    assert found == by_leaving_one_out(model, pf.model_as_vehicle(plain), rows)


def test_pairs_of_compcars(
    model: Model, layouts: dict[str, DataSet], block_table: Sightings
) -> None:
    """The lists of pairs, judged by the models of the city's table."""
    dataset = layouts["compcars"]
    rows = np.array(city_rows(dataset, block_table))
    training = dataset.pairs["medium"]  # a threshold on the same pairs in both, not drawn by name
    pairs = {**dataset.pairs, "train": training}
    judged = {
        name: PairList(
            rows[each.first],
            rows[each.second],
            block_table.model[rows[each.first]] == block_table.model[rows[each.second]],
        )
        for name, each in pairs.items()
    }
    read = pf.evaluate(model, replace(dataset, pairs=pairs))
    plain = pf.evaluate(model, DataSet("compcars", block_table, pairs=judged))
    assert [test.name for test in read.tests] == ["easy", "medium", "hard"]
    for one, other in zip(read.tests, plain.tests, strict=True):
        assert one.trials == other.trials  # pairs, threshold and accuracy
