"""Find all vehicles and plates on a whole frame, by a one-stage detector.

A frame is not shrunk: it is padded at the right and below to the next multiple of the coarsest
stride. Of boxes that overlap, the surest stays; vehicles of different kinds suppress each other,
because one vehicle is often both a car and a truck to a detector, and plates only each other,
because they lie within vehicles.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchvision.ops import batched_nms

from platefree.data.frame_boxes import KINDS, PLATE
from platefree.nets.nanodet import STRIDES, NanoDet, boxes_of, positions

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the channels of ImageNet, by which frames are normalised."""

_ALIKE = 0.5  # intersection over union above which the box of lower score is dropped


class FoundOnFrame(NamedTuple):
    """What is on a frame, by falling score.

    Attributes:
        box: (n, 4) float64 left, top, right, bottom in pixels, within the frame.
        kind: (n,) int64, place in `KINDS`.
        score: (n,) float64 in [0, 1].
    """

    box: NDArray[np.float64]
    kind: NDArray[np.int64]
    score: NDArray[np.float64]


class FrameDetector:
    """A network in use.

    Args:
        network: in evaluation mode, on its device.
        classes: kind of `KINDS` -> class of the network; kinds that it does not know are missing.
    """

    def __init__(self, network: NanoDet, classes: Mapping[str, int]) -> None:
        self._network = network
        self._kinds = torch.tensor([KINDS.index(name) for name in classes])
        self._classes = torch.tensor(list(classes.values()))

    @torch.inference_mode()
    def find(self, frame: NDArray[np.uint8], threshold: float) -> FoundOnFrame:
        """The boxes of at least this score.

        Args:
            frame: (h, w, 3) RGB.
            threshold: in [0, 1].
        """
        height, width, _ = frame.shape
        images = normalised(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None])
        device = next(self._network.parameters()).device
        raw = self._network(images.to(device))
        places = positions(*images.shape[-2:]).to(device)
        boxes = boxes_of(raw.sides[0].float(), places).cpu()
        score, best = raw.quality[0].float().sigmoid().cpu()[:, self._classes].max(dim=1)
        sure = score >= threshold
        return _kept(boxes[sure], self._kinds[best[sure]], score[sure], (width, height))


def normalised(frames: Tensor) -> Tensor:
    """(b, 3, h, w) RGB in levels of 0 to 255, as a network takes them: padded with the mean."""
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (MEAN, DEVIATION))
    scaled = (frames.float() / 255 - mean) / deviation
    below, right = (-side % STRIDES[-1] for side in frames.shape[-2:])
    return functional.pad(scaled, (0, right, 0, below))


def _kept(boxes: Tensor, kinds: Tensor, score: Tensor, size: tuple[int, int]) -> FoundOnFrame:
    """Boxes within the frame, without those that repeat a surer one."""
    limits = torch.tensor([*size, *size], dtype=boxes.dtype)
    boxes = boxes.clamp(min=0).minimum(limits)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1) > 0
    boxes, kinds, score = boxes[area], kinds[area], score[area]
    rows = batched_nms(boxes, score, (kinds == PLATE).long(), _ALIKE)
    return FoundOnFrame(
        boxes[rows].double().numpy(), kinds[rows].numpy(), score[rows].double().numpy()
    )
