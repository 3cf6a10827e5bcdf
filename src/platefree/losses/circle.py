"""Circle loss between pairs (Sun et al., CVPR 2020, "Circle Loss")."""

import torch
from torch import Tensor
from torch.nn import functional


def circle_loss(
    similarities: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 0.25,
    scale: float = 128.0,
) -> Tensor:
    """Circle loss: every pair is weighted by how far it is from its optimum (eq. 6).

    The optima are 1 + margin and -margin. The weight of a pair (alpha of eq. 5) is a constant of
    the backward pass, as in published code.

    Args:
        similarities: (n, m) cosines of anchors (rows) to all other pictures.
        positive: (n, m) bool.
        negative: (n, m) bool.
        margin: m.
        scale: gamma.

    Returns:
        The mean over the anchors that have both kinds of pairs; zero (with a gradient of zero)
        if there are none.
    """
    takes_part = positive.any(1) & negative.any(1)
    if not takes_part.any():
        return similarities.sum() * 0.0
    similarities = similarities[takes_part].float()
    pulled, pushed = weighted_similarities(similarities, margin)
    near = (-scale * pulled).masked_fill(~positive[takes_part], -torch.inf)
    far = (scale * pushed).masked_fill(~negative[takes_part], -torch.inf)
    return functional.softplus(near.logsumexp(1) + far.logsumexp(1)).mean()


def weighted_similarities(similarities: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """Similarities minus their margins, times alpha of eq. 5.

    Args:
        similarities: of any shape.
        margin: m.

    Returns:
        For positives and for negatives, of the same shape; alpha has no gradient.
    """
    constant = similarities.detach()
    pulled = functional.relu(1.0 + margin - constant) * (similarities - (1.0 - margin))
    pushed = functional.relu(constant + margin) * (similarities - margin)
    return pulled, pushed
