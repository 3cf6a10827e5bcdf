"""Soft penalties on pictures that look like the query's camera or view, as steps of a ranking.

Zhu et al., VOC-ReID, CVPR Workshops 2020, subtract from the distance of vehicles a tenth of the
distances of an orientation and of a camera network: such pictures resemble the query for reasons
that have nothing to do with the vehicle. Luo et al., CVPR Workshops 2021, do the same. Here a tenth
of the *similarity* is added, which only moves all distances of a query by the same amount.
Nothing is removed, so a guess that is wrong costs little.
"""

from dataclasses import dataclass

import numpy as np

from platefree.ranking.comparison import Comparison
from platefree.ranking.steps import ALL, have_same_entries, of_entries
from platefree.types import Embeddings, Indices, Ranking


@dataclass(frozen=True, eq=False)
class SameLabel:
    """Adds a weight to the distances of pictures with the query's label.

    Attributes:
        query: (q,) int64 numbers of labels; -1 is unknown and adds nothing.
        gallery: (g,) int64 numbers of the same labels.
        weight: to add.
    """

    query: Indices
    gallery: Indices
    weight: float

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries, those of the query's label further away."""
        distances = ranking.distances.copy()
        shown = of_entries(self.gallery, ranking.indices)
        for label, row, labels in zip(self.query[queries], distances, shown, strict=True):
            if label >= 0:
                row[labels == label] += self.weight
        return Ranking(ranking.indices, distances)


@dataclass(frozen=True, eq=False)
class SimilarLook:
    """Adds a weighted similarity by a classifier of cameras or views to all distances.

    Attributes:
        query: q embeddings by the classifier.
        gallery: g embeddings by it.
        comparison: of its spaces.
        weight: of the similarity, 1 - distance.
    """

    query: Embeddings
    gallery: Embeddings
    comparison: Comparison
    weight: float

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries, those that look like the query's camera or view further away."""
        query = self.query.take(np.arange(len(self.query))[queries])
        distances = ranking.distances.copy()
        if have_same_entries(ranking.indices) and (ranking.indices[0] >= 0).all():
            gallery = self._rows(ranking.indices[0])
            distances += self.weight * (1 - self.comparison.distances(query, gallery))
            return Ranking(ranking.indices, distances)
        for number, (row, indices) in enumerate(zip(distances, ranking.indices, strict=True)):
            there = np.flatnonzero(indices >= 0)
            one, gallery = query.take(np.array([number])), self._rows(indices[there])
            row[there] += self.weight * (1 - self.comparison.distances(one, gallery)[0])
        return Ranking(ranking.indices, distances)

    def _rows(self, indices: Indices) -> Embeddings:
        """Rows of the gallery; the gallery itself, not a copy, if they are all of it."""
        whole = np.array_equal(indices, np.arange(len(self.gallery)))
        return self.gallery if whole else self.gallery.take(indices)
