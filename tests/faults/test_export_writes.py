"""Whatever change of the disk fails in an export, there is the old model or the new."""

from contextlib import suppress
from pathlib import Path

import onnx
import pytest
from faulty_disk import FULL, CachingDisk, FaultyDisk, Killed
from writing_verbs import state

import platefree as pf
from platefree.data.learnt import Learnt
from platefree.errors import StorageError
from platefree.inference import export
from platefree.inference.card_notes import note_figures
from platefree.inference.model_card import Measured
from platefree.storage.disk import Disk, written_to

MEASURED = Measured(
    **dict.fromkeys(("data", "protocol", "test", "seed", "rerank", "in_training"), "x"),
    figures={"mAP": 0.5},
    torch={"mAP": 0.5},
)


@pytest.fixture
def quick_graph(exported_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph of the model as it was exported once, which takes seconds."""
    (path,) = exported_folder.glob("*.onnx")
    content = path.read_bytes()
    monkeypatch.setattr(export, "to_onnx", lambda *_: onnx.load_from_string(content))


def disks(out: Path, at: int) -> list[Disk]:
    cut = (CachingDisk(out, at, keeps_names=keeps) for keeps in (False, True))
    return [FaultyDisk(at), FaultyDisk(at, FULL, lasting=True), *cut]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_graph")
def test_a_failed_change_leaves_the_old_model_or_the_new(
    tiny_model_folder: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """One of other weights: it has other files."""
    out = tmp_path / "model"
    model, other = pf.load_model(tiny_model_folder), pf.load_model(tiny_model_folder)
    assert isinstance(model, pf.Model)
    assert isinstance(other, pf.Model)
    other.fingerprint, other.learnt = "another", Learnt(tables=("t",))
    export.export_model(model, out)
    before, counting = state(out), FaultyDisk()
    with written_to(counting):
        export.export_model(other, out)
    after = state(out)
    assert before.keys() != after.keys()
    every = pytestconfig.getoption("--every-write")
    for at in range(1, counting.changes + 1, 1 if every else 4):
        for number in range(4):
            export.export_model(model, out)
            disk = disks(out, at)[number]
            with written_to(disk), suppress(Killed, StorageError):
                export.export_model(other, out)
            if isinstance(disk, CachingDisk):
                disk.cut()
            assert pf.load_model(out).fingerprint in (model.fingerprint, "another"), (at, disk)
            export.export_model(other, out)
            assert state(out) == after


@pytest.mark.usefixtures("quick_graph")
def test_a_killed_first_export_can_be_repeated(tiny_model_folder: Path, tmp_path: Path) -> None:
    counting = FaultyDisk()
    with written_to(counting):
        export.export_model(tiny_model_folder, tmp_path / "whole")
    for at in range(1, counting.changes + 1, 5):
        out = tmp_path / str(at)
        with written_to(FaultyDisk(at)), suppress(Killed):
            export.export_model(tiny_model_folder, out)
        export.export_model(tiny_model_folder, out)
        assert state(out) == state(tmp_path / "whole")


@pytest.mark.usefixtures("quick_graph")
def test_a_failed_note_leaves_a_model_that_loads(tiny_model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    export.export_model(tiny_model_folder, out)
    counting = FaultyDisk()
    with written_to(counting):
        note_figures(out, [MEASURED])
    for at in range(1, counting.changes + 1):
        export.export_model(tiny_model_folder, out)
        with written_to(FaultyDisk(at, FULL, lasting=True)), suppress(StorageError):
            note_figures(out, [MEASURED])
        assert pf.load_model(out)
        note_figures(out, [MEASURED])
        assert pf.load_model(out).card.figures == [MEASURED]  # type: ignore[union-attr]
