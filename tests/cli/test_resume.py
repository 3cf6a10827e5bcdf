"""``train --resume`` where there is nothing to resume is a mistake, not a new run."""

import os
import shutil
from pathlib import Path

import pytest
from conftest import Run
from messages import says


@pytest.fixture
def runs(tiny_model_folder: Path, tmp_path: Path) -> Path:
    for name in ("first", "second"):
        shutil.copytree(tiny_model_folder.parent, tmp_path / "runs" / name)
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("frist", "first"),
        ("secnd", "second"),
        ("first/last", "first"),
        ("first/best", "first"),
        ("second/new", "second"),
    ],
)
def test_a_folder_without_a_run_is_refused(
    given: str, meant: str, run: Run, runs: Path, drawn_folder: Path
) -> None:
    before = sorted(runs.rglob("*"))
    code, out, err = run(
        *("train", "strong_baseline/demo", "--data", drawn_folder, "--out", runs / given),
        "--resume",
    )
    assert (code, out) == (1, "")
    assert says(err, str(runs / given), f"--out {runs / meant}", "--resume")
    assert sorted(runs.rglob("*")) == before


def test_nothing_near_is_said_too(
    run: Run, drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for given in (["--out", "new/run"], []):
        code, _, err = run(
            "train", "strong_baseline/demo", "--data", drawn_folder, *given, "--resume"
        )
        assert code == 1
        assert says(err, "no run to resume", "last")
    assert os.listdir(tmp_path) == []
