"""Euclidean distance of vectors of any length, which are stored as rows of length 1.

Embeddings of a few papers have no fixed length, and it counts. All embeddings here have length 1,
so such a vector x is stored in homogeneous coordinates, (x, 1) divided by its length: a row of
length 1 with one number more, whose last number is above 0, and from which x can be computed again.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from platefree.ranking.comparison import Cosine
from platefree.types import Embeddings, Floats, Text


@dataclass(frozen=True)
class Euclidean:
    """The Euclidean distance d of the vectors of one space, given as 2 d / (1 + d).

    That keeps the order of d, and stays below 2 as cosine distances do, in which thresholds,
    histograms and reports are counted.

    Attributes:
        space: its name; empty if the embeddings have only one space. Its rows are homogeneous.
    """

    space: str = ""

    def distances(self, query: Embeddings, gallery: Embeddings) -> Floats:
        """2 d / (1 + d), (q, g) float32 in [0, 2)."""
        ours, theirs = (self._vectors(side) for side in (query, gallery))
        squared = np.square(ours).sum(axis=1)[:, None] + np.square(theirs).sum(axis=1)
        squared -= 2 * ours @ theirs.T
        distance = np.sqrt(np.maximum(squared, 0))
        bounded: Floats = (2 * distance / (1 + distance)).astype(np.float32)
        return bounded

    def space_of(self, query: Embeddings, gallery: Embeddings) -> Text:
        """Empty for every pair, (q, g)."""
        return np.full((len(query), len(gallery)), "")

    def to_json(self) -> dict[str, Any]:
        """The kind and the space."""
        return {"kind": "euclidean", "space": self.space}

    def _vectors(self, embeddings: Embeddings) -> np.ndarray[Any, np.dtype[np.float64]]:
        """(n, d) float64, whose products lose little where two vectors are near."""
        return from_homogeneous(Cosine(self.space).rows(embeddings))


def from_homogeneous(rows: Floats) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(n, d) float64 vectors of (n, d + 1) rows in homogeneous coordinates."""
    whole = rows.astype(np.float64)
    return whole[:, :-1] / np.maximum(whole[:, -1:], np.finfo(np.float32).tiny)
