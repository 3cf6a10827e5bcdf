"""A shard: the pictures of a few vehicles and a table of their labels, in one folder.

A folder is written completely or not at all (`platefree.storage.files.atomic_folder`): a killed run
leaves only finished shards, and temporary folders that the next run removes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from platefree.city.output.label_files import ShotLabels, label_shot
from platefree.city.plan import Journey
from platefree.city.scene import Picture, VehicleAsset
from platefree.city.studio import Order, Studio
from platefree.city.world.shots import Shot, shots_of, without_neighbours
from platefree.city.world.sites import PlacedCamera
from platefree.city.world.traffic import Pass
from platefree.city.world.weather import Climate
from platefree.data.box_places import CITY_LABELS
from platefree.inputs.parquet import read_parquet
from platefree.storage.files import atomic_folder, new_file

PICTURES = "images"
"""The folder of all shards."""

LABELS = "labels.parquet"
"""The table in each shard, and the one of the whole city."""

MOST_HIDDEN = 0.6
"""If a larger fraction of the subject is hidden, the picture is taken again at another moment."""

_ATTEMPTS = 8

_BOX = pa.list_(pa.float32())
_TEXT: pa.DataType = pa.string()
_NUMBER: pa.DataType = pa.float32()
_COLUMNS: list[tuple[str, pa.DataType]] = [
    *((name, _TEXT) for name in ("image", "vehicle", "camera", "track")),
    ("time", pa.timestamp("ms", tz="UTC")),
    *((name, _TEXT) for name in ("model", "type", "color")),
    *((name, pa.int32()) for name in ("width", "height")),
    *((name, _NUMBER) for name in ("azimuth", "elevation")),
    *((name, _TEXT) for name in ("view", "view8", "weather")),
    *((name, _NUMBER) for name in ("sun_elevation", "occlusion", "inside")),
    *((name, _BOX) for name in ("vehicle_box", "frame_box", "crop_box")),
    *((name, pa.list_(_BOX)) for name in ("windows", "lights", "brand")),
]
_SCHEMA = pa.schema(_COLUMNS)


@dataclass(frozen=True)
class Surroundings:
    """What the shards of a city have in common.

    Attributes:
        out: folder of the city.
        studio: who draws.
        cameras: all of them.
        climate: light and weather.
        bystanders: vehicles that stand near others.
        size: longest side of a picture.
    """

    out: Path
    studio: Studio
    cameras: tuple[PlacedCamera, ...]
    climate: Climate
    bystanders: tuple[Order, ...]
    size: int


@dataclass(frozen=True)
class Shard:
    """A part of a city.

    Attributes:
        index: its number.
        journeys: the vehicles in it.
    """

    index: int
    journeys: tuple[Journey, ...]

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.index:05d}"

    @property
    def pictures(self) -> int:
        """How many it holds."""
        return sum(journey.pictures for journey in self.journeys)


@dataclass(frozen=True, eq=False)
class _Taken:
    picture: Picture
    labels: ShotLabels
    time: int

    @property
    def shows_enough(self) -> bool:
        return self.labels.occlusion <= MOST_HIDDEN


class Darkroom:
    """Makes shards one after the other; keeps the assets of bystanders between them."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._all = surroundings
        self._bystander = lru_cache(maxsize=None)(self._build_bystander)

    def make(self, shard: Shard) -> int:
        """Render a shard and commit it; returns how many pictures it holds.

        Raises:
            StorageError: it cannot be written.
        """
        with atomic_folder(self._all.out / PICTURES / shard.name) as folder:
            rows: list[dict[str, Any]] = []
            for journey in shard.journeys:
                asset = self._all.studio.build(journey.vehicle.order)
                rows.extend(self._picture(shard, journey, asset, folder))
            with new_file(folder / LABELS) as file:
                pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), file)
        return len(rows)

    def _picture(
        self, shard: Shard, journey: Journey, asset: VehicleAsset, folder: Path
    ) -> Iterator[dict[str, Any]]:
        for number, passed in enumerate(journey.passes, 1):
            site = self._all.cameras[passed.camera]
            for place, taken in enumerate(self._track(passed, site, asset), 1):
                name = f"{journey.vehicle.name}_{site.camera.name}_{number:03d}_{place:02d}.jpg"
                with new_file(folder / name) as file:
                    file.write(self._all.studio.encode(taken.picture.pixels, site.camera))
                yield {
                    "image": f"{PICTURES}/{shard.name}/{name}",
                    "vehicle": journey.vehicle.name,
                    "camera": site.camera.name,
                    "track": f"{journey.vehicle.name}-{number:03d}",
                    "time": taken.time,
                    "model": journey.vehicle.model,
                    "type": journey.vehicle.type,
                    "color": journey.vehicle.color,
                    **taken.labels.to_row(),
                }

    def _track(self, passed: Pass, site: PlacedCamera, asset: VehicleAsset) -> list[_Taken]:
        """The pictures of a pass, earliest first."""
        taken = [self._take(shot) for shot in self._shots(passed, site, asset, 0)]
        for attempt in range(1, _ATTEMPTS):
            hidden = [place for place, each in enumerate(taken) if not each.shows_enough]
            if not hidden:
                break
            others = self._shots(passed, site, asset, attempt)
            for place in hidden:
                again = self._take(without_neighbours(others[place]))
                taken[place] = min(taken[place], again, key=lambda each: each.labels.occlusion)
        return sorted(taken, key=lambda each: each.time)

    def _shots(
        self, passed: Pass, site: PlacedCamera, asset: VehicleAsset, attempt: int
    ) -> list[Shot]:
        return shots_of(
            passed,
            site,
            self._all.climate,
            asset,
            self._bystander,
            pool=len(self._all.bystanders),
            size=self._all.size,
            attempt=attempt,
        )

    def _take(self, shot: Shot) -> _Taken:
        picture = self._all.studio.render(shot.scene, shot.crop)
        return _Taken(picture, label_shot(shot, picture), shot.time)

    def _build_bystander(self, index: int) -> VehicleAsset:
        return self._all.studio.build(self._all.bystanders[index])


def read_labels(out: Path, shards: int) -> pa.Table:
    """The labels of all shards of a city, in their order."""
    names = (f"{index:05d}" for index in range(shards))
    return pa.concat_tables(
        [read_parquet(out / PICTURES / name / LABELS, CITY_LABELS, _SCHEMA) for name in names]
    )
