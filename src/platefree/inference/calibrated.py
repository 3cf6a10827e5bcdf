"""The calibration in a model's card: written into it, and read without the network.

It decides no embedding and no distance, so it changes neither the model's fingerprint nor the seal
of an exported model: galleries and stored embeddings stay valid.
"""

import os
from pathlib import Path

from platefree.checkpoint import CARD, note_in_card, read_checkpoint
from platefree.errors import CheckpointError
from platefree.inference.card_notes import write_card
from platefree.inference.model_card import is_model_folder, read_model_card
from platefree.inference.shipped import shipped_models
from platefree.ranking.calibration import Calibration, read_calibration
from platefree.storage.locks import only_writer


def note_calibration(folder: str | Path, calibration: Calibration) -> None:
    """Write a calibration into the card of a checkpoint or of an exported model.

    Args:
        folder: of the model.
        calibration: sealed; takes the place of the one that is there.

    Raises:
        CheckpointError: there is no model, or it is another one than was calibrated.
        StorageError: it cannot be written; nothing is changed.
    """
    folder, content = Path(folder), calibration.model_dump()
    if not is_model_folder(folder):
        read_checkpoint(folder)  # refused before anything is made there
        with only_writer(folder):
            note_in_card(folder, "calibration", content, calibration.model)
        return
    with only_writer(folder):
        card = read_model_card(folder)
        if card.fingerprint != calibration.model:
            raise CheckpointError(
                f"{folder} holds model {card.fingerprint} now, and {calibration.model} was "
                "calibrated: calibrate it again ('platefree calibrate')"
            )
        card = card.model_copy(update={"calibration": content})
        write_card(folder, card)


def calibration_at(path: str | Path | None, fingerprint: str) -> Calibration | None:
    """The calibration of the model at a path, if that model is there and has one.

    Args:
        path: of a checkpoint or an exported model, or the name of one inside the package.
        fingerprint: that the model has to have.
    """
    if path is None:
        return None
    folder = shipped_models().get(str(path), Path(path))
    if not os.path.isfile(folder / CARD):
        return None
    try:
        if is_model_folder(folder):
            found = read_model_card(folder).probabilities()
        else:
            checkpoint = read_checkpoint(folder)
            content = checkpoint.card.get("calibration")
            found = read_calibration(content, checkpoint.fingerprint, str(folder))
    except CheckpointError:
        return None  # loading the model says why
    return found if found is not None and found.model == fingerprint else None
