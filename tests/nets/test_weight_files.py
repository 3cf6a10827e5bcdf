"""Published checkpoints of other projects start a backbone, in the layouts that they have."""

import argparse
import collections
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from messages import facts, says
from safetensors.torch import save_file
from torch import Tensor

from platefree.errors import TrainingError
from platefree.nets.backbones import Backbone
from platefree.nets.weight_files import read_tensor_file

SMALL = {"height": 32, "width": 32}
Tensors = dict[str, Tensor]


def named(prefix: str, tensors: Tensors) -> Tensors:
    return {prefix + name: each for name, each in tensors.items()}


def momenta(tensors: Tensors) -> dict[str, Any]:
    """The state of an optimizer, which holds as many tensors as the model."""
    state = {number: {"exp_avg": each} for number, each in enumerate(tensors.values())}
    return {"state": state, "param_groups": [{"lr": 0.1}], **named("momentum.", tensors)}


def fast_reid(t: Tensors) -> object:
    heads = {"heads.bottleneck.0.weight": torch.ones(3), "pixel_mean": torch.ones(1, 3, 1, 1)}
    model = {**named("backbone.", t), **heads}
    return {"model": model, "optimizer": momenta(t), "iteration": 9}


def torchreid(t: Tensors) -> object:
    tensors = {**t, "classifier.weight": torch.ones(4, 3), "fc.0.weight": torch.ones(2)}
    state = collections.OrderedDict(named("module.", tensors))
    return {"state_dict": state, "epoch": 60, "rank1": np.float64(0.9), "optimizer": momenta(t)}


def transreid(t: Tensors) -> object:
    tensors = named("base.", {**t, "sie_embed": torch.zeros(8, 1, 3), "fc.weight": torch.ones(2)})
    return {**tensors, "bottleneck.weight": torch.ones(3), "classifier.weight": torch.ones(4, 3)}


def lightning(t: Tensors) -> object:
    return {
        "state_dict": {**named("model.backbone.", t), "model.head.weight": torch.ones(2)},
        "hyper_parameters": {"lr": 0.1},
        "optimizer_states": [momenta(t)],
        "pytorch-lightning_version": "2.0.0",
    }


def deit(t: Tensors) -> object:
    averaged = {name: torch.zeros_like(each) for name, each in t.items()}
    return {"model_ema": averaged, "model": t, "args": argparse.Namespace(lr=0.1), "epoch": 3}


LAYOUTS: dict[str, Callable[[Tensors], object]] = {
    "torchvision": lambda t: {**t, "fc.weight": torch.ones(10, 3), "fc.bias": torch.ones(10)},
    "timm": lambda t: {"state_dict": t, "arch": "resnet18", "metric": 77.1},
    "fast-reid": fast_reid,
    "torchreid": torchreid,
    "TransReID": transreid,
    "lightning": lightning,
    "DeiT": deit,
    "two wrappers": lambda t: {"net": {"weights": named("module.model.base.", t)}},
}


@pytest.mark.parametrize("backbone", ["resnet18_ibn_a", "test_vit"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_in_the_layouts_of_other_projects(
    layout: str, backbone: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(1)
    source = Backbone(backbone, **SMALL).network.state_dict()
    torch.save(LAYOUTS[layout](source), tmp_path / "theirs.pth")
    with caplog.at_level(logging.WARNING):
        loaded = Backbone(backbone, **SMALL, weights=str(tmp_path / "theirs.pth"))
    for name, each in loaded.network.state_dict().items():
        assert torch.equal(each, source[name]), name
    assert says(caplog.text, "theirs.pth", f"{len(source)} of {len(source)} tensors")
    if layout == "fast-reid":
        assert says(caplog.text, "backbone....", "2 others", "heads.bottleneck.0.weight")


def test_a_larger_backbone_of_the_same_names_is_refused(tmp_path: Path) -> None:
    """Its first blocks would fit, and the rest be lost."""
    save_file(Backbone("resnet34", **SMALL).network.state_dict(), tmp_path / "34.safetensors")
    with pytest.raises(TrainingError, match=facts("34.safetensors", "96 are foreign", "0 of 120")):
        Backbone("resnet18", **SMALL, weights=str(tmp_path / "34.safetensors"))


@pytest.mark.parametrize("lost", ["layer3.1.bn2.weight", "conv1.weight"])
def test_a_backbone_that_lacks_one_tensor_is_refused(lost: str, tmp_path: Path) -> None:
    tensors = Backbone("resnet18", **SMALL).network.state_dict()
    tensors.pop(lost)
    torch.save({"model": named("backbone.", tensors)}, tmp_path / "torn.pth")
    counts = "119 tensors match", "1 of 120"
    with pytest.raises(TrainingError, match=facts("torn.pth", counts, lost)):
        Backbone("resnet18", **SMALL, weights=str(tmp_path / "torn.pth"))


class Config:
    """A class that only its project has."""


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"model": {}, "cfg": Config()}, ("Config", "safetensors", "run code")),
        ({"model": {"a": Path("x")}}, ("pathlib.PosixPath", "safetensors")),
        ([torch.ones(2)], ("list", "state_dict")),
        ({"epoch": 3}, ("dict", "state_dict")),
        (torch.ones(3), ("Tensor", "state_dict")),
        ({"optimizer": {"a": torch.ones(2)}}, ("dict", "state_dict")),
    ],
)
def test_what_is_no_table_of_tensors_is_refused_in_plain_words(
    content: object, wanted: tuple[str, ...], tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(TrainingError, match=facts("other.pth", wanted)) as caught:
        Backbone("resnet18", **SMALL, weights=str(tmp_path / "other.pth"))
    text = str(caught.value)
    assert "weights_only" not in text
    assert "\x1b" not in text
    assert "\n" not in text


@pytest.mark.parametrize("size", [0, 10, 1000])
def test_a_file_that_was_cut_is_refused_in_plain_words(size: int, tmp_path: Path) -> None:
    file = tmp_path / "cut.pth"
    torch.save({"state_dict": {"a": torch.ones(500)}}, file)
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(TrainingError, match=facts("cut.pth")) as caught:
        Backbone("resnet18", **SMALL, weights=str(file))
    assert "weights_only" not in str(caught.value)


def test_a_detector_takes_the_largest_table(tmp_path: Path) -> None:
    model = {"a": torch.ones(2), "b": torch.ones(3)}
    torch.save({"few": {"c": torch.ones(1)}, "model": model}, tmp_path / "file.pth")
    assert set(read_tensor_file(tmp_path / "file.pth")) == {"a", "b"}
