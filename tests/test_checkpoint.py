import json
from pathlib import Path
from typing import Any

import pytest
import torch
from messages import facts
from safetensors.torch import load_file, save_file
from torch import nn

from platefree.checkpoint import fingerprint_of, read_checkpoint
from platefree.errors import CheckpointError
from platefree.nets.weights import checkpoint_tensors, load_into, save_checkpoint

CARD: dict[str, Any] = {"step": 3, "recipe": {"model": {"method": "x"}, "input": {"height": 8}}}


def save(folder: Path, fill: float = 1.0, step: int = 3) -> nn.Module:
    module = nn.Linear(3, 2)
    nn.init.constant_(module.weight, fill)
    save_checkpoint(folder, {**CARD, "step": step}, module.state_dict(), {"m": torch.ones(4)})
    return module


def weights_file(folder: Path) -> Path:
    (file,) = folder.glob("weights-*.safetensors")
    return file


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    module = save(tmp_path / "c")
    checkpoint = read_checkpoint(tmp_path / "c")
    other = nn.Linear(3, 2)
    load_into(other, checkpoint)
    assert torch.equal(other.weight, module.weight)
    assert torch.equal(other.bias, module.bias)
    assert torch.equal(checkpoint_tensors(checkpoint, "training")["m"], torch.ones(4))
    assert json.loads((tmp_path / "c" / "card.json").read_text())["step"] == 3


def test_a_newer_checkpoint_takes_the_place_of_the_older_one(tmp_path: Path) -> None:
    save(tmp_path, 1.0)
    first = read_checkpoint(tmp_path).fingerprint
    save(tmp_path, 2.0, step=3)  # of the same step
    save(tmp_path, 3.0, step=4)
    assert read_checkpoint(tmp_path).fingerprint != first
    assert len(list(tmp_path.iterdir())) == 3


def test_the_fingerprint_follows_weights_method_and_input(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = nn.Linear(2, 2).state_dict()

    def fingerprint(name: str, **change: object) -> str:
        card = {"step": 1, "recipe": {**CARD["recipe"], **change}}
        return save_checkpoint(tmp_path / name, card, weights).fingerprint

    same = fingerprint("a")
    assert fingerprint("b") == same
    assert fingerprint("c", train={"lr": 1}) == same
    assert fingerprint("d", input={"height": 9}) != same
    assert fingerprint("e", model={"method": "y"}) != same


def test_a_truncated_file_is_told_from_a_whole_one(tmp_path: Path) -> None:
    save(tmp_path)
    file = weights_file(tmp_path)
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(CheckpointError, match=facts(file.name, "bytes", "card.json")):
        load_into(nn.Linear(3, 2), read_checkpoint(tmp_path))
    file.unlink()
    with pytest.raises(CheckpointError, match=facts(file.name, "missing")):
        load_into(nn.Linear(3, 2), read_checkpoint(tmp_path))


def rewrite(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Replace the weights and mend hash and fingerprint, as who forges a checkpoint would."""
    import hashlib

    file = weights_file(folder)
    save_file(tensors, file)
    card = json.loads((folder / "card.json").read_text())
    card["files"]["weights"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    card["fingerprint"] = fingerprint_of(card)
    (folder / "card.json").write_text(json.dumps(card))


def test_foreign_missing_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    save(tmp_path)
    good = load_file(weights_file(tmp_path))
    rewrite(tmp_path, {**good, "intruder": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=facts("1 foreign", "intruder")):
        load_into(nn.Linear(3, 2), read_checkpoint(tmp_path))
    rewrite(tmp_path, {"weight": good["weight"]})
    with pytest.raises(CheckpointError, match=facts("1 tensors missing", "bias")):
        load_into(nn.Linear(3, 2), read_checkpoint(tmp_path))
    rewrite(tmp_path, {**good, "bias": torch.zeros(5)})
    with pytest.raises(CheckpointError, match=facts("1 of another shape", "bias")):
        load_into(nn.Linear(3, 2), read_checkpoint(tmp_path))


def test_a_card_cannot_point_outside_its_folder(tmp_path: Path) -> None:
    save(tmp_path / "inside")
    secret = tmp_path / "secret.safetensors"
    save_file({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, secret)
    path = tmp_path / "inside" / "card.json"
    card = json.loads(path.read_text())
    card["files"]["weights"]["name"] = "../secret.safetensors"
    path.write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=facts("secret.safetensors", "missing")):
        checkpoint_tensors(read_checkpoint(tmp_path / "inside"), "weights")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ("card.json", "line 1")),
        ('{"format": 1', ("card.json", "line 1")),
        ("[]", ("card.json", "lacks format, fingerprint, recipe, files")),
        ('{"format": 1, "fingerprint": "a"}', ("card.json", "lacks recipe, files")),
        (
            '{"format": 99, "fingerprint": "a", "recipe": {}, "files": {}}',
            ("card.json", "format 99", "format 1"),
        ),
    ],
)
def test_a_damaged_card_is_refused(tmp_path: Path, content: str, message: tuple[str, ...]) -> None:
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(CheckpointError, match=facts(message)):
        read_checkpoint(tmp_path)


def test_a_run_folder_points_to_the_checkpoints_in_it(tmp_path: Path) -> None:
    save(tmp_path / "best")
    with pytest.raises(CheckpointError, match=facts("card.json", f"mean {tmp_path / 'best'}")):
        read_checkpoint(tmp_path)
