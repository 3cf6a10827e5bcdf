"""The results of single trials: vehicles searched, pairs, labels and parts.

Each has its figures, the counts that they were measured on, and its content as JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.data.part_boxes import PARTS
from platefree.evaluation.metrics import RankMetrics, merge_rank_metrics
from platefree.evaluation.part_precision import LIMITS, PartPrecision
from platefree.types import Indices

SHOWN_RANKS = (1, 5, 10)
TRACK_RANKS = (1, 5)


@dataclass(frozen=True, eq=False)
class TrialResult:
    """One trial (for instance one camera searched from another) and its scores.

    Attributes:
        name: queries and gallery, as text ("cam1 -> cam2").
        queries: number of query pictures.
        gallery: number of gallery pictures, or tracks.
        metrics: the scores, over the queries with a match.
        of_tracks: whether the gallery is tracks; the ranks are then called HIT@1 and HIT@5.
        query: (q,) row of each query in the scored table; empty if it is not known.
    """

    name: str
    queries: int
    gallery: int
    metrics: RankMetrics
    of_tracks: bool = False
    query: Indices = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def pooled(cls, results: "Sequence[TrialResult]") -> "TrialResult":
        """One result for several searches of one name, with the size of the largest gallery."""
        return cls(
            results[0].name,
            sum(each.queries for each in results),
            max(each.gallery for each in results),
            merge_rank_metrics([each.metrics for each in results]),
            results[0].of_tracks,
            np.concatenate([each.query for each in results]),
        )

    @property
    def without_match(self) -> int:
        """Number of queries without a match in the gallery; they are left out of the scores."""
        return int((~self.metrics.valid).sum())

    def figures(self) -> dict[str, float]:
        """mAP, mINP and CMC at `SHOWN_RANKS` (for tracks mAP and HIT@k), as fractions."""
        name, ranks = ("HIT@", TRACK_RANKS) if self.of_tracks else ("rank-", SHOWN_RANKS)
        cmc = self.metrics.cmc
        figures = {f"{name}{rank}": float(cmc[rank - 1]) for rank in ranks if rank <= len(cmc)}
        figures["mAP"] = self.metrics.mAP
        return figures if self.of_tracks else {**figures, "mINP": self.metrics.mINP}

    def counts(self) -> dict[str, int | float]:
        """Numbers of queries, pictures and the like that the figures were measured on."""
        return {
            "queries": self.queries,
            "without match": self.without_match,
            "gallery": self.gallery,
        }

    def to_json(self) -> dict[str, Any]:
        """The figures, the counts and the whole CMC curve."""
        return {
            "name": self.name,
            "queries": self.queries,
            "queries_without_match": self.without_match,
            "gallery": self.gallery,
            "figures": self.figures(),
            "cmc": [float(value) for value in self.metrics.cmc],
        }


@dataclass(frozen=True)
class PairResult:
    """A list of pairs classified by a threshold.

    Attributes:
        name: shown in reports.
        pairs: number of pairs.
        threshold: fitted on training pairs; pairs that are at least as similar are accepted.
        accuracy: fraction of the pairs that are classified correctly.
    """

    name: str
    pairs: int
    threshold: float
    accuracy: float

    def figures(self) -> dict[str, float]:
        """The accuracy, as a fraction."""
        return {"accuracy": self.accuracy}

    def counts(self) -> dict[str, int | float]:
        """The number of pairs and the threshold."""
        return {"pairs": self.pairs, "threshold": self.threshold}

    def to_json(self) -> dict[str, Any]:
        """The figure and the counts."""
        return {"name": self.name, **self.counts(), "figures": self.figures()}


@dataclass(frozen=True, eq=False)
class LabelResult:
    """Predicted labels of pictures.

    Attributes:
        name: shown in reports.
        labels: the classes, sorted.
        confusion: (classes, classes) number of pictures by true label (rows) and predicted label
            (columns).
    """

    name: str
    labels: tuple[str, ...]
    confusion: NDArray[np.int64]

    def figures(self) -> dict[str, float]:
        """The accuracy, and the recall of each label."""
        counts = self.confusion
        right = np.diag(counts).astype(np.float64)
        with np.errstate(invalid="ignore"):
            recall = right / counts.sum(axis=1)  # nan for a label without a picture
            accuracy = float(right.sum() / counts.sum())
        recalls = zip(self.labels, recall.tolist(), strict=True)
        return {"accuracy": accuracy, **{f"recall {name}": value for name, value in recalls}}

    def counts(self) -> dict[str, int | float]:
        """Numbers of queries, pictures and the like that the figures were measured on."""
        return {"pictures": int(self.confusion.sum())}

    def to_json(self) -> dict[str, Any]:
        """The figures, the count and the whole matrix."""
        matrix = {"labels": list(self.labels), "confusion": self.confusion.tolist()}
        return {"name": self.name, **self.counts(), "figures": self.figures(), **matrix}


@dataclass(frozen=True, eq=False)
class PartResult:
    """Detected boxes compared with true boxes.

    Attributes:
        name: shown in reports.
        pictures: number of pictures.
        precision: average precision by part.
    """

    name: str
    pictures: int
    precision: PartPrecision

    def figures(self) -> dict[str, float]:
        """AP and AP50 of each part and their means, as fractions; NaN for a part without boxes."""
        values = self.precision.precision
        known = values[self.precision.truths > 0]
        found = {"AP": self.precision.mean, "AP50": float(known[:, 0].mean())}
        for number, part in enumerate(PARTS):
            found[f"AP {part}"] = float(values[number].mean())
            found[f"AP50 {part}"] = float(values[number, 0])
        return found

    def counts(self) -> dict[str, int | float]:
        """Numbers of queries, pictures and the like that the figures were measured on."""
        return {"pictures": self.pictures, "boxes": int(self.precision.truths.sum())}

    def to_json(self) -> dict[str, Any]:
        """The figures, the counts, and AP by part and limit."""
        limits = {
            part: dict(
                zip(map(str, LIMITS), self.precision.precision[number].tolist(), strict=True)
            )
            for number, part in enumerate(PARTS)
        }
        boxes = dict(zip(PARTS, self.precision.truths.tolist(), strict=True))
        return {
            "name": self.name,
            **self.counts(),
            "boxes_by_part": boxes,
            "figures": self.figures(),
            "precision_by_overlap": limits,
        }


AnyResult = TrialResult | PairResult | LabelResult | PartResult


def pooled(results: Sequence[AnyResult]) -> list[AnyResult]:
    """The results of a test, consecutive searches of one name pooled to one."""
    pools: list[AnyResult] = []
    for name, same in groupby(results, key=lambda each: each.name):
        del name
        each = list(same)
        searches = [one for one in each if isinstance(one, TrialResult)]
        pools += [TrialResult.pooled(searches)] if len(searches) > 1 else each
    return pools


def mean_figures(trials: Sequence[AnyResult]) -> dict[str, float]:
    """The mean over trials of each figure that all of them have, as fractions."""
    return {name: float(np.mean(values)) for name, values in values_by_figure(trials).items()}


def values_by_figure(trials: Sequence[AnyResult]) -> dict[str, list[float]]:
    """The values over trials of each figure that all of them have, as fractions."""
    each = [trial.figures() for trial in trials]
    shared = [name for name in each[0] if all(name in figures for figures in each)]
    return {name: [figures[name] for figures in each] for name in shared}
