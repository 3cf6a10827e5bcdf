"""Searches, exports and forgetting by programs and the command line are written down, too."""

import shutil
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from faulty_disk import FULL, FaultyDisk
from messages import facts

import platefree as pf
from platefree.audit.audit_check import read_entries, verify_audit
from platefree.audit.audit_log import AUDIT_LOG, AuditLog, Entry
from platefree.errors import StorageError
from platefree.gallery.audit_trail import SERVICE, audit_folder, begun_trail
from platefree.service.rules import Rules
from platefree.service.running_service import Service
from platefree.storage.disk import written_to
from platefree.types import Sightings


@pytest.fixture
def lot(drawn_lot: Path, tmp_path: Path) -> Path:
    """A gallery that a service was opened on."""
    shutil.copytree(drawn_lot, tmp_path / "lot")
    AuditLog(tmp_path / "lot" / SERVICE).add("anna", "log-in")
    return tmp_path / "lot"


def entries(lot: Path, count: int) -> list[Entry]:
    verify_audit(lot / SERVICE)
    return read_entries(lot / SERVICE, count)


def test_a_search_of_the_library_is_written_down(lot: Path, drawn_table: Sightings) -> None:
    gallery, path = pf.Gallery(lot), drawn_table.path(3)
    query = pf.query_picture(path, box=(4.0, 4.0, 40.0, 30.0))
    found = gallery.search(query, where=pf.Filter(cameras=["cam2"]), top=5)
    (entry,) = entries(lot, 1)
    assert (entry.action, entry.who.partition(" of ")[0]) == ("search", "program")
    assert entry.details == {
        "pictures": [
            {"sha256": sha256(path.read_bytes()).hexdigest(), "box": [4.0, 4.0, 40.0, 30.0]}
        ],
        "where": {"cameras": ["cam2"]},
        "top": 5,
        "hits": 5,
        "version": found.version,
    }
    numbers = [hit.number or 0 for hit in found.hits]
    feedback = pf.Feedback(yes=numbers[:1], no=numbers[1:2])
    assert gallery.audit is not None
    gallery.audit = replace(gallery.audit, reason="case 12")
    gallery.search(numbers[2], feedback=feedback, post="tracks")
    (entry,) = entries(lot, 1)
    asked = {"number": numbers[2], "yes": numbers[:1], "no": numbers[1:2], "post": "tracks"}
    assert entry.details.items() >= asked.items()
    assert entry.reason == "case 12"


def test_what_is_made_again_exported_and_forgotten_is_written_down(
    lot: Path, tmp_path: Path
) -> None:
    gallery, where = pf.Gallery(lot), pf.Filter(cameras=["cam1"])
    gallery.save_answer(gallery.search(top=2), tmp_path / "answer.json")
    gallery.search_again(tmp_path / "answer.json")
    gallery.export(tmp_path / "out.csv", where)
    count = gallery.forget(where).count
    found = [(each.action, each.details) for each in entries(lot, 5)]
    assert [action for action, _ in found] == [
        *("search", "search", "export", "forget.asked", "forget.done"),
    ]
    assert found[2][1]["where"] == found[3][1]["where"] == {"cameras": ["cam1"]}
    assert found[4][1] == {"count": count}


def test_what_another_gallery_takes_is_written_down(lot: Path, tmp_path: Path) -> None:
    other = pf.Gallery.create(tmp_path / "copy", "color_stripes")
    assert other.import_from(lot).added == pf.Gallery(lot).store.count()
    (entry,) = entries(lot, 1)
    assert entry.action == "export"
    assert entry.details == {"place": str(tmp_path / "copy"), "embeddings": True}


def test_the_verbs_say_who_and_why(
    run: Run, lot: Path, drawn_table: Sightings, tmp_path: Path
) -> None:
    why = ("--reason", "case 12")
    number = str(pf.Gallery(lot).store.latest()[0])
    for words in (
        ("search", str(drawn_table.path(0)), "--gallery", lot, *why),
        ("search", number, "--gallery", lot, "--where", "camera:cam3", *why),
        ("gallery", "export", lot, "--out", tmp_path / "out.csv", *why),
        ("gallery", "forget", lot, "--where", "camera:cam1", *why),
    ):
        code, _, err = run(*words)
        assert code == 0, err
    found = entries(lot, 5)
    assert [each.action for each in found] == [
        *("search", "search", "export", "forget.asked", "forget.done"),
    ]
    assert {each.reason for each in found} == {"case 12"}
    assert {each.who.partition(" of ")[0] for each in found} == {"command line"}
    assert found[1].details["where"] == {"cameras": ["cam3"]}
    assert run("search", str(drawn_table.path(0)), "--gallery", drawn_table.root, *why)[0] == 2


def test_nothing_is_answered_that_cannot_be_written_down(lot: Path) -> None:
    gallery = pf.Gallery(lot)
    before = gallery.store.count()

    with written_to(FaultyDisk(at=1, failure=FULL, lasting=True)), pytest.raises(StorageError):
        gallery.search(top=1)
    (lot / SERVICE / AUDIT_LOG).write_bytes(b"")
    for ask in (
        lambda: pf.Gallery(lot).search(top=1),
        lambda: pf.Gallery(lot).forget(pf.Filter(cameras=["cam1"])),
    ):
        with pytest.raises(pf.PlatefreeError, match=facts("changed")):
            ask()
    assert gallery.store.count() == before


def test_without_a_log_nothing_is_written(drawn_lot: Path, drawn_table: Sightings) -> None:
    gallery = pf.Gallery(drawn_lot)
    assert gallery.audit is None
    gallery.search(drawn_table.take(np.array([0])), top=2)
    assert not (drawn_lot / SERVICE).exists()
    assert not (drawn_lot / AUDIT_LOG).exists()


def test_a_log_that_was_begun_before_a_service_goes_on_in_its_folder(
    drawn_lot: Path, tmp_path: Path
) -> None:
    lot = tmp_path / "lot"
    shutil.copytree(drawn_lot, lot)
    begun_trail(lot, lot).note("ingest.keep_plates", {"cameras": ["gate"]})
    (lot / SERVICE).mkdir()
    assert audit_folder(lot) == lot
    begun_trail(lot, lot).note("ingest.keep_faces", {"cameras": ["gate"]})
    with closing(Service(pf.Gallery(lot), Rules())):
        begun_trail(lot, lot).note("search", {})
    assert audit_folder(lot) == lot / SERVICE
    assert not (lot / AUDIT_LOG).exists()
    actions = [each.action for each in entries(lot, 9)]
    assert actions == ["ingest.keep_plates", "ingest.keep_faces", "search"]
