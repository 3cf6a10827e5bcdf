"""Logits of classifiers with a margin, from cosines.

Each takes (n, classes) cosines, (n,) int64 true classes, a scale and a margin, and returns
(n, classes) logits for the softmax; cosines are float32 (`platefree.losses.pairwise_cosines`).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from platefree.losses.circle import weighted_similarities

_LARGEST_COSINE = 1.0 - 1e-6  # beyond it the gradient of the angle is not finite in float32


def circle_logits(cosines: Tensor, vehicles: Tensor, *, scale: float, margin: float) -> Tensor:
    """Circle loss with class labels (Sun et al., CVPR 2020, eq. 6 with weights as similarities).

    Optima are 1 + margin and -margin; the weights are constants of the backward pass.
    """
    pulled, pushed = weighted_similarities(cosines, margin)
    return scale * torch.where(_own(cosines, vehicles), pulled, pushed)


def arc_logits(cosines: Tensor, vehicles: Tensor, *, scale: float, margin: float) -> Tensor:
    """ArcFace (Deng et al., CVPR 2019, eq. 3): the margin is added to the angle of the true class.

    Where the angle would exceed pi, and its cosine rise again, the cosine is reduced by
    ``margin * sin(margin)`` instead, as in the authors' code.
    """
    cosines = cosines.clamp(-_LARGEST_COSINE, _LARGEST_COSINE)
    turned = torch.cos(torch.acos(cosines) + margin)
    lowered = cosines - margin * math.sin(margin)
    own = torch.where(cosines > -math.cos(margin), turned, lowered)
    return scale * torch.where(_own(cosines, vehicles), own, cosines)


def cos_logits(cosines: Tensor, vehicles: Tensor, *, scale: float, margin: float) -> Tensor:
    """CosFace (Wang et al., CVPR 2018, eq. 4): the true class's cosine minus the margin."""
    return scale * (cosines - margin * _own(cosines, vehicles))


def _own(cosines: Tensor, vehicles: Tensor) -> Tensor:
    return functional.one_hot(vehicles, cosines.shape[1]).bool()
