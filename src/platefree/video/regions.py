"""Which boxes on the frames of a camera count: where a vehicle stands, and how large it is.

Decided: a vehicle stands at the middle of the lower edge of its box. Its roof may cover a lane that
it does not drive on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.inference.detector import FoundOnFrame

_HALF_A_PIXEL = 0.5  # within the lowest row, so that a polygon may end where the frame does

Points = NDArray[np.float64]
"""(n, 2) x and y in pixels of the frame."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Where to look on the frames of one camera.

    Attributes:
        watch: polygons, each (n, 2) pixels; a vehicle counts that stands in any. All if empty.
        ignore: polygons; a vehicle that stands in any does not count.
        smallest: pixels of the longer side of a box that counts.
    """

    watch: Sequence[Points] = ()
    ignore: Sequence[Points] = ()
    smallest: float = 0.0

    def kept(self, found: FoundOnFrame) -> FoundOnFrame:
        """The boxes that count."""
        box = found.box
        stands = np.stack([(box[:, 0] + box[:, 2]) / 2, box[:, 3] - _HALF_A_PIXEL], axis=1)
        sides = box[:, 2:] - box[:, :2]
        counts = sides.max(axis=1, initial=0.0) >= self.smallest
        if self.watch:
            counts &= np.any([inside(stands, each) for each in self.watch], axis=0)
        for each in self.ignore:
            counts &= ~inside(stands, each)
        return FoundOnFrame(found.box[counts], found.kind[counts], found.score[counts])


WHOLE_FRAME = Regions()
"""Every box counts."""


def inside(points: Points, polygon: Points) -> NDArray[np.bool_]:
    """(n,) which points lie in a polygon: a ray to the right of them crosses its edges oddly often.

    Args:
        points: (n, 2).
        polygon: (m, 2) its corners in order; the last is joined to the first.
    """
    x, y = points[:, 0, None], points[:, 1, None]  # (n, 1)
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T  # each (m,)
    spans = (y0 > y) != (y1 > y)  # (n, m): the edge passes the height of the point
    rise = np.where(y1 == y0, 1.0, y1 - y0)
    crossed = spans & (x < x0 + (y - y0) / rise * (x1 - x0))
    return np.asarray(crossed.sum(axis=1) % 2 == 1)


def polygon_of(text: str) -> Points:
    """A polygon that is typed as ``0,100 640,100 640,352``.

    Raises:
        DataError: it is anything else, or has fewer than three corners.
    """
    try:
        corners = np.array([tuple(map(float, pair.split(","))) for pair in text.split()])
    except ValueError:
        corners = np.empty(0)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise DataError(
            f"polygon {text!r}, expected three or more corners in pixels, such as "
            '"0,100 640,100 640,352"'
        )
    if not np.isfinite(corners).all():
        raise DataError(f"polygon {text!r}, expected finite numbers")
    return corners
