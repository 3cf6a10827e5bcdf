"""Boxes of all vehicles and plates on whole frames, to train a detector and to score one.

CSV: a line for each box, ``frame,left,top,right,bottom,class`` in pixels, and optionally
``ignore`` (1: too small, too hidden or not told apart; neither expected nor wrong if found) and
``hidden`` (fraction that something else hides). A frame is the path of a picture, or the number of
a frame of a video. A line with only a frame says that nothing is on it.
"""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from platefree.data.csv_records import csv_rows
from platefree.data.listed_text import reading
from platefree.errors import DataError
from platefree.storage.files import Utf8
from platefree.types import Indices, Text, text_column

KINDS = ("car", "motorcycle", "truck", "bus", "plate")
"""What is boxed; a kind is its place in here. A van is a car, a pick-up a truck, and the box of a
motorcycle holds its rider."""

PLATE = KINDS.index("plate")
"""The one that is no vehicle."""

COLUMNS = ("frame", "left", "top", "right", "bottom", "class")
"""Of a file of frame boxes."""

_EDGES = COLUMNS[1:5]


class OnFrame(NamedTuple):
    """A box to be written.

    Attributes:
        kind: one of `KINDS`.
        box: left, top, right, bottom in pixels.
        ignore: it is neither expected nor wrong.
        hidden: fraction that is not to be seen.
    """

    kind: str
    box: tuple[int, int, int, int]
    ignore: bool = False
    hidden: float = 0.0


@dataclass(frozen=True, eq=False)
class FrameBoxes:
    """The boxes of labelled frames.

    Attributes:
        frame: (m,) the labelled frames, each once, also those with nothing on them.
        place: (n,) place in ``frame`` of each box.
        kind: (n,) place in `KINDS`.
        box: (n, 4) float64, left, top, right, bottom in pixels; right and bottom are exclusive.
        ignore: (n,) bool, boxes that are neither expected nor wrong.
    """

    frame: Text
    place: Indices
    kind: Indices
    box: NDArray[np.float64]
    ignore: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.box)

    def of(self, place: int) -> NDArray[np.int64]:
        """Which boxes are on a frame."""
        return np.flatnonzero(self.place == place)


def read_frame_boxes(path: str | Path) -> FrameBoxes:
    """Read a file of boxes on frames.

    Raises:
        DataError: the file is missing or malformed, a class is unknown, corners are swapped, or a
            number is not finite; the message names the line.
    """
    path = Path(path).absolute()
    with reading(path):
        rows = list(_rows(path))
    if not rows:
        raise DataError(f"{path} names no frame, expected at least one")
    places: dict[str, int] = {}
    for name, _, _, _ in rows:
        places.setdefault(name, len(places))
    boxes = [row for row in rows if row[1] >= 0]
    return FrameBoxes(
        text_column(places, "frame"),
        np.array([places[name] for name, _, _, _ in boxes], np.int64),
        np.array([kind for _, kind, _, _ in boxes], np.int64),
        np.array([box for _, _, box, _ in boxes], np.float64).reshape(-1, 4),
        np.array([ignore for _, _, _, ignore in boxes], np.bool_),
    )


def write_frame_boxes(frames: Iterable[tuple[str, Iterable[OnFrame]]], file: BinaryIO) -> None:
    """Write the boxes of frames as CSV; a frame without a box gets a line too.

    Args:
        frames: the path or number of each frame, and what is on it.
        file: opened for writing.
    """
    writer = csv.writer(Utf8(file), lineterminator="\n")
    writer.writerow([*COLUMNS, "ignore", "hidden"])
    for name, boxes in frames:
        rows = [[name, *each.box, each.kind, int(each.ignore), each.hidden] for each in boxes]
        writer.writerows(rows or [[name, *[""] * 7]])


def _rows(path: Path) -> Iterator[tuple[str, int, tuple[float, ...], bool]]:
    """Frame, kind (-1: nothing is on it), box, and whether it is ignored."""
    what = f"boxes on frames are {','.join(COLUMNS)} in pixels"
    for line, row in csv_rows(path, COLUMNS, what, ("ignore", "hidden")):
        place = f"{path}, line {line}"
        if row["frame"] == "":
            raise DataError(f"{place}: no frame, expected a path or a number")
        if row["class"] == "" and not any(row[edge] for edge in _EDGES):
            yield row["frame"], -1, (), False
            continue
        if row["class"] not in KINDS:
            raise DataError(
                f"{place}: class {row['class'][:40]!r} is unknown, expected {', '.join(KINDS)}"
            )
        if (ignore := row.get("ignore", "") or "0") not in ("0", "1"):
            raise DataError(f"{place}: ignore is {ignore[:40]!r}, expected 0 or 1")
        yield row["frame"], KINDS.index(row["class"]), _box(place, row), ignore == "1"


def _box(place: str, row: dict[str, str]) -> tuple[float, ...]:
    try:
        box = tuple(float(row[edge]) for edge in _EDGES)
    except ValueError:
        shown = ", ".join(row[edge][:40] for edge in _EDGES)
        raise DataError(f"{place}: box {shown!r}, expected four numbers of pixels") from None
    if not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
        shown = ", ".join(f"{edge:g}" for edge in box)
        raise DataError(
            f"{place}: box {shown} has no area, expected left, top, right, bottom in pixels"
        )
    return box
