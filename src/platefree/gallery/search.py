"""Where else was this vehicle? Exact search in a folder, a table or stored embeddings.

A gallery engine with an index takes this place for millions of pictures; answers stay the same.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.data.table import read_table
from platefree.errors import MismatchError, RecipeError
from platefree.gallery.stored import is_embeddings_folder, load_embeddings
from platefree.inference.model import Model
from platefree.ranking.candidates import rerank_candidates
from platefree.ranking.exact import rank_exact
from platefree.recipes.post import NONE
from platefree.types import Embeddings, Hit, Sightings

RERANK = "rerank"
CANDIDATES = 100
"""How many of the nearest pictures are re-ranked, so that an answer takes no longer in a city."""


def open_gallery(
    path: str | Path,
    model: Model,
    *,
    workers: int = -1,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[Embeddings, list[str]]:
    """Stored embeddings as they are, or a folder or table of pictures, embedded now.

    Args:
        path: an embeddings folder (``platefree embed``), or anything that `read_table` reads.
        model: from `load_model`.
        workers: loading processes; -1 decides by the machine.
        on_batch: called with the number of pictures done, for progress bars.

    Returns:
        The gallery, and why some pictures were left out (those that cannot be read).

    Raises:
        MismatchError: stored embeddings were made by another model.
        DataError: there is no gallery at ``path``.
    """
    if is_embeddings_folder(Path(path)):
        stored = load_embeddings(path)
        if stored.model != model.fingerprint:
            raise MismatchError(
                f"{path} was made with model {stored.model}, the search uses {model.fingerprint} "
                f"({model.name}): run 'platefree embed' again with this model"
            )
        return stored, []
    return model.embed(read_table(path), unreadable="skip", workers=workers, on_batch=on_batch)


def search(
    model: Model, query: str | Path, gallery: Embeddings, *, top: int = 20, post: str = NONE
) -> list[Hit]:
    """The gallery pictures most like a query picture, exactly, nearest first.

    The query's own file is left out: "where else". Hits keep their similarity where re-ranking
    changes their order, so that it means the same for every search.

    Args:
        model: from `load_model`, the one that made the gallery.
        query: path of a picture of one vehicle.
        gallery: from `open_gallery`, or `Model.embed`.
        top: how many hits at most.
        post: ``rerank`` puts the nearest `CANDIDATES` pictures (``top``, if that is more) in
            k-reciprocal order, with the options of the model's recipe; ``none`` does not.

    Raises:
        RecipeError: there is no such post-processing of a single search.
        ImageError: the query cannot be read.
        MismatchError: the gallery was made by another model.
    """
    reranks = check_search_post(post) == RERANK
    picture = Sightings.from_columns(Path(), {"image": [str(query)]})
    embedded, _ = model.embed(picture)
    ranking = rank_exact(
        embedded,
        gallery,
        max(top, CANDIDATES) if reranks else top,
        distances=model.method.distances,
        allowed=~_is_file(gallery.sightings, Path(query)),
    )
    distances = dict(zip(ranking.indices[0].tolist(), ranking.distances[0].tolist(), strict=True))
    if reranks:
        options = model.recipe.post.rerank.model_dump()
        ranking = rerank_candidates(
            ranking, embedded, gallery, **options, distances=model.distances
        )
    found = [row for row in ranking.indices[0, :top].tolist() if row >= 0]
    hits = gallery.take(np.array(found, dtype=np.int64))
    spaces = model.method.judged_in(embedded, hits)[0] if found else []
    table = gallery.sightings
    return [
        Hit(rank, 1.0 - distances[row], table.path(row), table.labels(row), str(space))
        for rank, (row, space) in enumerate(zip(found, spaces, strict=True), start=1)
    ]


def check_search_post(post: str) -> str:
    """What a single search can be post-processed by, as it is; others are a `RecipeError`."""
    if post not in (NONE, RERANK):
        raise RecipeError(
            f"a search cannot be post-processed by {post!r}, only by {RERANK} or {NONE}: crop, "
            "ensemble, expand, camera, time and tracks are steps of 'platefree eval'; models are "
            "joined for searches by 'platefree ensemble'"
        )
    return post


def _is_file(sightings: Sightings, file: Path) -> NDArray[np.bool_]:
    """(n,) which rows are this very file; only rows of the same file name are looked up."""
    suspects = np.flatnonzero(np.char.endswith(sightings.image, file.name))
    same = np.zeros(len(sightings), dtype=np.bool_)
    same[[row for row in suspects if sightings.path(int(row)).resolve() == file.resolve()]] = True
    return same
