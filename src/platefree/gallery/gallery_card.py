"""The card of a gallery that grows, ``gallery.json``: which model it is of, and how it compares."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from platefree.errors import DataError, StorageError
from platefree.gallery.embeddings_card import first_problem
from platefree.gallery.retention import Retention
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import MB, Expected, require_utf8
from platefree.storage.disk import TEMPORARY, storage_errors
from platefree.storage.files import write_text
from platefree.storage.locks import only_writer

CARD = "gallery.json"
FORMAT: Final = "platefree-gallery"
VERSION: Final = 1

_CARD_FILE = Expected("the card of a gallery", MB)


class ModelEntry(BaseModel):
    """A model in the card of a gallery.

    Attributes:
        model: its fingerprint.
        model_path: where it was loaded from.
        comparison: how its spaces combine, as `Comparison.to_json` describes it.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    model: str
    model_path: str | None
    comparison: dict[str, Any]


class GalleryCard(BaseModel):
    """The content of ``gallery.json``.

    Attributes:
        format: of the folder.
        version: of the format.
        model: fingerprint of the model.
        model_path: where the model was loaded from.
        comparison: how its spaces combine, as `Comparison.to_json` describes it.
        created: when, ISO 8601.
        retention: how long sightings are kept; None is for ever.
        coming: the model that they are being embedded with again. It is the model of the gallery
            from the moment at which the table says so.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    format: Literal["platefree-gallery"] = FORMAT
    version: Literal[1] = VERSION
    model: str
    model_path: str | None
    comparison: dict[str, Any]
    created: str
    retention: Retention | None = None
    coming: ModelEntry | None = None

    def of_model(self, entry: ModelEntry) -> Self:
        """The card when the gallery is one of this model, and no other is coming."""
        return self.model_copy(update={**dict(entry), "coming": None})


def is_gallery(folder: str | Path) -> bool:
    """Whether this is the folder of a gallery, damaged or not."""
    return os.path.isfile(Path(folder) / CARD)


def is_free(folder: Path) -> bool:
    """Whether a gallery can be made here: nothing is, or what a killed run left of making one."""
    if not folder.is_dir():
        return not os.path.lexists(folder)
    return all(name.startswith(TEMPORARY) for name in os.listdir(folder))


def new_card(entry: ModelEntry, retention: Retention | None = None) -> GalleryCard:
    """The card of a gallery that is made now, of a model, which keeps sightings so long."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return GalleryCard(**dict(entry), created=created, retention=retention)


def create_card(folder: Path, card: GalleryCard) -> None:
    """Make the folder of an empty gallery.

    Args:
        folder: missing or empty.
        card: its card.

    Raises:
        StorageError: something is there already, or it cannot be written.
    """
    require_utf8(folder.absolute(), _CARD_FILE)
    with storage_errors(folder):
        if not is_free(folder):
            is_one = is_gallery(folder)
            what = "is a gallery already" if is_one else "is not a gallery, but holds something"
            add = "add to it ('platefree gallery add'), or " if is_one else ""
            raise StorageError(f"{folder} {what}: {add}choose another folder")
    with only_writer(folder):
        write_card(folder, card)


def write_card(folder: Path, card: GalleryCard) -> None:
    """Put a card in the place of the one that is there, for the only writer of the folder.

    Raises:
        StorageError: it cannot be written.
    """
    write_text(folder / CARD, card.model_dump_json(indent=2) + "\n")


def read_gallery_card(folder: Path) -> GalleryCard:
    """Read the card of a gallery.

    Raises:
        DataError: there is none, or it is damaged or of a newer version.
    """
    path = folder / CARD
    if not is_gallery(folder):
        raise DataError(f"{folder} is not a gallery: 'platefree gallery create' makes one")
    return parse_card(read_json(path, _CARD_FILE), str(path))


def parse_card(card: Any, place: str) -> GalleryCard:  # noqa: ANN401
    """The card that the content of JSON is.

    Args:
        card: the content.
        place: where it is from, for messages.

    Raises:
        DataError: it is damaged, or of a newer version.
    """
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DataError(
            f"{place} is not the card of a gallery; 'platefree gallery create' makes one"
        )
    version = card.get("version")
    if isinstance(version, int) and version > VERSION:
        raise DataError(
            f"{place} has version {version}, this platefree reads up to {VERSION}: upgrade "
            "platefree"
        )
    try:
        return GalleryCard.model_validate(card)
    except ValidationError as error:
        raise DataError(f"{place} is damaged: {first_problem(error)}") from error
