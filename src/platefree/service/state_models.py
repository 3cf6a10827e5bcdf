"""How a service stands, as it is answered: films, storage, retention, model and cameras."""

from pydantic import Field

from platefree.service.answer_models import Answered


class FilmState(Answered):
    """How far a film is; ``duration`` in seconds is None where it is unknown."""

    film: str
    camera: str
    start: str
    seconds: float
    duration: float | None
    finished: bool
    remarks: list[str]


class IngestionState(Answered):
    """Films that were taken in, or are.

    Attributes:
        films: those that are not done first, then the latest.
        finished: how many are done.
        of: how many there are.
        more: how many are not named here.
        error: why nothing is known of them; empty otherwise.
    """

    films: list[FilmState]
    finished: int
    of: int
    more: int
    error: str


class StorageState(Answered):
    """Megabytes on the disk: of the gallery, of the service's own files, and how many are free."""

    gallery_megabytes: float
    service_megabytes: float
    free_megabytes: float


class RetentionState(Answered):
    """For how many days sightings of a camera are kept; None is for ever."""

    camera: str
    days: float | None
    sightings: int


class ModelState(Answered):
    """The model of the gallery, in words.

    Attributes:
        fingerprint: of it.
        calibrated: whether it says how probable a hit is.
        name: of it.
        method: of it; empty is unknown, as other texts.
        precision: of its weights.
        learnt_from: what it was made from.
        licence: of its weights.
        limits: where it fails, and what it is not for.
        measured: how well it found vehicles, on what.
        note: why nothing is known of it.
    """

    fingerprint: str
    calibrated: bool
    name: str
    method: str = ""
    precision: str = ""
    learnt_from: list[str] = Field(default=[])
    licence: str = ""
    limits: list[str] = Field(default=[])
    measured: list[str] = Field(default=[])
    note: str = ""


class StateAnswer(Answered):
    """How the service stands."""

    ingestion: IngestionState
    storage: StorageState
    retention: list[RetentionState]
    model: ModelState


class CameraPlace(Answered):
    """A camera: metres east and north on a map, None where unknown, and its sightings."""

    camera: str
    east: float | None
    north: float | None
    sightings: int


class CameraWay(Answered):
    """A way between two cameras, driven in both directions."""

    start: str
    end: str
    metres: float


class CamerasAnswer(Answered):
    """Cameras, and the ways between them that are known."""

    cameras: list[CameraPlace]
    ways: list[CameraWay]
