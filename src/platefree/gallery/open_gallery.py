"""A gallery that is open: its card, store and model, as they are while others change them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platefree.errors import CheckpointError
from platefree.gallery.audit_trail import trail_of
from platefree.gallery.coming_model import Beside, beside_of, remove_others
from platefree.gallery.gallery_card import GalleryCard
from platefree.gallery.gallery_places import (
    Place,
    View,
    gallery_place,
    open_store,
    read_card,
    write_card,
)
from platefree.gallery.lance import LanceStore
from platefree.gallery.ledger import ledger_folder
from platefree.gallery.opening import open_embedder
from platefree.gallery.other_models import of_another_model
from platefree.inference.calibrated import calibration_at
from platefree.inference.embedder import Embedder
from platefree.ranking.calibration import Calibration
from platefree.ranking.described import read_comparison


class OpenGallery:
    """A gallery that is open, in a folder or on a server.

    Attributes:
        audit: writes down what is searched, exported and forgotten, where a log has been begun
            (`platefree.gallery.audit_trail`); None writes nothing.
        ledger: the folder in which it is noted what was taken in of films; None where a gallery on
            a server was opened without.

    Args:
        folder: of the gallery, which exists; or its address, ``milvus://host:port/name``.
        model: the model that made it; by default the one that its card names, loaded when needed.
        ledger: the folder of the ledger of films; by default one in that of the gallery.

    Raises:
        DataError: there is no gallery, or it is damaged or of a newer version.
        MismatchError: it was made by another model.
    """

    def __init__(
        self,
        folder: str | Place,
        model: Embedder | str | Path | None = None,
        ledger: str | Path | None = None,
    ) -> None:
        self.folder = gallery_place(folder)
        self.ledger = ledger_folder(self.folder, ledger)
        self.audit = trail_of(self.folder)
        self.card = read_card(self.folder)
        self.comparison = read_comparison(self.card.comparison)
        self.store = open_store(self.folder, self.comparison, self.card.model)
        self._given, self._model = model, None if isinstance(model, str | Path) else model
        self._take(self.card)
        if self._model is not None:
            self._check(self._model)

    @property
    def model(self) -> Embedder:
        """The model that made it.

        Raises:
            CheckpointError: it is no longer where it was.
            MismatchError: another one is there now.
        """
        if self._model is None:
            path = self._given or self.card.model_path
            try:
                self._model = open_embedder(path or "")
            except CheckpointError as error:
                raise CheckpointError(
                    f"{self.folder} was made with the model at {path}, which cannot be opened "
                    f"({error}): give its path as it is now (--model)"
                ) from error
            self._check(self._model)
        return self._model

    def refresh(self) -> GalleryCard:
        """Read the card again, which another process may have changed.

        Returns:
            The card as it is there.

        Raises:
            DataError: it is gone or damaged.
        """
        card = read_card(self.folder)
        self._take(card)
        return card

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Within the block no other process writes, and the card is the one on the disk."""
        with self.store.writing():
            self._settle()
            yield

    @contextmanager
    def _reading(self) -> Iterator[View]:
        """What is stored now, of the model that it is of now."""
        with self.store.snapshot() as now:
            if now.model in ("", self.card.model):
                yield now
                return
        self.refresh()  # it was embedded again meanwhile
        with self.store.snapshot() as now:
            yield now

    def _take(self, card: GalleryCard) -> None:
        """Go by a card; the model of the gallery is the one that its rows are of."""
        if card.coming is not None and card.coming.model == self.store.model:
            card = card.of_model(card.coming)
        if card.model != self.card.model:
            self.comparison = read_comparison(card.comparison)
            self.store.use(self.comparison, card.model)
            if self._model is not self._given:  # else whoever gave it hears that it is another's
                self._model = None
        self.card = card

    def _settle(self) -> None:
        """Read the card and write it as it is now; remove vectors of models that do not come."""
        there = self.refresh()
        if self.card != there:
            write_card(self.folder, self.card)
        if isinstance(self.store, LanceStore):  # on a server another model may have begun since
            remove_others(self.store, self.card)

    def _beside(self) -> Beside | None:
        """The vectors of the coming model; None if there is none."""
        return beside_of(self.store, self.card)

    def _check(self, model: Embedder) -> None:
        if model.fingerprint != self.card.model:
            this = f"{model.fingerprint} ({model.name})"
            raise of_another_model(self.folder, self.card.model, this)

    def calibration(self) -> Calibration | None:
        """How sure its similarities are, of a calibrated model, which need not be loaded."""
        if self._model is not None:
            return self._model.calibration
        given = self._given if isinstance(self._given, str | Path) else None
        return calibration_at(given or self.card.model_path, self.card.model)
