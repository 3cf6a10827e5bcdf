"""Steps that change a ranking after it was made, the same for a search and for an evaluation.

Zheng et al., VehicleNet, TMM 2020, section IV-C. A step keeps every entry at its place and changes
its distance; what it removes is at distance inf from then on. `Ranking.in_order` sorts at the end.

A search gives a step the candidates of its query; an evaluation gives it the whole gallery, some
queries at a time. Full k-reciprocal re-ranking, which looks at all pictures at once, is no step
(`platefree.ranking.reciprocal`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import numpy as np

from platefree.errors import DataError
from platefree.ranking.cluster_expansion import expand_by_clusters
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.ranking.expansion import expand_queries
from platefree.ranking.reciprocal import k_reciprocal
from platefree.recipes.post import Post, Rerank
from platefree.types import Embeddings, Indices, Ranking, Sightings, Text, Times

ALL = slice(None)
"""Every query."""


class Step(Protocol):
    """Changes the distances of entries."""

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The ranking after the step.

        Args:
            ranking: of some queries, entries in any order.
            queries: which of those that the step was made for.
        """


@dataclass(frozen=True, eq=False)
class OtherCameras:
    """Removes what the query's own camera captured: the vehicle is looked for elsewhere.

    Attributes:
        query: (q,) int64 numbers of cameras; -1 is unknown and removes nothing.
        gallery: (g,) int64 numbers of the same cameras.
    """

    query: Indices
    gallery: Indices

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries of other cameras, and those of unknown camera."""
        _check(ranking, len(self.query[queries]), len(self.gallery))
        distances = ranking.distances.copy()
        for camera, row, indices in zip(
            self.query[queries], distances, ranking.indices, strict=True
        ):
            if camera >= 0:
                row[self.gallery[indices] == camera] = np.inf
        return Ranking(ranking.indices, distances)


@dataclass(frozen=True, eq=False)
class TimeWindow:
    """Removes what was captured longer than a window before or after the query.

    Attributes:
        query: (q,) datetime64; NaT is unknown and removes nothing.
        gallery: (g,) datetime64; NaT is unknown and stays.
        seconds: the longest interval that is kept, 0 or more.

    Raises:
        DataError: the window is negative.
    """

    query: Times
    gallery: Times
    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds >= 0:
            raise DataError(f"the temporal window is {self.seconds} s, expected 0 or more")

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries within the window."""
        _check(ranking, len(self.query[queries]), len(self.gallery))
        longest = np.timedelta64(timedelta(seconds=self.seconds))
        distances = ranking.distances.copy()
        for time, row, indices in zip(self.query[queries], distances, ranking.indices, strict=True):
            row[abs(self.gallery[indices] - time) > longest] = np.inf
        return Ranking(ranking.indices, distances)


@dataclass(frozen=True, eq=False)
class BestOfTrack:
    """Puts every picture of a track at the distance of the best of them.

    The image-to-track distance of VeRi-776 (Liu et al., ECCV 2016, and He et al., CVPR 2019).

    Attributes:
        tracks: (g,) int64 number of each picture's track, from `track_numbers`.
        own: (q,) int64 place of each query's own picture in the gallery, which is removed, so that
            no query finds its track by itself; -1 if it is not there.
    """

    tracks: Indices
    own: Indices

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The same entries; those that were removed stay removed."""
        _check(ranking, len(self.own[queries]), len(self.tracks))
        distances = ranking.distances.copy()
        groups = None
        for own, row, indices in zip(self.own[queries], distances, ranking.indices, strict=True):
            if groups is None or ranking.indices.strides[0]:  # 0: one row for all queries
                groups = self._groups(indices)
            order, starts, group = groups
            if own >= 0:
                row[indices == own] = np.inf
            best = np.minimum.reduceat(row[order], starts)
            row[:] = np.where(np.isinf(row), np.inf, best[group])
        return Ranking(ranking.indices, distances)

    def _groups(self, indices: Indices) -> tuple[Indices, Indices, Indices]:
        """Entries sorted by track, where each track begins among them, and each entry's track."""
        tracks = np.where(indices < 0, -1, self.tracks[indices])
        order = np.argsort(tracks, kind="stable")
        begins = np.diff(tracks[order], prepend=-2) != 0
        group = np.empty(len(order), np.int64)
        group[order] = np.cumsum(begins) - 1
        return order, np.flatnonzero(begins), group


@dataclass(frozen=True, eq=False)
class ExpandedQueries:
    """Compares the entries with queries that were moved towards pictures like them.

    Attributes:
        query: the moved queries, from `expanded`.
        gallery: what is ranked.
        comparison: how their spaces combine.
    """

    query: Embeddings
    gallery: Embeddings
    comparison: Comparison = ONLY_SPACE

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries at their distances from the moved queries."""
        numbers = np.arange(len(self.query))[queries]
        _check(ranking, len(numbers), len(self.gallery))
        distances = ranking.distances.copy()
        for number, row, indices in zip(numbers, distances, ranking.indices, strict=True):
            there = np.flatnonzero(~np.isinf(row))
            gallery = self.gallery.take(indices[there])
            row[there] = self.comparison.distances(self.query.take(number[None]), gallery)[0]
        return Ranking(ranking.indices, distances)


@dataclass(frozen=True, eq=False)
class RerankedCandidates:
    """Puts the candidates of each query in k-reciprocal order.

    What the gallery holds beyond the candidates is not looked at, so the cost does not depend on
    the gallery, and the answer to one query does not depend on the others.

    Attributes:
        query: the queries.
        gallery: what the candidates are rows of; only those rows are read.
        options: of the re-ranking.
        comparison: how their spaces combine.
    """

    query: Embeddings
    gallery: Embeddings
    options: Rerank = field(default_factory=Rerank)
    comparison: Comparison = ONLY_SPACE

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries at their re-ranked distances; those that were removed stay removed."""
        numbers = np.arange(len(self.query))[queries]
        _check(ranking, len(numbers), len(self.gallery))
        distances = ranking.distances.copy()
        options = self.options.model_dump()
        for number, row, indices in zip(numbers, distances, ranking.indices, strict=True):
            there = np.flatnonzero(~np.isinf(row))
            there = there[np.argsort(indices[there], kind="stable")]
            candidates = self.gallery.take(indices[there])
            query = self.query.take(number[None])
            row[there] = k_reciprocal(query, candidates, **options, comparison=self.comparison)[0]
        return Ranking(ranking.indices, distances)


def apply_steps(ranking: Ranking, steps: Sequence[Step], queries: slice = ALL) -> Ranking:
    """The ranking after all steps, one after the other; every entry stays at its place."""
    for step in steps:
        ranking = step(ranking, queries)
    return ranking


def search_steps(
    post: Post, query: Embeddings, gallery: Embeddings, ranking: Ranking, comparison: Comparison
) -> list[Step]:
    """All steps of a search, in the order in which an evaluation does them.

    Args:
        post: which steps, and their options; ``crop`` and ``ensemble`` are done before.
        query: the queries.
        gallery: what the ranking ranks.
        ranking: the candidates of each query, nearest first.
        comparison: how spaces combine.
    """
    steps: list[Step] = []
    if "expand" in post.steps:
        query = expanded(post, query, gallery, ranking, comparison)
        steps.append(ExpandedQueries(query, gallery, comparison))
    if "rerank" in post.steps:
        steps.append(RerankedCandidates(query, gallery, post.rerank, comparison))
    nowhere = np.full(len(query), -1)
    return steps + label_steps(post, query.sightings, gallery.sightings, nowhere)


def label_steps(
    post: Post, query: Sightings, gallery: Sightings, own: Indices, cameras: Text | None = None
) -> list[Step]:
    """The steps of a post-processing that look at labels: camera, time and tracks.

    Args:
        post: which steps, and their options.
        query: the q queries.
        gallery: the g pictures that are ranked.
        own: (q,) place of each query's own picture in the gallery, -1 if it is not there.
        cameras: (q + g,) cameras of queries and gallery, ``""`` unknown; by default the known ones.
    """
    steps: list[Step] = []
    if "camera" in post.steps:
        names = np.concatenate([query.camera, gallery.camera]) if cameras is None else cameras
        numbers = camera_numbers(names)
        steps.append(OtherCameras(numbers[: len(query)], numbers[len(query) :]))
    if "time" in post.steps:
        steps.append(TimeWindow(query.time, gallery.time, post.time.seconds))
    if "tracks" in post.steps:
        steps.append(BestOfTrack(track_numbers(gallery), own))
    return steps


def camera_numbers(cameras: Text) -> Indices:
    """(n,) int64 number of each camera; -1 where it is unknown (``""``)."""
    names, numbers = np.unique(cameras, return_inverse=True)
    return np.where(names == "", -1, np.arange(len(names)))[numbers]


def expanded(
    post: Post, query: Embeddings, gallery: Embeddings, ranking: Ranking, comparison: Comparison
) -> Embeddings:
    """The queries after the step ``expand``, each at a mean of pictures like it.

    Args:
        post: with the options of the step.
        query: L2-normalised rows.
        gallery: L2-normalised rows.
        ranking: the nearest gallery rows of each query, without its own picture; looked at only
            where queries are expanded by neighbours.
        comparison: how spaces combine.
    """
    options = post.expand
    if options.by == "clusters":
        return expand_by_clusters(query, options.radius, options.smallest, comparison=comparison)
    return expand_queries(query, gallery, ranking, options.neighbours, options.alpha)


def _check(ranking: Ranking, q: int, g: int) -> None:
    """Refuse a ranking of other queries or of another gallery with a `DataError`."""
    last = ranking.indices.max(initial=-1)
    if len(ranking) != q or last >= g:
        raise DataError(
            f"a ranking of {len(ranking)} queries and of gallery rows up to {last}, for a step of "
            f"{q} queries and {g} gallery rows: expected a ranking of these"
        )


def track_numbers(sightings: Sightings) -> Indices:
    """Number of the track of each row, (n,) int64, by first appearance.

    A track is what one source, one camera and one track label have in common; a row whose track is
    unknown is a track of its own.
    """
    alone = np.where(sightings.track == "", np.arange(len(sightings)).astype(np.str_), "")
    keys = np.stack([sightings.source, sightings.camera, sightings.track, alone], axis=1)
    _, first, numbers = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    by_appearance: Indices = np.argsort(np.argsort(first))[numbers.reshape(-1)]
    return by_appearance
