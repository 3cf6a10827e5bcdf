"""How well a detector finds what was labelled on frames: recall, precision, average precision.

As in PASCAL VOC (Everingham et al., IJCV 2010, section 4.2) and COCO: on each frame, detections by
falling score; each takes the free label that it overlaps most, if the intersection is at least half
of the union. What is left over is a false alarm, unless it is in question: at least half of it lies
in a label that is to be ignored, or both its sides are shorter than labels are (a small vehicle
that nobody labelled). Average precision is the area under the precision that is reached at each
recall or above, at all recalls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.data.box_overlap import area, overlap, shared_area
from platefree.errors import DataError

OVERLAP = 0.5
"""Intersection over union from which a box is found."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found on one frame.

    Attributes:
        box: (n, 4) left, top, right, bottom in pixels.
        score: (n,) higher is surer.
    """

    box: Floats
    score: Floats


@dataclass(frozen=True, eq=False)
class Labelled:
    """What is on one frame.

    Attributes:
        box: (m, 4) left, top, right, bottom in pixels.
        ignore: (m,) bool, neither expected nor wrong if found.
    """

    box: Floats
    ignore: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DetectionScore:
    """Every detection that counts, by falling score.

    Attributes:
        score: (n,).
        hit: (n,) bool, whether it found a label; the others are false alarms.
        expected: number of labels that should be found.
    """

    score: Floats
    hit: NDArray[np.bool_]
    expected: int

    def at(self, threshold: float) -> tuple[float, float]:
        """Recall and precision of the detections of at least this score.

        Without labels the recall is nan, without detections the precision is.
        """
        kept = self.hit[self.score >= threshold]
        hits = int(kept.sum())
        recall = hits / self.expected if self.expected else float("nan")
        return recall, hits / len(kept) if len(kept) else float("nan")

    def average_precision(self) -> float:
        """The area under the curve of precision over recall; nan without labels."""
        if not self.expected:
            return float("nan")
        hits = np.cumsum(self.hit)
        precision = hits / np.arange(1, len(hits) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        return float(best[self.hit].sum() / self.expected)

    def recall_at(self, precision: float) -> tuple[float, float]:
        """The largest recall with at least this precision, and the score that gives it.

        Detections of one score are kept together. The recall is 0 and the score infinite if no
        score gives such a precision.
        """
        last = np.flatnonzero(np.diff(self.score, append=-np.inf) < 0)  # of each score
        hits = np.cumsum(self.hit)[last]
        good = np.flatnonzero(hits >= precision * (last + 1))
        if not len(good) or not self.expected:
            return 0.0, float("inf")
        best = good[hits[good].argmax()]
        return float(hits[best] / self.expected), float(self.score[last[best]])


def score_detections(
    found: Sequence[Detections],
    labelled: Sequence[Labelled],
    *,
    overlap: float = OVERLAP,
    sides: tuple[float, float] = (0.0, float("inf")),
) -> DetectionScore:
    """Compare detections with labels.

    Args:
        found: of each frame.
        labelled: of each frame, in the same order.
        overlap: intersection over union from which a label is found, above 0.
        sides: the labels that count have a longer side of at least the first and less than the
            second, in pixels; the others, and unmatched detections of such sizes, are in question.

    Raises:
        DataError: the numbers of frames differ.
    """
    if len(found) != len(labelled):
        raise DataError(
            f"detections of {len(found)} frames and labels of {len(labelled)}, expected "
            "the same number"
        )
    parts = [
        _compare(one, other, overlap, sides) for one, other in zip(found, labelled, strict=True)
    ]
    scores = np.concatenate([np.zeros(0), *(score for score, _, _ in parts)])
    hits = np.concatenate([np.zeros(0, np.bool_), *(hit for _, hit, _ in parts)])
    order = np.argsort(-scores, kind="stable")
    return DetectionScore(scores[order], hits[order], sum(expected for _, _, expected in parts))


def _compare(
    found: Detections, labelled: Labelled, overlap: float, sides: tuple[float, float]
) -> tuple[Floats, NDArray[np.bool_], int]:
    """Score and hit of the detections of a frame that count, and how many labels are expected."""
    aside = labelled.ignore | ~_within(labelled.box, sides)
    wanted, in_question = labelled.box[~aside], labelled.box[aside]
    order = np.argsort(-found.score, kind="stable")
    box, score = found.box[order], found.score[order]
    union = overlaps(box, wanted)
    hit, free = np.zeros(len(box), np.bool_), np.ones(len(wanted), np.bool_)
    for row in range(len(box)):
        choice = np.where(free, union[row], -1.0)
        if len(choice) and choice.max() >= overlap:
            free[choice.argmax()] = False
            hit[row] = True
    doubtful = covered_by(box, in_question) | ~_within(box, sides)
    counts = hit | ~doubtful
    return score[counts], hit[counts], len(wanted)


def overlaps(first: Floats, second: Floats) -> Floats:
    """(n, m) intersection over union of (n, 4) and (m, 4) boxes."""
    return overlap(first[:, None], second)


def covered_by(boxes: Floats, others: Floats) -> NDArray[np.bool_]:
    """(n,) whether at least half of a box lies in one of the others."""
    inside = 2 * shared_area(boxes[:, None], others) >= area(boxes)[:, None]
    return np.asarray(inside.any(axis=1), np.bool_)


def _within(boxes: Floats, sides: tuple[float, float]) -> NDArray[np.bool_]:
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0)
    return np.asarray((longer >= sides[0]) & (longer < sides[1]))
