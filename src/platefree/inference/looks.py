"""The looks at a picture whose embeddings are averaged: as it is, smaller, larger, and in parts.

A part that is looked at alone matters as much as the whole, so that a picture which was cut
otherwise, or half of which another vehicle hides, still has looks like those of its vehicle. The
five parts are the corners and the middle (Krizhevsky, Sutskever and Hinton 2012, section 4.1, who
average the predictions of ten patches: five, and their mirror images).
"""

from torch import Tensor
from torch.nn import functional

from platefree.recipes.sections import Input

_PLACES = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))
"""Where the five parts are in the room that they leave: from the top and from the left."""


def looks_at(normalised: Tensor, settings: Input) -> list[Tensor]:
    """The looks at a batch, without the mirrored ones.

    Args:
        normalised: (b, 3, h, w) float32 pictures.
        settings: scales and crops.

    Returns:
        (b, 3, h', w') float32 each: the whole pictures at each scale, then their five crops,
        enlarged to (h, w).
    """
    whole = [_resized(normalised, scale) for scale in settings.scales]
    return whole if settings.crops == 0 else [*whole, *_parts(normalised, settings.crops)]


def _resized(normalised: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return normalised
    small = [max(1, round(scale * side)) for side in normalised.shape[2:]]
    return functional.interpolate(normalised, small, mode="bilinear", antialias=True)


def _parts(normalised: Tensor, fraction: float) -> list[Tensor]:
    height, width = normalised.shape[2:]
    high, wide = round(fraction * height), round(fraction * width)
    parts = list[Tensor]()
    for down, right in _PLACES:
        top, left = round(down * (height - high)), round(right * (width - wide))
        part = normalised[:, :, top : top + high, left : left + wide]
        parts.append(functional.interpolate(part, (height, width), mode="bilinear"))
    return parts
