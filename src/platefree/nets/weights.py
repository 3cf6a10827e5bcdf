"""Read and write tensors: checkpoints, and what another model starts from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from platefree.checkpoint import TENSORS, Checkpoint, read_whole, write_checkpoint
from platefree.data.learnt import SETS, Learnt, learnt_from_json
from platefree.errors import CheckpointError, TrainingError, first_line
from platefree.inputs.complaints import checked
from platefree.inputs.documents import parse_json
from platefree.inputs.plain_files import MB, open_input
from platefree.nets.weight_files import Match, Tensors, best_match, tensor_tables
from platefree.recipes.old_names import current_tensor_name

HEADS = (
    *("fc.", "head.", "classifier.", "last_linear.", "head_dist."),
    *("aux1.", "aux2.", "fc6.", "fc7.", "fc8."),
)
"""Prefixes of names of layers that belong to no backbone."""

_LONGEST_HEAD = 100 * MB  # as in safetensors itself
_OWN = "backbone.network."  # in our checkpoints


def save_checkpoint(
    folder: Path,
    card: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    training: Mapping[str, Tensor] | None = None,
    learnt: Learnt | None = None,
) -> Checkpoint:
    """Write a checkpoint to a folder; an existing checkpoint there is replaced.

    Args:
        folder: created if need be.
        card: its description, see `platefree.checkpoint.write_checkpoint`.
        weights: the model's tensors.
        training: optimizer tensors, for resuming.
        learnt: what it learnt from.

    Raises:
        StorageError: it cannot be written; an existing checkpoint is kept.
    """
    files = {"weights": _content(weights)}
    if training is not None:
        files["training"] = _content(training)
    if learnt is not None:
        files["learnt"] = _content(
            {name: torch.from_numpy(getattr(learnt, name).view(np.int64)) for name in SETS}
        )
        card = {**card, "learnt": learnt.to_json()}
    return write_checkpoint(folder, card, files)


def read_learnt(checkpoint: Checkpoint) -> Learnt:
    """What the model of a checkpoint learnt from.

    Checkpoints of before this was recorded have the fingerprints of their tables only.

    Raises:
        CheckpointError: the record is missing or damaged.
    """
    card = checkpoint.card
    if "learnt" not in card:
        each = card.get("members", [card])
        tables = tuple(str(one["data"]["fingerprint"]) for one in each if "data" in one)
        return Learnt(tables=tables, unknown=(f"{checkpoint.folder} has no record of it",))
    tensors = checkpoint_tensors(checkpoint, "learnt")
    try:
        sets = {name: tensors[name].numpy().view(np.uint64) for name in SETS}
        return learnt_from_json(card["learnt"], sets)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint {checkpoint.folder} does not say what it learnt from ({error}); it was "
            "changed after it was written, use an unchanged copy"
        ) from error


def checkpoint_tensors(checkpoint: Checkpoint, kind: str) -> dict[str, Tensor]:
    """Read the ``weights``, ``training`` or ``learnt`` tensors, by their current names.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    content = checkpoint.content(kind)
    try:
        return {current_tensor_name(name): each for name, each in load(content).items()}
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a new kind of number
        raise CheckpointError(
            f"checkpoint file {checkpoint.path(kind)} cannot be read: {first_line(error)}"
        ) from error


def check_shapes(build: Callable[[], nn.Module], checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint whose weights do not fit its card, before a network takes memory.

    Args:
        build: makes the network that the card describes; here it is built without memory.
        checkpoint: of which only the head of the weight file is read.

    Raises:
        CheckpointError: a tensor is missing, foreign, or of another shape.
    """
    with torch.device("meta"):
        wanted = build().state_dict()
    _compare(stored_shapes(checkpoint), _shapes(wanted), checkpoint)


def load_into(module: nn.Module, checkpoint: Checkpoint) -> None:
    """Copy the weights of a checkpoint into a module of the same shape.

    Raises:
        CheckpointError: a tensor is missing, foreign, of another shape, or not finite.
    """
    found = checkpoint_tensors(checkpoint, "weights")
    _compare(_shapes(found), _shapes(module.state_dict()), checkpoint)
    broken = sorted(name for name, each in found.items() if not each.isfinite().all())
    if broken:
        raise CheckpointError(
            f"the weights of checkpoint {checkpoint.folder} are damaged: {len(broken)} of "
            f"{len(found)} tensors hold NaN or infinity (first: {broken[0]}); copy it again, or "
            "use another checkpoint"
        )
    module.load_state_dict(found)


class _Stored(BaseModel):
    """What the head of a safetensors file says of a tensor."""

    shape: list[Annotated[int, Field(ge=0)]]


def stored_shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by their current names, from the head of their file.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    path = checkpoint.path("weights")
    with open_input(path, TENSORS) as file:
        length = int.from_bytes(file.read(8), "little")
        head = file.read(length) if length <= _LONGEST_HEAD else b""
    content = parse_json(head.decode("utf-8", "replace"), f"the head of {path}", CheckpointError)
    if not isinstance(content, dict):
        raise CheckpointError(f"the head of {path} is damaged; copy the whole folder again")
    content.pop("__metadata__", None)
    return {
        current_tensor_name(name): tuple(
            checked(_Stored, each, f"tensor {name[:80]} of {path}", error=CheckpointError).shape
        )
        for name, each in content.items()
    }


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _compare(
    found: Mapping[str, tuple[int, ...]],
    wanted: Mapping[str, tuple[int, ...]],
    checkpoint: Checkpoint,
) -> None:
    missing = sorted(set(wanted) - set(found))
    foreign = sorted(set(found) - set(wanted))
    shapes = sorted(name for name in set(found) & set(wanted) if found[name] != wanted[name])
    if missing or foreign or shapes:
        first = (foreign or missing or shapes)[0]
        raise CheckpointError(
            f"checkpoint {checkpoint.folder} does not fit its own recipe: {len(missing)} tensors "
            f"missing, {len(foreign)} foreign, {len(shapes)} of another shape (first: "
            f"{first}); it was changed after it was written, use an unchanged copy"
        )


def read_weights(
    path: Path, wanted: Mapping[str, Tensor], adapt: Callable[[Tensors], Tensors] = dict
) -> Match:
    """The tensors of a weight file, or of the backbone of a checkpoint, that fit a network best.

    Args:
        path: the file, or the folder of the checkpoint.
        wanted: the tensors of the network.
        adapt: renames or resizes plain tensors as the network needs them.

    Raises:
        TrainingError: the file cannot be read, or the checkpoint has no plain backbone.
        CheckpointError: a folder holds no checkpoint, or a damaged one.
    """
    if not path.is_dir():
        return best_match(tensor_tables(path), wanted, adapt)
    tensors = read_whole(path, lambda checkpoint: checkpoint_tensors(checkpoint, "weights"))
    if not any(name.startswith(_OWN) for name in tensors):
        raise TrainingError(
            f"the checkpoint {path} has no backbone that another model could start from; give "
            "one of another method, such as strong_baseline"
        )
    return best_match([tensors], wanted, adapt)


def _content(tensors: Mapping[str, Tensor]) -> bytes:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    seen = set[int]()
    for name, tensor in plain.items():  # members of an ensemble may share their weights
        if tensor.data_ptr() in seen:
            plain[name] = tensor.clone()
        seen.add(tensor.data_ptr())
    return save(plain)
