"""Exact rankings of galleries that need not fit in memory.

A ranking is the stable sort of the computed distances. Matrix products may round differently for
blocks of another shape, so blocks have a fixed size and start at row 0: the same embeddings always
give the same ranking, and identical rows rank by gallery index.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError, MismatchError
from platefree.ranking.comparison import ONLY_SPACE, Comparison, check_block
from platefree.types import COLUMNS, Embeddings, Indices, Ranking, Sightings

_QUERY_BLOCK = 256
_GALLERY_BLOCK = 16_384  # 16 MB of float32 distances with the block of queries


def rank_exact(
    query: Embeddings,
    gallery: Embeddings,
    top: int,
    comparison: Comparison = ONLY_SPACE,
    *,
    allowed: NDArray[np.bool_] | None = None,
) -> Ranking:
    """The nearest gallery rows of each query, by computing every distance.

    Memory beyond the inputs and the ranking is about one block of distances (16 MB). The gallery
    may be memory-mapped; it is read once.

    Args:
        query: the queries.
        gallery: the gallery.
        top: length of each ranking; if fewer rows qualify, the rest is index -1, distance inf.
        comparison: how spaces combine; by default the cosine distance in the only space.
        allowed: (g,) which gallery rows may be ranked; by default all.

    Raises:
        MismatchError: query and gallery come from different models or have different spaces.
        DataError: an argument does not fit the gallery, or a distance is NaN.
    """
    check_comparable(query, gallery)
    allowed = _check_allowed(allowed, len(gallery))
    if top < 1:
        raise DataError(f"top is {top}, expected 1 or more")
    from platefree.ranking.heaps import NOBODY, keep_nearest, sort_heaps  # numba: a quarter second

    nearest = np.full((len(query), top), np.inf, np.float32)
    indices = np.full((len(query), top), NOBODY)
    for columns, gallery_block in embedding_blocks(gallery, _GALLERY_BLOCK):
        if not allowed[columns].any():
            continue
        for rows, query_block in embedding_blocks(query, _QUERY_BLOCK):
            block = check_block(
                comparison.distances(query_block, gallery_block), query_block, gallery_block
            )
            nan_at = np.full(len(block), -1)
            keep_nearest(
                block, allowed[columns], columns.start, nearest[rows], indices[rows], nan_at
            )
            _refuse_nan(nan_at, rows.start)
    sort_heaps(nearest, indices)
    indices[indices == NOBODY] = -1
    return Ranking(indices, nearest)


def check_comparable(query: Embeddings, gallery: Embeddings) -> None:
    """Raise a `MismatchError` if the embeddings have different models or spaces."""
    if query.model != gallery.model:
        raise MismatchError(
            f"the gallery was embedded by model {gallery.model}, the query by {query.model}: "
            "re-embed the gallery with 'platefree embed' and the model of the query"
        )
    check_spaces(query, {name: rows.shape[1] for name, rows in gallery.spaces.items()})


def check_spaces(query: Embeddings, sizes: Mapping[str, int]) -> None:
    """Raise a `MismatchError` if a gallery has spaces of other names or dimensions."""
    asked = {name: rows.shape[1] for name, rows in query.spaces.items()}
    if asked != sizes:
        raise MismatchError(
            f"the gallery has the spaces {dict(sorted(sizes.items()))}, the query "
            f"{dict(sorted(asked.items()))}: re-embed the gallery with 'platefree embed'"
        )


def _check_allowed(allowed: NDArray[np.bool_] | None, g: int) -> NDArray[np.bool_]:
    if allowed is None:
        return np.ones(g, np.bool_)
    if allowed.shape != (g,) or allowed.dtype != np.bool_:
        raise DataError(f"allowed is {allowed.dtype} {allowed.shape}, expected bool ({g},)")
    return np.ascontiguousarray(allowed)


def embedding_blocks(embeddings: Embeddings, size: int) -> Iterator[tuple[slice, Embeddings]]:
    """Blocks of consecutive rows, as views: a memory-mapped space stays on disk."""
    table = embeddings.sightings
    for start in range(0, len(embeddings), size):
        rows = slice(start, min(start + size, len(embeddings)))
        columns = {name: getattr(table, name)[rows] for name in COLUMNS}
        spaces = {name: space[rows] for name, space in embeddings.spaces.items()}
        yield rows, embeddings.part(spaces, Sightings(root=table.root, **columns), rows)


def _refuse_nan(nan_at: Indices, first_query: int) -> None:
    for query in np.flatnonzero(nan_at >= 0)[:1]:
        raise DataError(
            f"distance of query {first_query + query} to gallery row {nan_at[query]} is NaN; "
            "expected numbers (are the embeddings finite?)"
        )
