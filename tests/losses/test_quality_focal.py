"""Losses of detectors against their formulas, term by term."""

import math

import numpy as np
import pytest
import torch

from platefree.losses.quality_focal import distribution_focal, generalized_overlap, quality_focal


def test_quality_focal_is_equation_5() -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(7, 4, generator=random) * 2
    quality = torch.rand(7, 4, generator=random) * (torch.rand(7, 4, generator=random) < 0.5)
    losses = quality_focal(logits, quality)
    for row in range(7):
        for column in range(4):
            sigma = 1 / (1 + math.exp(-float(logits[row, column])))
            y = float(quality[row, column])
            expected = -(abs(y - sigma) ** 2) * (
                (1 - y) * math.log(1 - sigma) + y * math.log(sigma)
            )
            assert float(losses[row, column]) == pytest.approx(expected, rel=1e-4)


def test_quality_focal_is_least_where_the_prediction_is_the_quality() -> None:
    quality = torch.tensor([[0.3]])
    logit = torch.tensor([[0.3]]).logit().requires_grad_()
    (slope,) = torch.autograd.grad(quality_focal(logit, quality).sum(), logit)
    assert float(slope) == pytest.approx(0.0, abs=1e-6)


def test_distribution_focal_is_equation_6() -> None:
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(40, 11, generator=random)
    steps = torch.cat([torch.rand(36, generator=random) * 10, torch.tensor([0.0, 3.0, 9.5, 10.0])])
    losses = distribution_focal(logits, steps)
    for row in range(40):
        weights = np.exp(logits[row].double().numpy())
        share = weights / weights.sum()
        y = float(steps[row])
        low = min(math.floor(y), 9)
        expected = -((low + 1 - y) * math.log(share[low]) + (y - low) * math.log(share[low + 1]))
        assert float(losses[row]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def squares(box: list[int]) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


def test_overlaps_are_counted_squares() -> None:
    random = np.random.default_rng(2)
    corners = random.integers(0, 9, (60, 2, 2))
    boxes = np.concatenate([corners, corners + random.integers(1, 7, (60, 2, 2))], axis=2)
    first, second = (torch.tensor(boxes[:, n], dtype=torch.float32) for n in (0, 1))
    overlap, apart = generalized_overlap(first, second)
    for row, (one, other) in enumerate(boxes.tolist()):
        a, b = squares(one), squares(other)
        around = [*np.minimum(one, other)[:2], *np.maximum(one, other)[2:]]
        whole = len(squares([int(each) for each in around]))
        iou = len(a & b) / len(a | b)
        assert float(overlap[row]) == pytest.approx(iou, abs=1e-6)
        giou = iou - (whole - len(a | b)) / whole
        assert float(apart[row]) == pytest.approx(1 - giou, abs=1e-6)
