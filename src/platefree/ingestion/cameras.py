"""The cameras whose footage becomes sightings, as they are given or listed in a TOML file.

[[cameras]]
name = "gate"
films = ["recorder/gate"]
start = "gate-%Y%m%d-%H%M%S"
zone = "+07:00"
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from platefree.data.film_sampling import Sampling
from platefree.errors import DataError
from platefree.gallery.embeddings_card import first_problem
from platefree.inference.detector import Detector
from platefree.ingestion.film_start import check_start, zone_in, zone_of
from platefree.inputs.documents import read_toml
from platefree.inputs.plain_files import MB, Expected
from platefree.video.regions import WHOLE_FRAME, Regions, polygon_of

EVERY = 0.1
"""Seconds from one frame that is looked at to the next."""

_LIST = Expected("a list of cameras", MB)


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera and how its films are looked at.

    Attributes:
        name: as sightings name it.
        films: files, and folders of them.
        start: when the only film begins, ISO 8601 with a time zone; how the names of films say it
            (``gate-%Y%m%d-%H%M%S``); ``unknown``; empty is what the films themselves say.
        zone: of times in names, and of the hours in which vehicles are counted; by default that of
            the start, and UTC where names or films say it.
        detector: one, or the path of one; by default that inside the package.
        threshold: the score that a vehicle has to reach; by default the detector's own.
        every: seconds from one frame that is looked at to the next.
        regions: where vehicles count.

    Raises:
        DataError: there is no name, or the start or the zone is none.
        FilmError: ``every`` is below 0 or not finite.
    """

    name: str
    films: Sequence[str | Path]
    start: str = ""
    zone: str = ""
    detector: str | Path | Detector | None = None
    threshold: float | None = None
    every: float = EVERY
    regions: Regions = WHOLE_FRAME

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DataError("a camera has no name: give it one, by which its sightings are found")
        check_start(self.start)
        _ = self.clock
        Sampling(self.every)

    @property
    def clock(self) -> tzinfo:
        """The zone of its hours."""
        return zone_of(self.zone or zone_in(self.start))


class _Camera(BaseModel):
    """A camera as it is listed."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    films: list[str] = Field(min_length=1)
    start: str = ""
    zone: str = ""
    detector: str | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    every: Annotated[float, Field(ge=0, le=3600)] = EVERY
    watch: list[str] = Field(default_factory=list)
    ignore: list[str] = Field(default_factory=list)
    smallest: Annotated[float, Field(ge=0)] = 0.0


class _Cameras(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    cameras: list[_Camera] = Field(min_length=1)


def read_cameras(path: Path, detector: str | Path | None = None) -> list[Camera]:
    """Read a list of cameras.

    Args:
        path: of the file; films and detectors in it are found from its folder.
        detector: of cameras that name none.

    Raises:
        DataError: it cannot be read, or says something else than a list of cameras.
    """
    try:
        listed = _Cameras.model_validate(read_toml(path, _LIST)).cameras
    except ValidationError as error:
        raise DataError(
            f"{path} is not a list of cameras: {first_problem(error)}; see docs/ingest.md"
        ) from error
    names = [each.name for each in listed]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path} lists the camera {twice[0]!r} twice: give all its films once")
    return [_camera(each, path, detector) for each in listed]


def _camera(listed: _Camera, path: Path, detector: str | Path | None) -> Camera:
    own: dict[str, Any] = listed.model_dump(include={"name", "start", "zone", "threshold", "every"})
    named = _named_detector(listed.detector, path.parent) or detector
    films = [path.parent / each for each in listed.films]
    try:
        return Camera(films=films, detector=named, regions=_regions(listed), **own)
    except DataError as error:
        raise DataError(f"{path}, camera {listed.name!r}: {error}") from error


def _regions(listed: _Camera) -> Regions:
    watched = [polygon_of(each) for each in listed.watch]
    return Regions(watched, [polygon_of(each) for each in listed.ignore], listed.smallest)


def _named_detector(name: str | None, folder: Path) -> str | Path | None:
    """A path from the folder of the list, or the name of a detector inside the package."""
    return folder / name if name is not None and (folder / name).exists() else name
