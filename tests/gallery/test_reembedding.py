"""A gallery that is embedded again with another model, while others search it and add to it."""

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from messages import facts, says
from ready import start

import platefree as pf
from platefree.audit.audit_check import read_entries
from platefree.audit.audit_log import AuditLog
from platefree.errors import DataError, MismatchError, StorageError
from platefree.gallery import reembedding
from platefree.gallery.audit_trail import AuditTrail
from platefree.gallery.coming_model import beside_of
from platefree.gallery.vectors_beside import VectorsBeside
from platefree.storage.locks import only_writer
from platefree.types import Embeddings, Sightings

HERE = Path(__file__).parent
WORK = pf.Work(workers=0)


@pytest.fixture(scope="module")
def new(tiny_model_folder: Path) -> pf.Model:
    model = pf.load_model(tiny_model_folder)
    assert isinstance(model, pf.Model)
    return model


@pytest.fixture
def pictures(drawn_folder: Path, tmp_path: Path) -> pf.Sightings:
    """A table of 30 pictures, in a folder of its own."""
    table = pf.read_table(drawn_folder).take(np.arange(30))
    (tmp_path / "pictures").mkdir()
    for row in range(30):
        shutil.copy(table.path(row), tmp_path / "pictures" / f"{row:02d}.jpg")
    image = np.array([f"{row:02d}.jpg" for row in range(30)])
    return replace(table, root=tmp_path / "pictures", image=image)


@pytest.fixture
def lot(pictures: pf.Sightings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pf.Gallery:
    monkeypatch.setattr(reembedding, "BLOCK", 4)
    monkeypatch.setattr(reembedding, "_AT_A_TIME", 8)
    gallery = pf.Gallery.create(tmp_path / "lot", "color_stripes")
    gallery.add(pictures, work=WORK)
    return gallery


def whole(gallery: pf.Gallery) -> tuple[np.ndarray[Any, Any], Embeddings]:
    numbers = np.sort(gallery.store.latest())
    return numbers, gallery.store.get(numbers)


def content_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


class Meanwhile:
    """A model that does something else when it embeds its n-th block."""

    def __init__(self, model: pf.Model, at: int, action: Callable[[], object]) -> None:
        self._model, self._at, self._action, self.embedded = model, at, action, 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._model, name)

    def embed(self, sightings: Sightings, **options: Any) -> tuple[Embeddings, list[str]]:  # noqa: ANN401
        self._at -= 1
        if self._at == 0:
            self._action()
        self.embedded += len(sightings)
        return self._model.embed(sightings, **options)


def test_an_answer_of_the_new_model_is_asked_again_where_the_old_one_was_open(
    lot: pf.Gallery, new: pf.Model, pictures: pf.Sightings, tmp_path: Path
) -> None:
    elsewhere = pf.Gallery.open(lot.folder)
    lot.save_answer(lot.search(pictures.path(7), top=9, work=WORK), tmp_path / "old.json")
    lot.reembed(new, work=WORK)
    lot.save_answer(lot.search(pictures.path(7), top=9, work=WORK), tmp_path / "new.json")
    assert elsewhere.search_again(tmp_path / "new.json", work=WORK).same
    with pytest.raises(MismatchError, match=facts(new.fingerprint, "new search")):
        elsewhere.search_again(tmp_path / "old.json", work=WORK)


def test_it_is_the_gallery_that_the_new_model_would_have_made(
    lot: pf.Gallery, new: pf.Model, pictures: pf.Sightings, tmp_path: Path
) -> None:
    lot.forget(pf.Filter(not_numbers=np.sort(lot.store.latest())[3:].tolist()))
    before, old = whole(lot)
    crops = lot.store.crops(before)
    rows = pf.load_model("color_stripes").embed(pictures)[0].spaces["main"][3:]
    vectors = [row.astype(np.float16).tobytes() for row in rows]
    assert all(row in content_of(lot.folder) for row in vectors)
    done = lot.reembed(new, work=WORK)
    assert done == reembedding.Reembedded(True, 27, 0, [])
    numbers, stored = whole(lot)
    np.testing.assert_array_equal(numbers, before)
    assert lot.store.crops(numbers) == crops
    assert stored.model == lot.card.model == new.fingerprint
    other = pf.Gallery.create(tmp_path / "other", new)
    other.add(pictures.take(np.arange(3, 30)), work=WORK)
    made = whole(other)[1]
    for name in ("image", "camera", "type", "time", "track"):
        assert getattr(stored.sightings, name).tolist() == getattr(old.sightings, name).tolist()
    np.testing.assert_array_equal(stored.content, made.content)
    np.testing.assert_allclose(stored.spaces["main"], made.spaces["main"], atol=1e-3)
    for opened in (lot, pf.Gallery.open(lot.folder)):
        found = opened.search(pictures.path(7), top=9, work=WORK)
        wanted = other.search(pictures.path(7), top=9, work=WORK)
        assert [hit.image for hit in found.hits] == [hit.image for hit in wanted.hits]
    assert sorted(path.name for path in lot.folder.iterdir()) == ["gallery.json", "sightings.lance"]
    assert not any(row in content_of(lot.folder) for row in vectors)
    assert lot.add(pictures, work=WORK).added == 3
    assert whole(lot)[0].min() == before.min()
    assert (np.setdiff1d(lot.store.latest(), before) > before.max()).all()


def test_meanwhile_it_is_searched_added_to_and_forgotten_from(
    lot: pf.Gallery, new: pf.Model, pictures: pf.Sightings, tmp_path: Path
) -> None:
    later = tmp_path / "pictures" / "later.jpg"
    shutil.copy(pictures.path(0), later)
    with later.open("ab") as file:
        file.write(b"another file")

    def meanwhile() -> None:
        other = pf.Gallery.open(lot.folder)
        found = other.search(pictures.path(3), top=5, work=WORK)
        assert found.model == other.card.model == pf.load_model("color_stripes").fingerprint
        assert 0 < other.info().ready < 30
        assert other.info().coming == new.fingerprint
        table = replace(pictures.take(np.array([0])), image=np.array(["later.jpg"]))
        assert other.add(table, work=WORK).added == 1
        assert other.forget(pf.Filter(not_numbers=np.sort(other.store.latest())[2:].tolist())).count
        assert other.compact().readers in (0, 1)
        with pytest.raises(StorageError, match=facts("reembedding", "another run")):
            other.reembed(new)

    model = Meanwhile(new, 5, meanwhile)
    done = lot.reembed(model, work=WORK)
    assert (done.switched, done.embedded, done.missing) == (True, 29, [])
    stored = whole(lot)[1]
    assert [path.name for path in map(stored.sightings.path, range(29))] == [
        *(f"{row:02d}.jpg" for row in range(2, 30)),
        "later.jpg",
    ]
    made, _ = new.embed(stored.sightings)
    np.testing.assert_allclose(stored.spaces["main"], made.spaces["main"], atol=1e-3)


def test_one_that_was_stopped_goes_on(lot: pf.Gallery, new: pf.Model) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lot.reembed(Meanwhile(new, 4, stop), work=WORK)
    again = pf.Gallery.open(lot.folder)
    assert again.info().ready == 12
    counted = Meanwhile(new, 0, stop)
    assert again.reembed(counted, work=WORK).switched
    assert counted.embedded == 30 - 12


def test_whoever_has_it_open_goes_on_with_the_new_model_or_hears_of_it(
    lot: pf.Gallery, new: pf.Model, pictures: pf.Sightings
) -> None:
    by_card, old = pf.Gallery.open(lot.folder), pf.load_model("color_stripes")
    given = pf.Gallery.open(lot.folder, old)
    by_path = pf.Gallery.open(lot.folder, "color_stripes")
    for each in (by_card, given, by_path):
        each.search(pictures.path(0), top=3, work=WORK)
    lot.reembed(new, work=WORK)
    found = by_card.search(pictures.path(0), top=3, work=WORK)
    assert found.model == new.fingerprint
    assert by_card.add(pictures, work=WORK).known == 30
    for each in (given, by_path):
        for refused in (lambda each=each: each.search(pictures.path(0), work=WORK),):
            with pytest.raises(MismatchError, match=facts(new.fingerprint, "gallery reembed")):
                refused()


def spoil(pictures: pf.Sightings) -> None:
    pictures.path(1).unlink()
    pictures.path(2).write_bytes(b"no picture any more")
    shutil.copy(pictures.path(20), pictures.path(3))


@pytest.mark.parametrize("missing", ["refuse", "small", "forget"])
def test_pictures_that_are_gone(
    lot: pf.Gallery, new: pf.Model, pictures: pf.Sightings, missing: reembedding.Missing
) -> None:
    spoil(pictures)
    before, old = whole(lot)
    log = AuditLog(lot.folder)
    lot.audit = AuditTrail(log, "anna")
    done = lot.reembed(new, missing=missing, work=WORK)
    said = [each.action for each in read_entries(lot.folder, 9)] if log.path.exists() else []
    assert said == (["forget.asked", "forget.done"] if missing == "forget" else [])
    assert done.switched == (missing != "refuse")
    assert done.small == (3 if missing == "small" else 0)
    assert len(done.missing) == (0 if missing == "small" else 3)
    for row, reason in zip((1, 2, 3), done.missing, strict=False):
        assert f"{row:02d}.jpg" in reason
    numbers, stored = whole(lot)
    if missing == "refuse":
        assert lot.card.model == old.model == stored.model
        np.testing.assert_array_equal(stored.spaces["main"], old.spaces["main"])
        again = lot.reembed(new, missing="small", work=WORK)
        assert (again.switched, again.embedded, again.small) == (True, 30, 3)
        assert len(whole(lot)[0]) == 30
    if missing == "small":
        np.testing.assert_array_equal(numbers, before)
        assert [stored.sightings.path(row) for row in range(30)] == [
            old.sightings.path(row) for row in range(30)
        ]
        good = np.delete(np.arange(30), [1, 2, 3])
        made, _ = new.embed(pictures.take(good))
        np.testing.assert_allclose(stored.spaces["main"][good], made.spaces["main"], atol=1e-3)
    if missing == "forget":
        np.testing.assert_array_equal(numbers, np.delete(before, [1, 2, 3]))
    assert not list(lot.folder.rglob("*.jpg"))


def test_what_is_forgotten_meanwhile_leaves_the_disk(lot: pf.Gallery, new: pf.Model) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lot.reembed(Meanwhile(new, 4, stop), work=WORK)
    numbers = np.sort(lot.store.latest())
    beside = beside_of(lot.store, pf.Gallery.open(lot.folder).card)
    assert isinstance(beside, VectorsBeside)
    blocks = [spaces["main"] for _, spaces in beside.blocks()]
    made = [row.tobytes() for row in np.concatenate(blocks)]

    def stays(row: int) -> bool:
        return made[row] in content_of(lot.folder)

    assert all(map(stays, range(12)))
    lot.forget(pf.Filter(not_numbers=np.delete(numbers, [0, 6]).tolist()))
    lot.compact()
    assert [stays(row) for row in (0, 6, 1, 5)] == [False, False, True, True]
    assert lot.reembed(new, work=WORK).embedded == 28


def test_its_own_model_gives_up_what_was_begun(lot: pf.Gallery, new: pf.Model) -> None:
    assert lot.reembed("color_stripes").embedded == 30
    assert lot.store.version == 1

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lot.reembed(Meanwhile(new, 3, stop), work=WORK)
    lot.reembed("color_stripes")
    assert (lot.info().coming, lot.info().ready) == ("", 0)
    assert not list(lot.folder.rglob("*.npy"))
    empty = pf.Gallery.create(lot.folder.parent / "empty", "color_stripes")
    with pytest.raises(DataError, match=facts("empty", "gallery create")):
        empty.reembed(new)
    with only_writer(lot.folder), pytest.raises(StorageError, match=facts("another run")):
        lot.reembed(new)


def made_by(number: int, stored: Embeddings) -> Embeddings:
    """What a drawn model would make of these sightings."""
    random = np.random.default_rng(number)
    rows = random.standard_normal((len(stored), 8 + number)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Embeddings({"main": rows}, stored.sightings, f"model {number}", stored.content)


def kill_one_that_embeds_again(
    places: Sequence[object], chance: random.Random, *, switches: int, seconds: float
) -> None:
    """Start one that embeds a gallery again without end, and kill it after some switches."""
    writer = start((HERE / "reembed_gallery.py").read_text(), *places)
    assert writer.stdout.readline() == "ready\n"
    for _ in range(chance.randint(0, switches)):
        assert writer.stdout.readline()  # another model has taken over
    time.sleep(chance.uniform(0, seconds))
    assert writer.poll() is None
    writer.kill()


def test_one_that_is_killed_at_any_moment_is_whole_and_of_one_model(
    lot: pf.Gallery, tmp_path: Path, kills: int
) -> None:
    """Models are folders of embeddings, which embed in no time: so the switch is met often."""
    numbers, stored = whole(lot)
    models = [made_by(number, stored) for number in range(2)]
    for number, each in enumerate(models):
        pf.save_embeddings(each, tmp_path / f"model-{number}")
    chance = random.Random(kills)  # noqa: S311
    lot.reembed(tmp_path / "model-0")
    for _ in range(kills):
        places = (lot.folder, tmp_path / "model-1", tmp_path / "model-0")
        kill_one_that_embeds_again(places, chance, switches=2, seconds=1)
        gallery = pf.Gallery.open(lot.folder)
        there, found = whole(gallery)
        made = models[int(found.model[-1])]
        assert gallery.card.model == made.model
        np.testing.assert_array_equal(there, numbers)
        np.testing.assert_allclose(found.spaces["main"], made.spaces["main"], atol=1e-3)
        hits = gallery.search(int(numbers[3]), top=40).hits
        assert len(hits) == 29
    assert lot.reembed(tmp_path / "model-1").switched


def test_the_verb(
    run: Run, lot: pf.Gallery, tiny_model_folder: Path, pictures: pf.Sightings
) -> None:
    spoil(pictures)
    words = ("gallery", "reembed", lot.folder, "--model", tiny_model_folder, "--workers", 0)
    code, _, err = run(*words)
    assert (code, says(err, "01.jpg", "3 pictures", "--missing small")) == (1, True)
    assert says(run("gallery", "info", lot.folder)[1], "27 sightings embedded so far")
    assert run(*words, "--missing", "gone")[0] == 2
    code, out, err = run(*words, "--missing", "small", "--json")
    assert (code, says(out, '"small": 3')) == (0, True), err
    query = ("search", pictures.path(9), "--gallery", lot.folder, "--workers", 0)
    assert run(*query)[0] == 0
    code, _, err = run(*query, "--model", "color_stripes")
    assert (code, says(err, "gallery reembed", lot.folder)) == (1, True)
