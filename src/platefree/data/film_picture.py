"""A decoded frame as it is displayed: turned by the film's matrix, square pixels, RGB."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]
"""(2, 2) of -1, 0 and 1: where the axes x and y of a stored frame point on the display."""

UPRIGHT: Matrix = np.eye(2, dtype=np.int64)


def display_matrix(frame: Any) -> Matrix:  # noqa: ANN401 - of av
    """How a frame is turned and mirrored, to whole quarter turns."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return UPRIGHT
    return quarter_turns(np.frombuffer(bytes(data), "=i4")[[0, 1, 3, 4]].reshape(2, 2))


def quarter_turns(matrix: NDArray[np.integer[Any]]) -> Matrix:
    """The nearest matrix of whole quarter turns and mirrors; upright where there is none.

    Args:
        matrix: (2, 2), row by row where the axes x and y of the stored frame go.
    """
    values = matrix.astype(np.int64)
    straight, crossed = abs(values[0, 0] * values[1, 1]), abs(values[0, 1] * values[1, 0])
    kept = np.eye(2, dtype=bool) if straight >= crossed else ~np.eye(2, dtype=bool)
    found = np.where(kept, np.sign(values), 0)
    return found if np.abs(found).sum() == 2 else UPRIGHT


def turned(picture: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """A picture (h, w, 3) as it is displayed."""
    if matrix[0, 0] == 0:  # the stored x runs along the display's y
        picture = picture.transpose(1, 0, 2)
        across, down = matrix[1, 0], matrix[0, 1]
    else:
        across, down = matrix[0, 0], matrix[1, 1]
    return np.ascontiguousarray(picture[:: int(down), :: int(across)])


def displayed_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """Width and height with square pixels; a pixel is stored ``aspect`` times as wide as high."""
    if not 0.1 < aspect < 10:
        return width, height
    return max(1, round(width * aspect)), height


def as_displayed(frame: Any, matrix: Matrix, aspect: float) -> NDArray[np.uint8]:  # noqa: ANN401
    """The picture (h, w, 3) uint8 RGB of a frame.

    Args:
        frame: of av.
        matrix: from `display_matrix`.
        aspect: width of a stored pixel by its height; 0 is unknown.
    """
    width, height = displayed_size(frame.width, frame.height, aspect)
    plain = frame.to_ndarray(format="rgb24", width=width, height=height)
    return turned(plain, matrix)
