"""Find all vehicles and plates on a whole frame, by a one-stage detector.

A frame is padded at the right and below to the next multiple of the coarsest
stride. Of boxes that overlap, the surest stays; vehicles of different kinds suppress each other,
because one vehicle is often both a car and a truck to a detector, and plates only each other,
because they lie within vehicles.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchvision.ops import batched_nms

from platefree.data.frame_boxes import KINDS, PLATE
from platefree.errors import DataError
from platefree.inference.box_decoding import ALIKE, LONGEST, THRESHOLD, shrunk
from platefree.inference.detector import FoundOnFrame, Frame
from platefree.inference.model import Model
from platefree.methods.vehicle_detector import VehicleDetector
from platefree.nets.light_detector import STRIDES, LightDetector, boxes_of, positions

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the channels of ImageNet, by which frames are normalised."""


class FrameDetector:
    """A network in use: the `Detector` that runs on torch.

    Args:
        network: in evaluation mode, on its device.
        classes: kind of `KINDS` -> class of the network; kinds that it does not know are missing.
        name: shown in messages.
        fingerprint: hash of the model.
    """

    threshold, longest = THRESHOLD, LONGEST

    def __init__(
        self,
        network: LightDetector,
        classes: Mapping[str, int],
        *,
        name: str = "a network",
        fingerprint: str = "",
    ) -> None:
        self.name, self.fingerprint = name, fingerprint
        self._network = network
        self._kinds = torch.tensor([KINDS.index(name) for name in classes])
        self._classes = torch.tensor(list(classes.values()))

    def detect(self, frames: Sequence[Frame], threshold: float | None = None) -> list[FoundOnFrame]:
        """The boxes on each frame; see `platefree.inference.detector.Detector.detect`."""
        lowest = self.threshold if threshold is None else threshold
        return [self._in_pixels_of(frame, lowest) for frame in frames]

    def _in_pixels_of(self, frame: Frame, lowest: float) -> FoundOnFrame:
        small = shrunk(frame, self.longest)
        found = self.find(small, lowest)
        across, down = frame.shape[1] / small.shape[1], frame.shape[0] / small.shape[0]
        return found._replace(box=found.box * [across, down, across, down])

    @torch.inference_mode()
    def find(self, frame: NDArray[np.uint8], threshold: float) -> FoundOnFrame:
        """The boxes of at least this score on a frame that is not shrunk.

        Args:
            frame: (h, w, 3) RGB.
            threshold: in [0, 1].
        """
        height, width, _ = frame.shape
        images = normalised(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None])
        device = next(self._network.parameters()).device
        raw = self._network(images.to(device))
        down, across = images.shape[-2:]
        places = positions(down, across, self._network.strides).to(device)
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
    rows = batched_nms(boxes, score, (kinds == PLATE).long(), ALIKE)
    return FoundOnFrame(
        boxes[rows].double().numpy(), kinds[rows].numpy(), score[rows].double().numpy()
    )


def detector_of(model: Model) -> FrameDetector:
    """The detector of a checkpoint.

    Raises:
        DataError: the model is of another method.
    """
    method = model.method
    if not isinstance(method, VehicleDetector):
        raise DataError(
            f"{model.name} is a {model.recipe.model.method} model, expected a vehicle_detector: "
            "'platefree train vehicle_detector/city' trains one"
        )
    classes = {kind: number for number, kind in enumerate(KINDS)}
    return FrameDetector(
        method.network.eval(), classes, name=model.name, fingerprint=model.fingerprint
    )
