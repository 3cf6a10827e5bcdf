"""Protocols: from a table to trials. No network, no metric; each is a few lines.

A trial is "search these rows in those". What is a match and what is ignored follows from the
labels in one place (the metrics): same vehicle is a match; same vehicle and same known camera
is ignored; a picture never finds itself.

The protocols here need a table only; those of public data sets are in `set_protocols`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Self

import numpy as np
from numpy.typing import NDArray

from platefree.errors import ProtocolError
from platefree.evaluation.pair_labels import IgnoredPairs
from platefree.types import Indices, Sightings, known_values


@dataclass(frozen=True, eq=False)
class Trial:
    """Search some rows of a table in others.

    Attributes:
        name: for people. Trials of one test that share a name are one: their queries are pooled.
        query: (q,) rows of the table.
        gallery: (g,) rows of the table, none of them twice.
        test: the test that this is a part of, such as one of several published lists; the figures
            of a test are the means over its trials. Empty where the protocol is one test.
        ignored: further pairs of a query (its number) and a row of the table that are not counted.
        tracks: (t,) where in ``gallery`` each track begins, from 0, if tracks are searched instead
            of pictures; the vehicle and camera of a track are those of its first row.
        target: the label column that is to be found, ``vehicle`` or ``model``.
        seed: what the trial was drawn with; None where nothing was drawn.
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
        """Every row of the table that takes part."""
        return np.union1d(self.query, self.gallery)

    @property
    def searched(self) -> Indices:
        """(g,) the rows that are found: the gallery, or the first row of each track."""
        return self.gallery if self.tracks is None else self.gallery[self.tracks]

    def self_index(self) -> Indices:
        """(q,) place of each query row in the gallery (its track's place), -1 where it is none."""
        place = self._places(self.query)
        if self.tracks is None:
            return place
        track = np.searchsorted(self.tracks, place, side="right") - 1
        return np.where(place < 0, -1, track).astype(np.int64)

    def ignored_index(self) -> IgnoredPairs | None:
        """The ignored pairs by the place of the row in the gallery; not of tracks."""
        if self.ignored is None or self.tracks is not None:
            return None
        place = self._places(self.ignored.row)
        return IgnoredPairs(self.ignored.query[place >= 0], place[place >= 0])

    def part(self, mask: NDArray[np.bool_]) -> Self:
        """The same search for the queries where this (q,) mask is true."""
        ignored = None if self.ignored is None else self.ignored.take(mask)
        return replace(self, query=self.query[mask], ignored=ignored)

    def moved(self, place: Indices) -> Self:
        """The same trial of another table; (n,) ``place`` is where a row is there, or -1."""
        ignored = self.ignored
        if ignored is not None:
            there = place[ignored.row] >= 0
            ignored = IgnoredPairs(ignored.query[there], place[ignored.row[there]])
        return replace(self, query=place[self.query], gallery=place[self.gallery], ignored=ignored)

    def _places(self, rows: Indices) -> Indices:
        """Where in the gallery these rows are, -1 where they are not."""
        if not len(self.gallery):
            return np.full(len(rows), -1)
        order = np.argsort(self.gallery, kind="stable")
        place = np.searchsorted(self.gallery[order], rows).clip(max=len(order) - 1)
        found = order[place]
        return np.where(self.gallery[found] == rows, found, -1).astype(np.int64)


def cross_camera(table: Sightings) -> list[Trial]:
    """Each camera searched in each other one, both ways; the figure is the mean of all.

    Raises:
        ProtocolError: fewer than two cameras, or no vehicle was seen by two.
    """
    _need_vehicles(table, "cross-camera")
    cameras = known_values(table.camera)
    if len(cameras) < 2:
        raise ProtocolError(
            f"cross-camera needs two cameras or more, the column 'camera' knows {len(cameras)}; "
            "fill it in, or use leave-one-out"
        )
    rows = {camera: np.flatnonzero(table.camera == camera) for camera in cameras}
    seen = {camera: set(known_values(table.vehicle[rows[camera]])) for camera in cameras}
    trials = [
        Trial(f"{a} → {b}", rows[a], rows[b])
        for a, b in permutations([str(camera) for camera in cameras], 2)
        if seen[a] & seen[b]
    ]
    if not trials:
        raise ProtocolError("cross-camera: no vehicle was seen by two cameras; nothing can match")
    return trials


def query_gallery(table: Sightings) -> list[Trial]:
    """Rows with split ``query`` searched in rows with split ``gallery``.

    Raises:
        ProtocolError: there are no such rows, or no vehicle of a query is known.
    """
    _need_vehicles(table, "query-gallery")
    query, gallery = (np.flatnonzero(table.split == name) for name in ("query", "gallery"))
    if not len(query) or not len(gallery):
        raise ProtocolError(
            f"query-gallery needs rows with split 'query' and 'gallery', found {len(query)} and "
            f"{len(gallery)}; 'platefree data split' makes them, or use leave-one-out"
        )
    need_query_vehicles(table, query)
    return [Trial("query → gallery", query, gallery)]


def leave_one_out(table: Sightings) -> list[Trial]:
    """Every row searched in all the others.

    Raises:
        ProtocolError: no vehicles are known.
    """
    _need_vehicles(table, "leave-one-out")
    rows = np.arange(len(table), dtype=np.int64)
    return [Trial("each → all others", rows, rows)]


PROTOCOLS: dict[str, Callable[[Sightings], list[Trial]]] = {
    "cross-camera": cross_camera,
    "query-gallery": query_gallery,
    "leave-one-out": leave_one_out,
}


def default_protocol(table: Sightings) -> str:
    """``query-gallery`` where the table has such splits, else by what it knows of cameras."""
    if np.isin(["query", "gallery"], table.split).all():
        return "query-gallery"
    return "cross-camera" if len(known_values(table.camera)) == 2 else "leave-one-out"


def make_trials(table: Sightings, protocol: str) -> list[Trial]:
    """The trials of a protocol by its name.

    Raises:
        ProtocolError: no such protocol, or the table cannot support it.
    """
    if protocol not in PROTOCOLS:
        raise ProtocolError(f"no protocol {protocol!r}; there are {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol](table)


def need_query_vehicles(table: Sightings, query: Indices) -> None:
    """Refuse queries of which nothing is known, as in a challenge that hides its answers.

    Raises:
        ProtocolError: no query has a known vehicle.
    """
    if not (table.vehicle[query] != "").any():
        raise ProtocolError(
            f"the column 'vehicle' is unknown for all {len(query)} queries (does a challenge hide "
            "it?), so nothing can be scored; hold training vehicles back ('platefree data split "
            "--hold-out'), or write what the server of CityFlow scores ('platefree submit')"
        )


def _need_vehicles(table: Sightings, protocol: str) -> None:
    if len(known_values(table.vehicle)) < 2:
        raise ProtocolError(
            f"{protocol} needs a column 'vehicle' with two vehicles or more, "
            f"found {len(known_values(table.vehicle))}"
        )
