"""Number plates are masked on what is kept of a vehicle, before anything is written.

A plate is filled with one color, not blurred: what is blurred can be sharpened again.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from platefree.data.frame_boxes import PLATE
from platefree.inference.detector import Detector
from platefree.video.best_pictures import Pixels
from platefree.video.tracks import Track

MARGIN = 0.25
"""How much more is filled at each side of a plate, in heights of it; at least a pixel."""

THRESHOLD = 0.2
"""Of plates: to miss one is worse than to mask a grille."""

Boxes = NDArray[np.float64]


class PlateMasks:
    """Finds plates on what is kept of vehicles, and masks them.

    Args:
        detector: of vehicles and plates.
        threshold: the lowest score of a plate.
    """

    def __init__(self, detector: Detector, threshold: float = THRESHOLD) -> None:
        self._detector, self._threshold = detector, threshold

    def masked_track(self, track: Track) -> Track:
        """A track without the plates on its pictures and its whole frame.

        Raises:
            CheckpointError: the detector cannot run.
        """
        pictures = tuple(
            replace(each, crop=masked(each.crop, self.plates_on(each.crop)))
            for each in track.pictures
        )
        scene = (
            masked(track.scene, self.plates_on(track.scene)) if track.scene.size else track.scene
        )
        return replace(track, pictures=pictures, scene=scene)

    def plates_on(self, picture: Pixels) -> Boxes:
        """(n, 4) the plates on a picture (h, w, 3), in its pixels."""
        (found,) = self._detector.detect([picture], self._threshold)
        plates: Boxes = found.box[found.kind == PLATE]
        return plates


def masked(picture: Pixels, plates: Boxes) -> Pixels:
    """A copy of a picture on which each plate is filled with its mean color.

    Args:
        picture: (h, w, 3) uint8.
        plates: (n, 4) left, top, right, bottom in pixels; they may reach beyond the picture.
    """
    filled = picture.copy()
    height, width, _ = picture.shape
    for box in plates:
        margin = max(1.0, MARGIN * (box[3] - box[1]))
        left, top = np.floor(box[:2] - margin).clip(0, [width, height]).astype(int)
        right, bottom = np.ceil(box[2:] + margin).clip(0, [width, height]).astype(int)
        part = filled[top:bottom, left:right]
        if part.size:
            part[:] = part.mean(axis=(0, 1)).round()
    return filled
