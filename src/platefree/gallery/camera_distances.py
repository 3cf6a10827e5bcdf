"""How far cameras are from each other, from a file that somebody made for their streets.

- ``.json``: where they are, as in the ``cameras.json`` of a synthetic city: a list of objects with
  ``name`` and ``map``, metres east and north. Distances are straight lines: no road is shorter.
- ``.csv``: the ways between them, with the columns ``from``, ``to`` and ``metres``, driven in both
  directions. Distances are those of the shortest ways, also past other cameras.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from platefree.data.csv_records import csv_rows
from platefree.errors import DataError
from platefree.inputs.complaints import checked
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import MB, Expected

_PLACES = Expected("a file of the places of cameras", 256 * MB)
_COLUMNS = ("from", "to", "metres")
_FARTHEST = 1e8  # metres; the Earth has 4e7 around

Metres = Annotated[float, Field(ge=-_FARTHEST, le=_FARTHEST)]


class CameraDistances(Protocol):
    """What is known of the distances between cameras."""

    def metres(self, one: str, other: str) -> float | None:
        """The least distance that is driven from one to the other; None if it is not known."""


@dataclass(frozen=True)
class PlacedCameras:
    """Cameras on a map.

    Attributes:
        places: name -> metres east and north.
    """

    places: Mapping[str, tuple[float, float]]

    def metres(self, one: str, other: str) -> float | None:
        """The straight line; None if the place of one is not known."""
        if one not in self.places or other not in self.places:
            return None
        return math.dist(self.places[one], self.places[other])


@dataclass(frozen=True)
class CameraWays:
    """Ways between cameras, both directions alike.

    Attributes:
        ways: camera -> the cameras next to it, and metres.
    """

    ways: Mapping[str, Mapping[str, float]]
    _found: dict[str, dict[str, float]] = field(default_factory=dict, compare=False, repr=False)

    def metres(self, one: str, other: str) -> float | None:
        """The shortest way; None if none is known."""
        if one not in self._found:
            self._found[one] = self._from(one)
        return self._found[one].get(other)

    def _from(self, start: str) -> dict[str, float]:
        """The shortest ways to all cameras that can be reached (Dijkstra)."""
        done: dict[str, float] = {}
        reached = [(0.0, start)] if start in self.ways else []
        while reached:
            metres, camera = heapq.heappop(reached)
            if camera not in done:
                done[camera] = metres
                for after, more in self.ways[camera].items():
                    heapq.heappush(reached, (metres + more, after))
        return done


def read_camera_distances(path: str | Path) -> CameraDistances:
    """Read the places of cameras (``.json``) or the ways between them (``.csv``).

    Raises:
        DataError: the file cannot be read, or is neither.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        return _read_places(path)
    if path.suffix.lower() == ".csv":
        return _read_ways(path)
    raise DataError(
        f"{path}: the places of cameras are a .json as a city's cameras.json, the ways between "
        "them a .csv with the columns from, to, metres"
    )


class _Place(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    name: Annotated[str, Field(min_length=1)]
    map: tuple[Metres, Metres]


class _Places(RootModel[list[_Place]]):
    @field_validator("root")
    @classmethod
    def _each_once(cls, root: list[_Place]) -> list[_Place]:
        if len({each.name for each in root}) < len(root):
            raise ValueError("a camera is placed twice")
        return root


def _read_places(path: Path) -> PlacedCameras:
    what = f"the cameras {path}"
    found = checked(_Places, read_json(path, _PLACES), what, error=DataError).root
    return PlacedCameras({each.name: each.map for each in found})


def _read_ways(path: Path) -> CameraWays:
    ways: dict[str, dict[str, float]] = defaultdict(dict)
    for line, cells in csv_rows(path, _COLUMNS, "expected the ways between cameras"):
        one, other, metres = (cells[name] for name in _COLUMNS)
        if not one or not other:
            raise DataError(f"{path}, line {line}: a way without a camera, expected two names")
        try:
            length = float(metres)
        except ValueError:
            length = math.nan
        if not 0 <= length <= _FARTHEST:
            raise DataError(f"{path}, line {line}: {metres[:40]!r} metres, expected 0 or more")
        for start, end in ((one, other), (other, one)):
            ways[start][end] = min(length, ways[start].get(end, math.inf))
    return CameraWays(dict(ways))
