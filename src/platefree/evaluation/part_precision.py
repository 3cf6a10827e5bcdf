"""Average precision of detected boxes, part by part.

A box is correct if its intersection over union with a true box of its part, not matched by a box of
higher score, is at least the limit; average precision is the area under the precision-recall curve,
where the precision at a recall is the best at this recall or a higher one (as in PASCAL VOC since
2010).
``AP`` is the mean over the limits .50, .55 ... .95, as COCO's; ``AP50`` is at .50.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.data.box_overlap import overlap as overlap_of
from platefree.data.part_boxes import PARTS, PictureBoxes

LIMITS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


@dataclass(frozen=True, eq=False)
class PartPrecision:
    """Average precision by part and limit.

    Attributes:
        precision: (parts, limits) float64; NaN for a part without true boxes.
        truths: (parts,) number of true boxes.
        found: (parts,) number of detected boxes, of any score.
    """

    precision: NDArray[np.float64]
    truths: NDArray[np.int64]
    found: NDArray[np.int64]

    @property
    def mean(self) -> float:
        """The mean over parts and limits; NaN if there are no true boxes."""
        known = self.precision[self.truths > 0]
        return float(known.mean()) if len(known) else float("nan")


def part_precision(found: PictureBoxes, truth: PictureBoxes) -> PartPrecision:
    """Compare detected boxes with true ones, over the annotated pictures.

    Args:
        found: detected boxes of the rows, of any score.
        truth: true boxes of the same rows; pictures that are not annotated are left out.
    """
    precision = np.full((len(PARTS), len(LIMITS)), np.nan)
    truths, count = np.zeros(len(PARTS), np.int64), np.zeros(len(PARTS), np.int64)
    looked = truth.seen[found.row]
    for part in range(len(PARTS)):
        mine = np.flatnonzero((found.part == part) & looked)
        mine = mine[np.argsort(-found.score[mine], kind="stable")]
        real = np.flatnonzero((truth.part == part) & truth.seen[truth.row])
        truths[part], count[part] = len(real), len(mine)
        if len(real):
            overlap = _Overlap(found, mine, truth, real)
            for place, limit in enumerate(LIMITS):
                precision[part, place] = _area(overlap.right(limit), len(real))
    return PartPrecision(precision, truths, count)


class _Overlap:
    """For each detected box, by falling score, the overlaps with the true boxes of its picture."""

    def __init__(
        self,
        found: PictureBoxes,
        mine: NDArray[np.int64],
        truth: PictureBoxes,
        real: NDArray[np.int64],
    ) -> None:
        starts, ends = np.searchsorted(truth.row[real], [found.row[mine], found.row[mine] + 1])
        self.near = [real[start:end] for start, end in zip(starts, ends, strict=True)]
        self.overlap = [
            overlap_of(found.fraction[one], truth.fraction[near])
            for one, near in zip(mine.tolist(), self.near, strict=True)
        ]

    def right(self, limit: float) -> NDArray[np.bool_]:
        """Which of the detected boxes are correct at a limit."""
        taken: set[int] = set()
        right = np.zeros(len(self.near), np.bool_)
        for place, (near, overlap) in enumerate(zip(self.near, self.overlap, strict=True)):
            free = [n for n, box in enumerate(near.tolist()) if box not in taken]
            best = max(free, key=lambda n: overlap[n], default=None)
            if best is not None and overlap[best] >= limit:
                taken.add(int(near[best]))
                right[place] = True
        return right


def _area(right: NDArray[np.bool_], truths: int) -> float:
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[right].sum() / truths)
