"""Proxy-Anchor loss (Kim et al., CVPR 2020): a learnt vector for each vehicle as the anchor."""

import torch
from torch import Tensor
from torch.nn import functional


def proxy_anchor(
    cosines: Tensor, vehicles: Tensor, *, margin: float = 0.1, scale: float = 32.0
) -> Tensor:
    """Proxies are pulled to the pictures of their vehicle and pushed from all others (eq. 4).

    Unlike Proxy-NCA, it weights the pictures of a batch jointly: the hardest of a vehicle count
    most. Proxy-NCA is a cross-entropy over cosines of single pictures, which the classifiers
    already provide.

    Args:
        cosines: (n, classes) of pictures to proxies.
        vehicles: (n,) int64 class of each row.
        margin: delta.
        scale: alpha.

    Returns:
        The mean pull over proxies with a picture in the batch, plus the mean push over all proxies.
    """
    own = functional.one_hot(vehicles, cosines.shape[1]).bool()
    cosines = cosines.float()
    pulls = (-scale * (cosines - margin)).masked_fill(~own, -torch.inf)
    pushes = (scale * (cosines + margin)).masked_fill(own, -torch.inf)
    return _log_one_plus(pulls).sum() / own.any(0).sum() + _log_one_plus(pushes).mean()


def _log_one_plus(exponents: Tensor) -> Tensor:
    """log(1 + sum of exp) over the rows, (n, classes) to (classes,)."""
    return functional.pad(exponents, (0, 0, 1, 0)).logsumexp(0)
