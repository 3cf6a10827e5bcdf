"""Where a gallery is, a folder or a Milvus server: its card and its store there."""

import json
from pathlib import Path

from platefree.errors import DataError, StorageError
from platefree.gallery import gallery_card
from platefree.gallery.gallery_card import GalleryCard, parse_card
from platefree.gallery.lance import LanceStore
from platefree.gallery.milvus import MilvusStore
from platefree.gallery.milvus_changes import ChangeLog
from platefree.gallery.milvus_engine import MilvusAddress, answered, milvus_address
from platefree.ranking.comparison import Comparison

Place = Path | MilvusAddress

_NOTE = "card"


def gallery_place(place: str | Place) -> Place:
    """The folder or address that a text or path is.

    Raises:
        DataError: it begins as an address, and is none.
    """
    return milvus_address(place) or Path(str(place))


def is_gallery(place: str | Place) -> bool:
    """Whether this is the address of a gallery, or the folder of one, damaged or not."""
    return milvus_address(place) is not None or gallery_card.is_gallery(str(place))


def create_card(place: Place, card: GalleryCard) -> None:
    """Make an empty gallery.

    Raises:
        StorageError: something is there already, or it cannot be written.
    """
    if isinstance(place, Path):
        gallery_card.create_card(place, card)
        return
    with answered(place, StorageError):
        log, text = ChangeLog.of(place), card.model_dump_json()
        if not log.exists():
            log.create()
            log.note(_NOTE, text)
            if log.read().notes[_NOTE] == text:
                return
    raise StorageError(
        f"{place} is a gallery already: add to it ('platefree gallery add'), or choose another name"
    )


def read_card(place: Place) -> GalleryCard:
    """Read the card of a gallery.

    Raises:
        DataError: there is none, or it is damaged or of a newer version.
    """
    if isinstance(place, Path):
        return gallery_card.read_gallery_card(place)
    with answered(place, DataError):
        text = ChangeLog.of(place).read().notes.get(_NOTE)
    if text is None:
        raise DataError(f"{place} is no gallery: 'platefree gallery create' makes one")
    return parse_card(json.loads(text), f"the card of {place}")


def open_store(place: Place, comparison: Comparison, model: str) -> LanceStore | MilvusStore:
    """The store of a gallery."""
    if isinstance(place, Path):
        return LanceStore(place, comparison, model)
    return MilvusStore(place, comparison, model)
