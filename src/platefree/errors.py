"""Every error that platefree raises on purpose, as one tree.

PlatefreeError
├── DataError           a table or its columns
│   └── ImageError      one picture
│       ├── OversizedImage  too large to be read safely
│       └── FilmError   a film, or a frame of it
├── RecipeError         a recipe file or a --set override
├── ProtocolError       the table cannot support the protocol
├── CheckpointError     a checkpoint is missing, damaged or foreign
├── MismatchError       two things were made by different models
├── TrainingError       training cannot start or go on
│   └── NonFiniteLoss   a loss became NaN or infinite
├── StorageError        a file cannot be written (disk full, read-only)
│   └── OtherWriter     another process is writing it
├── OutOfMemory         the machine lacks the memory that the work needs
├── MissingPackage      what is asked for needs packages that are not installed
└── Interrupted         stopped on request, with a resumable state on disk

A message says what was found, what was expected and what to do. The command line prints it
as one line and exits with 1.
"""

import re

_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def plain_text(error: BaseException) -> str:
    """The message of an error, without the colors that some libraries put into it."""
    return _COLOR.sub("", str(error)).strip()


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of the error if it has none."""
    return (plain_text(error).splitlines() or [type(error).__name__])[0][:200]


class PlatefreeError(Exception):
    """The base of all errors raised on purpose; its message is written for the user."""


class DataError(PlatefreeError):
    """A table is missing, malformed, or lacks what the task needs."""


class ImageError(DataError):
    """A picture cannot be read, or is too large to be read safely."""


class OversizedImage(ImageError):
    """A picture has more pixels than can be read safely; it was not decoded."""


class FilmError(ImageError):
    """A film, or a frame of it, cannot be read."""


class RecipeError(PlatefreeError):
    """A recipe, or an override of one of its values, is not valid."""


class ProtocolError(PlatefreeError):
    """The table does not hold what the protocol needs, so no number would mean anything."""


class CheckpointError(PlatefreeError):
    """A checkpoint is missing, damaged, or does not fit the model it claims to be."""


class MismatchError(PlatefreeError):
    """Embeddings made by different models were about to be compared."""


class TrainingError(PlatefreeError):
    """Training cannot start or cannot go on."""


class NonFiniteLoss(TrainingError):
    """A loss, weight or held-out score became NaN or infinite; the last good checkpoint is kept."""


class StorageError(PlatefreeError):
    """A file could not be written: the disk is full, or the folder is read-only."""


class OtherWriter(StorageError):
    """Another process is writing what was about to be written."""


class OutOfMemory(PlatefreeError):
    """There was not enough memory; what was being read may be perfectly good."""


class MissingPackage(PlatefreeError):
    """What is asked for needs packages that another install of platefree brings."""


class Interrupted(PlatefreeError):
    """Work was stopped on request; what is on disk can be resumed."""
