"""A picture is what its file holds, wherever it lies: it is never a hit of itself."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from messages import facts, says
from PIL import Image

import platefree as pf
from platefree.data.content import picture_contents
from platefree.errors import DataError, ImageError
from platefree.gallery.search import answer
from platefree.gallery.stored import load_embeddings

COPIES: dict[str, Callable[[Path, Path], object]] = {
    "itself": lambda _, __: None,
    "a copy": shutil.copy,
    "a symbolic link": lambda old, new: new.symlink_to(old),
    "a hard link": lambda old, new: new.hardlink_to(old),
}


@pytest.fixture(scope="module")
def model() -> pf.Model:
    return pf.load_model("color_stripes")


@pytest.fixture
def lot(drawn_folder: Path, tmp_path: Path) -> Path:
    """A folder of twelve pictures."""
    folder = tmp_path / "world" / "lot"
    folder.mkdir(parents=True)
    for path in sorted((drawn_folder / "images").iterdir())[:12]:
        shutil.copy(path, folder)
    return folder


def first(lot: Path) -> Path:
    return min(lot.iterdir())


def searched(model: pf.Embedder, query: Path, gallery: pf.Embeddings) -> tuple[set[str], list[str]]:
    found = answer(model, query, gallery)
    return {hit.image.name for hit in found.hits}, [path.name for path in found.left_out]


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("is_stored", [False, True])
def test_the_query_is_left_out_and_named(
    copy: str, is_stored: bool, model: pf.Model, lot: Path, tmp_path: Path
) -> None:
    own, query = first(lot), first(lot)
    if copy != "itself":
        query = tmp_path / "query.jpg"
        COPIES[copy](own, query)
    gallery, _ = pf.open_gallery(lot, model)
    if is_stored:
        gallery = load_embeddings(pf.save_embeddings(gallery, tmp_path / "stored"))
    names, left_out = searched(model, query, gallery)
    assert left_out == [own.name]
    assert names == {path.name for path in lot.iterdir()} - {own.name}


def test_many_copies_are_left_out_and_cost_no_hit(model: pf.Model, lot: Path) -> None:
    """More copies than hits are asked for: the next pictures are found all the same."""
    own = first(lot)
    for number in range(30):
        shutil.copy(own, lot / f"copy-{number}.jpg")
    gallery, _ = pf.open_gallery(lot, model)
    found = answer(model, own, gallery, top=5)
    assert len(found.left_out) == 31
    assert len(found.hits) == 5
    assert all(hit.similarity < 0.9999 for hit in found.hits)
    alone = pf.search(model, own, gallery.take(gallery.sightings.image == first(lot).name), top=5)
    assert alone == []


def test_the_same_pixels_in_another_file_are_a_hit(
    model: pf.Model, lot: Path, tmp_path: Path
) -> None:
    query = tmp_path / "query.png"
    Image.open(first(lot)).save(query)
    gallery, _ = pf.open_gallery(lot, model)
    found = answer(model, query, gallery)
    assert (len(found.hits), found.left_out) == (12, [])
    assert found.hits[0].similarity == pytest.approx(1, abs=1e-5)


def test_another_vehicle_in_the_same_picture_is_a_hit(model: pf.Model, lot: Path) -> None:
    name = first(lot).name
    boxes = [[0, 0, 20, 40], [20, 0, 48, 40], [np.nan] * 4]
    table = pf.Sightings.from_columns(lot, {"image": [name] * 3, "box": np.array(boxes)})
    gallery, _ = model.embed(table)
    found = answer(model, table.take(np.array([0])), gallery)
    assert [hit.image.name for hit in found.hits] == [name]  # the second box
    assert len(found.left_out) == 2  # itself, and the whole picture that it is cut from


def test_embeddings_move_with_their_pictures(
    model: pf.Model, lot: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gallery, _ = pf.open_gallery(lot, model)
    stored = lot.parent / "stored"
    pf.save_embeddings(gallery, stored)
    shutil.move(lot.parent, tmp_path / "new")
    now = tmp_path / "new" / "lot"
    loaded = load_embeddings(tmp_path / "new" / "stored")
    assert loaded.sightings.root == now
    assert says(caplog.text, "stored", str(lot), str(now))
    names, left_out = searched(model, first(now), loaded)
    assert left_out == [first(now).name]
    assert names == {path.name for path in now.iterdir()} - set(left_out)
    assert all(hit.image.exists() for hit in pf.search(model, first(now), loaded))
    by_itself = pf.load_stored(tmp_path / "new" / "stored")
    assert searched(by_itself, first(now), loaded) == (names, left_out)


def test_the_old_folder_may_stay_without_its_pictures(
    model: pf.Model, lot: Path, tmp_path: Path
) -> None:
    """As a mount point does."""
    gallery, _ = pf.open_gallery(lot, model)
    pf.save_embeddings(gallery, lot.parent / "stored")
    shutil.copytree(lot.parent, tmp_path / "new")
    for path in lot.iterdir():
        path.unlink()
    loaded = load_embeddings(tmp_path / "new" / "stored")
    assert loaded.sightings.root == tmp_path / "new" / "lot"


def test_a_root_can_be_given_anew(model: pf.Model, lot: Path, tmp_path: Path) -> None:
    gallery, _ = pf.open_gallery(lot, model)
    stored = pf.save_embeddings(gallery, tmp_path / "stored")
    now = Path(shutil.move(lot, tmp_path / "elsewhere"))
    lost = load_embeddings(stored)
    assert lost.sightings.root == lot  # nothing is guessed
    _, left_out = searched(model, first(now), lost)
    assert left_out == [first(now).name]  # known by its content all the same
    for loaded in (
        load_embeddings(stored, root=now),
        pf.load_stored(stored, root=str(now)).embeddings,
        pf.open_gallery(stored, model, root=now)[0],
    ):
        assert loaded.sightings.root == now
        assert loaded.sightings.fingerprint() == lost.sightings.fingerprint()
    with pytest.raises(DataError, match=facts(str(tmp_path / "empty"), "stored", first(now).name)):
        load_embeddings(stored, root=tmp_path / "empty")
    with pytest.raises(DataError, match=facts("elsewhere", "root")):
        pf.open_gallery(now, model, root=now)


def test_a_picture_that_changed_is_not_taken_for_the_one_that_was_embedded(
    model: pf.Model, lot: Path, tmp_path: Path
) -> None:
    gallery, _ = pf.open_gallery(lot, model)
    stored = pf.load_stored(pf.save_embeddings(gallery, tmp_path / "stored"))
    one, two = sorted(lot.iterdir())[:2]
    before = stored.embed(pf.query_picture(one))[0].spaces["main"]
    shutil.copy(two, one)
    after = stored.embed(pf.query_picture(one))[0].spaces["main"]  # the content of the other
    np.testing.assert_array_equal(after, stored.embed(pf.query_picture(two))[0].spaces["main"])
    assert not np.array_equal(before, after)
    Image.new("RGB", (40, 40), "green").save(one)
    with pytest.raises(ImageError, match=facts(one.name, "changed", "platefree embed", "--model")):
        stored.embed(pf.query_picture(one))
    one.unlink()  # what cannot be read is known by its path
    np.testing.assert_array_equal(stored.embed(pf.query_picture(one))[0].spaces["main"], before)


def test_contents_are_those_of_the_files(lot: Path, tmp_path: Path) -> None:
    import hashlib

    os.mkfifo(tmp_path / "pipe.jpg")
    names = [*(str(path) for path in lot.iterdir()), "absent.jpg", "pipe.jpg", "nul\0.jpg", "."]
    contents = picture_contents(pf.Sightings.from_columns(tmp_path, {"image": names * 2}))
    for row, name in enumerate(names * 2):
        path = tmp_path / name
        readable = "\0" not in name and path.is_file()
        expected = hashlib.sha256(path.read_bytes()).digest()[:16] if readable else bytes(16)
        assert contents[row].tobytes() == expected
    empty = pf.Sightings.from_columns(tmp_path, {"image": []})
    assert picture_contents(empty).shape == (0, 16)


def test_a_store_that_grew_knows_the_contents_of_all(
    model: pf.Model, lot: Path, tmp_path: Path
) -> None:
    gallery, _ = pf.open_gallery(lot, model)
    stored = load_embeddings(pf.save_embeddings(gallery, tmp_path / "stored"))
    query = Path(shutil.copy(first(lot), tmp_path / "query.jpg"))
    halves = [stored.take(np.arange(len(stored)) % 2 == part) for part in (0, 1)]
    store = pf.MemoryStore(halves[0], model.comparison)
    store.add(halves[1])
    shutil.rmtree(lot)  # nothing but the stored contents tells
    found = answer(model, query, store)
    assert [path.name for path in found.left_out] == [first_name(stored)]
    assert len(found.hits) == len(stored) - 1


def first_name(embeddings: pf.Embeddings) -> str:
    return min(embeddings.sightings.image.tolist())


def test_a_file_that_cannot_be_removed_is_no_failure(
    model: pf.Model,
    lot: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As on Windows, where a reader has it open; the next run removes it."""
    from platefree.errors import StorageError
    from platefree.gallery import stored

    gallery, _ = pf.open_gallery(lot, model)
    folder = pf.save_embeddings(gallery, tmp_path / "stored")
    with monkeypatch.context() as patch:

        def refuse(path: Path) -> None:
            raise StorageError(f"cannot write {path}: it is open")

        patch.setattr(stored, "remove", refuse)
        pf.save_embeddings(gallery.take(np.arange(3)), folder)
    assert says(caplog.text, "it is open", "next run")
    assert len(load_embeddings(folder)) == 3
    pf.save_embeddings(gallery.take(np.arange(5)), folder)
    assert len(load_embeddings(folder)) == 5
    assert len(os.listdir(folder)) == 4


def test_another_picture_under_the_same_path_is_not_the_query(
    model: pf.Model, lot: Path, tmp_path: Path
) -> None:
    """A camera writes ``latest.jpg`` anew for each vehicle."""
    gallery = pf.Gallery.create(tmp_path / "gallery", model)
    latest = tmp_path / "latest.jpg"
    pictures = sorted(lot.iterdir())
    for picture in pictures[:4]:
        shutil.copy(picture, latest)
        gallery.add(pf.Sightings.from_columns(tmp_path, {"image": ["latest.jpg"]}))
    numbers = np.sort(gallery.store.latest()).tolist()
    found = gallery.search(numbers[0])
    assert {hit.number for hit in found.hits} == set(numbers[1:])
    assert len(found.left_out) == 1
    shutil.copy(pictures[9], latest)
    assert {hit.number for hit in gallery.search(latest).hits} == set(numbers)
    shutil.copy(pictures[2], latest)
    assert {hit.number for hit in gallery.search(latest).hits} == set(numbers) - {numbers[2]}
