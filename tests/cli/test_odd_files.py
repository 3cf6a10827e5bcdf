"""Pipes, devices and folders in place of every kind of file: one line at once, never a wait."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from drawn import draw_vehicles
from limits import within

SECONDS = 60  # far more than a refusal takes, and far less than for ever


def pipe(path: Path) -> None:
    os.mkfifo(path)


def linked_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("target"))
    path.symlink_to(path.with_name("target"))


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


ODD = (pipe, linked_pipe, endless, folder, nowhere)


@pytest.fixture
def place(tmp_path: Path, tiny_model_folder: Path) -> Path:
    """Drawn pictures, a model and stored embeddings to spoil."""
    draw_vehicles(tmp_path / "drawn", vehicles=4, cameras=2, images_per_camera=1, size=32)
    shutil.copytree(tiny_model_folder, tmp_path / "model")
    return tmp_path


CASES = {
    "table.csv": ("data", "check", "{}"),
    "table.parquet": ("data", "check", "{}"),
    "mine.toml": ("train", "{}", "--data", "{place}/drawn", "--out", "{place}/out"),
    "ablation.toml": ("ablate", "{}", "--data", "{place}/drawn", "--out", "{place}/out"),
    "query.jpg": ("search", "{}", "--gallery", "{place}/drawn", "--model", "color_stripes"),
    "other.jpg": ("compare", "{}", "{}"),
    "model/card.json": ("eval", "{place}/model", "--data", "{place}/drawn"),
    "parts.csv": ("train", "part_regularized/city", "--data", "{place}/drawn", "--out",
                  "{place}/out", "--set", "model.boxes={}"),
    "parts.json": ("train", "part_regularized/city", "--data", "{place}/drawn", "--out",
                   "{place}/out", "--set", "model.boxes={}"),
    "boxes.csv": ("eval", "color_stripes", "--data", "{place}/drawn", "--post", "crop", "--set",
                  "post.crop.boxes={}"),
    "weights.pth": ("train", "strong_baseline/demo", "--data", "{place}/drawn", "--out",
                    "{place}/out", "--set", "model.weights={}"),
    "weights.safetensors": ("train", "strong_baseline/demo", "--data", "{place}/drawn", "--out",
                            "{place}/out", "--set", "model.weights={}"),
}  # fmt: skip


@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", CASES)
def test_no_verb_waits_for_what_is_no_plain_file(
    name: str, make: Callable[[Path], None], place: Path, run: Run
) -> None:
    path = place / name
    path.unlink(missing_ok=True)
    make(path)
    words = (word.format(path, place=place) for word in CASES[name])
    with within(SECONDS):
        code, _, errors = run(*words)
    assert code in (1, 2)
    assert path.name in errors
    assert "Traceback" not in errors
    assert not (place / "out").exists()


@pytest.mark.parametrize("make", ODD[:3], ids=lambda make: make.__name__)
def test_a_picture_of_a_table_that_is_no_plain_file_is_counted(
    make: Callable[[Path], None], place: Path, run: Run
) -> None:
    first = sorted((place / "drawn").rglob("*.jpg"))[0]
    first.unlink()
    make(first)
    for verb in ("check", "check --pixels"):
        with within(SECONDS):
            code, found, errors = run("data", *verb.split(), place / "drawn", "--json")
        assert code == 1, errors
        assert first.name in found
