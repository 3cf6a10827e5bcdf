"""Outlines and their distance fields.

Corner cutting after Chaikin (1974) turns a few control points into a smooth outline; the exact
signed distance to it is stored on a grid and read back with cubic B-splines, whose continuous
second derivative keeps highlights on a painted body clean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.jit import njit

Doubles = NDArray[np.float64]


def chaikin(points: Doubles, rounds: int = 3) -> Doubles:
    """Cut the corners of a closed polygon.

    Args:
        points: (n, 2) corners in order.
        rounds: each doubles the number of corners.

    Returns:
        (n * 2**rounds, 2) corners.
    """
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        cut = np.stack((0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following), axis=1)
        points = cut.reshape(-1, 2)
    return points


def outline(corners: Sequence[tuple[float, float, float]], rounds: int = 3) -> Doubles:
    """A closed outline of straight edges with rounded corners.

    Args:
        corners: x, y and how far from the corner the rounding starts, metres. Neighbouring
            roundings are shortened to fit their edge.
        rounds: of corner cutting.

    Returns:
        (n, 2) polygon.
    """
    points = np.array([corner[:2] for corner in corners])
    reach = np.array([corner[2] for corner in corners])
    edges = np.roll(points, -1, axis=0) - points
    lengths = np.maximum(np.hypot(edges[:, 0], edges[:, 1]), 1e-9)
    fit = np.minimum(1.0, 0.98 * lengths / np.maximum(reach + np.roll(reach, -1), 1e-9))
    leaving = reach * fit
    arriving = reach * np.roll(fit, 1)
    forward = edges / lengths[:, None]
    backward = -np.roll(forward, 1, axis=0)
    # The corner itself stays as a third point, so that cutting approaches it from both sides.
    before = points + backward * arriving[:, None]
    after = points + forward * leaving[:, None]
    return chaikin(np.stack((before, points, after), axis=1).reshape(-1, 2), rounds)


@dataclass(frozen=True, eq=False)
class DistanceGrid:
    """Signed distance to an outline on a square grid, negative inside.

    Attributes:
        values: (rows, columns) metres, rows along the first coordinate.
        low: (2,) coordinates of the first sample.
        step: metres between samples.
    """

    values: Doubles
    low: Doubles
    step: float


@njit(cache=True)
def _fill_distances(values: Doubles, low: Doubles, step: float, polygon: Doubles) -> None:
    count = polygon.shape[0]
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            a = low[0] + row * step
            b = low[1] + column * step
            nearest = 1e18
            inside = False
            previous = count - 1
            for current in range(count):
                a0, b0 = polygon[previous, 0], polygon[previous, 1]
                a1, b1 = polygon[current, 0], polygon[current, 1]
                da, db = a1 - a0, b1 - b0
                along = ((a - a0) * da + (b - b0) * db) / (da * da + db * db + 1e-18)
                along = min(1.0, max(0.0, along))
                distance = (a - a0 - along * da) ** 2 + (b - b0 - along * db) ** 2
                nearest = min(nearest, distance)
                if (b0 > b) != (b1 > b) and a < (b - b0) / (b1 - b0) * da + a0:
                    inside = not inside
                previous = current
            values[row, column] = -np.sqrt(nearest) if inside else np.sqrt(nearest)


def distance_grid(
    polygon: Doubles, low: tuple[float, float], high: tuple[float, float], step: float = 0.02
) -> DistanceGrid:
    """Exact signed distance to a closed polygon, sampled on a grid.

    Args:
        polygon: (n, 2) corners.
        low: lowest coordinates of the grid.
        high: the grid reaches at least this far.
        step: metres between samples.

    Returns:
        The grid; negative inside.
    """
    rows = int(np.ceil((high[0] - low[0]) / step)) + 1
    columns = int(np.ceil((high[1] - low[1]) / step)) + 1
    values = np.empty((rows, columns))
    corner = np.array(low, dtype=np.float64)
    _fill_distances(values, corner, step, np.ascontiguousarray(polygon))
    return DistanceGrid(values, corner, step)


@njit(cache=True)
def sample(values: Doubles, low: Doubles, step: float, a: float, b: float) -> float:
    """A grid at one point by cubic B-splines; constant beyond its edge."""
    u = min(max((a - low[0]) / step, 1.0), values.shape[0] - 2.001)
    v = min(max((b - low[1]) / step, 1.0), values.shape[1] - 2.001)
    row, column = int(u), int(v)
    s, t = u - row, v - column
    s0, s3 = (1 - s) ** 3 / 6, s**3 / 6
    s1, s2 = 2 / 3 - s * s * (1 - s / 2), 2 / 3 - (1 - s) ** 2 * (1 + s) / 2
    t0, t3 = (1 - t) ** 3 / 6, t**3 / 6
    t1, t2 = 2 / 3 - t * t * (1 - t / 2), 2 / 3 - (1 - t) ** 2 * (1 + t) / 2
    total = 0.0
    for offset in range(4):
        line = values[row - 1 + offset]
        weight = s0 if offset == 0 else s1 if offset == 1 else s2 if offset == 2 else s3
        total += weight * (
            t0 * line[column - 1]
            + t1 * line[column]
            + t2 * line[column + 1]
            + t3 * line[column + 2]
        )
    return total


@njit(cache=True)
def smooth_max(a: float, b: float, reach: float) -> float:
    """Polynomial smooth maximum: differs from the maximum where |a - b| < reach."""
    blend = max(reach - abs(a - b), 0.0) / reach
    return max(a, b) + blend * blend * reach * 0.25


@njit(cache=True)
def smooth_min(a: float, b: float, reach: float) -> float:
    """Polynomial smooth minimum: differs from the minimum where |a - b| < reach."""
    blend = max(reach - abs(a - b), 0.0) / reach
    return min(a, b) - blend * blend * reach * 0.25
