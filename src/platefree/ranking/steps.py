"""Post-processing steps of a ranking, the same for search and evaluation.

Zheng et al., VehicleNet, TMM 2020, section IV-C. A step keeps every entry at its place and changes
its distance; a removed entry has distance inf. `Ranking.in_order` sorts at the end.

A search passes a step the candidates of its query; an evaluation passes the whole gallery, some
queries at a time. Full k-reciprocal re-ranking needs all pictures at once, so it is no step
(`platefree.ranking.reciprocal`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import repeat
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from platefree.errors import DataError
from platefree.ranking.comparison import ONLY_SPACE, Comparison
from platefree.ranking.expansion import expand_queries
from platefree.recipes.post import Post, Rerank
from platefree.types import Embeddings, Indices, Ranking, Sightings, Text, Times

Value = TypeVar("Value", bound=np.generic)

ALL = slice(None)
"""Every query."""


class Step(Protocol):
    """Changes the distances of entries."""

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The ranking after the step.

        Args:
            ranking: of some queries, entries in any order.
            queries: which of the step's queries they are.
        """


@dataclass(frozen=True, eq=False)
class OtherCameras:
    """Removes pictures captured by the query's own camera.

    Attributes:
        query: (q,) int64 numbers of cameras; -1 is unknown and removes nothing.
        gallery: (g,) int64 numbers of the same cameras.
    """

    query: Indices
    gallery: Indices

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries, those of the query's camera removed."""
        _check(ranking, len(self.query[queries]), len(self.gallery))
        distances = ranking.distances.copy()
        shown = of_entries(self.gallery, ranking.indices)
        for camera, row, cameras in zip(self.query[queries], distances, shown, strict=True):
            if camera >= 0:
                row[cameras == camera] = np.inf
        return Ranking(ranking.indices, distances)


@dataclass(frozen=True, eq=False)
class TimeWindow:
    """Removes pictures captured outside a time window around the query.

    Attributes:
        query: (q,) datetime64; NaT is unknown and removes nothing.
        gallery: (g,) datetime64; NaT is unknown and stays.
        seconds: the longest interval from the query that is kept, 0 or more.

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
        """The entries, those outside the window removed."""
        _check(ranking, len(self.query[queries]), len(self.gallery))
        longest = np.timedelta64(timedelta(seconds=self.seconds))
        distances = ranking.distances.copy()
        shown = of_entries(self.gallery, ranking.indices)
        for time, row, times in zip(self.query[queries], distances, shown, strict=True):
            row[abs(times - time) > longest] = np.inf
        return Ranking(ranking.indices, distances)


@dataclass(frozen=True, eq=False)
class BestOfTrack:
    """Gives every picture of a track the distance of the track's nearest picture.

    The image-to-track distance of VeRi-776 (Liu et al., ECCV 2016, and He et al., CVPR 2019).

    Attributes:
        tracks: (g,) int64 number of each picture's track, from `track_numbers`.
        own: (q,) int64 gallery row of each query's own picture, which is removed, so that a query
            does not find its track through itself; -1 if it is not there.
    """

    tracks: Indices
    own: Indices

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries at the distances of their tracks; removed entries stay removed."""
        _check(ranking, len(self.own[queries]), len(self.tracks))
        distances = ranking.distances.copy()
        groups = None
        for own, row, indices in zip(self.own[queries], distances, ranking.indices, strict=True):
            if groups is None or not have_same_entries(ranking.indices):
                groups = self._groups(indices)
            order, starts, group = groups
            if own >= 0:
                row[indices == own] = np.inf
            best = np.minimum.reduceat(row[order], starts)
            row[:] = np.where(np.isinf(row), np.inf, best[group])
        return Ranking(ranking.indices, distances)

    def _groups(self, indices: Indices) -> tuple[Indices, Indices, Indices]:
        """Entries sorted by track, the start of each track among them, and each entry's track."""
        tracks = np.where(indices < 0, -1, self.tracks[indices])
        order = np.argsort(tracks, kind="stable")
        begins = np.diff(tracks[order], prepend=-2) != 0
        group = np.empty(len(order), np.int64)
        group[order] = np.cumsum(begins) - 1
        return order, np.flatnonzero(begins), group


@dataclass(frozen=True, eq=False)
class OtherTracks:
    """Removes the track of the query's own picture, where pictures stand for their whole track.

    Attributes:
        tracks: (g,) int64 number of each picture's track, from `track_numbers`.
        own: (q,) int64 gallery row of each query's own picture; -1 if it is not there.
    """

    tracks: Indices
    own: Indices

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries, those of the own track at distance inf."""
        _check(ranking, len(self.own[queries]), len(self.tracks))
        distances = ranking.distances.copy()
        shown = of_entries(self.tracks, ranking.indices)
        for own, row, tracks in zip(self.own[queries], distances, shown, strict=True):
            if own >= 0:
                row[tracks == self.tracks[own]] = np.inf
        return Ranking(ranking.indices, distances)


@dataclass(frozen=True, eq=False)
class ExpandedQueries:
    """Compares the entries with expanded queries.

    Attributes:
        query: the expanded queries, from `expanded`.
        gallery: the gallery.
        comparison: how their spaces combine.
    """

    query: Embeddings
    gallery: Embeddings
    comparison: Comparison = ONLY_SPACE

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries at their distances from the expanded queries."""
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
    """Re-ranks the candidates of each query by k-reciprocal distance.

    Only the candidates are used, so the cost does not depend on the size of the gallery, and the
    answer to one query does not depend on the other queries.

    Attributes:
        query: the queries.
        gallery: the gallery; only the rows of candidates are read.
        options: of the re-ranking.
        comparison: how their spaces combine.
    """

    query: Embeddings
    gallery: Embeddings
    options: Rerank = field(default_factory=Rerank)
    comparison: Comparison = ONLY_SPACE

    def __call__(self, ranking: Ranking, queries: slice = ALL) -> Ranking:
        """The entries at their re-ranked distances; removed entries stay removed."""
        numbers = np.arange(len(self.query))[queries]
        _check(ranking, len(numbers), len(self.gallery))
        distances = ranking.distances.copy()
        from platefree.ranking.reciprocal import k_reciprocal  # numba and SciPy

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
    """All steps of a search, in the same order as in an evaluation.

    Args:
        post: which steps, and their options; ``crop`` and ``ensemble`` are applied before.
        query: the queries.
        gallery: the gallery of the ranking.
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
    post: Post,
    query: Sightings,
    gallery: Sightings,
    own: Indices,
    cameras: tuple[Indices, Indices] | None = None,
) -> list[Step]:
    """The steps that use labels: camera, time and tracks.

    Args:
        post: which steps, and their options.
        query: the q queries.
        gallery: the g gallery pictures.
        own: (q,) gallery row of each query's own picture, -1 if it is not there.
        cameras: (q,) and (g,) numbers of the cameras, from `camera_numbers`; by default those of
            the known cameras.
    """
    steps: list[Step] = []
    if "camera" in post.steps:
        if cameras is None:
            numbers = camera_numbers(np.concatenate([query.camera, gallery.camera]))
            cameras = numbers[: len(query)], numbers[len(query) :]
        steps.append(OtherCameras(*cameras))
    if "time" in post.steps:
        steps.append(TimeWindow(query.time, gallery.time, post.time.seconds))
    if "tracks" in post.steps:
        tracks = track_numbers(gallery)
        steps.append(BestOfTrack(tracks, own))
        if post.tracks.by == "mean":
            steps.append(OtherTracks(tracks, own))
    return steps


def have_same_entries(indices: Indices) -> bool:
    """Whether all queries have one row of entries in common, as in `Ranking.of_gallery`."""
    return bool(len(indices)) and indices.strides[0] == 0


def of_entries(column: NDArray[Value], indices: Indices) -> Iterator[NDArray[Value]]:
    """The values of the entries of each query; entries in common are looked up once.

    Args:
        column: (g,) values of the gallery.
        indices: (q, k) gallery rows.

    Yields:
        (k,) values.
    """
    if have_same_entries(indices):
        yield from repeat(column[indices[0]], len(indices))
    else:
        yield from (column[row] for row in indices)


def camera_numbers(cameras: Text) -> Indices:
    """(n,) int64 number of each camera; -1 where it is unknown (``""``)."""
    names, numbers = np.unique(cameras, return_inverse=True)
    return np.where(names == "", -1, np.arange(len(names)))[numbers]


def expanded(
    post: Post, query: Embeddings, gallery: Embeddings, ranking: Ranking, comparison: Comparison
) -> Embeddings:
    """The queries after the step ``expand``: each the mean of itself and similar pictures.

    Args:
        post: with the options of the step.
        query: L2-normalised embeddings.
        gallery: L2-normalised embeddings.
        ranking: the nearest gallery rows of each query, without its own picture; used only if
            queries are expanded by neighbours.
        comparison: how spaces combine.
    """
    options = post.expand
    if options.by == "neighbours":
        return expand_queries(query, gallery, ranking, options.neighbours, options.alpha)
    from platefree.ranking.cluster_expansion import expand_by_clusters  # which loads SciPy

    of: Literal["all", "others"] = "all" if options.by == "clusters" else "others"
    clusters = options.radius, options.smallest
    return expand_by_clusters(query, *clusters, of=of, comparison=comparison)


def _check(ranking: Ranking, q: int, g: int) -> None:
    """Raise a `DataError` if the ranking does not fit the queries and the gallery."""
    last = ranking.indices.max(initial=-1)
    if len(ranking) != q or last >= g:
        raise DataError(
            f"a ranking of {len(ranking)} queries and of gallery rows up to {last}, for a step of "
            f"{q} queries and {g} gallery rows: expected a ranking of these"
        )


def track_numbers(sightings: Sightings) -> Indices:
    """Number of the track of each row, (n,) int64, by first appearance.

    Rows of equal source, camera and track label are one track; a row of unknown track is a track
    of its own.
    """
    labels = (sightings.source, sightings.camera, sightings.track)
    numbers: dict[tuple[str, str, str] | int, int] = {}
    keys = zip(*(column.tolist() for column in labels), strict=True)
    found = [
        numbers.setdefault(key if key[2] else row, len(numbers)) for row, key in enumerate(keys)
    ]
    return np.array(found, np.int64)
