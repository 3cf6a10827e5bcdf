"""Where else was this vehicle? Exact search in a folder, a table, stored embeddings or a store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from platefree.data.table import read_table
from platefree.errors import DataError, MismatchError, RecipeError
from platefree.gallery.cautions import cautions
from platefree.gallery.conclusion import nothing_likely
from platefree.gallery.conditions import Bools
from platefree.gallery.filters import EVERYTHING, Filter, moment_of
from platefree.gallery.own_pictures import OwnPictures
from platefree.gallery.store import MemoryStore, Reading
from platefree.gallery.stored import is_embeddings_folder, load_embeddings
from platefree.gallery.stored_embedder import StoredEmbeddings
from platefree.inference.embedder import Embedder
from platefree.ranking.calibration import in_words
from platefree.ranking.steps import apply_steps, search_steps
from platefree.ranking.view_relation import view_relation
from platefree.recipes.post import NONE, Post
from platefree.types import Embeddings, Hit, Indices, Ranking, Sightings
from platefree.work import DEFAULT_WORK, Work

CANDIDATES = 100
"""How many of the nearest pictures are post-processed, whatever the size of the gallery."""

SEARCH_STEPS = ("expand", "rerank", "camera", "time", "tracks")
"""The post-processing steps of a search."""


def open_gallery(
    path: str | Path | Sightings,
    model: Embedder,
    *,
    root: str | Path | None = None,
    work: Work = DEFAULT_WORK,
) -> tuple[Embeddings, list[str]]:
    """Stored embeddings as they are, or a folder or table of pictures, embedded now.

    Args:
        path: an embeddings folder (``platefree embed``), anything that `read_table` reads, or the
            table that it read.
        model: from `load_model`, or the stored embeddings themselves.
        root: where the pictures of stored embeddings are now, see `load_embeddings`.
        work: device, workers and progress.

    Returns:
        The gallery, and why some pictures were left out (those that cannot be read).

    Raises:
        MismatchError: stored embeddings were made by another model.
        DataError: there is no gallery at ``path``, none of its pictures is under ``root``, or it is
            a table of pictures and a ``root`` is given.
    """
    if isinstance(path, Sightings):
        return model.embed(path, unreadable="skip", work=work)
    if isinstance(model, StoredEmbeddings) and model.name == str(path):
        return model.embeddings, []
    if is_embeddings_folder(Path(path)):
        stored = load_embeddings(path, root=root)
        if stored.model != model.fingerprint:
            raise MismatchError(
                f"{path} was made with model {stored.model}, the search uses {model.fingerprint} "
                f"({model.name}): run 'platefree embed' again with this model"
            )
        return stored, []
    if root is not None:
        raise DataError(f"{path} holds no stored embeddings, which alone can be given another root")
    return model.embed(read_table(path), unreadable="skip", work=work)


@dataclass(frozen=True)
class Answer:
    """What a search found.

    Attributes:
        hits: nearest first.
        left_out: pictures of the gallery that are a query picture itself, under whatever path.
        cautions: what speaks against trusting the hits, in sentences.
        candidates: how many were searched, times the query pictures: the probabilities of the hits
            are those of so many, see `platefree.ranking.calibration`.
    """

    hits: list[Hit]
    left_out: list[Path]
    cautions: list[str]
    candidates: int = 0

    @property
    def nothing_likely(self) -> bool:
        """Whether the model is calibrated and every hit is *unlikely*."""
        return nothing_likely(self.hits)


Query = str | Path | Sightings | Sequence[str | Path]


def search(
    model: Embedder,
    query: Query,
    gallery: Embeddings | Reading,
    *,
    top: int = 20,
    post: Post | str = NONE,
    where: Filter = EVERYTHING,
    work: Work = DEFAULT_WORK,
) -> list[Hit]:
    """The gallery pictures most like the query, nearest first.

    A query picture itself is left out, known by its content: also a copy of it, or a link to it.
    Of several query pictures, the one nearest to a gallery picture decides (decided: pictures of
    different sides of a vehicle are each right for other hits, and a mean of them is like none).
    Hits keep their original similarity where post-processing changes their order, so that it means
    the same in every search. Those of a calibrated model say how sure they are (``p_same``), which
    is of this similarity too.

    Args:
        model: from `load_model`, the one that made the gallery.
        query: path of a picture of one vehicle, or several of them, or a table with a row for each,
            with the camera and time that the steps ``camera`` and ``time`` need.
        gallery: from `open_gallery`, `Model.embed`, or a store.
        top: the largest number of hits.
        post: steps on the nearest `CANDIDATES` pictures (``top``, if that is more) of each query
            picture, such as ``rerank`` or ``expand,tracks``, with the options of the model's
            recipe.
        where: conditions that every hit meets.
        work: device, workers and progress.

    Raises:
        RecipeError: there is no such post-processing of a search.
        ImageError: a query picture cannot be read.
        MismatchError: the gallery was made by another model.
        DataError: a step needs a label of the query that is unknown, or there is no query.
    """
    return answer(model, query, gallery, top=top, post=post, where=where, work=work).hits


def answer(
    model: Embedder,
    query: Query,
    gallery: Embeddings | Reading,
    *,
    top: int = 20,
    post: Post | str = NONE,
    where: Filter = EVERYTHING,
    work: Work = DEFAULT_WORK,
) -> Answer:
    """As `search`, with what was left out and what speaks against the hits."""
    steps = check_search_post(model.post.with_steps(post) if isinstance(post, str) else post)
    pictures = query if isinstance(query, Sightings) else query_pictures(_paths(query))
    if not len(pictures) or top < 1:
        raise DataError(f"{len(pictures)} query pictures, top {top}: expected 1 or more of each")
    _check_query(steps, pictures)
    embedded, _ = model.embed(pictures, work=work)
    store = MemoryStore(gallery, model.comparison) if isinstance(gallery, Embeddings) else gallery
    wanted = max(top, CANDIDATES) if steps.steps else top
    nearest, candidates, numbers, own = _candidates(store, embedded, pictures, where, wanted)
    searched = store.count(where.of_sightings()) - int(own.sum())
    best: dict[int, tuple[float, Hit]] = {}
    for number in range(len(pictures)):
        places = nearest.indices[number]
        elsewhere = np.flatnonzero(places >= 0)
        elsewhere = elsewhere[~own[places[elsewhere]]][:wanted]
        ranking = Ranking(places[None, elsewhere], nearest.distances[number][None, elsewhere])
        one = embedded.take(np.array([number]))
        for place, final, hit in _hits(
            model, steps, one, candidates, ranking, searched * len(pictures)
        ):
            if place not in best or final < best[place][0]:
                best[place] = final, hit
    order = sorted(best, key=lambda place: (best[place][0], place))[:top]
    hits = [replace(best[place][1], rank=rank) for rank, place in enumerate(order, start=1)]
    if store is gallery:
        hits = [
            replace(hit, number=int(numbers[place])) for hit, place in zip(hits, order, strict=True)
        ]
    table = candidates.sightings
    return Answer(
        hits if len(pictures) > 1 else [replace(hit, query=None) for hit in hits],
        [table.path(place) for place in np.flatnonzero(own).tolist()],
        cautions(pictures, searched, table.take(np.array(order, int))),
        searched * len(pictures),
    )


def _candidates(
    store: Reading, embedded: Embeddings, pictures: Sightings, where: Filter, wanted: int
) -> tuple[Ranking, Embeddings, Indices, Bools]:
    """The nearest pictures of each query picture: ``wanted``, and those that are query pictures.

    Returns:
        The ranking of places in the candidates, the candidates in the order of their numbers,
        (n,) these numbers, and (n,) which of them are a query picture.
    """
    pictures_of_query, extra = OwnPictures(pictures), len(pictures)
    while True:
        nearest = store.search(embedded, where, wanted + extra)
        rows = np.unique(nearest.indices[nearest.indices >= 0])
        candidates = store.get(rows)
        own = pictures_of_query.among(candidates)
        if own.sum() <= extra:
            places = np.where(nearest.indices >= 0, np.searchsorted(rows, nearest.indices), -1)
            return Ranking(places, nearest.distances), candidates, rows, own
        extra = int(own.sum())


def _hits(
    model: Embedder,
    steps: Post,
    query: Embeddings,
    candidates: Embeddings,
    ranking: Ranking,
    searched: int,
) -> Iterator[tuple[int, float, Hit]]:
    """The hits of one query picture, not yet ranked: place, distance after the steps, hit."""
    places = np.sort(ranking.indices[0])
    near = candidates.take(places)
    ranking = Ranking(np.searchsorted(places, ranking.indices), ranking.distances)
    original = dict(zip(ranking.indices[0].tolist(), ranking.distances[0].tolist(), strict=True))
    if steps.steps:
        changes = search_steps(steps, query, near, ranking, model.comparison)
        ranking = apply_steps(ranking, changes).in_order()
    spaces = model.comparison.space_of(query, near)[0]
    views = view_relation(query, near, model.comparison)[0] if model.calibration else None
    table = near.sightings
    for row, final in zip(ranking.indices[0].tolist(), ranking.distances[0].tolist(), strict=True):
        if row >= 0:
            similarity, sure = 1.0 - original[row], None
            if model.calibration and views is not None:
                sure = float(model.calibration.p_same(similarity, views[row], searched))
            yield (
                int(places[row]),
                final,
                Hit(
                    rank=0,
                    similarity=similarity,
                    image=table.path(row),
                    labels=table.labels(row),
                    space=str(spaces[row]),
                    query=query.sightings.path(0),
                    p_same=sure,
                    in_words=in_words(sure),
                ),
            )


def check_search_post(post: Post) -> Post:
    """The steps, if a search can do them all; else a `RecipeError`."""
    for step in post.steps:
        if step not in SEARCH_STEPS:
            raise RecipeError(
                f"a search cannot be post-processed by {step!r}, only by "
                f"{', '.join(SEARCH_STEPS)}, or {NONE}: crop and ensemble are steps of 'platefree "
                "eval'; models are joined for searches by 'platefree ensemble'"
            )
    if "tracks" in post.steps and post.tracks.by == "mean":
        raise RecipeError(
            "a search ranks the nearest pictures, not whole tracks, so post.tracks.by=mean is for "
            "'platefree eval' and 'platefree submit'; set post.tracks.by=best"
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
    """A query picture with its camera and time, as a table of one row; see `query_pictures`."""
    return query_pictures([path], camera=camera, time=time)


def query_pictures(paths: Sequence[str | Path], *, camera: str = "", time: str = "") -> Sightings:
    """Query pictures of one vehicle, as a table with a row for each.

    Args:
        paths: of the pictures.
        camera: that captured them; empty is unknown.
        time: when, ISO 8601; empty is unknown.

    Raises:
        DataError: the time is not ISO 8601.
    """
    moment = moment_of(time) if time else np.datetime64("NaT")
    columns: dict[str, list[Any]] = {
        "image": [str(path) for path in paths],
        "camera": [camera] * len(paths),
        "time": [moment] * len(paths),
    }
    return Sightings.from_columns(Path(), columns)


def _paths(query: str | Path | Sequence[str | Path]) -> Sequence[str | Path]:
    return [query] if isinstance(query, str | Path) else query
