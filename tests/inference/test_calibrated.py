"""Calibrations in the cards of checkpoints and of exported models."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from calibrations import made_calibration
from faulty_disk import FULL, CachingDisk, FaultyDisk, Killed
from messages import facts

import platefree as pf
from platefree.checkpoint import CARD, read_checkpoint
from platefree.errors import CheckpointError, StorageError
from platefree.inference import export
from platefree.inference.calibrated import calibration_at, note_calibration
from platefree.ranking.calibration import Calibration
from platefree.storage.disk import TEMPORARY, written_to


@pytest.fixture
def checkpoint(tiny_model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_folder, tmp_path / "best"))


@pytest.fixture
def exported(exported_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported_folder, tmp_path / "model"))


def noted(folder: Path, sure: float = 8.0) -> Calibration:
    calibration = made_calibration(pf.load_model(folder).fingerprint, sure)
    note_calibration(folder, calibration)
    return calibration


def changed(folder: Path, **parts: object) -> None:
    content = json.loads((folder / CARD).read_text())
    content["calibration"].update(parts)
    (folder / CARD).write_text(json.dumps(content))


@pytest.mark.parametrize("kind", ["checkpoint", "exported"])
def test_a_calibration_changes_nothing_but_what_the_model_says(
    kind: str, request: pytest.FixtureRequest, drawn_table: pf.Sightings
) -> None:
    folder: Path = request.getfixturevalue(kind)
    before = pf.load_model(folder)
    assert before.calibration is None
    assert calibration_at(folder, before.fingerprint) is None
    rows, _ = before.embed(drawn_table)
    card = json.loads((folder / CARD).read_text())

    calibration = noted(folder)
    after = pf.load_model(folder)
    assert after.calibration == calibration
    assert calibration_at(folder, after.fingerprint) == calibration
    assert calibration_at(folder, "another") is None
    assert after.fingerprint == before.fingerprint
    again, _ = after.embed(drawn_table)
    assert all((again.spaces[name] == rows.spaces[name]).all() for name in rows.spaces)
    now = json.loads((folder / CARD).read_text())
    written = now.pop("calibration")
    card.pop("calibration", None)
    assert written == calibration.model_dump()
    assert now == card

    other = noted(folder, sure=3.0)  # takes its place
    assert pf.load_model(folder).calibration == other


def test_an_export_carries_it(checkpoint: Path, tmp_path: Path) -> None:
    calibration = noted(checkpoint)
    whole = export.export_model(checkpoint, tmp_path / "fp32")
    assert whole.calibration == calibration
    assert whole.calibration is not None
    assert "0.0123" in (tmp_path / "fp32" / "README.md").read_text()
    halved = export.export_model(checkpoint, tmp_path / "fp16", precision="fp16")
    assert halved.fingerprint != whole.fingerprint
    assert halved.calibration == calibration.of_model(halved.fingerprint)


def test_eight_bits_are_calibrated_anew(
    checkpoint: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    noted(checkpoint)
    small = export.export_model(
        checkpoint, tmp_path / "int8", precision="int8", pictures=drawn_table, tolerance=2.0
    )
    assert small.calibration is None


def test_settings_that_change_similarities_leave_it_out(checkpoint: Path) -> None:
    calibration = noted(checkpoint)
    plain = pf.load_model(checkpoint, overrides={"post.rerank.k1": 7})
    assert plain.calibration == calibration
    model = pf.load_model(checkpoint)
    assert isinstance(model, pf.Model)
    assert model.with_looks(scales=[1.0, 0.9]).calibration is None


@pytest.mark.parametrize("kind", ["checkpoint", "exported"])
def test_calibrations_of_other_models_and_changed_ones_are_refused(
    kind: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(kind)
    fingerprint = pf.load_model(folder).fingerprint
    before = (folder / CARD).read_bytes()
    with pytest.raises(CheckpointError, match=facts(fingerprint, "another")):
        note_calibration(folder, made_calibration("another"))
    assert (folder / CARD).read_bytes() == before

    noted(folder)
    lies: list[dict[str, Any]] = [
        {"measured": {"expected calibration error": 0.0}},
        {"model": "another"},
        {"curves": {}},
        {"version": 2},
        made_calibration("another").model_dump(),
    ]
    for lie in lies:
        changed(folder, **lie)
        with pytest.raises(CheckpointError, match=facts(CARD)):
            pf.load_model(folder)
        assert calibration_at(folder, fingerprint) is None
        changed(folder, **made_calibration(fingerprint).model_dump())
    assert pf.load_model(folder).calibration is not None


def test_there_has_to_be_a_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=facts("no checkpoint")):
        note_calibration(tmp_path / "none", made_calibration("abc"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", ["checkpoint", "exported"])
def test_a_failed_note_leaves_a_model_that_loads(kind: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(kind)
    old = noted(folder)
    new = made_calibration(old.model, sure=3.0)
    counting = FaultyDisk()
    with written_to(counting):
        note_calibration(folder, new)
    for at in range(1, counting.changes + 1):
        note_calibration(folder, old)
        disks = [FaultyDisk(at), FaultyDisk(at, FULL, lasting=True)]
        cut = [CachingDisk(folder, at, keeps_names=keeps) for keeps in (False, True)]
        disk = [*disks, *cut][at % 4]
        with written_to(disk), suppress(Killed, StorageError):
            note_calibration(folder, new)
        if isinstance(disk, CachingDisk):
            disk.cut()
        assert calibration_at(folder, old.model) in (old, new)
        note_calibration(folder, new)
        assert pf.load_model(folder).calibration == new
        assert not [path for path in folder.iterdir() if path.name.startswith(TEMPORARY)]


def test_a_training_that_replaces_the_model_meanwhile_wins(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration = made_calibration(pf.load_model(checkpoint).fingerprint)
    card = dict(read_checkpoint(checkpoint).card)
    replaced = {**card, "fingerprint": "0" * 12}
    monkeypatch.setattr(
        "platefree.checkpoint.read_checkpoint",
        lambda folder: type(read_checkpoint(folder))(folder, replaced),
    )
    before = (checkpoint / CARD).read_bytes()
    with pytest.raises(CheckpointError, match=facts("0" * 12, calibration.model)):
        note_calibration(checkpoint, calibration)
    assert (checkpoint / CARD).read_bytes() == before
