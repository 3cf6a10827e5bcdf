"""Parts of a frame: rectangles of pixels, and which of them a piece of ground covers."""

from typing import NamedTuple, Self

import numpy as np

from platefree.city.optics import View
from platefree.city.render.compiled import kernel
from platefree.city.scene import Floats

_APART = 4  # rows and columns between the pixels that are looked at


class Window(NamedTuple):
    """A rectangle of a frame, pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def rows(self) -> slice:
        """Of an array of the frame."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """Likewise."""
        return slice(self.left, self.right)

    @property
    def area(self) -> int:
        """Pixels."""
        return max(self.right - self.left, 0) * max(self.bottom - self.top, 0)

    def grown(self, border: int) -> Self:
        """With so many pixels more on each side."""
        left, top, right, bottom = self
        return self._replace(
            left=left - border, top=top - border, right=right + border, bottom=bottom + border
        )

    def within(self, other: "Window") -> "Window":
        """What both have in common."""
        return Window(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def around(self, other: "Window") -> "Window":
        """The smallest that holds both."""
        return Window(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def of_view(self, view: View) -> View:
        """What a camera sees in this part of its picture."""
        return view._replace(
            centre_x=view.centre_x - self.left,
            centre_y=view.centre_y - self.top,
            width=self.right - self.left,
            height=self.bottom - self.top,
        )


def joined(windows: list[Window]) -> list[Window]:
    """Windows that cover all of these and have no pixel in common."""
    apart: list[Window] = []
    for window in windows:
        grown, hit = window, True
        while hit:
            touching = [each for each in apart if each.within(grown).area]
            hit = bool(touching)
            for each in touching:
                grown = grown.around(each)
                apart.remove(each)
        apart.append(grown)
    return apart


@kernel
def _bounds_on_ground(place, low, high, step, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    rows, columns = place.shape[0], place.shape[1]
    for row in range(0, rows, step):
        for column in range(0, columns, step):
            x, y = place[row, column, 0], place[row, column, 1]
            if low[0] <= x <= high[0] and low[1] <= y <= high[1]:
                found[0], found[1] = min(found[0], column), min(found[1], row)
                found[2], found[3] = max(found[2], column), max(found[3], row)


def window_on_ground(place: Floats, low: Floats, high: Floats) -> Window:
    """The pixels that show a rectangle of ground, and a few more.

    Args:
        place: (h, w, 2) float32, ground under each pixel, metres.
        low: (2,) lowest x and y.
        high: (2,) highest x and y.
    """
    found = np.array([place.shape[1], place.shape[0], -1, -1], np.int64)
    _bounds_on_ground(place, low, high, _APART, found)
    left, top, right, bottom = found.tolist()
    if right < 0:
        return Window(0, 0, 0, 0)
    return Window(left, top, right + 1, bottom + 1).grown(_APART)
