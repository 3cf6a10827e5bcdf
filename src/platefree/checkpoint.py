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
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from platefree.errors import CheckpointError
from platefree.inputs.complaints import checked
from platefree.inputs.documents import read_json
from platefree.inputs.plain_files import GB, MB, Expected, read_input, require_utf8
from platefree.storage.disk import make_folder
from platefree.storage.files import atomic_file, remove, write_text

FORMAT = 1
CARD = "card.json"
EXPORTED = "platefree-model"
"""The format of the card of a model folder, see `platefree.inference.model_card`."""

TENSORS = Expected("tensors of a checkpoint", 64 * GB, CheckpointError)  # 5e9 weights and moments
"""What a file of tensors can be."""

_CARD = Expected("the card of a checkpoint", 16 * MB, CheckpointError)  # 10**5 names of models

Made = TypeVar("Made")
Card = TypeVar("Card")
Name = Annotated[str, Field(max_length=10_000)]
Classes = Annotated[int, Field(ge=0, le=10_000_000)]


class _Part(BaseModel):
    """A part of a card; keys that are not described here are kept."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _File(_Part):
    name: Name
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class _Data(_Part):
    path: Name
    fingerprint: Name
    images: Annotated[int, Field(ge=0)]
    vehicles: Classes | None = None


class _Model(_Part):
    """What a card says of one model, be it a member of an ensemble."""

    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]
    method: Name | None = None
    recipe: dict[str, Any]
    classes: dict[str, Classes] = {}
    names: dict[str, list[Name]] = {}
    data: _Data | None = None
    step: Annotated[int, Field(ge=0)] = 0
    total_steps: Annotated[int, Field(ge=0)] = 0
    epoch: Annotated[float, Field(ge=0)] | None = None
    seed: int = 0
    best_map: float | None = None
    training: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _training_is_described_whole(self) -> Self:
        missing = {"step", "total_steps", "seed"} - self.model_fields_set
        if self.data is not None and missing:
            raise ValueError(f"it describes its data, but without {', '.join(sorted(missing))}")
        return self


class _Member(_Model):
    name: Name


class _Card(_Model):
    format: Literal[1]
    files: dict[Literal["weights", "training", "learnt"], _File]
    members: Annotated[list[_Member], Field(max_length=1000)] = []


_DEFAULTS: Mapping[str, Any] = {"classes": {}, "names": {}, "step": 0}
_KINDS = ("weights-", "training-", "learnt-")  # how the names of files begin


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk.

    Attributes:
        folder: where it lies.
        card: everything that describes it, as plain JSON content of the types that it has to
            have.
    """

    folder: Path
    card: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """The model's fingerprint: a hash of weights, method and input transform."""
        return str(self.card["fingerprint"])

    def path(self, kind: str) -> Path:
        """The file of the ``weights``, ``training`` or ``learnt`` tensors.

        Raises:
            CheckpointError: the file is missing, or has another size than it was written with.
        """
        entry = self.card.get("files", {}).get(kind)
        if entry is None:
            raise CheckpointError(
                f"checkpoint {self.folder} holds no {kind} state; resume from the run's 'last'"
            )
        path = self.folder / Path(str(entry["name"])).name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise CheckpointError(
                f"checkpoint {self.folder}: {path.name} is missing; copy it back"
            ) from error
        if size != entry["bytes"]:
            raise self._damaged(path, size)
        return path

    def content(self, kind: str) -> bytes:
        """The bytes of the ``weights`` or the ``training`` tensors, their hash checked.

        Raises:
            CheckpointError: the file is missing or damaged.
        """
        path = self.path(kind)
        found = read_input(path, TENSORS)
        if hashlib.sha256(found).hexdigest() != self.card["files"][kind]["sha256"]:
            raise self._damaged(path, len(found))
        return found

    def _damaged(self, path: Path, size: int) -> CheckpointError:
        return CheckpointError(
            f"checkpoint file {path} is damaged: its {size} bytes do not match "
            f"size and hash in {CARD}; copy the whole folder again"
        )


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
    write_text(folder / CARD, _text(whole))
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
    require_utf8(folder.absolute(), _CARD)
    path = folder / CARD
    if not os.path.lexists(path):
        inside = [name for name in ("best", "last") if os.path.isfile(folder / name / CARD)]
        hint = f"; did you mean {folder / inside[0]}?" if inside else ""
        raise CheckpointError(f"no checkpoint at {folder}: it has no {CARD}{hint}")
    card = read_json(path, _CARD)
    format = card.get("format") if isinstance(card, dict) else None
    if isinstance(format, int) and format != FORMAT:
        raise CheckpointError(
            f"{path} has format {format}, this platefree reads format {FORMAT}; "
            "use the platefree version that wrote it"
        )
    if format == EXPORTED:
        raise CheckpointError(
            f"{folder} is an exported model, expected a checkpoint: give the folder that it was "
            "exported from, such as runs/x/best"
        )
    checked(_Card, card, f"the card {path}", error=CheckpointError)
    _check_identity(path, card)
    absent = {key: each for key, each in _DEFAULTS.items() if key not in card}
    return Checkpoint(folder, card | absent)


def note_in_card(folder: Path, key: str, content: Any, fingerprint: str) -> None:  # noqa: ANN401
    """Write one more part into the card of a checkpoint, which a training may replace meanwhile.

    Args:
        folder: of the checkpoint.
        key: of the part; it decides nothing of the model.
        content: plain JSON content.
        fingerprint: of the model that the part is about.

    Raises:
        CheckpointError: there is no checkpoint, or it is of another model now.
        StorageError: it cannot be written; the card that was there is kept.
    """
    with atomic_file(folder / CARD) as file:  # nobody else writes the card until the end
        card = read_checkpoint(folder).card
        if card["fingerprint"] != fingerprint:
            raise CheckpointError(
                f"{folder} holds model {card['fingerprint']} now, and not {fingerprint}: it was "
                "replaced meanwhile, so do it again"
            )
        file.write((_text({**card, key: content})).encode())


def read_whole(folder: Path, use: Callable[[Checkpoint], Made]) -> Made:
    """What is made of a checkpoint, which a training may replace meanwhile.

    Args:
        folder: of the checkpoint.
        use: reads its files; called again if it was replaced before all of them were read.

    Raises:
        CheckpointError: there is no checkpoint, or it is damaged.
    """
    return read_unreplaced(partial(read_checkpoint, folder), use)


def read_unreplaced(read: Callable[[], Card], use: Callable[[Card], Made]) -> Made:
    """What is made of a card and the files that it names, which may be replaced meanwhile.

    Args:
        read: the card, as it is now.
        use: reads its files; called again if the card changed before all of them were read.

    Raises:
        CheckpointError: one of them cannot be read, and the card is the same as before.
    """
    card = read()
    while True:
        try:
            return use(card)
        except CheckpointError:
            now = read()
            if now == card:
                raise
            card = now


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
            "use when it is loaded (--set, --scales, --crops)"
        )


def _text(card: Mapping[str, Any]) -> str:
    # A NaN could be written, but no card that has one can be read.
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _write(folder: Path, kind: str, step: int, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    # The hash in the name keeps a file that the present card names from being written over.
    name = f"{kind}-{step:08d}-{digest[:8]}.safetensors"
    with atomic_file(folder / name) as file:
        file.write(content)
    return {"name": name, "sha256": digest, "bytes": len(content)}
