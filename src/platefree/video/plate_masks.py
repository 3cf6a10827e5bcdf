"""Number plates are masked on what is kept of a vehicle.

On a whole frame plates are a few pixels wide, so every vehicle is looked at again, enlarged: what
is found at any size is masked.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from platefree.data.frame_boxes import PLATE
from platefree.inference.detector import Detector, FoundOnFrame
from platefree.video.best_pictures import Pixels, cut
from platefree.video.track_masks import Boxes, TrackMasks

THRESHOLD = 0.15
"""The lowest score of a plate: to miss one is worse than to mask a grille."""

SIDES = (128, 256)
"""Pixels of the longer side of a vehicle at the sizes at which it is looked at, beside its own."""

_WIDEST, _HIGHEST = 0.5, 0.3  # of a vehicle's picture; plates in the city are at most .40, .18
_AROUND = 0.1  # of a vehicle's box, at each side: a bumper may be just outside
_UPRIGHT, _LESS = 1.5, 2 / 3  # motorcycles: their plates of two rows count from a lower score on
_SMALLEST = 24.0  # pixels of the longer side of a vehicle; the plates of smaller ones have 2 rows


class PlateMasks(TrackMasks):
    """Finds plates on what is kept of vehicles, and masks them.

    Args:
        detector: of vehicles and plates.
        threshold: the lowest score of a plate; two thirds of it on motorcycles, which are
            pictures half as high again as wide.
        sides: pixels of the longer side of a vehicle at the sizes at which it is looked at; its own
            size is always one more.
    """

    def __init__(
        self, detector: Detector, threshold: float = THRESHOLD, sides: Sequence[int] = SIDES
    ) -> None:
        self._detector, self._threshold, self._sides = detector, threshold, tuple(sides)

    def on_vehicle(self, crop: Pixels) -> Boxes:
        """The plates on a picture of one vehicle.

        Args:
            crop: (h, w, 3).

        Returns:
            (n, 4) in its pixels; one that is found at several sizes is there several times.
        """
        height, width, _ = crop.shape
        views = [crop, *(_of_side(crop, side) for side in self._sides)]
        lowest = self._threshold * (_LESS if height >= _UPRIGHT * width else 1)
        found = self._detector.detect(views, lowest)
        boxes = np.concatenate(
            [
                _plates(each) * np.tile([width / view.shape[1], height / view.shape[0]], 2)
                for view, each in zip(views, found, strict=True)
            ]
        )
        size = boxes[:, 2:] - boxes[:, :2]
        small = (size <= [_WIDEST * width, _HIGHEST * height]).all(axis=1)
        return np.asarray(boxes[small], np.float64)

    def on_scene(self, scene: Pixels, known: Boxes) -> Boxes:
        """The plates on a whole frame: those found on it, and on each of its vehicles.

        Args:
            scene: (h, w, 3).
            known: (m, 4) boxes of vehicles that are on it, in pixels, beside those that are found.

        Returns:
            (n, 4) in its pixels.
        """
        (found,) = self._detector.detect([scene], self._threshold)
        vehicles = np.concatenate([known, found.box[found.kind != PLATE]])
        large = (vehicles[:, 2:] - vehicles[:, :2]).max(axis=1) >= _SMALLEST
        return np.concatenate(
            [_plates(found), *(self._near(scene, each) for each in vehicles[large])]
        )

    def _near(self, scene: Pixels, vehicle: Boxes) -> Boxes:
        """The plates on one of the vehicles of a frame, in pixels of the frame."""
        height, width, _ = scene.shape
        around = _AROUND * np.tile(vehicle[2:] - vehicle[:2], 2) * [-1, -1, 1, 1]
        box = (vehicle + around).clip(0, [width, height, width, height])
        plates = self.on_vehicle(cut(scene, box)) + np.tile(np.floor(box[:2]), 2)
        return np.asarray(plates, np.float64)


def _plates(found: FoundOnFrame) -> Boxes:
    plates: Boxes = found.box[found.kind == PLATE]
    return plates


def _of_side(crop: Pixels, side: int) -> Pixels:
    """A picture enlarged or shrunk to a longer side."""
    height, width, _ = crop.shape
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))
