"""ImageNet weights inside packages, against a network written from the names in their files."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from conftest import TINY
from messages import facts
from torch import Tensor
from torch.nn import functional

import platefree as pf
from platefree.checkpoint import read_checkpoint
from platefree.errors import MissingPackage, RecipeError, TrainingError
from platefree.methods.catalogue import load_recipe
from platefree.nets import package_weights
from platefree.nets.backbones import Backbone
from platefree.nets.package_weights import PACKAGES, package_file, paired_tensors
from platefree.nets.weight_files import Tensors, read_tensor_file
from platefree.nets.weights import read_learnt

HALVED = {0: {1, 3, 5, 11}, 1: {1, 4, 7, 15}, 2: {1, 4, 7, 15}}  # blocks of stride 2, by size
EPSILON = 1e-3  # of the batch norms, as in TensorFlow


def convolved(images: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """Padded as TensorFlow does: as little as gives ceil(size / stride), more of it at the end."""
    kernel, size = weight.shape[-1], images.shape[-1]
    pad = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    before, after = pad // 2, pad - pad // 2
    padded = functional.pad(images, (before, after, before, after))
    groups = images.shape[1] // weight.shape[1]
    return functional.conv2d(padded, weight, stride=stride, groups=groups)


def slow_logits(tensors: Tensors, images: Tensor, halved: set[int]) -> Tensor:
    """EfficientNet-Lite, layer by layer, by the names in the file."""

    def normed(rows: Tensor, name: str) -> Tensor:
        mean, variance, weight, bias = (
            tensors[f"{name}.{each}"][:, None, None]
            for each in ("running_mean", "running_var", "weight", "bias")
        )
        return (rows - mean) / (variance + EPSILON).sqrt() * weight + bias

    rows = normed(convolved(images, tensors["_conv_stem.weight"], 2), "_bn0").clamp(0, 6)
    blocks = sorted({int(name.split(".")[1]) for name in tensors if name.startswith("_blocks.")})
    for number in blocks:
        block, before = f"_blocks.{number}", rows
        if f"{block}._expand_conv.weight" in tensors:
            rows = convolved(rows, tensors[f"{block}._expand_conv.weight"])
            rows = normed(rows, f"{block}._bn0").clamp(0, 6)
        stride = 2 if number in halved else 1
        rows = convolved(rows, tensors[f"{block}._depthwise_conv.weight"], stride)
        rows = normed(rows, f"{block}._bn1").clamp(0, 6)
        rows = normed(convolved(rows, tensors[f"{block}._project_conv.weight"]), f"{block}._bn2")
        if rows.shape == before.shape:
            rows = rows + before
    rows = normed(convolved(rows, tensors["_conv_head.weight"]), "_bn1").clamp(0, 6)
    return rows.mean(dim=(2, 3)) @ tensors["_fc.weight"].T + tensors["_fc.bias"]


@pytest.mark.parametrize("size", [0, 1, 2])
def test_the_logits_are_those_of_the_network_of_the_file(size: int) -> None:
    name, weights = f"tf_efficientnet_lite{size}", f"package:efficientnet-lite{size}"
    path = package_file(weights, name)
    tensors = read_tensor_file(path)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(size)) * 2 - 1
    expected = slow_logits(tensors, images, HALVED[size])
    whole = timm.create_model(name).eval()
    whole.load_state_dict(paired_tensors(path, whole.state_dict()))
    backbone = Backbone(name, height=64, width=64, weights=weights).eval()
    with torch.no_grad():
        logits = whole(images)
        pooled = backbone(images).mean(dim=(2, 3))
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    own = pooled @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.1


def test_a_method_starts_from_them(drawn_table: pf.Sightings, tmp_path: Path) -> None:
    start = {"model.backbone": "tf_efficientnet_lite0", "model.last_stride": 2}
    start |= {"model.weights": "package:efficientnet-lite0", "train.lr": 1e-6, "train.max_steps": 1}
    run = pf.train(load_recipe("strong_baseline/demo", {**TINY, **start}), drawn_table, tmp_path)
    assert not read_learnt(read_checkpoint(run.best)).unknown  # no other vehicles were seen
    found = pf.load_model(run.best).method.state_dict()
    tensors = read_tensor_file(package_file("package:efficientnet-lite0", "tf_efficientnet_lite0"))
    np.testing.assert_allclose(
        found["backbone.network.conv_stem.weight"], tensors["_conv_stem.weight"], atol=1e-3
    )


def test_what_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match=facts("package:resnet9", "package:efficientnet-lite0")):
        Backbone("resnet18", height=64, width=64, weights="package:resnet9")
    with pytest.raises(RecipeError, match=facts("tf_efficientnet_lite1", "resnet18")):
        Backbone("resnet18", height=64, width=64, weights="package:efficientnet-lite1")
    path = package_file("package:efficientnet-lite0", "tf_efficientnet_lite0")
    other = timm.create_model("tf_efficientnet_lite1").state_dict()
    with pytest.raises(TrainingError, match=facts("296 tensors", "another shape")):
        paired_tensors(path, other)
    torch.save({"a": torch.zeros(1)}, tmp_path / "cut.pth")
    with pytest.raises(TrainingError, match=facts("1 tensors for 386")):
        paired_tensors(tmp_path / "cut.pth", other)
    packages = {**PACKAGES, "efficientnet-lite0": ("no_such_package", "tf_efficientnet_lite0")}
    monkeypatch.setattr(package_weights, "PACKAGES", packages)
    with pytest.raises(MissingPackage, match=facts("no-such-package", "platefree[weights]")):
        package_file("package:efficientnet-lite0", "tf_efficientnet_lite0")
