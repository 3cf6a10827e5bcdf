"""Boxes from a file of their own, assigned to the rows of a table and scaled to its pictures."""

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.data.image import read_header
from platefree.data.listed_text import many
from platefree.errors import DataError
from platefree.inputs.plain_files import GB, Expected
from platefree.types import Indices, Sightings

CITY_LABELS = Expected("the labels of a city", 2 * GB)  # of 10**7 pictures
"""What the file of labels of a rendered city can be."""

_THREADS = 8  # read the headers of pictures

_log = logging.getLogger(__name__)


def rows_of(names: Sequence[str], root: Path, table: Sightings, what: str) -> Indices:
    """(n,) the row of each picture; -1 where the table does not have it.

    Args:
        names: n paths, absolute or from ``root`` or from the table's folder.
        root: folder of the file of boxes.
        table: the pictures.
        what: the kind of box, for messages.

    Raises:
        DataError: the table has none of the pictures, or its rows are parts of files.
    """
    if table.knows("box") or table.knows("frame"):
        raise DataError(
            f"the table in {table.root} has boxes or frame numbers of its own, so {what}es in "
            "pixels of whole pictures do not fit it: expected a table of picture files"
        )
    row_of = {_absolute(table.root, name): row for row, name in enumerate(table.image.tolist())}
    rows = np.array([_row(name, root, table.root, row_of) for name in names], np.int64)
    if not (rows >= 0).any():
        raise DataError(
            f"none of the {many(len(table), 'picture')} in {table.root} is among the "
            f"{many(len(rows), 'picture')} with {what}es (the first is {names[0][:200]!r}, "
            f"relative to {root}): write paths relative to the folder of the file of boxes"
        )
    return rows


def fractions_of_pictures(
    box: NDArray[np.float64], table: Sightings, row: Indices, what: str
) -> NDArray[np.float64]:
    """Boxes in pixels as fractions of width and height; the sizes are read from the files.

    The part of a box outside of its picture is cut off, with a warning in the log.

    Args:
        box: (n, 4) left, top, right, bottom in pixels of the picture as it is displayed.
        table: the pictures.
        row: (n,) which of them each box is on.
        what: the kind of box, for messages.

    Raises:
        DataError: a box lies outside of its picture.
        ImageError: a picture cannot be read.
    """
    sizes = _sizes(table, np.unique(row))
    size = np.array([sizes[each] for each in row.tolist()], np.float64).reshape(-1, 2)
    limits = np.tile(size, 2)  # (n, 4) width, height, width, height
    cut = np.clip(box, 0.0, limits)
    outside = (cut[:, 0] >= cut[:, 2]) | (cut[:, 1] >= cut[:, 3])
    if outside.any():
        first = int(outside.argmax())
        edges = ", ".join(f"{edge:g}" for edge in box[first])
        width, height = size[first]
        raise DataError(
            f"{int(outside.sum())} of {len(box)} {what}es lie outside of their pictures; the "
            f"first is {edges} of {table.path(int(row[first]))}, which has {width:.0f} x "
            f"{height:.0f} pixels: expected left, top, right, bottom in pixels of that picture"
        )
    over = int((box != cut).any(axis=1).sum())
    if over:
        _log.warning(
            "%d of %d %ses reach beyond their pictures; that part is cut off", over, len(box), what
        )
    fractions: NDArray[np.float64] = cut / limits
    return fractions


def _absolute(root: Path, name: str) -> str:
    return os.path.abspath(os.path.join(root, name))


def _row(name: str, root: Path, other: Path, row_of: Mapping[str, int]) -> int:
    """The row of a picture, whose path starts from the file of boxes or from the table; or -1."""
    row = row_of.get(_absolute(root, name), -1)
    return row if row >= 0 else row_of.get(_absolute(other, name), -1)


def _sizes(table: Sightings, rows: Indices) -> dict[int, tuple[int, int]]:
    """Row -> width and height."""

    def size(row: int) -> tuple[int, int]:
        header = read_header(table.path(row))
        return header.width, header.height

    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(rows.tolist(), pool.map(size, rows.tolist()), strict=True))
