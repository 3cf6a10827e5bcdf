"""All methods on one data set under one budget, and what a method costs."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from conftest import Run
from messages import facts, says

from platefree.errors import RecipeError, TrainingError
from platefree.evaluation.evaluate import evaluate, open_data
from platefree.experiments.all_methods import (
    ENTRIES,
    Budget,
    bench_methods,
    method_ablation,
    method_rows,
    shared_settings,
)
from platefree.experiments.cost import training_cost, use_cost
from platefree.inference.loading import load_model
from platefree.methods.catalogue import build_method, load_recipe, needs_training
from platefree.training.rates import rate_factor
from platefree.training.run_folder import flat
from platefree.training.step_report import StepReport
from platefree.types import Sightings

SMALL: dict[str, Any] = {"train.vehicles_per_batch": 4, "train.images_per_vehicle": 2}
QUICK = Budget(steps=2, size=32, seeds=[0], overrides=SMALL)


def test_methods_are_trained_scored_and_weighed_alike(
    drawn_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[StepReport] = []
    table = bench_methods(drawn_folder, tmp_path, budget=QUICK, on_step=steps.append)
    left_out = dict(message.split(" is left out: ") for message in caplog.messages)
    head, *rows = table.cells()
    assert head[:5] == ["row", "rank-1", "rank-5", "mAP", "mINP"]
    learning = ["strong_baseline", "fda_net", "vehiclenet", "multi_branch"]
    assert [row[0] for row in rows] == ["color_stripes", *learning]
    assert "model" in left_out["drdl"]
    assert "view" in left_out["vanet"]
    assert "part" in left_out["part_regularized"]
    assert len(steps) == 2 * len(learning)
    (found,) = table.measured["strong_baseline"]
    best = tmp_path / "strong_baseline" / "seed-0" / "best"
    assert evaluate(best, drawn_folder).figures().items() <= found.items()
    (floor,) = table.measured["color_stripes"]
    assert (floor["parameters"], floor["embedding size"]) == (0, 8 * 12 * 3 * 4)
    assert "images/s" not in floor
    markdown = (tmp_path / "table.md").read_text()
    assert "color_stripes: learns nothing" in markdown
    assert "vanet is left out" in markdown
    done = len(steps)
    again = bench_methods(drawn_folder, tmp_path, budget=QUICK, on_step=steps.append)
    assert again.to_json() == table.to_json()
    assert len(steps) == done


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_every_method_has_the_same_budget(block_table: Sightings, backbone: str) -> None:
    shared = shared_settings(block_table, Budget(steps=7, backbone=backbone))
    rows = method_rows(list(ENTRIES), shared, {**SMALL, "train.lr": 0.5})
    recipes = [load_recipe(row.recipe, flat(row.set)) for row in rows]
    learning = [recipe for recipe in recipes if needs_training(recipe)]
    assert len(learning) == len(ENTRIES) - 1
    for of_all in (
        lambda r: (r.train.steps, r.train.batch_size, r.train.optimizer, r.train.lr),
        lambda r: (r.train.decay, r.train.warmup_epochs, r.train.weight_decay, r.train.clip_norm),
        lambda r: (r.model.backbone, r.model.last_stride),
        lambda r: (r.input.height, r.input.width, r.input.test_time_flip, r.augment),
    ):
        assert len({str(of_all(recipe)) for recipe in learning}) == 1
    assert {(r.train.steps, r.train.batch_size, r.train.lr) for r in learning} == {(7, 8, 0.5)}


@pytest.mark.parametrize("stops", ["steps", "converged"])
def test_the_rate_of_every_method_is_the_same_in_every_step(
    block_table: Sightings, stops: Literal["steps", "converged"]
) -> None:
    shared = shared_settings(block_table, Budget(steps=40, stops=stops))
    rows = method_rows(list(ENTRIES), shared, {})
    trains = {row.name: load_recipe(row.recipe, flat(row.set)).train for row in rows[1:]}
    per_epoch, length = (1, 40) if stops == "steps" else (10, 160)
    for step in range(length):
        turn = math.pi * step / length if stops == "steps" else math.pi * (step - 10) / 150
        cosine = 0.01 + 0.99 * (1 + math.cos(turn)) / 2
        expected = cosine if turn >= 0 else 0.01 + 0.99 * step / 10
        for name, train in trains.items():
            assert rate_factor(step, per_epoch, train) == pytest.approx(expected), (name, step)


@pytest.mark.parametrize("backbone", ["test_efficientnet", "resnetv2_50", "resnet18", "test_vit"])
def test_a_method_that_cannot_have_the_backbone_is_left_out(
    backbone: str, drawn_folder: Path
) -> None:
    names = ["strong_baseline", "vanet", "multi_branch"]
    data = open_data(drawn_folder)
    views = np.where(np.arange(len(data.table)) % 2, "front", "rear")
    seen = replace(data, table=replace(data.table, view=views))
    quick = Budget(steps=2, size=64, backbone=backbone, overrides=SMALL)
    found = method_ablation(seen, methods=names, budget=quick)
    learning = {row.name for row in found.rows}
    reasons = set()
    for row in method_rows(names, shared_settings(seen.table, quick), SMALL):
        try:
            build_method(load_recipe(row.recipe, flat(row.set)), {"vehicle": 4, "view": 2})
        except RecipeError as error:
            reasons.add(f"{row.name} is left out: {error}")
    assert reasons == {note for note in found.notes if "is left out" in note}
    assert len(learning) + len(reasons) == len(names)
    assert "strong_baseline" in learning
    assert ("multi_branch" in learning) == (backbone == "resnet18")
    strides = {row.set["model.last_stride"] for row in found.rows}
    assert strides == {1 if backbone == "resnet18" else 2}


def test_a_change_reaches_the_methods_that_know_it(block_table: Sightings) -> None:
    shared = shared_settings(block_table, Budget(steps=7))
    rows = method_rows(["vanet", "drdl"], shared, {"model.margin": 0.25, "model.cross": False})
    margins = {row.name: (row.set["model.margin"], row.set.get("model.cross")) for row in rows}
    assert margins == {"drdl": (0.25, None), "vanet": (0.25, False)}
    with pytest.raises(RecipeError, match=facts("drdl", "model.cross")):
        method_rows(["drdl"], shared, {"model.cross": False})


def test_what_cannot_be_compared_is_refused(drawn_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=facts("vanett", "color_stripes, strong_baseline, drdl")):
        bench_methods(drawn_folder, tmp_path, methods=["vanett"])
    with pytest.raises(TrainingError, match=facts("no method", "vanet", "column 'view'", "48")):
        bench_methods(drawn_folder, tmp_path, methods=["vanet", "color_stripes"], budget=QUICK)
    with pytest.raises(RecipeError, match=facts("'lrr'", "[train]", "mean 'lr'")):
        bench_methods(drawn_folder, tmp_path, budget=Budget(overrides={"train.lrr": 1.0}))
    with pytest.raises(RecipeError, match=facts("train.epochs=9", "300", "train.steps")):
        bench_methods(drawn_folder, tmp_path, budget=Budget(overrides={"train.epochs": 9}))
    assert not list(tmp_path.iterdir())


def test_costs_are_what_counting_by_hand_gives(drawn_folder: Path, tiny_model_folder: Path) -> None:
    model = load_model(tiny_model_folder)
    cost = use_cost(model)
    whole = sum(p.numel() for p in model.method.parameters())
    classifier = sum(p.numel() for p in model.method.get_submodule("neck.classifier").parameters())
    assert cost["parameters"] == whole - classifier
    assert cost["embedding size"] == model.method.get_submodule("backbone").channels
    assert cost["ms/picture"] > 0
    log = tiny_model_folder.parent / "log.jsonl"
    lines = [json.loads(text) for text in log.read_text().splitlines()]
    speeds = [line["images_per_second"] for line in lines]
    learnt = training_cost(tiny_model_folder.parent, model.recipe)
    assert learnt["images/s"] == pytest.approx(sum(speeds) / len(speeds)), "the median of two"
    pictures = model.card["step"] * model.recipe.train.batch_size
    assert learnt["train seconds"] == pytest.approx(pictures / learnt["images/s"])


def test_from_the_command_line(
    drawn_folder: Path, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    settings = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    words = ["bench-methods", "--data", drawn_folder, "--out", tmp_path, "--seeds", "1"]
    words += ["--steps", "2", "--size", "32", "--methods", "color_stripes,strong_baseline,vanet"]
    code, shown, said = run(*words, *settings)
    assert code == 0, said
    assert "embedding size" in shown
    assert "strong_baseline" in shown
    assert says(caplog.text, "vanet is left out", "column 'view'")
    assert says(said, "run 2 of")
    assert said.splitlines()[-1] == f"table: {tmp_path / 'table.md'}"
    code, shown, _ = run(*words, *settings, "--json")
    content = json.loads(shown)
    assert set(content["rows"]) == {"color_stripes", "strong_baseline"}
    assert content["rows"]["strong_baseline"]["mean"]["parameters"] > 0
