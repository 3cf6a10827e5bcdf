"""How the spaces of embeddings combine to one distance, in numpy and without the network.

The comparison is described in a model's card and in a folder of stored embeddings, and read back
by `platefree.ranking.described.read_comparison`. Four kinds cover all methods: the cosine distance
in one space (here), the Euclidean distance of vectors of any length (`homogeneous`), a space chosen
by the views of the two pictures (VANet), and the weighted mean of several comparisons (ensembles).
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.types import Embeddings, Floats, Text


class Comparison(Protocol):
    """What every comparison offers."""

    def distances(self, query: Embeddings, gallery: Embeddings) -> Floats:
        """(q, g) float32 distances, 0 or more, lower is closer."""

    def space_of(self, query: Embeddings, gallery: Embeddings) -> Text:
        """(q, g) name of the space that compares each pair; empty if there is only one space."""

    def to_json(self) -> dict[str, Any]:
        """The description that `read_comparison` reads back."""


@dataclass(frozen=True)
class Cosine:
    """The cosine distance in one space.

    Attributes:
        space: its name; empty if the embeddings have only one space.
    """

    space: str = ""

    def rows(self, embeddings: Embeddings) -> Floats:
        """The (n, d) rows of this space.

        Raises:
            DataError: there is no such space, or there are several and none is named.
        """
        if self.space in embeddings.spaces:
            return embeddings.spaces[self.space]
        if self.space or len(embeddings.spaces) != 1:
            wanted = f"the space {self.space!r}" if self.space else "one space"
            raise DataError(
                f"embeddings have the spaces {sorted(embeddings.spaces)}, expected {wanted}; give "
                "the comparison of their model, which says how several spaces combine"
            )
        (rows,) = embeddings.spaces.values()
        return rows

    def distances(self, query: Embeddings, gallery: Embeddings) -> Floats:
        """1 - cosine similarity, (q, g) float32 in [0, 2]."""
        return cosine_distance(self.rows(query), self.rows(gallery))

    def space_of(self, query: Embeddings, gallery: Embeddings) -> Text:
        """Empty for every pair, (q, g)."""
        return np.full((len(query), len(gallery)), "")

    def to_json(self) -> dict[str, Any]:
        """The kind and the space."""
        return {"kind": "cosine", "space": self.space}


ONLY_SPACE = Cosine()
"""The cosine distance of embeddings that have one space."""


def cosine_distance(query_rows: Floats, gallery_rows: Floats) -> Floats:
    """1 - cosine similarity of L2-normalised rows, in [0, 2].

    Args:
        query_rows: (q, d) float32.
        gallery_rows: (g, d) float32.

    Returns:
        (q, g) float32.

    Raises:
        DataError: the shapes do not fit.
    """
    query_rows, gallery_rows = np.asarray(query_rows), np.asarray(gallery_rows)
    shapes = query_rows.shape, gallery_rows.shape
    if query_rows.ndim != 2 or gallery_rows.ndim != 2 or shapes[0][1] != shapes[1][1]:
        raise DataError(f"rows {shapes[0]} and {shapes[1]}: expected (q, d) and (g, d)")
    distance: Floats = (query_rows @ gallery_rows.T).astype(np.float32, copy=False)
    np.subtract(np.float32(1), distance, out=distance)
    return np.clip(distance, 0, 2, out=distance)


def l2_normalised(rows: NDArray[np.floating[Any]], otherwise: Floats) -> Floats:
    """Rows divided by their lengths, (n, d) float32.

    Args:
        rows: (n, d) sums of L2-normalised rows.
        otherwise: (n, d) float32, replaces rows of length 0, which have no direction.
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    return np.where(lengths > 0, units, otherwise).astype(np.float32)


def check_block(block: NDArray[Any], query: Embeddings, gallery: Embeddings) -> Floats:
    """Distances from a `Comparison` as contiguous float32; a wrong shape is a `DataError`."""
    expected = (len(query), len(gallery))
    if block.shape != expected:
        raise DataError(f"the comparison returned shape {block.shape}, expected {expected}")
    return np.ascontiguousarray(block, dtype=np.float32)
