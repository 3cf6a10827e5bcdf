"""From samples to labels per pixel: which vehicle and part most of a pixel's samples show."""

import numpy as np
from numpy.typing import NDArray

from platefree.city.render.compiled import routine
from platefree.city.scene import Bytes


@routine
def _vote(triangle, parts, ends, factor, vehicle, part):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width = vehicle.shape
    count = factor * factor
    down, right = np.arange(count) // factor, np.arange(count) % factor
    owners, kinds = np.empty(count, np.int16), np.empty(count, np.uint8)
    for y in range(height):
        for x in range(width):
            anything = False
            for n in range(count):
                row, column = y * factor + down[n], x * factor + right[n]
                number = triangle[row, column]
                owners[n] = -1
                kinds[n] = 0
                if 0 <= number < ends[-1]:
                    owner = 0
                    while number >= ends[owner]:
                        owner += 1
                    owners[n], kinds[n] = owner, parts[row, column]
                    anything = True
            if not anything:
                continue
            alike = True
            for n in range(1, count):
                alike = alike and owners[n] == owners[0] and kinds[n] == kinds[0]
            if alike:
                vehicle[y, x], part[y, x] = owners[0], kinds[0]
                continue
            best, votes = -1, 0
            for n in range(count):
                same = 0
                for m in range(count):
                    same += owners[m] == owners[n]
                # As in `covered`, half is enough, or whatever is seen whole would seem hidden.
                sooner = best < 0 or 0 <= owners[n] < best
                if same > votes or (same == votes and sooner):
                    best, votes = owners[n], same
            vehicle[y, x], part[y, x] = best, 0
            votes = 0
            for n in range(count):
                if best >= 0 and owners[n] == best:
                    same = 0
                    for m in range(count):
                        same += owners[m] == best and kinds[m] == kinds[n]
                    if same > votes:
                        part[y, x], votes = kinds[n], same


def vote(
    triangle: NDArray[np.int32], parts: Bytes, ends: NDArray[np.int64], factor: int
) -> tuple[NDArray[np.int16], Bytes]:
    """Labels of pixels by the majority of their samples.

    In a draw the first vehicle wins, and any vehicle wins over the background; of its parts that
    of the first sample.

    Args:
        triangle: (h, w) triangle numbers of the samples.
        parts: (h, w) uint8, `Part` of the samples.
        ends: (n,) end of the triangle numbers of each vehicle, ascending; others are background.
        factor: samples along a side of a pixel.

    Returns:
        (h / factor, w / factor) index of the vehicle, -1 for background; and part.
    """
    shape = (triangle.shape[0] // factor, triangle.shape[1] // factor)
    vehicle, part = np.full(shape, -1, np.int16), np.zeros(shape, np.uint8)
    if len(ends):
        _vote(triangle, parts, ends, factor, vehicle, part)
    return vehicle, part


@routine
def _halves(triangle, factor, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width = out.shape
    for y in range(height):
        for x in range(width):
            inside = 0
            for row in range(y * factor, y * factor + factor):
                for column in range(x * factor, x * factor + factor):
                    inside += triangle[row, column] >= 0
            out[y, x] = 2 * inside >= factor * factor


def covered(triangle: NDArray[np.int32], factor: int) -> NDArray[np.bool_]:
    """Pixels of which at least half the samples show something."""
    out = np.zeros((triangle.shape[0] // factor, triangle.shape[1] // factor), np.bool_)
    _halves(triangle, factor, out)
    return out
