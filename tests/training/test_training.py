import copy
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, TINY_FDA
from messages import facts
from ready import Started, run_as_torchrun, start
from safetensors.torch import load_file

from platefree.checkpoint import read_checkpoint
from platefree.errors import (
    CheckpointError,
    ImageError,
    Interrupted,
    NonFiniteLoss,
    StorageError,
    TrainingError,
)
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe
from platefree.methods.strong_baseline import StrongBaseline
from platefree.nets.backbones import Backbone
from platefree.nets.pyramid_detector import PyramidDetector
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.recipe import Recipe
from platefree.recipes.sections import Train
from platefree.training import processes
from platefree.training.freezing import check_parts
from platefree.training.loop import train
from platefree.training.rates import rate_factor
from platefree.training.step_report import Speed, StepReport
from platefree.types import Sightings

CHILD = """
import json, sys
from platefree.methods.catalogue import load_recipe
from platefree.training.loop import train

overrides, data, out = json.loads(sys.argv[1])
recipe = load_recipe("strong_baseline/demo", overrides)
train(recipe, data, out, resume=True, on_step=lambda report: print(report.step, flush=True))
"""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint_tensors(read_checkpoint(folder), "weights")


def assert_same_bits(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


def changed(**overrides: object) -> Recipe:
    settings = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_recipe("strong_baseline/demo", {**TINY, **settings})


def at_rate(recipe: Recipe, **rates: object) -> Recipe:
    """A recipe with learning rates above those that can be set."""
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=rates)})


def start_child(overrides: dict[str, object], data: Path, out: Path) -> Started:
    return start(CHILD, json.dumps([{**TINY, **overrides}, str(data), str(out)]))


def test_training_writes_a_checkpoint_that_describes_itself(
    drawn_table: Sightings, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    seen: list[StepReport] = []
    run = train(tiny_recipe, drawn_table, tmp_path, on_step=seen.append)
    assert run.step == run.total == len(seen) == seen[-1].step
    card = json.loads((run.best / "card.json").read_text())
    assert card["method"] == "strong_baseline"
    assert card["classes"]["vehicle"] == 8
    assert card["names"]["view"] == sorted(set(drawn_table.view.tolist()) - {""})
    assert card["seed"] == 0
    assert card["recipe"]["input"]["mean"] == pytest.approx([0.485, 0.456, 0.406], abs=0.1)
    assert card["data"]["fingerprint"] == drawn_table.fingerprint()
    assert "training" not in card["files"]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == run.total
    assert set(lines[-1]["losses"]) == {"identity", "triplet"}


def test_training_learns(drawn_table: Sightings, tmp_path: Path) -> None:
    seen: list[StepReport] = []
    recipe = changed(train__epochs=15, train__lr=3e-3, augment__erase=0.0)
    train(recipe, drawn_table, tmp_path, on_step=seen.append)
    first = np.mean([sum(report.losses.values()) for report in seen[:6]])
    last = np.mean([sum(report.losses.values()) for report in seen[-6:]])
    assert last < 0.7 * first


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_gives_the_same_bits(
    drawn_folder: Path, tmp_path: Path
) -> None:
    settings: dict[str, object] = {"train.epochs": 4, "train.checkpoint_steps": 3}
    whole = train(
        load_recipe("strong_baseline/demo", {**TINY, **settings}), drawn_folder, tmp_path / "whole"
    )
    out = tmp_path / "killed"
    for kill in range(3):
        child = start_child(settings, drawn_folder, out)
        steps = random.Random(kill).randint(2, 7)  # noqa: S311
        while steps and child.stdout.readline():
            steps -= 1
        time.sleep(random.Random(kill + 9).random() * 0.02)  # noqa: S311
        child.kill()
    run = train(
        load_recipe("strong_baseline/demo", {**TINY, **settings}), drawn_folder, out, resume=True
    )
    assert run.step == whole.step
    assert_same_bits(weights(run.last), weights(whole.last))
    assert_same_bits(
        checkpoint_tensors(read_checkpoint(run.last), "training"),
        checkpoint_tensors(read_checkpoint(whole.last), "training"),
    )


def test_workers_do_not_change_the_weights(drawn_table: Sightings, tmp_path: Path) -> None:
    alone = train(changed(), drawn_table, tmp_path / "alone")
    helped = train(changed(train__workers=2), drawn_table, tmp_path / "helped")
    assert_same_bits(weights(alone.best), weights(helped.best))


def test_max_steps_stops_early_and_raising_it_goes_on_along_the_same_schedule(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    short = train(changed(train__max_steps=3), drawn_table, tmp_path / "a")
    assert (short.step, short.best.exists()) == (3, True)
    rest = train(changed(train__max_steps=0), drawn_table, tmp_path / "a", resume=True)
    whole = train(changed(), drawn_table, tmp_path / "b")
    assert rest.step == whole.step
    assert_same_bits(weights(rest.best), weights(whole.best))


def test_a_finished_run_can_learn_for_longer(drawn_table: Sightings, tmp_path: Path) -> None:
    steady = {"train__decay": "constant", "train__warmup_epochs": 0.0}
    first = train(changed(**steady, train__epochs=2), drawn_table, tmp_path / "a")
    longer = changed(**steady, train__epochs=4)
    run = train(longer, drawn_table, tmp_path / "a", resume=True)
    whole = train(longer, drawn_table, tmp_path / "b")
    assert (first.step * 2, run.total) == (run.step, run.step)
    assert_same_bits(weights(run.best), weights(whole.best))  # a steady rate has no length
    assert read_checkpoint(run.best).card["finished_before"] == [first.step]
    with pytest.raises(CheckpointError, match=facts("train.epochs", "4 then", "3 now")):
        train(changed(**steady, train__epochs=3), drawn_table, tmp_path / "a", resume=True)
    train(changed(train__epochs=2, train__max_steps=2), drawn_table, tmp_path / "c")
    with pytest.raises(CheckpointError, match=facts("train.epochs", "2 then", "4 now")):
        train(changed(train__epochs=4), drawn_table, tmp_path / "c", resume=True)


@pytest.mark.parametrize("validation", [0.0, 0.4])
def test_a_lost_best_checkpoint_comes_back_when_a_finished_run_is_resumed(
    drawn_table: Sightings, tmp_path: Path, validation: float
) -> None:
    recipe = changed(train__validation=validation, train__average=0.5)
    run = train(recipe, drawn_table, tmp_path)
    before = weights(run.best)
    shutil.rmtree(run.best)
    again = train(recipe, drawn_table, tmp_path, resume=True)
    assert_same_bits(weights(again.best), before)
    assert (again.step, again.total) == (run.step, run.total)


@pytest.mark.parametrize(
    "training", [None, {}, {"stage": "other", "scaler": {}}, {"stage": "main"}]
)
def test_a_card_without_the_state_of_a_stage_is_not_resumed_from(
    drawn_table: Sightings, tiny_recipe: Recipe, tmp_path: Path, training: object
) -> None:
    run = train(changed(train__max_steps=2), drawn_table, tmp_path)
    path = run.last / "card.json"
    card = json.loads(path.read_text())
    path.write_text(json.dumps({**card, "training": training}))
    with pytest.raises(CheckpointError, match=facts("last", "cannot be resumed", "--out")):
        train(tiny_recipe, drawn_table, tmp_path, resume=True)


def test_one_folder_has_one_training_at_a_time(
    drawn_table: Sightings, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    def start_another(report: StepReport) -> None:
        if report.step == 1:
            with pytest.raises(StorageError, match=facts(tmp_path.name, "another run")):
                train(tiny_recipe, drawn_table, tmp_path)

    run = train(tiny_recipe, drawn_table, tmp_path, on_step=start_another)
    assert run.step == run.total
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "last", "log.jsonl"]


def test_stages_resume_exactly_too_and_frozen_parts_stay(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    stages = [
        {"name": "head", "epochs": 1, "freeze": ["backbone"], "lr": 1e-2},
        {"name": "all", "epochs": 2},
    ]
    whole = train(changed(stages=stages), drawn_table, tmp_path / "whole")
    first = train(changed(stages=stages, train__max_steps=2), drawn_table, tmp_path / "cut")
    fresh = train(changed(train__max_steps=1, train__lr=1e-12), drawn_table, tmp_path / "x")
    backbone = [name for name in weights(first.last) if name.startswith("backbone")]
    convolution = next(name for name in backbone if weights(first.last)[name].ndim == 4)
    torch.testing.assert_close(
        weights(first.last)[convolution], weights(fresh.last)[convolution], atol=1e-6, rtol=0
    )
    means = [name for name in backbone if name.endswith("running_mean")]
    assert all((weights(first.last)[name] == 0).all() for name in means)
    assert not torch.equal(weights(whole.last)[convolution], weights(first.last)[convolution])
    for steps in (3, 4, 7, 0):
        run = train(
            changed(stages=stages, train__max_steps=steps),
            drawn_table,
            tmp_path / "cut",
            resume=True,
        )
    assert_same_bits(weights(run.best), weights(whole.best))


@pytest.mark.parametrize(
    ("name", "settings", "parts", "optimizer"),
    [
        ("strong_baseline/demo", TINY, ["backbone", "pool", "neck"], "main"),
        ("fda_net/city", TINY_FDA, ["generator"], "generator"),
    ],
)
def test_a_stage_without_anything_to_learn_is_refused(
    name: str, settings: dict[str, object], parts: list[str], optimizer: str
) -> None:
    method = build_method(load_recipe(name, settings), {"vehicle": 4}, weights="none")
    check_parts(method, Train(freeze=parts[1:]))
    with pytest.raises(TrainingError, match=facts("train.freeze", *parts, f"{optimizer!r}")):
        check_parts(method, Train(freeze=parts))
    assert all(parameter.requires_grad for parameter in method.parameters() if parameter.ndim > 1)


def test_a_stage_with_another_sampler_counts_its_own_pictures(
    drawn_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    learnt: list[int] = []
    losses = StrongBaseline.losses

    def count(self: Speed, pictures: int) -> float:
        counted.append(pictures)
        return 1.0

    def see(self: StrongBaseline, batch: Batch) -> dict[str, torch.Tensor]:
        learnt.append(len(batch.images))
        return losses(self, batch)

    monkeypatch.setattr(Speed, "after", count)
    monkeypatch.setattr(StrongBaseline, "losses", see)
    stages = [{"name": "one", "steps": 1}, {"name": "two", "steps": 1, "sampler": "sets"}]
    sets = {"sets_per_batch": 3, "positives_per_set": 2, "negatives_per_set": 2}
    dotted = {f"train__{key}": value for key, value in sets.items()}
    train(changed(stages=stages, **dotted), drawn_table, tmp_path)
    assert counted == learnt == [8, 12]


def test_held_back_vehicles_choose_the_best_checkpoint(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    recipe = changed(train__validation=0.4, train__validate_epochs=1, train__epochs=3)
    run = train(recipe, drawn_table, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    scores = [line["validation_map"] for line in lines if "validation_map" in line]
    assert len(scores) == 3
    assert run.validation_map == max(scores)
    assert read_checkpoint(run.best).card["best_map"] == max(scores)


def test_an_interrupt_leaves_a_state_to_resume_from(
    drawn_table: Sightings, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGINT)  # a shell's background jobs ignore it

    def interrupt(report: StepReport) -> None:
        if report.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match=facts("--resume")):
        train(tiny_recipe, drawn_table, tmp_path / "a", on_step=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    run = train(tiny_recipe, drawn_table, tmp_path / "a", resume=True)
    whole = train(tiny_recipe, drawn_table, tmp_path / "b")
    assert_same_bits(weights(run.best), weights(whole.best))


def test_a_non_finite_loss_stops_and_keeps_the_last_good_checkpoint(
    drawn_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, calls = StrongBaseline.losses, 0

    def explode(self: StrongBaseline, batch: object) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        found = losses(self, batch)  # type: ignore[arg-type]
        return {**found, "identity": found["identity"] * torch.nan} if calls == 6 else found

    monkeypatch.setattr(StrongBaseline, "losses", explode)
    with pytest.raises(NonFiniteLoss, match=facts("step 6", "identity nan", "triplet")) as caught:
        train(changed(train__checkpoint_steps=2), drawn_table, tmp_path)
    assert str(tmp_path / "last") in str(caught.value)
    checkpoint = read_checkpoint(tmp_path / "last")
    assert checkpoint.card["step"] == 4
    assert all(
        tensor.isfinite().all() for tensor in checkpoint_tensors(checkpoint, "weights").values()
    )


def test_weights_that_are_not_finite_are_never_saved(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    steep = changed(train__optimizer="sgd", train__warmup_epochs=0.0, train__clip_norm=0.0)
    recipe = at_rate(steep, lr=1e30)
    with pytest.raises(NonFiniteLoss, match=facts("not finite", "train.lr")):
        train(recipe, drawn_table, tmp_path)
    assert not (tmp_path / "best").exists()


def test_a_run_is_not_overwritten_nor_resumed_as_another(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    train(changed(train__max_steps=1), drawn_table, tmp_path)
    with pytest.raises(TrainingError, match=facts("step 1", "--resume")):
        train(changed(), drawn_table, tmp_path)
    with pytest.raises(CheckpointError, match=facts("train.lr", "0.001 then", "0.5 now")):
        train(changed(train__lr=0.5), drawn_table, tmp_path, resume=True)
    other = drawn_table.take(np.arange(len(drawn_table) - 1))
    with pytest.raises(
        CheckpointError,
        match=facts("another table", drawn_table.fingerprint(), other.fingerprint()),
    ):
        train(changed(), other, tmp_path, resume=True)


def test_a_run_goes_on_under_another_name_and_with_figures_that_were_corrected(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    train(changed(train__max_steps=1), drawn_table, tmp_path / "cut")
    says = {"name": "mine", "description": "in other words", "paper": {"veri-776 images mAP": 0.5}}
    recipe = changed(train__max_steps=2).model_copy(update=says)
    assert train(recipe, drawn_table, tmp_path / "cut", resume=True).step == 2
    whole = train(changed(train__max_steps=2), drawn_table, tmp_path / "whole")
    assert_same_bits(weights(tmp_path / "cut" / "last"), weights(whole.last))


def test_a_picture_that_cannot_be_read_names_itself(drawn_table: Sightings, tmp_path: Path) -> None:
    image = drawn_table.image.copy()
    image[int((drawn_table.split == "train").argmax())] = "absent.jpg"
    columns = {name: getattr(drawn_table, name) for name in ("vehicle", "split")}
    broken = Sightings.from_columns(drawn_table.root, {"image": image, **columns})
    for workers in (0, 2):
        with pytest.raises(ImageError, match=facts("absent.jpg")) as caught:
            train(changed(train__workers=workers), broken, tmp_path / str(workers))
        assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"vehicle": ["a"] * 8}, ("1 known vehicle", "at least 2", "column 'vehicle'")),
        ({"vehicle": list("abcdefgh")}, ("one picture",)),
        ({}, ("0 known vehicles", "at least 2", "column 'vehicle'")),
        ({"vehicle": list("aabbccdd"), "split": ["query"] * 8}, ("split 'train'",)),
        ({"vehicle": list("aabbbbbb")}, ("2 vehicles", "train.vehicles_per_batch to at most 2")),
    ],
)
def test_a_table_without_anything_to_learn_is_refused(
    columns: dict[str, list[str]], message: tuple[str, ...], tmp_path: Path
) -> None:
    images = [f"{number}.jpg" for number in range(8)]
    table = Sightings.from_columns(tmp_path, {"image": images, **columns})
    with pytest.raises(TrainingError, match=facts(message)):
        train(changed(), table, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_color_stripes_cannot_be_trained(drawn_table: Sightings, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=facts("color_stripes", "learns nothing")):
        train(load_recipe("color_stripes"), drawn_table, tmp_path / "run")


def test_the_schedule_warms_up_then_decays() -> None:
    settings = changed(train__epochs=10, train__warmup_epochs=2.0, train__final_lr=0.1).train
    factors = [rate_factor(step, 5, settings) for step in range(51)]
    assert factors[0] == pytest.approx(0.01)
    assert factors[10] == pytest.approx(1.0)
    assert factors[30] == pytest.approx(0.55)
    assert factors[50] == pytest.approx(0.1)
    assert all(a < b for a, b in pairwise(factors[:11]))
    assert all(a > b for a, b in pairwise(factors[10:]))
    steps = settings.model_copy(
        update={"decay": "step", "decay_epochs": [4.0, 8.0], "decay_factor": 0.1}
    )
    assert [round(rate_factor(5 * epoch, 5, steps), 6) for epoch in (3, 4, 7, 8)] == [
        1,
        0.1,
        0.1,
        0.01,
    ]
    falling = settings.model_copy(update={"decay": "exponential"})
    shares = [rate_factor(step, 5, falling) for step in (10, 20, 30, 50)]
    assert shares == pytest.approx([1.0, 0.1**0.25, 0.1**0.5, 0.1])  # equal shares in equal times
    late = settings.model_copy(update={"decay_epochs": [6.0], "warmup_steps": 5})
    assert [rate_factor(s, 5, late) for s in (5, 30, 40, 50)] == pytest.approx(
        [1.0, 1.0, 0.1 + 0.9 * 0.5, 0.1]
    )
    every = settings.model_copy(update={"decay": "step", "decay_steps": 15, "decay_factor": 0.7})
    expected = [1.0, 1.0, 0.7, 0.7, 0.49]
    assert [rate_factor(s, 5, every) for s in (10, 14, 15, 29, 30)] == pytest.approx(expected)


@pytest.mark.parametrize(("asked", "expected"), [("32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_network_runs_in_the_precision_that_was_asked_for(
    drawn_table: Sightings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    expected: torch.dtype,
) -> None:
    pictures, maps = [], []

    def spy(self: StrongBaseline, images: torch.Tensor, labels: object = None) -> torch.Tensor:
        pictures.append(images.dtype)
        maps.append(self.backbone(images))
        return maps[-1]

    monkeypatch.setattr(StrongBaseline, "feature_map", spy)
    run = train(changed(train__precision=asked, train__max_steps=2), drawn_table, tmp_path)
    assert {each.dtype for each in maps} == {expected}
    assert set(pictures) == {torch.float32}  # 8 bits of a picture do not fit bfloat16's fraction
    assert all(tensor.dtype != torch.bfloat16 for tensor in weights(run.best).values())


IN_EACH_PRECISION = """
import json, sys
from platefree.methods.catalogue import load_recipe
from platefree.training.loop import train

overrides, data, out, precisions = json.loads(sys.argv[1])
for precision in precisions:
    recipe = load_recipe("strong_baseline/demo", {**overrides, "train.precision": precision})
    train(recipe, data, f"{out}/{precision}")
"""


@pytest.mark.slow
def test_two_processes_train_one_model(drawn_folder: Path, tmp_path: Path) -> None:
    precisions = ("32", "bf16")
    arguments = json.dumps([TINY, str(drawn_folder), str(tmp_path), precisions])
    run_as_torchrun(IN_EACH_PRECISION, arguments)
    for precision in precisions:
        checkpoint = read_checkpoint(tmp_path / precision / "best")
        assert checkpoint.card["recipe"]["train"]["precision"] == precision
        assert checkpoint.card["step"] == checkpoint.card["total_steps"]
        assert all(t.isfinite().all() for t in checkpoint_tensors(checkpoint, "weights").values())
        assert load_file(next((tmp_path / precision / "last").glob("training-*")))


@pytest.mark.parametrize(("groups", "precision"), [(1, "bf16-mixed"), (8, "32-true")])
def test_matrix_units_multiply_bf16_but_not_in_groups(
    monkeypatch: pytest.MonkeyPatch, groups: int, precision: str
) -> None:
    monkeypatch.setattr(processes, "_multiplies_bf16", lambda: True)
    network = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, groups=groups))
    fabric = processes.launch(Train(), "cpu", network)
    assert fabric.strategy.precision.precision == precision


@pytest.mark.parametrize("others", [torch.nn.Linear(256, 4), torch.nn.Conv2d(256, 4, 1)])
def test_only_a_backbone_of_groups_stays_in_float32_beside_layers_that_gain(
    monkeypatch: pytest.MonkeyPatch, others: torch.nn.Module
) -> None:
    monkeypatch.setattr(processes, "_multiplies_bf16", lambda: True)
    backbone = Backbone("test_efficientnet", height=32, width=32)
    fabric = processes.launch(Train(), "cpu", torch.nn.ModuleList([backbone, others]))
    with fabric.autocast():
        maps = backbone(torch.zeros(2, 3, 32, 32))
        after = torch.nn.Conv2d(maps.shape[1], 4, 1)(maps)
    assert maps.dtype == torch.float32
    gains = isinstance(others, torch.nn.Conv2d)
    assert after.dtype == (torch.bfloat16 if gains else torch.float32)


def test_a_detector_on_groups_computes_them_in_float32_and_a_copy_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_multiplies_bf16", lambda: True)
    backbone = Backbone("tf_efficientnet_lite0", height=64, width=64)
    detector = PyramidDetector(backbone, "tf_efficientnet_lite0", kinds=3, width=32, depth=1)
    before = set(detector.state_dict())
    fabric = processes.launch(Train(), "cpu", detector)
    kinds: dict[str, torch.dtype] = {}
    for name in (
        "fcos.backbone.backbone.network.conv_stem",
        "fcos.backbone.pyramid.inner_blocks.0",
    ):
        layer = detector.get_submodule(name)
        layer.register_forward_hook(lambda _, __, out, name=name: kinds.update({name: out.dtype}))
    images = torch.randn(2, 3, 64, 64)
    with fabric.autocast():
        detector.eval()(images)
    assert [*kinds.values()] == [torch.float32, torch.bfloat16]
    assert set(detector.state_dict()) == before
    copied = copy.deepcopy(backbone)
    for parameter in copied.parameters():
        parameter.data.zero_()
    assert not torch.equal(copied(images), backbone(images)), "not the weights of the first one"


@pytest.mark.slow
def test_scoring_leaves_training_its_number_of_threads() -> None:
    script = """
import numpy as np
import torch
from platefree.recipes.sections import Train
from platefree.training.processes import launch
from platefree.ranking.reciprocal import k_reciprocal

launch(Train(), "cpu", torch.nn.Linear(1, 1))
k_reciprocal(np.eye(9, 4, dtype=np.float32), np.eye(4, dtype=np.float32))
print(torch.get_num_threads())
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # as torchrun sets it
    found = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=environment
    )
    assert found.stdout.split() == ["1"]
