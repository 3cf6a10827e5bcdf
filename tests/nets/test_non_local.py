"""Non-local blocks in a backbone, against a loop over places."""

from pathlib import Path

import pytest
import torch
from messages import facts
from safetensors.torch import save_file

from platefree.errors import TrainingError
from platefree.nets.backbones import Backbone
from platefree.nets.non_local import NonLocal

SMALL = {"height": 32, "width": 32}


def test_a_block_adds_what_a_loop_over_pairs_of_places_finds() -> None:
    torch.manual_seed(0)
    block = NonLocal(6).eval()
    torch.nn.init.constant_(block.norm.weight, 0.7)
    maps = torch.randn(2, 6, 3, 4)
    with torch.inference_mode():
        found = block(maps)
        for picture in range(2):
            places = maps[picture].flatten(1).T  # (12, 6)
            query, key, value, out = (
                (layer.weight[:, :, 0, 0], layer.bias)
                for layer in (block.theta, block.phi, block.g, block.out)
            )
            for i in range(12):
                gathered = torch.zeros(3)
                for j in range(12):
                    weight = (query[0] @ places[i] + query[1]) @ (key[0] @ places[j] + key[1])
                    gathered += weight / 12 * (value[0] @ places[j] + value[1])
                added = (out[0] @ gathered + out[1]) * 0.7 / (1 + block.norm.eps) ** 0.5
                expected = places[i] + added
                torch.testing.assert_close(found[picture].flatten(1)[:, i], expected)


def test_a_backbone_with_blocks_starts_as_the_one_without(tmp_path: Path) -> None:
    plain = Backbone("resnet50_ibn_a", **SMALL)
    save_file(plain.network.state_dict(), tmp_path / "plain.safetensors")
    weights = str(tmp_path / "plain.safetensors")
    backbone = Backbone("resnet50_ibn_a_nl", **SMALL, weights=weights)
    places = [
        name for name, module in backbone.network.named_modules() if isinstance(module, NonLocal)
    ]
    blocks = [("2", "2"), ("2", "3"), ("3", "3"), ("3", "4"), ("3", "5")]
    assert places == [f"layer{layer}.{block}.act3.non_local" for layer, block in blocks]
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(backbone.eval()(images), plain.eval()(images))
    saved = backbone.network.state_dict()
    saved[f"{places[0]}.norm.weight"] += 1.0
    save_file(saved, tmp_path / "whole.safetensors")
    again = Backbone("resnet50_ibn_a_nl", **SMALL, weights=str(tmp_path / "whole.safetensors"))
    assert (again.network.state_dict()[f"{places[0]}.norm.weight"] == 1.0).all()
    del saved[f"{places[0]}.norm.weight"]
    save_file(saved, tmp_path / "torn.safetensors")
    with pytest.raises(
        TrainingError,
        match=facts("torn.safetensors", "1 of 409", "missing", f"{places[0]}.norm.weight"),
    ):
        Backbone("resnet50_ibn_a_nl", **SMALL, weights=str(tmp_path / "torn.safetensors"))
