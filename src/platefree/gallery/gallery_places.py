"""Where a gallery is, a folder or a Milvus server: its card and its store there."""

import json
from collections.abc import Mapping
from pathlib import Path

from platefree.errors import DataError, StorageError
from platefree.gallery import gallery_card
from platefree.gallery.gallery_card import GalleryCard, parse_card
from platefree.gallery.lance import LanceStore
from platefree.gallery.lance_view import LanceView
from platefree.gallery.milvus import MilvusStore
from platefree.gallery.milvus_changes import ChangeLog
from platefree.gallery.milvus_engine import MilvusAddress, answered, milvus_address
from platefree.gallery.milvus_view import MilvusView
from platefree.ranking.comparison import Comparison

Place = Path | MilvusAddress
View = LanceView | MilvusView

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
        log = ChangeLog.of(place)
        if not log.exists():
            log.create()
            if _note(log, 0, card):
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
        notes = ChangeLog.of(place).read().notes
    count = _cards(notes)
    if not count:
        raise DataError(f"{place} is not a gallery: 'platefree gallery create' makes one")
    return parse_card(json.loads(notes[_name(count - 1)]), f"the card of {place}")


def write_card(place: Place, card: GalleryCard) -> None:
    """Put a card in the place of the one that is there.

    Raises:
        StorageError: it cannot be written.
    """
    if isinstance(place, Path):
        gallery_card.write_card(place, card)
        return
    with answered(place, StorageError):
        log = ChangeLog.of(place)
        while not _note(log, _cards(log.read().notes), card):
            pass  # another writer was first with a card of this number


def _name(number: int) -> str:
    """The name of a note, which is never changed: cards that follow have a number."""
    return f"{_NOTE} {number}" if number else _NOTE


def _cards(notes: Mapping[str, str]) -> int:
    """How many cards are noted, of which the last counts."""
    return sum(name.partition(" ")[0] == _NOTE for name in notes)


def _note(log: ChangeLog, number: int, card: GalleryCard) -> bool:
    """Note the card of this number; whether it was the first of this number."""
    text = card.model_dump_json()
    log.note(_name(number), text)
    return log.read().notes[_name(number)] == text


def open_store(place: Place, comparison: Comparison, model: str) -> LanceStore | MilvusStore:
    """The store of a gallery."""
    if isinstance(place, Path):
        return LanceStore(place, comparison, model)
    return MilvusStore(place, comparison, model)
