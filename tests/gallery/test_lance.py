"""A gallery in a folder: what is on the disk, who may write, and what a kill leaves."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from lance_batches import batch
from messages import facts

import platefree as pf
from platefree.errors import DataError, StorageError
from platefree.gallery import lance as lance_store
from platefree.gallery import lance_indexes
from platefree.gallery.filters import EVERYTHING
from platefree.gallery.lance import TABLE, LanceStore
from platefree.ranking.comparison import ONLY_SPACE, Cosine, l2_normalised
from platefree.ranking.joined_spaces import WeightedMean
from platefree.ranking.view_comparison import ViewComparison, ViewRelations
from platefree.storage.disk import Disk, written_to
from platefree.storage.locks import only_writer
from platefree.types import Embeddings, Indices, Sightings

HERE = Path(__file__).parent
HINT = "latest_version_hint.json"
"""A file of the engine that may be missing or wrong."""


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def files_with(folder: Path, content: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()]


def traces(number: int, row: int, size: int) -> list[bytes]:
    """What of a sighting could be found on the disk."""
    embeddings, crops = batch(number, size)
    vector = embeddings.spaces["main"][row].astype(np.float16).tobytes()
    return [crops[row], vector, embeddings.content[row].tobytes()]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small numbers, so that everything that a large gallery does happens soon."""
    monkeypatch.setattr(lance_store, "TIERS", (16, 64))
    for module, name, value in (
        (lance_store, "MOST", 16),
        (lance_store, "VERSIONS", 8),
        (lance_indexes, "INDEX_FROM", 1_000),
        (lance_indexes, "UNINDEXED", 200),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("indexed", [False, True])
def test_what_was_deleted_is_gone_from_the_disk(tmp_path: Path, hasty: None, indexed: bool) -> None:
    """One row among many, which the engine's own clean-up would leave."""
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    store.add(*batch(1, 1_200 if indexed else 500))
    store.add(*batch(2, 5))
    assert store.exact is not indexed
    for trace in traces(2, 3, 5):
        assert files_with(tmp_path, trace)
    assert store.delete(pf.Filter(tracks=["2"])) == 5
    before = store.get(store.latest())
    done = store.compact()
    assert (done.readers, done.after) == (0, size_of(tmp_path / "lot"))
    for row in range(5):
        for trace in (*traces(2, row, 5), b"/pictures/2/"):
            assert files_with(tmp_path, trace) == []
    after = store.get(store.latest())
    assert after.sightings.image.tolist() == before.sightings.image.tolist()
    np.testing.assert_array_equal(after.spaces["main"], before.spaces["main"])
    one = store.search(after.take(np.array([7])), top=1)
    assert store.get(one.indices[0]).sightings.image[0] == after.sightings.image[7]


class DiskInNoHurry(Disk):
    """Writes as always, but nothing waits for it; thousands of waits take a minute."""

    def sync(self, descriptor: int) -> None:
        del descriptor


@pytest.mark.slow
def test_many_single_additions_are_few_files_and_little_more_than_one(
    tmp_path: Path,
) -> None:
    single, at_once = (LanceStore(tmp_path / name, ONLY_SPACE) for name in ("single", "at-once"))
    embeddings, crops = batch(5, 400)
    crops = [crop * 6 for crop in crops]  # 4 KB, as small pictures have
    at_once.add(embeddings, crops)
    most = 0
    with written_to(DiskInNoHurry()):
        for row in range(400):
            single.add(embeddings.take(np.array([row])), crops[row : row + 1])
            if row % 50 == 0:
                most = max(most, len(list((tmp_path / "single" / TABLE / "data").iterdir())))
    assert most <= 4 * lance_store.MANY
    assert size_of(single.folder) < 1.3 * size_of(at_once.folder)
    query = batch(6, 3)[0]
    found, wanted = (store.search(query, top=20) for store in (single, at_once))
    np.testing.assert_array_equal(found.distances, wanted.distances)


def recall(found: Indices, wanted: Indices) -> float:
    """The share of the (q, k) numbers that were wanted which were found."""
    shared = sum(len(set(a) & set(b)) for a, b in zip(found, wanted, strict=True))
    return shared / wanted.size


def test_an_index_is_built_extended_and_agrees_with_every_distance(
    tmp_path: Path, hasty: None
) -> None:
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    stored = [batch(1, 900), batch(2, 900), batch(3, 50), batch(4, 900)]
    for number, (embeddings, crops) in enumerate(stored):
        store.add(embeddings, crops)
        assert store.exact is (number == 0)
    with store.snapshot() as now:
        assert now.indexed["space_main"] >= now.count() - lance_indexes.UNINDEXED
        every = now.get(np.sort(now.latest()))
    query = batch(9, 40)[0]
    memory = pf.MemoryStore(every, ONLY_SPACE)
    for where in (EVERYTHING, pf.Filter(tracks=["3"]), pf.Filter(tracks=["1", "4"])):
        found, wanted = (each.search(query, where, 10) for each in (store, memory))
        assert recall(found.indices, np.sort(store.latest())[wanted.indices]) >= 0.995
    fresh = store.add(*batch(7, 20))
    own = store.search(batch(7, 20)[0], top=1)
    assert own.indices[:, 0].tolist() == fresh.tolist()


def parts_of(store: LanceStore) -> list[int]:
    """How many rows each part of the index of vectors has."""
    with store.snapshot() as now:
        (index,) = (
            each for each in now._dataset.describe_indices() if each.field_names[0] == "space_main"
        )
        return lance_indexes.rows_of_parts(now._dataset, index)


def test_an_index_that_grows_for_long_stays_in_few_parts_and_small(
    tmp_path: Path, hasty: None
) -> None:
    """Every part is looked at by every search; an index built anew takes as long as all rows."""
    growing, at_once = (LanceStore(tmp_path / name, ONLY_SPACE) for name in ("growing", "once"))
    most = 0
    for number in range(1, 40):
        growing.add(*batch(number, 250))
        with growing.snapshot() as now:
            found = now._dataset.describe_indices()
        most = max(most, *(len(index.segments) for index in found), 0)
        assert all(index.num_rows_indexed >= 250 * number - 250 for index in found)
        if number >= 10:  # four times the rows of the first part: each can be had by a processor
            assert max(parts_of(growing)) <= 0.5 * 250 * number
    assert 2 <= most <= 7
    assert not growing.exact
    growing.compact()
    assert sorted(parts_of(growing)) == [4_750, 5_000]
    assert len(list((growing.folder / TABLE / "data").iterdir())) <= lance_store.MANY
    every = growing.get(np.sort(growing.latest()))
    at_once.add(every, growing.crops(np.sort(growing.latest())))
    assert size_of(growing.folder) < 1.5 * size_of(at_once.folder)
    query = batch(99, 40)[0]
    wanted = pf.MemoryStore(every, ONLY_SPACE).search(query, top=10).indices
    numbers = np.sort(growing.latest())
    assert recall(growing.search(query, top=10).indices, numbers[wanted]) >= 0.995


def test_an_index_of_more_lists_is_searched_wholly(
    tmp_path: Path, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lance_indexes, "LISTS", 32)  # as former versions wrote it
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    numbers = store.add(*batch(1, 2_000))
    assert not store.exact
    query, every = batch(9, 40)[0], store.get(numbers)
    wanted = pf.MemoryStore(every, ONLY_SPACE).search(query, top=10).indices
    assert recall(store.search(query, top=10).indices, numbers[wanted]) >= 0.995


def test_two_spaces_with_indexes_agree_with_every_distance(tmp_path: Path, hasty: None) -> None:
    """VANet's comparison: the space of a pair is chosen by the views of both."""
    comparison = ViewComparison(ViewRelations(["front", "rear", "side"], "same-different"))
    random = np.random.default_rng(0)

    def drawn(n: int) -> Embeddings:
        sizes = {"same_view": 24, "different_view": 24, "view": 3}
        spaces = {
            name: l2_normalised(rows := random.standard_normal((n, size)).astype(np.float32), rows)
            for name, size in sizes.items()
        }
        table = Sightings.from_columns(Path("/"), {"image": [f"{row}.jpg" for row in range(n)]})
        return Embeddings(spaces, table, "m", random.integers(1, 255, (n, 16)).astype(np.uint8))

    store, query = LanceStore(tmp_path / "lot", comparison), drawn(40)
    numbers = store.add(drawn(2_000))
    with store.snapshot() as now:  # views are not searched
        assert set(now.indexed) == {"space_same_view", "space_different_view"}
    found = store.search(query, top=10)
    wanted = pf.MemoryStore(store.get(numbers), comparison).search(query, top=10)
    assert recall(found.indices, numbers[wanted.indices]) >= 0.995
    distances = comparison.distances(query, store.get(numbers))
    for row in range(len(query)):
        places = np.searchsorted(numbers, found.indices[row])
        np.testing.assert_allclose(found.distances[row], distances[row, places], atol=1e-5)


@pytest.mark.parametrize("size", [7, 9, 12])
def test_embeddings_of_a_length_that_no_index_takes(tmp_path: Path, hasty: None, size: int) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((1_100, size)).astype(np.float32)
    table = Sightings.from_columns(Path("/"), {"image": [f"{row}.jpg" for row in range(1_100)]})
    content = random.integers(1, 255, (1_100, 16)).astype(np.uint8)
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    numbers = store.add(Embeddings({"main": l2_normalised(rows, rows)}, table, "m", content))
    assert store.exact
    found = store.search(store.get(numbers[:5]), top=1)
    assert found.indices[:, 0].tolist() == numbers[:5].tolist()


def test_a_version_that_is_read_elsewhere_stays_and_goes_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "lot"
    store = LanceStore(folder, ONLY_SPACE)
    store.add(*batch(1, 30))
    reader = subprocess.Popen(
        [sys.executable, str(HERE / "hold_version.py"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert int(reader.stdout.readline()) == store.version
    store.delete(pf.Filter(tracks=["1"]))
    store.add(*batch(2, 10))
    assert store.compact().readers == 1
    assert files_with(folder, traces(1, 4, 30)[0])
    assert reader.communicate(timeout=60)[0] == "30\n"
    assert store.compact().readers == 0
    assert not files_with(folder, traces(1, 4, 30)[0])
    assert store.count() == 10


def test_a_reader_that_was_killed_keeps_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "lot"
    store = LanceStore(folder, ONLY_SPACE)
    store.add(*batch(1, 3))
    reader = subprocess.Popen(
        [sys.executable, str(HERE / "hold_version.py"), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline()
    reader.kill()
    reader.communicate()
    store.delete(EVERYTHING)
    assert store.compact().readers == 0
    assert not files_with(folder, traces(1, 1, 3)[0])
    assert [each.name for each in folder.iterdir()] == [TABLE]


def test_a_folder_to_which_nothing_was_added_is_empty(tmp_path: Path) -> None:
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    query = batch(1, 2)[0]
    assert store.search(query, top=3).indices.tolist() == [[-1] * 3] * 2
    assert (store.count(), store.version, store.exact) == (0, 0, True)
    assert (store.latest().tolist(), store.delete(EVERYTHING), store.tally("camera")) == ([], 0, {})
    assert not store.holds(query.content).any()
    with pytest.raises(DataError, match=facts("no sightings")):
        store.get(np.array([1]))
    assert store.compact().before == 0


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    store.add(*batch(1, 3))
    other = LanceStore(tmp_path / "lot", ONLY_SPACE)
    with only_writer(tmp_path / "lot"):
        for refused in (
            lambda: other.add(*batch(2, 1)),
            lambda: other.delete(EVERYTHING),
            other.compact,
        ):
            with pytest.raises(StorageError, match=facts("lot", "another run")):
                refused()
        assert other.count() == 3
    other.add(*batch(2, 1))
    assert store.count() == 4


def test_a_name_that_is_no_unicode_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    embeddings, _ = batch(1, 1)
    table = Sightings.from_columns(Path("/"), {"image": ["/\udcff.jpg"]})
    with pytest.raises(DataError, match=facts("Unicode")):
        store.add(Embeddings(embeddings.spaces, table, "m", embeddings.content))
    assert store.count() == 0


def test_a_damaged_folder_is_a_clear_word(tmp_path: Path) -> None:
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    store.add(*batch(1, 30))
    (data,) = (tmp_path / "lot" / TABLE / "data").iterdir()
    data.unlink()
    with pytest.raises(DataError, match=facts("lot", "cannot be read")):
        LanceStore(tmp_path / "lot", ONLY_SPACE).get(store.latest())


class Synced(Disk):
    """A disk that notes which files and folders were synced, as they were then."""

    def __init__(self) -> None:
        self.synced: dict[str, int] = {}

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        place = os.readlink(f"/proc/self/fd/{descriptor}")
        self.synced[place] = os.stat(place).st_size


def test_what_is_acknowledged_is_on_the_disk(tmp_path: Path, hasty: None) -> None:
    """Each file of the table, and the folders with their names."""
    store, disk = LanceStore(tmp_path / "lot", ONLY_SPACE), Synced()
    with written_to(disk):
        for change in (
            lambda: store.add(*batch(1, 30)),
            lambda: store.add(*batch(2, 1_500)),
            lambda: store.delete(pf.Filter(tracks=["1"])),
            store.compact,
        ):
            change()
            for path in (tmp_path / "lot").rglob("*"):
                if path.name == HINT:
                    continue
                assert str(path) in disk.synced, path
                assert path.is_dir() or disk.synced[str(path)] == path.stat().st_size


@pytest.mark.parametrize("content", [b"", b"{", b'{"version":1}', None])
def test_the_hint_at_the_newest_version_is_not_needed(
    tmp_path: Path, content: bytes | None
) -> None:
    """It is the one file that is written over; a power cut may leave an old one, or nothing."""
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    store.add(*batch(1, 3))
    store.add(*batch(2, 3))
    hint = tmp_path / "lot" / TABLE / "_versions" / HINT
    if content is None:
        hint.unlink()
    else:
        hint.write_bytes(content)
    assert LanceStore(tmp_path / "lot", ONLY_SPACE).count() == 6


TOO_MUCH = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from lance_batches import batch
from platefree.errors import StorageError
from platefree.gallery.lance import LanceStore
from platefree.ranking.comparison import ONLY_SPACE, l2_normalised
from platefree.ranking.view_comparison import ViewComparison, ViewRelations
store = LanceStore(sys.argv[1], ONLY_SPACE)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.add(*batch(2, 5_000))
except StorageError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_keeps_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "lot"
    store = LanceStore(folder, ONLY_SPACE)
    store.add(*batch(1, 30))
    done = subprocess.run(
        [sys.executable, "-c", TOO_MUCH, str(folder), str(HERE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"cannot write {folder}" in done.stdout
    assert store.count() == 30
    store.add(*batch(2, 5_000))
    store.compact()
    assert store.count() == 5_030
    assert len(list((folder / TABLE / "data").iterdir())) <= 2  # nothing of the failed addition


def test_readers_beside_a_writer_see_whole_batches(tmp_path: Path) -> None:
    """Several at once, while it adds, deletes, gathers, builds indexes and removes versions."""
    folder = tmp_path / "lot"
    LanceStore(folder, ONLY_SPACE).add(*batch(1, 40))
    writer = subprocess.Popen(
        [sys.executable, str(HERE / "write_lance.py"), str(folder), "2", "0", "1"],
        stdout=subprocess.DEVNULL,
    )
    seen, query = set[int](), batch(1, 3)[0]

    def read(_: int) -> None:
        store = LanceStore(folder, ONLY_SPACE)
        while len(seen) <= 10 and writer.poll() is None:
            with store.snapshot() as now:
                numbers = now.latest()
                tracks = Counter(now.get(numbers).sightings.track.tolist())
                assert set(tracks.values()) <= {1, 3, 40}
                assert now.count() == len(numbers)
                found = now.search(query, top=5)
                assert np.isin(found.indices[found.indices >= 0], numbers).all()
                seen.add(now.version)
            assert store.search(query, pf.Filter(tracks=["1"]), 1).indices.shape == (3, 1)

    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(read, range(4)))
    finally:
        assert writer.poll() is None, "the writer stopped, so nothing was tested"
        writer.kill()
        writer.wait()


def run_until_killed(folder: Path, said: list[list[str]], chance: random.Random) -> None:
    """Let a writer work for a random moment, kill it, and note what it has said."""
    added = [int(words[2]) for words in said if words[:2] == ["done", "add"]]
    gone = {int(words[2]) for words in said if words[:2] == ["done", "delete"]}
    start = 1 + max((int(words[2]) for words in said), default=0)
    there = [number for number in added if number not in gone]
    words = [folder, start, chance.randrange(10**6), *there]
    told = folder.parent / "told.txt"
    with told.open("w") as file:
        command = [sys.executable, str(HERE / "write_lance.py"), *map(str, words)]
        writer = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE)
    wanted = chance.randrange(1, 28)  # lines, however slow the machine is; the first is "ready"
    while told.read_text().count("\n") < wanted:
        assert writer.poll() is None, writer.communicate()[1]
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.1))
    assert writer.poll() is None, writer.communicate()[1]
    writer.kill()
    writer.communicate()
    lines = told.read_text().splitlines(keepends=True)[1:]
    said += [line.split() for line in lines if line.endswith("\n")]


def check_rows(folder: Path, said: list[list[str]]) -> None:
    """Every acknowledged batch is there as it was, and none is half there."""
    sizes = {int(words[2]): int(words[3]) for words in said if words[1] == "add"}
    done = {(words[1], int(words[2])) for words in said if words[0] == "done"}
    begun = {(words[1], int(words[2])) for words in said}
    store = LanceStore(folder, ONLY_SPACE)
    numbers = store.latest()
    stored, crops = store.get(numbers), store.crops(numbers)
    rows_of: dict[int, list[int]] = {}
    for row, track in enumerate(stored.sightings.track.tolist()):
        rows_of.setdefault(int(track), []).append(row)
    for number, size in sizes.items():
        rows = sorted(rows_of.pop(number, []), key=lambda row: numbers[row])
        assert len(rows) in (0, size), f"batch {number} is half there"
        if ("add", number) in done and ("delete", number) not in begun:
            assert rows, f"batch {number} was acknowledged and is lost"
        if ("delete", number) in done:
            assert not rows, f"batch {number} was deleted and is there"
        if rows:
            embeddings, small = batch(number, size)
            np.testing.assert_allclose(
                stored.spaces["main"][rows], embeddings.spaces["main"], atol=1e-3
            )
            assert [crops[row] for row in rows] == small
    assert rows_of == {}
    assert store.count() == len(numbers)


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_acknowledged(
    tmp_path: Path, kills: int
) -> None:
    folder, chance = tmp_path / "lot", random.Random(kills)  # noqa: S311
    said: list[list[str]] = []
    for _ in range(kills):
        run_until_killed(folder, said, chance)
        check_rows(folder, said)
    store = LanceStore(folder, ONLY_SPACE)
    store.compact()
    check_rows(folder, said)
    assert sum(words[0] == "done" for words in said) > 3 * kills


def test_a_least_similarity_is_kept_where_all_rows_are_compared(tmp_path: Path) -> None:
    """No index answers a mean of two models."""
    random, names = np.random.default_rng(0), ("0-main", "1-main")
    drawn = random.standard_normal((2, 40, 8)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=2, keepdims=True)
    table = Sightings.from_columns(tmp_path, {"image": [f"{row}.jpg" for row in range(40)]})
    content = random.integers(1, 255, (40, 16), np.uint8)
    rows = Embeddings(dict(zip(names, drawn, strict=True)), table, "m", content)
    store = LanceStore(tmp_path / "lot", WeightedMean((Cosine("main"),) * 2, (0.5, 0.5)), "m")
    numbers = store.add(rows)
    similarity = (drawn @ drawn[:, 0, :, None]).mean(axis=0)[:, 0]
    least = float(np.sort(similarity)[-12:-10].mean())  # between the tenth and the next
    found = store.search(rows.take(np.array([0])), pf.Filter(at_least=least), 40)
    hits = found.indices[found.indices >= 0]
    assert sorted(hits.tolist()) == sorted(numbers[similarity >= least].tolist())
