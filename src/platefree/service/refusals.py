"""Errors of the library as answers of HTTP, each a sentence with a fitting status."""

from platefree.audit.audit_log import ChangedLog
from platefree.errors import (
    CheckpointError,
    DataError,
    ImageError,
    MismatchError,
    MissingPackage,
    OutOfMemory,
    OversizedImage,
    PlatefreeError,
    RecipeError,
    StorageError,
)
from platefree.service.accounts import LockedOut, LogInRefused
from platefree.service.cases import NoSuchCase
from platefree.service.decoder import Busy
from platefree.service.job_table import TooManyJobs
from platefree.service.uploads import NoSuchPicture


class NoOriginal(ImageError):
    """The picture or film that a sighting is on is gone, or another one is in its place."""


_STATUS: tuple[tuple[type[PlatefreeError], int], ...] = (
    (ChangedLog, 503),
    (NoSuchPicture, 404),
    (NoSuchCase, 404),
    (NoOriginal, 404),
    (LockedOut, 429),
    (LogInRefused, 401),
    (Busy, 503),
    (TooManyJobs, 503),
    (OversizedImage, 413),
    (DataError, 422),
    (RecipeError, 422),
    (MismatchError, 409),
    (MissingPackage, 501),
    (CheckpointError, 503),
    (StorageError, 503),
    (OutOfMemory, 503),
)


class Refused(PlatefreeError):
    """Something is refused with a status of its own.

    Args:
        status: of HTTP.
        reason: in a sentence.
        wait: seconds after which it may be asked again; 0 if that changes nothing.
    """

    def __init__(self, status: int, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.status, self.wait = status, wait


def status_of(error: PlatefreeError) -> int:
    """The status of HTTP that says what kind of error it is."""
    if isinstance(error, Refused):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
