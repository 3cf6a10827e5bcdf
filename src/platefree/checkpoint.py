"""Checkpoints: a folder with weights as safetensors and a card that a person can read.

Here are the folder and its card; what is in the files is for `platefree.nets.weights`.

The card (``card.json``) names its weight files with their hashes, and replacing the card is the
one atomic commit: killed at any moment, a folder holds the old checkpoint or the new one, whole.

    runs/x/best/card.json
    runs/x/best/weights-00001200-5f3c0a1e.safetensors
    runs/x/best/learnt-00001200-....safetensors   hashes of what it learnt from
    runs/x/last/...                             with training-00001200-....safetensors beside it
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platefree.errors import CheckpointError
from platefree.storage import atomic_file, make_folder, remove, write_text

FORMAT = 1
CARD = "card.json"

_KINDS = ("weights-", "training-", "learnt-")  # how the names of files begin


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk.

    Attributes:
        folder: where it lies.
        card: everything that describes it, as plain JSON content.
    """

    folder: Path
    card: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """The model's fingerprint: a hash of weights, method and input transform."""
        return str(self.card["fingerprint"])

    def file(self, kind: str) -> Path:
        """The file of the ``weights``, ``training`` or ``learnt`` tensors, its hash checked.

        Raises:
            CheckpointError: the file is missing or damaged.
        """
        entry = self.card.get("files", {}).get(kind)
        if entry is None:
            raise CheckpointError(
                f"checkpoint {self.folder} holds no {kind} state; resume from the run's 'last'"
            )
        path = self.folder / Path(str(entry["name"])).name
        if not path.is_file():
            raise CheckpointError(f"checkpoint {self.folder}: {path.name} is missing; copy it back")
        if _hash(path) != entry["sha256"]:
            raise CheckpointError(
                f"checkpoint file {path} is damaged: its {path.stat().st_size} bytes do not match "
                "the hash in card.json; copy the whole folder again"
            )
        return path


def write_checkpoint(
    folder: Path, card: Mapping[str, Any], files: Mapping[str, bytes]
) -> Checkpoint:
    """Write a checkpoint over whatever checkpoint the folder holds.

    Args:
        folder: created if need be.
        card: what describes it; must have ``step``, ``recipe`` and ``recipe.model``; the
            files, their hashes and the fingerprint are added here.
        files: ``weights``, for resuming ``training``, and ``learnt``, the hashes of what it learnt
            from: each the content of a safetensors file.

    Raises:
        StorageError: it cannot be written; the checkpoint that was there is kept.
    """
    make_folder(folder)
    entries = {kind: _write(folder, kind, card["step"], each) for kind, each in files.items()}
    whole = {"format": FORMAT, "fingerprint": "", **card, "files": entries}
    whole["fingerprint"] = whole["fingerprint"] or fingerprint_of(whole)
    if whole["fingerprint"] != fingerprint_of(whole):  # of an ensemble, which has its own
        whole["seal"] = fingerprint_of(whole)
    write_text(folder / CARD, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    written = Checkpoint(folder, whole)
    remove_older(written)
    return written


def remove_older(checkpoint: Checkpoint) -> None:
    """Remove the files of earlier checkpoints from a checkpoint's folder.

    Raises:
        StorageError: a file cannot be removed.
    """
    keep = {entry["name"] for entry in checkpoint.card["files"].values()}
    for path in checkpoint.folder.iterdir():
        ours = path.suffix == ".safetensors" and path.name.startswith(_KINDS)
        if ours and path.name not in keep:
            remove(path)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint's card; tensors are read when asked for.

    Raises:
        CheckpointError: there is no checkpoint, its card is damaged or of a newer version, or its
            model was changed after it was written.
    """
    path = folder / CARD
    if not path.is_file():
        inside = [name for name in ("best", "last") if (folder / name / CARD).is_file()]
        hint = f"; did you mean {folder / inside[0]}?" if inside else ""
        raise CheckpointError(f"no checkpoint at {folder}: it has no {CARD}{hint}")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in ("format", "fingerprint", "recipe", "files") if key not in card]
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is not a readable card: {error}") from error
    if missing:
        raise CheckpointError(f"{path} is not a checkpoint's card: it lacks {', '.join(missing)}")
    if card["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {card['format']}, this platefree reads format {FORMAT}; "
            "use the platefree version that wrote it"
        )
    _check_identity(path, card)
    return Checkpoint(folder, card)


def fingerprint_of(card: Mapping[str, Any]) -> str:
    """The fingerprint of what a card describes: its weights, method and input transform.

    Those of the members of an ensemble count too.
    """
    identities = [
        {key: each["recipe"][key] for key in ("model", "input")}
        for each in (card, *card.get("members", ()))
    ]
    described = "".join(json.dumps(each, sort_keys=True) for each in identities)
    return hashlib.sha256((card["files"]["weights"]["sha256"] + described).encode()).hexdigest()[
        :12
    ]


def _check_identity(path: Path, card: Mapping[str, Any]) -> None:
    """Refuse a card that was edited, whose model would pass for the one that it was.

    An ensemble that an older version wrote has no seal, and is taken as it is.
    """
    try:
        found = fingerprint_of(card)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is damaged: it lacks {error}; copy it again") from error
    said = card.get("seal") or (found if card.get("members") else card["fingerprint"])
    if said != found:
        raise CheckpointError(
            f"{path} was changed after it was written: its fingerprint is {said}, that of its "
            f"weights, model and input is {found}; use an unchanged copy, and change settings for "
            "use when it is loaded (--set, --scales)"
        )


def _write(folder: Path, kind: str, step: int, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    # The hash in the name keeps a file that the present card names from being written over.
    name = f"{kind}-{step:08d}-{digest[:8]}.safetensors"
    with atomic_file(folder / name) as file:
        file.write(content)
    return {"name": name, "sha256": digest, "bytes": len(content)}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
