"""Embedded sightings from elsewhere: a gallery's folder, an export, a table that others wrote."""

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Run
from messages import facts, says

import platefree as pf
from platefree.errors import DataError, MismatchError
from platefree.gallery.embedded_tables import read_embedded, write_embedded
from platefree.gallery.gallery_results import Added
from platefree.types import Embeddings, Sightings

WORK = pf.Work(workers=0)


@pytest.fixture
def lot(drawn_folder: Path, tmp_path: Path) -> pf.Gallery:
    """A gallery of 20 pictures whose files are gone."""
    shutil.copytree(drawn_folder, tmp_path / "pictures")
    table = pf.read_table(tmp_path / "pictures").take(np.arange(20))
    gallery = pf.Gallery.create(tmp_path / "lot", "color_stripes")
    gallery.add(table, work=WORK)
    shutil.rmtree(tmp_path / "pictures")
    return gallery


def whole(gallery: pf.Gallery) -> tuple[Embeddings, list[bytes]]:
    numbers = np.sort(gallery.store.latest())
    return gallery.store.get(numbers), gallery.store.crops(numbers)


def check_same(one: Embeddings, other: Embeddings) -> None:
    for name in ("image", "camera", "vehicle", "type", "color", "time", "frame"):
        assert getattr(one.sightings, name).tolist() == getattr(other.sightings, name).tolist()
    np.testing.assert_array_equal(one.sightings.box, other.sightings.box)
    np.testing.assert_array_equal(one.content, other.content)
    np.testing.assert_allclose(one.spaces["main"], other.spaces["main"], atol=1e-6)


@pytest.mark.parametrize("way", ["gallery", "folder", "moved folder", ".parquet", ".csv"])
def test_a_gallery_that_was_taken_in_is_the_same(lot: pf.Gallery, tmp_path: Path, way: str) -> None:
    place = lot.folder
    if way != "gallery":
        place = tmp_path / f"out{way if way.startswith('.') else ''}"
        assert lot.export(place, embeddings=True) == 20
    if way == "moved folder":
        place = shutil.move(place, tmp_path / "elsewhere")
    before, crops = whole(lot)
    shutil.move(lot.folder, tmp_path / "former")
    place = tmp_path / "former" if way == "gallery" else place
    other = pf.Gallery.create(tmp_path / "other", "color_stripes")
    assert other.import_from(place) == Added(20, 0, [])
    after, small = whole(other)
    check_same(before, after)
    assert small == (crops if not way.startswith(".") else [b""] * 20)
    assert other.import_from(place) == Added(0, 20, [])
    other.forget(pf.Filter(cameras=["cam1"]))
    count = int((before.sightings.camera == "cam1").sum())
    assert other.import_from(place) == Added(count, 20 - count, [])


def write_csv(path: Path, columns: Mapping[str, Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def test_a_table_as_others_write_it(lot: pf.Gallery, tmp_path: Path) -> None:
    """As pandas does: lists of float64 in Parquet, the text of lists or of arrays in CSV."""
    stored = whole(lot)[0]
    columns = {
        "image": [f"{row}.jpg" for row in range(20)],
        "fingerprint": [lot.card.model] * 20,
        "space_main": stored.spaces["main"].astype(np.float64).tolist(),
    }
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    write_csv(tmp_path / "lists.csv", columns)
    arrays = [f"[{' '.join(map(str, row))}]" for row in stored.spaces["main"].tolist()]
    write_csv(tmp_path / "arrays.csv", {**columns, "space_main": arrays})
    for name in ("own.parquet", "lists.csv", "arrays.csv"):
        found = read_embedded(tmp_path / name)
        assert found.sightings.image.tolist() == columns["image"]
        np.testing.assert_allclose(found.spaces["main"], stored.spaces["main"], atol=1e-6)
        other = pf.Gallery.create(tmp_path / f"of-{name}", "color_stripes")
        assert other.import_from(tmp_path / name).added == 20
        found_hits = other.search(int(other.store.latest()[0]), top=5).hits
        assert len(found_hits) == 5


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_several_spaces_and_odd_names_come_back(tmp_path: Path, ending: str) -> None:
    random = np.random.default_rng(0)

    def rows(size: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        drawn = random.standard_normal((4, size)).astype(np.float32)
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)  # type: ignore[no-any-return]

    odd = np.array(["=1+1", "-4", "it's", 'say "x"\n'], object)
    table = Sightings.from_columns(tmp_path, {"image": ["a", "b", "c", "d"], "camera": odd})
    given = Embeddings({"same_view": rows(5), "view": rows(3)}, table, "-m")
    write_embedded(given, tmp_path / f"x{ending}")
    found = read_embedded(tmp_path / f"x{ending}")
    assert (found.model, found.content) == ("-m", None)
    for name, space in given.spaces.items():
        np.testing.assert_array_equal(found.spaces[name], space)
    assert found.sightings.camera.tolist() == ["=1+1", "-4", "it's", 'say "x"']


def test_tables_that_hold_something_else(lot: pf.Gallery, tmp_path: Path) -> None:
    stored = whole(lot)[0]
    cells = {
        "image": ["a.jpg", "b.jpg"],
        "fingerprint": [lot.card.model] * 2,
        "space_main": ["[0.6, 0.8]", "[0.8 0.6]"],
    }
    for change, words in (
        ({"space_main": ["[0.6, 0.8]", "[1]"]}, ("space_main", "lengths")),
        ({"space_main": ["[0.6, 0.8]", "much"]}, ("line 3", "much")),
        ({"space_main": ["[0.6, 0.8]", "[0. ... 1.]"]}, ("line 3", "...")),  # numpy's short text
        ({"space_main": ["[]", "[]"]}, ("space_main", "lengths")),
        ({"space_main": ["[0.6, 0.8]", "[nan, 1]"]}, ("row 1", "length 1")),
        ({"space_main": ["[0.6, 0.8]", "[6, 8]"]}, ("row 1", "length 1")),
        ({"fingerprint": ["one", "two"]}, ("2 models",)),
        ({"content": ["x", "y"]}, ("content", "32")),
        ({"content": ["ab" * 15, "cd" * 17]}, ("content", "32")),
        ({"content": ["00", "00"]}, ("content", "32")),
    ):
        write_csv(tmp_path / "wrong.csv", {**cells, **change})
        with pytest.raises(DataError, match=facts("wrong.csv", *words)):
            read_embedded(tmp_path / "wrong.csv")
    write_embedded(replace(stored, model="another"), tmp_path / "other.parquet")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    pf.write_table(stored.sightings, tmp_path / "plain.csv")
    for place, error, words in (
        ("other.parquet", MismatchError, ("another", lot.card.model, "gallery reembed")),
        ("damaged.parquet", DataError, ("damaged",)),
        ("plain.csv", DataError, ("no embeddings", "gallery add")),
        ("nowhere", DataError, ("nowhere", "no embeddings")),
    ):
        with pytest.raises(error, match=facts(*words)):
            lot.import_from(tmp_path / place)
    assert lot.store.count() == 20


def test_an_export_that_was_changed(lot: pf.Gallery, tmp_path: Path) -> None:
    lot.export(tmp_path / "out", embeddings=True)
    other = pf.Gallery.create(tmp_path / "other", "color_stripes")
    first = sorted((tmp_path / "out" / "pictures").iterdir())[0]
    content = first.read_bytes()
    first.write_bytes(b"no picture")
    with pytest.raises(DataError, match=facts(first.name, "JPEG")):
        other.import_from(tmp_path / "out")
    first.write_bytes(content)
    lines = (tmp_path / "out" / "images.csv").read_text().splitlines(keepends=True)
    (tmp_path / "out" / "images.csv").write_text("".join(lines[:-1]))
    with pytest.raises(DataError, match=facts("19 rows", 20)):
        other.import_from(tmp_path / "out")
    assert other.store.count() == 0


def test_the_verb(run: Run, lot: pf.Gallery, tiny_model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "backup"
    assert run("gallery", "export", lot.folder, "--out", out, "--embeddings")[0] == 0
    assert run("gallery", "create", tmp_path / "other", "--model", "color_stripes")[0] == 0
    code, found, err = run("gallery", "import", tmp_path / "other", out, "--json")
    assert (code, json.loads(found)["added"]) == (0, 20), err
    assert "not used" not in err
    code, _, err = run("gallery", "import", tmp_path / "other", lot.folder)
    assert (code, says(err, "20 there already")) == (0, True)
    run("gallery", "create", tmp_path / "third", "--model", tiny_model_folder)
    code, _, err = run("gallery", "import", tmp_path / "third", lot.folder)
    assert (code, says(err, "gallery reembed", lot.folder)) == (1, True)
