"""Which boxes of consecutive frames show one vehicle: what a tracker offers."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from platefree.types import Floats, Indices

Boxes = NDArray[np.float32]
"""(n, 4) left, top, right, bottom in pixels of the frame."""


class Tracker(Protocol):
    """Follows the vehicles of one camera from frame to frame."""

    def update(
        self, time: np.datetime64, boxes: Boxes, embeddings: Floats | None = None
    ) -> Indices:
        """The tracks that the boxes of the next frame belong to.

        Args:
            time: of the frame, UTC, later than that of the frame before.
            boxes: (n, 4), the vehicles that a `platefree.inference.embedder.Detector` found.
            embeddings: (n, d) L2-normalised rows of the boxes, for trackers that compare them.

        Returns:
            (n,) int64 number of each box's track, from 0; -1 for a box of no track yet. A number is
            never given to another vehicle.
        """
