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


def triplet_hinges(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    """Triplet hinges between squared distances (Lou et al., CVPR 2019, "VERI-Wild", eq. 8 and 9).

    Args:
        anchors: (n, d).
        positives: (n, d), one for each anchor.
        negatives: (n, d), real ones or generated ones.
        margin: alpha.

    Returns:
        (n,) not negative; their mean is the loss.
    """
    gap = _squared(anchors, positives) - _squared(anchors, negatives)
    return functional.relu(gap + margin)


def similarity_hinges(
    anchors: Tensor, positives: Tensor, generated: Tensor, negatives: Tensor, margin: float
) -> Tensor:
    """The similarity constraint on a generated negative (the same paper, eq. 4).

    Its distance from the anchor should be larger than the positive's and smaller than the real
    negative's, by the margin each.

    Args:
        anchors: (n, d).
        positives: (n, d).
        generated: (n, d), made from the anchors.
        negatives: (n, d), real.
        margin: beta.

    Returns:
        (n, 2) not negative: the first and the second term; the sum of their means is the loss.
    """
    to_generated = _squared(anchors, generated)
    beyond_positive = _squared(anchors, positives) - to_generated + margin
    before_negative = to_generated - _squared(anchors, negatives) + margin
    return functional.relu(torch.stack([beyond_positive, before_negative], dim=1))


def difference_hinges(anchors: Tensor, generated: Tensor, margin: float) -> Tensor:
    """The attention regularisation (the same paper, eq. 7): where it counts, be different.

    Args:
        anchors: (n, d), F of the pictures.
        generated: (n, d), F of what was made from them, under the attention of the pictures.
        margin: gamma.

    Returns:
        (n,) not negative; their mean is the loss.
    """
    return functional.relu(margin - _squared(anchors, generated))


def real_fake(real: Tensor, made: Tensor) -> Tensor:
    """How well real and made pictures are told apart (the same paper, eq. 10): L_rf.

    Args:
        real: logits of being real, of real pictures, any shape.
        made: the same of made ones.

    Returns:
        The mean of log D(x) plus the mean of log(1 - D(G(x))); at most 0.
    """
    log_real = functional.logsigmoid(real.float())
    log_unreal = functional.logsigmoid(-made.float())
    return log_real.mean() + log_unreal.mean()


def _squared(one: Tensor, other: Tensor) -> Tensor:
    return (one.float() - other.float()).square().sum(dim=1)
