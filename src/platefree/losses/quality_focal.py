"""Losses of one-stage detectors (Li et al., "Generalized Focal Loss", NeurIPS 2020)."""

import torch
from torch import Tensor
from torch.nn import functional


def quality_focal(logits: Tensor, quality: Tensor, *, focus: float = 2.0) -> Tensor:
    """Quality focal loss (eq. 5): a soft target, the overlap of the predicted box, at each class.

    Args:
        logits: (n, classes).
        quality: (n, classes) float32 in [0, 1], 0 where there is no vehicle of the class.
        focus: beta of the paper; how little confident predictions count.

    Returns:
        (n, classes) losses.
    """
    distance = (quality - logits.sigmoid()).abs()
    plain = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return distance**focus * plain


def distribution_focal(logits: Tensor, steps: Tensor) -> Tensor:
    """Distribution focal loss (eq. 6): the two whole numbers around a distance share its weight.

    Args:
        logits: (n, bins), of the distances 0, 1, ..., bins - 1.
        steps: (n,) float32 in [0, bins - 1], the true distance.

    Returns:
        (n,) losses.
    """
    low = steps.floor().long().clamp(max=logits.shape[1] - 2)
    part = steps - low
    logs = functional.log_softmax(logits, dim=1)
    near, far = (logs.gather(1, (low + more)[:, None])[:, 0] for more in (0, 1))
    losses: Tensor = -((1 - part) * near + part * far)
    return losses


def generalized_overlap(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union of boxes in pairs, and the loss 1 - GIoU.

    GIoU (Rezatofighi et al., CVPR 2019, algorithm 1) is the intersection over union, less the part
    of the smallest box around both that neither covers.

    Args:
        first: (n, 4) left, top, right, bottom.
        second: (n, 4), each with an area.

    Returns:
        (n,) overlaps and (n,) losses.
    """
    shared = torch.minimum(first[:, 2:], second[:, 2:]) - torch.maximum(first[:, :2], second[:, :2])
    common = shared.clamp(min=0).prod(dim=1)
    union = _area(first) + _area(second) - common
    low, high = (
        torch.minimum(first[:, :2], second[:, :2]),
        torch.maximum(first[:, 2:], second[:, 2:]),
    )
    around = (high - low).prod(dim=1)
    overlap = common / union.clamp(min=1e-9)
    return overlap, 1 - overlap + (around - union) / around.clamp(min=1e-9)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
