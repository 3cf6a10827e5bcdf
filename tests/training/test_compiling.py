"""Compiled backbones: same names of weights, same numbers, a clear word where none is made."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import TINY
from messages import facts
from torch import fx, nn

from platefree.checkpoint import read_checkpoint
from platefree.errors import TrainingError
from platefree.inference.loading import load_model
from platefree.methods.base import Method
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.methods.part_detector import PartDetector
from platefree.methods.vehicle_detector import VehicleDetector
from platefree.nets.late_branches import LateBranches
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.sections import Train
from platefree.training import compiling
from platefree.training.loop import train
from platefree.training.processes import launch
from platefree.training.step_report import StepReport
from platefree.types import Sightings


def test_a_compiled_backbone_learns_the_same_under_the_same_names(
    drawn_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")  # traces, and needs no compiler
    seen: list[StepReport] = []
    names = {}
    for mode in ("off", "default"):
        settings = {**TINY, "train.max_steps": 2, "train.compile": mode}
        recipe = load_recipe("strong_baseline/demo", settings)
        run = train(recipe, drawn_table, tmp_path / mode, on_step=seen.append)
        names[mode] = set(checkpoint_tensors(read_checkpoint(run.best), "weights"))
    assert names["default"] == names["off"]
    for plain, compiled in zip(seen[:2], seen[2:], strict=True):
        assert compiled.losses == pytest.approx(plain.losses, rel=1e-4)
    assert load_model(tmp_path / "default" / "best").recipe.train.compile == "default"


def test_a_machine_that_cannot_compile_is_reported(
    drawn_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "no_such_backend")
    recipe = load_recipe("strong_baseline/demo", {**TINY, "train.compile": "default"})
    with pytest.raises(TrainingError, match=facts("no_such_backend", "train.compile=off")):
        train(recipe, drawn_table, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_trunk_of_many_branches_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    branches = LateBranches("test_resnet", convolution=1, attention=1, height=64, width=64)
    compiling.compile_backbones(nn.Sequential(branches), "default")
    assert branches._compiled_call_impl is not None


@pytest.mark.parametrize(
    ("recipe", "backbone"),
    [
        ("strong_baseline/demo", "test_resnet"),
        ("part_detector/city", "test_resnet"),
        ("vehicle_detector/city", "tf_efficientnet_lite0"),
        ("vehicle_detector/city", "nanodet"),
    ],
)
def test_what_looks_at_pictures_is_compiled(
    recipe: str, backbone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def count(graph: fx.GraphModule, _: object) -> Callable[..., object]:
        calls = [node for node in graph.graph.nodes if node.op == "call_function"]
        seen.append(sum("conv2d" in str(node.target) for node in calls))
        return graph.forward

    monkeypatch.setattr(compiling, "BACKEND", count)
    shape = {"input.height": 64, "input.width": 64, "model.backbone": backbone}
    method = build_method(resolve(load_recipe(recipe, shape)), {"vehicle": 4}, weights="none")
    names = set(method.state_dict())
    images = torch.randn(2, 3, 64, 64)
    plain = shown(method.eval(), images)
    compiling.compile_backbones(method, "default")
    compiled = shown(method, images)
    torch.testing.assert_close(compiled, plain)
    assert set(method.state_dict()) == names
    whole = sum(isinstance(each, nn.Conv2d) for each in method.modules())
    assert whole / 2 < sum(seen) <= whole


def shown(method: Method, images: torch.Tensor) -> list[torch.Tensor]:
    """What a method makes of pictures."""
    with torch.no_grad():
        if isinstance(method, VehicleDetector):
            return [*method.network(images)]
        if isinstance(method, PartDetector):
            return [*method.network.fcos.backbone(images).values()]
        return [*method.embed(images).values()]


def test_global_statistics_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match=facts("train.norm=local")):
        launch(Train(compile="default"), "cpu", nn.Linear(1, 1))
