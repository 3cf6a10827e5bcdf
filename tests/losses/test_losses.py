import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from platefree.losses import (
    batch_hard_triplet,
    coupled_clusters,
    cross_view_triplet,
    different_view_triplet,
    mean_view_distances,
    pairwise_distances,
    reverse_cross_triplet,
    same_view_triplet,
    set_triplets,
    smoothed_cross_entropy,
)

batches = st.tuples(st.integers(2, 12), st.integers(1, 4), st.integers(0, 10_000))


def batch(size: int, vehicles: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(size, 5, generator=generator, dtype=torch.float64)
    return rows.float(), torch.randint(vehicles, (size,), generator=generator)


def triplet_by_loops(rows: torch.Tensor, vehicles: torch.Tensor, margin: float | None) -> float:
    terms = []
    for a in range(len(rows)):
        distance = [math.dist(rows[a].tolist(), other.tolist()) for other in rows]
        same = [d for i, d in enumerate(distance) if i != a and vehicles[i] == vehicles[a]]
        other = [d for i, d in enumerate(distance) if vehicles[i] != vehicles[a]]
        if same and other:
            gap = max(same) - min(other)
            terms.append(math.log1p(math.exp(gap)) if margin is None else max(0.0, gap + margin))
    return sum(terms) / len(terms) if terms else 0.0


@given(batches, st.sampled_from([None, 0.3, 5.0]))
@settings(deadline=None)
def test_triplet_is_what_two_loops_compute(
    drawn: tuple[int, int, int], margin: float | None
) -> None:
    rows, vehicles = batch(*drawn)
    expected = triplet_by_loops(rows, vehicles, margin)
    assert batch_hard_triplet(rows, vehicles, margin).item() == pytest.approx(expected, abs=1e-4)


@given(batches)
@settings(deadline=None)
def test_triplet_does_not_depend_on_the_order_of_the_batch(drawn: tuple[int, int, int]) -> None:
    rows, vehicles = batch(*drawn)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(drawn[2]))
    before = batch_hard_triplet(rows, vehicles)
    after = batch_hard_triplet(rows[order], vehicles[order])
    torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-5)


def test_triplet_gradient_is_finite_where_pictures_coincide_and_zero_without_pairs() -> None:
    rows = torch.zeros(4, 3, requires_grad=True)
    batch_hard_triplet(rows, torch.tensor([0, 0, 1, 1])).backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
    alone = torch.randn(3, 3, requires_grad=True)
    loss = batch_hard_triplet(alone, torch.tensor([0, 1, 2]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert alone.grad is not None
    assert (alone.grad == 0).all()


def test_triplet_gradient_agrees_with_finite_differences() -> None:
    rows, vehicles = batch(6, 2, 3)
    rows = rows.double().requires_grad_()

    def loss(x: torch.Tensor) -> torch.Tensor:
        distances = pairwise_distances(x, x)
        same = vehicles[:, None] == vehicles[None]
        positive = distances.masked_fill(~same | torch.eye(6, dtype=torch.bool), 0.0).amax(1)
        negative = distances.masked_fill(same, torch.inf).amin(1)
        return torch.nn.functional.softplus(positive - negative).mean()

    assert torch.autograd.gradcheck(loss, (rows,))
    (expected,) = torch.autograd.grad(loss(rows), rows)
    (found,) = torch.autograd.grad(batch_hard_triplet(rows, vehicles), rows)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@given(st.integers(0, 1000), st.floats(0.0, 0.9))
@settings(deadline=None)
def test_smoothing_is_the_cross_entropy_against_mixed_targets(seed: int, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, 7, generator=generator)
    vehicles = torch.randint(7, (5,), generator=generator)
    total = 0.0
    for row, vehicle in zip(logits.tolist(), vehicles.tolist(), strict=True):
        normaliser = math.log(sum(math.exp(value) for value in row))
        for place, value in enumerate(row):
            target = smoothing / 7 + (1 - smoothing) * (place == vehicle)
            total -= target * (value - normaliser)
    found = smoothed_cross_entropy(logits, vehicles, smoothing).item()
    assert found == pytest.approx(total / 5, abs=1e-4)


def view_triplet_by_loops(
    distances: torch.Tensor,
    vehicles: list[int],
    views: list[int],
    margin: float,
    *,
    positive_same_view: bool,
    negative_same_view: bool,
) -> float:
    """Every triplet, the worst of each anchor, the mean over anchors that have one."""
    n, worst, measured = len(vehicles), [], distances.tolist()
    for a in range(n):
        terms = []
        for p in range(n):
            for q in range(n):
                known = views[a] >= 0 and views[p] >= 0 and views[q] >= 0
                if a in (p, q) or not known:
                    continue
                if vehicles[p] != vehicles[a] or vehicles[q] == vehicles[a]:
                    continue
                if (views[p] == views[a]) != positive_same_view:
                    continue
                if (views[q] == views[a]) != negative_same_view:
                    continue
                terms.append(max(0.0, measured[a][p] - measured[a][q] + margin))
        if terms:
            worst.append(max(terms))
    return sum(worst) / len(worst) if worst else 0.0


VIEW_TERMS = [
    (same_view_triplet, True, True),
    (different_view_triplet, False, False),
    (cross_view_triplet, False, True),
    (reverse_cross_triplet, True, False),
]


@pytest.mark.parametrize(("loss", "positive", "negative"), VIEW_TERMS)
@given(batches, st.integers(1, 3), st.sampled_from([0.5, 2.0]))
@settings(deadline=None)
def test_view_triplets_are_what_three_loops_compute(
    loss: Callable[..., torch.Tensor],
    positive: bool,
    negative: bool,
    drawn: tuple[int, int, int],
    views: int,
    margin: float,
) -> None:
    rows, vehicles = batch(*drawn)
    generator = torch.Generator().manual_seed(drawn[2] + 1)
    seen = torch.randint(-1, views, (len(rows),), generator=generator)
    distances = torch.rand(len(rows), len(rows), generator=generator)  # need not be symmetric
    expected = view_triplet_by_loops(
        distances,
        vehicles.tolist(),
        seen.tolist(),
        margin,
        positive_same_view=positive,
        negative_same_view=negative,
    )
    found = loss(distances, vehicles, seen, margin).item()
    assert found == pytest.approx(expected, abs=1e-5)


@given(batches, st.integers(1, 3))
@settings(deadline=None)
def test_mean_distances_of_four_kinds_of_pairs_are_what_two_loops_compute(
    drawn: tuple[int, int, int], views: int
) -> None:
    rows, vehicles = batch(*drawn)
    n, generator = len(rows), torch.Generator().manual_seed(drawn[2] + 1)
    seen = torch.randint(-1, views, (n,), generator=generator)
    distances = torch.rand(n, n, generator=generator)
    pairs: dict[str, list[float]] = {
        f"{view}-view {sign} distance": []
        for view in ("S", "D")
        for sign in ("positive", "negative")
    }
    for a in range(n):
        for b in range(n):
            if a != b and seen[a] >= 0 and seen[b] >= 0:
                view = "S" if seen[a] == seen[b] else "D"
                sign = "positive" if vehicles[a] == vehicles[b] else "negative"
                pairs[f"{view}-view {sign} distance"].append(distances[a, b].item())
    found = mean_view_distances(distances, vehicles, seen)
    assert set(found) == set(pairs)
    for name, values in pairs.items():
        expected = sum(values) / len(values) if values else math.nan
        assert found[name].item() == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_a_view_term_that_no_anchor_can_have_is_zero_with_a_gradient_of_zero() -> None:
    distances = torch.rand(4, 4, requires_grad=True)
    vehicles, front = torch.tensor([0, 0, 1, 1]), torch.zeros(4, dtype=torch.int64)
    for loss in (different_view_triplet, cross_view_triplet, reverse_cross_triplet):
        value = loss(distances, vehicles, front)
        assert value.item() == 0.0
        (gradient,) = torch.autograd.grad(value, distances)
        assert (gradient == 0).all()
    value = same_view_triplet(distances, vehicles, front)
    (gradient,) = torch.autograd.grad(value, distances)
    assert gradient.isfinite().all()
    assert value.item() > 0


shapes = st.tuples(st.integers(1, 4), st.integers(2, 5), st.integers(1, 5), st.integers(0, 10_000))


def sets(pairs: int, positives: int, negatives: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Unit rows: (pairs, positives, 6) and (pairs, negatives, 6)."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(pairs, positives + negatives, 6, generator=generator)
    rows = torch.nn.functional.normalize(rows, dim=2)
    return rows[:, :positives].clone(), rows[:, positives:].clone()


def squared(a: list[float], b: list[float]) -> float:
    return math.dist(a, b) ** 2


def centre_of(rows: list[list[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


@given(shapes, st.sampled_from([0.1, 0.5, 2.0]))
@settings(deadline=None)
def test_coupled_clusters_is_equation_6_in_loops(
    drawn: tuple[int, int, int, int], margin: float
) -> None:
    positives, negatives = sets(*drawn)
    total = 0.0
    for own, others in zip(positives.tolist(), negatives.tolist(), strict=True):
        centre = centre_of(own)
        nearest = min(squared(row, centre) for row in others)
        for row in own:
            total += 0.5 * max(0.0, squared(row, centre) + margin - nearest)
    found = coupled_clusters(positives, negatives, margin).item()
    assert found == pytest.approx(total / len(positives), abs=1e-4)


@given(shapes, st.sampled_from([0.1, 0.5, 2.0]))
@settings(deadline=None)
def test_coupled_clusters_has_the_gradients_of_equations_7_and_8(
    drawn: tuple[int, int, int, int], margin: float
) -> None:
    positives, negatives = (rows.requires_grad_() for rows in sets(*drawn))
    coupled_clusters(positives, negatives, margin).backward()  # type: ignore[no-untyped-call]
    pairs = len(positives)
    pulls, pushes = torch.zeros_like(positives), torch.zeros_like(negatives)
    with torch.no_grad():
        for pair in range(pairs):
            centre = positives[pair].mean(0)
            away = [float((row - centre).square().sum()) for row in negatives[pair]]
            nearest = away.index(min(away))
            for place, row in enumerate(positives[pair]):
                if float((row - centre).square().sum()) + margin - away[nearest] > 0:
                    pulls[pair, place] = row - centre  # eq. 7
                    pushes[pair, nearest] += centre - negatives[pair, nearest]  # eq. 8
    torch.testing.assert_close(positives.grad, pulls / pairs, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(negatives.grad, pushes / pairs, atol=1e-5, rtol=1e-4)


@given(shapes, st.sampled_from([0.1, 0.5, 2.0]))
@settings(deadline=None)
def test_with_a_learnt_centre_coupled_clusters_has_the_whole_gradient_of_equation_6(
    drawn: tuple[int, int, int, int], margin: float
) -> None:
    positives, negatives = (rows.requires_grad_() for rows in sets(*drawn))
    coupled_clusters(positives, negatives, margin, centre="learnt").backward()  # type: ignore[no-untyped-call]
    pairs, size = positives.shape[:2]
    pulls, pushes = torch.zeros_like(positives), torch.zeros_like(negatives)
    with torch.no_grad():
        for pair in range(pairs):
            centre = positives[pair].mean(0)
            away = [float((row - centre).square().sum()) for row in negatives[pair]]
            nearest = away.index(min(away))
            for place, row in enumerate(positives[pair]):
                if float((row - centre).square().sum()) + margin - away[nearest] > 0:
                    pulls[pair, place] += row - centre
                    pushes[pair, nearest] += centre - negatives[pair, nearest]
                    # d/dc of 1/2 |row - c|^2 - 1/2 |nearest - c|^2, of which each row has its share
                    pulls[pair] += (negatives[pair, nearest] - row) / size
    torch.testing.assert_close(positives.grad, pulls / pairs, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(negatives.grad, pushes / pairs, atol=1e-5, rtol=1e-4)


def test_the_kind_of_centre_does_not_change_the_value_of_coupled_clusters() -> None:
    positives, negatives = sets(3, 4, 5, 1)
    constant, learnt = (
        coupled_clusters(positives, negatives, 0.8, centre=kind) for kind in ("constant", "learnt")
    )
    assert constant == learnt


def test_coupled_clusters_rests_where_every_vehicle_keeps_its_distance() -> None:
    positives = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]], requires_grad=True)
    negatives = torch.tensor([[[-1.0, 0.0], [0.0, 1.0]]], requires_grad=True)
    loss = coupled_clusters(positives, negatives, 1.9)  # the nearest is at squared distance 2
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert positives.grad is not None and negatives.grad is not None  # noqa: PT018
    assert not positives.grad.any() and not negatives.grad.any()  # noqa: PT018


def test_of_two_equally_near_negatives_one_is_pushed() -> None:
    positives = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    negatives = torch.tensor([[[0.0, 1.0], [0.0, -1.0]]], requires_grad=True)
    coupled_clusters(positives, negatives, 3.0).backward()  # type: ignore[no-untyped-call]
    assert negatives.grad is not None
    assert int(negatives.grad.abs().sum(dim=2).count_nonzero()) == 1


@given(shapes, st.sampled_from([0.1, 0.5, 2.0]))
@settings(deadline=None)
def test_set_triplets_is_equation_3_in_loops(
    drawn: tuple[int, int, int, int], margin: float
) -> None:
    positives, negatives = sets(*drawn)
    total = 0.0
    for own, others in zip(positives.tolist(), negatives.tolist(), strict=True):
        for a, anchor in enumerate(own):
            terms = [
                max(0.0, squared(anchor, mate) + margin - squared(anchor, other))
                for p, mate in enumerate(own)
                for other in others
                if p != a
            ]
            total += 0.5 * sum(terms) / len(terms)
    found = set_triplets(positives, negatives, margin).item()
    assert found == pytest.approx(total / len(positives), abs=1e-4)


@pytest.mark.parametrize("loss", [coupled_clusters, set_triplets])
def test_a_batch_of_sets_is_the_mean_of_its_pairs_in_any_order(
    loss: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor],
) -> None:
    positives, negatives = sets(5, 4, 3, 7)
    whole = loss(positives, negatives, 0.8)
    alone = [loss(positives[i : i + 1], negatives[i : i + 1], 0.8) for i in (3, 1, 4, 0, 2)]
    torch.testing.assert_close(whole, torch.stack(alone).mean())
    torch.testing.assert_close(whole, loss(positives.flip(1), negatives.flip(1), 0.8))
