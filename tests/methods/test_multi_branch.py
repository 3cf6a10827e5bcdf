"""MBR: branches of two kinds, losses split among them, one embedding."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY
from messages import facts
from timm.layers.bottleneck_attn import BottleneckAttn
from torch.nn import functional

import platefree as pf
from platefree.errors import RecipeError
from platefree.losses import batch_hard_triplet, smoothed_cross_entropy
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe, resolve
from platefree.methods.multi_branch import BranchLosses, MultiBranch
from platefree.nets.backbones import Backbone
from platefree.nets.late_branches import LateBranches
from platefree.training.step_report import StepReport
from platefree.types import Sightings

LOSSES = [BranchLosses(0.6, 0.0), BranchLosses(0.0, 1.0), BranchLosses(0.4, 0.3)]


def branches(**options: object) -> LateBranches:
    torch.manual_seed(0)
    small = {"convolution": 2, "attention": 1, "height": 64, "width": 96}
    return LateBranches("test_resnet", **{**small, **options})  # type: ignore[arg-type]


def make() -> MultiBranch:
    return MultiBranch(branches(), LOSSES, vehicles=4, label_smoothing=0.2, margin=0.1)


def batch() -> Batch:
    images = torch.randn(8, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    return Batch(images, {"vehicle": torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])})


def test_a_convolution_branch_is_what_the_whole_resnet_would_be() -> None:
    backbone = branches().eval()
    images = batch().images
    for branch, forked in zip(backbone.branches[:2], backbone(images)[:2], strict=True):
        whole = Backbone("test_resnet", height=64, width=96).eval()
        weights = [*backbone.shared.state_dict().values(), *branch.state_dict().values()]
        names = whole.network.state_dict().keys()
        whole.network.load_state_dict(dict(zip(names, weights, strict=True)))
        torch.testing.assert_close(whole(images), forked)


def test_an_attention_branch_attends_in_every_block_and_sees_all_places() -> None:
    backbone = branches().eval()
    convolution, attention = backbone.branches[1], backbone.branches[2]
    for one, other in zip(convolution.children(), attention.children(), strict=True):
        assert isinstance(one.conv2, torch.nn.Conv2d)
        assert isinstance(other.conv2, BottleneckAttn)
        assert (other.conv2.pos_embed.height, other.conv2.pos_embed.width) == (2, 3)
    maps = torch.randn(1, backbone.shared(batch().images).shape[1], 4, 6)
    block = next(attention.children())
    before = block.conv1(maps)
    changed = before.clone()
    changed[..., -1, -1] += 1.0
    moved = (block.conv2(changed) - block.conv2(before)).abs().sum(1)[0]
    assert moved.shape == (2, 3)
    assert (moved > 1e-6).all()


@torch.inference_mode()
def test_attention_is_what_loops_over_places_and_heads_compute() -> None:
    torch.manual_seed(1)
    layer = BottleneckAttn(16, 16, feat_size=(2, 3), num_heads=2).eval()
    maps = torch.randn(1, 16, 2, 3)
    found = layer(maps)[0]
    table = layer.qkv(maps)[0]  # (3 * 16, 2, 3)
    size, places = 8, [(y, x) for y in range(2) for x in range(3)]
    for head in range(2):
        rows = slice(head * size, (head + 1) * size)
        q, k, v = (table[part * 16 : part * 16 + 16][rows] for part in range(3))
        for y, x in places:
            scores = []
            for other_y, other_x in places:
                content = float(q[:, y, x] @ k[:, other_y, other_x]) / math.sqrt(size)
                down = float(q[:, y, x] @ layer.pos_embed.height_rel[other_y - y + 1])
                right = float(q[:, y, x] @ layer.pos_embed.width_rel[other_x - x + 2])
                scores.append(content + down + right)
            shares = np.exp(scores) / np.exp(scores).sum()
            expected = sum(s * v[:, p, r].numpy() for s, (p, r) in zip(shares, places, strict=True))
            np.testing.assert_allclose(found[rows, y, x].numpy(), expected, atol=1e-5)


def test_branches_share_no_weights_and_start_from_those_of_a_file(tmp_path: Path) -> None:
    one, other = (dict(branch.named_parameters()) for branch in branches().branches[:2])
    assert not {id(p) for p in one.values()} & {id(p) for p in other.values()}
    assert not torch.equal(one["0.conv1.weight"], other["0.conv1.weight"])
    from safetensors.torch import save_file

    source = Backbone("test_resnet", height=64, width=96).network.state_dict()
    save_file(source, tmp_path / "weights.safetensors")
    started = branches(weights=str(tmp_path / "weights.safetensors"))
    for branch in started.branches:
        found = branch.state_dict()
        kept = [name for name in found if ".conv2." not in name]
        assert all(torch.equal(found[name], source[f"layer4.{name}"]) for name in kept)
    assert torch.equal(
        started.branches[0].state_dict()["0.conv2.weight"], source["layer4.0.conv2.weight"]
    )


def test_each_branch_has_its_own_losses() -> None:
    method = make()
    found = method.losses(batch())
    vehicles = batch().labels["vehicle"]
    vectors = [maps.mean((2, 3)) for maps in method.backbone(batch().images)]
    identity, triplet = 0.0, 0.0
    for number, (losses, rows) in enumerate(zip(LOSSES, vectors, strict=True)):
        if losses.identity:
            spread = (rows.var(0, unbiased=False) + method.norms[number].eps).sqrt()
            logits = (rows - rows.mean(0)) / spread @ method.classifiers[number].weight.T
            identity += losses.identity * smoothed_cross_entropy(logits, vehicles, 0.2).item()
        if losses.triplet:
            triplet += losses.triplet * batch_hard_triplet(rows, vehicles, 0.1).item()
    assert found["identity"].item() == pytest.approx(identity, rel=1e-4)
    assert found["triplet"].item() == pytest.approx(triplet, rel=1e-4)


def test_everything_that_may_learn_does() -> None:
    method = make()
    torch.stack(list(method.losses(batch()).values())).sum().backward()
    idle = [n for n, p in method.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []
    assert [norm.weight is None for norm in method.norms] == [False, True, False]


def test_the_embedding_compares_by_the_mean_of_the_branches() -> None:
    method = make().eval()
    with torch.inference_mode():
        rows = method.embed(batch().images)["main"]
        vectors = [
            functional.normalize(norm(maps.mean((2, 3))))
            for norm, maps in zip(method.norms, method.backbone(batch().images), strict=True)
        ]
    assert rows.shape == (8, 3 * method.backbone.channels)
    for a in range(8):
        for b in range(8):
            mean = sum(float(each[a] @ each[b]) for each in vectors) / 3
            assert float(rows[a] @ rows[b]) == pytest.approx(mean, abs=1e-5)


def tiny(**changes: object) -> pf.Recipe:
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return load_recipe("multi_branch/city", {**TINY, "train.epochs": 1, **changed})


def test_split_losses_take_turns_and_attention_has_weights_of_its_own() -> None:
    method = build_method(resolve(load_recipe("multi_branch/veri", TINY)), {"vehicle": 4})
    assert isinstance(method, MultiBranch)
    assert method.branch_losses == (
        BranchLosses(0.6, 0.0),
        BranchLosses(0.0, 1.0),
        BranchLosses(0.4, 0.0),
        BranchLosses(0.0, 0.4),
    )
    both = build_method(resolve(tiny(model__losses="both")), {"vehicle": 4})
    assert isinstance(both, MultiBranch)
    assert both.branch_losses == 2 * (BranchLosses(0.6, 1.0),) + 2 * (BranchLosses(0.4, 0.4),)


def test_the_published_stages_keep_what_is_shared_at_first() -> None:
    recipe = load_recipe("multi_branch/veri", TINY)
    (_, first), (_, second) = recipe.staged()
    method = build_method(resolve(recipe), {"vehicle": 4})
    still = {n for n, _ in method.named_parameters() if n.startswith(tuple(first.freeze))}
    assert still == {f"backbone.shared.{n}" for n, _ in method.backbone.shared.named_parameters()}
    assert second.freeze == []
    marks = [10 + mark for mark in load_recipe("multi_branch/veri").train.decay_epochs]
    assert marks == [40, 70, 100]


def test_it_learns_is_saved_and_used(drawn_table: Sightings, tmp_path: Path) -> None:
    seen: list[StepReport] = []
    recipe = tiny(train__steps=20, train__lr=3e-3, augment__erase=0.0)
    run = pf.train(recipe, drawn_table, tmp_path, on_step=seen.append)
    sums = [sum(report.losses.values()) for report in seen]
    assert np.mean(sums[-5:]) < 0.8 * np.mean(sums[:5])
    model = pf.load_model(run.best)
    rows = model.embed(drawn_table.take(np.arange(3)))[0].spaces["main"]
    assert rows.shape == (3, 4 * model.method.backbone.channels)  # type: ignore[union-attr]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    heat = pf.heat_map(model, drawn_table.path(0), drawn_table.path(1))
    assert heat.shape == (32, 32)


def test_attention_is_of_one_size_only() -> None:
    with pytest.raises(RecipeError, match=facts("input.scales", "[1.0, 0.9]", "32 x 32 pixels")):
        resolve(tiny(input__scales=[1.0, 0.9]))
    resolve(tiny(input__scales=[1.0, 0.9], model__attention_branches=0))


def test_attention_that_would_lose_a_row_of_the_map_says_which_sizes_are_possible() -> None:
    options = {"convolution": 0, "attention": 1, "height": 80, "width": 96}
    with pytest.raises(RecipeError, match=facts("80 x 96 pixels", "multiples of 32")):
        LateBranches("resnet26", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model.backbone": "test_convnext"},
            ("test_convnext", "ResNet", "layer4", "resnet50_ibn_a"),
        ),
        ({"model.heads": 7}, ("7 heads", "layer4", "32 x 32 pixels", "model.heads")),
        (
            {"model.convolution_branches": 1, "model.attention_branches": 0},
            ("model.losses", "at least 2", "found 1", "model.convolution_branches"),
        ),
        (
            {
                "model.losses": "both",
                "model.convolution_branches": 0,
                "model.attention_branches": 0,
            },
            ("model.losses", "at least 1", "found 0", "model.attention_branches"),
        ),
    ],
)
def test_branches_that_cannot_be_are_refused(
    changes: dict[str, object], message: tuple[str, ...]
) -> None:
    with pytest.raises(RecipeError, match=facts(message)):
        build_method(resolve(load_recipe("multi_branch/city", {**TINY, **changes})), {"vehicle": 4})
