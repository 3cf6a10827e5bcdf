"""Cross-entropies of classifiers."""

import torch
from torch import Tensor
from torch.nn import functional


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


def sampled_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    drawn_with: Tensor,
    *,
    classes: int,
    smoothing: float = 0.1,
) -> Tensor:
    """`smoothed_cross_entropy` estimated from some of the classes.

    Every sampled class counts as ``1 / drawn_with`` classes: in the normalising sum of
    exponentials, and in the part of the targets that smoothing spreads over all classes. Both sums
    are unbiased over the draws. The logarithm of the first is concave, so the loss is on average a
    little smaller than with all classes (Jensen); it is exact if all classes are sampled.

    Args:
        logits: (n, sampled).
        targets: (n,) int64, the column of each row's own class.
        drawn_with: (sampled,) the probability with which each class was sampled; 1 for classes that
            are always in the sample.
        classes: the number of all classes.
        smoothing: s.

    Returns:
        The mean over the rows.
    """
    logits = logits.float()
    normaliser = torch.logsumexp(logits - drawn_with.log(), dim=1)
    own = logits.gather(1, targets[:, None])[:, 0]
    spread = (logits / drawn_with).sum(1) / classes
    return (normaliser - (1.0 - smoothing) * own - smoothing * spread).mean()
