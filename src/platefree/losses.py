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
