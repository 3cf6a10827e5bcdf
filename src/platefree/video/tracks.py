"""One pass of one vehicle through the view of one camera, as it becomes a sighting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from platefree.types import Floats
from platefree.video.best_pictures import Picture, Pixels

POINTS = 16
"""Of a path, at most."""


@dataclass(frozen=True, eq=False)
class Track:
    """What is kept of a vehicle; its size does not depend on how long the vehicle was in view.

    Attributes:
        number: no other track of the same tracker has it.
        kinds: (k,) float64, by place in `platefree.data.frame_boxes.KINDS`, the sum of the scores
            with which its boxes were of this kind.
        boxes: how many frames it was found on.
        pictures: the best ones of different moments, the best first.
        scene: (h, w, 3) uint8 RGB, the whole frame of the best picture.
        path: (m, 4) float64 seconds from the start of the footage, x and y of the middle of the
            lower edge of its box, and the side of a square as large as the box, in pixels; the
            first and the last frame, and some between.
        embeddings: by space, (d,) L2-normalised; empty where its pictures were not embedded.
    """

    number: int
    kinds: NDArray[np.float64]
    boxes: int
    pictures: tuple[Picture, ...]
    scene: Pixels
    path: NDArray[np.float64]
    embeddings: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def first(self) -> float:
        """Seconds from the start of the footage when it was first seen."""
        return float(self.path[0, 0])

    @property
    def last(self) -> float:
        """Seconds from the start of the footage when it was last seen."""
        return float(self.path[-1, 0])

    @property
    def kind(self) -> int:
        """Place in `platefree.data.frame_boxes.KINDS` of what it was most often."""
        return int(self.kinds.argmax())

    @property
    def side(self) -> float:
        """Of a square as large as the box of the best picture, pixels."""
        box = self.pictures[0].box
        return float(np.sqrt((box[2:] - box[:2]).prod()))

    @property
    def direction(self) -> float:
        """Where it went on the frame: degrees clockwise from up, in [0, 360).

        NaN where it moved less than half of its size.
        """
        x, y = self.path[-1, 1:3] - self.path[0, 1:3]
        if np.hypot(x, y) < self.side / 2:
            return float("nan")
        return float(np.degrees(np.arctan2(x, -y))) % 360

    def with_embeddings(self, rows: Mapping[str, Floats]) -> Self:
        """With one embedding in each space: the mean of those of its pictures, by their quality.

        Args:
            rows: by space, (p, d) L2-normalised, one row for each of its pictures.
        """
        quality = [each.quality for each in self.pictures]
        return replace(
            self, embeddings={name: mean_row(row, quality) for name, row in rows.items()}
        )


def mean_row(rows: Floats, weights: Sequence[float]) -> Floats:
    """(d,) float32, the weighted mean of (p, d) rows, L2-normalised; their plain mean if no weight.

    It is 0 where the rows cancel each other.
    """
    share = np.asarray(weights, np.float64)
    mean = (share if share.sum() > 0 else np.ones(len(rows))) @ rows.astype(np.float64)
    length = np.linalg.norm(mean)
    return np.asarray(mean / length if length > 0 else mean, np.float32)


class Way:
    """The points of a path that are kept while it grows: twice as far apart when there are many."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float, float, float]] = []
        self._last = (0.0, 0.0, 0.0, 0.0)
        self._apart = 0.0

    def go(self, time: float, box: NDArray[np.float64]) -> None:
        """Add the place of a box (4,) at a later time."""
        side = float(np.sqrt((box[2:] - box[:2]).prod()))
        self._last = (time, float(box[0] + box[2]) / 2, float(box[3]), side)
        if not self._points or time - self._points[-1][0] >= self._apart:
            self._points.append(self._last)
        if len(self._points) == POINTS:
            self._apart = 2 * (time - self._points[0][0]) / (POINTS - 1)
            self._points = self._points[::2]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {"points": self._points, "last": self._last, "apart": self._apart}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        way = cls()
        way._points = [_point(each) for each in kept["points"]]
        way._last, way._apart = _point(kept["last"]), kept["apart"]
        return way

    @property
    def path(self) -> NDArray[np.float64]:
        """(m, 4) time, x, y, side of at most `POINTS` places, the first and the last among them."""
        points = [*self._points, self._last] if self._points[-1] != self._last else self._points
        return np.array(points)


def _point(values: Sequence[float]) -> tuple[float, float, float, float]:
    time, x, y, side = values
    return time, x, y, side
