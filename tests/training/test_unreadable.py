"""Pictures that cannot be read are left out where that is asked for, counted and remembered."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, Run
from messages import facts, says

import platefree as pf
from platefree.checkpoint import read_checkpoint
from platefree.data.dataset import DataSet, PairList
from platefree.errors import CheckpointError, ImageError

QUICK = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
STEPS = {"train.max_steps": 2}


@pytest.fixture
def folder(drawn_folder: Path, tmp_path: Path) -> Path:
    """Drawn vehicles of which three training pictures and two others are damaged."""
    folder = Path(shutil.copytree(drawn_folder, tmp_path / "drawn"))
    table = pf.read_table(folder)
    for split, count in (("train", 3), ("gallery", 1), ("query", 1)):
        for row in np.flatnonzero(table.split == split)[:count]:
            path = table.path(int(row))
            path.write_bytes(path.read_bytes()[:-300])
    return folder


def damaged(folder: Path, *splits: str) -> set[str]:
    """By decoding each with another reader."""
    from PIL import Image

    found = set()
    table = pf.read_table(folder)
    for row in np.flatnonzero(np.isin(table.split, splits)):
        try:
            with Image.open(table.path(int(row))) as image:
                image.load()
        except OSError:
            found.add(str(table.path(int(row))))
    return found


def test_training_leaves_them_out_and_resumes_without_them(folder: Path, tmp_path: Path) -> None:
    recipe = pf.load_recipe("strong_baseline/demo", TINY)
    first = pf.load_recipe("strong_baseline/demo", TINY | STEPS)
    with pytest.raises(ImageError, match=facts(".jpg")):
        pf.train(recipe, folder, tmp_path / "refused")
    run = pf.train(first, folder, tmp_path / "run", unreadable="skip")
    bad = damaged(folder, "train")
    assert run.left_out == len(bad) == 3
    card = read_checkpoint(run.last).card
    assert card["data"]["images"] == int((pf.read_table(folder).split == "train").sum()) - 3
    assert card["data"]["fingerprint"] == pf.read_table(folder).fingerprint()
    left_out = card["data"]["left_out"]
    assert left_out["pictures"] == 3
    assert {path for path in bad if says(" ".join(left_out["first"]), path)} == bad
    with pytest.raises(CheckpointError, match=facts("3 pictures", "--skip-unreadable")):
        pf.train(recipe, folder, tmp_path / "run", resume=True)
    done = pf.train(recipe, folder, tmp_path / "run", resume=True, unreadable="skip")
    whole = pf.train(recipe, folder, tmp_path / "whole", unreadable="skip")
    fingerprints = {pf.load_model(each.best).fingerprint for each in (done, whole)}
    assert len(fingerprints) == 1


def test_another_damaged_picture_is_no_resume(folder: Path, tmp_path: Path) -> None:
    first = pf.load_recipe("strong_baseline/demo", TINY | STEPS)
    run = pf.train(first, folder, tmp_path / "run", unreadable="skip")
    table = pf.read_table(folder)
    path = table.path(int(np.flatnonzero(table.split == "train")[-1]))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(CheckpointError, match=facts("3 pictures", "4")):
        pf.train(first, folder, run.folder, resume=True, unreadable="skip")


def test_a_whole_table_is_the_same_with_and_without(drawn_folder: Path, tmp_path: Path) -> None:
    recipe = pf.load_recipe("strong_baseline/demo", TINY | STEPS)
    runs = [
        pf.train(recipe, drawn_folder, tmp_path / how, unreadable=how)  # type: ignore[arg-type]
        for how in ("skip", "refuse")
    ]
    assert [run.left_out for run in runs] == [0, 0]
    assert len({read_checkpoint(run.last).fingerprint for run in runs}) == 1
    assert "left_out" not in read_checkpoint(runs[0].last).card["data"]


def test_an_evaluation_scores_the_others(folder: Path, tiny_model_folder: Path) -> None:
    """As one of a table without them."""
    with pytest.raises(ImageError, match=facts(".jpg")):
        pf.evaluate(tiny_model_folder, folder)
    report = pf.evaluate(tiny_model_folder, folder, scoring=pf.Scoring(unreadable="skip"))
    table = pf.read_table(folder)
    bad = damaged(folder, "query", "gallery")
    assert len(bad) == 2
    good = np.array([str(table.path(row)) not in bad for row in range(len(table))])
    expected = pf.evaluate(tiny_model_folder, table.take(good))
    assert [each.figures() for each in report.tests] == [each.figures() for each in expected.tests]
    assert says(report.data["left out"], "2 pictures")
    assert report.data["pictures scored"] == expected.data["pictures scored"]


def test_a_data_set_without_rows_is_one_of_the_other_rows() -> None:
    table = pf.Sightings.from_columns(Path(), {"image": [f"{n}.jpg" for n in range(6)]})
    rows = np.arange(6)
    whole = DataSet(
        "x",
        table,
        lists={"query": np.array([4, 1, 2]), "gallery": np.array([0, 3, 5])},
        pairs={"easy": PairList(rows[:3], rows[3:], np.array([True, False, True]))},
        ignored={"query": (np.array([0]), np.array([3, 5]), np.array([5]))},
    )
    part = whole.take(rows != 1)
    assert part.table.image.tolist() == [f"{n}.jpg" for n in (0, 2, 3, 4, 5)]

    def images(which: np.ndarray) -> list[str]:
        return part.table.image[which].tolist()

    assert images(part.lists["query"]) == ["4.jpg", "2.jpg"]
    assert images(part.lists["gallery"]) == ["0.jpg", "3.jpg", "5.jpg"]
    assert [images(each) for each in part.ignored["query"]] == [["0.jpg"], ["5.jpg"]]
    pair = part.pairs["easy"]
    assert list(zip(images(pair.first), images(pair.second), pair.same.tolist(), strict=True)) == [
        ("0.jpg", "3.jpg", True),
        ("2.jpg", "5.jpg", True),
    ]
    assert replace(whole).take(np.ones(6, bool)).table.fingerprint() == table.fingerprint()


def test_the_commands_say_what_they_left_out(
    run: Run,
    folder: Path,
    tmp_path: Path,
    tiny_model_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train = ("train", "strong_baseline/demo", "--data", folder, "--out", tmp_path / "run", *QUICK)
    code, out, err = run(*train, "--set", "train.max_steps=2", "--skip-unreadable", "--json")
    assert code == 0, err
    assert json.loads(out)["left_out"] == 3
    assert says(caplog.text, "left out 3", ".jpg")
    score = ("eval", tiny_model_folder, "--data", folder)
    code, out, err = run(*score, "--skip-unreadable", "--json")
    assert code == 0, err
    assert says(json.loads(out)["data"]["left out"], "2 pictures")
    assert says(caplog.text, "left out 2", ".jpg")
    assert run(*score)[0] == 1
