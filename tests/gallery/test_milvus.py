"""A gallery on a Milvus server: several writers, a server that goes away, names as they come."""

import json
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from lance_batches import batch
from messages import facts, says
from milvus_server import ADDRESS, FOLDER, MilvusServer
from milvus_stores import drop_all, hasty_milvus, needs_milvus, new_address, new_milvus
from test_reembedding import Meanwhile, kill_one_that_embeds_again

import platefree as pf
from platefree.data.content import picture_contents
from platefree.errors import DataError, MismatchError, StorageError
from platefree.gallery import milvus_changes, milvus_engine, reembedding
from platefree.gallery.filters import EVERYTHING
from platefree.gallery.gallery_places import is_gallery
from platefree.gallery.milvus import MilvusStore
from platefree.gallery.milvus_engine import milvus_address
from platefree.gallery.milvus_spaces import collections_of
from platefree.gallery.milvus_view import MilvusView
from platefree.gallery.stored_embedder import load_stored
from platefree.ranking.comparison import ONLY_SPACE, l2_normalised
from platefree.ranking.joined_spaces import WeightedMean
from platefree.types import Sightings

HERE = Path(__file__).parent
WORK = pf.Work(workers=0)


@pytest.fixture
def hasty() -> Iterator[None]:
    with hasty_milvus():
        yield


def batches_in(store: pf.Store) -> dict[int, list[int]]:
    """Number of each batch (`lance_batches`) that is stored -> its rows."""
    table = store.get(np.sort(store.latest())).sightings
    found: dict[int, list[int]] = {}
    for image in table.image.tolist():
        _, _, number, row = image.removesuffix(".jpg").split("/")
        found.setdefault(int(number), []).append(int(row))
    return found


@pytest.mark.parametrize(
    "text", ["milvus://host:19530/lot", "milvus:/host/lot", "milvus://10.0.0.1/lot_2"]
)
def test_an_address_is_read(text: str) -> None:
    """Also without the slash that a path loses."""
    found = milvus_address(Path(text))
    assert found is not None
    assert milvus_address(str(found)) == found
    assert str(found).startswith("milvus://")
    assert is_gallery(text)


@pytest.mark.parametrize(
    "text", ["milvus://host:19530", "milvus://host:99999/lot", "milvus://host/lot-2", "milvus:/"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=facts(text, "HOST:PORT/NAME")):
        milvus_address(text)
    assert milvus_address("lot") is None
    assert milvus_address("milvus/lot") is None


def write_batches(address: str, numbers: list[int], size: int) -> list[tuple[int, list[int]]]:
    """Add batches; of each its number and those of its sightings."""
    store = MilvusStore(address, ONLY_SPACE)
    return [(number, store.add(*batch(number, size)).tolist()) for number in numbers]


@needs_milvus
def test_several_processes_add_at_once_and_nothing_is_lost(hasty: None) -> None:
    address, size = new_address(), 7
    MilvusStore(address, ONLY_SPACE).add(*batch(0, size))
    asked = [list(range(first, 30, 3)) for first in (1, 2, 3)]
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(3) as pool:
        done = pool.starmap(write_batches, [(address, numbers, size) for numbers in asked])
    store = MilvusStore(address, ONLY_SPACE)
    assert batches_in(store) == {number: list(range(size)) for number in range(30)}
    given = [number for each in done for _, numbers in each for number in numbers]
    assert len(set(given)) == len(given) == 29 * size
    for of_process in done:  # each has seen its own numbers rise
        own = [number for _, numbers in of_process for number in numbers]
        assert own == sorted(own)
    assert store.version == 30


@needs_milvus
def test_an_addition_is_seen_whole_or_not_at_all(hasty: None) -> None:
    store = new_milvus()
    store.add(*batch(0, 50))
    seen, ended = set(), threading.Event()

    def watch() -> None:
        other = MilvusStore(store.address, ONLY_SPACE)
        while not ended.is_set():
            seen.add(other.count())

    with ThreadPoolExecutor() as pool:
        watching = pool.submit(watch)
        for number in range(1, 6):
            store.add(*batch(number, 50))
        ended.set()
        watching.result()
    assert all(count % 50 == 0 for count in seen)
    assert len(seen) > 1


@needs_milvus
def test_what_a_killed_writer_left_is_never_seen(
    hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_milvus()
    store.add(*batch(0, 5))
    with monkeypatch.context() as patch:
        patch.setattr(store.log, "end", lambda change: os.strerror(0))
        lost = store.add(*batch(1, 5))
    store.add(*batch(2, 5))
    assert set(batches_in(store)) == {0, 2}
    with pytest.raises(DataError):
        store.get(lost)
    version = store.version
    store.compact()  # it could still be writing
    assert store.log.read().begun
    monkeypatch.setattr(milvus_changes, "GIVEN_UP", 0.2)
    time.sleep(0.3)
    store.compact()
    assert not store.log.read().begun
    assert set(batches_in(store)) == {0, 2}
    assert store.log.server.count(store.address.name, "number >= 0", at=0) == 10
    assert store.version > version


@needs_milvus
def test_many_changes_are_few_records(hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_changes, "RECORDS", 6)
    store = new_milvus()
    numbers: list[int] = []
    for number in range(12):
        numbers += store.add(*batch(number, 2)).tolist()
        assert store.version == number + 1
        if number == 4:
            assert store.delete(pf.Filter(tracks=["1"])) == 2
            numbers = [each for each in numbers if each not in numbers[2:4]]
            store.add(*batch(50, 0))
            monkeypatch.setattr(milvus_changes, "RECORDS", 6)
            break
    for number in range(5, 12):
        numbers += store.add(*batch(number, 2)).tolist()
        assert store.version == number + 2
    assert numbers == sorted(numbers) == np.sort(store.latest()).tolist()
    records = store.log.server.query(store.log.collection, 'id != ""', ["change"], at=0)
    assert len(records) < 14
    other = MilvusStore(store.address, ONLY_SPACE)  # which has seen none of it
    assert other.add(*batch(12, 2)).min() > max(numbers)


@needs_milvus
def test_a_long_condition_is_kept_in_parts(hasty: None) -> None:
    store = new_milvus()
    numbers = store.add(*batch(0, 5))
    kept = (int(numbers[1]), *range(20_000))
    assert store.delete(pf.Filter(not_numbers=kept)) == 4
    assert store.latest().tolist() == [numbers[1]]
    store.compact()
    assert store.latest().tolist() == [numbers[1]]
    many = pf.Filter(cameras=["", *(f"camera {number}" for number in range(100_000))])
    assert store.count(many) == 1


@needs_milvus
def test_a_deletion_does_not_hold_those_before_it(hasty: None) -> None:
    store = new_milvus()
    store.add(*batch(0, 5))
    for _ in range(4):
        number = int(store.latest()[0])
        assert store.delete(pf.Filter(not_numbers=store.latest()[1:].tolist())) == 1
        assert number not in store.latest()
    texts = [text for _, text in sorted(store.log.read().deletions.items())]
    assert len(texts[-1]) <= len(texts[0])
    assert store.count() == 1


@needs_milvus
def test_a_deletion_spares_what_is_added_meanwhile(hasty: None) -> None:
    store, other = new_milvus(), None
    store.add(*batch(0, 5))
    other = MilvusStore(store.address, ONLY_SPACE)
    change, _ = other.log.begin()  # an addition that has begun
    assert store.delete(EVERYTHING) == 5
    later = store.add(*batch(1, 5))
    other.log.end(change)
    assert np.sort(store.latest()).tolist() == later.tolist()


@needs_milvus
def test_removed_under_a_long_reader_is_an_error(
    hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader elsewhere, whom `compact` cannot know."""
    store = new_milvus()
    store.add(*batch(0, 5))
    reader = MilvusStore(store.address, ONLY_SPACE)
    with reader.snapshot() as now:
        store.delete(EVERYTHING)
        assert now.count() == 5
        time.sleep(milvus_changes.GRACE)
        assert now.count() == 5
        store.compact()
        with pytest.raises(DataError, match=facts("removed", "ask again")):
            now.count()


@needs_milvus
def test_a_reader_keeps_what_was_about_to_be_deleted_when_it_began(hasty: None) -> None:
    store = new_milvus()
    store.add(*batch(0, 5))
    other = MilvusStore(store.address, ONLY_SPACE)
    change, changes = other.log.begin()
    everything = MilvusView(other.log, changes, ONLY_SPACE).expression(EVERYTHING)
    with store.snapshot() as now:
        other.log.delete(change, everything)
        assert store.compact().readers == 1
        assert (now.count(), store.count()) == (5, 0)
    assert store.compact().readers == 0
    assert store.log.server.count(store.address.name, "number >= 0", at=0) == 0


@needs_milvus
def test_names_are_names(hasty: None) -> None:
    names = ["it's", '"', "\\", '"] or number > 0 or camera in ["', "北 \n\t", "a\x00b", "%", "{x}"]
    table = Sightings.from_columns(
        Path("/pictures"),
        {
            "image": [f"{row} {name.replace(chr(0), '')}.jpg" for row, name in enumerate(names)],
            "camera": names,
            "track": names[::-1],
        },
    )
    embeddings, crops = batch(0, len(names))
    store = new_milvus()
    numbers = store.add(pf.Embeddings(embeddings.spaces, table, "m", embeddings.content), crops)
    for row, name in enumerate(names):
        assert store.latest(pf.Filter(cameras=[name])).tolist() == [numbers[row]]
        assert store.latest(pf.Filter(tracks=[name])).tolist() == [numbers[-1 - row]]
        others = pf.Filter(not_files=[table.path(row)])
        assert sorted(store.latest(others).tolist()) == np.delete(numbers, row).tolist()
    assert store.tally("camera") == dict.fromkeys(names, 1)
    assert store.delete(pf.Filter(cameras=names[:4])) == 4
    store.compact()
    assert np.sort(store.latest()).tolist() == numbers[4:].tolist()


@needs_milvus
def test_what_no_server_takes_is_refused_at_once(hasty: None) -> None:
    store = new_milvus()
    embeddings, _ = batch(0, 3)
    with pytest.raises(DataError, match=facts("crop", "65,535")):
        store.add(embeddings, [b"x" * 60_000, b"", b""])
    embeddings.spaces["main"][1, 2] = np.nan
    with pytest.raises(DataError, match=facts("main", "NaN")):
        store.add(embeddings)
    assert store.count() == 0


@needs_milvus
def test_a_gallery_by_its_verbs(hasty: None, run: Run, drawn_folder: Path, tmp_path: Path) -> None:
    address = new_address()
    missing = run("gallery", "info", address)
    assert (missing[0], says(missing[2], address, "platefree gallery create")) == (1, True)
    assert run("gallery", "create", address, "--model", "color_stripes")[0] == 0
    again = run("gallery", "create", address)
    assert (again[0], says(again[2], address, "already")) == (1, True)
    code, _, err = run("gallery", "add", address, drawn_folder)
    assert (code, says(err, address)) == (0, True)
    drawn = pf.read_table(drawn_folder)
    info = json.loads(run("gallery", "info", address, "--json")[1])
    assert (info["path"], info["sightings"]) == (address, len(drawn))
    picture = next(iter(sorted(drawn_folder.rglob("*.jpg"))))
    found = run("search", picture, "--gallery", address, "--where", "camera:cam2", "--json")
    assert (found[0], "cam2" in found[1]) == (0, True)
    forgotten = run("gallery", "forget", address, "--where", "camera:cam1")
    assert (forgotten[0], says(forgotten[2], "forgotten", address)) == (0, True)
    out = tmp_path / "lot.csv"
    assert run("gallery", "export", address, "--out", out)[0] == 0
    kept = drawn.camera[drawn.camera != "cam1"]
    assert sorted(pf.read_table(out).camera.tolist()) == sorted(kept.tolist())


def models_of(table: Sightings, folder: Path) -> list[Path]:
    """Two models that were asked before: folders of embeddings, the second of two spaces."""
    content = picture_contents(table)
    made = []
    for number, sizes in enumerate(({"main": 8}, {"0-main": 6, "1-main": 10})):
        random = np.random.default_rng(number)
        drawn = {
            name: random.standard_normal((len(table), size)).astype(np.float32)
            for name, size in sizes.items()
        }
        spaces = {name: l2_normalised(rows, rows) for name, rows in drawn.items()}
        comparison = WeightedMean((ONLY_SPACE, ONLY_SPACE), (0.3, 0.7)) if number else ONLY_SPACE
        embeddings = pf.Embeddings(spaces, table, f"model {number}", content)
        made.append(pf.save_embeddings(embeddings, folder / f"model-{number}", comparison))
    return made


def is_of(gallery: pf.Gallery, model: Path, rows: list[int]) -> bool:
    """Whether a gallery holds these pictures of a model, with its vectors, and nothing else."""
    wanted, numbers = load_stored(model).embeddings, np.sort(gallery.store.latest())
    assert len(gallery.search(int(numbers[3]), top=99).hits) == len(rows) - 1
    stored = gallery.store.get(numbers)
    assert stored.sightings.image.tolist() == [str(wanted.sightings.path(row)) for row in rows]
    assert stored.model == gallery.card.model == wanted.model
    for name, space in wanted.spaces.items():
        np.testing.assert_allclose(stored.spaces[name], space[rows], atol=1e-3)
    return True


@needs_milvus
def test_a_gallery_is_embedded_again_beside_its_old_vectors(
    hasty: None, drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped and gone on with, while it is searched, added to and forgotten from."""
    monkeypatch.setattr(reembedding, "BLOCK", 4)
    table = pf.read_table(drawn_folder).take(np.arange(24))
    old, new = models_of(table, tmp_path)
    lot = pf.Gallery.create(new_address(), old)
    lot.add(load_stored(old).embeddings.take(np.arange(20)))
    numbers = np.sort(lot.store.latest())

    def meanwhile() -> None:
        other = pf.Gallery.open(lot.folder)
        assert is_of(other, old, list(range(20)))
        assert (other.info().coming, other.info().ready) == ("model 1", 8)
        other.forget(pf.Filter(not_numbers=np.delete(numbers, [1, 15]).tolist()))
        other.compact()
        other.add(load_stored(old).embeddings)
        raise KeyboardInterrupt

    open_before = pf.Gallery.open(lot.folder)
    with pytest.raises(KeyboardInterrupt):
        lot.reembed(Meanwhile(load_stored(new), 3, meanwhile), work=WORK)
    counted = Meanwhile(load_stored(new), 0, meanwhile)
    done = pf.Gallery.open(lot.folder).reembed(counted, work=WORK)
    assert (done.switched, done.embedded, counted.embedded) == (True, 24, 24 - 7)
    rows = [*np.delete(np.arange(20), [1, 15]).tolist(), 1, 15, 20, 21, 22, 23]
    for each in (open_before, pf.Gallery.open(lot.folder)):
        assert is_of(each, new, rows)
    np.testing.assert_array_equal(np.sort(lot.store.latest())[:18], np.delete(numbers, [1, 15]))
    held = collections_of(lot.folder.name, lot.store.log.server.collections())
    assert sorted(held.values()) == [1, 1]
    for collection in held:
        assert lot.store.log.server.count(collection, "number >= 0", at=0) == 24
    with pytest.raises(MismatchError, match=facts("model 1", "gallery reembed")):
        lot.add(load_stored(old).embeddings)


@needs_milvus
def test_what_was_begun_with_a_model_is_dropped_for_another(
    hasty: None, drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembedding, "BLOCK", 4)
    table = pf.read_table(drawn_folder).take(np.arange(8))
    old, new = models_of(table, tmp_path)
    lot = pf.Gallery.create(new_address(), old)
    lot.add(load_stored(old).embeddings)

    def stop() -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            lot.reembed(Meanwhile(load_stored(new), 2, stop), work=WORK)
        assert lot.info().ready == 4
        assert lot.reembed(old).embedded == 8
        assert (lot.info().coming, lot.info().ready) == ("", 0)
    assert is_of(lot, old, list(range(8)))
    assert set(collections_of(lot.folder.name, lot.store.log.server.collections()).values()) == {0}


@needs_milvus
def test_additions_wait_for_a_change_of_the_model_and_it_for_them(
    hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = new_milvus(), None
    store.add(*batch(0, 5))
    other = MilvusStore(store.address, ONLY_SPACE)
    with ThreadPoolExecutor() as pool:
        with store.alone():
            adding = pool.submit(other.add, *batch(1, 5))
            time.sleep(0.5)
            assert (store.count(), adding.done()) == (5, False)
        assert len(adding.result()) == 5
    monkeypatch.setattr(milvus_changes, "_PATIENCE", 0.1)
    monkeypatch.setattr(milvus_changes, "_TURNS", 2)
    change, _ = other.log.begin()  # an addition that is under way
    with pytest.raises(StorageError, match=facts("under way", "killed", 60)), store.alone():
        pass
    other.log.end(change)
    other.log.begin_switch()  # by one that was killed
    monkeypatch.setattr(milvus_engine, "RETRY_SECONDS", 0.0)
    with pytest.raises(StorageError, match=facts("its model is being changed", "add again")):
        store.add(*batch(2, 5))
    monkeypatch.setattr(milvus_changes, "SWITCHING", 0.0)
    assert len(store.add(*batch(2, 5))) == 5
    with store.alone():
        pass


@needs_milvus
@pytest.mark.slow
def test_one_that_embeds_it_again_is_killed_at_any_moment(
    hasty: None, drawn_folder: Path, tmp_path: Path, kills: int
) -> None:
    table = pf.read_table(drawn_folder).take(np.arange(24))
    models = models_of(table, tmp_path)
    lot = pf.Gallery.create(new_address(), models[0])
    lot.add(load_stored(models[0]).embeddings)
    chance = random.Random(kills)  # noqa: S311
    for _ in range(max(1, kills // 3)):  # a server takes seconds for each collection
        places = (lot.folder, *models[::-1])
        kill_one_that_embeds_again(places, chance, switches=1, seconds=6)
        gallery = pf.Gallery.open(lot.folder)
        assert is_of(gallery, models[int(gallery.card.model[-1])], list(range(24)))


@pytest.fixture
def stopped_later(hasty: None) -> Iterator[MilvusServer]:
    """The server, which may be stopped, and runs again afterwards."""
    server = MilvusServer(Path(os.environ[FOLDER]))
    yield server
    server.stop()
    server.start()


@needs_milvus
@pytest.mark.slow
def test_a_server_that_stops_and_comes_back(
    stopped_later: MilvusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was added is there, a read ends with a clear error, and an addition waits for it."""
    store = new_milvus()
    address = str(store.address)
    store.add(*batch(0, 5))
    query = batch(9, 1)[0]
    assert store.search(query, top=5).indices.min() > 0
    stopped_later.stop()
    monkeypatch.setattr(milvus_engine, "ANSWER_SECONDS", 1.0)
    for read in (lambda: store.search(query, top=5), store.count):
        with pytest.raises(DataError, match=facts(address, "server runs")):
            read()
    with monkeypatch.context() as patch:
        patch.setattr(milvus_engine, "RETRY_SECONDS", 2.0)
        with pytest.raises(StorageError, match=facts(address, 2, "add again")):
            store.add(*batch(1, 5))
    monkeypatch.setattr(milvus_engine, "RETRY_SECONDS", 120.0)
    monkeypatch.setattr(milvus_engine, "ANSWER_SECONDS", 20.0)
    with ThreadPoolExecutor() as pool:
        adding = pool.submit(store.add, *batch(2, 5))
        stopped_later.start()
        assert len(adding.result()) == 5
    assert batches_in(store) == {0: list(range(5)), 2: list(range(5))}


@needs_milvus
def test_nothing_is_left() -> None:
    drop_all()
    assert new_milvus().log.server.collections() == []
    assert os.environ[ADDRESS].startswith("milvus://")
