"""The streets of the city: junctions, two-way streets with lanes and a speed limit, and routes.

The map is a jittered grid from which some streets are missing. Routes follow the least travel
time at the speed limit. `platefree.city.world.sites` places the cameras.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from platefree.city.world.streams import Purpose, stream

LANE_WIDTH = 3.4
"""Metres."""

_SPACING = 380.0  # metres between junctions
_JITTER = 0.28  # of the spacing
_KEPT = 0.72  # fraction of the streets that no route needs
_LIMITS = np.array((30, 50, 70)) / 3.6  # metres a second
_LIMIT_SHARES = (0.3, 0.55, 0.15)


@dataclass(frozen=True)
class Street:
    """A two-way street between two junctions.

    Attributes:
        start: index of a junction.
        end: index of another.
        length: metres.
        lanes: in each direction.
        limit: speed limit, metres a second.
    """

    start: int
    end: int
    length: float
    lanes: int
    limit: float


@dataclass(frozen=True)
class Leg:
    """A street driven from one end to the other.

    Attributes:
        street: index.
        forward: from its start to its end.
    """

    street: int
    forward: bool


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """A connected map of streets.

    Attributes:
        junctions: (j, 2) float64, metres east and north.
        streets: between them.
    """

    junctions: NDArray[np.float64]
    streets: tuple[Street, ...]

    @cached_property
    def _legs(self) -> dict[tuple[int, int], Leg]:
        legs = {}
        for index, street in enumerate(self.streets):
            legs[street.start, street.end] = Leg(index, forward=True)
            legs[street.end, street.start] = Leg(index, forward=False)
        return legs

    @cached_property
    def _routes(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(j, j) seconds of the quickest route, and the next junction on it."""
        count = len(self.junctions)
        seconds = np.full((count, count), np.inf)
        follow = np.tile(np.arange(count), (count, 1))
        for (start, end), leg in self._legs.items():
            street = self.streets[leg.street]
            seconds[start, end] = street.length / street.limit
        np.fill_diagonal(seconds, 0.0)
        for middle in range(count):  # Floyd and Warshall
            detour = seconds[:, middle, None] + seconds[None, middle]
            better = detour < seconds
            seconds[better] = detour[better]
            follow = np.where(better, follow[:, middle, None], follow)
        return seconds, follow

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(j, j) least travel time between junctions at the speed limits, seconds."""
        return self._routes[0]

    def route(self, start: int, end: int) -> list[Leg]:
        """The streets of the quickest way from one junction to another."""
        legs, follow = [], self._routes[1]
        while start != end:
            after = int(follow[start, end])
            legs.append(self._legs[start, after])
            start = after
        return legs

    def ends(self, leg: Leg) -> tuple[int, int]:
        """The junctions where a leg begins and ends."""
        street = self.streets[leg.street]
        return (street.start, street.end) if leg.forward else (street.end, street.start)

    def bearing(self, street: int) -> float:
        """Direction of a street from its start to its end, radians counter-clockwise from east."""
        start, end = self.junctions[[self.streets[street].start, self.streets[street].end]]
        return float(np.arctan2(end[1] - start[1], end[0] - start[0]))


def draw_network(seed: int, streets: int) -> RoadNetwork:
    """A connected map with at least this many streets.

    Args:
        seed: of the city.
        streets: how many there should be, at least 1.
    """
    random = stream(Purpose.NETWORK, seed)
    side = 3
    while _KEPT * 2 * side * (side - 1) < streets:
        side += 1
    columns, rows = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    grid = np.stack([columns.ravel(), rows.ravel()], axis=1)
    junctions = _SPACING * (grid + random.uniform(-_JITTER, _JITTER, grid.shape))
    built = []
    for start, end in _connected_pairs(side, streets, random):
        length = float(np.hypot(*(junctions[end] - junctions[start])) * random.uniform(1.0, 1.15))
        kind = int(random.choice(3, p=_LIMIT_SHARES))
        lanes = 1 + int(random.random() < (0.1, 0.45, 0.9)[kind])
        built.append(Street(start, end, length, lanes, float(_LIMITS[kind])))
    return RoadNetwork(junctions, tuple(built))


def _connected_pairs(side: int, least: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """Neighbours on a grid that become streets: a random tree, and most of the others."""
    pairs = [(i * side + j, (i + 1) * side + j) for i in range(side - 1) for j in range(side)]
    pairs += [(i * side + j, i * side + j + 1) for i in range(side) for j in range(side - 1)]
    group = list(range(side * side))

    def root(junction: int) -> int:
        while group[junction] != junction:
            junction = group[junction]
        return junction

    tree: list[int] = []
    others: list[int] = []
    for index in random.permutation(len(pairs)).tolist():
        start, end = (root(junction) for junction in pairs[index])
        (others if start == end else tree).append(index)
        group[start] = end
    kept = max(round(_KEPT * len(others)), least - len(tree))
    return [pairs[index] for index in sorted(tree + others[:kept])]
