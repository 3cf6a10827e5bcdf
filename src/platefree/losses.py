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
    return hardest_triplet(distances, same & ~_self_pairs(vehicles), ~same, margin)


def hardest_triplet(
    distances: Tensor, positive: Tensor, negative: Tensor, margin: float | None = None
) -> Tensor:
    """Batch-hard triplet loss over the pairs that may be positive and those that may be negative.

    Anchors without a positive or without a negative take no part.

    Args:
        distances: (n, n) float, of anchors (rows) to all others.
        positive: (n, n) bool, the pairs of which the farthest is taken.
        negative: (n, n) bool, the pairs of which the nearest is taken.
        margin: the hinge's margin; None is the soft margin.

    Returns:
        The mean over the anchors that take part; zero (with a gradient of zero) if there are none.
    """
    takes_part = positive.any(1) & negative.any(1)
    if not takes_part.any():
        return distances.sum() * 0.0
    distances, positive, negative = (each[takes_part] for each in (distances, positive, negative))
    farthest = distances.masked_fill(~positive, -torch.inf).amax(1)
    nearest = distances.masked_fill(~negative, torch.inf).amin(1)
    gap = farthest - nearest
    hinge = functional.softplus(gap) if margin is None else functional.relu(gap + margin)
    return hinge.mean()


def same_view_triplet(
    distances: Tensor, vehicles: Tensor, views: Tensor, margin: float = 0.5
) -> Tensor:
    """VANet's L_s (Chu et al., ICCV 2019, eq. 2): S-view positives against S-view negatives.

    Args:
        distances: (n, n) float; only those of same-view (S) pairs are looked at.
        vehicles: (n,) int64 identities.
        views: (n,) int64 codes; a picture of unknown view (-1) takes no part.
        margin: alpha.

    Returns:
        A scalar, see `hardest_triplet`.
    """
    same, same_view, _ = _view_pairs(vehicles, views)
    return hardest_triplet(distances, same & same_view, ~same & same_view, margin)


def different_view_triplet(
    distances: Tensor, vehicles: Tensor, views: Tensor, margin: float = 0.5
) -> Tensor:
    """VANet's L_d (eq. 3): D-view positives against D-view negatives; as `same_view_triplet`."""
    same, _, different_view = _view_pairs(vehicles, views)
    return hardest_triplet(distances, same & different_view, ~same & different_view, margin)


def cross_view_triplet(
    distances: Tensor, vehicles: Tensor, views: Tensor, margin: float = 0.5
) -> Tensor:
    """VANet's L_cross (eq. 4): D-view positives against S-view negatives.

    ``distances`` is the integrated matrix of the paper's figure 3: S pairs as measured in the
    S-view space, D pairs in the D-view space. The other arguments are as in `same_view_triplet`.
    """
    same, same_view, different_view = _view_pairs(vehicles, views)
    return hardest_triplet(distances, same & different_view, ~same & same_view, margin)


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


def _self_pairs(labels: Tensor) -> Tensor:
    return torch.eye(len(labels), dtype=torch.bool, device=labels.device)


def _view_pairs(vehicles: Tensor, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(n, n) which pairs of two pictures are one vehicle, S-view, and D-view."""
    same = vehicles[:, None] == vehicles[None, :]
    known = (views >= 0)[:, None] & (views >= 0)[None, :] & ~_self_pairs(views)
    same_view = views[:, None] == views[None, :]
    return same, known & same_view, known & ~same_view


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
    """Triplet loss (eq. 3 of the same paper) over pairs of sets, as its baseline.

    Every positive is the anchor of all triplets with another positive and a negative of its pair
    of sets. Sets of 2 + 1 are the paper's triplets of three pictures, in which both of one vehicle
    are the anchor once; larger sets share their pictures among many triplets. Decided: an anchor's
    triplets are averaged, and the half of `coupled_clusters` is kept, so that both losses have one
    size.

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
