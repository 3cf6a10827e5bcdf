"""Where the vectors of the model lie that a gallery is being embedded with again."""

import hashlib
from pathlib import Path

from platefree.gallery.gallery_card import GalleryCard
from platefree.gallery.gallery_places import Place
from platefree.gallery.vectors_beside import VectorsBeside
from platefree.storage.files import remove

BESIDE = "reembedding"
"""The folder in that of the gallery, with a folder for each model."""


def vectors_beside(place: Place, card: GalleryCard) -> VectorsBeside | None:
    """The vectors of the coming model; None if there is none."""
    if card.coming is None or not isinstance(place, Path):
        return None
    name = hashlib.sha256(card.coming.model.encode()).hexdigest()[:16]
    return VectorsBeside(place / BESIDE / name)


def remove_others(place: Place, card: GalleryCard) -> None:
    """Remove the vectors of models that do not come.

    Raises:
        StorageError: they cannot be removed.
    """
    if not isinstance(place, Path) or not (place / BESIDE).is_dir():
        return
    beside = vectors_beside(place, card)
    for each in (place / BESIDE).iterdir():
        if each.is_dir() and (beside is None or each != beside.folder):
            remove(each)
