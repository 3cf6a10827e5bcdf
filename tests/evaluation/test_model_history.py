"""The report of a run's model shows the curves of that run, from the log beside it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TINY, TINY_FDA, Run
from messages import says

import platefree as pf
from platefree.checkpoint import read_checkpoint
from platefree.evaluation.evaluate import Scoring
from platefree.evaluation.examples import Examples
from platefree.runs.training_history import TrainingHistory, read_history
from platefree.types import Sightings

STAGES = [{"name": "I", "epochs": 5}, {"name": "II", "epochs": 3}]
SETTINGS = {**TINY, "stages": STAGES, "train.validation": 0.25, "train.validate_epochs": 2}
QUICK = {"scoring": Scoring(floor=False), "examples": Examples(each=0)}


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, drawn_table: Sightings) -> Path:
    folder = tmp_path_factory.mktemp("two-stages")
    pf.train(pf.load_recipe("strong_baseline/demo", SETTINGS), drawn_table, folder)
    return folder


def history(model: Any, table: Sightings) -> TrainingHistory | None:  # noqa: ANN401
    return pf.evaluate(model, table, **QUICK).history  # type: ignore[arg-type]


def test_the_log_tells_how_many_epochs_are_done(trained: Path) -> None:
    lines = lines_of(trained)
    ends = {line["stage"]: line for line in lines if "losses" in line}
    assert [end["epochs_done"] for end in ends.values()] == [5, 3]
    per_epoch = {"I": ends["I"]["step"] / 5, "II": (ends["II"]["step"] - ends["I"]["step"]) / 3}
    starts = {"I": 0, "II": ends["I"]["step"]}
    for line in lines:
        if "stage" in line:
            done = (line["step"] - starts[line["stage"]]) / per_epoch[line["stage"]]
            assert line["epochs_done"] == pytest.approx(done, abs=1e-6)
    validated = [(each["stage"], each["epochs_done"]) for each in lines if "validation_map" in each]
    assert validated == [("I", 2), ("I", 4), ("I", 5), ("II", 2), ("II", 3)]


def test_a_resumed_run_logs_what_an_uninterrupted_one_does(
    trained: Path, drawn_table: Sightings, tmp_path: Path
) -> None:
    end = next(line["step"] for line in lines_of(trained) if line.get("stage") == "II") - 2
    cut = pf.load_recipe("strong_baseline/demo", {**SETTINGS, "train.max_steps": end})
    pf.train(cut, drawn_table, tmp_path)
    pf.train(pf.load_recipe("strong_baseline/demo", SETTINGS), drawn_table, tmp_path, resume=True)
    one, other = read_history(trained / "log.jsonl"), read_history(tmp_path / "log.jsonl")
    for stage, again in zip(one.stages, other.stages, strict=True):
        assert again.epochs.tolist() == stage.epochs.tolist()
        assert again.validation.tolist() == stage.validation.tolist()
        assert {name: each.tolist() for name, each in again.losses.items()} == {
            name: each.tolist() for name, each in stage.losses.items()
        }


def test_eval_of_a_checkpoint_shows_the_curves_of_its_run(
    trained: Path, drawn_folder: Path, tmp_path: Path, run: Run
) -> None:
    page = tmp_path / "report.html"
    words = ("eval", trained / "best", "--data", drawn_folder, "--no-floor", "--report", page)
    code, _, err = run(*words)
    assert code == 0, err
    lines = lines_of(trained)
    section = page.read_text().split('<section id="training"')[1].split("</section>")[0]
    assert len(re.findall("<svg", section)) == 4  # losses and validation of two stages
    content = json.loads(page.with_suffix(".json").read_text())["training"]
    assert [stage["name"] for stage in content["stages"]] == ["I", "II"]
    card = read_checkpoint(trained / "best").card
    for stage in content["stages"]:
        own = [line for line in lines if line.get("stage") == stage["name"]]
        assert stage["last_losses"] == [each for each in own if "losses" in each][-1]["losses"]
        scores = [line["validation_map"] for line in own if "validation_map" in line]
        assert stage["validation"] == scores
        is_model = card["training"]["stage"] == stage["name"]
        assert stage["model_at"] == (card["epoch"] if is_model else None)
        assert says(section, f"Stage {stage['name']}", f"{100 * max(scores):.2f}")


def test_three_optimizers_have_curves_too(drawn_table: Sightings, tmp_path: Path) -> None:
    run = pf.train(pf.load_recipe("fda_net/city", TINY_FDA), drawn_table, tmp_path)
    found = history(run.best, drawn_table)
    assert found is not None
    (stage,) = found.stages
    (of_run,) = run.history().stages
    assert of_run.losses["critic"].tolist() == stage.losses["critic"].tolist()
    last = [line for line in lines_of(tmp_path) if "losses" in line][-1]
    assert {name: values[-1] for name, values in stage.losses.items()} == last["losses"]
    assert {"made spread", "critic accuracy"} <= set(stage.observed)
    assert np.isfinite(stage.observed["made spread"][-1])


def test_a_model_without_its_log_says_why(
    trained: Path, drawn_table: Sightings, tmp_path: Path
) -> None:
    moved = shutil.copytree(trained / "best", tmp_path / "moved" / "best")
    model = pf.load_model(moved)
    found = history(model, drawn_table)
    assert found is not None
    assert not found.stages
    assert says(found.reason, str(tmp_path / "moved" / "log.jsonl"), "does not exist")
    stored, _ = model.embed(drawn_table)
    pf.save_embeddings(stored, tmp_path / "stored", model.comparison, model_path=str(moved))
    of_stored = history(tmp_path / "stored", drawn_table)
    assert of_stored is not None
    assert says(of_stored.reason, "stored embeddings", tmp_path / "stored")
    pf.make_ensemble([trained / "best", "color_stripes"], tmp_path / "joined")
    of_joined = history(tmp_path / "joined", drawn_table)
    assert of_joined is not None
    assert says(of_joined.reason, "ensemble")
    assert history("color_stripes", drawn_table) is None
