"""Which few pictures of a vehicle are kept: the sharpest, largest, least cut off, least hidden.

They are of different moments, so that they may show different sides. However long a vehicle is in
view, no more are kept.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from platefree.types import Floats

Boxes = NDArray[np.float64]
Pixels = NDArray[np.uint8]

ENOUGH = 256
"""Pixels of the side of a square as large as a vehicle above which more show nothing more."""

_EDGE = 2.0  # pixels from the border of the frame within which a vehicle is cut off
_CUT_OFF = 0.3  # how much a picture is worth then
_GRID = (np.arange(8) + 0.5) / 8
_BLUR = 9  # pixels; of Crété-Roffet and others


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of a vehicle.

    Attributes:
        frame: its number.
        time: of the frame, in seconds from the start of the footage.
        box: (4,) float32 left, top, right, bottom in pixels of the frame.
        crop: (h, w, 3) uint8 RGB, the pixels that the box touches, as they are kept: masked.
        quality: from 0 to 1, higher is better.
        unmasked: the pixels as they were before masks, to embed and never to be written.
    """

    frame: int
    time: float
    box: Floats
    crop: Pixels
    quality: float
    unmasked: Pixels | None = None

    @property
    def taken(self) -> Pixels:
        """(h, w, 3) uint8 RGB, what the camera took."""
        return self.crop if self.unmasked is None else self.unmasked

    def to_json(self) -> dict[str, Any]:
        """All of it but its pixels, as plain values."""
        kept = {"frame": self.frame, "time": self.time, "quality": self.quality}
        return {**kept, "box": self.box.tolist()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any], scene: Pixels) -> Self:
        """What `to_json` gave, with the pixels of the whole frame, which are cut."""
        box = np.array(kept["box"], np.float32)
        return cls(kept["frame"], kept["time"], box, cut(scene, box), kept["quality"])


class BestPictures:
    """The best pictures of one vehicle so far.

    Args:
        count: how many are kept at most.
        apart: seconds that lie between two of them at least.
    """

    def __init__(self, count: int = 4, apart: float = 0.5) -> None:
        self._count, self._apart = count, apart
        self._pictures: list[Picture] = []
        self._scene: Pixels | None = None

    def wants(self, time: float, quality: float) -> bool:
        """Whether a picture of this quality would be kept."""
        near = self._near(time)
        if near or len(self._pictures) < self._count:
            return all(quality > each.quality for each in near)
        return quality > self._pictures[-1].quality

    def offer(self, picture: Picture, scene: Pixels) -> None:
        """Keep a picture, and its whole frame, if it is better than others that it stands for."""
        if not self.wants(picture.time, picture.quality):
            return
        near = self._near(picture.time)
        others = [each for each in self._pictures if each not in near]
        self._pictures = sorted([picture, *others], key=lambda each: -each.quality)[: self._count]
        if self._pictures[0] is picture:
            self._scene = scene

    def drop_scene(self) -> None:
        """Keep no whole frame any longer."""
        self._scene = None

    @classmethod
    def of(cls, kept: Iterable[Mapping[str, Any]], scene_of: Callable[[int], Pixels]) -> Self:
        """Those of which `Picture.to_json` gave these, the best first.

        Args:
            kept: of each picture.
            scene_of: gives the whole frame (h, w, 3) of a number.
        """
        best = cls()
        best._pictures = [Picture.from_json(each, scene_of(each["frame"])) for each in kept]
        if best._pictures:
            best._scene = scene_of(best._pictures[0].frame)
        return best

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Those kept, the best first."""
        return tuple(self._pictures)

    @property
    def scene(self) -> Pixels:
        """(h, w, 3) the whole frame of the best one; of none, an empty one."""
        return np.empty((0, 0, 3), np.uint8) if self._scene is None else self._scene

    def _near(self, time: float) -> list[Picture]:
        return [each for each in self._pictures if abs(each.time - time) < self._apart]


def prospects(boxes: Boxes, width: int, height: int) -> NDArray[np.float64]:
    """(n,) the quality that pictures of boxes have at most: what is known without their pixels.

    Args:
        boxes: (n, 4), all vehicles of a frame, in pixels.
        width: of the frame.
        height: of the frame.
    """
    side = np.sqrt(np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1))
    low, high = boxes[:, :2], np.array([width, height]) - boxes[:, 2:]
    cut_off = (np.concatenate([low, high], axis=1) < _EDGE).any(axis=1)
    seen = 1 - hidden(boxes)
    worth = np.minimum(side / ENOUGH, 1) * seen**2 * np.where(cut_off, _CUT_OFF, 1.0)
    return np.asarray(worth, np.float64)


def hidden(boxes: Boxes) -> NDArray[np.float64]:
    """(n,) which share of each box others hide: those whose lower edge is lower are in front.

    Counted at 8 by 8 points of the box.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    x = boxes[:, :1] + size[:, :1] * _GRID  # (n, 8)
    y = boxes[:, 1:2] + size[:, 1:] * _GRID
    left, top, right, bottom = boxes.T[:, None, :, None]  # (1, m, 1)
    across = (left <= x[:, None]) & (x[:, None] < right)  # (n, m, 8)
    down = (top <= y[:, None]) & (y[:, None] < bottom)
    front = boxes[None, :, 3] > boxes[:, None, 3]
    covered = down[..., None] & across[..., None, :] & front[..., None, None]
    return np.asarray(covered.any(axis=1).mean(axis=(1, 2)), np.float64)


def sharpness(crop: Pixels) -> float:
    """How much detail a picture has, from 0 to 1, whatever its contrast.

    Crété-Roffet and others, "The blur effect" (SPIE 6492, 2007): how much of the differences of
    neighbouring pixels is lost where it is blurred; a blurred picture loses little. At most 256
    pixels of its longer side are looked at, for an embedding sees no more.

    Args:
        crop: (h, w, 3) uint8.
    """
    picture = Image.fromarray(crop).convert("L")
    picture.thumbnail((ENOUGH, ENOUGH), Image.Resampling.BILINEAR)
    grey = np.asarray(picture, np.float32)
    return min(_lost(grey, axis) for axis in (0, 1))


def _lost(grey: Floats, axis: int) -> float:
    from scipy.ndimage import uniform_filter1d  # a service masks frames and judges none

    blurred = uniform_filter1d(grey, _BLUR, axis=axis, mode="nearest")
    before, after = (np.abs(np.diff(each, axis=axis)) for each in (grey, blurred))
    every = float(before.sum())
    return float(np.maximum(before - after, 0).sum()) / every if every > 0 else 0.0


def cut(scene: Pixels, box: Boxes | Floats) -> Pixels:
    """A copy of the pixels of a frame that a box touches.

    Args:
        scene: (h, w, 3).
        box: (4,) within the frame, with an area.
    """
    left, top = np.floor(box[:2]).astype(int)
    right, bottom = np.ceil(box[2:]).astype(int)
    return scene[max(top, 0) : bottom, max(left, 0) : right].copy()
