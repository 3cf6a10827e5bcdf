"""Folders and files whose names are not UTF-8: they work, or are one clear line at once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, Run
from PIL import Image

ODD = "v\udcff1"


def folder_of(place: Path) -> Path:
    place.mkdir(parents=True)
    for number in range(2):
        Image.new("RGB", (40, 40), (90 * number, 3, 4)).save(place / f"{number}.png")
    return place


def platefree(*words: object) -> tuple[int, str, str]:
    """In a process of its own, whose output is strict UTF-8 as that of a shell."""
    given = [sys.executable, "-m", "platefree", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(given, capture_output=True, env=environment, check=False, timeout=240)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in a folder of such a name; and a folder that holds it."""
    place = tmp_path_factory.mktemp("odd")
    folder_of(place / ODD)
    folder_of(place / "plain")
    return place


VERBS = (
    ("data", "check", "{}"),
    ("eval", "color_stripes", "--data", "{}"),
    ("embed", "{}", "--model", "color_stripes", "--out", "{out}"),
    ("search", "{plain}/0.png", "--gallery", "{}"),
    ("parts", "{}", "--model", "{model}"),
    ("train", "strong_baseline/demo", "--data", "{}", "--out", "{out}"),
)


@pytest.mark.parametrize("inside", [False, True], ids=["its name", "a name in it"])
@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_tables_of_such_folders_are_refused_at_once(
    words: tuple[str, ...],
    inside: bool,
    odd: Path,
    tiny_model_folder: Path,
    tmp_path: Path,
    run: Run,
) -> None:
    table = odd if inside else odd / ODD
    places = {"plain": odd / "plain", "out": tmp_path / "out", "model": tiny_model_folder}
    code, _, errors = run(*(word.format(table, **places) for word in words))
    assert code == 1
    assert "Traceback" not in errors
    assert r"v\udcff1" in errors
    assert "UTF-8" in errors
    assert not (tmp_path / "out").exists()


def test_a_picture_of_such_a_name_is_searched_and_shown(odd: Path) -> None:
    code, found, errors = platefree(
        "search", odd / ODD / "1.png", "--gallery", odd / "plain", "--model", "color_stripes",
        "--json",
    )  # fmt: skip
    assert code == 0, errors
    (hit,) = json.loads(found)["hits"]  # the other picture is a copy of the query
    assert hit["image"].endswith("plain/0.png")


def test_models_and_outputs_of_such_a_name(
    odd: Path, tiny_model_folder: Path, tmp_path: Path, run: Run
) -> None:
    model = tmp_path / ODD / "best"
    shutil.copytree(tiny_model_folder, model)
    plain, out = odd / "plain", tmp_path / ODD / "out"
    for words in (
        ("embed", plain, "--model", model, "--out", tmp_path / "out"),
        ("embed", plain, "--model", "color_stripes", "--out", out),
    ):
        code, _, errors = run(*words)
        assert code == 1
        assert r"v\udcff1" in errors
        assert "UTF-8" in errors
        assert "Traceback" not in errors
    assert not out.exists()
