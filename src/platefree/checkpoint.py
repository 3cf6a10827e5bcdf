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
from platefree.storage import TEMPORARY, atomic_file, make_folder, remove, write_text

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
    identity = {key: card["recipe"][key] for key in ("model", "input")}
    seal = entries["weights"]["sha256"] + json.dumps(identity, sort_keys=True)
    whole = {
        "format": FORMAT,
        "fingerprint": hashlib.sha256(seal.encode()).hexdigest()[:12],
        **card,
        "files": entries,
    }
    write_text(folder / CARD, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    _remove_others(folder, {entry["name"] for entry in entries.values()})
    return Checkpoint(folder, whole)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint's card; tensors are read when asked for.

    Raises:
        CheckpointError: there is no checkpoint, or its card is damaged or of a newer version.
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
    return Checkpoint(folder, card)


def _write(folder: Path, kind: str, step: int, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    # The hash in the name keeps a file that the present card names from being written over.
    name = f"{kind}-{step:08d}-{digest[:8]}.safetensors"
    with atomic_file(folder / name) as file:
        file.write(content)
    return {"name": name, "sha256": digest, "bytes": len(content)}


def _remove_others(folder: Path, keep: set[str]) -> None:
    for path in folder.iterdir():
        ours = path.suffix == ".safetensors" and path.name.startswith(_KINDS)
        if path.name not in keep and (ours or path.name.startswith(TEMPORARY)):
            remove(path)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
