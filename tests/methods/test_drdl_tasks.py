"""DRDL's three tasks from the command line: re-identification, retrieval, model verification."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY_DRDL
from fake_studio import BlockStudio
from messages import facts, says

from platefree import cli
from platefree.batches.training_data import training_table
from platefree.city.generate import generate_city
from platefree.city.output.layouts import write_layout
from platefree.data.table import read_table
from platefree.errors import TrainingError
from platefree.evaluation.evaluate import open_data
from platefree.inference.loading import load_model

TINY = [part for key, value in TINY_DRDL.items() for part in ("--set", f"{key}={value}")]
SMALL = ["--set", "model.pooling=average", "--set", "model.norm=batch"]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "blocks"
    numbers = {"vehicles": 12, "cameras": 4, "images": 160, "seed": 7, "size": 48}
    generate_city(folder, **numbers, studio=BlockStudio(), workers=1)
    return folder


@pytest.fixture(scope="module")
def vehicleid(city: Path) -> Path:
    return write_layout(city, city.with_name("vehicleid"), "vehicleid")


@pytest.fixture(scope="module")
def compcars(city: Path) -> Path:
    return write_layout(city, city.with_name("compcars"), "compcars") / "data"


@pytest.fixture(scope="module")
def trained(vehicleid: Path) -> Path:
    out = vehicleid.with_name("run-vehicleid")
    assert call("train", "drdl/city", "--data", vehicleid, "--out", out, *TINY) == 0
    return out / "best"


def call(*arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["platefree", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def scored(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    """Test -> what ``platefree eval`` says of it."""
    capsys.readouterr()
    assert call("eval", *arguments, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    return {test["name"]: test for test in report["tests"]}


def pictures_of_vehicles(vehicleid: Path) -> Counter[str]:
    """Counted in the list itself."""
    lines = (vehicleid / "train_test_split" / "test_list_800.txt").read_text().split("\n")
    return Counter(line.split()[1] for line in lines if line)


def test_re_identification_by_ten_draws_of_one_picture_each(
    trained: Path, vehicleid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = pictures_of_vehicles(vehicleid)
    (test,) = scored(capsys, trained, "--data", vehicleid, "--test", "800").values()
    assert len(test["trials"]) == 10
    for trial in test["trials"]:
        assert trial["gallery"] == len(pictures)
        assert trial["queries"] == pictures.total() - len(pictures)
    assert 0 <= test["figures"]["rank-1"] <= test["figures"]["rank-5"] <= 1


def test_retrieval_with_one_probe_of_each_vehicle_of_more_than_six_pictures(
    trained: Path, vehicleid: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = pictures_of_vehicles(vehicleid)
    probes = sum(count > 6 for count in pictures.values())
    assert probes > 0
    tests = scored(capsys, trained, "--data", vehicleid, "--protocol", "vehicle-retrieval")
    for trial in tests["800 retrieval"]["trials"]:
        assert (trial["queries"], trial["gallery"]) == (probes, pictures.total() - probes)
    assert 0 < tests["800 retrieval"]["figures"]["mAP"] <= 1


def test_verification_of_models_by_a_threshold_of_training_pairs(
    compcars: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = compcars.parent.with_name("run-compcars")
    arguments = ("train", "drdl/compcars", "--data", compcars, "--out", out, *TINY, *SMALL)
    assert call(*arguments) == 1
    refusal = capsys.readouterr().err
    lists = "classification_train, classification_test"
    assert says(refusal, "75 of 160 pictures", lists, "easy", "train.lists")
    assert not out.exists()
    assert call(*arguments, "--set", 'train.lists=["classification_train"]') == 0
    card = json.loads((out / "best" / "card.json").read_text())
    assert card["classes"]["vehicle"] == card["classes"]["model"] >= card["classes"]["make"] > 1
    tests = scored(capsys, out / "best", "--data", compcars)
    assert set(tests) == {"easy", "medium", "hard"}
    data = open_data(compcars)
    rows = load_model(out / "best").embed(data.table)[0].spaces["main"]
    for name, claim in (("easy", 0.833), ("medium", 0.788), ("hard", 0.703)):
        assert tests[name]["paper"] == {"accuracy": claim}
        (trial,) = tests[name]["trials"]
        pairs = data.pairs[name]
        similarity = (rows[pairs.first] * rows[pairs.second]).sum(1)
        right = (similarity >= trial["threshold"]) == pairs.same
        assert trial["figures"]["accuracy"] == pytest.approx(right.mean(), abs=2 / len(right))


def test_lists_that_are_not_there_are_refused(vehicleid: Path, city: Path) -> None:
    with pytest.raises(
        TrainingError, match=facts("train.lists", "other", "train, test_800", "train.lists=[]")
    ):
        training_table(vehicleid, ["train", "other"])
    for table in (city, read_table(city)):
        with pytest.raises(
            TrainingError,
            match=facts("train.lists", "train", "no public data set", "train.lists=[]"),
        ):
            training_table(table, ["train"])
    whole, listed = read_table(vehicleid), training_table(vehicleid, ["train"])
    assert listed.image.tolist() == whole.image[whole.split == "train"].tolist()
