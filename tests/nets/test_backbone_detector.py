"""A light detector upon a timm network: its maps are those of the network, at its three strides."""

import pytest
import torch

from platefree.errors import RecipeError
from platefree.nets.backbone_detector import BackboneDetector
from platefree.nets.backbones import Backbone
from platefree.nets.light_detector import BINS, positions


def test_maps_are_those_of_the_stages_of_the_network() -> None:
    torch.manual_seed(0)
    name = "tf_efficientnet_lite0"
    whole = Backbone(name, height=64, width=96).eval()
    network = BackboneDetector(5, Backbone(name, height=64, width=96), name).eval()
    network.backbone.load_state_dict(whole.network.state_dict(), strict=False)  # without its end
    pictures = torch.randn(2, 3, 64, 96)
    rows = whole.network.bn1(whole.network.conv_stem(pictures))  # type: ignore[operator]
    wanted = {}
    for stage in whole.network.blocks:  # type: ignore[union-attr]
        rows = stage(rows)
        wanted[64 // rows.shape[2]] = rows  # the last of each stride
    for maps, stride in zip(network.features(pictures), (8, 16, 32), strict=True):
        torch.testing.assert_close(maps, wanted[stride])
    raw = network(pictures)
    count = len(positions(64, 96))
    assert raw.quality.shape == (2, count, 5)
    assert raw.sides.shape == (2, count, 4, BINS)


def test_all_that_is_left_of_it_learns() -> None:
    name = "resnet18"
    network = BackboneDetector(5, Backbone(name, height=64, width=64), name)
    raw = network(torch.randn(2, 3, 64, 64))
    (raw.quality.square().mean() + raw.sides.square().mean()).backward()
    assert [name for name, each in network.named_parameters() if each.grad is None] == []


def test_a_transformer_has_no_such_maps() -> None:
    name = "vit_tiny_patch16_224"
    with pytest.raises(RecipeError, match="strides"):
        BackboneDetector(5, Backbone(name, height=64, width=64), name)
