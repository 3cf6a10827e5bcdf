"""Losses as pure functions: tensors in, one scalar tensor out."""

import torch
from torch import Tensor
from torch.nn import functional


def pairwise_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """Euclidean distances between two sets of vectors.

    Args:
        rows: (n, d).
        columns: (m, d).

    Returns:
        (n, m), with a finite gradient also where two vectors coincide.
    """
    squared = rows.square().sum(1, keepdim=True) + columns.square().sum(1) - 2.0 * rows @ columns.T
    return squared.clamp(min=1e-12).sqrt()


def batch_hard_triplet(embeddings: Tensor, vehicles: Tensor, margin: float | None = None) -> Tensor:
    """Batch-hard triplet loss (Hermans et al. 2017, "In Defense of the Triplet Loss", eq. 5).

    Every picture is an anchor with its farthest positive and nearest negative of the batch.
    Anchors without a positive or without a negative take no part.

    Args:
        embeddings: (n, d) float.
        vehicles: (n,) int64 identities.
        margin: the hinge's margin; None is the soft margin ``log(1 + exp(p - n))``.

    Returns:
        The mean over the anchors that take part; zero (with a gradient of zero) if there are none.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        distances = pairwise_distances(embeddings.float(), embeddings.float())
    same = vehicles[:, None] == vehicles[None, :]
    self_pairs = torch.eye(len(vehicles), dtype=torch.bool, device=vehicles.device)
    positive = distances.masked_fill(~same | self_pairs, -torch.inf).amax(1)
    negative = distances.masked_fill(same, torch.inf).amin(1)
    takes_part = positive.isfinite() & negative.isfinite()
    if not takes_part.any():
        return embeddings.sum() * 0.0
    gap = positive[takes_part] - negative[takes_part]
    hinge = functional.softplus(gap) if margin is None else functional.relu(gap + margin)
    return hinge.mean()


def smoothed_cross_entropy(logits: Tensor, vehicles: Tensor, smoothing: float = 0.1) -> Tensor:
    """Cross-entropy against ``(1 - s) * one_hot + s / classes`` (Szegedy et al. 2016, section 7).

    Args:
        logits: (n, classes).
        vehicles: (n,) int64 class of each row.
        smoothing: s.

    Returns:
        The mean over the rows.
    """
    return functional.cross_entropy(logits.float(), vehicles, label_smoothing=smoothing)
