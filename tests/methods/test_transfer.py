"""What helps a model trained on rendered pictures: mixed styles, slow backbones, read labels."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY
from messages import facts
from test_strong_baseline import SMALL
from torch import nn
from torch.nn import functional

import platefree as pf
from platefree.checkpoint import read_checkpoint
from platefree.errors import RecipeError, TrainingError
from platefree.inference.labelling import most_probable
from platefree.inference.loading import load_model
from platefree.methods.base import Batch, make_optimizer
from platefree.methods.catalogue import build_method, load_recipe
from platefree.nets.style_mixing import MixStyle
from platefree.nets.weights import checkpoint_tensors
from platefree.recipes.recipe import Recipe
from platefree.training.freezing import training_mode
from platefree.types import Sightings


def small(**settings: object) -> Recipe:
    return load_recipe("strong_baseline/demo", {**SMALL, **settings})


def test_mixed_styles_are_between_those_of_two_pictures() -> None:
    torch.manual_seed(3)
    maps = torch.randn(6, 4, 5, 7) * torch.rand(6, 4, 1, 1) + torch.randn(6, 4, 1, 1)
    mixed = MixStyle(chance=1.0, alpha=0.5)(maps)
    assert not torch.equal(mixed, maps)
    for picture in range(6):
        own = maps[picture].mean(dim=(1, 2))
        found = mixed[picture].mean(dim=(1, 2))
        fractions = []
        for other in range(6):
            way = maps[other].mean(dim=(1, 2)) - own
            if way.abs().min() < 1e-6:
                continue
            fraction = (found - own) / way
            fractions.append(float(fraction.std()) < 1e-3 and -1e-4 < fraction[0] < 1 + 1e-4)
        unchanged = torch.allclose(found, own, atol=1e-5)
        assert unchanged or any(fractions)
        whitened = [
            (each - each.mean(dim=(1, 2), keepdim=True)) / each.std(dim=(1, 2), keepdim=True)
            for each in (maps[picture], mixed[picture])
        ]
        torch.testing.assert_close(*whitened, atol=1e-4, rtol=1e-4)


def test_styles_are_only_mixed_in_training_and_weights_keep_their_names() -> None:
    plain = build_method(small(), {"vehicle": 4})
    torch.manual_seed(0)
    mixing = build_method(small(**{"model.mix_style": 0.99}), {"vehicle": 4})
    assert mixing.state_dict().keys() == plain.state_dict().keys()
    images = torch.randn(8, 3, 32, 32)
    mixing.load_state_dict(plain.state_dict())
    alike = [method.eval().embed(images)["main"] for method in (plain, mixing)]
    assert torch.equal(*alike)
    torch.manual_seed(1)
    maps = [method.train().feature_map(images) for method in (plain, mixing)]
    assert not torch.allclose(*maps)


def test_a_transformer_has_no_styles_to_mix() -> None:
    recipe = small(**{"model.mix_style": 0.5, "model.backbone": "test_vit", "model.last_stride": 2})
    with pytest.raises(RecipeError, match=facts("model.mix_style", "CNN", "VisionTransformer")):
        build_method(recipe, {"vehicle": 4})


def test_a_rate_factor_slows_the_parameters_with_its_prefix() -> None:
    factors = {"backbone": 0.1, "backbone.network.stem": 0.0}
    recipe = small(**{"train.rate_factors": factors, "train.optimizer": "sgd", "train.lr": 0.5})
    method = build_method(recipe, {"vehicle": 4})
    rates = {
        id(parameter): group["lr"]
        for group in make_optimizer(method, recipe.train).param_groups
        for parameter in group["params"]
    }
    for name, parameter in method.named_parameters():
        factor = 0.0 if name.startswith("backbone.network.stem") else 0.1
        factor = factor if name.startswith("backbone") else 1.0
        if parameter.requires_grad:
            assert rates[id(parameter)] == pytest.approx(0.5 * factor), name


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("vehiclenet/city", {"backbone": 0.1, "fc1": 0.5}),
        ("fda_net/city", {"embedding.backbone": 0.1, "critic": 0.5}),
    ],
)
def test_parts_with_optimizers_of_their_own_go_by_the_names_of_the_method(
    name: str, factors: dict[str, float]
) -> None:
    size = {"model.backbone": "test_resnet", "input.height": 32, "input.width": 32}
    plain, slow = (
        _rates(load_recipe(name, {**size, "train.rate_factors": each})) for each in ({}, factors)
    )
    assert plain.keys() == slow.keys()
    for parameter, rate in plain.items():
        named = [factor for prefix, factor in factors.items() if parameter.startswith(prefix)]
        assert slow[parameter] == pytest.approx(rate * (named or [1.0])[0]), parameter


def _rates(recipe: Recipe) -> dict[str, float]:
    method = build_method(recipe, dict.fromkeys(("vehicle", "model", "camera", "source"), 3))
    rates = {
        id(parameter): group["lr"]
        for optimizer in method.optimizers(recipe.train).values()
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    return {name: rates[id(each)] for name, each in method.named_parameters() if id(each) in rates}


@pytest.mark.parametrize("key", ["rate_factors", "freeze", "freeze_statistics"])
def test_a_part_that_is_not_there_is_refused(
    drawn_table: Sightings, tmp_path: Path, key: str
) -> None:
    value = {"bakbone": 0.1} if key == "rate_factors" else ["bakbone"]
    recipe = load_recipe("strong_baseline/demo", {**TINY, f"train.{key}": value})
    with pytest.raises(TrainingError, match=facts(f"train.{key}", "bakbone", "backbone")):
        pf.train(recipe, drawn_table, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_frozen_statistics_stay_while_weights_learn(drawn_table: Sightings, tmp_path: Path) -> None:
    recipe = load_recipe("strong_baseline/demo", {**TINY, "train.freeze_statistics": ["backbone"]})
    run = pf.train(recipe, drawn_table, tmp_path / "run")
    tensors = checkpoint_tensors(read_checkpoint(run.last), "weights")
    backbone = {name: each for name, each in tensors.items() if name.startswith("backbone")}
    means = [each for name, each in backbone.items() if name.endswith("running_mean")]
    assert means
    assert all((each == 0).all() for each in means)
    neck = [n for n in tensors if n.startswith("neck") and n.endswith("running_mean")]
    assert all((tensors[name] != 0).any() for name in neck)
    method = build_method(recipe, {"vehicle": 4})
    training_mode(method, [], ["backbone"])
    assert method.training
    for module in method.modules():
        if isinstance(module, nn.Conv2d):
            assert module.training


def test_labels_are_read_beside_the_embedding(
    drawn_table: Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe("strong_baseline/demo", {**TINY, "model.reads": ["type", "color"]})
    run = pf.train(recipe, drawn_table, tmp_path / "run")
    line = json.loads((run.folder / "log.jsonl").read_text().splitlines()[1])
    assert {"identity", "triplet", "type", "color"} <= line["losses"].keys()
    model = load_model(run.best)
    embeddings, _ = model.embed(drawn_table)
    assert set(embeddings.spaces) == {"main", "type", "color"}
    names = model.class_names("color")
    assert set(most_probable(embeddings, "color", names)) <= set(drawn_table.color)
    pair = drawn_table.path(0), drawn_table.path(9)
    heat, embed_map = pf.heat_map(model, *pair), model.method.embed_map
    monkeypatch.setattr(model.method, "embed_map", lambda maps: {"main": embed_map(maps)["main"]})
    np.testing.assert_array_equal(heat, pf.heat_map(model, *pair))
    exported = pf.export_model(run.best, tmp_path / "exported")
    assert {each: exported.class_names(each) for each in ("type", "color")} == {
        each: model.class_names(each) for each in ("type", "color")
    }


def test_the_loss_of_a_read_label_is_that_of_its_known_rows() -> None:
    recipe = small(**{"model.reads": ["type"], "model.reads_weight": 0.7})
    torch.manual_seed(0)
    method = build_method(recipe, {"vehicle": 4, "type": 3})
    images = torch.randn(8, 3, 32, 32)
    types = torch.tensor([0, 2, -1, 1, -1, 0, 1, 2])
    batch = Batch(images, {"vehicle": torch.arange(4).repeat_interleave(2), "type": types})
    method.eval()
    found = method.losses(batch)["type"].item()
    logits = method.readers[0](method.pool(method.feature_map(images)))
    chances = functional.softmax(logits, dim=1)
    known = [-np.log(chances[row, types[row]].item()) for row in range(8) if types[row] >= 0]
    assert found == pytest.approx(0.7 * np.mean(known), rel=1e-5)


def test_an_unknown_label_cannot_be_read(drawn_table: Sightings, tmp_path: Path) -> None:
    recipe = load_recipe("strong_baseline/demo", {**TINY, "model.reads": ["make"]})
    table = pf.Sightings.from_columns(
        drawn_table.root, {"image": drawn_table.image, "vehicle": drawn_table.vehicle}
    )
    with pytest.raises(TrainingError, match=facts("model.reads", "make", "unknown")):
        pf.train(recipe, table, tmp_path / "run")
