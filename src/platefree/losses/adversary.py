"""FDA-Net's losses: hinges for embedding and generator, and the adversarial loss."""

import torch
from torch import Tensor
from torch.nn import functional


def triplet_hinges(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    """Triplet hinges between squared distances (Lou et al., CVPR 2019, "VERI-Wild", eq. 8 and 9).

    Args:
        anchors: (n, d).
        positives: (n, d), one for each anchor.
        negatives: (n, d), real or generated.
        margin: alpha.

    Returns:
        (n,) not negative; their mean is the loss.
    """
    gap = _squared(anchors, positives) - _squared(anchors, negatives)
    return functional.relu(gap + margin)


def similarity_hinges(
    anchors: Tensor, positives: Tensor, generated: Tensor, negatives: Tensor, margin: float
) -> Tensor:
    """The similarity constraint on a generated negative (the same paper, eq. 4).

    Its distance from the anchor should be larger than the positive's and smaller than the real
    negative's, in both cases by the margin.

    Args:
        anchors: (n, d).
        positives: (n, d).
        generated: (n, d), made from the anchors.
        negatives: (n, d), real.
        margin: beta.

    Returns:
        (n, 2) not negative: the first and the second term; the sum of their means is the loss.
    """
    to_generated = _squared(anchors, generated)
    beyond_positive = _squared(anchors, positives) - to_generated + margin
    before_negative = to_generated - _squared(anchors, negatives) + margin
    return functional.relu(torch.stack([beyond_positive, before_negative], dim=1))


def difference_hinges(anchors: Tensor, generated: Tensor, margin: float) -> Tensor:
    """The attention regularisation (the same paper, eq. 7): differ where attention is high.

    Args:
        anchors: (n, d), F of the pictures.
        generated: (n, d), F of the generated pictures, with the attention of the originals.
        margin: gamma.

    Returns:
        (n,) not negative; their mean is the loss.
    """
    return functional.relu(margin - _squared(anchors, generated))


def real_fake(real: Tensor, made: Tensor) -> Tensor:
    """L_rf, how well real and made pictures are classified (the same paper, eq. 10).

    Args:
        real: logits of being real, for real pictures, any shape.
        made: the same for made pictures.

    Returns:
        The mean of log D(x) plus the mean of log(1 - D(G(x))); at most 0.
    """
    log_real = functional.logsigmoid(real.float())
    log_unreal = functional.logsigmoid(-made.float())
    return log_real.mean() + log_unreal.mean()


def _squared(one: Tensor, other: Tensor) -> Tensor:
    return (one.float() - other.float()).square().sum(dim=1)
