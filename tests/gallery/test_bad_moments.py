"""What can happen to a gallery in months: a full disk, lost pictures, odd vectors, huge filters."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from lance_batches import batch
from messages import facts, says
from PIL import Image

import platefree as pf
from platefree.errors import DataError
from platefree.gallery import lance as lance_store
from platefree.gallery import lance_recovery
from platefree.gallery.lance import TABLE, LanceStore
from platefree.gallery.lance_recovery import UNFINISHED
from platefree.ranking.comparison import ONLY_SPACE
from platefree.storage.disk import Disk, written_to
from platefree.types import Embeddings, Sightings

HERE = Path(__file__).parent
SMALL_DISK = ["unshare", "--map-root-user", "--mount"]


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    words = [*SMALL_DISK, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="no disk can be mounted here")
def test_a_disk_that_is_full_in_the_middle_of_additions_keeps_all_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    words = [*SMALL_DISK, sys.executable, HERE / "fill_disk.py", tmp_path]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 20


class Synced(Disk):
    """A disk that notes which files were synced."""

    def __init__(self) -> None:
        self.synced = set[str]()

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self.synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))


def test_new_files_are_on_the_disk_before_those_that_they_replace_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut between could take rows that were acknowledged long before."""
    monkeypatch.setattr(lance_store, "TIERS", (16, 64))
    monkeypatch.setattr(lance_store, "VERSIONS", 8)
    store, disk, removals = LanceStore(tmp_path / "lot", ONLY_SPACE), Synced(), 0
    real = LanceStore._remove_superseded

    def checked(store: LanceStore, dataset: Any) -> int:  # noqa: ANN401
        nonlocal removals
        removals += 1
        for path in (tmp_path / "lot").rglob("*"):
            if path.is_file() and not path.name.endswith((".lock", "hint.json")):
                assert str(path) in disk.synced, path
        return real(store, dataset)

    monkeypatch.setattr(LanceStore, "_remove_superseded", checked)
    with written_to(disk):
        for number in range(1, 20):
            store.add(*batch(number, 3))
        for number in range(1, 12):
            store.delete(pf.Filter(tracks=[str(number)]))
        store.compact()
    assert removals > 3


class PowerCut(BaseException):
    """No program lives to handle it."""


class Unsynced(Disk):
    """A disk whose power is cut where the files of a change are to be waited for."""

    def sync(self, descriptor: int) -> None:
        if TABLE in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise PowerCut
        super().sync(descriptor)


CHANGES: dict[str, Callable[[LanceStore], object]] = {
    "add": lambda store: store.add(*batch(3, 20)),
    "delete": lambda store: store.delete(pf.Filter(tracks=["1"])),
    "compact": lambda store: store.compact(),
}


@pytest.mark.parametrize("lost", ["all", "half", "one", "nothing"])
@pytest.mark.parametrize("what", [*CHANGES, "first"])
def test_a_power_cut_takes_back_a_change_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, lost: str
) -> None:
    """Files of which the names are on the disk, but not the bytes; another writer or a reader."""
    folder = tmp_path / "lot"
    store, kept = LanceStore(folder, ONLY_SPACE), np.empty(0, np.int64)
    if what != "first":
        store.add(*batch(1, 30))
        store.add(*batch(2, 30))
        store.delete(pf.Filter(not_numbers=store.latest()[3:].tolist()))
        kept = np.sort(store.latest())
    before = {path for path in folder.rglob("*") if path.is_file()}
    with written_to(Unsynced()), pytest.raises(PowerCut):
        CHANGES.get(what, CHANGES["add"])(store)
    monkeypatch.setattr(lance_recovery, "_boot", lambda: "after the power cut")
    files = [path for path in (folder / TABLE).rglob("*") if path.is_file()]
    needed = (".lance", ".manifest", ".arrow")  # to read the table
    new = sorted(path for path in files if path not in before and path.suffix in needed)
    assert new
    for path in {"all": new, "half": new[::2], "one": new[:1], "nothing": []}[lost]:
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(0 if lost != "half" else size // 2)
    reader = LanceStore(folder, ONLY_SPACE)
    numbers = np.sort(reader.latest())
    assert not (folder / UNFINISHED).exists()
    if lost != "nothing":
        assert numbers.tolist() == kept.tolist()
    if len(numbers):
        reader.get(numbers)
        assert reader.search(batch(9, 1)[0], top=len(numbers)).indices.min() >= 0
    added = reader.add(*batch(4, 5))
    assert np.sort(reader.latest()).tolist() == [*numbers, *added]
    reader.compact()
    assert np.sort(LanceStore(folder, ONLY_SPACE).latest()).tolist() == [*numbers, *added]


def test_both_namings_of_manifests_are_known() -> None:
    for version in (1, 7, 10**6):
        assert lance_recovery._version_of(f"{2**64 - 1 - version:020d}") == version
        assert lance_recovery._version_of(str(version)) == version


@pytest.mark.skipif(not lance_recovery._boot(), reason="the system does not say when it began")
def test_a_change_whose_writer_was_killed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lance_recovery, "_take_back", None)  # the machine has run since
    monkeypatch.setattr(lance_recovery, "_is_whole", lambda path: False)
    folder = tmp_path / "lot"
    store = LanceStore(folder, ONLY_SPACE)
    store.add(*batch(1, 30))
    with written_to(Unsynced()), pytest.raises(PowerCut):
        store.add(*batch(2, 20))
    assert (folder / UNFINISHED).exists()
    disk = Synced()
    with written_to(disk):
        assert LanceStore(folder, ONLY_SPACE).count() == 50
    assert not (folder / UNFINISHED).exists()
    synced = {Path(path).suffix for path in disk.synced if Path(path).is_file()}
    assert synced >= {".lance", ".manifest", ".txn"}


def test_a_filter_of_a_hundred_thousand_cameras(tmp_path: Path) -> None:
    store = LanceStore(tmp_path / "lot", ONLY_SPACE)
    for number in (1, 2, 3):
        store.add(*batch(number, 30))
    where = pf.Filter(tracks=["1", "3", *(f"it's {each}" for each in range(100_000))])
    query = batch(9, 1)[0]
    numbers = np.sort(store.latest())
    found = pf.MemoryStore(store.get(numbers), ONLY_SPACE).search(query, where, 90)
    wanted = [int(numbers[place]) for place in found.indices[0] if place >= 0]
    assert [each for each in store.search(query, where, 90).indices[0] if each >= 0] == wanted
    assert store.delete(where) == len(wanted) == 60
    assert set(store.get(store.latest()).sightings.track.tolist()) == {"2"}


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0, 1e-30, 7.0])
def test_vectors_that_are_none_are_stored_and_asked_nowhere(tmp_path: Path, wrong: float) -> None:
    class Broken:
        """A model whose network has come to nothing."""

        def __init__(self) -> None:
            self._model = pf.load_model("color_stripes")

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            return getattr(self._model, name)

        def embed(self, sightings: Sightings, **_: object) -> tuple[Embeddings, list[str]]:
            rows = np.full((len(sightings), 8), wrong, np.float32)
            return Embeddings({"main": rows}, sightings, self.fingerprint), []

    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.jpg")
    table = Sightings.from_columns(tmp_path, {"image": ["a.jpg"]})
    gallery = pf.Gallery.create(tmp_path / "lot", Broken())  # type: ignore[arg-type]
    with pytest.raises(DataError, match=facts("row 0", "length 1")):
        gallery.add(table)
    good = batch(1, 4)[0]
    stored = replace(good, model=gallery.card.model)
    gallery.add(stored)
    with pytest.raises(DataError, match=facts("row 0", "length 1")):
        gallery.search(tmp_path / "a.jpg")
    assert gallery.store.count() == 4


def test_pictures_that_were_deleted_after_they_were_added(
    run: Run, drawn_folder: Path, tmp_path: Path
) -> None:
    pictures, lot, sheet = tmp_path / "pictures", tmp_path / "lot", tmp_path / "sheet.png"
    shutil.copytree(drawn_folder, pictures)
    run("gallery", "create", lot, "--model", "color_stripes")
    run("gallery", "add", lot, pictures, "--workers", 0)
    query = tmp_path / "query.jpg"
    shutil.copy(next(pictures.rglob("*.jpg")), query)
    shutil.rmtree(pictures)
    code, _, err = run("search", query, "--gallery", lot, "--sheet", sheet, "--top", 9)
    assert (code, says(err, "9 hits without a file")) == (0, True), err
    assert sheet.exists()
    assert run("search", "--gallery", lot, "--where", "camera:cam1")[0] == 0
    assert run("gallery", "export", lot, "--out", tmp_path / "out")[0] == 0
    assert len(pf.read_table(tmp_path / "out")) == 96
    code, _, err = run("gallery", "forget", lot, "--where", "camera:cam1")
    assert (code, "not touched" in err) == (0, False)
