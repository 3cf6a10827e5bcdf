"""How long sightings are kept: the rule against a loop over rows, and when it is carried out."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from messages import facts, says

import platefree as pf
from platefree.audit.audit_check import read_entries
from platefree.audit.audit_log import AuditLog
from platefree.errors import DataError, StorageError
from platefree.gallery.audit_trail import AuditTrail
from platefree.gallery.retention import Retention
from platefree.storage.locks import only_writer
from platefree.types import Embeddings, Sightings

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
RULE = Retention(days=5, cameras={"gate": 2, "": 1, "dock": 300})
CAMERAS = ("gate", "ramp", "dock", "")


def seen(count: int = 200, now: datetime = NOW) -> Embeddings:
    """Sightings of 4 cameras, up to ten days before now; some of unknown time."""
    random = np.random.default_rng(0)
    present = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "ms")
    times = present - random.integers(0, 10 * 86_400_000, count)
    times[::9] = "NaT"
    columns = {
        "image": [f"/pictures/{row}.jpg" for row in range(count)],
        "camera": random.choice(np.array(CAMERAS, object), count),
        "time": times.astype("datetime64[ms]"),
    }
    rows = random.standard_normal((count, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    content = random.integers(1, 255, (count, 16)).astype(np.uint8)
    table = Sightings.from_columns(Path("/"), columns)
    return Embeddings({"main": rows}, table, pf.load_model("color_stripes").fingerprint, content)


def kept_at(table: Sightings, now: datetime) -> list[str]:
    """The loop: the pictures that the rule keeps."""
    days = {"gate": 2, "ramp": 5, "dock": 300, "": 1}
    kept = []
    for row in range(len(table)):
        moment = table.time[row].astype(datetime)
        oldest = now - timedelta(days=days[str(table.camera[row])])
        if moment is None or moment.replace(tzinfo=UTC) >= oldest:
            kept.append(str(table.path(row)))
    return kept


@pytest.fixture
def lot(tmp_path: Path) -> pf.Gallery:
    return pf.Gallery.create(tmp_path / "lot", "color_stripes")


def pictures_of(gallery: pf.Gallery) -> list[str]:
    table = gallery.store.get(np.sort(gallery.store.latest())).sightings
    return [str(table.path(row)) for row in range(len(table))]


def test_what_is_older_than_its_camera_keeps_is_forgotten_and_leaves_the_disk(
    lot: pf.Gallery,
) -> None:
    embeddings = seen()
    lot.add(embeddings)
    lot.keep(RULE)
    done = lot.retain(NOW)
    kept = kept_at(embeddings.sightings, NOW)
    assert pictures_of(lot) == kept
    assert 30 < len(kept) < 150
    table = embeddings.sightings
    gone = [row for row in range(200) if str(table.path(row)) not in kept]
    assert done.removed == dict(Counter(str(table.camera[row]) for row in gone))
    assert done.undated == len(range(0, 200, 9))
    files = bytes_of(lot.folder)
    for row in gone:
        assert str(table.path(row)).encode() not in files
        assert embeddings.spaces["main"][row].astype(np.float16).tobytes() not in files
    version = lot.store.version
    assert lot.retain(NOW).removed == {}
    assert lot.store.version == version  # nothing was written


def test_what_a_killed_run_left_on_the_disk_is_removed_by_the_next(
    lot: pf.Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings = seen()
    lot.add(embeddings)
    lot.keep(RULE)
    log = AuditLog(lot.folder)
    log.add("anna", "search")
    lot.audit = AuditTrail(log, "anna")

    def killed() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(lot.store, "compact", killed)
        with pytest.raises(KeyboardInterrupt):
            lot.retain(NOW)
    times = embeddings.sightings.time
    first = embeddings.sightings.path(int(np.flatnonzero(times == np.nanmin(times))[0]))
    assert str(first).encode() in bytes_of(lot.folder)
    with lot.store.snapshot():  # somebody reads what was deleted
        assert lot.retain(NOW).readers == 1
    assert lot.retain(NOW).removed == {}
    assert str(first).encode() not in bytes_of(lot.folder)
    done = [each.action for each in read_entries(lot.folder, 9)]
    assert done == ["search", "retain.asked", "retain.done"]


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_addition_carries_the_rule_out_when_something_is_a_day_late(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    embeddings = seen(now=now)
    lot = pf.Gallery.create(tmp_path / "lot", "color_stripes", retention=RULE)
    times = np.full(200, np.datetime64(now.replace(tzinfo=None), "ms"))
    times[0] -= np.timedelta64(11 * 24 + 12, "h")
    times[7] -= np.timedelta64(5 * 24 + 12, "h")  # less than a day late
    cameras = np.full(200, "ramp", object)
    late = replace(embeddings, sightings=replace(embeddings.sightings, time=times, camera=cameras))
    assert lot.add(late.take(np.arange(5))).expired == 1
    assert len(pictures_of(lot)) == 4
    assert lot.add(late.take(np.arange(5, 10))).expired == 0
    assert sum(lot.retain().removed.values()) == 1


def test_without_a_rule_everything_is_kept(lot: pf.Gallery) -> None:
    embeddings = seen()
    lot.add(embeddings)
    for rule in (None, Retention(), Retention(cameras={"elsewhere": 1})):
        lot.keep(rule)
        assert lot.retain(NOW + timedelta(days=9_000)).removed == {}
    assert lot.store.count() == 200
    with only_writer(lot.folder):
        for refused in (lot.retain, lambda: lot.keep(RULE)):
            with pytest.raises(StorageError, match=facts("another run")):
                refused()


def test_a_card_without_a_rule_is_read_and_a_changed_rule_is_that_of_every_process(
    lot: pf.Gallery,
) -> None:
    card = lot.folder / "gallery.json"
    former = json.loads(card.read_text())
    for name in ("retention", "coming"):
        del former[name]
    card.write_text(json.dumps(former))
    other = pf.Gallery.open(lot.folder)
    assert other.info().retention == []
    lot.keep(RULE)
    other.add(seen(now=datetime(2025, 1, 1, tzinfo=UTC)))
    assert other.info().retention == ["5", "gate:2", "unknown:1", "dock:300"]
    assert other.info().sightings == kept_count(seen(now=datetime(2025, 1, 1, tzinfo=UTC)))


def kept_count(embeddings: Embeddings) -> int:
    return len(kept_at(embeddings.sightings, datetime.now(UTC)))


def test_the_rule_in_words() -> None:
    assert Retention.of(["5", "gate:2", "unknown:1", "dock:300"]) == RULE
    assert Retention.of(["lane:2:0.5"]) == Retention(cameras={"lane:2": 0.5})
    assert Retention.of(Retention.of(["90"]).words()) == Retention(days=90)
    for wrong in (
        ["gate:2", "gate:3"],
        ["much"],
        ["gate:"],
        ["0"],
        ["-3"],
        ["nan"],
        ["inf"],
        ["5", "6"],
        ["1e9"],
    ):
        with pytest.raises(DataError):
            Retention.of(wrong)


def test_the_verb(run: Run, drawn_folder: Path, drawn_table: Sightings, tmp_path: Path) -> None:
    lot = tmp_path / "lot"
    assert run("gallery", "create", lot, "--keep", "90", "--keep", "cam1:100000")[0] == 1
    assert run("gallery", "create", lot, "--model", "color_stripes")[0] == 0
    run("gallery", "add", lot, drawn_folder, "--workers", 0)
    age = datetime.now(UTC) - drawn_table.time.min().astype(datetime).replace(tzinfo=UTC)
    if age.days < 1:
        pytest.skip("this clock is before the time of the pictures")
    code, out, err = run("gallery", "retain", lot, "--keep", "36500", "--keep", "cam2:0.1")
    count = int((drawn_table.camera == "cam2").sum())
    assert (code, says(err, f"camera cam2: {count} sightings forgotten")) == (0, True)
    assert says(run("gallery", "info", lot)[1], "36500, cam2:0.1")
    code, out, err = run("gallery", "add", lot, drawn_folder, "--workers", 0, "--json")
    found = json.loads(out)
    assert (code, found["added"], found["expired"]) == (0, count, count)
    assert says(err, f"{count} sightings forgotten")
    code, out, _ = run("gallery", "retain", lot, "--for-ever", "--json")
    assert json.loads(out) == {"removed": {}, "undated": 0, "readers": 0}
    assert json.loads(run("gallery", "info", lot, "--json")[1])["retention"] == []
    assert run("gallery", "retain", lot, "--for-ever", "--keep", "3")[0] == 2
    assert run("gallery", "retain", lot, "--keep", "soon")[0] == 1
