import colorsys
import json

import numpy as np
import pytest
import torch
from conftest import TINY
from messages import facts
from ready import run_as_torchrun
from torch import nn

from platefree.errors import DataError, RecipeError
from platefree.losses import batch_hard_triplet, smoothed_cross_entropy
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, load_recipe, needs_training, resolve
from platefree.methods.color_stripes import ColorStripes, rgb_to_hsv
from platefree.methods.strong_baseline import StrongBaseline


def test_hue_saturation_value_are_those_of_the_standard_library() -> None:
    pixels = np.random.default_rng(0).random((60, 3)).astype(np.float32)
    pixels[:3] = [[0.5, 0.5, 0.5], [0, 0, 0], [1, 1, 1]]
    found = rgb_to_hsv(torch.from_numpy(pixels)[:, :, None, None])[:, :, 0, 0]
    expected = torch.tensor([colorsys.rgb_to_hsv(*pixel) for pixel in pixels.tolist()])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_color_stripes_are_square_roots_of_histograms_counted_by_loops() -> None:
    method = ColorStripes(stripes=3, hue_bins=4, saturation_bins=2, value_bins=2)
    image = torch.rand(1, 3, 9, 5, generator=torch.Generator().manual_seed(1))
    counts = np.zeros((3, 4, 2, 2))
    for y in range(9):
        for x in range(5):
            h, s, v = colorsys.rgb_to_hsv(*image[0, :, y, x].tolist())
            place = [
                min(int(value * bins), bins - 1)
                for value, bins in zip((h, s, v), (4, 2, 2), strict=True)
            ]
            counts[y // 3, *place] += 1
    expected = np.sqrt(counts).ravel() / np.sqrt(counts.sum())
    np.testing.assert_allclose(method.embed(image)["main"][0].numpy(), expected, atol=1e-6)


def test_color_stripes_has_no_heat_map_and_needs_no_training() -> None:
    recipe = resolve(load_recipe("color_stripes"))
    assert not needs_training(recipe)
    with pytest.raises(DataError, match=facts("ColorStripes", "feature map", "heat map")):
        build_method(recipe, {}).feature_map(torch.zeros(1, 3, 8, 8))


def baseline(**options: object) -> StrongBaseline:
    torch.manual_seed(0)
    settings = {f"model.{key}": value for key, value in options.items()}
    method = build_method(load_recipe("strong_baseline/demo", {**TINY, **settings}), {"vehicle": 4})
    assert isinstance(method, StrongBaseline)
    return method


def batch() -> Batch:
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    return Batch(images, {"vehicle": torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])})


def test_the_baselines_losses_are_those_of_the_vectors_round_its_neck() -> None:
    method = baseline(
        triplet="margin", margin=0.3, identity_weight=2.0, triplet_weight=0.5, label_smoothing=0.2
    )
    losses = method.losses(batch())
    pooled = method.pool(method.backbone(batch().images))
    mean, variance = pooled.mean(0), pooled.var(0, unbiased=False)
    normed = (pooled - mean) / (variance + method.neck.norm.eps).sqrt()
    logits = normed @ method.neck.classifier.weight.T
    vehicles = batch().labels["vehicle"]
    identity = 2.0 * smoothed_cross_entropy(logits, vehicles, 0.2)
    triplet = 0.5 * batch_hard_triplet(pooled, vehicles, 0.3)
    torch.testing.assert_close(losses["identity"], identity, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(losses["triplet"], triplet, atol=1e-4, rtol=1e-4)


def test_embeddings_are_unit_rows_that_do_not_depend_on_the_batch() -> None:
    method = baseline(embedding_size=24).eval()
    with torch.inference_mode():
        together = method.embed(batch().images)["main"]
        alone = torch.cat([method.embed(image[None])["main"] for image in batch().images])
    assert together.shape == (8, 24)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(8))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_vectors_and_norms_are_not_decayed() -> None:
    train = load_recipe("strong_baseline/small").train
    optimizer = baseline().optimizers(train)["main"]
    decayed, plain = optimizer.param_groups
    assert decayed["weight_decay"] == train.weight_decay
    assert plain["weight_decay"] == 0.0
    assert all(p.ndim > 1 for p in decayed["params"])
    assert all(p.ndim <= 1 for p in plain["params"])
    learning = sum(p.requires_grad for p in baseline().parameters())
    assert len(decayed["params"]) + len(plain["params"]) == learning


def test_a_backbone_that_does_not_exist_is_a_recipe_error() -> None:
    with pytest.raises(RecipeError, match=facts("model.backbone", "'resnet5000'", "timm")):
        resolve(load_recipe("strong_baseline", {"model.backbone": "resnet5000"}))


GATHERING = """
import json, sys, torch
from lightning_fabric import Fabric
from platefree.losses import batch_hard_triplet
from platefree.training.processes import gather_with_gradient
fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
fabric.launch()
torch.manual_seed(0)
module = torch.nn.Linear(5, 3)
rows, vehicles = torch.randn(8, 5), torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
wrapped = fabric.setup_module(module)
mine = slice(4 * fabric.global_rank, 4 * fabric.global_rank + 4)
all_rows = gather_with_gradient(wrapped(rows[mine]))
loss = batch_hard_triplet(all_rows, gather_with_gradient(vehicles[mine]))
fabric.backward(loss)
if fabric.global_rank == 0:
    print(json.dumps([loss.item(), module.weight.grad.tolist()]))
"""


@pytest.mark.slow
def test_two_processes_have_the_gradient_of_the_whole_batch() -> None:
    loss, gradient = json.loads(run_as_torchrun(GATHERING).strip().splitlines()[-1])
    torch.manual_seed(0)
    module = nn.Linear(5, 3)
    rows, vehicles = torch.randn(8, 5), torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    expected = batch_hard_triplet(module(rows), vehicles)
    expected.backward()  # type: ignore[no-untyped-call]
    assert module.weight.grad is not None
    assert loss == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(torch.tensor(gradient), module.weight.grad, atol=1e-6, rtol=1e-5)
