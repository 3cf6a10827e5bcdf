"""How much boxes overlap."""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64] | NDArray[np.float32]


def shared_area(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """The area that boxes share, broadcast over all but the last of (..., 4)."""
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    return np.asarray((high - low).clip(min=0).prod(axis=-1), np.float64)


def area(boxes: Boxes) -> NDArray[np.float64]:
    """(...) the areas of (..., 4) boxes: left, top, right, bottom."""
    return np.asarray((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1), np.float64)


def overlap(first: Boxes, second: Boxes, *, empty: float = 0.0) -> NDArray[np.float64]:
    """Intersection over union, broadcast over all but the last of (..., 4).

    Args:
        first: left, top, right, bottom.
        second: the same.
        empty: of two boxes without area.
    """
    shared = shared_area(first, second)
    union = area(first) + area(second) - shared
    return np.divide(shared, union, out=np.full_like(shared, empty), where=union > 0)
