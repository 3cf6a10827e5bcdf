"""Which boxes of consecutive frames show one vehicle: what a tracker offers."""

from collections.abc import Set as AbstractSet
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from platefree.types import Indices

Boxes = NDArray[np.float64]
"""(n, 4) left, top, right, bottom in pixels of the frame."""

Scores = NDArray[np.float64]


class Tracker(Protocol):
    """Follows the vehicles of one camera from frame to frame.

    Embeddings are not asked for: to embed every box of every frame takes longer than to find it.
    Broken tracks are joined by those of their best pictures (`platefree.video.joining`).
    """

    def update(self, time: float, boxes: Boxes, scores: Scores) -> Indices:
        """The tracks that the boxes of the next frame belong to.

        Args:
            time: of the frame, in seconds from any moment; later than that of the frame before.
            boxes: (n, 4), the vehicles that a `platefree.inference.detector.Detector` found, also
                those of which it is less sure.
            scores: (n,) of them, in [0, 1].

        Returns:
            (n,) int64 number of each box's track, from 0; -1 for a box of no track. A number is
            never given to another vehicle.
        """

    @property
    def open(self) -> AbstractSet[int]:
        """The tracks that a later box may still belong to; all others are over."""
