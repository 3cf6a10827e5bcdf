"""Where else was this vehicle? Exact search in a folder, a table, stored embeddings or a store."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from platefree.data.table import read_table
from platefree.errors import DataError, MismatchError, RecipeError
from platefree.gallery.filters import EVERYTHING, Filter, moment_of
from platefree.gallery.store import MemoryStore, Store
from platefree.gallery.stored import is_embeddings_folder, load_embeddings
from platefree.gallery.stored_embedder import StoredEmbeddings
from platefree.inference.embedder import Embedder
from platefree.ranking.steps import apply_steps, search_steps
from platefree.recipes.post import NONE, Post
from platefree.types import Embeddings, Hit, Ranking, Sightings
from platefree.work import DEFAULT_WORK, Work

CANDIDATES = 100
"""How many of the nearest pictures are post-processed, whatever the size of the gallery."""

SEARCH_STEPS = ("expand", "rerank", "camera", "time", "tracks")
"""The post-processing steps of a search."""


def open_gallery(
    path: str | Path, model: Embedder, *, work: Work = DEFAULT_WORK
) -> tuple[Embeddings, list[str]]:
    """Stored embeddings as they are, or a folder or table of pictures, embedded now.

    Args:
        path: an embeddings folder (``platefree embed``), or anything that `read_table` reads.
        model: from `load_model`, or the stored embeddings themselves.
        work: device, workers and progress.

    Returns:
        The gallery, and why some pictures were left out (those that cannot be read).

    Raises:
        MismatchError: stored embeddings were made by another model.
        DataError: there is no gallery at ``path``.
    """
    if isinstance(model, StoredEmbeddings) and model.name == str(path):
        return model.embeddings, []
    if is_embeddings_folder(Path(path)):
        stored = load_embeddings(path)
        if stored.model != model.fingerprint:
            raise MismatchError(
                f"{path} was made with model {stored.model}, the search uses {model.fingerprint} "
                f"({model.name}): run 'platefree embed' again with this model"
            )
        return stored, []
    return model.embed(read_table(path), unreadable="skip", work=work)


def search(
    model: Embedder,
    query: str | Path | Sightings,
    gallery: Embeddings | Store,
    *,
    top: int = 20,
    post: Post | str = NONE,
    where: Filter = EVERYTHING,
    work: Work = DEFAULT_WORK,
) -> list[Hit]:
    """The gallery pictures most like a query picture, nearest first.

    The query's own file is left out. Hits keep their original similarity where post-processing
    changes their order, so that it means the same in every search.

    Args:
        model: from `load_model`, the one that made the gallery.
        query: path of a picture of one vehicle, or a table of one row, with the camera and time
            that the steps ``camera`` and ``time`` need.
        gallery: from `open_gallery`, `Model.embed`, or a store.
        top: the largest number of hits.
        post: steps on the nearest `CANDIDATES` pictures (``top``, if that is more), such as
            ``rerank`` or ``expand,tracks``, with the options of the model's recipe.
        where: conditions that every hit meets.
        work: device, workers and progress.

    Raises:
        RecipeError: there is no such post-processing of a search.
        ImageError: the query cannot be read.
        MismatchError: the gallery was made by another model.
        DataError: a step needs a label of the query that is unknown.
    """
    steps = check_search_post(model.post.with_steps(post) if isinstance(post, str) else post)
    picture = query if isinstance(query, Sightings) else query_picture(query)
    _check_query(steps, picture)
    embedded, _ = model.embed(picture, work=work)
    store = MemoryStore(gallery, model.comparison) if isinstance(gallery, Embeddings) else gallery
    elsewhere = replace(where, not_files=(*where.not_files, picture.path(0)))
    nearest = store.search(embedded, elsewhere, max(top, CANDIDATES) if steps.steps else top)
    rows = np.sort(nearest.indices[nearest.indices >= 0])
    candidates = store.get(rows)
    there = slice(len(rows))
    places = np.searchsorted(rows, nearest.indices[:, there])
    ranking = Ranking(places, nearest.distances[:, there])
    distances = dict(zip(ranking.indices[0].tolist(), ranking.distances[0].tolist(), strict=True))
    if steps.steps:
        changes = search_steps(steps, embedded, candidates, ranking, model.comparison)
        ranking = apply_steps(ranking, changes).in_order()
    found = [place for place in ranking.indices[0, :top].tolist() if place >= 0]
    spaces = model.comparison.space_of(embedded, candidates)[0]
    table = candidates.sightings
    return [
        Hit(
            rank,
            1.0 - distances[place],
            table.path(place),
            table.labels(place),
            str(spaces[place]),
        )
        for rank, place in enumerate(found, start=1)
    ]


def check_search_post(post: Post) -> Post:
    """The steps, if a search can do them all; else a `RecipeError`."""
    for step in post.steps:
        if step not in SEARCH_STEPS:
            raise RecipeError(
                f"a search cannot be post-processed by {step!r}, only by "
                f"{', '.join(SEARCH_STEPS)}, or {NONE}: crop and ensemble are steps of 'platefree "
                "eval'; models are joined for searches by 'platefree ensemble'"
            )
    if "expand" in post.steps:  # a single query has no other queries to cluster with
        post = post.model_copy(
            update={"expand": post.expand.model_copy(update={"by": "neighbours"})}
        )
    return post


def _check_query(post: Post, query: Sightings) -> None:
    for step in ("camera", "time"):
        if step in post.steps and not query.knows(step):
            raise DataError(
                f"the step {step!r} needs the {step} of the query picture; give it, or leave the "
                "step out"
            )


def query_picture(path: str | Path, *, camera: str = "", time: str = "") -> Sightings:
    """A query picture with its camera and time, as a table of one row.

    Args:
        path: of the picture.
        camera: that captured it; empty is unknown.
        time: when, ISO 8601; empty is unknown.

    Raises:
        DataError: the time is not ISO 8601.
    """
    moment = moment_of(time) if time else np.datetime64("NaT")
    columns: dict[str, list[Any]] = {"image": [str(path)], "camera": [camera], "time": [moment]}
    return Sightings.from_columns(Path(), columns)
