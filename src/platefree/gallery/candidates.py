"""The nearest pictures of a query, what steps make of them, and the hits that are left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from platefree.gallery.conditions import Bools
from platefree.gallery.feedback import Feedback, moved_query
from platefree.gallery.filters import Filter
from platefree.gallery.own_pictures import OwnPictures
from platefree.gallery.store import Reading
from platefree.ranking.comparison import Comparison
from platefree.ranking.steps import apply_steps, search_steps, track_numbers
from platefree.recipes.post import Post
from platefree.types import Embeddings, Hit, Indices, Ranking, Sightings

CANDIDATES = 100
"""How many of the nearest pictures are post-processed, whatever the size of the gallery."""

MOST_CANDIDATES = 1_600
"""How many may be, where the steps left fewer hits than were asked for."""

_TIMES_MORE = 4  # candidates than before, until enough are left
_REMOVING = ("camera", "time", "tracks")


@dataclass(frozen=True)
class Asked:
    """The pictures that are looked for.

    Attributes:
        pictures: q of them.
        shown: their embeddings.
        moved: the same after feedback, by which the nearest are found.
        where: conditions that every hit meets.
    """

    pictures: Sightings
    shown: Embeddings
    moved: Embeddings
    where: Filter

    @classmethod
    def of(
        cls,
        pictures: Sightings,
        embedded: Embeddings,
        where: Filter,
        feedback: Feedback,
        store: Reading,
    ) -> Self:
        """With what somebody said of stored sightings.

        Raises:
            DataError: one of these is not stored.
        """
        if not feedback:
            return cls(pictures, embedded, embedded, where)
        yes, no = (store.get(np.array(each, np.int64)) for each in (feedback.yes, feedback.no))
        moved = moved_query(embedded, yes, no, store.comparison)
        return cls(pictures, embedded, moved, feedback.narrowed(where))

    @property
    def nearby(self) -> Filter:
        """What the nearest have to meet: a least similarity is one to the pictures themselves."""
        return self.where if self.moved is self.shown else self.where.of_sightings()


@dataclass(frozen=True)
class Found:
    """What is left of the candidates.

    Attributes:
        places: of the hits among the candidates, nearest first.
        hits: the same hits, not yet ranked.
        of: the query picture that each is nearest to, from 0.
        candidates: in the order of their numbers.
        numbers: (n,) their numbers.
        own: (n,) which are a query picture.
        count: how many of the nearest were looked at.
        ended: whether there are no others.
    """

    places: list[int]
    hits: list[Hit]
    of: list[int]
    candidates: Embeddings
    numbers: Indices
    own: Bools
    count: int
    ended: bool


def find(asked: Asked, store: Reading, steps: Post, top: int) -> Found:
    """The hits of a search among the nearest pictures, at least ``top`` if there are so many.

    Where steps remove candidates (``camera``, ``time``), or show one of many (``tracks``), or a
    least similarity is one to other pictures than those by which the nearest are found, more of
    the nearest are taken until enough are left, up to `MOST_CANDIDATES`.
    """
    wanted = max(top, CANDIDATES) if steps.steps else top
    removes = bool(set(_REMOVING) & set(steps.steps)) or asked.nearby != asked.where
    most = max(top, MOST_CANDIDATES) if removes else wanted
    while True:
        found = _among(asked, store, steps, wanted)
        if len(found.places) >= top or found.ended or wanted >= most:
            return found
        wanted = min(wanted * _TIMES_MORE, most)


def _among(asked: Asked, store: Reading, steps: Post, wanted: int) -> Found:
    """The hits among this many of the nearest pictures of each query picture."""
    nearest, candidates, numbers, own = _nearest(asked, store, wanted)
    best: dict[int, tuple[float, Hit, int]] = {}
    for number in range(len(asked.pictures)):
        places = nearest.indices[number]
        elsewhere = np.flatnonzero(places >= 0)
        elsewhere = elsewhere[~own[places[elsewhere]]][:wanted]
        ranking = Ranking(places[None, elsewhere], nearest.distances[number][None, elsewhere])
        for place, final, hit in _hits(asked, number, steps, store.comparison, candidates, ranking):
            if place not in best or final < best[place][0]:
                best[place] = final, hit, number
    order = sorted(best, key=lambda place: (best[place][0], place))
    if "tracks" in steps.steps:
        order = list(_one_of_each(order, track_numbers(candidates.sightings)))
    return Found(
        order,
        [best[place][1] for place in order],
        [best[place][2] for place in order],
        candidates,
        numbers,
        own,
        wanted,
        ended=bool((nearest.indices < 0).any(axis=1).all()),
    )


def _one_of_each(order: Sequence[int], tracks: Indices) -> Iterator[int]:
    """The first place of each track: the nearest picture of a pass stands for it.

    That is the order of `BestOfTrack`, which gives all pictures of a track the distance of the
    nearest.
    """
    seen = set[int]()
    for place in order:
        if (track := int(tracks[place])) not in seen:
            seen.add(track)
            yield place


def _nearest(
    asked: Asked, store: Reading, wanted: int
) -> tuple[Ranking, Embeddings, Indices, Bools]:
    """The nearest pictures of each query picture: ``wanted``, and those that are query pictures.

    Returns:
        The ranking of places in the candidates, the candidates in the order of their numbers,
        (n,) these numbers, and (n,) which of them are a query picture.
    """
    pictures_of_query, extra = OwnPictures(asked.pictures, asked.shown.content), len(asked.pictures)
    while True:
        nearest = store.search(asked.moved, asked.nearby, wanted + extra)
        rows = np.unique(nearest.indices[nearest.indices >= 0])
        candidates = store.get(rows)
        own = pictures_of_query.among(candidates)
        if own.sum() <= extra:
            places = np.where(nearest.indices >= 0, np.searchsorted(rows, nearest.indices), -1)
            return Ranking(places, nearest.distances), candidates, rows, own
        extra = int(own.sum())


def _hits(
    asked: Asked,
    number: int,
    steps: Post,
    comparison: Comparison,
    candidates: Embeddings,
    ranking: Ranking,
) -> Iterator[tuple[int, float, Hit]]:
    """The hits of one query picture, not yet ranked: place, distance after the steps, hit."""
    row = np.array([number])
    shown, moved = asked.shown.take(row), asked.moved.take(row)
    places = np.sort(ranking.indices[0])
    near = candidates.take(places)
    ranking = Ranking(np.searchsorted(places, ranking.indices), ranking.distances)
    original = ranking
    if asked.moved is not asked.shown:
        distances = comparison.distances(shown, near)[0]
        original = asked.where.near(Ranking(ranking.indices, distances[ranking.indices]))
    distance_of = dict(
        zip(original.indices[0].tolist(), original.distances[0].tolist(), strict=True)
    )
    changes = [each for each in steps.steps if each != "tracks"]  # see `_one_of_each`
    if changes:
        steps_of_query = search_steps(steps.with_steps(changes), moved, near, ranking, comparison)
        ranking = apply_steps(ranking, steps_of_query).in_order()
    spaces = comparison.space_of(shown, near)[0]
    table = near.sightings
    for place, final in zip(
        ranking.indices[0].tolist(), ranking.distances[0].tolist(), strict=True
    ):
        if place >= 0 and place in distance_of:
            yield (
                int(places[place]),
                final,
                Hit(
                    rank=0,
                    similarity=1.0 - distance_of[place],
                    image=table.path(place),
                    labels=table.labels(place),
                    space=str(spaces[place]),
                    query=asked.pictures.path(number),
                    frame=int(table.frame[place]),
                    box=table.box_of(place),
                ),
            )


def ranked(found: Found, top: int, *, several: bool, stored: bool) -> list[Hit]:
    """The first hits, with their ranks.

    Args:
        found: what is left of the candidates.
        top: how many.
        several: whether a hit says which query picture it is near to.
        stored: whether it says its number.
    """
    numbers = found.numbers.tolist()
    return [
        replace(
            hit,
            rank=rank,
            query=hit.query if several else None,
            query_number=of if several else None,
            number=numbers[place] if stored else None,
        )
        for rank, (place, hit, of) in enumerate(
            zip(found.places[:top], found.hits[:top], found.of[:top], strict=True), start=1
        )
    ]
