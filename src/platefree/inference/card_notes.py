"""What becomes known of an exported model after it was made, for its card and its page.

It decides no embedding and no box, so neither fingerprint nor seal change.
"""

from collections.abc import Sequence
from pathlib import Path

from platefree.checkpoint import CARD
from platefree.inference.card_page import card_page
from platefree.inference.detector_card import DetectorCard, read_card
from platefree.inference.detector_page import detector_page
from platefree.inference.model_card import PAGE, Measured, ModelCard, read_model_card
from platefree.storage.files import write_text
from platefree.storage.locks import only_writer


def note_figures(folder: str | Path, figures: Sequence[Measured]) -> ModelCard:
    """Write what was measured into the card of a model that embeds pictures.

    Args:
        folder: of the model.
        figures: take the place of those that are there.

    Returns:
        The card.

    Raises:
        CheckpointError: there is no such model.
        StorageError: it cannot be written.
    """
    folder = Path(folder)
    with only_writer(folder):
        card = read_model_card(folder).model_copy(update={"figures": list(figures)})
        write_card(folder, card)
    return card


def note_limits(folder: str | Path, limits: Sequence[str]) -> ModelCard | DetectorCard:
    """Add to a card where the model is known to fail.

    Args:
        folder: of the model, or of a detector.
        limits: a sentence or two each.

    Returns:
        The card.

    Raises:
        CheckpointError: there is no exported model.
        StorageError: it cannot be written.
    """
    folder = Path(folder)
    with only_writer(folder):
        card = read_card(folder)
        card = card.model_copy(update={"limits": [*card.limits, *limits]})
        write_card(folder, card)
    return card


def write_card(folder: Path, card: ModelCard | DetectorCard) -> None:
    """Write a card and its page into the folder of its model, whose only writer the caller is.

    Raises:
        StorageError: it cannot be written.
    """
    page = detector_page(card) if isinstance(card, DetectorCard) else card_page(card)
    write_text(folder / CARD, card.text())
    write_text(folder / PAGE, page)
