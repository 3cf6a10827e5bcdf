"""Post-processing of a search, as a recipe or a command line declares it, some queries at a time.

Decided, where VehicleNet (section IV-C) does not say:

- The order of work is fixed (`platefree.recipes.post`). What a step removes for a query stays
  removed, and ranks behind all that is left, a match behind all others (`removed`); to re-ranking
  it is still a neighbour, so it is the same whether removing comes before or after.
- The steps ``crop`` and ``ensemble`` are done before a chain starts: they are in the embeddings
  that it is given (`embedded`).
- So are pictures that the protocol ignores for a query: ignoring is of the scores alone.
- Each search is post-processed on its own, so the draws of a protocol know nothing of each other.
- A picture that is query and gallery is one point of re-ranking, unless expansion moved the query.
- No query uses its own picture in the gallery: not to expand, nor for its track.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

import numpy as np

from platefree.errors import DataError, ProtocolError
from platefree.evaluation.protocols import Trial
from platefree.evaluation.score import picture_blocks, to_tracks
from platefree.evaluation.set_protocols import AnyTrial
from platefree.ranking.by_track import share_best, track_numbers
from platefree.ranking.camera import cluster_cameras, remove_same_camera
from platefree.ranking.cluster_expansion import expand_by_clusters
from platefree.ranking.exact import Distances, compare_only_space, rank_exact
from platefree.ranking.expansion import expand_queries
from platefree.ranking.interval import remove_far_times
from platefree.ranking.reciprocal import k_reciprocal_blocks
from platefree.recipes.post import NONE, Post
from platefree.types import Embeddings, Floats, Indices, Ranking, Sightings

Change = Callable[[Floats, slice], None]
"""Changes a block of distances to gallery pictures; gets which queries it holds."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Post-processing over the pictures of one evaluation.

    Attributes:
        settings: which steps, and their options.
        distances: how the spaces of the method combine; None is the cosine distance in its only
            space.
        cameras: (n,) number of the camera of each picture, known or guessed, -1 unknown.
    """

    settings: Post
    distances: Distances | None
    cameras: Indices

    @property
    def removes(self) -> bool:
        """Whether a step removes gallery pictures, which are then at distance inf."""
        return not {"camera", "time"}.isdisjoint(self.settings.steps)

    def with_settings(self, settings: Post, distances: Distances | None) -> Self:
        """The same with other steps, over embeddings that are compared so."""
        return replace(self, settings=settings, distances=distances)

    def blocks(self, embeddings: Embeddings, trial: Trial) -> Iterator[tuple[slice, Floats]]:
        """The distances of a trial after all steps; to tracks, if those are searched."""
        steps, table = self.settings.steps, embeddings.sightings
        own = replace(trial, tracks=None).self_index()
        query = self._expanded(embeddings, trial, own) if "expand" in steps else None
        if "rerank" in steps:
            blocks = self._reranked(embeddings, trial, own, query)
        else:
            compare = self.distances or compare_only_space
            blocks = picture_blocks(embeddings, trial, compare, query)
        changes = self._changes(table, trial, own)
        for rows, block in blocks:
            for change in changes:
                change(block, rows)
            yield rows, to_tracks(block, trial)

    def _expanded(self, embeddings: Embeddings, trial: Trial, own: Indices) -> Embeddings:
        options, query = self.settings.expand, embeddings.take(trial.query)
        if options.by == "clusters":
            return expand_by_clusters(
                query, options.radius, options.smallest, distances=self.distances
            )
        gallery = embeddings.take(trial.gallery)
        nearest = rank_exact(query, gallery, options.neighbours + 1, self.distances)
        return expand_queries(
            query, gallery, _without(nearest, own), options.neighbours, options.alpha
        )

    def _reranked(
        self, embeddings: Embeddings, trial: Trial, own: Indices, moved: Embeddings | None
    ) -> Iterator[tuple[slice, Floats]]:
        options, query = self.settings.rerank, embeddings.take(trial.query)
        if moved is not None:
            changed = np.zeros(len(query), np.bool_)
            for name, rows in query.spaces.items():
                changed |= (rows != moved.spaces[name]).any(axis=1)
            query, own = moved, np.where(changed, -1, own)
        return k_reciprocal_blocks(
            query,
            embeddings.take(trial.gallery),
            options.k1,
            options.k2,
            options.lambda_,
            distances=self.distances,
            self_index=own,
        )

    def _changes(self, table: Sightings, trial: Trial, own: Indices) -> Sequence[Change]:
        steps, changes = self.settings.steps, list[Change]()
        query, gallery = trial.query, trial.gallery
        if "camera" in steps:
            cameras = self.cameras[gallery]
            changes.append(
                lambda block, rows: remove_same_camera(block, self.cameras[query[rows]], cameras)
            )
        if "time" in steps:
            window, times = timedelta(seconds=self.settings.time.seconds), table.time[gallery]
            changes.append(
                lambda block, rows: remove_far_times(block, table.time[query[rows]], times, window)
            )
        if "tracks" in steps:
            tracks = track_numbers(table.take(gallery))
            changes += [
                lambda block, rows: _remove(block, own[rows]),
                lambda block, rows: share_best(block, tracks),
            ]
        return changes


def make_chain(
    settings: Post,
    table: Sightings,
    distances: Distances | None,
    of_cameras: Embeddings | None = None,
    camera_distances: Distances | None = None,
) -> Chain:
    """A chain over the pictures of an evaluation.

    Args:
        settings: which steps, and their options.
        table: the n pictures.
        distances: how the spaces of the method combine; None is cosine in its only space.
        of_cameras: of the same pictures, by the model that tells cameras apart; None where the
            step ``camera`` takes the known cameras, or is not asked for.
        camera_distances: how the spaces of those combine; None is cosine in the only one.
    """
    labels = table.camera
    if of_cameras is not None:
        options = settings.camera
        labels = cluster_cameras(of_cameras, options.radius, options.smallest, camera_distances)
    names, numbers = np.unique(labels, return_inverse=True)
    return Chain(settings, distances, np.where(names == "", -1, np.arange(len(names)))[numbers])


def check_post(settings: Post, table: Sightings, trials: Sequence[AnyTrial]) -> None:
    """Refuse steps that the pictures of an evaluation cannot support.

    Args:
        settings: which steps, and their options.
        table: all pictures.
        trials: what is scored; rows of ``table``.

    Raises:
        ProtocolError: pairs are scored, in which nothing is ranked.
        DataError: a step needs a column that is unknown for all queries or all gallery pictures.
    """
    for trial in trials:
        if not isinstance(trial, Trial):
            if settings.steps:
                raise ProtocolError(
                    f"post-processing {settings.name} changes rankings, and this protocol ranks "
                    f"nothing; use --post {NONE}, or another protocol"
                )
            continue
        for step, column, sides in _needs(settings):
            rows = {"queries": trial.query, "gallery pictures": trial.gallery}
            for side in sides:
                if not table.take(rows[side]).knows(column):
                    raise DataError(
                        f"post-processing step {step!r} needs the column {column!r}, which is "
                        f"unknown for all {len(rows[side])} {side}; leave the step out, or fill "
                        "the column in" + (_GUESSED if step == "camera" else "")
                    )


_BOTH = ("queries", "gallery pictures")
_GUESSED = ", or name in post.camera.model a model that tells cameras apart"


def _needs(settings: Post) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Which columns the steps need, and of which side."""
    for step in settings.steps:
        if step == "camera" and not settings.camera.model:
            yield step, "camera", _BOTH
        if step == "time":
            yield step, "time", _BOTH
        if step == "tracks":
            yield step, "track", _BOTH[1:]


def _without(ranking: Ranking, own: Indices) -> Ranking:
    """The ranking with the queries' own pictures as empty places, last."""
    indices = np.where(ranking.indices == own[:, None], -1, ranking.indices)
    order = np.argsort(indices < 0, axis=1, kind="stable")
    return Ranking(*(np.take_along_axis(each, order, 1) for each in (indices, ranking.distances)))


def _remove(block: Floats, own: Indices) -> None:
    there = own >= 0
    block[np.flatnonzero(there), own[there]] = np.inf
