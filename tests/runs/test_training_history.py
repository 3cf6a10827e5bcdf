"""What the log of a run tells of its stages, also damaged, cut short, or of an older version."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from messages import facts

from platefree.errors import CheckpointError
from platefree.runs.run_log import LOG_EVERY, TrainingLog
from platefree.runs.training_history import history_beside, read_history

PER_EPOCH = {"I": 14, "II": 6}
EPOCHS = {"I": 5, "II": 4}
Line = dict[str, Any]


def run_lines() -> list[Line]:
    """The log of two stages as training writes it: a line each 10 steps, and at their ends."""
    random = np.random.default_rng(0)
    lines: list[Line] = [{"step": 0, "parts": {"found": 3}}]
    step = 0
    for stage, per_epoch in PER_EPOCH.items():
        for own in range(1, EPOCHS[stage] * per_epoch + 1):
            step += 1
            place = {"step": step, "stage": stage, "epochs_done": round(own / per_epoch, 6)}
            is_end = own == EPOCHS[stage] * per_epoch
            if step % LOG_EVERY == 0 or is_end:
                losses = {"identity": float(random.random()), "triplet": float(random.random())}
                observed = {"accuracy": float(random.random())} if own > per_epoch else {}
                epoch = (own - 1) // per_epoch + 1
                lines.append({**place, "epoch": epoch, "losses": losses, "observed": observed})
            if own % (2 * per_epoch) == 0 or is_end:
                lines.append({**place, "validation_map": float(random.random())})
                lines.append({"step": step, "health": {"generator stretch": 2.0}})
    return lines


def write(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    log = TrainingLog(path, writes=True)
    for line in lines:
        log.write(line)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "log.jsonl", run_lines())


def test_a_history_has_every_value_of_every_stage(log: Path) -> None:
    history = read_history(log)
    assert [stage.name for stage in history.stages] == ["I", "II"]
    for stage in history.stages:
        own = [line for line in run_lines() if line.get("stage") == stage.name]
        reports = [line for line in own if "losses" in line]
        for name in ("identity", "triplet"):
            assert stage.losses[name].tolist() == [line["losses"][name] for line in reports]
        assert list(stage.observed) == ["accuracy"]
        expected = [line["observed"].get("accuracy", np.nan) for line in reports]
        np.testing.assert_array_equal(stage.observed["accuracy"], expected)
        scored = [line for line in own if "validation_map" in line]
        assert stage.validation.tolist() == [line["validation_map"] for line in scored]
        assert stage.validated.tolist() == [line["epochs_done"] for line in scored]
        assert stage.end == EPOCHS[stage.name]
        assert stage.model_at is None


def test_epochs_of_a_log_of_before_are_found_from_its_steps(tmp_path: Path, log: Path) -> None:
    before = []
    for line in run_lines():
        kept = {name: value for name, value in line.items() if name != "epochs_done"}
        if "validation_map" in kept:
            del kept["stage"]
        before.append(kept)
    old = read_history(write(tmp_path / "old.jsonl", before))
    for stage, then in zip(read_history(log).stages, old.stages, strict=True):
        np.testing.assert_allclose(then.epochs, stage.epochs, atol=1e-6)
        np.testing.assert_allclose(then.validated, stage.validated, atol=1e-6)
        assert then.validation.tolist() == stage.validation.tolist()


def test_the_model_is_placed_in_its_stage(log: Path) -> None:
    card = {"step": 82, "epoch": 2.0, "training": {"stage": "II"}}
    assert [stage.model_at for stage in read_history(log, card).stages] == [None, 2.0]
    untold = {"step": 82, "training": None}
    assert [stage.model_at for stage in read_history(log, untold).stages] == [None, None]


@pytest.mark.parametrize(
    "damage",
    [
        '{"step": 20, "stage": "I", "lo',
        "no JSON",
        '{"step": "20", "losses": {"identity": 1.0}}',
        '{"step": -1, "losses": {"identity": 1.0}}',
        '{"step": 20, "losses": {"identity": "low"}}',
        '{"step": 20, "losses": {"identity": 1e300}}',
        '{"step": 20, "losses": {"identity": NaN}}',
        '{"step": 20, "losses": [1.0]}',
        '{"step": 20, "epoch": 0, "losses": {"identity": 1.0}}',
        '{"step": 20, "stage": 1, "losses": {"identity": 1.0}}',
        '{"step": 20, "epochs_done": -1.0, "losses": {"identity": 1.0}}',
        '{"step": 20, "validation_map": 7.0}',
        "[]",
        "",
    ],
)
def test_a_damaged_line_is_left_out(log: Path, tmp_path: Path, damage: str) -> None:
    lines = log.read_text().splitlines()
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text("\n".join([*lines[:3], damage, *lines[3:], damage]))
    for whole, left in zip(read_history(log).stages, read_history(damaged).stages, strict=True):
        assert left.epochs.tolist() == whole.epochs.tolist()
        assert left.validation.tolist() == whole.validation.tolist()


def test_a_log_that_tells_nothing_of_the_model_says_why(log: Path, tmp_path: Path) -> None:
    checkpoint = log.parent / "best"
    end = run_lines()[-1]["step"]
    assert history_beside(checkpoint, {"step": end + LOG_EVERY - 1}).stages
    reasons = {
        "other": history_beside(checkpoint, {"step": end + LOG_EVERY}).reason,
        "moved": history_beside(tmp_path / "elsewhere" / "best", {"step": 1}).reason,
    }
    assert str(log) in reasons["other"]
    assert str(end) in reasons["other"]
    assert str(tmp_path / "elsewhere" / "log.jsonl") in reasons["moved"]
    write(tmp_path / "no-losses.jsonl", run_lines()[:1])
    with pytest.raises(CheckpointError, match=facts("no-losses.jsonl", "losses")):
        read_history(tmp_path / "no-losses.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(log.read_bytes() + b"\xff")
    with pytest.raises(CheckpointError, match=facts("bytes.jsonl", "UTF-8")):
        read_history(tmp_path / "bytes.jsonl")
    log.unlink()
    log.mkdir()
    assert "folder" in history_beside(checkpoint, {"step": 1}).reason
