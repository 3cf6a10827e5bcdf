"""A gallery that accumulates: what is added, found, forgotten and written, with a real model."""

import csv
import io
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from messages import facts
from PIL import Image
from ready import start

import platefree as pf
from platefree.errors import CheckpointError, DataError, MismatchError, StorageError
from platefree.gallery import gallery_answer, stored_gallery
from platefree.gallery.gallery_results import Added
from platefree.gallery.search import answer

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def model() -> pf.Model:
    return pf.load_model("color_stripes")


@pytest.fixture
def pictures(drawn_folder: Path, tmp_path: Path) -> pf.Sightings:
    """A table of 40 pictures, in a folder of its own."""
    table = pf.read_table(drawn_folder).take(np.arange(40))
    (tmp_path / "pictures").mkdir()
    for row in range(40):
        shutil.copy(table.path(row), tmp_path / "pictures" / f"{row:02d}.jpg")
    image = np.array([f"{row:02d}.jpg" for row in range(40)])
    return replace(table, root=tmp_path / "pictures", image=image)


@pytest.fixture
def lot(model: pf.Model, pictures: pf.Sightings, tmp_path: Path) -> pf.Gallery:
    gallery = pf.Gallery.create(tmp_path / "lot", model)
    assert gallery.add(pictures).added == 40
    return gallery


def test_a_search_is_the_exact_search_of_the_embeddings(
    lot: pf.Gallery, model: pf.Model, pictures: pf.Sightings
) -> None:
    embeddings, _ = model.embed(pictures)
    for row, where, post in (
        (0, pf.Filter(), "none"),
        (3, pf.Filter(cameras=["cam2", "cam3"]), "none"),
        (9, pf.Filter(), "expand,rerank"),
    ):
        query = pictures.path(row)
        found = lot.search(query, where=where, top=8, post=post)
        wanted = answer(model, query, embeddings, where=where, top=8, post=post)
        assert [hit.image for hit in found.hits] == [hit.image for hit in wanted.hits]
        similar = [[hit.similarity for hit in each.hits] for each in (found, wanted)]
        np.testing.assert_allclose(*similar, atol=2e-3)
        assert found.left_out == [query] if row == 0 else True
        assert found.hits[0].labels == wanted.hits[0].labels
        assert (found.model, found.exact) == (model.fingerprint, True)
        assert found.searched == int(where.mask(pictures).sum())


def test_several_pictures_ask_together(lot: pf.Gallery, pictures: pf.Sightings) -> None:
    queries = [pictures.path(0), pictures.path(20)]
    found = lot.search(queries, top=38).hits
    nearest = {hit.image: 0.0 for hit in found}
    for query in queries:
        for hit in lot.search(query, top=40).hits:
            if hit.image in nearest:
                nearest[hit.image] = max(nearest[hit.image], hit.similarity)
    for hit in found:
        assert hit.similarity == pytest.approx(nearest[hit.image], abs=1e-5)


def test_a_stored_sighting_asks_without_its_file(lot: pf.Gallery, pictures: pf.Sightings) -> None:
    first = lot.search(pictures.path(5), top=3)
    number = first.hits[0].number
    assert number is not None
    by_file = lot.search(first.hits[0].image, top=10)
    first.hits[0].image.unlink()
    by_number = pf.Gallery.open(lot.folder).search(number, top=10)
    assert [hit.image for hit in by_number.hits] == [hit.image for hit in by_file.hits]
    np.testing.assert_allclose(
        [hit.similarity for hit in by_number.hits],
        [hit.similarity for hit in by_file.hits],
        atol=1e-3,
    )
    with pytest.raises(DataError, match=facts(7)):
        lot.search(7)


def test_without_a_query_the_latest_come_first(lot: pf.Gallery, pictures: pf.Sightings) -> None:
    where = pf.Filter(cameras=["cam1"])
    found = lot.search(where=where, top=5)
    rows = np.flatnonzero(pictures.camera == "cam1")
    late = rows[np.argsort(-pictures.time[rows].astype(np.int64), kind="stable")][:5]
    assert [hit.image for hit in found.hits] == [pictures.path(int(row)) for row in late]
    assert all(np.isnan(hit.similarity) for hit in found.hits)
    with pytest.raises(DataError):
        lot.search(where=pf.Filter(at_least=0.5))


def test_the_nearest_are_no_less_similar_than_asked(
    lot: pf.Gallery, pictures: pf.Sightings
) -> None:
    every = lot.search(pictures.path(2), top=40).hits
    least = every[10].similarity - 1e-4
    some = lot.search(pictures.path(2), top=40, where=pf.Filter(at_least=least)).hits
    assert [hit.image for hit in some] == [hit.image for hit in every if hit.similarity >= least]


def test_adding_again_adds_nothing(lot: pf.Gallery, pictures: pf.Sightings, tmp_path: Path) -> None:
    assert lot.add(pictures) == Added(0, 40, [])
    shutil.copytree(pictures.root, tmp_path / "copied")
    again = lot.add(replace(pictures, root=tmp_path / "copied"))
    assert (again.added, again.known) == (0, 40)
    twice = pictures.take(np.array([0, 0]))
    other = pf.Gallery.create(tmp_path / "other", lot.model)
    assert other.add(twice) == Added(1, 1, [])
    boxed = replace(pictures.take(np.array([0])), box=np.array([[1, 1, 30, 30]], np.float32))
    assert other.add(boxed).added == 1


def test_bad_pictures_never_stop_the_others(
    model: pf.Model, pictures: pf.Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block in which none can be read, and blocks in which some cannot."""
    monkeypatch.setattr(stored_gallery, "BLOCK", 4)
    for row in (1, 8, 9, 10, 11, 39):
        pictures.path(row).write_bytes(b"no picture" + bytes([row]))
    pictures.path(20).unlink()
    gallery = pf.Gallery.create(tmp_path / "lot", model)
    done = gallery.add(pictures)
    assert (done.added, len(done.skipped)) == (33, 7)
    for row in (1, 8, 9, 10, 11, 20, 39):
        assert any(f"{row:02d}.jpg" in reason for reason in done.skipped)
    assert {hit.image.name for hit in gallery.search(top=99).hits} == {
        f"{row:02d}.jpg" for row in set(range(40)) - {1, 8, 9, 10, 11, 20, 39}
    }


ADDING = """
import sys
import platefree as pf
from platefree.gallery import stored_gallery
from platefree.work import Work
stored_gallery.BLOCK = 4
pf.Gallery.open(sys.argv[1]).add(sys.argv[2], work=Work(workers=0))
"""


@pytest.mark.slow
def test_an_addition_that_was_killed_goes_on(
    model: pf.Model, pictures: pf.Sightings, tmp_path: Path
) -> None:
    pf.write_table(pictures, tmp_path / "table.csv")
    gallery = pf.Gallery.create(tmp_path / "lot", model)
    seen = [0]
    for _ in range(3):
        writer = start(ADDING, gallery.folder, tmp_path / "table.csv")
        while writer.poll() is None and gallery.store.count() == seen[-1]:
            time.sleep(0.02)
        writer.kill()
        seen.append(gallery.store.count())
        assert seen[-1] >= seen[-2]
    assert 0 < seen[1] < 40  # it was killed on its way
    assert gallery.add(pictures).added + seen[-1] == 40
    assert len({hit.image for hit in gallery.search(top=99).hits}) == 40


def test_loading_processes_after_a_search(
    model: pf.Model, pictures: pf.Sightings, tmp_path: Path
) -> None:
    """They are forked from a process in which the engine runs."""
    gallery = pf.Gallery.create(tmp_path / "lot", model)
    half = pictures.take(np.arange(20))
    for table in (half, pictures):
        assert gallery.add(table, work=pf.Work(workers=2)).added == 20
        assert len(gallery.search(pictures.path(0), top=3, work=pf.Work(workers=2)).hits) == 3


def test_small_pictures_show_the_sightings(lot: pf.Gallery, pictures: pf.Sightings) -> None:
    numbers = np.sort(lot.store.latest())
    with Image.open(io.BytesIO(lot.store.crops(numbers[:1])[0])) as small:
        assert small.format == "JPEG"
        with Image.open(pictures.path(0)) as whole:
            assert small.size == whole.size
            difference = np.abs(np.asarray(small, int) - np.asarray(whole.convert("RGB"), int))
        assert difference.mean() < 8
    large = pictures.root / "large.jpg"
    Image.new("RGB", (900, 600), "red").save(large)
    boxes = np.array([[10, 10, 710, 210]], np.float32)
    table = replace(pictures.take(np.array([0])), image=np.array(["large.jpg"]), box=boxes)
    assert lot.add(table).added == 1
    with Image.open(io.BytesIO(lot.store.crops(np.sort(lot.store.latest())[-1:])[0])) as small:
        assert small.size == (160, 46)


def test_embeddings_are_added_as_they_are(
    model: pf.Model, pictures: pf.Sightings, tmp_path: Path
) -> None:
    embeddings, _ = model.embed(pictures)
    gallery = pf.Gallery.create(tmp_path / "lot", model)
    assert gallery.add(embeddings) == Added(40, 0, [])
    assert gallery.add(pictures).added == 0
    with pytest.raises(MismatchError, match=facts("gallery create", model.fingerprint)):
        gallery.add(replace(embeddings, model="another"))


def test_what_is_forgotten_is_found_no_more_and_leaves_the_disk(
    lot: pf.Gallery, pictures: pf.Sightings
) -> None:
    where = pf.Filter(cameras=["cam1"])
    gone = lot.search(where=where, top=99).hits
    crops = lot.store.crops(np.array([hit.number for hit in gone]))
    forgotten = lot.forget(where)
    assert forgotten.count == len(gone) > 5
    assert set(forgotten.files) == {hit.image for hit in gone}
    assert all(path.exists() for path in forgotten.files)
    assert lot.search(pictures.path(1), where=where).hits == []
    assert lot.compact().readers == 0
    files = [path.read_bytes() for path in lot.folder.rglob("*") if path.is_file()]
    for hit, crop in zip(gone, crops, strict=True):
        assert not any(crop in content or str(hit.image).encode() in content for content in files)
    assert lot.info().sightings == 40 - len(gone)
    assert lot.add(pictures).added == len(gone)


def test_what_a_gallery_says_of_itself(
    lot: pf.Gallery, model: pf.Model, pictures: pf.Sightings
) -> None:
    info = lot.info()
    assert (info.sightings, info.model) == (40, model.fingerprint)
    cameras = pictures.camera.tolist()
    assert info.cameras == {name: cameras.count(name) for name in sorted(set(cameras))}
    assert info.first == f"{pictures.time.min().astype('datetime64[s]')}Z"
    assert info.last == f"{pictures.time.max().astype('datetime64[s]')}Z"
    assert info.spaces == {"main": model.embed(pictures)[0].spaces["main"].shape[1]}
    assert info.megabytes > 0
    empty = pf.Gallery.create(lot.folder.parent / "empty", model)
    assert (empty.info().sightings, empty.info().last) == (0, "")
    assert empty.search(pictures.path(0)).hits == []


@pytest.mark.parametrize("ending", [".csv", ".parquet", ""])
def test_an_export_is_a_table_again(
    lot: pf.Gallery, pictures: pf.Sightings, tmp_path: Path, ending: str
) -> None:
    where = pf.Filter(cameras=["cam2"])
    place = tmp_path / f"out{ending}"
    wanted = pictures.take(pictures.camera == "cam2")
    assert lot.export(place, where) == len(wanted)
    table = pf.read_table(place / "originals.csv" if ending == "" else place)
    assert [table.path(row) for row in range(len(table))] == [
        wanted.path(row) for row in range(len(wanted))
    ]
    for name in ("vehicle", "camera", "type", "color", "time"):
        assert getattr(table, name).tolist() == getattr(wanted, name).tolist()
    if ending == "":
        shutil.move(place, tmp_path / "moved")
        own = pf.read_table(tmp_path / "moved")
        assert own.vehicle.tolist() == wanted.vehicle.tolist()
        with Image.open(own.path(0)) as picture:
            assert picture.format == "JPEG"
        with pytest.raises(StorageError, match=facts("moved")):
            lot.export(tmp_path / "moved")


def test_no_cell_of_an_export_is_a_formula(
    model: pf.Model, pictures: pf.Sightings, tmp_path: Path
) -> None:
    odd = np.array(["=1+1", "@x", "+3", "-4 gates"])
    table = replace(pictures.take(np.arange(4)), camera=odd)
    gallery = pf.Gallery.create(tmp_path / "lot", model)
    gallery.add(table)
    gallery.export(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["camera"][0] for row in csv.DictReader(file)] == ["'"] * 4
    assert pf.read_table(tmp_path / "out.csv").camera.tolist() == odd.tolist()


def test_another_model_is_refused_with_the_way_out(
    lot: pf.Gallery, tiny_model_folder: Path, tmp_path: Path
) -> None:
    other = pf.load_model(tiny_model_folder)
    for wrong in (other, tiny_model_folder):
        with pytest.raises(
            MismatchError, match=facts(other.fingerprint, lot.card.model, "gallery create")
        ):
            pf.Gallery.open(lot.folder, wrong).search(lot.folder / "x.jpg")
    shutil.copytree(tiny_model_folder, tmp_path / "trained")
    gallery = pf.Gallery.create(tmp_path / "of-trained", tmp_path / "trained")
    shutil.move(tmp_path / "trained", tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=facts("trained", "--model")):
        _ = pf.Gallery.open(gallery.folder).model
    assert pf.Gallery.open(gallery.folder, tmp_path / "elsewhere").model.fingerprint


def test_a_folder_that_is_no_empty_one_is_refused(
    lot: pf.Gallery, model: pf.Model, tmp_path: Path
) -> None:
    for place in (lot.folder, tmp_path / "pictures"):
        with pytest.raises(StorageError, match=facts(place.name, "another folder")):
            pf.Gallery.create(place, model)
    with pytest.raises(DataError, match=facts("pictures", "gallery create")):
        pf.Gallery.open(tmp_path / "pictures")
    card = lot.folder / "gallery.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps({**content, "version": 9}))
    with pytest.raises(DataError, match=facts("version 9", "upgrade")):
        pf.Gallery.open(lot.folder)


def test_an_answer_is_of_one_version(
    lot: pf.Gallery, pictures: pf.Sightings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is forgotten while a search is on its way is still whole in its answer."""
    whole = lot.search(pictures.path(4), top=10)
    real = gallery_answer.answer

    def slow(*arguments: object, **options: object) -> object:
        lot.forget(pf.Filter(cameras=["cam1"]))
        lot.compact()
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(gallery_answer, "answer", slow)
    meanwhile = lot.search(pictures.path(4), top=10)
    assert [hit.image for hit in meanwhile.hits] == [hit.image for hit in whole.hits]
    assert meanwhile.version == whole.version
    monkeypatch.undo()
    assert lot.search(pictures.path(4), top=10).version > whole.version
