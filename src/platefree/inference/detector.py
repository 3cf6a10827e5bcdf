"""The interface of detectors: whole frames in, boxes of vehicles and plates out."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""(h, w, 3) RGB."""


class FoundOnFrame(NamedTuple):
    """What is on a frame, by falling score.

    Attributes:
        box: (n, 4) float64 left, top, right, bottom in pixels, within the frame.
        kind: (n,) int64, place in `platefree.data.frame_boxes.KINDS`.
        score: (n,) float64 in [0, 1].
    """

    box: NDArray[np.float64]
    kind: NDArray[np.int64]
    score: NDArray[np.float64]


class Detector(Protocol):
    """Finds all vehicles and plates on whole frames: a network in torch, or an exported one."""

    @property
    def name(self) -> str:
        """Where it comes from, for messages and reports."""

    @property
    def fingerprint(self) -> str:
        """A hash of the model."""

    @property
    def threshold(self) -> float:
        """The score from which a box counts, unless another one is asked for."""

    @property
    def longest(self) -> int:
        """The longer side in pixels to which it shrinks larger frames."""

    def detect(self, frames: Sequence[Frame], threshold: float | None = None) -> list[FoundOnFrame]:
        """The boxes on each frame.

        Args:
            frames: (h, w, 3) uint8 RGB, each of any size.
            threshold: the lowest score, in [0, 1]; by default the detector's own.

        Returns:
            What is on each frame, in its pixels.

        Raises:
            CheckpointError: the network cannot run.
        """
