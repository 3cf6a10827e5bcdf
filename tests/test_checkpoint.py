import hashlib
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from messages import facts
from safetensors.torch import load_file, save_file
from torch import nn

from platefree.checkpoint import Checkpoint, fingerprint_of, read_checkpoint, read_whole
from platefree.errors import CheckpointError
from platefree.nets.weights import (
    check_shapes,
    checkpoint_tensors,
    load_into,
    save_checkpoint,
    stored_shapes,
)

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


def test_a_card_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    save(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(tmp_path, {**CARD, "best_map": math.nan}, nn.Linear(3, 2).state_dict())
    assert read_checkpoint(tmp_path).card["step"] == 3
    load_into(nn.Linear(3, 2), read_checkpoint(tmp_path))


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
    file = weights_file(folder)
    save_file(tensors, file)
    card = json.loads((folder / "card.json").read_text())
    card["files"]["weights"]["bytes"] = file.stat().st_size
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
        ("[]", ("card.json", "dictionary")),
        (
            '{"format": 1, "fingerprint": "a"}',
            ("card.json", "recipe is missing", "files is missing"),
        ),
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


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", {"vehicle": -1}),
        ("classes", {"vehicle": 10**12}),
        ("classes", {"vehicle": 10**5000}),
        ("classes", {"vehicle": "4"}),
        ("classes", {"vehicle": 4.5}),
        ("classes", [4]),
        ("names", {"camera": "c1"}),
        ("names", {"camera": [1]}),
        ("recipe", []),
        ("recipe", None),
        ("files", {"weights": {"name": 3, "sha256": "0" * 64, "bytes": 1}}),
        ("files", {"weights": {"name": "w", "sha256": "no", "bytes": 1}}),
        ("files", {"weights": None}),
        ("files", {"other": {"name": "w", "sha256": "0" * 64, "bytes": 1}}),
        ("fingerprint", 3),
        ("fingerprint", "x" * 100),
        ("data", {"path": "t.csv"}),
        ("step", "3"),
        ("step", -1),
        ("best_map", "high"),
        ("training", "main"),
        ("members", [{"name": "a"}]),
        ("members", {}),
        ("format", None),
    ],
)
def test_a_card_of_other_types_is_refused_by_the_name_of_the_key(
    key: str, value: object, tmp_path: Path
) -> None:
    save(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    text = json.dumps({**card, key: "VALUE"}).replace('"VALUE"', as_json(value))
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(tmp_path)
    assert "card.json" in str(caught.value)
    assert len(str(caught.value)) < 600


def as_json(value: object) -> str:
    """JSON, also of numbers that Python writes only in parts."""
    if value == {"vehicle": 10**5000}:
        return '{"vehicle": 1' + "0" * 5000 + "}"
    return json.dumps(value)


def test_a_card_of_more_classes_than_its_weights_takes_no_memory(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    """A classifier of 10**7 vehicles would be 20 GB."""
    folders = []
    for vehicles in (3, 10**7):
        folder = Path(shutil.copytree(tiny_model_folder, tmp_path / str(vehicles)))
        card = json.loads((folder / "card.json").read_text())
        card["classes"]["vehicle"] = vehicles
        (folder / "card.json").write_text(json.dumps(card))
        folders.append(str(folder))
    script = """
import resource, sys
import platefree as pf
import platefree.inference.networks
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for folder in sys.argv[1:]:
    try:
        pf.load_model(folder)
    except pf.PlatefreeError as error:
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024, error)
"""
    words = [sys.executable, "-c", script, *folders]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        megabytes, _, said = line.partition(" ")
        assert int(megabytes) < 300
        assert "another shape" in said


def test_the_head_of_the_weights_may_say_anything(tmp_path: Path) -> None:
    save(tmp_path)
    checkpoint = read_checkpoint(tmp_path)
    assert stored_shapes(checkpoint) == {"weight": (2, 3), "bias": (2,)}
    check_shapes(lambda: nn.Linear(3, 2), checkpoint)
    path = weights_file(tmp_path)
    whole = path.read_bytes()
    for head in (b"{}", b"[]", b"{", b'{"weight": 3}', b'{"weight": {"shape": [-1]}}', b"\xff" * 9):
        put(path, len(head).to_bytes(8, "little") + head + whole)
        with pytest.raises(CheckpointError):
            check_shapes(lambda: nn.Linear(3, 2), read_checkpoint(tmp_path))
    for length in (2**63, 10**9):
        put(path, length.to_bytes(8, "little") + whole[8:])
        with pytest.raises(CheckpointError):
            check_shapes(lambda: nn.Linear(3, 2), read_checkpoint(tmp_path))


def put(path: Path, content: bytes) -> None:
    """Write a weight file, and its size into the card."""
    path.write_bytes(content)
    card = json.loads((path.parent / "card.json").read_text())
    card["files"]["weights"]["bytes"] = len(content)
    (path.parent / "card.json").write_text(json.dumps(card))


@pytest.mark.slow
def test_a_checkpoint_is_read_whole_while_another_process_replaces_it(tmp_path: Path) -> None:
    script = (
        "import itertools, sys, torch; from pathlib import Path\n"
        "from platefree.nets.weights import save_checkpoint\n"
        "recipe = {'model': {'method': 'x'}, 'input': {}}\n"
        "for step in itertools.count(1):\n"
        "    weights = {'w': torch.full((50_000,), float(step))}\n"
        "    save_checkpoint(Path(sys.argv[1]), {'step': step, 'recipe': recipe}, weights)\n"
        "    if step == 1: print('ready', flush=True)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "c"], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()

    def read(checkpoint: Checkpoint) -> tuple[int, float]:
        return checkpoint.card["step"], float(checkpoint_tensors(checkpoint, "weights")["w"][-1])

    try:
        seen: set[tuple[int, float]] = set()
        while len(seen) < 20 and writer.poll() is None:  # replaced between many of the readings
            seen.add(read_whole(tmp_path / "c", read))
    finally:
        writer.kill()
        writer.communicate()
    assert len(seen) == 20
    assert all(step == weight for step, weight in seen)
