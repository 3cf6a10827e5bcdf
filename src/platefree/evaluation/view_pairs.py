"""Distances of pairs by vehicle and view: figure 1 of VANet, for any method.

Positive pairs show one vehicle, negative pairs two; S-view pairs have the same view and D-view
pairs different views. VANet addresses the case that D-view positives are as far apart as S-view
negatives.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray

from platefree.evaluation.pair_labels import UNKNOWN, PairLabels, mates_of, read_only
from platefree.jit import njit, prange
from platefree.types import Floats, Indices, Sightings, known_values

BINS = 200
"""Number of bins over distances from 0 to 2."""

KINDS = ("S-view positive", "D-view positive", "S-view negative", "D-view negative")

Series = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ViewPairs:
    """Histograms of the distances of four kinds of pairs.

    Attributes:
        counts: (4, BINS) int64 in the order of `KINDS`, over cosine distances from 0 to 2.
    """

    counts: NDArray[np.int64]

    @property
    def edges(self) -> Series:
        """(BINS + 1,) edges of the bins."""
        return np.linspace(0.0, 2.0, BINS + 1)

    @property
    def is_known(self) -> bool:
        """Whether there are pairs of all four kinds."""
        return bool(self.counts.sum(axis=1).all())

    @property
    def overlap(self) -> float:
        """Overlap of the histograms of D-view positives and S-view negatives, 0 to 1.

        The common area of the two, each of area 1; nan without such pairs.
        """
        positive, negative = self.counts[1], self.counts[2]
        if not positive.any() or not negative.any():
            return float("nan")
        fractions = np.minimum(positive / positive.sum(), negative / negative.sum())
        return float(fractions.sum())

    @property
    def means(self) -> dict[str, float]:
        """Mean distance of each kind; nan without such pairs."""
        centres = (self.edges[:-1] + self.edges[1:]) / 2
        with np.errstate(invalid="ignore"):
            means = self.counts @ centres / self.counts.sum(axis=1)
        return dict(zip(KINDS, means.tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """For ``json.dumps``; may contain NaN."""
        return {
            "edges": self.edges.tolist(),
            "pairs": dict(zip(KINDS, self.counts.tolist(), strict=True)),
            "mean_distance": self.means,
            "overlap_of_d_view_positive_and_s_view_negative": self.overlap,
        }


class ViewPairCounts:
    """Counts the distances of pairs whose views are known, block by block, over several trials.

    Pairs that are ignored (`PairLabels`), and those of unknown vehicle or view, are left out.
    """

    def __init__(self) -> None:
        self._counts = np.zeros((len(KINDS), BINS), np.int64)

    def add(self, block: Floats, labels: PairLabels, rows: slice, views: "TrialViews") -> None:
        """Count a block of distances.

        Args:
            block: (len(rows), g) cosine distances.
            labels: of all queries and the whole gallery.
            rows: the queries that the block holds.
            views: of all queries and the whole gallery.
        """
        parts = np.zeros((get_num_threads(), len(KINDS), BINS), np.int64)
        query = np.ascontiguousarray(views.query[rows])
        _count(read_only(block), labels.queries(rows), query, views.gallery, parts)
        self._counts += parts.sum(axis=0)

    def pairs(self) -> ViewPairs | None:
        """The pairs counted so far; None if there are none."""
        return ViewPairs(self._counts.copy()) if self._counts.any() else None


@dataclass(frozen=True, eq=False)
class TrialViews:
    """Codes of the known views of a trial's queries (q,) and gallery (g,); `UNKNOWN` is -1."""

    query: Indices
    gallery: Indices

    @classmethod
    def of(cls, table: Sightings, query: Indices, gallery: Indices) -> "TrialViews | None":
        """The views of the queries and the gallery; None if too few labels are known.

        Args:
            table: the pictures.
            query: (q,) rows of it.
            gallery: (g,) rows of it.
        """
        sides = table.view[query], table.view[gallery]
        known = known_values(table.view)
        if len(known) < 2:
            return None
        codes = [np.where(side == "", UNKNOWN, np.searchsorted(known, side)) for side in sides]
        return cls(codes[0].astype(np.int64), codes[1].astype(np.int64))


@njit(parallel=True, cache=True)
def _count(
    distances: Floats,
    labels: PairLabels,
    query_views: Indices,
    gallery_views: Indices,
    parts: NDArray[np.int64],
) -> None:
    workers = len(parts)
    for worker in prange(workers):
        for query in range(worker, len(distances), workers):
            _count_row(distances[query], labels, query, query_views, gallery_views, parts[worker])


@njit(cache=True)
def _count_row(
    row: Floats,
    labels: PairLabels,
    query: int,
    query_views: Indices,
    gallery_views: Indices,
    counts: NDArray[np.int64],
) -> None:
    vehicle, view = labels.query_vehicles[query], query_views[query]
    if vehicle == UNKNOWN or view == UNKNOWN:
        return
    vehicles = labels.gallery_vehicles
    for index in range(len(row)):
        if gallery_views[index] == UNKNOWN or vehicles[index] in (UNKNOWN, vehicle):
            continue
        counts[2 + (gallery_views[index] != view), _bin(row[index])] += 1
    mates, matches = mates_of(labels, query)
    for place in range(len(mates)):
        index = mates[place]
        if gallery_views[index] == UNKNOWN or vehicles[index] == UNKNOWN:
            continue
        differs = int(gallery_views[index] != view)
        if vehicles[index] != vehicle:
            counts[2 + differs, _bin(row[index])] -= 1  # listed as ignored, and counted above
        elif matches[place]:
            counts[differs, _bin(row[index])] += 1


@njit(cache=True)
def _bin(distance: float) -> int:
    return min(max(int(distance * (BINS / 2)), 0), BINS - 1)
