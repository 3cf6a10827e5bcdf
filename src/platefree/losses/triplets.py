"""Triplet losses over the pairs of a batch, optionally with earlier batches."""

import torch
from torch import Tensor
from torch.nn import functional

from platefree.losses.pairs import pairwise_distances, vehicle_pairs


def batch_hard_triplet(embeddings: Tensor, vehicles: Tensor, margin: float | None = None) -> Tensor:
    """Batch-hard triplet loss (Hermans et al. 2017, "In Defense of the Triplet Loss", eq. 5).

    Every picture is an anchor with its farthest positive and nearest negative of the batch.
    Anchors without a positive or without a negative are left out.

    Args:
        embeddings: (n, d) float.
        vehicles: (n,) int64 identities.
        margin: the hinge's margin; None is the soft margin ``log(1 + exp(p - n))``.

    Returns:
        The mean over the anchors used; zero (with a gradient of zero) if there are none.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        distances = pairwise_distances(embeddings.float(), embeddings.float())
    return hardest_triplet(distances, *vehicle_pairs(vehicles, vehicles), margin)


def hardest_triplet(
    distances: Tensor, positive: Tensor, negative: Tensor, margin: float | None = None
) -> Tensor:
    """Batch-hard triplet loss over given positive and negative pairs.

    Anchors without a positive or without a negative are left out.

    Args:
        distances: (n, m) float, of anchors (rows) to all other pictures.
        positive: (n, m) bool, the pairs of which the farthest is used.
        negative: (n, m) bool, the pairs of which the nearest is used.
        margin: the hinge's margin; None is the soft margin.

    Returns:
        The mean over the anchors used; zero (with a gradient of zero) if there are none.
    """
    takes_part = positive.any(1) & negative.any(1)
    if not takes_part.any():
        return distances.sum() * 0.0
    distances, positive, negative = (each[takes_part] for each in (distances, positive, negative))
    farthest = distances.masked_fill(~positive, -torch.inf).amax(1)
    nearest = distances.masked_fill(~negative, torch.inf).amin(1)
    return _hinge(farthest - nearest, margin)


def weighted_triplet(
    distances: Tensor, positive: Tensor, negative: Tensor, margin: float | None = None
) -> Tensor:
    """Triplet loss with every pair weighted by how hard it is.

    Ye et al., PAMI 2021, "Deep Learning for Person Re-identification: A Survey and Outlook",
    weighted regularisation triplet. An anchor's positives are averaged with the weights
    ``softmax(distance)``, its negatives with ``softmax(-distance)``; the gradient passes through
    the weights. Decided: a picture is not its own positive, unlike in published code.

    Args:
        distances: (n, m) float, of anchors (rows) to all other pictures.
        positive: (n, m) bool.
        negative: (n, m) bool.
        margin: the hinge's margin; None is the soft margin, as in the paper.

    Returns:
        The mean over the anchors used; zero (with a gradient of zero) if there are none.
    """
    takes_part = positive.any(1) & negative.any(1)
    if not takes_part.any():
        return distances.sum() * 0.0
    distances, positive, negative = (each[takes_part] for each in (distances, positive, negative))
    near = distances.masked_fill(~positive, -torch.inf).softmax(1)
    far = (-distances).masked_fill(~negative, -torch.inf).softmax(1)
    return _hinge((near * distances).sum(1) - (far * distances).sum(1), margin)


def _hinge(gap: Tensor, margin: float | None) -> Tensor:
    hinge = functional.softplus(gap) if margin is None else functional.relu(gap + margin)
    return hinge.mean()
