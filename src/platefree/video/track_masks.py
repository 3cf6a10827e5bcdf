"""What is found on a vehicle and must not be kept is masked before anything is written.

It is filled with one color, not blurred: what is blurred can be sharpened again. What masks cannot
promise is said in docs/footage.md.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from platefree.video.best_pictures import Pixels
from platefree.video.tracks import Track

MARGIN = 0.25
"""How much more is filled at each side of what is found, in heights of it; at least a pixel."""

Boxes = NDArray[np.float64]


class Masked(NamedTuple):
    """What is masked on all that is kept of vehicles.

    Attributes:
        plates: whether plates are.
        faces: whether faces are.
    """

    plates: bool = True
    faces: bool = True


MASKED = Masked()
"""All of it."""


class TrackMasks(ABC):
    """Finds on what is kept of vehicles what must not be seen, and masks it."""

    def masked_track(self, track: Track) -> Track:
        """A track without it on what is kept of its pictures, and on its whole frame.

        Raises:
            CheckpointError: the network cannot run.
        """
        pictures = tuple(
            replace(each, crop=masked(each.crop, self.on_vehicle(each.crop)), unmasked=each.taken)
            for each in track.pictures
        )
        if not track.scene.size:
            return replace(track, pictures=pictures)
        found = self.on_scene(track.scene, track.pictures[0].box[None].astype(np.float64))
        return replace(track, pictures=pictures, scene=masked(track.scene, found))

    @abstractmethod
    def on_vehicle(self, crop: Pixels) -> Boxes:
        """Where it is on a picture of one vehicle.

        Args:
            crop: (h, w, 3).

        Returns:
            (n, 4) in its pixels; what is found several times is there several times.
        """

    @abstractmethod
    def on_scene(self, scene: Pixels, known: Boxes) -> Boxes:
        """Where it is on a whole frame.

        Args:
            scene: (h, w, 3).
            known: (m, 4) boxes of vehicles that are on it, in pixels.

        Returns:
            (n, 4) in its pixels.
        """


def masked(picture: Pixels, found: Boxes) -> Pixels:
    """A copy of a picture on which each box is filled with its mean color.

    Args:
        picture: (h, w, 3) uint8.
        found: (n, 4) left, top, right, bottom in pixels; they may reach beyond the picture.
    """
    filled = picture.copy()
    for left, top, right, bottom in filled_areas(found, picture.shape[1], picture.shape[0]):
        part = filled[top:bottom, left:right]
        part[:] = part.mean(axis=(0, 1)).round()
    return filled


def filled_areas(found: Boxes, width: int, height: int) -> NDArray[np.int64]:
    """(m, 4) what is filled for boxes (n, 4): whole pixels with a margin, within the picture."""
    margin = np.maximum(1.0, MARGIN * (found[:, 3:] - found[:, 1:2]))
    low, high = np.floor(found[:, :2] - margin), np.ceil(found[:, 2:] + margin)
    areas = np.concatenate([low, high], axis=1).clip(0, [width, height, width, height])
    inside = (areas[:, :2] < areas[:, 2:]).all(axis=1)
    return areas[inside].astype(np.int64)
