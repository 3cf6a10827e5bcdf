"""Supervised contrastive loss (Khosla et al., NeurIPS 2020)."""

import torch
from torch import Tensor


def supervised_contrastive(
    similarities: Tensor, positive: Tensor, negative: Tensor, *, temperature: float = 0.1
) -> Tensor:
    """Each positive against all other pictures, with the sum over positives outside (eq. 2, L_out).

    Args:
        similarities: (n, m) cosines of anchors (rows) to all other pictures.
        positive: (n, m) bool.
        negative: (n, m) bool; with the positives, A(i) of the paper.
        temperature: tau.

    Returns:
        The mean over the anchors that have a positive; zero (with a gradient of zero) if there
        are none.
    """
    takes_part = positive.any(1)
    if not takes_part.any():
        return similarities.sum() * 0.0
    logits = similarities[takes_part].float() / temperature
    positive, negative = positive[takes_part], negative[takes_part]
    others = logits.masked_fill(~(positive | negative), -torch.inf)
    log_fractions = logits - others.logsumexp(1, keepdim=True)
    return -(log_fractions.masked_fill(~positive, 0.0).sum(1) / positive.sum(1)).mean()
