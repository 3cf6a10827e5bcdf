"""Comparisons for tests, made of a function of two sets of embeddings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from platefree.ranking.comparison import Cosine
from platefree.types import Embeddings, Floats, Text


@dataclass(frozen=True)
class By:
    """Compares by a function, whatever it returns."""

    measure: Callable[[Embeddings, Embeddings], NDArray[Any]]

    def distances(self, query: Embeddings, gallery: Embeddings) -> Floats:
        return self.measure(query, gallery)

    def space_of(self, query: Embeddings, gallery: Embeddings) -> Text:
        return np.full((len(query), len(gallery)), "")

    def to_json(self) -> dict[str, Any]:
        raise NotImplementedError


def unnamed_kind(space: str) -> By:
    """The cosine distance in a space, which cannot be seen to be one."""
    return By(Cosine(space).distances)
