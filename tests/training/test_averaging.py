"""The average of the weights: its formula, its use, and that a resumed run has the same one."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY, TINY_FDA
from messages import facts
from torch import Tensor, nn

from platefree.checkpoint import read_checkpoint
from platefree.errors import CheckpointError, RecipeError
from platefree.methods.catalogue import load_recipe
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.recipe import Recipe
from platefree.training import loop as training
from platefree.training.average import WeightAverage
from platefree.training.loop import train
from platefree.types import Sightings

SHORT = {**TINY, "train.epochs": 1, "train.average": 0.9}


def recipe(**changes: object) -> Recipe:
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe("strong_baseline/demo", {**SHORT, **changed})


def tensors(folder: Path, kind: str = "weights") -> dict[str, Tensor]:
    return checkpoint_tensors(read_checkpoint(folder), kind)


def averages(folder: Path) -> dict[str, Tensor]:
    """What a ``last`` folder knows of the average."""
    state = tensors(folder, "training")
    return {
        name.removeprefix("average/"): tensor
        for name, tensor in state.items()
        if name.startswith("average/")
    }


def assert_same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert one
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_average_is_its_formula_in_64_bits(decay: float) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = WeightAverage(module, decay)
    expected: dict[str, list[float]] = {}
    for step in range(1, 31):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn_like(parameter))
        module(torch.randn(8, 3))  # moves the statistics of the norm
        average.update(step)
        keep = min(decay, (step - 1) / (step + 9))
        for name, tensor in module.state_dict().items():
            now = tensor.double().flatten().tolist()
            before = expected.get(name, [0.0] * len(now))
            if name.endswith("batches_tracked"):
                expected[name] = now
            else:
                pairs = zip(before, now, strict=True)
                expected[name] = [keep * a + (1 - keep) * w for a, w in pairs]
    assert average.tensors.keys() == module.state_dict().keys()
    for name, tensor in average.tensors.items():
        assert tensor.flatten().tolist() == pytest.approx(expected[name], abs=1e-5), name
    assert average.tensors["1.num_batches_tracked"] == 30
    assert not torch.equal(average.tensors["1.running_mean"], module.state_dict()["1.running_mean"])


def test_after_the_first_step_nothing_of_the_start_is_left() -> None:
    module = nn.Linear(2, 2)
    average = WeightAverage(module, 0.999)
    nn.init.constant_(module.weight, 7.0)
    average.update(1)
    assert torch.equal(average.tensors["weight"], module.weight)


def test_the_averages_are_used_in_a_block_and_the_weights_come_back() -> None:
    module = nn.Linear(2, 2)
    average = WeightAverage(module, 0.9)
    for step in range(1, 20):
        nn.init.normal_(module.weight)
        average.update(step)
    learning = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with average.in_use():
        assert torch.equal(module.weight, average.tensors["weight"])
        assert not torch.equal(module.weight, learning["weight"])
    assert_same_bits(dict(module.state_dict()), learning)


def test_without_a_decay_there_is_no_copy() -> None:
    module = nn.Linear(2, 2)
    average = WeightAverage(module, 0.0)
    average.update(1)
    with average.in_use():
        assert average.tensors["weight"].data_ptr() == module.weight.data_ptr()
    assert average.state() == {}


def test_an_interrupted_run_has_the_average_of_an_uninterrupted_one(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    stages = [{"name": "one", "steps": 4}, {"name": "two", "steps": 4, "lr": 3e-4}]
    whole = train(recipe(stages=stages), drawn_table, tmp_path / "whole")
    assert whole.total == 8
    for stop in (1, 4, 6, 0):  # 4 is the last step of the first stage
        cut = recipe(stages=stages, train__max_steps=stop)
        run = train(cut, drawn_table, tmp_path / "cut", resume=True)
    for kind in ("weights", "training"):
        assert_same_bits(tensors(run.last, kind), tensors(whole.last, kind))
    assert_same_bits(tensors(run.best), tensors(whole.best))


def test_best_holds_the_average_and_last_both(drawn_table: Sightings, tmp_path: Path) -> None:
    averaged = train(recipe(), drawn_table, tmp_path / "averaged")
    plain = train(recipe(train__average=0.0), drawn_table, tmp_path / "plain")
    assert_same_bits(tensors(averaged.last), tensors(plain.last))  # what learns is not touched
    assert_same_bits(tensors(averaged.best), averages(averaged.last))
    assert_same_bits(tensors(plain.best), tensors(plain.last))
    assert averages(plain.last) == {}
    name = "backbone.network.conv1.0.weight"
    assert not torch.equal(tensors(averaged.best)[name], tensors(plain.best)[name])


def test_held_out_vehicles_are_scored_by_the_average(
    drawn_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    score = training.held_out_score

    def spy(model: Any, data: Any, work: Any) -> float:  # noqa: ANN401
        seen.append(model.method.neck.norm.weight.detach().clone())
        return score(model, data, work)

    monkeypatch.setattr(training, "held_out_score", spy)
    one_step = recipe(train__validation=0.4, train__validate_epochs=1, train__lr=1e-2)
    run = train(one_step, drawn_table, tmp_path)
    assert torch.equal(seen[-1], averages(run.last)["neck.norm.weight"])
    assert not torch.equal(seen[-1], tensors(run.last)["neck.norm.weight"])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert run.validation_map == max(line.get("validation_map", 0.0) for line in lines)


def test_the_average_takes_in_what_several_optimizers_move(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    settings = {**TINY_FDA, "train.average": 0.8, "train.samples_epochs": 0, "train.steps": 4}
    whole = train(load_recipe("fda_net/city", settings), drawn_table, tmp_path / "whole")
    for stop in (3, 0):
        cut = load_recipe("fda_net/city", {**settings, "train.max_steps": stop})
        run = train(cut, drawn_table, tmp_path / "cut", resume=True)
    assert_same_bits(tensors(run.best), tensors(whole.best))
    assert_same_bits(averages(run.last), tensors(whole.best))
    differs = [
        name for name, t in tensors(run.last).items() if not torch.equal(t, tensors(run.best)[name])
    ]
    assert {name.split(".")[0] for name in differs} >= {"embedding", "generator"}


def test_an_average_that_cannot_be_had_is_refused(drawn_table: Sightings, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=facts("train.average", "1.0", "less than 1")):
        recipe(train__average=1.0)
    train(recipe(train__average=0.0, train__max_steps=1), drawn_table, tmp_path)
    with pytest.raises(CheckpointError, match=facts("train.average", "0.0 then", "0.9 now")):
        train(recipe(), drawn_table, tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=facts("no average", "weight")):
        WeightAverage(nn.Linear(2, 2), 0.9).load_state({})
