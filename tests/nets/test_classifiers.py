"""Classifiers of identities: margins against their formulas, samples against the whole."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from platefree.losses import (
    arc_logits,
    circle_logits,
    cos_logits,
    sampled_cross_entropy,
    smoothed_cross_entropy,
)
from platefree.nets.classifiers import IdentityClassifier, Margin

MARGINS: list[Margin] = ["circle", "arc", "cos"]


def rows_and_vehicles(count: int, vehicles: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, 6, generator=generator)
    return rows, torch.randint(vehicles, (count,), generator=generator)


def logit(margin: str, cosine: float, *, is_own: bool, s: float, m: float) -> float:
    """One entry, by the papers' formulas."""
    if margin == "cos":
        return s * (cosine - m if is_own else cosine)
    if margin == "circle":
        if is_own:
            return s * max(0.0, 1 + m - cosine) * (cosine - (1 - m))
        return s * max(0.0, cosine + m) * (cosine - m)
    if not is_own:
        return s * cosine
    angle = math.acos(cosine)
    return s * (math.cos(angle + m) if angle + m <= math.pi else cosine - m * math.sin(m))


@pytest.mark.parametrize("margin", MARGINS)
def test_logits_are_those_of_the_papers(margin: Margin) -> None:
    rows, vehicles = rows_and_vehicles(5, 7, 1)
    rows[0] = -rows[1]  # an own class behind a half turn
    classifier = IdentityClassifier(6, 7, margin=margin, scale=16.0, size=0.35)
    with torch.no_grad():
        classifier.weight[vehicles[0]] = -rows[0]
    scores = classifier(rows)
    found = classifier.loss(rows, vehicles, smoothing=0.0).item()
    total = 0.0
    for i, row in enumerate(rows):
        logits = []
        for j, weight in enumerate(classifier.weight.detach()):
            cosine = float(row @ weight / row.norm() / weight.norm())
            assert scores[i, j].item() == pytest.approx(cosine, abs=1e-5)
            cosine = min(max(cosine, -1.0), 1.0)
            logits.append(logit(margin, cosine, is_own=j == vehicles[i], s=16.0, m=0.35))
        total -= logits[int(vehicles[i])] - math.log(sum(math.exp(value) for value in logits))
    assert found == pytest.approx(total / 5, rel=1e-3)


def test_the_linear_kind_is_a_linear_layer_without_bias() -> None:
    rows, vehicles = rows_and_vehicles(5, 7, 1)
    classifier = IdentityClassifier(6, 7)
    logits = rows @ classifier.weight.T
    torch.testing.assert_close(classifier(rows), logits)
    expected = functional.cross_entropy(logits, vehicles, label_smoothing=0.1)
    torch.testing.assert_close(classifier.loss(rows, vehicles, 0.1), expected)


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_at_a_scale_of_64_loss_and_gradient_are_finite_at_the_ends(
    margin: Margin, dtype: torch.dtype
) -> None:
    classifier = IdentityClassifier(4, 3, margin=margin)
    with torch.no_grad():
        classifier.weight.copy_(torch.eye(3, 4))
    rows = torch.cat([torch.eye(3, 4), -torch.eye(3, 4), torch.zeros(3, 4), 1e4 * torch.eye(3, 4)])
    rows = rows.to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = classifier.loss(rows, torch.arange(3).repeat(4), 0.1)
    gradients = torch.autograd.grad(loss, [rows, classifier.weight])
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_circles_slope_has_its_weights_as_constants() -> None:
    cosines = torch.tensor([[0.6, -0.1, 0.3]], requires_grad=True)
    logits = circle_logits(cosines, torch.tensor([0]), scale=10.0, margin=0.35)
    (slope,) = torch.autograd.grad(logits.sum(), cosines)
    assert slope[0].tolist() == pytest.approx([7.5, 2.5, 6.5])  # 10 (1.35 - .6), 10 (s + .35)


def test_arcs_slope_is_that_of_the_turned_angle() -> None:
    angles = torch.tensor([[0.3, 1.0, 2.0]], dtype=torch.float64)
    cosines = angles.cos().requires_grad_()
    for own in range(3):
        logits = arc_logits(cosines, torch.tensor([own]), scale=1.0, margin=0.5)
        (slope,) = torch.autograd.grad(logits[0, own], cosines)
        angle = float(angles[0, own])
        assert slope[0, own].item() == pytest.approx(math.sin(angle + 0.5) / math.sin(angle))
    lowered = cos_logits(cosines, torch.tensor([1]), scale=2.0, margin=0.5)
    torch.testing.assert_close(lowered, 2 * cosines - torch.tensor([[0.0, 1.0, 0.0]]))


def test_of_several_centres_the_nearest_counts() -> None:
    rows, vehicles = rows_and_vehicles(5, 4, 3)
    classifier = IdentityClassifier(6, 4, margin="arc", centres=3)
    expected = torch.empty(5, 4)
    for i, j in itertools.product(range(5), range(4)):
        expected[i, j] = max(
            functional.cosine_similarity(rows[i], classifier.weight[3 * j + k], dim=0).item()
            for k in range(3)
        )
    torch.testing.assert_close(classifier(rows), expected)
    classifier.fraction = 0.5
    classifier.loss(rows, vehicles, 0.1).backward()  # type: ignore[no-untyped-call]
    assert classifier.weight.grad is not None
    touched = classifier.weight.grad.view(4, 3, 6).abs().sum(2) > 0
    assert touched[vehicles].any(1).all()


@pytest.mark.parametrize("margin", ["linear", *MARGINS])
def test_all_vehicles_drawn_give_the_loss_and_gradient_of_the_whole(margin: Margin) -> None:
    rows, vehicles = rows_and_vehicles(6, 9, 2)
    classifier = IdentityClassifier(6, 9, margin=margin, scale=16.0)
    whole = classifier.loss(rows, vehicles, 0.1)
    classifier.fraction = 0.999  # which rounds to all 9, by the path of a sample
    sampled = classifier.loss(rows, vehicles, 0.1)
    torch.testing.assert_close(sampled, whole)
    gradients = [torch.autograd.grad(loss, classifier.weight)[0] for loss in (sampled, whole)]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_a_sample_holds_the_batch_and_touches_no_other_row() -> None:
    rows, vehicles = rows_and_vehicles(6, 40, 2)
    classifier = IdentityClassifier(6, 40, margin="circle", fraction=0.3)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(classifier.sample(vehicles)[0].tolist())
        assert set(vehicles.tolist()) <= set(drawn[-1])
        assert len(drawn[-1]) == 12
        torch.manual_seed(seed)
        (gradient,) = torch.autograd.grad(classifier.loss(rows, vehicles, 0.1), classifier.weight)
        touched = gradient.abs().sum(1) > 0
        assert set(touched.nonzero()[:, 0].tolist()) <= set(drawn[-1])
        assert touched[vehicles].all()
    assert drawn[0] == drawn[1] != drawn[2]
    classifier.fraction = 0.01  # less than the batch itself
    chosen, drawn_with = classifier.sample(vehicles)
    assert chosen.tolist() == sorted(set(vehicles.tolist()))
    assert (drawn_with == 1).all()


def test_over_all_samples_both_sums_of_the_loss_are_right_on_average() -> None:
    # 6 classes, the own one certain, 2 of the other 5 drawn: 10 samples of equal probability.
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(1, 6, generator=generator, dtype=torch.float64)
    normalisers, losses = [], []
    for pair in itertools.combinations(range(1, 6), 2):
        chosen = [0, *pair]
        drawn_with = torch.tensor([1.0, 0.4, 0.4], dtype=torch.float64)
        some, target = logits[:, chosen], torch.tensor([0])
        options = {"classes": 6, "smoothing": 0.2}
        losses.append(sampled_cross_entropy(some, target, drawn_with, **options).item())  # type: ignore[arg-type]
        spread = (
            0.2
            / 6
            * sum(
                value / chance
                for value, chance in zip(some[0].tolist(), [1, 0.4, 0.4], strict=True)
            )
        )
        # What is left without the linear terms is the logarithm of the estimated sum.
        normalisers.append(math.exp(losses[-1] + 0.8 * some[0, 0].item() + spread))
    assert sum(normalisers) / 10 == pytest.approx(logits.exp().sum().item(), rel=1e-5)
    whole = smoothed_cross_entropy(logits, torch.tensor([0]), 0.2).item()
    assert sum(losses) / 10 < whole
    assert sum(losses) / 10 == pytest.approx(whole, abs=0.3)
