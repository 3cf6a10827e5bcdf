"""What the detectors of parts and of vehicles have in common: boxes to learn from and to show."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.utils import draw_bounding_boxes

from platefree.errors import DataError
from platefree.methods.base import Labels, Method


class Detecting(Method):
    """A method that finds boxes and has no embeddings.

    Args:
        network: the detector.
        mean: of the channels, by which pictures are normalised; used to show them.
        std: of the channels.
        boxes: file of the boxes for training; empty: beside the table.
    """

    embeds_nothing: ClassVar[str]
    """Why it cannot embed."""

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        boxes: str = "",
    ) -> None:
        super().__init__()
        self.network = network
        self.mean, self.std = tuple(mean), tuple(std)
        self.boxes = boxes

    def embed(self, images: Tensor, labels: Labels | None = None) -> dict[str, Tensor]:
        """Refused.

        Raises:
            DataError: always.
        """
        raise DataError(self.embeds_nothing)

    def shown(self, images: Tensor) -> Tensor:
        """Normalised pictures as they were, in [0, 1], on the CPU."""
        mean, std = (torch.tensor(each)[:, None, None] for each in (self.mean, self.std))
        return (images.float().cpu() * std + mean).clamp(0.0, 1.0)


def with_boxes(picture: Tensor, boxes: Tensor, colors: Sequence[str]) -> Tensor:
    """A (3, h, w) picture with its (n, 4) boxes, each in its color; those without area are not."""
    boxes = boxes.cpu()
    wide = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1) >= 1.0
    chosen = [color for color, drawn in zip(colors, wide.tolist(), strict=True) if drawn]
    if not chosen:
        return picture
    marked: Tensor = draw_bounding_boxes(picture, boxes[wide], colors=chosen)
    return marked
