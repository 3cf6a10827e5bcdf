"""Centre loss (Wen et al., ECCV 2016): pulls pictures to the running centre of their vehicle."""

import torch
from torch import Tensor


def centre_loss(embeddings: Tensor, vehicles: Tensor, centres: Tensor) -> Tensor:
    """Half the squared distance to the vehicle's centre (eq. 2).

    Decided: averaged over the batch, where the paper sums, so that its weight does not depend
    on the size of the batch.

    Args:
        embeddings: (n, d).
        vehicles: (n,) int64 rows of ``centres``.
        centres: (classes, d), constants of the backward pass.

    Returns:
        The mean over the rows.
    """
    away = embeddings.float() - centres.detach()[vehicles]
    return 0.5 * away.square().sum(1).mean()


def moved_centres(
    embeddings: Tensor, vehicles: Tensor, centres: Tensor, rate: float = 0.5
) -> Tensor:
    """The centres after a batch (eq. 4): each moves towards its pictures in the batch, if any.

    Args:
        embeddings: (n, d).
        vehicles: (n,) int64 rows of ``centres``.
        centres: (classes, d).
        rate: alpha of the paper's algorithm 1.

    Returns:
        (classes, d), without gradient.
    """
    with torch.no_grad():
        pull = torch.zeros_like(centres)
        pull.index_add_(0, vehicles, embeddings.float() - centres[vehicles])
        count = vehicles.bincount(minlength=len(centres))
        return centres + rate * pull / (1 + count)[:, None]
