"""What people type by mistake at the command line."""

import json
from pathlib import Path

import pytest
from conftest import Run
from messages import says
from small_sets import SETS, write_files


def test_lists_that_name_pictures_that_are_not_there(run: Run, tmp_path: Path) -> None:
    """Checked: each is counted. Scored, embedded or trained on: refused by the first one's name."""
    root = write_files(
        tmp_path / "set", {n: t for n, t in SETS["vric"].items() if n[-4:] == ".txt"}
    )
    code, out, err = run("data", "check", root, "--json")
    assert (code, len(json.loads(out)["unreadable"])) == (1, 4)
    code, out, err = run("data", "check", root)
    assert (code, says(out, "4 pictures", "cannot be read")) == (1, True)
    assert says(err, "train_images/a.jpg", "not exist")
    code, _, err = run("eval", "color_stripes", "--data", root)
    assert (code, err.strip().splitlines()[-1].startswith("platefree: ")) == (1, True)
    assert says(err, "c.jpg", "not exist")
    code, _, err = run("submit", "color_stripes", "--data", root)
    assert (code, says(err, "not cityflow", "train_label.xml")) == (1, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data", "check", "{}/nothing"), ("nothing", "not exist")),
        (("data", "check", "{}/both"), ("vric", "veri-776", "name the folder")),
        (
            ("data", "merge", "{}/a", "{}/a", "--out", "{}/x.csv"),
            ("tables 1 and 2", "source 'vric'"),
        ),
        (("data", "merge", "{}/a", "--out", "{}/x.txt"), ("x.txt", ".csv", ".parquet")),
        (
            ("data", "merge", "{}/a", "--out", "{}/x.csv", "--target", "veri"),
            ("source 'veri'", "vric"),
        ),
        (
            ("data", "split", "{}/a", "--out", "{}/x.csv", "--hold-out", "2"),
            ("2 vehicles", "hold out", "of the 1"),
        ),
        (("data", "crop", "{}/a", "--out", "{}/crops"), ("not compcars", "vric_probe.txt")),
        (
            ("eval", "color_stripes", "--data", "{}/a", "--protocol", "vehicleid"),
            ("VehicleID", "vric", "leave-one-out"),
        ),
        (("eval", "color_stripes", "--data", "{}/a", "--test", "800"), ("vric", "test '800'")),
        (
            ("eval", "color_stripes", "--data", "{}/hidden"),
            ("'vehicle'", "--hold-out", "platefree submit"),
        ),
        (("submit", "color_stripes", "--data", "{}/a"), ("not cityflow", "vric_probe.txt")),
        (
            ("submit", "colour_stripes", "--data", "{}/hidden"),
            ("no checkpoint folder", "colour_stripes", "color_stripes"),
        ),
    ],
)
def test_mistakes_are_one_line(
    run: Run, tmp_path: Path, words: tuple[str, ...], message: tuple[str, ...]
) -> None:
    sets = {"a": "vric", "both/a": "vric", "both/b": "veri-776", "hidden": "cityflow"}
    for folder, name in sets.items():
        write_files(tmp_path / folder, SETS[name])
    code, _, err = run(*(word.replace("{}", str(tmp_path)) for word in words))
    lines = err.strip().splitlines()
    assert code == 1
    assert says(lines[-1], message)
    assert lines[-1].startswith("platefree: ")
    assert not list(tmp_path.glob("x.*"))


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_scored(
    run: Run, drawn_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.json").mkdir()
    for report, reason in (("file/r.html", "a file"), ("taken.html", "an existing folder")):
        code, out, err = run(
            "eval", "color_stripes", "--data", drawn_folder, "--report", tmp_path / report
        )
        assert (code, out) == (1, "")
        assert says(err, "cannot write", reason)


@pytest.mark.parametrize("name", ["images.csv", "."])
def test_a_table_is_not_written_over_the_one_that_is_read(
    run: Run, tmp_path: Path, name: str
) -> None:
    table = tmp_path / "images.csv"
    table.write_text("image,vehicle,remark\na.jpg,1,seen twice\nb.jpg,2,\nc.jpg,3,\n")
    before = table.read_bytes()
    for words in (("split",), ("merge",), ("relocate", "--root", tmp_path)):
        code, _, err = run("data", words[0], tmp_path / name, *words[1:], "--out", table)
        assert code == 2
        assert says(err, "--out", "images.csv", "that is read", "lost")
    assert table.read_bytes() == before


def test_a_submission_of_a_table_without_splits_says_what_the_table_lacks(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "photos.csv").write_text("image\n000001.jpg\n")
    code, _, err = run("submit", "color_stripes", "--data", tmp_path / "photos.csv")
    assert code == 1
    assert says(err, "'query'", "no picture", "column 'split'")
