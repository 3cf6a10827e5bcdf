"""Rows that learn until their held-out score no longer rises, with claims, killed and moved."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, Run
from drawn import draw_vehicles
from messages import says
from ready import start

from platefree.data.table import read_table
from platefree.evaluation.evaluate import evaluate
from platefree.evaluation.query_scores import read_query_scores
from platefree.experiments.ablation import (
    CONVERGED,
    Ablation,
    ablation_names,
    changed,
    converged,
    load_ablation,
    row_recipe,
)
from platefree.experiments.ablation_run import run_ablation
from platefree.experiments.forecast import forecast
from platefree.experiments.run_lengths import bars
from platefree.methods.catalogue import needs_training
from platefree.nets.backbones import Backbone
from platefree.runs.training_history import read_history
from platefree.training.step_report import StepReport

MODEL = {key: value for key, value in TINY.items() if key.startswith("model.")}
QUICK = {
    **{key: value for key, value in TINY.items() if key not in MODEL},
    "train.epochs": 6,
    "train.validation": 0.3,
    "train.validate_epochs": 1,
    "train.patience": 1,
    "train.decay_times": 0,
}
CLAIM = {"row": "both", "better_than": "one", "figure": "mAP", "source": "table 9"}


@pytest.fixture
def rows() -> Ablation:
    """Two rows and a claim, each to learn for one step in the short form."""
    content = {
        "title": "Losses",
        "set": {"train.steps": 1},
        "converged": QUICK,
        "rows": [
            {
                "name": "both",
                "recipe": "strong_baseline/demo",
                "set": MODEL,
                "paper": {"mAP": 0.5},
            },
            {
                "name": "one",
                "recipe": "strong_baseline/demo",
                "set": {**MODEL, "model.triplet_weight": 0.0},
                "converged": {"train.epochs": 2, "train.patience": 5},
                "paper": {"mAP": 0.4},
            },
            {"name": "colors", "recipe": "color_stripes/default"},
        ],
        "claims": [CLAIM, {**CLAIM, "better_than": "colors", "figure": "rank-1"}],
    }
    return converged(Ablation.model_validate(content))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    draw_vehicles(folder, vehicles=20, cameras=2, images_per_camera=2, size=32)
    return folder


def test_settings_come_in_their_order(rows: Ablation) -> None:
    both, one, _ = (row_recipe(rows, row, seed=4) for row in rows.rows)
    assert (both.train.steps, both.train.epochs, both.train.patience) == (0, 6, 1)
    assert (one.train.epochs, one.train.patience, one.train.seed) == (2, 5, 4)
    assert both.train.decay == CONVERGED["train.decay"] == "cosine"
    other = changed(rows, {"train.epochs": 4, "train.lr": 0.5})
    both, one, _ = (row_recipe(other, row, seed=0) for row in other.rows)
    assert (both.train.epochs, both.train.lr) == (4, 0.5)
    assert (one.train.epochs, one.train.lr) == (2, 0.5)


@pytest.mark.parametrize("name", ablation_names())
def test_built_in_rows_have_a_converged_form_with_one_rule(name: str) -> None:
    ablation = converged(load_ablation(name))
    recipes = [row_recipe(ablation, row, seed=0) for row in ablation.rows]
    for row, recipe in zip(ablation.rows, recipes, strict=True):
        for _, train in recipe.staged():
            assert train.max_steps == 0
            assert train.patience == CONVERGED["train.patience"]
            assert (train.decay, train.decay_epochs) == ("cosine", [])
            assert train.validation > 0
            steps = 1728 if name == "drdl" else 0  # whose rows have unequal epochs
            assert train.steps == (180 if row.name.endswith("as few steps") else steps)
    for backbone, height, width, last_stride in {
        (each.model.backbone, each.input.height, each.input.width, each.model.last_stride)
        for each in filter(needs_training, recipes)
    }:
        Backbone(backbone, height=height, width=width, last_stride=last_stride)  # can be built
    kinds = {
        (str(recipe.input), str(recipe.augment), recipe.train.batch_size, recipe.train.lr)
        for recipe in recipes
        if needs_training(recipe)
    }
    assert len(kinds) == 1 or name.startswith("part_regularized-"), "sizes are compared there"


def test_each_row_tells_how_long_it_learnt_and_what_its_claims_are_worth(
    rows: Ablation, pictures: Path, tmp_path: Path
) -> None:
    table = run_ablation(rows, pictures, tmp_path, seeds=(0, 1))
    for name in ("both", "one"):
        for seed, length in enumerate(table.lengths[name]):
            folder = tmp_path / name / f"seed-{seed}"
            card = json.loads((folder / "last" / "card.json").read_text())
            (stage,) = read_history(folder / "log.jsonl").stages
            assert length.curve == tuple(zip(stage.validated, stage.validation, strict=True))
            assert (length.steps, length.pictures) == (card["step"], card["step"] * 8)
            assert length.epochs == card["epoch"] == len(stage.validated)
            assert length.ended_by == ("patience" if card["ended"] else "limit")
            scores = stage.validation.tolist()
            if length.ended_by == "patience":
                assert scores[-1] <= max(scores[:-1])
            best = json.loads((folder / "best" / "card.json").read_text())
            assert best["epoch"] == 1 + scores.index(max(scores))
    assert {length.ended_by for length in table.lengths["one"]} == {"limit"}
    assert table.lengths["colors"] == []
    content = table.to_json()
    assert content == json.loads((tmp_path / "table.json").read_text())
    assert len(content["rows"]["both"]["training"]) == 2
    figures = [each["mAP"] for each in content["rows"]["both"]["seeds"]]
    assert content["rows"]["both"]["range"]["mAP"] == [min(figures), max(figures)]
    first, second = content["claims"]
    assert first["paper_gain"] == pytest.approx(0.1)
    gains = [
        a["mAP"] - b["mAP"]
        for a, b in zip(*(content["rows"][n]["seeds"] for n in ("both", "one")), strict=True)
    ]
    assert first["gains"] == pytest.approx(gains)
    assert second["paper_gain"] is None
    markdown = (tmp_path / "table.md").read_text()
    assert says(markdown, "both better than one in mAP (table 9)", "+10.00", first["verdict"])
    assert says(markdown, "ended by", "patience", "train.patience")


def test_scores_of_queries_average_to_the_figures_of_the_report(
    pictures: Path, tmp_path: Path
) -> None:
    colors = {"name": "colors", "recipe": "color_stripes/default"}
    alone = Ablation.model_validate({"title": "t", "also": ["cross-camera"], "rows": [colors]})
    run_ablation(alone, pictures, tmp_path, seeds=(0,))
    for name, protocol in (("report", None), ("report-cross-camera", "cross-camera")):
        (scores,) = read_query_scores(
            tmp_path / "colors" / "seed-0" / f"{name}.queries.json"
        ).values()
        figures = evaluate("color_stripes", pictures, protocol).figures()
        assert scores.weight.sum() == pytest.approx(1)
        for figure in ("mAP", "mINP", "rank-1", "rank-5"):
            mean = sum(w * v for w, v in zip(scores.weight, scores.values(figure), strict=True))
            assert mean == pytest.approx(figures[figure]), (protocol, figure)


CHILD = """
import json, sys
from platefree.experiments.ablation import Ablation
from platefree.experiments.ablation_run import run_ablation

content, data, out = json.loads(sys.argv[1])
said = lambda report: print(report.step, flush=True)
run_ablation(Ablation.model_validate(content), data, out, seeds=(0,), on_step=said)
"""


@pytest.mark.slow
def test_a_killed_ablation_goes_on_elsewhere_with_its_pictures_given_anew(
    rows: Ablation, pictures: Path, tmp_path: Path
) -> None:
    whole = run_ablation(rows, pictures, tmp_path / "whole", seeds=(0,))
    often = changed(rows, {"train.checkpoint_steps": 1})
    arguments = json.dumps([often.model_dump(), str(pictures), str(tmp_path / "here" / "runs")])
    child = start(CHILD, arguments)
    for _ in range(3):
        child.stdout.readline()
    child.kill()
    shutil.move(tmp_path / "here", tmp_path / "there")
    shutil.copytree(pictures, tmp_path / "elsewhere")
    steps: list[StepReport] = []
    moved = run_ablation(
        often,
        tmp_path / "elsewhere",
        tmp_path / "there" / "runs",
        seeds=(0,),
        on_step=steps.append,
    )
    assert steps[0].step > 1, "what was learnt before is not learnt again"
    assert moved.to_json()["rows"] == whole.to_json()["rows"]
    assert moved.to_json()["claims"] == whole.to_json()["claims"]
    assert moved.settings["data"] == str(tmp_path / "elsewhere")


def test_a_forecast_is_an_upper_bound_from_steps_that_are_kept(
    rows: Ablation, pictures: Path, tmp_path: Path
) -> None:
    steps: list[StepReport] = []
    found = forecast(rows, pictures, tmp_path, seeds=(0, 1), on_step=steps.append)
    assert [each.row for each in found] == ["both", "one"]
    taken = len(steps)
    assert [each.runs for each in found] == [2, 2]
    again = forecast(rows, pictures, tmp_path, seeds=(0, 1), on_step=steps.append)
    assert again == found
    assert len(steps) == taken
    table = run_ablation(rows, pictures, tmp_path, seeds=(0, 1), on_step=steps.append)
    lengths = [length for name in ("both", "one") for length in table.lengths[name]]
    assert len(steps) == sum(length.steps for length in lengths), "the first steps are kept"
    for each in found:
        assert all(length.steps <= each.steps for length in table.lengths[each.row])
        learning = each.steps * 8 / each.images_per_second
        assert each.seconds > learning
    assert forecast(rows, pictures, tmp_path, seeds=(0, 1)) == []


def test_a_forecast_of_steps_counts_the_validations_of_these_steps(
    rows: Ablation, pictures: Path, tmp_path: Path
) -> None:
    one = rows.model_copy(update={"rows": rows.rows[:1], "claims": []})
    by_steps = changed(one, {"train.steps": 41, "train.patience": 0, "train.validate_epochs": 2})
    (found,) = forecast(by_steps, pictures, tmp_path, seeds=(0,))
    run_ablation(by_steps, pictures, tmp_path, seeds=(0,))
    folder = tmp_path / "both" / "seed-0"
    (stage,) = read_history(folder / "log.jsonl").stages
    data = json.loads((folder / "last" / "card.json").read_text())["data"]
    assert stage.end > 8, "more epochs than those that do not count here"
    tested = int((read_table(pictures).split != "train").sum())
    embedded = found.seconds * found.images_per_second - 41 * 8 - 2 * tested
    assert embedded == pytest.approx(len(stage.validated) * data["held_out_images"])


def test_bars_go_from_the_lowest_to_the_highest() -> None:
    assert bars(np.array([0.1, 0.5, 0.3, 0.9])) == "▁▅▃█"
    assert bars(np.array([0.4])) == "█"
    long = bars(np.linspace(0, 1, 1000))
    assert (len(long), long[0], long[-1], sorted(long)) == (24, "▁", "█", list(long))


def test_from_the_command_line(pictures: Path, tmp_path: Path, run: Run) -> None:
    settings = ", ".join(f'"{key}" = {json.dumps(value)}' for key, value in QUICK.items())
    model = ", ".join(f'"{key}" = {json.dumps(value)}' for key, value in MODEL.items())
    (tmp_path / "rows.toml").write_text(
        f'title = "Mine"\nconverged = {{ {settings} }}\n'
        f'[[rows]]\nname = "new"\nrecipe = "strong_baseline/demo"\nset = {{ {model} }}\n'
        '[[rows]]\nname = "old"\nrecipe = "color_stripes/default"\n'
        '[[claims]]\nrow = "new"\nbetter_than = "old"\nfigure = "mAP"\n'
    )
    words = ["ablate", tmp_path / "rows.toml", "--data", pictures, "--out", tmp_path / "out"]
    words += ["--seeds", "2", "--converged", "--set", "train.epochs=2"]
    code, shown, said = run(*words)
    assert code == 0, said
    assert says(said, "'new'", "at most", "images/s", "2 seeds", "all together")
    assert says(shown, "new better than old in mAP", "verdict", "ended by")
    code, shown, said = run(*words, "--json")
    content = json.loads(shown)
    assert content["claims"][0]["verdict"] in ("comes out", "does not", "undecided")
    assert len(content["rows"]["new"]["training"][0]["curve"]) <= 2


def test_all_methods_until_they_converge(pictures: Path, tmp_path: Path, run: Run) -> None:
    quick = {"train.vehicles_per_batch": 4, "train.images_per_vehicle": 2, "train.epochs": 2}
    settings = [part for key, value in quick.items() for part in ("--set", f"{key}={value}")]
    words = ["bench-methods", "--data", pictures, "--out", tmp_path, "--seeds", "1", "--converged"]
    words += ["--size", "32", "--methods", "color_stripes,strong_baseline,multi_branch"]
    code, shown, said = run(*words, *settings, "--json")
    assert code == 0, said
    assert says(said, "'multi_branch'", "at most")
    rows = json.loads(shown)["rows"]
    for name in ("strong_baseline", "multi_branch"):
        (length,) = rows[name]["training"]
        assert length["epochs"] == 2
        assert rows[name]["mean"]["parameters"] > 0
        assert rows[name]["mean"]["train seconds"] > 0
    assert says((tmp_path / "table.md").read_text(), "multi_branch", "ended by")
