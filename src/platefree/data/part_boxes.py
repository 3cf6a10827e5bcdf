"""Boxes around the parts of vehicles: read from a file, assigned to the rows of a table.

Part-regularized re-ID (He et al., CVPR 2019) learns from three parts. Lights are boxed down to the
bottom of the vehicle; the brand is its head or rear area, from light to light and down to the
bottom; a window is a windscreen or a rear window. A picture may have several boxes
of one part (left and right light), or none.
"""

import logging
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.box_places import fractions_of_pictures, rows_of
from platefree.data.listed_text import many
from platefree.fingerprint import fingerprint_of_text
from platefree.types import Indices, Sightings, Text

PARTS = ("window", "light", "brand")
"""The parts; a part is its place in here."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PartBoxes:
    """Part boxes in pixels of the pictures as they are displayed (after EXIF rotation).

    Attributes:
        root: folder that relative image paths start from.
        image: (m,) the examined pictures, each once, also those in which no part was found.
        picture: (n,) place in ``image`` of each box.
        part: (n,) place in `PARTS`.
        box: (n, 4) float64, left, top, right, bottom; right and bottom are exclusive.
        score: (n,) float64 in [0, 1], the confidence of a detector; 1 where a person drew the box.
    """

    root: Path
    image: Text
    picture: Indices
    part: Indices
    box: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.box)

    def at_least(self, score: float) -> Self:
        """The boxes with at least this score; all pictures still count as examined."""
        kept = self.score >= score
        columns = {name: getattr(self, name)[kept] for name in ("picture", "part", "box", "score")}
        return replace(self, **columns)

    def fingerprint(self) -> str:
        """A short hash of all boxes, whatever their order in the file."""
        names = self.image[self.picture].tolist()
        rows = sorted(zip(names, self.part.tolist(), self.box.tolist(), strict=True))
        seen = sorted(self.image.tolist())
        return fingerprint_of_text(repr((seen, rows)))


@dataclass(frozen=True, eq=False)
class PictureBoxes:
    """The part boxes of the rows of a table, as fractions of width and height.

    Attributes:
        seen: (rows,) whether the row's picture was examined.
        row: (n,) ascending.
        part: (n,) place in `PARTS`.
        fraction: (n, 4) float64 in [0, 1], left, top, right, bottom.
        score: (n,) float64 in [0, 1].
    """

    seen: NDArray[np.bool_]
    row: Indices
    part: Indices
    fraction: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def of(self, row: int) -> tuple[NDArray[np.float64], Indices]:
        """(m, 4) fractions and (m,) parts of the boxes of a row."""
        first, last = np.searchsorted(self.row, [row, row + 1])
        return self.fraction[first:last], self.part[first:last]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The boxes of these rows (or where this mask is true), which are renumbered in order."""
        chosen = np.arange(len(self.seen))[rows]
        starts, ends = np.searchsorted(self.row, [chosen, chosen + 1])
        places = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
        kept = np.concatenate([np.zeros(0, np.int64), *places])
        row = np.repeat(np.arange(len(chosen)), ends - starts)
        return type(self)(
            self.seen[chosen], row, self.part[kept], self.fraction[kept], self.score[kept]
        )

    def has(self) -> NDArray[np.bool_]:
        """(rows, parts) whether a row has a box of a part."""
        found = np.zeros((len(self.seen), len(PARTS)), np.bool_)
        found[self.row, self.part] = True
        return found


def place_boxes(boxes: PartBoxes, table: Sightings, what: str = "part box") -> PictureBoxes:
    """The boxes of the pictures of a table; the size of each is read from its file.

    Boxes of pictures that are not in the table are left out, and the part of a box outside of its
    picture is cut off; the log has the number of both.

    Args:
        boxes: read from a file.
        table: the pictures.
        what: the kind of box, for messages.

    Raises:
        DataError: no picture of the table was examined, or a box lies outside of its picture.
        ImageError: a picture with boxes cannot be read.
    """
    rows = rows_of(boxes.image.tolist(), boxes.root, table, what)
    seen = np.zeros(len(table), np.bool_)
    seen[rows[rows >= 0]] = True
    kept = rows[boxes.picture] >= 0
    row = rows[boxes.picture[kept]]
    fraction = fractions_of_pictures(boxes.box[kept], table, row, what)
    strangers = int((rows < 0).sum())
    if strangers:
        _log.info(
            "%s with %ses not in the table; these boxes are not used",
            many(strangers, "picture"),
            what,
        )
    order = np.argsort(row, kind="stable")
    part, score = boxes.part[kept], boxes.score[kept]
    return PictureBoxes(seen, row[order], part[order], fraction[order], score[order])


def fill_missing(boxes: PictureBoxes, vehicle: Text) -> PictureBoxes:
    """Give rows that lack a part its mean location over the vehicle's others (section 3.2).

    Decided, since the paper assumes one location: of the rows that have the part, only those with
    the most frequent number of its boxes count (in a tie, the larger number); their boxes are
    ordered from left to right, and the first boxes are averaged, then the second ones, and so on.
    Where no row of the vehicle has the part, or the vehicle is unknown, the part stays missing.

    Args:
        boxes: of the rows.
        vehicle: (rows,) identity, ``""`` unknown.
    """
    has = boxes.has()
    rows, parts, fractions = [boxes.row], [boxes.part], [boxes.fraction]
    order = np.argsort(vehicle, kind="stable")
    ends = np.flatnonzero(np.r_[vehicle[order][1:] != vehicle[order][:-1], True]) + 1
    for same in np.split(order, ends[:-1]):
        for part in range(len(PARTS)):
            lacking = same[~has[same, part]]
            if vehicle[same[0]] == "" or not 0 < len(lacking) < len(same):
                continue
            mean = _mean_location(boxes, same[has[same, part]].tolist(), part)
            rows.append(np.repeat(lacking, len(mean)))
            parts.append(np.full(len(mean) * len(lacking), part))
            fractions.append(np.tile(mean, (len(lacking), 1)))
    row, part_of, fraction = np.concatenate(rows), np.concatenate(parts), np.concatenate(fractions)
    score = np.r_[boxes.score, np.zeros(len(row) - len(boxes))]  # these were not detected
    by_row = np.argsort(row, kind="stable")
    return PictureBoxes(boxes.seen, row[by_row], part_of[by_row], fraction[by_row], score[by_row])


def count_parts(found: PictureBoxes, filled: PictureBoxes) -> dict[str, dict[str, int]]:
    """For each part: in how many pictures it was found, filled in by `fill_missing`, or missing."""
    had, has = found.has().sum(axis=0), filled.has().sum(axis=0)
    return {
        part: {
            "found": int(had[number]),
            "mean_location": int(has[number] - had[number]),
            "missing": int(len(found.seen) - has[number]),
        }
        for number, part in enumerate(PARTS)
    }


def _mean_location(boxes: PictureBoxes, rows: list[int], part: int) -> NDArray[np.float64]:
    """(k, 4) the mean boxes over the rows with the usual number k of them, from left to right."""
    own = []
    for row in rows:
        fraction, parts = boxes.of(row)
        chosen = fraction[parts == part]
        own.append(chosen[np.argsort(chosen[:, 0] + chosen[:, 2], kind="stable")])
    counts = Counter(map(len, own))
    usual = max(counts, key=lambda count: (counts[count], count))
    mean: NDArray[np.float64] = np.mean([each for each in own if len(each) == usual], axis=0)
    return mean
