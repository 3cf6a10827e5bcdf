"""Vision transformers as backbones: overlapping patches, class tokens, weights of other grids."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from conftest import TINY
from messages import facts
from safetensors.torch import save_file
from torch.nn import functional

import platefree as pf
from platefree.errors import DataError, RecipeError, TrainingError
from platefree.methods.catalogue import load_recipe, resolve
from platefree.nets.backbones import Backbone
from platefree.training.loop import train
from platefree.types import Sightings

DINO = "vit_small_patch14_dinov2"
VIT = {**TINY, "model.backbone": "test_vit", "model.weights": "none", "model.drop_path": 0.0}


def test_a_picture_of_256_pixels_has_21_by_21_overlapping_patches() -> None:
    backbone = Backbone("test_vit", height=256, width=256, patch_stride=12).eval()
    assert backbone.network.patch_embed.grid_size == (21, 21)
    assert backbone.network.pos_embed.shape[1] == 1 + 21 * 21
    with torch.inference_mode():
        assert backbone(torch.zeros(1, 3, 256, 256)).shape == (1, 64, 21, 21)


def test_patches_are_the_same_pixels_times_the_same_weights_wherever_they_lie() -> None:
    backbone = Backbone("test_vit", height=64, width=96, patch_stride=12).eval()
    images = torch.randn(2, 3, 64, 96)
    embed = backbone.network.patch_embed
    with torch.inference_mode():
        found = embed(images)  # timm's format: a map with channels last
        assert found.shape[:3] == (2, 5, 7)
        for row in range(5):
            for column in range(7):
                cut = images[:, :, 12 * row : 12 * row + 16, 12 * column : 12 * column + 16]
                expected = cut.flatten(1) @ embed.proj.weight.flatten(1).T + embed.proj.bias
                torch.testing.assert_close(found[:, row, column], expected, atol=1e-4, rtol=1e-4)


def test_with_the_stride_of_the_patch_the_network_is_timms() -> None:
    backbone = Backbone("test_vit", height=64, width=96, patch_stride=16).eval()
    plain = timm.create_model("test_vit", num_classes=0, global_pool="", img_size=(64, 96)).eval()
    plain.load_state_dict(backbone.network.state_dict())
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        tokens = plain.forward_features(images)
        assert torch.equal(backbone(images).flatten(2).transpose(1, 2), tokens[:, 1:])


def test_the_class_token_is_a_map_of_one_cell() -> None:
    backbone = Backbone("test_vit", height=64, width=96, class_token=True).eval()
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        tokens = backbone.network.forward_features(images)
        assert torch.equal(backbone(images)[:, :, 0, 0], tokens[:, 0])
        assert backbone(images).shape == (2, 64, 1, 1)


@pytest.mark.parametrize("stride", [0, 12])
def test_position_embeddings_of_a_file_are_interpolated_to_the_grid(
    tmp_path: Path, stride: int
) -> None:
    source = Backbone("test_vit", height=160, width=160).network  # 10 x 10 patches
    save_file(source.state_dict(), tmp_path / "vit.safetensors")
    weights = str(tmp_path / "vit.safetensors")
    loaded = Backbone("test_vit", height=64, width=64, patch_stride=stride, weights=weights).network
    rows = 5 if stride else 4
    before, after = source.state_dict(), loaded.state_dict()
    for name, tensor in after.items():
        if name != "pos_embed":
            assert torch.equal(tensor, before[name]), name
    assert torch.equal(after["pos_embed"][:, :1], before["pos_embed"][:, :1])
    grid = before["pos_embed"][:, 1:].reshape(1, 10, 10, 64).permute(0, 3, 1, 2)
    small = functional.interpolate(grid, (rows, rows), mode="bicubic", antialias=True)
    expected = small.permute(0, 2, 3, 1).reshape(1, rows * rows, 64)
    torch.testing.assert_close(after["pos_embed"][:, 1:], expected)


@pytest.mark.parametrize("authors", [False, True])
def test_dinov2_starts_from_a_file_of_timm_or_of_its_authors(tmp_path: Path, authors: bool) -> None:
    torch.manual_seed(0)
    source = Backbone(DINO, height=42, width=42).network.state_dict()
    file = dict(source)
    if authors:
        file["mask_token"] = torch.zeros(1, 384)
    save_file(file, tmp_path / "dino.safetensors")
    backbone = Backbone(
        DINO, height=28, width=42, weights=str(tmp_path / "dino.safetensors")
    ).eval()
    found = backbone.network.state_dict()
    assert all(torch.equal(found[name], source[name]) for name in source if name != "pos_embed")
    with torch.inference_mode():
        assert backbone(torch.zeros(1, 3, 28, 42)).shape == (1, 384, 2, 3)


def test_weights_of_another_transformer_are_refused(tmp_path: Path) -> None:
    save_file({"blocks.0.norm1.weight": torch.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(
        TrainingError, match=facts("other.safetensors", "77 of 78", "missing", "cls_token")
    ):
        Backbone("test_vit", height=64, width=64, weights=str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (DINO, {"height": 256, "width": 256}, ("256 x 256", "patches have 14", "252 or 266")),
        ("test_vit", {"height": 8, "width": 64}, ("8 x 64", "patches have 16", "16 or 64 or 80")),
        ("resnet18", {"patch_stride": 12}, ("model.patch_stride = 12", "plain vision transformer")),
        (
            "googlenet",
            {"patch_stride": 12},
            ("model.patch_stride = 12", "plain vision transformer"),
        ),
        (
            "swin_tiny_patch4_window7_224",
            {"patch_stride": 2},
            ("model.patch_stride = 2", "plain vision transformer"),
        ),
        ("resnet18", {"class_token": True}, ("model.pooling", "class_token", "average")),
    ],
)
def test_backbones_that_cannot_look_so_are_refused(
    name: str, options: dict[str, int], message: tuple[str, ...]
) -> None:
    with pytest.raises(RecipeError, match=facts(name, message)):
        Backbone(name, **{"height": 64, "width": 64, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["transreid", "dino"])
def test_the_recipes_train_and_their_models_are_used(
    name: str, drawn_table: Sightings, tmp_path: Path
) -> None:
    recipe = load_recipe(f"strong_baseline/{name}", {**VIT, "train.max_steps": 2})
    run = train(recipe, drawn_table, tmp_path / "run")
    model = pf.load_model(run.best)
    rows = model.embed(drawn_table.take(np.arange(3)))[0].spaces["main"]
    assert rows.shape == (3, 64)
    grid = (2, 2)  # (32 - 16) // 12 + 1, and 32 // 16
    assert model.method.backbone.network.patch_embed.grid_size == grid  # type: ignore[union-attr]
    pair = drawn_table.path(0), drawn_table.path(1)
    if name == "transreid":
        with pytest.raises(DataError, match=facts("model.pooling", "class_token", "heat map")):
            pf.heat_map(model, *pair)
    else:
        assert pf.heat_map(model, *pair).shape == (32, 32)


@pytest.mark.parametrize(
    ("name", "size"), [("transreid", (21, 21)), ("dino", (18, 18)), ("vit", (16, 16))]
)
def test_the_recipes_grids_are_those_that_they_say(name: str, size: tuple[int, int]) -> None:
    recipe = resolve(load_recipe(f"strong_baseline/{name}"))
    details = timm.get_pretrained_cfg(recipe.model.backbone)  # type: ignore[union-attr]
    assert details is not None
    assert recipe.input.mean == pytest.approx(details.mean)
    patch = 14 if name == "dino" else 16
    stride = recipe.model.patch_stride or patch  # type: ignore[union-attr]
    assert size == tuple(
        (pixels - patch) // stride + 1 for pixels in (recipe.input.height, recipe.input.width)
    )
