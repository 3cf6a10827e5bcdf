"""Trials: the interface of every kind, and the usual kind, a search."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from platefree.data.listed_text import many
from platefree.errors import DataError, ProtocolError
from platefree.evaluation.pair_labels import IgnoredPairs
from platefree.evaluation.trial_results import AnyResult
from platefree.inference.embedder import Embedder
from platefree.ranking.comparison import Comparison
from platefree.recipes.post import NONE, Post
from platefree.types import Embeddings, Indices, Sightings
from platefree.work import Work


class Scorer(Protocol):
    """What trials need to score themselves."""

    @property
    def model(self) -> Embedder:
        """The evaluated model."""

    @property
    def table(self) -> Sightings:
        """The pictures that the trials refer to."""

    @property
    def work(self) -> Work:
        """Device, workers and progress."""

    @property
    def embeddings(self) -> Embeddings:
        """Of the table, before post-processing; computed when first needed."""

    @property
    def comparison(self) -> Comparison:
        """How they are compared."""

    def search(self, trial: "Trial") -> AnyResult:
        """Rank and score a search, with post-processing."""

    def count_pairs(self, similarity: NDArray[np.float64], same: NDArray[np.bool_]) -> None:
        """Add pairs to the similarities that thresholds are computed from."""


class AnyTrial(Protocol):
    """The interface of every kind of trial."""

    @property
    def test(self) -> str:
        """The test that it belongs to; empty if the protocol is one test."""

    @property
    def seed(self) -> int | None:
        """The seed of the draw; None if nothing was drawn."""

    @property
    def rows(self) -> Indices:
        """Every row of the table that is used."""

    @property
    def task(self) -> str:
        """The task with its number of pictures, as text."""

    def moved(self, place: Indices) -> Self:
        """The same trial on another table; (n,) ``place`` is each row's new row there, or -1."""

    def check_post(self, post: Post, table: Sightings) -> None:
        """Refuse post-processing that this trial or the table cannot support."""

    def score(self, scorer: Scorer) -> AnyResult:
        """Score it."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Search some rows of a table in others.

    Attributes:
        name: shown in reports. Trials of one test and one name are one: their queries are pooled.
        query: (q,) rows of the table.
        gallery: (g,) rows of the table, none of them twice.
        test: the test that it belongs to, such as one of several published lists; the figures of
            a test are the means over its trials. Empty if the protocol is one test.
        ignored: further pairs of a query (its number) and a row of the table to ignore.
        tracks: (t,) where in ``gallery`` each track begins, from 0, if tracks are searched instead
            of pictures; the vehicle and camera of a track are those of its first row.
        target: the label column that a match agrees in, ``vehicle`` or ``model``.
        seed: of the draw; None if nothing was drawn.
    """

    name: str
    query: Indices
    gallery: Indices
    test: str = ""
    ignored: IgnoredPairs | None = None
    tracks: Indices | None = None
    target: str = "vehicle"
    seed: int | None = None

    @property
    def rows(self) -> Indices:
        """Every row of the table that is used."""
        return np.union1d(self.query, self.gallery)

    @property
    def searched(self) -> Indices:
        """(g,) rows of the gallery, or the first row of each track."""
        return self.gallery if self.tracks is None else self.gallery[self.tracks]

    @property
    def task(self) -> str:
        """The numbers of queries and gallery pictures or tracks, as text."""
        noun = "picture" if self.tracks is None else "track"
        return f"{many(len(self.query), 'picture')} in {many(len(self.searched), noun)}"

    def self_index(self) -> Indices:
        """(q,) gallery position of each query's own picture (or its track), -1 if there is none."""
        place = self._places(self.query)
        if self.tracks is None:
            return place
        track = np.searchsorted(self.tracks, place, side="right") - 1
        return np.where(place < 0, -1, track).astype(np.int64)

    def ignored_index(self) -> IgnoredPairs | None:
        """The ignored pairs by gallery position; not for tracks."""
        if self.ignored is None or self.tracks is not None:
            return None
        place = self._places(self.ignored.row)
        return IgnoredPairs(self.ignored.query[place >= 0], place[place >= 0])

    def part(self, mask: NDArray[np.bool_]) -> Self:
        """The same search with only the queries where this (q,) mask is true."""
        ignored = None if self.ignored is None else self.ignored.take(mask)
        return replace(self, query=self.query[mask], ignored=ignored)

    def moved(self, place: Indices) -> Self:
        """The same trial on another table; (n,) ``place`` is each row's new row there, or -1."""
        ignored = self.ignored
        if ignored is not None:
            there = place[ignored.row] >= 0
            ignored = IgnoredPairs(ignored.query[there], place[ignored.row[there]])
        return replace(self, query=place[self.query], gallery=place[self.gallery], ignored=ignored)

    def _places(self, rows: Indices) -> Indices:
        """Gallery positions of these rows, -1 if they are not in the gallery."""
        if not len(self.gallery):
            return np.full(len(rows), -1)
        order = np.argsort(self.gallery, kind="stable")
        place = np.searchsorted(self.gallery[order], rows).clip(max=len(order) - 1)
        found = order[place]
        return np.where(self.gallery[found] == rows, found, -1).astype(np.int64)

    def check_post(self, post: Post, table: Sightings) -> None:
        """Refuse steps that the pictures cannot support; no picture lacks nothing.

        Raises:
            DataError: a step needs a column that is unknown for all queries or all gallery
                pictures.
        """
        sides = {"queries": self.query, "gallery pictures": self.gallery}
        for step, column, needed in _needs(post):
            for side in needed:
                if len(sides[side]) and not table.take(sides[side]).knows(column):
                    raise DataError(
                        f"post-processing step {step!r} needs the column {column!r}, which is "
                        f"unknown for all {len(sides[side])} {side}; leave the step out, or fill "
                        "the column in" + (_GUESSED if step == "camera" else "")
                    )

    def score(self, scorer: Scorer) -> AnyResult:
        """Rank the gallery for every query, and compute rank metrics."""
        return scorer.search(self)


_BOTH = ("queries", "gallery pictures")
_GUESSED = ", or set post.camera.model to a camera classifier"


def _needs(post: Post) -> Iterator[tuple[str, str, Sequence[str]]]:
    """The columns that the steps need, and of queries or gallery."""
    for step in post.steps:
        if step == "camera" and not post.camera.model:
            yield step, "camera", _BOTH
        for column in ("camera", "view") if step == "penalty" else ():
            if post.penalty.weight(column) and column not in post.penalty.models:
                yield step, column, _BOTH
        if step == "time":
            yield step, "time", _BOTH
        if step == "tracks":
            yield step, "track", _BOTH[1:]


def refuse_steps(post: Post) -> None:
    """Refuse post-processing where nothing is ranked.

    Raises:
        ProtocolError: there are steps.
    """
    if post.steps:
        raise ProtocolError(
            f"post-processing {post.name} changes rankings, and this protocol ranks nothing; use "
            f"post={NONE!r} (--post {NONE}), or another protocol"
        )
