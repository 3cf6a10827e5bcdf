"""The columns of sightings that are only a part of a file: frame of a video, and box.

In a table they are ``frame`` (a number from 0) and ``x0``, ``y0``, ``x1``, ``y1`` (left, top,
right, bottom in pixels of the picture or frame as it is displayed); cells that are empty, or say
so in words (`unknown_cells`), are unknown.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from platefree.data.unknown_cells import is_unknown
from platefree.errors import DataError
from platefree.types import Floats, Indices

EDGES = ("x0", "y0", "x1", "y1")
"""The columns of a box."""

FRAME_COLUMNS = ("frame", *EDGES)

_LAST_FRAME = 2**53  # larger numbers are not exact in a program that stores them as float64

Place = Callable[[int], str]
"""Row -> its place in the file, as messages name it (``line 7``)."""


def require_edges(path: Path, names: Collection[str]) -> None:
    """Refuse a table with some of the four columns of a box.

    Raises:
        DataError: one to three of `EDGES` are among ``names``.
    """
    missing = [name for name in EDGES if name not in names]
    if 0 < len(missing) < len(EDGES):
        found = ", ".join(name for name in EDGES if name in names)
        raise DataError(
            f"{path} has the columns {found} but not {', '.join(missing)}: a box takes all four "
            f"({', '.join(EDGES)}, in pixels); add them, or rename those that are something else"
        )


def frames_of(path: Path, cells: Sequence[str], place: Place) -> Indices:
    """(n,) frame numbers of text cells; -1 where a cell is empty.

    Raises:
        DataError: a cell is not a frame number.
    """
    frames = np.full(len(cells), -1, np.int64)
    for row, text in enumerate(cells):
        if is_unknown(text):
            continue
        number = _number(text)
        if not (0 <= number <= _LAST_FRAME and number.is_integer()):
            raise DataError(
                f"{path}, {place(row)}: frame {text[:40]!r} is not a frame number, "
                "expected 0, 1, 2 ... or nothing"
            )
        frames[row] = int(number)
    return frames


def boxes_of(path: Path, columns: Mapping[str, Sequence[str]], place: Place) -> Floats:
    """(n, 4) boxes of the text cells of `EDGES`; NaN where all four are empty.

    Raises:
        DataError: a row has one to three of the numbers, or its box has no area.
    """
    cells = list(zip(*(columns[name] for name in EDGES), strict=True))
    boxes = np.full((len(cells), 4), np.nan, np.float32)
    for row, texts in enumerate(cells):
        if all(map(is_unknown, texts)):
            continue
        boxes[row] = [_number(text) for text in texts]
        left, top, right, bottom = boxes[row]
        if not (np.isfinite(boxes[row]).all() and left < right and top < bottom):
            raise DataError(
                f"{path}, {place(row)}: {', '.join(EDGES)} are {', '.join(texts)[:60]}, expected "
                "left, top, right, bottom in pixels with x0 < x1 and y0 < y1, or four empty cells"
            )
    known = boxes[np.isfinite(boxes)]
    if len(known) and known.max() <= 1:
        raise DataError(
            f"{path}: no number of {', '.join(EDGES)} is above 1, so these are fractions of the "
            "pictures: multiply them by width and height, since boxes are in pixels"
        )
    return boxes


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
