"""Public data sets scored from end to end, on drawn pictures with lists made by hand."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from messages import facts, says

import platefree as pf
from platefree.data.dataset import DataSet, PairList
from platefree.data.split import hold_out_vehicles
from platefree.errors import ProtocolError
from platefree.evaluation.evaluate import Scoring, open_data
from platefree.evaluation.set_protocols import _USUAL, SET_PROTOCOLS
from platefree.evaluation.verification import FALSE_ACCEPT_RATES
from platefree.methods.catalogue import check_recipe, load_recipe
from platefree.recipes.toml import to_toml
from platefree.reports.figures import render_markdown
from platefree.reports.saving import save_report
from platefree.work import Work


def without_cameras(table: pf.Sightings) -> pf.Sightings:
    columns = {name: getattr(table, name) for name in ("image", "vehicle", "model")}
    return pf.Sightings.from_columns(table.root, columns)


@pytest.fixture(scope="module")
def vehicle_id(drawn_table: pf.Sightings) -> DataSet:
    vehicles = sorted(set(drawn_table.vehicle.tolist()))
    lists = {
        f"test_{count}": np.flatnonzero(np.isin(drawn_table.vehicle, vehicles[-count:]))
        for count in (6, 3)
    }
    return DataSet("vehicleid", without_cameras(drawn_table), lists)


def claiming(paper: dict[str, float]) -> pf.Model:
    model = pf.load_model("color_stripes")
    model.recipe = model.recipe.model_copy(update={"paper": paper})
    return model


def test_vehicle_id_is_embedded_once_and_drawn_ten_times(vehicle_id: DataSet) -> None:
    embedded: list[int] = []
    report = pf.evaluate("color_stripes", vehicle_id, seed=5, work=Work(progress=embedded.append))
    assert report.protocol == "vehicleid"
    assert sum(embedded) == len(vehicle_id.rows("test_6")) == int(report.data["pictures scored"])
    assert [test.name for test in report.tests] == ["3", "6"]
    for test in report.tests:
        each = [trial.figures() for trial in test.trials]
        assert len(each) == 10
        for name in ("rank-1", "rank-5", "mAP"):
            values = [figures[name] for figures in each]
            mean = sum(values) / 10
            spread = (sum((value - mean) ** 2 for value in values) / 9) ** 0.5
            assert test.figures()[name] == pytest.approx(mean)
            assert test.deviations()[name] == pytest.approx(spread)
            assert report.figures()[f"{test.name} {name}"] == pytest.approx(mean)
        same, different = test.verification.pairs
        vehicles = int(test.name)
        pictures = len(vehicle_id.rows(f"test_{vehicles}"))
        assert same == 10 * (pictures - vehicles)
        assert same + different == 10 * (pictures - vehicles) * vehicles
        assert len(test.verification.thresholds()) == len(FALSE_ACCEPT_RATES) == 4
    assert report.settings["seed"] == "5"
    assert report.data["data set"] == "vehicleid"
    assert report.strips
    one = pf.evaluate("color_stripes", vehicle_id, seed=5, tests=["3"])
    assert one.figures() == pytest.approx(report.tests[0].figures())
    assert one.data["pictures scored"] == str(len(vehicle_id.rows("test_3")))


def test_claims_stand_beside_the_test_that_they_are_for(vehicle_id: DataSet) -> None:
    claims = {
        "vehicleid 3 rank-1": 0.4,
        "vehicleid 6 mAP": 0.5,
        "vehicleid 3 retrieval mAP": 0.6,
        "veri-776 images mAP": 0.7,
        "rank-1": 0.9,
    }
    model = claiming(claims)
    small, large = pf.evaluate(model, vehicle_id).tests
    assert (small.paper, large.paper) == ({"rank-1": 0.4}, {"mAP": 0.5})
    assert small.gaps() == {"rank-1": pytest.approx(small.figures()["rank-1"] - 0.4)}
    table = pf.evaluate(model, vehicle_id.table, "leave-one-out")
    assert table.tests[0].paper == {}


def test_every_claim_of_a_built_in_recipe_can_be_shown() -> None:
    for name in pf.recipe_names():
        for key in load_recipe(name).paper:
            assert len(key.split()) >= 3, f"{name}: {key!r} is not 'DATA_SET TEST FIGURE'"
            assert key.split()[0] in _USUAL, f"{name}: {key!r} is of no data set with a protocol"


def test_claims_are_of_one_post_processing(vehicle_id: DataSet, tmp_path: Path) -> None:
    """Else a re-ranked figure would stand beside one that the paper has without re-ranking."""
    model = claiming(
        {
            "vehicleid 3 rank-1": 0.4,
            "vehicleid 3 rank-1 after expand": 0.5,
            "vehicleid 3 mAP after rerank,expand": 0.6,
            "vehicleid 6 mAP after expand": 0.7,
        }
    )

    def of(post: str, *, ablate_post: bool = False) -> pf.Report:
        scoring = Scoring(post, ablate_post=ablate_post, floor=False)
        return pf.evaluate(model, vehicle_id, tests=["3"], scoring=scoring)

    for post, paper in (
        ("none", {"rank-1": 0.4}),
        ("expand", {"rank-1": 0.5}),
        ("rerank", {}),
        ("expand,rerank", {"mAP": 0.6}),
    ):
        assert of(post).tests[0].paper == paper
    report = of("expand,rerank", ablate_post=True)
    papers = [prefix.paper for prefix in report.tests[0].prefixes]
    assert papers == [{"rank-1": 0.4}, {"rank-1": 0.5}, {"mAP": 0.6}]
    lines = [line for line in render_markdown(report).splitlines() if ", paper |" in line]
    assert [re.findall(r"\d+\.\d+", line) for line in lines] == [["40.00"], ["50.00"], ["60.00"]]


def test_claims_survive_being_written_as_toml(tmp_path: Path) -> None:
    content = load_recipe("strong_baseline/small").model_dump(exclude_none=True)
    claims = {"vehicleid 800 rank-1": 0.5, "veri-776 tracks HIT@1": 0.9, 'quoted " key é': 0.1}
    recipe = check_recipe({**content, "paper": claims})
    (tmp_path / "mine.toml").write_text(to_toml(recipe), encoding="utf-8")
    assert load_recipe(tmp_path / "mine.toml").paper == claims


def test_tracks_pictures_and_views_of_one_set(drawn_table: pf.Sightings) -> None:
    n = len(drawn_table)
    columns = {name: getattr(drawn_table, name) for name in ("image", "vehicle", "camera")}
    columns["track"] = drawn_table.camera
    columns["view"] = np.where(np.arange(n) % 3 > 0, "front", "rear")
    table = pf.Sightings.from_columns(drawn_table.root, columns)
    query, gallery = np.arange(0, n, 5), np.arange(n)
    junk = tuple(np.array([(row + 7) % n]) for row in query)
    data = DataSet("veri-776", table, {"query": query, "gallery": gallery}, {}, {"query": junk})
    images, tracks = pf.evaluate("color_stripes", data).tests
    assert list(images.figures()) == ["rank-1", "rank-5", "rank-10", "mAP", "mINP"]
    assert list(tracks.figures()) == ["HIT@1", "HIT@5", "mAP"]
    assert tracks.trials[0].gallery == 48  # 16 vehicles before 3 cameras
    views = pf.evaluate("color_stripes", data, "views").tests
    assert [test.name.split()[1] for test in views] == ["top1_s", "top1_d", "top1_s*", "top1_d*"]
    for test in views:
        assert [trial.queries for trial in test.trials] == [len(query)]  # pooled over the views
    only_tracks = pf.evaluate("color_stripes", data, tests=["tracks"])
    assert only_tracks.figures() == pytest.approx(tracks.figures())
    assert only_tracks.strips == ()


def test_pairs_are_scored_and_reported(drawn_table: pf.Sightings, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    first, second = random.integers(0, len(drawn_table), (2, 60))
    same = drawn_table.vehicle[first] == drawn_table.vehicle[second]
    pairs = PairList(first, second, same)
    data = DataSet("compcars", drawn_table, pairs={"easy": pairs, "hard": pairs, "train": pairs})
    report = pf.evaluate("color_stripes", data)
    assert report.protocol == "model-verification"
    assert list(report.figures()) == ["easy accuracy", "hard accuracy"]
    assert report.tests[0].verification.pairs == (same.sum(), 60 - same.sum())
    page = save_report(report, tmp_path / "report.html").read_text("utf-8")
    assert "accuracy" in page
    (trial,) = json.loads((tmp_path / "report.json").read_text())["tests"][1]["trials"]
    assert (trial["pairs"], trial["name"]) == (60, "hard")


def test_the_protocol_is_that_of_the_set_or_of_the_columns(drawn_table: pf.Sightings) -> None:
    assert pf.evaluate("color_stripes", drawn_table).protocol == "query-gallery"
    with pytest.raises(
        ProtocolError, match=facts("test_800", "VehicleID", "table", "leave-one-out")
    ):
        pf.evaluate("color_stripes", drawn_table, "vehicleid")
    with pytest.raises(ProtocolError, match=facts("leave-one-out", "table", "test '800'")):
        pf.evaluate("color_stripes", drawn_table, "leave-one-out", tests=["800"])
    with pytest.raises(ProtocolError, match=facts("'rank-1'", "cross-camera, query-gallery")):
        pf.evaluate("color_stripes", drawn_table, "rank-1")
    assert set(_USUAL.values()) <= set(SET_PROTOCOLS)


def test_every_protocol_is_documented() -> None:
    page = (REPOSITORY / "docs" / "scoring.md").read_text("utf-8")
    assert [name for name in SET_PROTOCOLS if f"| `{name}` |" not in page] == []


def test_a_path_is_opened_by_the_readers_and_a_table_is_a_set_without_lists(
    drawn_folder: Path, vehicle_id: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_at = drawn_folder / "images"
    monkeypatch.setattr(
        "platefree.data.table.find_dataset", lambda path: vehicle_id if path == set_at else None
    )
    assert open_data(set_at) is vehicle_id
    assert open_data(str(set_at)) is vehicle_id
    assert len(open_data(drawn_folder).table) == len(vehicle_id.table)  # through its table
    assert open_data(vehicle_id) is vehicle_id
    assert open_data(vehicle_id.table).table is vehicle_id.table
    assert not open_data(vehicle_id.table).lists


def test_what_is_odd_in_a_set_is_said_when_it_is_scored(
    layouts: dict[str, DataSet], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = shutil.copytree(layouts["veri-776"].table.root, tmp_path / "VeRi")
    assert not open_data(root).remarks
    lines = (root / "gt_index.txt").read_text().splitlines()
    lines[2] = lines[2].rpartition(" ")[0]
    (root / "gt_index.txt").write_text("\n".join(lines))
    pf.evaluate("color_stripes", root, tests=["tracks"])
    assert says(caplog.text, str(root / "gt_index.txt"), "line 3", "position")


def test_the_command_line_takes_protocol_tests_and_seed(
    drawn_folder: Path,
    vehicle_id: DataSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from platefree import cli
    from platefree.evaluation import evaluate as run

    def call(*arguments: object) -> tuple[object, str, str]:
        words = ["platefree", "eval", "color_stripes", "--data", drawn_folder, *arguments]
        monkeypatch.setattr(sys, "argv", list(map(str, words)))
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    code, out, _ = call("--protocol", "leave-one-out", "--json")
    assert (code, json.loads(out)["protocol"]) == (0, "leave-one-out")
    code, _, err = call("--protocol", "vehicleid")
    assert code == 1
    assert says(err, "test_800", "VehicleID", "table", "leave-one-out")
    monkeypatch.setattr(run, "open_data", lambda path: vehicle_id)
    code, out, err = call("--test", 3, "--test", 6, "--seed", 4, "--json")
    assert code == 0, err
    assert json.loads(out)["settings"]["seed"] == "4"
    expected = pf.evaluate("color_stripes", vehicle_id, seed=4)
    assert json.loads(out)["figures"] == pytest.approx(expected.figures())
    code, out, _ = call("--test", 3, "--report", tmp_path / "report.html")
    assert code == 0
    assert "mean of trials" in out
    assert (tmp_path / "report.md").exists()
    code, _, err = call("--test", 800)
    assert code == 1
    assert says(err, "vehicleid", "test '800'", "3, 6")


# --- held-out vehicles among all training pictures ---------------------------------------------


def held_out(data: DataSet, folder: Path) -> Path:
    pf.write_table(hold_out_vehicles(data.table, vehicles=2), folder / "held.csv")
    return folder / "held.csv"


def test_validation_searches_held_out_vehicles_in_all_training_pictures(
    layouts: dict[str, DataSet], tmp_path: Path
) -> None:
    path = held_out(layouts["cityflow"], tmp_path)
    table = pf.read_table(path)
    report = pf.evaluate("color_stripes", path, "validation")
    (result,) = report.tests[0].trials
    query = np.flatnonzero(table.split == "query")
    assert {*table.split.tolist()} == {"train", "query", "gallery"}
    assert (result.queries, result.gallery) == (len(query), len(table))
    rows = pf.load_model("color_stripes", device="cpu").embed(table)[0].spaces["main"]
    distance = 1 - rows[query].astype(np.float64) @ rows.T.astype(np.float64)
    precisions = []
    for number, row in enumerate(query):
        same = table.vehicle == table.vehicle[row]
        kept = ~(same & (table.camera == table.camera[row]))
        order = [each for each in np.argsort(distance[number], kind="stable") if kept[each]]
        ranks = [rank for rank, each in enumerate(order, 1) if same[each]]
        precisions.append(np.mean([n / rank for n, rank in enumerate(ranks, 1)]))
    assert report.figures()["mAP"] == pytest.approx(np.mean(precisions), abs=1e-6)
    easier = pf.evaluate("color_stripes", path, "query-gallery").figures()["mAP"]
    assert report.figures()["mAP"] < easier


def test_validation_meets_the_figure_of_the_paper(
    layouts: dict[str, DataSet], tmp_path: Path
) -> None:
    claims = load_recipe("vehiclenet/cityflow").paper
    assert "cityflow validation mAP" in claims
    model = claiming(dict(claims))
    report = pf.evaluate(model, held_out(layouts["cityflow"], tmp_path), "validation")
    place = "cityflow validation"
    without = {name: claims[f"{place} {name}"] for name in ("mAP", "rank-1")}
    assert report.tests[0].paper == without
    assert report.overlap is not None
    usual = pf.evaluate(model, held_out(layouts["cityflow"], tmp_path))
    assert not usual.tests[0].paper


def test_what_validation_needs(drawn_table: pf.Sightings, layouts: dict[str, DataSet]) -> None:
    with pytest.raises(ProtocolError, match=facts("validation", "'query'", "--hold-out")):
        pf.evaluate("color_stripes", drawn_table.take(drawn_table.split != "query"), "validation")
    with pytest.raises(ProtocolError, match=facts("--hold-out", "'vehicle'")):
        pf.evaluate("color_stripes", layouts["cityflow"], "validation")
    one_of = drawn_table.vehicle[drawn_table.split == "query"][0]
    sources = np.where(drawn_table.vehicle == one_of, "a", "b").tolist()
    columns = {name: getattr(drawn_table, name) for name in ("image", "vehicle", "split")}
    mixed = pf.Sightings.from_columns(drawn_table.root, {**columns, "source": sources})
    with pytest.raises(ProtocolError, match=facts("one source", "a, b", "--target")):
        pf.evaluate("color_stripes", mixed, "validation")
