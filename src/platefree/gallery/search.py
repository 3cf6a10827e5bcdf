"""Where else was this vehicle? Exact search in a folder, a table, stored embeddings or a store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from platefree.data.table import read_table
from platefree.errors import DataError, MismatchError, RecipeError
from platefree.gallery.candidates import Asked, find, ranked
from platefree.gallery.cautions import cautions, few_left
from platefree.gallery.conclusion import nothing_likely
from platefree.gallery.feedback import NO_FEEDBACK, Feedback
from platefree.gallery.filters import EVERYTHING, Filter, moment_of
from platefree.gallery.query_frames import frame_at
from platefree.gallery.store import MemoryStore, Reading
from platefree.gallery.stored import is_embeddings_folder, load_embeddings
from platefree.gallery.stored_embedder import StoredEmbeddings
from platefree.gallery.sure_hits import with_probabilities
from platefree.inference.embedder import Embedder
from platefree.recipes.post import NONE, Post
from platefree.types import Embeddings, Hit, Sightings
from platefree.work import DEFAULT_WORK, Work

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
        searched: number of sightings that meet the conditions.
        candidates: how many of the nearest were post-processed; 0 if nothing was.
        compared: pairs of a query picture and another sighting that were compared: the
            probabilities of the hits are of so many, see `platefree.ranking.calibration`.
    """

    hits: list[Hit]
    left_out: list[Path]
    cautions: list[str]
    searched: int = 0
    candidates: int = 0
    compared: int = 0

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
    With several query pictures, a gallery picture ranks by the nearest of them (decided: pictures
    of different sides of a vehicle are right for different hits, and their mean is like none).
    Hits keep their original similarity where post-processing changes their order, so that it means
    the same in every search. Those of a calibrated model say how sure they are (``p_same``), by
    this similarity too.

    Args:
        model: from `load_model`, the one that made the gallery.
        query: path of a picture of one vehicle, or several of them, or a table with a row for each,
            with the camera and time that the steps ``camera`` and ``time`` need.
        gallery: from `open_gallery`, `Model.embed`, or a store.
        top: the largest number of hits.
        post: steps on the nearest `CANDIDATES` pictures (``top``, if that is more; see `find`) of
            each query picture, such as ``rerank`` or ``expand,tracks``, with the options of the
            model's recipe. With ``tracks`` the nearest picture of each pass is shown.
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
    feedback: Feedback = NO_FEEDBACK,
    work: Work = DEFAULT_WORK,
) -> Answer:
    """As `search`, with what was left out and what speaks against the hits.

    With feedback the query is moved (`moved_query`), and rejected sightings are left out. Hits keep
    their similarity to the pictures that were asked for, and ``at_least`` is a condition on that.

    Raises:
        DataError: a sighting of the feedback is not stored.
    """
    steps = check_search_post(model.post.with_steps(post) if isinstance(post, str) else post)
    pictures = as_pictures(query)
    if not len(pictures) or top < 1:
        raise DataError(f"{len(pictures)} query pictures, top {top}: expected 1 or more of each")
    _check_query(steps, pictures)
    embedded, _ = model.embed(pictures, work=work)
    store = MemoryStore(gallery, model.comparison) if isinstance(gallery, Embeddings) else gallery
    asked = Asked.of(pictures, embedded, where, feedback, store)
    found = find(asked, store, steps, top)
    own = np.flatnonzero(found.own).tolist()
    searched = store.count(asked.where.of_sightings())
    compared = (searched - len(own)) * len(pictures)
    hits = ranked(found, top, several=len(pictures) > 1, stored=store is gallery)
    if model.calibration is not None:
        compare = model.calibration, model.comparison, compared
        hits = with_probabilities(hits, found, asked.shown, *compare)
    table = found.candidates.sightings
    shown = table.take(np.array(found.places[:top], np.int64))
    few = [] if found.ended or len(hits) == top else [few_left(len(hits), found.count)]
    return Answer(
        hits,
        [table.path(place) for place in own],
        few + cautions(pictures, searched - len(own), shown),
        searched,
        found.count if steps.steps else 0,
        compared,
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


Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of a picture."""


def query_picture(
    path: str | Path, *, camera: str = "", time: str = "", box: Box | None = None
) -> Sightings:
    """A query picture with its camera and time, as a table of one row; see `query_pictures`.

    Args:
        path: of the picture, or a second of a film such as ``street.mp4@12.5``.
        camera: that captured it; empty is unknown.
        time: when, ISO 8601; empty is unknown.
        box: of the vehicle in the picture; by default the whole picture is it.

    Raises:
        DataError: the time is not ISO 8601, or the box has no area.
    """
    found = query_pictures([path], camera=camera, time=time)
    return found if box is None else replace(found, box=np.array([box], np.float32))


def query_pictures(paths: Sequence[str | Path], *, camera: str = "", time: str = "") -> Sightings:
    """Query pictures of one vehicle, as a table with a row for each.

    Args:
        paths: of the pictures, or seconds of films such as ``street.mp4@12.5``.
        camera: that captured them; empty is unknown.
        time: when, ISO 8601; empty is unknown, or what a film says.

    Raises:
        DataError: the time is not ISO 8601.
        FilmError: a film cannot be read, or has no such second.
    """
    moment = moment_of(time) if time else np.datetime64("NaT")
    frames = [frame_at(path) for path in paths]
    columns: dict[str, list[Any]] = {
        "image": [
            str(path if at is None else at.film) for path, at in zip(paths, frames, strict=True)
        ],
        "camera": [camera] * len(paths),
        "time": [moment if at is None or time else at.time for at in frames],
        "frame": [-1 if at is None else at.number for at in frames],
    }
    return Sightings.from_columns(Path(), columns)


def as_pictures(query: Query) -> Sightings:
    """The query pictures as a table."""
    if isinstance(query, Sightings):
        return query
    return query_pictures([query] if isinstance(query, str | Path) else query)
