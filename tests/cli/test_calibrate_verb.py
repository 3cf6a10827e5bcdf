"""A model calibrated by the command line, and what its searches then say."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import Run
from drawn import draw_vehicles
from messages import says
from test_cli import refused

import platefree as pf
from platefree.checkpoint import CARD


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vehicles that no model learnt from."""
    folder = tmp_path_factory.mktemp("others")
    draw_vehicles(folder, vehicles=24, cameras=3, images_per_camera=1, size=48, seed=7)
    table = pf.read_table(folder)
    source = np.full(len(table), "others", object)
    unsplit = np.full(len(table), "", object)
    pf.write_table(replace(table, source=source, split=unsplit), folder / "known.csv")
    return folder / "known.csv"


@pytest.fixture
def model(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "best"))


def test_a_model_is_calibrated_measured_and_searched(
    run: Run, model: Path, others: Path, drawn_folder: Path, tmp_path: Path
) -> None:
    before = pf.load_model(model).fingerprint
    page = tmp_path / "page.html"
    words = ("calibrate", model, "--data", others, "--test", drawn_folder, "--workers", 0)
    code, out, err = run(*words, "--report", page)
    assert code == 0, err
    assert says(out, "known.csv", 24, 8, "very likely", "nothing likely", "outcome")
    assert says(err, str(page), str(model))
    loaded = pf.load_model(model)
    assert loaded.fingerprint == before
    assert loaded.calibration is not None
    assert loaded.calibration.data["vehicles"] == "24"

    told = json.loads(run(*words, "--json")[1])
    assert told["stored"] == str(model)
    assert told["calibration"] == json.loads((model / CARD).read_text())["calibration"]
    assert json.loads(page.with_suffix(".json").read_text())["calibration"] == told["calibration"]
    assert list(told["measured"]) == ["known.csv, vehicles held out", str(drawn_folder)]
    for each in told["measured"].values():
        assert 0 <= each["pairs"]["expected_calibration_error"] <= 1
        counts = each["searches"]["first_hits_by_words"].values()
        assert sum(count["hits"] for count in counts) == 2 * each["searches"]["pictures"]

    text = page.read_text()
    assert "http" not in text.replace("http-equiv", "")
    body = text.partition("<body>")[2].partition("</body>")[0]
    for name in ("&ldquo;", "&rdquo;"):
        body = body.replace(name, "")
    assert len(list(ElementTree.fromstring(f"<x>{body}</x>").iter("svg"))) == 5  # noqa: S314

    card = (model / CARD).read_bytes()
    measured = json.loads(run("calibrate", model, "--test", drawn_folder, "--json")[1])
    assert measured["stored"] is None
    assert measured["measured"] == {str(drawn_folder): told["measured"][str(drawn_folder)]}
    assert (model / CARD).read_bytes() == card

    query = pf.read_table(drawn_folder).path(0)
    code, out, err = run("search", query, "--gallery", drawn_folder, "--model", model)
    assert code == 0, err
    assert "likely" in out.strip().splitlines()[-1]


def test_bad_input_is_refused_and_nothing_changes(
    run: Run, model: Path, others: Path, drawn_folder: Path, tmp_path: Path
) -> None:
    before = (model / CARD).read_bytes()
    assert run("calibrate", model)[0] == 2
    code, _, err = run("calibrate", model, "--test", drawn_folder)
    assert code == 2
    assert says(err, "not calibrated", "--data")
    assert run("calibrate", model, "--data", others, "--report", tmp_path / "x.txt")[0] == 2
    table = pf.read_table(drawn_folder)
    unsplit = replace(table, split=np.full(len(table), "", object))
    pf.write_table(unsplit, tmp_path / "learnt.csv")
    refused(
        run("calibrate", model, "--data", tmp_path / "learnt.csv"),
        *("8 of 16 scored vehicles", "learn"),
    )
    refused(run("calibrate", model, "--data", others, "--test", others), "24 vehicles", "fitted on")
    one = pf.read_table(others)
    pf.write_table(one.take(one.camera == "cam1"), tmp_path / "one.csv")
    refused(run("calibrate", model, "--data", tmp_path / "one.csv"), "one camera", "cam1")
    refused(run("calibrate", tmp_path / "none", "--data", others), "none")
    assert (model / CARD).read_bytes() == before


def test_a_name_has_no_card_to_keep_it_in(
    run: Run, model: Path, others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = model.rename(tmp_path / "color_stripes")  # another model than the one of this name
    before = (beside / CARD).read_bytes()
    monkeypatch.chdir(tmp_path)
    code, out, err = run("calibrate", "color_stripes", "--data", others, "--workers", 0)
    assert code == 0, err
    assert says(err, "color_stripes", "not kept")
    assert says(out, 24)
    assert (beside / CARD).read_bytes() == before
