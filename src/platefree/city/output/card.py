"""The files that describe a finished city: its table, its labels, its cameras and its card."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError

from platefree.city.output.shards import LABELS, read_labels
from platefree.city.plan import CityPlan, CitySettings
from platefree.city.world.fleet import near_duplicate_rate
from platefree.city.world.sites import PlacedCamera
from platefree.data.split import split_by_vehicle
from platefree.data.table import write_table
from platefree.errors import DataError
from platefree.inputs.complaints import checked, complaint
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import MB, Expected
from platefree.storage.files import atomic_file, write_text
from platefree.types import LABELS as LABEL_COLUMNS
from platefree.types import Sightings

TABLE, CARD, CAMERAS = "images.csv", "card.json", "cameras.json"

_OWN = Expected("a file that describes a city", 256 * MB, DataError)  # 100,000 cameras
_TRAIN = 0.5  # fraction of the vehicles


@dataclass(frozen=True)
class CityCard:
    """Settings and counts of a city; `to_json` gives its ``card.json``.

    Attributes:
        settings: they alone determine the city.
        platefree: version of the package that made it.
        images: how many there are.
        vehicles: how many.
        cameras: how many.
        tracks: how many passes of one vehicle by one camera.
        near_duplicate_rate: fraction of the vehicles that share model and color with another one.
        cameras_per_vehicle: number of cameras -> number of vehicles captured by that many.
        pictures: counts of pictures by split, type, color, view and weather.
        fingerprint: of the table.
    """

    settings: CitySettings
    platefree: str
    images: int
    vehicles: int
    cameras: int
    tracks: int
    near_duplicate_rate: float
    cameras_per_vehicle: Mapping[int, int]
    pictures: Mapping[str, Mapping[str, int]]
    fingerprint: str

    def to_json(self) -> dict[str, Any]:
        """Ready for ``json.dumps``."""
        seen_by = {str(key): count for key, count in self.cameras_per_vehicle.items()}
        content = {**asdict(self), "cameras_per_vehicle": seen_by}
        return {**content, "settings": self.settings.to_json()}

    @classmethod
    def read(cls, path: Path) -> "CityCard":
        """The card that `finish_city` wrote.

        Raises:
            DataError: it cannot be read, or was changed.
        """
        content = read_json(path, _OWN)
        if isinstance(content, dict) and isinstance(content.get("settings"), dict):
            content["settings"].pop("city_version", None)
        try:
            return TypeAdapter(cls).validate_python(content)
        except ValidationError as error:
            raise complaint(error, f"the card {path}", DataError) from error


class PlacedName(BaseModel):
    """What the layouts of data sets use of a camera in ``cameras.json``.

    Attributes:
        name: of the camera.
        position: in metres; the last is its height.
        map: metres east and north.
    """

    name: str
    position: tuple[float, float, float]
    map: tuple[float, float]


class _Cameras(RootModel[list[PlacedName]]):
    """The content of ``cameras.json``."""


def read_cameras(path: Path) -> list[PlacedName]:
    """The cameras of a city.

    Raises:
        DataError: the file cannot be read, or was changed.
    """
    return checked(_Cameras, read_json(path, _OWN), f"the cameras {path}", error=DataError).root


def finish_city(out: Path, plan: CityPlan) -> CityCard:
    """Join the labels of all shards, split by vehicle, and write the files that describe a city.

    Half of the vehicles are for training. Of each other vehicle, one picture from every camera is a
    query, where that leaves a match for each query (see `platefree.data.split`).

    Raises:
        StorageError: a file cannot be written.
    """
    labels = read_labels(out, len(plan.shards))
    table = split_by_vehicle(_sightings(out, labels), train=_TRAIN, seed=plan.settings.seed)
    labels = labels.add_column(1, "split", pa.array(table.split.tolist(), pa.string()))
    with atomic_file(out / LABELS) as file:
        pq.write_table(labels, file)
    write_table(table, out / TABLE)
    write_text(out / CAMERAS, _json([_camera(plan, site) for site in plan.cameras]))
    card = _card(plan, table, labels)
    write_text(out / CARD, _json(card.to_json()))
    return card


def _sightings(out: Path, labels: pa.Table) -> Sightings:
    known = set(labels.column_names) - {"split", "source"}
    names = ("image", *(name for name in LABEL_COLUMNS if name in known))
    columns: dict[str, Any] = {name: labels[name].to_pylist() for name in names}
    columns["time"] = labels["time"].to_numpy().astype("datetime64[ms]")
    return Sightings.from_columns(out, columns)


def _card(plan: CityPlan, table: Sightings, labels: pa.Table) -> CityCard:
    pairs = set(zip(table.vehicle.tolist(), table.camera.tolist(), strict=True))
    seen_by = Counter(vehicle for vehicle, _ in pairs).values()
    counted = ("split", "type", "color", "view", "weather")
    return CityCard(
        settings=plan.settings,
        platefree=_version(),
        images=len(table),
        vehicles=len(np.unique(table.vehicle)),
        cameras=len(np.unique(table.camera)),
        tracks=len(np.unique(table.track)),
        near_duplicate_rate=round(
            near_duplicate_rate([journey.vehicle for journey in plan.journeys]), 4
        ),
        cameras_per_vehicle=dict(sorted(Counter(seen_by).items())),
        pictures={
            name: dict(sorted(Counter(map(str, labels[name].to_pylist())).items()))
            for name in counted
        },
        fingerprint=table.fingerprint(),
    )


def _camera(plan: CityPlan, site: PlacedCamera) -> dict[str, Any]:
    """A camera, with its place on the map in metres east and north."""
    street = plan.network.streets[site.street]
    start, end = plan.network.junctions[[street.start, street.end]]
    east, north = start + (end - start) * (site.offset / street.length)
    return {
        **{name: value for name, value in asdict(site.camera).items() if value is not None},
        "map": [round(float(east), 1), round(float(north), 1)],
        "bearing_degrees": round(math.degrees(site.bearing), 2),
        "street": site.street,
        "speed_limit": round(street.limit, 2),
        "mounting": site.mounting,
    }


def _json(content: Any) -> str:  # noqa: ANN401
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _version() -> str:
    try:
        return version("platefree")
    except PackageNotFoundError:  # run from a source folder
        return "unknown"
