"""Proxy-Anchor loss (Kim et al., CVPR 2020): a learnt vector for each vehicle as the anchor."""

import torch
from torch import Tensor
from torch.nn import functional


def proxy_anchor(
    cosines: Tensor, vehicles: Tensor, *, margin: float = 0.1, scale: float = 32.0
) -> Tensor:
    """Pictures pull at their vehicle's proxy and push at all others (eq. 4).

    Of the two proxy losses this one looks at pictures together: the hardest of a vehicle pull
    most. Proxy-NCA weighs each picture alone, which is cross-entropy over cosines, and that is
    already there as a classifier.

    Args:
        cosines: (n, classes) of pictures to proxies.
        vehicles: (n,) int64 class of each row.
        margin: delta.
        scale: alpha.

    Returns:
        The mean over the proxies with a picture of the pulls, plus the mean over all of the
        pushes.
    """
    own = functional.one_hot(vehicles, cosines.shape[1]).bool()
    cosines = cosines.float()
    pulls = (-scale * (cosines - margin)).masked_fill(~own, -torch.inf)
    pushes = (scale * (cosines + margin)).masked_fill(own, -torch.inf)
    return _log_one_plus(pulls).sum() / own.any(0).sum() + _log_one_plus(pushes).mean()


def _log_one_plus(exponents: Tensor) -> Tensor:
    """log(1 + sum of exp) over the rows, (n, classes) to (classes,)."""
    return functional.pad(exponents, (0, 0, 1, 0)).logsumexp(0)
