"""DRDL's losses over pairs of sets: pictures of one vehicle, and pictures of others."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


def coupled_clusters(
    positives: Tensor,
    negatives: Tensor,
    margin: float,
    *,
    centre: Literal["constant", "learnt"] = "constant",
) -> Tensor:
    """Coupled clusters loss (Liu et al., CVPR 2016, "Deep Relative Distance Learning", eq. 6).

    The pictures of one vehicle are pulled to their centre, and the negative nearest to the centre
    is pushed away from it. In the paper the centre is a constant of the backward pass, as its
    gradients, eq. 7 and 8, say; decided: several pairs of sets are averaged.

    Args:
        positives: (s, p, d) L2-normalised: in each of s pairs of sets, p pictures of one vehicle.
        negatives: (s, n, d) L2-normalised: n pictures of other vehicles.
        margin: alpha of eq. 5, between squared distances.
        centre: ``constant`` has the gradients of eq. 7 and 8; ``learnt`` those of eq. 6 in full:
            each positive also moves the centre by 1 / p of its own step. The value is the same.

    Returns:
        The sum over the positives of half the hinge, averaged over the pairs of sets.
    """
    with torch.autocast(positives.device.type, enabled=False):
        positives, negatives = positives.float(), negatives.float()
        mean = positives.mean(dim=1, keepdim=True)  # eq. 4: (s, 1, d)
        middle = mean.detach() if centre == "constant" else mean
        own = (positives - middle).square().sum(dim=2)  # (s, p)
        nearest = (negatives - middle).square().sum(dim=2).min(dim=1, keepdim=True).values
        return 0.5 * functional.relu(own + margin - nearest).sum(dim=1).mean()


def set_triplets(positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    """Triplet loss (eq. 3 of the same paper) over pairs of sets, as its baseline.

    Every positive is the anchor of all triplets with another positive and a negative of its pair
    of sets. Sets of 2 + 1 are the paper's triplets of three pictures, in which each picture of the
    vehicle is the anchor once; in larger sets a picture is in many triplets. Decided: an anchor's
    triplets are averaged, and the factor 1/2 of `coupled_clusters` is kept, so that both losses
    have the same scale.

    Args:
        positives: (s, p, d) L2-normalised, p at least 2.
        negatives: (s, n, d) L2-normalised.
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
