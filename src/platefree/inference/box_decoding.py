"""From what a detector's network predicts to boxes on a frame, without torch.

The network has no anchors: each position of each stride predicts the quality of a box per class,
and the distances from its centre to the four sides, each as a distribution over whole strides (Li
et al., "Generalized Focal Loss", NeurIPS 2020, section 3.2). Of boxes that overlap, the surest
stays; vehicles of different kinds suppress each other, because one vehicle is often both a car and
a truck to a detector, and plates only each other, because they lie within vehicles.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from platefree.data.box_overlap import overlap
from platefree.inference.detector import FoundOnFrame, Frame

Floats = NDArray[np.float32]

LONGEST = 960
"""Pixels of the longer side of a frame; larger frames are shrunk to it, smaller ones stay."""

THRESHOLD = 0.4
"""The score from which a box counts, unless another one is asked for (docs/detection.md)."""

ALIKE = 0.5
"""Intersection over union above which the box of lower score is dropped."""


class Letterboxed(NamedTuple):
    """A frame as a network takes it.

    Attributes:
        levels: (1, 3, h, w) float32 RGB of 0 to 255, the frame at the upper left, the mean around.
        scale: its size by that of the frame: across and down.
    """

    levels: Floats
    scale: tuple[float, float]


def shrunk(frame: Frame, longest: int) -> Frame:
    """A frame whose longer side is at most so long, by Pillow's bilinear filter (antialiased)."""
    height, width, _ = frame.shape
    factor = longest / max(height, width)
    if factor >= 1:
        return frame
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))


def letterboxed(frame: Frame, *, longest: int, multiple: int, mean: Sequence[float]) -> Letterboxed:
    """Shrink a frame if it is larger, and pad it at the right and below.

    Args:
        frame: (h, w, 3) RGB.
        longest: the longer side in pixels to which a larger frame is shrunk.
        multiple: of the sides of the result, in pixels.
        mean: (3,) levels of 0 to 255 that it is padded with.
    """
    small = shrunk(frame, longest)
    height, width, _ = small.shape
    size = [side + -side % multiple for side in (height, width)]
    levels = np.empty((1, 3, *size), np.float32)
    levels[0] = np.asarray(mean, np.float32)[:, None, None]
    levels[0, :, :height, :width] = small.transpose(2, 0, 1)
    return Letterboxed(levels, (width / frame.shape[1], height / frame.shape[0]))


def positions(height: int, width: int, strides: Sequence[int]) -> Floats:
    """(n, 3) x and y of the centres of the positions in pixels and their stride, row by row."""
    rows = []
    for stride in strides:
        y, x = np.mgrid[: height // stride, : width // stride]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * stride
        rows.append(np.column_stack([centres, np.full(len(centres), stride)]))
    return np.concatenate(rows).astype(np.float32)


def boxes_of(sides: Floats, places: Floats) -> Floats:
    """The boxes that positions predict: each side is the mean of its distribution.

    Args:
        sides: (n, 4, bins) logits of the distances left, top, right and bottom.
        places: (n, 3) from `positions`.

    Returns:
        (n, 4) left, top, right, bottom in pixels.
    """
    weights = np.exp(sides - sides.max(axis=-1, keepdims=True))
    steps = np.arange(sides.shape[-1], dtype=np.float32)
    distances = (weights * steps).sum(-1) / weights.sum(-1) * places[:, 2:]
    low, high = places[:, :2] - distances[:, :2], places[:, :2] + distances[:, 2:]
    return np.concatenate([low, high], axis=1)


def scores_of(quality: Floats) -> Floats:
    """The scores of logits."""
    return np.asarray(1 / (1 + np.exp(-quality.astype(np.float64))), np.float32)


def kept(
    boxes: NDArray[np.float64], kinds: NDArray[np.int64], scores: Floats, *, plate: int | None
) -> FoundOnFrame:
    """The boxes without those that repeat a surer one, by falling score.

    Args:
        boxes: (n, 4) in pixels.
        kinds: (n,) of them.
        scores: (n,) of them.
        plate: the kind that suppresses only its own, and is only suppressed by it.
    """
    area = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) > 0
    rows = np.flatnonzero(area)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    is_plate = kinds == plate
    chosen = list[int]()
    while len(rows):
        first, rest = int(rows[0]), rows[1:]
        chosen.append(first)
        same = is_plate[rest] == is_plate[first]
        rows = rest[~(same & (overlap(boxes[first], boxes[rest]) > ALIKE))]
    return FoundOnFrame(boxes[chosen], kinds[chosen], scores[chosen].astype(np.float64))
