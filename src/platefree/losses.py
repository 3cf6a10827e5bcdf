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


def coupled_clusters(positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    """Coupled clusters loss (Liu et al., CVPR 2016, "Deep Relative Distance Learning", eq. 6).

    The pictures of one vehicle are pulled to their centre, and the other vehicle that is nearest
    to the centre is pushed away from it. Decided: the centre is a constant of the backward pass,
    so that the gradients are those of eq. 7 and 8; several pairs of sets are averaged.

    Args:
        positives: (s, p, d) unit rows: in each of s pairs of sets, p pictures of one vehicle.
        negatives: (s, n, d) unit rows: n pictures of other vehicles.
        margin: alpha of eq. 5, between squared distances.

    Returns:
        The sum over the positives of half the hinge, averaged over the pairs of sets.
    """
    with torch.autocast(positives.device.type, enabled=False):
        positives, negatives = positives.float(), negatives.float()
        centre = positives.detach().mean(dim=1, keepdim=True)  # eq. 4: (s, 1, d)
        own = (positives - centre).square().sum(dim=2)  # (s, p)
        nearest = (negatives - centre).square().sum(dim=2).min(dim=1, keepdim=True).values
        return 0.5 * functional.relu(own + margin - nearest).sum(dim=1).mean()


def set_triplets(positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    """Triplet loss (eq. 3 of the same paper) over the same pairs of sets, as its baseline.

    Every positive is the anchor of all triplets with another positive and a negative of its pair
    of sets. Decided: an anchor's triplets are averaged, which is what triplets drawn at random
    amount to, and the half of `coupled_clusters` is kept, so that both losses have one size.

    Args:
        positives: (s, p, d) unit rows, p at least 2.
        negatives: (s, n, d) unit rows.
        margin: alpha of eq. 2, between squared distances.

    Returns:
        The sum over the anchors of half the mean hinge, averaged over the pairs of sets.
    """
    with torch.autocast(positives.device.type, enabled=False):
        positives, negatives = positives.float(), negatives.float()
        near = (positives[:, :, None] - positives[:, None, :]).square().sum(dim=3)  # (s, p, p)
        far = (positives[:, :, None] - negatives[:, None, :]).square().sum(dim=3)  # (s, p, n)
        hinge = functional.relu(near[..., None] + margin - far[:, :, None])  # (s, p, p, n)
        others = ~torch.eye(positives.shape[1], dtype=torch.bool, device=near.device)
        return 0.5 * hinge[:, others].mean(dim=(1, 2)).mean() * positives.shape[1]


def known_cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy over the rows whose class is known.

    Args:
        logits: (n, classes).
        classes: (n,) int64, -1 unknown.

    Returns:
        The mean over the known rows; zero (with a gradient of zero) if there are none.
    """
    total = functional.cross_entropy(logits.float(), classes, ignore_index=-1, reduction="sum")
    return total / (classes >= 0).sum().clamp(min=1)
