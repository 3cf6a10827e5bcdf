"""The vectors of the model that a gallery is being embedded with again, beside those of its own."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from platefree.gallery.gallery_card import GalleryCard
from platefree.gallery.lance import LanceStore
from platefree.gallery.milvus import MilvusStore
from platefree.gallery.milvus_coming import ComingSpaces
from platefree.gallery.vectors_beside import VectorsBeside
from platefree.ranking.described import read_comparison
from platefree.storage.disk import disk
from platefree.storage.files import remove
from platefree.storage.locks import only_writer
from platefree.types import Embeddings, Indices

_BESIDE = "reembedding"  # the folder in that of the gallery, with a folder for each model


class Beside(Protocol):
    """Vectors of another model by the numbers of sightings, until all of them are there.

    Attributes:
        numbers: (n,) the sightings that have vectors.
    """

    numbers: Indices

    def pending(self, now: Any) -> Indices:  # noqa: ANN401 - the view of its own engine
        """The sightings of what is stored that have no vectors yet; some may be forgotten."""

    def add(self, numbers: Indices, embeddings: Embeddings) -> None:
        """Keep the vectors of (n,) sightings.

        Raises:
            StorageError: they cannot be written.
        """

    def switch(self, now: Any, left_out: int) -> None:  # noqa: ANN401
        """Put them in the place of the others, in one step; for whoever is `alone` in the store.

        Args:
            now: what is stored; what has no vectors is left out.
            left_out: number of these sightings.

        Raises:
            StorageError: they cannot be written.
        """


def beside_of(store: LanceStore | MilvusStore, card: GalleryCard) -> Beside | None:
    """The vectors of the coming model; None if there is none."""
    if card.coming is None:
        return None
    comparison = read_comparison(card.coming.comparison)
    if isinstance(store, MilvusStore):
        return ComingSpaces(store, card.coming.model, comparison)
    return VectorsBeside(_folder(store, card.coming.model), store, card.coming.model, comparison)


@contextmanager
def reembedded(store: LanceStore | MilvusStore) -> Iterator[None]:
    """Within the block no other run embeds the gallery again; on a server some may do so together.

    Raises:
        StorageError: another one does, or the folder cannot be written.
    """
    if isinstance(store, MilvusStore):
        yield
        return
    with only_writer(store.folder / _BESIDE):
        yield
    with suppress(OSError):  # another one has begun
        disk().remove_folder(store.folder / _BESIDE)


def remove_others(store: LanceStore | MilvusStore, card: GalleryCard) -> None:
    """Remove the vectors of models that do not come.

    Raises:
        StorageError: they cannot be removed.
    """
    coming = card.coming.model if card.coming else ""
    if isinstance(store, MilvusStore):
        store.drop_begun(coming)
    elif (store.folder / _BESIDE).is_dir():
        for each in (store.folder / _BESIDE).iterdir():
            if each.is_dir() and each != _folder(store, coming):
                remove(each)


def _folder(store: LanceStore, model: str) -> Path:
    return store.folder / _BESIDE / hashlib.sha256(model.encode()).hexdigest()[:16]
