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
from platefree.ranking.steps import ALL
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
        for label, row, indices in zip(
            self.query[queries], distances, ranking.indices, strict=True
        ):
            if label >= 0:
                row[self.gallery[indices] == label] += self.weight
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
        numbers = np.arange(len(self.query))[queries]
        distances = ranking.distances.copy()
        for number, row, indices in zip(numbers, distances, ranking.indices, strict=True):
            there = np.flatnonzero(indices >= 0)
            near = self.comparison.distances(
                self.query.take(number[None]), self.gallery.take(indices[there])
            )[0]
            row[there] += self.weight * (1 - near)
        return Ranking(ranking.indices, distances)
