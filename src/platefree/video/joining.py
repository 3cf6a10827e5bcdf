"""Broken tracks of one camera become one again, by place, time and embeddings.

A vehicle that something hides for longer than a tracker waits begins a new track. It is the same
one if it appears soon, where it can have got to, not backwards, and looks alike. Only the few
pictures that are kept of each track are embedded, which the gallery needs anyhow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.types import Floats
from platefree.video.tracks import POINTS, Track, mean_row

FASTEST = 4.0
"""How far a vehicle gets in a second, in sides of it."""

GROWS = 2.0
"""How much larger or smaller one may be where it appears again."""


@dataclass(frozen=True)
class Likeness:
    """Which tracks are taken for one.

    Attributes:
        similarity: of their embeddings at least, the mean of the spaces; it depends on the model.
        gap: seconds between the end of one and the begin of the other, at most.
    """

    similarity: float
    gap: float = 10.0

    def between(self, earlier: Track, later: Track) -> float:
        """How similar they are; minus infinity if they cannot be one vehicle."""
        pause = later.first - earlier.last
        if not 0 < pause <= self.gap or not _reached(earlier, later, pause):
            return -np.inf
        similarity = alike(earlier, later)
        return similarity if similarity >= self.similarity else -np.inf


class Joiner:
    """Joins tracks while they come in; it holds those that something may still be joined to.

    Args:
        likeness: which tracks are taken for one.
    """

    def __init__(self, likeness: Likeness) -> None:
        self._likeness = likeness
        self._held: list[Track] = []

    def add(self, track: Track) -> None:
        """Take in a track that is over, with embeddings; roughly in the order of their ends."""
        while (other := self._best(track)) is not None:
            self._held.remove(other)
            track = join(*sorted((other, track), key=lambda each: each.first))
        self._held.append(track)

    def release(self, now: float, open_since: Sequence[float] = ()) -> list[Track]:
        """The tracks that nothing can be joined to any more, by their begin.

        Args:
            now: seconds from the start of the footage; all tracks that begin later are still to
                come.
            open_since: when each of the tracks that are not over began.
        """
        gap = self._likeness.gap

        def waits(track: Track) -> bool:
            follows = any(0 < since - track.last <= gap for since in open_since)
            return follows or now - track.last < gap

        done = [each for each in self._held if not waits(each)]
        self._held = [each for each in self._held if waits(each)]
        return sorted(done, key=lambda each: each.first)

    def finish(self) -> list[Track]:
        """All that are left, by their begin."""
        return self.release(np.inf)

    def _best(self, track: Track) -> Track | None:
        """The most similar of those that are the same vehicle before or after."""

        def similarity(other: Track) -> float:
            return max(self._likeness.between(other, track), self._likeness.between(track, other))

        best = max(self._held, key=similarity, default=None)
        return best if best is not None and similarity(best) > -np.inf else None


def alike(one: Track, other: Track) -> float:
    """The mean of the similarities in the spaces that both have; 1 where they have none."""
    spaces = sorted(set(one.embeddings) & set(other.embeddings))
    if not spaces:
        return 1.0
    return float(np.mean([one.embeddings[name] @ other.embeddings[name] for name in spaces]))


def join(earlier: Track, later: Track) -> Track:
    """One track of two; it has the number of the earlier one."""
    best = max(earlier, later, key=lambda each: each.pictures[0].quality)
    count = max(len(earlier.pictures), len(later.pictures))
    pictures = sorted([*earlier.pictures, *later.pictures], key=lambda each: -each.quality)
    path = np.concatenate([earlier.path, later.path])
    kept = np.unique(np.linspace(0, len(path) - 1, min(POINTS, len(path))).round().astype(int))
    return Track(
        earlier.number,
        earlier.kinds + later.kinds,
        earlier.boxes + later.boxes,
        tuple(pictures[:count]),
        best.scene,
        path[kept],
        _embeddings(earlier, later),
    )


def _embeddings(one: Track, other: Track) -> dict[str, Floats]:
    """The means of both, by the number of their pictures."""
    weights = [len(one.pictures), len(other.pictures)]
    return {
        name: mean_row(np.stack([one.embeddings[name], other.embeddings[name]]), weights)
        for name in sorted(set(one.embeddings) & set(other.embeddings))
    }


def _reached(earlier: Track, later: Track, pause: float) -> bool:
    """Whether a vehicle can have got from the end of one to the begin of the other."""
    way = later.path[0, 1:3] - earlier.path[-1, 1:3]
    sides = earlier.path[-1, 3], later.path[0, 3]
    side = max(sides)
    if np.hypot(*way) > side * (1 + FASTEST * pause) or side > GROWS * min(sides):
        return False
    return bool(way @ _heading(earlier) >= -side / 2) and bool(way @ _heading(later) >= -side / 2)


def _heading(track: Track) -> NDArray[np.float64]:
    """(2,) the unit vector of where it went; 0 where it stood."""
    angle = np.radians(track.direction)
    heading: NDArray[np.float64] = np.nan_to_num(np.array([np.sin(angle), -np.cos(angle)]))
    return heading
