"""Color histograms of horizontal stripes: no training, a lower bound for trained models.

Stripes keep the vertical layout; the Hellinger kernel (the square root of the
histogram) makes the dot product of two embeddings the mean Bhattacharyya coefficient.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from platefree.errors import TrainingError
from platefree.methods.base import Batch, Labels, Method
from platefree.recipes.recipe import MethodSettings, Recipe


class ColorStripesSettings(MethodSettings):
    """Color histograms of horizontal stripes; nothing is learned."""

    learns_nothing: ClassVar[bool] = True
    method: Literal["color_stripes"]
    stripes: Annotated[int, Field(ge=1, le=64)] = 8
    hue_bins: Annotated[int, Field(ge=2, le=64)] = 12
    saturation_bins: Annotated[int, Field(ge=1, le=16)] = 3
    value_bins: Annotated[int, Field(ge=1, le=16)] = 4


def build(
    settings: ColorStripesSettings, recipe: Recipe, classes: Mapping[str, int], weights: str | None
) -> "ColorStripes":
    """The method of a recipe, see `platefree.methods.catalogue.build_method`."""
    del recipe, classes, weights  # there is nothing to learn
    return ColorStripes(**settings.model_dump(exclude={"method"}))


class ColorStripes(Method):
    """One space, ``main``: a joint hue-saturation-value histogram of each stripe.

    Args:
        stripes: horizontal stripes of equal height.
        hue_bins: bins of hue, around the color circle.
        saturation_bins: bins of saturation.
        value_bins: bins of value.
    """

    def __init__(
        self, *, stripes: int, hue_bins: int, saturation_bins: int, value_bins: int
    ) -> None:
        super().__init__()
        self.stripes = stripes
        self.bins = (hue_bins, saturation_bins, value_bins)

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """Histograms of (b, 3, h, w) pictures in [0, 1], (b, stripes * bins) L2-normalised."""
        del labels
        hsv = rgb_to_hsv(images.clamp(0.0, 1.0))
        code = torch.zeros_like(hsv[:, 0], dtype=torch.int64)  # (b, h, w)
        for channel, bins in enumerate(self.bins):
            code = code * bins + (hsv[:, channel] * bins).long().clamp(max=bins - 1)
        bins = self.bins[0] * self.bins[1] * self.bins[2]
        height = images.shape[2]
        stripe = torch.arange(height, device=images.device) * self.stripes // height
        code = (code + (stripe * bins)[None, :, None]).flatten(1)  # (b, h * w)
        counts = torch.zeros(len(images), self.stripes * bins, device=images.device)
        counts.scatter_add_(1, code, torch.ones_like(code, dtype=counts.dtype))
        return {"main": functional.normalize(counts.sqrt())}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Nothing to learn.

        Raises:
            TrainingError: always.
        """
        raise TrainingError("color_stripes learns nothing; use it by its name, without training")


def rgb_to_hsv(images: Tensor) -> Tensor:
    """Hue, saturation and value of RGB pictures, each in [0, 1].

    Args:
        images: (b, 3, h, w) in [0, 1].

    Returns:
        (b, 3, h, w); hue is 0 for greys.
    """
    value, strongest = images.max(dim=1)
    chroma = value - images.amin(dim=1)
    red, green, blue = images.unbind(dim=1)
    safe = chroma.clamp(min=1e-8)
    sector = torch.stack(
        [(green - blue) / safe, (blue - red) / safe + 2.0, (red - green) / safe + 4.0], dim=1
    )
    hue = sector.gather(1, strongest[:, None])[:, 0] / 6.0 % 1.0
    saturation = chroma / value.clamp(min=1e-8)
    return torch.stack([torch.where(chroma > 0, hue, torch.zeros_like(hue)), saturation, value], 1)
