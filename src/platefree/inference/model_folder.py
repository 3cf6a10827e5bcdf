"""How the folder of an exported model is written: whole, and never over anything else."""

import os
from collections.abc import Sequence
from pathlib import Path

from platefree.checkpoint import CARD
from platefree.errors import StorageError
from platefree.inference.model_card import PAGE, FolderCard, is_model_folder, is_own_file
from platefree.storage.disk import TEMPORARY, storage_errors
from platefree.storage.files import atomic_file, remove, write_text
from platefree.storage.locks import only_writer


def check_replaceable(out: Path) -> None:
    """Refuse to write over anything but an exported model, or what a killed export left.

    Raises:
        StorageError: something else is there.
    """
    if is_model_folder(out) or not os.path.lexists(out):
        return
    with storage_errors(out):
        names = [entry.name for entry in out.iterdir()]
    if any(not is_own_file(name) and not name.startswith(TEMPORARY) for name in names):
        raise StorageError(
            f"{out} holds something else than an exported model, which would be lost; choose "
            "another folder"
        )


def write_model_folder(
    folder: Path, card: FolderCard, contents: Sequence[bytes], page: str
) -> None:
    """Write a model over the one that is there: replacing the card is the one commit.

    Args:
        folder: of the model.
        card: sealed.
        contents: of the files that the card names, in its order.
        page: the card for people.

    Raises:
        StorageError: it cannot be written; the model that was there is kept.
    """
    with only_writer(folder):
        for entry, content in zip(card.files(), contents, strict=True):
            with atomic_file(folder / entry.name) as file:
                file.write(content)
        write_text(folder / CARD, card.text())
        write_text(folder / PAGE, page)
        named = {entry.name for entry in card.files()}
        for path in sorted(folder.iterdir()):
            if is_own_file(path.name) and path.name not in named:
                remove(path)
