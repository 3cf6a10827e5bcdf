"""Losses between pictures, each against plain loops over pairs, and their weighted sum."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from platefree.losses import (
    batch_hard_triplet,
    centre_loss,
    circle_loss,
    moved_centres,
    pairwise_cosines,
    pairwise_distances,
    proxy_anchor,
    supervised_contrastive,
    vehicle_pairs,
    weighted_triplet,
)
from platefree.methods.metric_losses import MetricLosses
from platefree.nets.memory import CrossBatchMemory

batches = st.tuples(st.integers(2, 9), st.integers(1, 4), st.integers(0, 10_000))


def batch(size: int, vehicles: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(size, 5, generator=generator)
    return rows, torch.randint(vehicles, (size,), generator=generator)


def cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (math.hypot(*one) * math.hypot(*other))


def others_of(vehicles: list[int], anchor: int) -> tuple[list[int], list[int]]:
    same = [i for i, v in enumerate(vehicles) if v == vehicles[anchor] and i != anchor]
    return same, [i for i, v in enumerate(vehicles) if v != vehicles[anchor]]


def mean(terms: list[float]) -> float:
    return sum(terms) / len(terms) if terms else 0.0


def circle_by_loops(rows: list[list[float]], vehicles: list[int], m: float, s: float) -> float:
    terms = []
    for a in range(len(rows)):
        same, other = others_of(vehicles, a)
        near = far = 0.0
        for i in same:
            likeness = cosine(rows[a], rows[i])
            near += math.exp(-s * max(0.0, 1 + m - likeness) * (likeness - (1 - m)))
        for i in other:
            likeness = cosine(rows[a], rows[i])
            far += math.exp(s * max(0.0, likeness + m) * (likeness - m))
        if same and other:
            terms.append(math.log1p(near * far))
    return mean(terms)


@given(batches, st.sampled_from([(0.25, 8.0), (0.4, 20.0)]))
@settings(deadline=None, max_examples=40)
def test_circle_loss_is_what_two_loops_compute(
    drawn: tuple[int, int, int], constants: tuple[float, float]
) -> None:
    rows, vehicles = batch(*drawn)
    margin, scale = constants
    pairs = vehicle_pairs(vehicles, vehicles)
    found = circle_loss(pairwise_cosines(rows, rows), *pairs, margin=margin, scale=scale)
    expected = circle_by_loops(rows.tolist(), vehicles.tolist(), margin, scale)
    assert found.item() == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_the_circle_losss_gradient_has_its_weights_as_constants() -> None:
    # One positive, one negative: d loss / d s_n is sigmoid(z) scale alpha_n, and as much for s_p.
    cosines = torch.tensor([[1.0, 0.7, 0.2]], requires_grad=True)
    positive, negative = torch.tensor([[False, True, False]]), torch.tensor([[False, False, True]])
    margin, scale = 0.25, 16.0
    loss = circle_loss(cosines, positive, negative, margin=margin, scale=scale)
    (gradient,) = torch.autograd.grad(loss, cosines)
    pull, push = 1 + margin - 0.7, 0.2 + margin
    z = -scale * pull * (0.7 - (1 - margin)) + scale * push * (0.2 - margin)
    share = 1 / (1 + math.exp(-z))
    assert gradient[0].tolist() == pytest.approx([0.0, -share * scale * pull, share * scale * push])


def contrastive_by_loops(rows: list[list[float]], vehicles: list[int], t: float) -> float:
    terms = []
    for a in range(len(rows)):
        same, other = others_of(vehicles, a)
        everyone = sum(math.exp(cosine(rows[a], rows[i]) / t) for i in same + other)
        if same:
            logs = [math.log(math.exp(cosine(rows[a], rows[p]) / t) / everyone) for p in same]
            terms.append(-mean(logs))
    return mean(terms)


@given(batches, st.sampled_from([0.1, 0.5]))
@settings(deadline=None, max_examples=40)
def test_the_contrastive_loss_is_what_two_loops_compute(
    drawn: tuple[int, int, int], temperature: float
) -> None:
    rows, vehicles = batch(*drawn)
    found = supervised_contrastive(
        pairwise_cosines(rows, rows), *vehicle_pairs(vehicles, vehicles), temperature=temperature
    )
    expected = contrastive_by_loops(rows.tolist(), vehicles.tolist(), temperature)
    assert found.item() == pytest.approx(expected, rel=1e-3, abs=1e-4)


def weighted_by_loops(rows: list[list[float]], vehicles: list[int], margin: float | None) -> float:
    terms = []
    for a in range(len(rows)):
        away = [math.dist(rows[a], other) for other in rows]
        same, other = others_of(vehicles, a)
        if not same or not other:
            continue
        near = sum(math.exp(away[i]) * away[i] for i in same) / sum(math.exp(away[i]) for i in same)
        far = sum(math.exp(-away[i]) * away[i] for i in other) / sum(
            math.exp(-away[i]) for i in other
        )
        gap = near - far
        terms.append(math.log1p(math.exp(gap)) if margin is None else max(0.0, gap + margin))
    return mean(terms)


@given(batches, st.sampled_from([None, 0.3]))
@settings(deadline=None, max_examples=40)
def test_the_weighted_triplet_loss_is_what_two_loops_compute(
    drawn: tuple[int, int, int], margin: float | None
) -> None:
    rows, vehicles = batch(*drawn)
    pairs = vehicle_pairs(vehicles, vehicles)
    found = weighted_triplet(pairwise_distances(rows, rows), *pairs, margin=margin)
    expected = weighted_by_loops(rows.tolist(), vehicles.tolist(), margin)
    assert found.item() == pytest.approx(expected, rel=1e-3, abs=1e-4)


def proxy_by_loops(
    rows: list[list[float]], vehicles: list[int], proxies: list[list[float]]
) -> float:
    pulls, pushes = [], []
    for p, proxy in enumerate(proxies):
        near = [cosine(row, proxy) for row, v in zip(rows, vehicles, strict=True) if v == p]
        far = [cosine(row, proxy) for row, v in zip(rows, vehicles, strict=True) if v != p]
        if near:
            pulls.append(math.log1p(sum(math.exp(-32 * (likeness - 0.1)) for likeness in near)))
        pushes.append(math.log1p(sum(math.exp(32 * (likeness + 0.1)) for likeness in far)))
    return mean(pulls) + mean(pushes)


@given(batches)
@settings(deadline=None, max_examples=40)
def test_the_proxy_loss_is_what_two_loops_compute(drawn: tuple[int, int, int]) -> None:
    rows, vehicles = batch(*drawn)
    proxies = torch.randn(5, 5, generator=torch.Generator().manual_seed(drawn[2] + 1))
    cosines = pairwise_cosines(rows, proxies).requires_grad_()
    loss = proxy_anchor(cosines, vehicles)
    expected = proxy_by_loops(rows.tolist(), vehicles.tolist(), proxies.tolist())
    assert loss.item() == pytest.approx(expected, rel=1e-3, abs=1e-4)
    (gradient,) = torch.autograd.grad(loss, cosines)
    assert gradient.isfinite().all()


def test_centres_pull_and_move_as_in_the_paper() -> None:
    rows, vehicles = batch(7, 3, 5)
    rows.requires_grad_()
    centres = torch.randn(4, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
    loss = centre_loss(rows, vehicles, centres)
    squares = [
        math.dist(rows[i].tolist(), centres[v].tolist()) ** 2 for i, v in enumerate(vehicles)
    ]
    assert loss.item() == pytest.approx(0.5 * mean(squares), rel=1e-5)
    gradients = torch.autograd.grad(loss, [rows, centres], allow_unused=True)
    torch.testing.assert_close(gradients[0], (rows - centres[vehicles]).detach() / 7)  # eq. 3
    assert gradients[1] is None
    moved = moved_centres(rows, vehicles, centres, rate=0.5)
    for j in range(4):
        own = [row for row, v in zip(rows, vehicles, strict=True) if v == j]
        step = sum((centres[j] - row for row in own), torch.zeros(5)) / (1 + len(own))  # eq. 4
        torch.testing.assert_close(moved[j], (centres[j] - 0.5 * step).detach())


PAIR_LOSSES: list[Callable[..., Tensor]] = [circle_loss, supervised_contrastive, weighted_triplet]


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_pair_losses_without_pairs_are_zero_with_a_gradient_of_zero(
    loss: Callable[..., Tensor],
) -> None:
    measured = torch.rand(3, 3, requires_grad=True)
    vehicles = torch.tensor([0, 1, 2])
    value = loss(measured, *vehicle_pairs(vehicles, vehicles))
    (gradient,) = torch.autograd.grad(value, measured)
    assert value.item() == 0.0
    assert (gradient == 0).all()


@pytest.mark.parametrize("loss", PAIR_LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_pair_losses_stay_finite_on_vectors_that_coincide_or_are_opposite(
    loss: Callable[..., Tensor], dtype: torch.dtype
) -> None:
    vehicles = torch.tensor([0, 0, 1, 1, 1, 0])
    for rows in (
        torch.ones(6, 4),
        torch.zeros(6, 4),
        torch.ones(6, 4) * (1 - 2 * (vehicles == 1))[:, None],
    ):
        rows = rows.to(dtype).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(pairwise_cosines(rows, rows), *vehicle_pairs(vehicles, vehicles))
        (gradient,) = torch.autograd.grad(value, rows)
        assert value.isfinite()
        assert value.dtype == torch.float32
        assert gradient.isfinite().all()


def test_all_losses_of_a_batch_by_name_and_weight() -> None:
    rows, vehicles = batch(8, 3, 1)
    torch.manual_seed(0)
    metric = MetricLosses(
        *(5, 3),
        triplet_weight=2.0,
        circle_weight=0.5,
        contrastive_weight=0.25,
        proxy_weight=3.0,
        centre_weight=0.1,
        margin=0.3,
    )
    found = metric(rows, vehicles)
    pairs, cosines = vehicle_pairs(vehicles, vehicles), pairwise_cosines(rows, rows)
    expected = {
        "triplet": 2.0 * batch_hard_triplet(rows, vehicles, 0.3),
        "circle": 0.5 * circle_loss(cosines, *pairs),
        "contrastive": 0.25 * supervised_contrastive(cosines, *pairs),
        "proxy": 3.0 * proxy_anchor(pairwise_cosines(rows, metric.proxies), vehicles),
        "centre": 0.1 * centre_loss(rows, vehicles, torch.zeros(3, 5)),
    }
    assert list(found) == list(expected)
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss)
    torch.testing.assert_close(metric.centres, moved_centres(rows, vehicles, torch.zeros(3, 5)))
    assert MetricLosses(5, 3).state_dict() == {}  # the plain baseline has no state here


def test_a_ring_remembers_the_latest_vectors_and_travels_with_the_state() -> None:
    memory = CrossBatchMemory(5, 2, start=2)
    written: list[tuple[list[float], int]] = []
    for step in range(5):
        vectors, vehicles = batch(3, 4, step)
        assert len(memory.recall()[0]) == (0 if step < 2 else 5)
        memory.remember(vectors[:, :2], vehicles)
        written += list(zip(vectors[:, :2].tolist(), vehicles.tolist(), strict=True))
        kept = zip(memory.vectors.tolist(), memory.vehicles.tolist(), strict=True)
        assert sorted(pair for pair in kept if pair[1] >= 0) == sorted(written[-5:])
    resumed = CrossBatchMemory(5, 2, start=2)
    resumed.load_state_dict(memory.state_dict())
    for ring in (memory, resumed):
        ring.remember(torch.ones(2, 2), torch.tensor([7, 8]))
    assert all(torch.equal(a, b) for a, b in zip(memory.recall(), resumed.recall(), strict=True))
    memory.remember(torch.arange(14.0).view(7, 2), torch.arange(7))  # more than it can keep
    assert sorted(memory.vehicles.tolist()) == [2, 3, 4, 5, 6]


def test_pairs_with_the_memory_are_further_columns_without_gradient() -> None:
    first, first_vehicles = batch(6, 3, 1)
    rows, vehicles = batch(6, 3, 2)
    rows.requires_grad_()
    metric = MetricLosses(5, 3, memory=10)  # 4 places stay empty
    metric(first, first_vehicles)
    found = metric(rows, vehicles)["triplet"]
    terms = []
    columns = torch.cat([rows, first])
    labels = vehicles.tolist() + first_vehicles.tolist()
    for a in range(6):
        away = [(rows[a] - column).norm() for column in columns]
        same, other = others_of(labels, a)
        if same and other:
            gap = max(away[i] for i in same) - min(away[i] for i in other)
            terms.append(functional.softplus(gap))
    expected = torch.stack(terms).mean()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    gradients = [torch.autograd.grad(loss, rows)[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-3)
