"""Pictures that lie in another folder than their table says."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Run
from messages import facts, says
from PIL import Image

from platefree.data.image_source import TableImages
from platefree.data.relocate import relocated
from platefree.data.table import read_table, write_table
from platefree.errors import DataError, ImageError
from platefree.types import Sightings


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder of pictures, and beside it a table that does not lead to them."""
    for number, name in enumerate(("a/1.png", "a/2.png", "b/3.png")):
        path = tmp_path / "disk" / "cars" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (number * 50, 0, 0)).save(path)
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "t.csv").write_text("image,vehicle\na/1.png,1\na/2.png,1\nb/3.png,2\n")
    (tables / "old.csv").write_text(
        "image,vehicle\n/old/cars/a/1.png,1\n/old/cars/a/2.png,1\n/old/cars/b/3.png,2\n"
    )
    return tmp_path


def test_another_root(disk: Path) -> None:
    table = read_table(disk / "tables" / "t.csv", root=disk / "disk" / "cars")
    assert table.root == disk / "disk" / "cars"
    assert all(table.path(row).is_file() for row in range(3))
    assert table.vehicle.tolist() == ["1", "1", "2"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_absolute_paths(disk: Path, suffix: str) -> None:
    old = read_table(disk / "tables" / "old.csv")
    write_table(old, disk / f"copy.{suffix}")
    table = relocated(
        read_table(disk / f"copy.{suffix}"), disk / "disk" / "cars", instead_of="/old/cars"
    )
    assert [table.path(row).name for row in range(3)] == ["1.png", "2.png", "3.png"]
    assert all(table.path(row).is_file() for row in range(3))


def test_relative_paths_stay_where_absolute_ones_move(disk: Path) -> None:
    tables = disk / "tables"
    Image.new("RGB", (40, 40)).save(tables / "own.png")
    (tables / "mixed.csv").write_text("image\nown.png\n/old/cars/a/1.png\n/elsewhere/b/3.png\n")
    cars = disk / "disk" / "cars"
    moved = relocated(read_table(tables / "mixed.csv"), cars, instead_of="/old/cars")
    expected = [tables / "own.png", cars / "a/1.png", Path("/elsewhere/b/3.png")]
    assert [moved.path(row) for row in range(3)] == expected
    write_table(moved, disk / "new.csv")
    again = read_table(disk / "new.csv")
    assert [again.path(row) for row in range(3)] == expected
    with pytest.raises(DataError, match=facts("none of 3 paths", "/old/cars/", "'a/1.png'")):
        relocated(read_table(tables / "t.csv"), cars, instead_of="/old/cars")


def test_the_verb_writes_a_table_that_every_verb_reads(disk: Path, run: Run) -> None:
    for name, more in (("t.csv", []), ("old.csv", ["--instead-of", "/old/cars/"])):
        root = disk / "disk" / "cars"
        out = disk / f"new-{name}"
        words = ["data", "relocate", disk / "tables" / name, "--root", root, "--out", out]
        code, text, _ = run(*words, *more, "--json")
        assert code == 0
        assert json.loads(text) == {"table": str(out), "pictures": 3, "missing": 0}
        table = read_table(out)
        assert table.vehicle.tolist() == ["1", "1", "2"]
        assert all(table.path(row).is_file() for row in range(3))
    (disk / "disk" / "cars" / "b" / "3.png").unlink()
    code, _, err = run(*words, *more)
    assert code == 0
    assert says(err, "1 of 3 pictures", "not there", "b/3.png")


def test_wrong_roots_are_refused(disk: Path) -> None:
    path = disk / "tables" / "t.csv"
    with pytest.raises(DataError, match=facts("nothing", "not a folder")):
        read_table(path, root=disk / "nothing")
    with pytest.raises(DataError, match=facts("none of 3 pictures", "disk/a/1.png")):
        read_table(path, root=disk / "disk")
    with pytest.raises(DataError, match=facts("absolute", "--instead-of", "'/old/cars/a/1.png'")):
        read_table(disk / "tables" / "old.csv", root=disk / "disk")
    with pytest.raises(
        DataError, match=facts("none of 3 paths", "begins with /new/", "--instead-of")
    ):
        relocated(read_table(disk / "tables" / "old.csv"), disk / "disk", instead_of="/new")
    with pytest.raises(DataError, match=facts("without a table", "root")):
        read_table(disk / "disk" / "cars", root=disk)


def test_missing_pictures_suggest_it(disk: Path, run: Run) -> None:
    path = disk / "tables" / "t.csv"
    for act in (TableImages.read, TableImages.header):
        with pytest.raises(ImageError, match=facts("a/2.png", "not exist", "data relocate")):
            act(TableImages(read_table(path)), 1)
    _, out, _ = run("data", "check", path, "--json")
    assert "data relocate" in json.loads(out)["unreadable"]["a/1.png"]
    _, _, err = run("embed", path, "--model", "color_stripes", "--out", disk / "embeddings")
    assert says(err, "a/1.png", "data relocate")


def test_one_missing_picture_does_not(disk: Path) -> None:
    shutil.copytree(disk / "disk" / "cars", disk / "tables", dirs_exist_ok=True)
    (disk / "tables" / "a" / "2.png").unlink()
    table = read_table(disk / "tables" / "t.csv")
    with pytest.raises(ImageError) as refused:
        TableImages(table).read(1)
    assert "relocate" not in str(refused.value)


# --- sources of merged tables -----------------------------------------------------------------


def test_tables_of_one_name(tmp_path: Path, run: Run) -> None:
    for name in ("a", "b"):
        write_table(
            Sightings.from_columns(tmp_path / name, {"image": ["1.jpg"], "vehicle": ["7"]}),
            tmp_path / name / "photos.csv",
        )
    paths = [tmp_path / "a" / "photos.csv", tmp_path / "b" / "photos.csv"]
    out = tmp_path / "all.csv"
    code, _, err = run("data", "merge", *paths, "--out", out)
    assert (code, says(err, "source 'photos'", "--source")) == (1, True)
    code, _, _ = run("data", "merge", *paths, "--source", "a", "--source", "b", "--out", out)
    assert code == 0
    assert read_table(out).vehicle.tolist() == ["a/7", "b/7"]
    assert read_table(out).source.tolist() == ["a", "b"]
    code, _, err = run("data", "merge", *paths, "--source", "a", "--out", out)
    assert code == 2
    assert says(err, "1 name", "2 tables")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("set.v1", "set.v1"),
        ("set.v1.csv", "set.v1"),
        ("a.b.PARQUET", "a.b"),
        ("x.csv.d", "x.csv.d"),
    ],
)
def test_names_are_kept_whole(tmp_path: Path, run: Run, name: str, source: str) -> None:
    path = tmp_path / name
    if path.suffix.lower() in (".csv", ".parquet"):
        write_table(Sightings.from_columns(tmp_path, {"image": ["1.jpg"], "vehicle": ["7"]}), path)
    else:
        (path / "7").mkdir(parents=True)
        (path / "7" / "1.jpg").touch()
    assert run("data", "merge", path, "--out", tmp_path / "out.csv")[0] == 0
    assert read_table(tmp_path / "out.csv").source.tolist() == [source]
