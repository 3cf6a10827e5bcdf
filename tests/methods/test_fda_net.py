"""FDA-Net: its equations by hand, its networks by probing, its game step by step."""

import json
import logging
import math
import runpy
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from conftest import REPOSITORY, TINY_FDA, Run
from lightning_fabric import Fabric
from messages import facts, says
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from platefree.errors import NonFiniteLoss, RecipeError, TrainingError
from platefree.experiments.ablation import load_ablation, row_recipe
from platefree.inference.loading import load_model
from platefree.losses import difference_hinges, real_fake, similarity_hinges, triplet_hinges
from platefree.methods.base import Batch
from platefree.methods.catalogue import build_method, check_recipe, load_recipe
from platefree.methods.fda_net import EmbeddingNet, FdaNet, draw_pairs, evaluating
from platefree.nets.attended import AttentionMap
from platefree.nets.generator import Generator, PlainGenerator, largest_singular_value
from platefree.nets.patch_gan import PatchGan
from platefree.recipes.builtin import recipe_names
from platefree.recipes.recipe import Recipe
from platefree.training.loop import train
from platefree.training.rates import rate_factor
from platefree.training.step import FabricDescent
from platefree.training.step_report import StepReport
from platefree.types import Sightings


def rows(count: int, seed: int) -> Tensor:
    return functional.normalize(
        torch.randn(count, 5, generator=torch.Generator().manual_seed(seed))
    )


def squared(one: Tensor, other: Tensor) -> float:
    return sum((a - b) ** 2 for a, b in zip(one.tolist(), other.tolist(), strict=True))


def test_hinges_are_those_of_the_paper() -> None:
    x, xp, made, xn = (rows(7, seed) for seed in range(4))
    for i in range(7):
        to_p, to_g, to_n = (squared(x[i], each[i]) for each in (xp, made, xn))
        eq_8 = max(to_p - to_g + 0.6, 0)
        eq_4 = max(to_p - to_g + 0.3, 0), max(to_g - to_n + 0.3, 0)
        eq_7 = max(0.7 - to_g, 0)
        assert triplet_hinges(x, xp, made, 0.6)[i].item() == pytest.approx(eq_8, abs=1e-6)
        assert similarity_hinges(x, xp, made, xn, 0.3)[i].tolist() == pytest.approx(eq_4, abs=1e-6)
        assert difference_hinges(x, made, 0.7)[i].item() == pytest.approx(eq_7, abs=1e-6)


def test_a_generated_negative_in_the_belt_costs_nothing() -> None:
    x = torch.tensor([[1.0, 0.0]])
    angles = (0.1, 0.9, 1.5)
    xp, made, xn = (torch.tensor([[math.cos(a), math.sin(a)]]) for a in angles)
    assert similarity_hinges(x, xp, made, xn, 0.3).tolist() == [[0.0, 0.0]]
    assert (similarity_hinges(x, xp, xp, xn, 0.3)[0] > 0).tolist() == [True, False]
    assert (similarity_hinges(x, xp, xn, xn, 0.3)[0] > 0).tolist() == [False, True]


def test_real_fake_is_the_cross_entropy_of_equation_10() -> None:
    real, made = torch.tensor([0.3, -2.0]), torch.tensor([1.0, 0.0, -4.0])

    def probability(logit: float) -> float:
        return 1 / (1 + math.exp(-logit))

    expected = sum(math.log(probability(v)) for v in real.tolist()) / 2
    expected += sum(math.log(1 - probability(v)) for v in made.tolist()) / 3
    assert real_fake(real, made).item() == pytest.approx(expected, abs=1e-6)


def test_a_patch_is_70_pixels() -> None:
    critic = PatchGan(width=2).eval()
    # Instance norm looks at the whole picture, so the reach is that of the convolutions.
    convolutions = torch.nn.Sequential(
        *(each for each in critic.layers if not isinstance(each, torch.nn.InstanceNorm2d))
    )
    picture = torch.randn(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    logits = convolutions.double()(picture)
    middle = logits.shape[2] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], picture)
    seen = gradient[0].abs().sum(0).nonzero()
    spans = (seen.max(0).values - seen.min(0).values + 1).tolist()
    assert spans == [70, 70]


Kind = type[Generator] | type[PlainGenerator]


def drawn(kind: Kind, blocks: int = 2) -> Generator | PlainGenerator:
    torch.manual_seed(3)
    generator = kind(width=4, blocks=blocks)
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return generator


@pytest.mark.parametrize("kind", [Generator, PlainGenerator])
def test_the_generator_keeps_size_and_range(kind: Kind) -> None:
    generator = drawn(kind, blocks=9)
    made = generator(torch.rand(2, 3, 40, 32) * 2 - 1)
    assert made.shape == (2, 3, 40, 32)
    assert made.abs().max() <= 1
    strides = [
        layer.stride
        for layer in generator.modules()
        if isinstance(layer, torch.nn.Conv2d) and layer.stride != (1, 1)
    ]
    assert strides == [(2, 2), (2, 2)]


def colors_by_hand(picture: Tensor) -> Tensor:
    """A (3, h, w) picture as straight lines between the means of squares of 8 pixels."""
    squares = [
        torch.stack([part.mean(dim=(1, 2)) for part in row.split(8, dim=2)])
        for row in picture.split(8, dim=1)
    ]
    means = torch.stack(squares)  # (rows, columns, 3)
    found = torch.empty_like(picture)
    for y in range(picture.shape[1]):
        for x in range(picture.shape[2]):
            place = [(at + 0.5) / 8 - 0.5 for at in (y, x)]
            first = [max(math.floor(at), 0) for at in place]
            part = [max(at, 0.0) - start for at, start in zip(place, first, strict=True)]
            last = [
                min(start + 1, size - 1) for start, size in zip(first, means.shape[:2], strict=True)
            ]
            upper = means[first[0], first[1]] * (1 - part[1]) + means[first[0], last[1]] * part[1]
            lower = means[last[0], first[1]] * (1 - part[1]) + means[last[0], last[1]] * part[1]
            found[:, y, x] = upper * (1 - part[0]) + lower * part[0]
    return found


def test_at_first_the_colors_come_back_without_details_and_every_weight_after_them_learns() -> None:
    generator, pictures = Generator(width=4, blocks=1), torch.rand(2, 3, 32, 40) * 2 - 1
    made = generator(pictures)
    for picture, found in zip(pictures, made, strict=True):
        torch.testing.assert_close(found, colors_by_hand(picture))
    last = list(generator.change.parameters())
    assert all(each.abs().sum() > 0 for each in torch.autograd.grad((made**2).sum(), last))


def test_a_change_is_a_part_of_the_way_to_the_end_of_the_range() -> None:
    generator = Generator(width=4, blocks=1)
    pictures = torch.tensor([-1.0, -0.4, 0.0, 0.7, 1.0])[:, None, None, None].expand(5, 3, 32, 32)
    for part in (-0.9, -0.2, 0.3, 0.8):
        torch.nn.init.constant_(generator.change.bias, math.atanh(part))  # type: ignore[arg-type]
        made = generator(pictures).flatten().tolist()
        for before, after in zip(pictures.flatten().tolist(), made, strict=True):
            end = 1 if part > 0 else -1
            assert after == pytest.approx(before + abs(part) * (end - before), abs=1e-6)


def test_colors_follow_the_picture_and_not_in_the_plain_generator() -> None:
    picture, tint = torch.rand(1, 3, 32, 32) * 0.4, torch.tensor([0.5, -0.5, 0.1]).view(3, 1, 1)

    def moved(kind: Kind) -> Tensor:
        generator = drawn(kind)
        return (generator(picture + tint) - generator(picture)).mean(dim=(0, 2, 3))

    assert moved(PlainGenerator).abs().max() < 1e-4, "blind to the tint"
    seen = moved(Generator)
    assert (seen.sign() == tint.flatten().sign()).all()
    assert (seen.abs() > 0.02).all()


@pytest.mark.parametrize(("kind", "is_even"), [(Generator, True), (PlainGenerator, False)])
def test_an_even_picture_has_no_chequerboard(kind: Kind, is_even: bool) -> None:
    made = drawn(kind)(torch.tensor([0.5, -0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 32, 32))
    assert (made.std(dim=(2, 3)).max().item() < 1e-5) == is_even


def test_recipes_of_before_have_the_generator_of_before() -> None:
    content = load_recipe("fda_net/city", TINY_FDA).model_dump(exclude_none=True)
    assert isinstance(make_game().generator, Generator)
    del content["model"]["generator"]
    method = build_method(check_recipe(content), {"vehicle": 4})
    assert isinstance(method, FdaNet)
    assert isinstance(method.generator, PlainGenerator)
    shapes = {name: tuple(each.shape) for name, each in method.generator.state_dict().items()}
    assert shapes["layers.10.weight"] == (8, 4, 3, 3), "a transposed convolution"
    assert shapes["layers.16.weight"] == (3, 2, 7, 7)


def small_vgg(weights: str = "none", **options: object) -> FdaNet:
    settings = {
        "backbone": "vgg_cnn_m_1024",
        "pooling": "flatten",
        "last_stride": 2,
        "shared_size": 24,
        "embedding_size": 16,
        "weights": weights,
        **options,
    }
    overrides = {f"model.{name}": value for name, value in settings.items()}
    recipe = load_recipe(
        "fda_net/city", {**TINY_FDA, "input.height": 64, "input.width": 64, **overrides}
    )
    method = build_method(recipe, {"vehicle": 4})
    assert isinstance(method, FdaNet)
    return method


def test_both_fc_layers_start_from_published_weights(tmp_path: Path) -> None:
    source = small_vgg()
    tensors = dict(source.embedding.backbone.network.state_dict())
    fc6, fc7 = (each for each in source.embedding.fc if isinstance(each, torch.nn.Linear))
    for name, layer in (("fc6", fc6), ("fc7", fc7)):
        tensors |= {f"{name}.{part}": value for part, value in layer.state_dict().items()}
    file = tmp_path / "vgg.safetensors"
    save_file(tensors | {"fc8.weight": torch.zeros(1000, 16)}, file)
    started = small_vgg(str(file)).state_dict()
    assert torch.equal(started["embedding.backbone.network.conv3.weight"], tensors["conv3.weight"])
    assert torch.equal(started["embedding.fc.1.weight"], tensors["fc6.weight"])
    assert torch.equal(started["embedding.fc.4.weight"], tensors["fc7.weight"])
    with pytest.raises(TrainingError, match=facts("fc7.weight", "(16, 24)", "(8, 24)")):
        small_vgg(str(file), embedding_size=8)


def test_attention_sums_to_one() -> None:
    weights = AttentionMap(6)(torch.randn(3, 6, 4, 5))
    assert weights.shape == (3, 1, 4, 5)
    assert (weights >= 0).all()
    assert weights.sum(dim=(1, 2, 3)).tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("seed", range(5))
def test_attention_starts_where_it_can_learn(seed: int) -> None:
    torch.manual_seed(seed)
    attention, maps = AttentionMap(96), 3.0 * torch.rand(16, 96, 4, 4)
    assert (attention.layers(maps) > 0).all(), "a score under the last ReLU has no gradient"
    attention(maps)[:, :, 0, 0].sum().backward()
    for name, parameter in attention.named_parameters():
        if name.endswith("weight"):
            assert parameter.grad is not None
            assert parameter.grad.any()


def test_the_largest_singular_value_is_found() -> None:
    layer = torch.nn.Conv2d(3, 4, 2)
    matrix = layer.weight.detach().reshape(4, -1).numpy()
    import numpy as np

    assert largest_singular_value(layer) == pytest.approx(np.linalg.svd(matrix)[1][0], rel=1e-5)


def make(**changes: object) -> EmbeddingNet:
    torch.manual_seed(0)
    recipe = load_recipe("fda_net/city", {**TINY_FDA, **changes})
    method = build_method(recipe, {"vehicle": 4})
    assert isinstance(method, EmbeddingNet)
    return method


def make_game(**changes: object) -> FdaNet:
    method = make(**changes)
    assert isinstance(method, FdaNet)
    return method


def batch() -> Batch:
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    return Batch(images, {"vehicle": torch.arange(4).repeat_interleave(2)})


def test_an_even_attention_makes_f_equal_to_h() -> None:
    method = make_game()
    maps = method.feature_map(batch().images)
    found = method.embedding(maps, torch.ones_like(maps[:, :1]))
    assert torch.allclose(found.whole, found.attended, atol=1e-6)
    own = method.embedding(maps)
    assert own.attention.mean(dim=(1, 2, 3)).tolist() == pytest.approx([1.0] * 8)


def test_search_uses_f() -> None:
    method = make_game().eval()
    maps = method.feature_map(batch().images)
    expected = functional.normalize(method.embedding(maps).attended)
    assert torch.equal(method.embed(batch().images)["main"], expected)


class Recorded:
    """A descent that computes gradients and remembers what was asked."""

    def __init__(self, method: FdaNet) -> None:
        self.method = method
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.stepped: list[str] = []

    def forward(self, name: str, *inputs: Any) -> Any:  # noqa: ANN401
        self.asked.append((name, inputs))
        return getattr(self.method, name)(*inputs)

    def step(self, losses: Mapping[str, Tensor], optimizer: str) -> None:
        part = getattr(self.method, optimizer)
        learning = [p for p in part.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(sum(losses.values()), learning, allow_unused=True)  # type: ignore[arg-type]
        assert any(g is not None and g.abs().sum() > 0 for g in gradients), optimizer
        self.stepped.append(optimizer)

    def observe(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        return {name: float(value) for name, value in values.items()}


def test_both_sides_learn_in_turn_and_z_alternates() -> None:
    method = make_game()
    descent = Recorded(method)
    for _ in range(4):
        method.step(batch(), descent)
    assert descent.stepped == ["embedding", "critic", "generator"] * 4
    z = [inputs[1] for name, inputs in descent.asked if name == "embedding_losses"]
    assert [each is not None for each in z] == [True, False, True, False]
    assert all(each is None or not each.requires_grad for each in z)


def test_the_generator_s_loss_is_put_together_from_its_equations() -> None:
    method = make_game(**{"model.realism_weight": 0.5})
    given = batch()
    torch.manual_seed(9)
    made = method.generate(given.images)
    torch.manual_seed(9)
    losses, observed = method.generator_losses(given, made)
    fixed = deepcopy(method).eval()
    real = fixed.embedding(fixed.feature_map(given.images))
    h, f = real.unit()
    torch.manual_seed(9)
    positive, negative = draw_pairs(given.labels["vehicle"], h, "random")
    h_made, f_made = fixed.embedding(fixed.feature_map(made), real.attention).unit()
    eq_4 = eq_7 = 0.0
    for i in range(8):
        to_p, to_n = squared(h[i], h[positive[i]]), squared(h[i], h[negative[i]])
        to_g = squared(h[i], h_made[i])
        eq_4 += max(to_p - to_g + 0.3, 0) + max(to_g - to_n + 0.3, 0)
        eq_7 += max(0.7 - squared(f[i], f_made[i]), 0)
    assert losses["similarity"].item() == pytest.approx(eq_4 / 8, abs=1e-5)
    assert losses["difference"].item() == pytest.approx(eq_7 / 8, abs=1e-5)
    fooled = torch.sigmoid(method.critic(made)).log().mean()
    assert losses["realism"].item() == pytest.approx(-0.5 * fooled.item(), abs=1e-5)
    assert set(observed) == {"made spread", "critic accuracy", "too near", "too far", "too alike"}
    assert 0 <= observed["critic accuracy"] <= 1


def test_minimax_is_equation_11_to_the_letter() -> None:
    method = make_game(**{"model.real_fake": "minimax"})
    made = method.generate(batch().images)
    losses, _ = method.generator_losses(batch(), made)
    expected = torch.log(1 - torch.sigmoid(method.critic(made))).mean()
    assert losses["realism"].item() == pytest.approx(expected.item(), abs=1e-5)


def test_without_attention_h_is_f_and_nothing_is_said_twice() -> None:
    method = make_game(**{"model.attention": "none"})
    made = method.generate(batch().images)
    losses, _ = method.generator_losses(batch(), made)
    assert set(losses) == {"realism", "similarity"}
    assert set(method.embedding_losses(batch(), made)) == {"identity", "triplet"}
    en = make(**{"model.attention": "none", "model.adversary": "none"})
    assert not isinstance(en, FdaNet)
    assert set(en.losses(batch())) == {"identity", "triplet"}


DROPPING = {"model.dropout": 0.5, "model.shared_size": 64}


def test_a_copy_of_the_picture_costs_gamma_and_is_too_near() -> None:
    method = make_game(**DROPPING).train()
    given = batch()
    for _ in range(3):  # the discriminator's own passes have dropout and batch statistics
        method.embedding_losses(given, None)
    losses, observed = method.generator_losses(given, given.images.clone())
    assert losses["difference"].item() == pytest.approx(0.7, abs=1e-6)
    assert observed["too alike"] == observed["too near"] == 1


def test_the_discriminators_are_fixed_while_the_generator_learns() -> None:
    method = make_game(**DROPPING).train()
    method.embedding.backbone.eval()  # frozen
    modes = {name: module.training for name, module in method.named_modules()}
    before = {name: each.clone() for name, each in method.state_dict().items()}
    seen = []
    for part in (method.embedding, method.critic):
        part.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    losses, _ = method.generator_losses(batch(), method.generate(batch().images))
    assert len(seen) == 4
    assert not any(seen)
    assert {name: module.training for name, module in method.named_modules()} == modes
    assert all(torch.equal(each, before[name]) for name, each in method.state_dict().items())
    learning = list(method.generator.parameters())
    found = torch.autograd.grad(sum(losses.values()), learning, allow_unused=True)  # type: ignore[arg-type]
    assert any(each is not None and each.abs().sum() > 0 for each in found)


def test_eq_7_is_weighed_and_can_be_left_out_with_the_attention_kept() -> None:
    given, losses = batch(), {}
    for weight in (1.0, 0.25, 0.0):
        method = make_game(**{"model.difference_weight": weight})
        torch.manual_seed(9)
        losses[weight], observed = method.generator_losses(given, method.generate(given.images))
        assert "too alike" in observed
        assert method.embedding.attention is not None
    whole, quarter, without = losses[1.0], losses[0.25], losses[0.0]
    assert quarter["difference"].item() == pytest.approx(whole["difference"].item() / 4)
    assert set(without) == {"realism", "similarity"}
    assert all(without[name] == whole[name] for name in without)


def test_the_ablation_has_en_with_attention_and_both_readings_of_without() -> None:
    ablation = load_ablation("fda_net")
    found = {}
    for row in ablation.rows:
        torch.manual_seed(0)
        method = build_method(row_recipe(ablation, row, seed=0), {"vehicle": 4})
        assert isinstance(method, EmbeddingNet)
        weighs = method.difference_weight > 0 if isinstance(method, FdaNet) else None
        found[row.name] = (method.embedding.attention is not None, weighs)
    assert found == {
        "EN": (False, None),
        "EN with attention": (True, None),
        "FDA-Net without attention": (False, True),
        "FDA-Net without attention regularization": (True, False),
        "FDA-Net": (True, True),
    }
    claims = [row.paper for row in ablation.rows]
    assert claims[1] == {}
    assert claims[2] == claims[3]


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_made_pictures_are_seen_with_the_running_statistics_of_real_ones(strength: float) -> None:
    method = make_game().train()
    given, cast = batch(), torch.tensor([2.0, -1.0, 0.5]).view(3, 1, 1)
    made = given.images + strength * cast
    for _ in range(30):
        method.feature_map(given.images)
    oracle = deepcopy(method)
    real = oracle.embedding(oracle.feature_map(given.images))
    after_real = {k: v.clone() for k, v in oracle.state_dict().items() if "running" in k}
    assert after_real
    oracle.eval()
    alike = oracle.embedding(oracle.feature_map(given.images))
    z = oracle.embedding(oracle.feature_map(made), alike.attention).unit()
    torch.manual_seed(9)
    positive, _ = draw_pairs(given.labels["vehicle"], real.unit()[0], "random")
    torch.manual_seed(9)
    losses = method.embedding_losses(given, made)
    for name, x, other in zip(("triplet", "triplet F"), alike.unit(), z, strict=True):
        eq_9 = 0.0
        for i in range(8):
            eq_9 += max(squared(x[i], x[positive[i]]) - squared(x[i], other[i]) + 0.6, 0)
        assert losses[name].item() == pytest.approx(eq_9 / 8, abs=1e-5)
        assert strength or losses[name] >= 0.6, "a copy is at no distance"
    now = method.state_dict()
    assert all(torch.equal(now[name], each) for name, each in after_real.items())
    assert all(module.training for module in method.modules())


def test_the_attention_learns_from_a_picture_and_from_what_was_made_of_it() -> None:
    method = make_game(**{"model.margin": 4.0}).train()  # every hinge is active: no kinks
    made = batch().images.clone()
    made[:, :, :16, :16] *= -2.0
    learning = deepcopy(method)
    loss = triplet_under_attention(learning, made)
    (gradient,) = torch.autograd.grad(loss, scores(learning))
    ahead = 0.3 * gradient / gradient.norm()
    before, after = deepcopy(method), deepcopy(method)
    with torch.no_grad():
        scores(before).sub_(ahead)
        scores(after).add_(ahead)
        rise = triplet_under_attention(after, made) - triplet_under_attention(before, made)
    assert rise.item() / 0.6 == pytest.approx(gradient.norm().item(), rel=0.01)


def triplet_under_attention(method: FdaNet, made: Tensor) -> Tensor:
    torch.manual_seed(9)
    return method.embedding_losses(batch(), made)["triplet F"]


def scores(method: FdaNet) -> Tensor:
    attention = method.embedding.attention
    assert attention is not None
    return cast("torch.nn.Conv2d", attention.layers[2]).weight


def test_a_mode_is_given_back_whatever_happens() -> None:
    layers = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Sequential(torch.nn.Dropout()))
    layers[1].eval()
    with suppress(RuntimeError), evaluating(layers):
        assert not any(each.training for each in layers.modules())
        raise RuntimeError
    assert [each.training for each in layers.modules()] == [True, True, False, False]


def test_pairs_are_of_the_batch() -> None:
    vehicles = torch.tensor([0, 0, 0, 1, 1, 2])
    embeddings = rows(6, 3)
    for seed in range(20):
        torch.manual_seed(seed)
        positive, negative = draw_pairs(vehicles, embeddings, "random")
        assert positive[5] == negative[5] == -1, "it has no second picture"
        for i in range(5):
            assert positive[i] != i
            assert vehicles[positive[i]] == vehicles[i] != vehicles[negative[i]]
    _, nearest = draw_pairs(vehicles, embeddings, "nearest")
    for i in range(5):
        others = [j for j in range(6) if vehicles[j] != vehicles[i]]
        assert nearest[i] == min(others, key=lambda j: squared(embeddings[i], embeddings[j]))


def test_a_batch_without_pairs_costs_nothing_and_breaks_nothing() -> None:
    method = make_game()
    lonely = Batch(batch().images, {"vehicle": torch.arange(8) % 4})
    alone = Batch(batch().images[:4], {"vehicle": torch.arange(4)})
    assert method.embedding_losses(lonely, None)["triplet"] > 0
    made = method.generate(alone.images)
    assert method.embedding_losses(alone, made)["triplet"] == 0
    assert method.generator_losses(alone, made)[0]["similarity"] == 0


def test_collapse_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    method = make_game()
    healthy = {"made spread": 0.8, "critic accuracy": 0.7}
    with caplog.at_level(logging.WARNING):
        for _ in range(49):
            method.watch.see({**healthy, "made spread": 0.001})
        method.watch.see(healthy)
        for _ in range(49):
            method.watch.see({**healthy, "made spread": 0.001})
        assert not caplog.records
        for _ in range(60):
            method.watch.see({**healthy, "made spread": 0.001})
        for _ in range(300):
            method.watch.see({**healthy, "critic accuracy": 1.0})
    assert [("collapsed" in r.message, "critic" in r.message) for r in caplog.records] == [
        (True, False),
        (False, True),
    ]


def test_it_trains_resumes_exactly_and_is_searched(
    run: Run, drawn_folder: Path, drawn_table: Sightings, tmp_path: Path
) -> None:
    seen: list[StepReport] = []
    recipe = load_recipe("fda_net/city", TINY_FDA)
    whole = train(recipe, drawn_table, tmp_path / "whole", on_step=seen.append)
    assert {"triplet F", "critic", "realism", "similarity", "difference"} <= set(seen[-1].losses)
    assert "made spread" in seen[-1].observed
    assert seen[-1].rate < seen[0].rate
    half = load_recipe("fda_net/city", {**TINY_FDA, "train.max_steps": whole.total // 2})
    train(half, drawn_table, tmp_path / "cut")
    resumed = train(recipe, drawn_table, tmp_path / "cut", resume=True)
    one, other = load_model(whole.best), load_model(resumed.best)
    assert one.fingerprint == other.fingerprint
    assert int(one.method.state_dict()["updates"]) == whole.total
    embeddings, _ = one.embed(drawn_table)
    assert embeddings.spaces["main"].shape == (len(drawn_table), 8)
    sheets = sorted(path.name for path in (whole.folder / "samples").iterdir())
    assert len(sheets) == 2
    lines = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines()]
    assert any(line.get("health", {}).get("generator stretch", 0) > 0 for line in lines)
    sheet = tmp_path / "figure-9.png"
    pair = ["--column", "input", "--column", "generated negative", "--rows", "3"]
    code, _, err = run("samples", whole.best, "--data", drawn_folder, "--out", sheet, *pair)
    assert code == 0, err
    assert says(err, sheet)
    assert sheet.stat().st_size > 0
    code, _, err = run("samples", whole.best, "--data", drawn_folder, "--out", tmp_path / "x.jpg")
    assert (code, "--out" in err) == (2, True)


def test_the_parts_have_rates_of_their_own() -> None:
    recipe = load_recipe("fda_net/veri-wild")
    method = make_game()
    rates = {
        name: optimizer.param_groups[0]["lr"]
        for name, optimizer in method.optimizers(recipe.train).items()
    }
    assert rates == {"embedding": 1e-3, "critic": 2e-4, "generator": 2e-4}
    factors = [rate_factor(epoch * 10, 10, recipe.train) for epoch in (0, 50, 75, 100)]
    assert factors == pytest.approx([1.0, 1.0, 0.5, 0.0])


def test_the_parts_have_betas_of_their_own() -> None:
    method, recipe = make_game(), load_recipe("fda_net/veri-wild")
    optimizers = method.optimizers(recipe.train)
    betas = {name: each.param_groups[0]["betas"] for name, each in optimizers.items()}
    assert betas == {"embedding": (0.9, 0.999), "critic": (0.5, 0.999), "generator": (0.5, 0.999)}
    weight = next(iter(method.generator.parameters()))
    for gradient in (1.0, 0.0):
        weight.grad = torch.full_like(weight, gradient)
        optimizers["generator"].step()
    mean = optimizers["generator"].state[weight]["exp_avg"]
    assert torch.allclose(mean, torch.full_like(mean, 0.5 * 0.5))
    plain = method.optimizers(recipe.train.model_copy(update={"betas": {}}))
    assert all(each.param_groups[0]["betas"] == (0.9, 0.999) for each in plain.values())


FDA_RECIPES = [name for name in recipe_names() if name.startswith("fda_net/")]


def every_recipe() -> Iterator[Recipe]:
    yield from map(load_recipe, FDA_RECIPES)
    ablation = load_ablation("fda_net")
    yield from (row_recipe(ablation, row, seed=0) for row in ablation.rows)


def test_the_embedding_learns_five_times_as_fast_everywhere() -> None:
    for recipe in every_recipe():
        assert set(recipe.train.rates) == set(recipe.train.betas) == {"generator", "critic"}
        for rate in recipe.train.rates.values():
            assert recipe.train.lr / rate == pytest.approx(5)
        assert set(recipe.train.betas.values()) == {0.5}


def test_the_paper_s_map_on_vehicleid_is_of_retrieval() -> None:
    rank_1, rank_5, claim = 0.5173, 0.7308, 0.5578  # EN, 1,600 vehicles, table 6
    # The one match of a query is at rank r and AP is 1/r; at worst those up to rank 5 are all at 5.
    queries = 10_000
    ranks = [1] * round(queries * rank_1) + [5] * round(queries * (rank_5 - rank_1))
    assert sum(1 / rank for rank in ranks) / queries > claim + 0.002
    claims = load_recipe("fda_net/vehicleid").paper
    assert {key: value for key, value in claims.items() if key.endswith("mAP")} == {
        "vehicleid 1600 retrieval mAP": 0.6533,
        "vehicleid 2400 retrieval mAP": 0.6184,
    }


def test_the_recipe_on_resnet_50_differs_in_backbone_and_head_alone() -> None:
    published, later = map(load_recipe, ("fda_net/veri-wild", "fda_net/veri-wild-resnet50"))
    assert later.model.model_dump(include={"backbone", "pooling", "shared_size"}) == {
        "backbone": "resnet50",
        "pooling": "average",
        "shared_size": 0,
    }
    own = {"backbone", "pooling", "shared_size", "dropout"}
    assert later.model.model_dump(exclude=own) == published.model.model_dump(exclude=own)
    for part in ("input", "augment", "train"):
        assert getattr(later, part) == getattr(published, part)
    claims = {
        3000: (0.6157, 0.7362, 0.9123),
        5000: (0.5269, 0.6429, 0.8539),
        10000: (0.4578, 0.5876, 0.8097),
    }
    assert later.paper == {
        f"veri-wild {size} {name}": figure
        for size, figures in claims.items()
        for name, figure in zip(("mAP", "rank-1", "rank-5"), figures, strict=True)
    }
    with torch.device("meta"):
        method = build_method(later, {"vehicle": 10})
    assert isinstance(method, FdaNet)
    assert [tuple(each.shape) for each in method.embedding.fc.parameters()] == [
        (1024, 2048),
        (1024,),
    ]


def test_several_processes_are_refused() -> None:
    fabric = cast(Fabric, SimpleNamespace(world_size=2))
    with pytest.raises(
        TrainingError, match=facts("FdaNet", "3 optimizers", "one process", "found 2", "torchrun")
    ):
        FabricDescent(fabric, make_game(), load_recipe("fda_net/city").train)


def test_what_is_not_a_number_stops_the_run(drawn_table: Sightings, tmp_path: Path) -> None:
    usual = load_recipe("fda_net/city", TINY_FDA)
    steep = usual.train.model_copy(update={"rates": {"critic": 1e30}})  # cannot be set
    recipe = usual.model_copy(update={"train": steep})
    with pytest.raises(NonFiniteLoss, match=facts("step 1", "realism nan", "train.lr")):
        train(recipe, drawn_table, tmp_path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model.margin": 0.5}, ("model.margin is 0.5", "0.3", "at least twice")),
        ({"train.rates": {"critics": 1e-4}}, ("train.rates", "critics", "embedding", "generator")),
        ({"train.betas": {"main": 0.5}}, ("train.betas", "main", "embedding", "generator")),
        ({"input.height": 34}, ("34 x 32 pixels", "multiples of 4")),
        ({"input.height": 28, "input.width": 28}, ("28 x 28 pixels", "32 or more")),
    ],
)
def test_what_cannot_be_built_is_refused(
    changes: dict[str, Any], complaint: tuple[str, ...]
) -> None:
    with pytest.raises(RecipeError, match=facts(complaint)):
        make(**changes)


@pytest.mark.slow
@pytest.mark.usefixtures("cities_of_blocks")
def test_the_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(REPOSITORY / "examples" / "fda_net.py"))
    example["main"]([str(tmp_path), "--vehicles", "12", "--steps", "6"])  # two epochs
    shown = capsys.readouterr().out
    assert "mAP" in shown
    assert (tmp_path / "report.html").exists()
    assert list((tmp_path / "run" / "samples").glob("*.png"))
