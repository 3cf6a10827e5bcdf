"""Films become sightings of a gallery: which, and that nothing stops it from being all of them."""

import io
import itertools
import json
import os
import random
import shlex
import shutil
import sqlite3
import time
import uuid
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_traffic import KIND_OF_COLOR, TRAFFIC, ColorDetector, ColorEmbedder, draw_film
from faulty_disk import FULL, FaultyDisk, Killed
from ingest_film import BETWEEN, take_in
from messages import facts
from PIL import Image
from ready import start

import platefree as pf
from platefree.audit.audit_check import read_entries
from platefree.data.frame_boxes import KINDS
from platefree.errors import CheckpointError, DataError, FilmError, StorageError
from platefree.gallery.filter_words import filter_of
from platefree.gallery.ledger import FilmRecord, Ledger, Pass, open_ledger
from platefree.inference import shipped
from platefree.ingestion.cameras import Camera
from platefree.ingestion.intake import Intake
from platefree.storage.disk import written_to
from platefree.video.best_pictures import Pixels
from platefree.video.face_masks import FaceMasks
from platefree.video.film_detection import seen_in
from platefree.video.follower import follow
from platefree.video.footage import Sampling, open_footage
from platefree.video.overlap_tracker import OverlapTracker
from platefree.video.regions import Regions, polygon_of
from platefree.video.track_masks import Boxes

HERE = Path(__file__).parent

ADDRESS = "PLATEFREE_TEST_MILVUS"
"""Of a server, as tests/gallery/milvus_server.py sets it."""


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_film(tmp_path_factory.mktemp("films") / "gate.mp4")


@pytest.fixture
def lot(tmp_path: Path) -> Path:
    return new_gallery(tmp_path / "lot")


def new_gallery(folder: Path) -> Path:
    pf.Gallery.create(folder, ColorEmbedder())
    return folder


@pytest.fixture(scope="session")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """The rows of a run that nothing stopped."""
    folder = new_gallery(tmp_path_factory.mktemp("whole") / "lot")
    take_in(folder, [film])
    return rows_of(folder)


def rows_of(folder: Path | str) -> dict[Any, Any]:
    """Everything that is stored of each sighting, by its frame and box."""
    store = pf.Gallery.open(folder, ColorEmbedder()).store
    numbers = store.latest()
    if not len(numbers):
        return {}
    stored, small = store.get(numbers), store.crops(numbers)
    table, found = stored.sightings, {}
    for row in range(len(numbers)):
        place = table.path(row), int(table.frame[row]), tuple(table.box[row].tolist())
        assert place not in found, "twice"
        embedding = stored.spaces["main"][row].tobytes()
        assert stored.content is not None
        content = stored.content[row].tobytes()
        time = int(table.time[row].astype("datetime64[ms]").astype(int))
        found[place] = table.labels(row), time, embedding, content, small[row]
    return found


def passes_of(folder: Path) -> list[Any]:
    created = pf.Gallery.open(folder, ColorEmbedder()).card.created
    with open_ledger(folder / "ingest", created) as ledger:
        films = ledger._connection.execute("select fingerprint from films").fetchall()
        return [each for (film,) in sorted(films) for each in ledger.passes(film)]


def test_each_vehicle_is_a_sighting(film: Path, lot: Path, whole: dict[Any, Any]) -> None:
    assert len(whole) == len(TRAFFIC)
    met = set()
    for (path, frame, box), (labels, moment, _, _, small) in whole.items():
        second = frame / 10
        (car,) = [
            each
            for each in TRAFFIC
            if (there := each.box(second)) and np.abs(np.subtract(there, box)).max() <= 2
        ]
        met.add(car)
        assert path == film
        assert labels["camera"] == "gate"
        assert labels["source"] == "gate.mp4"
        assert labels["type"] == KINDS[KIND_OF_COLOR[car.color]]
        start = np.datetime64("2026-05-01T00:00", "ms")
        assert moment == start.astype(int) + round(1000 * second)
        assert small.startswith(b"\xff\xd8\xff")
    assert met == set(TRAFFIC)
    assert len({labels["track"] for labels, *_ in whole.values()}) == len(TRAFFIC)


def test_embeddings_are_the_means_of_pictures_as_they_were_taken(
    film: Path, whole: dict[Any, Any], tmp_path: Path
) -> None:
    detector = ColorDetector()
    with open_footage(film) as footage:
        seen = list(seen_in(footage, detector, Sampling(0.1)))
    tracks = list(follow(seen, OverlapTracker()))
    for track in tracks:
        best = track.pictures[0]
        _, _, embedding, *_ = whole[film, best.frame, tuple(best.box.tolist())]
        total = np.zeros(16)
        for number, picture in enumerate(track.pictures):
            path = tmp_path / f"{track.number}-{number}.png"
            Image.fromarray(picture.crop).save(path)
            table = pf.Sightings.from_columns(tmp_path, {"image": [path.name]})
            total += picture.quality * ColorEmbedder().embed(table)[0].spaces["main"][0]
        expected = total / np.linalg.norm(total)
        stored = np.frombuffer(embedding, np.float32)
        np.testing.assert_allclose(stored, expected, atol=1e-3)


def white(small: bytes, folder: Path) -> int:
    """How many pixels of a small picture are white, as plates are."""
    path = folder / "small.jpg"
    path.write_bytes(small)
    return int((np.asarray(Image.open(path)).min(axis=2) > 200).sum())


@pytest.mark.parametrize("keep_plates", [False, True])
def test_plates_are_masked_unless_they_are_to_be_kept(
    film: Path, lot: Path, tmp_path: Path, *, keep_plates: bool
) -> None:
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    words = {"camera": "gate", "start": "unknown", "detector": ColorDetector()}
    assert pf.ingest(film, gallery, keep=["plates"] * keep_plates, **words).added == len(TRAFFIC)
    for labels, *_, small in rows_of(lot).values():
        assert (white(small, tmp_path) > 20) == keep_plates
        assert "time" not in labels
    assert (lot / "audit.jsonl").exists() == keep_plates
    if keep_plates:
        (entry,) = read_entries(lot, 2)
        assert (entry.action, entry.details) == ("ingest.keep_plates", {"cameras": ["gate"]})


class AllFace(FaceMasks):
    """Sees a face as large as the picture."""

    def on_vehicle(self, crop: Pixels) -> Boxes:
        height, width, _ = crop.shape
        return np.array([[0.0, 0.0, width, height]])


@pytest.mark.parametrize("keep_faces", [False, True])
def test_faces_are_masked_unless_they_are_to_be_kept(
    film: Path, lot: Path, monkeypatch: pytest.MonkeyPatch, *, keep_faces: bool
) -> None:
    monkeypatch.setattr("platefree.ingestion.looking.FaceMasks", AllFace)
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    words = {"camera": "gate", "start": "unknown", "detector": ColorDetector()}
    assert pf.ingest(film, gallery, keep=["faces"] * keep_faces, **words).added == len(TRAFFIC)
    for *_, small in rows_of(lot).values():
        levels = np.asarray(Image.open(io.BytesIO(small)), np.float64)
        assert (levels.std(axis=(0, 1)).max() > 5) == keep_faces
    assert (lot / "audit.jsonl").exists() == keep_faces


def test_passes_are_noted(film: Path, lot: Path) -> None:
    take_in(lot, [film])
    passes = passes_of(lot)
    assert len(passes) == len(TRAFFIC)
    for each in passes:
        (car,) = [
            car
            for car in TRAFFIC
            if KINDS[KIND_OF_COLOR[car.color]] == each.kind
            and abs(car.begins - each.first_second) < 0.15
        ]
        assert each.last_second == pytest.approx(min(car.ends, 8.95) - 0.1, abs=0.15)
        assert (each.direction is None) == (car.speed == 0)
        if car.speed:
            assert each.direction == pytest.approx(90, abs=3)
        assert each.path[0][0] == each.first_second
        seconds = np.datetime64(each.first.removesuffix("Z")) - np.datetime64("2026-05-01T00:00")
        assert seconds / np.timedelta64(1, "s") == pytest.approx(each.first_second, abs=1e-3)


def test_done_films_are_passed_over_under_any_name(film: Path, lot: Path, tmp_path: Path) -> None:
    take_in(lot, [film])
    before, passes = rows_of(lot), passes_of(lot)
    other = tmp_path / "renamed.mp4"
    shutil.copy(film, other)
    take_in(lot, [film])
    take_in(lot, [other])
    assert rows_of(lot) == before
    assert passes_of(lot) == passes


def test_another_start_of_a_done_film_is_not_passed_over(
    film: Path, lot: Path, tmp_path: Path
) -> None:
    """Its sightings have other times than those that are given now."""
    named, copy = tmp_path / "gate-20260501-070000.mp4", tmp_path / "copy.mp4"
    for each in (named, copy):
        shutil.copy(film, each)
    take_in(lot, [named])
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    with open_ledger(lot / "ingest", gallery.card.created) as ledger:
        intake, rule = Intake(gallery, ledger), "gate-%Y%m%d-%H%M%S"
        detector = ColorDetector()

        def left_out(start: str, zone: str = "", film: Path = named) -> list[str]:
            plan = intake.plan([Camera("gate", [film], start, zone, detector=detector)])
            assert len(plan.done) + len(plan.refused) == 1
            return plan.refused

        for start in ("2026-05-01T07:00+07:00", "2026-05-01T00:00Z", "unknown"):
            assert left_out(start) == []
        assert left_out(rule, "+07:00") == left_out(rule, "+07:00", copy) == []
        for reason in (*left_out("2026-05-01T07:00Z"), *left_out(rule, "+00:00")):
            assert all(each in reason for each in ("T00:00", "T07:00", "--again"))
        assert len(left_out("2026-05-01T07:00Z", film=copy)) == 1
        intake.forget([Camera("gate", [named], "unknown", detector=detector)])
        intake.take(intake.plan([Camera("gate", [named], "unknown", detector=detector)]))
        (reason,) = left_out("2026-05-01T07:00Z")
        assert "unknown" in reason


def traces_of(passes: list[Any], folder: Path) -> list[str]:
    """The points of these passes that stand in the bytes of a ledger, or beside it."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert folder / "ledger.sqlite" in files
    content = b"".join(each.read_bytes() for each in files)
    points = [json.dumps(list(point)) for each in passes for point in each.path]
    return [point for point in points if point.encode() in content]


def leave_behind(passes: list[Any], ledger: Path) -> None:
    """Let a ledger hold what it once said, as if SQLite had not overwritten it."""
    said = json.dumps([each.path for each in passes] * 50)
    with closing(sqlite3.connect(ledger)) as plain:
        plain.execute("pragma secure_delete = off")
        for memory in (said, ""):
            plain.execute("update films set memory = ?", (memory,))
            plain.commit()


def test_who_is_forgotten_leaves_no_pass_and_films_stay_done(film: Path, lot: Path) -> None:
    take_in(lot, [film])
    passes, before = passes_of(lot), rows_of(lot)
    trucks = [each for each in passes if each.kind == "truck"]
    others = [each for each in passes if each.kind != "truck"]
    leave_behind(trucks, lot / "ingest" / "ledger.sqlite")
    assert traces_of(trucks, lot / "ingest")
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    assert gallery.forget(pf.Filter(types=["truck"])).count == len(trucks) == 1
    assert traces_of(trucks, lot / "ingest") == []
    assert passes_of(lot) == others
    take_in(lot, [film])
    left = {place: row for place, row in before.items() if row[0]["type"] != "truck"}
    assert rows_of(lot) == left
    gallery.forget(pf.Filter())
    assert (passes_of(lot), traces_of(passes, lot / "ingest")) == ([], [])
    take_in(lot, [film])
    assert rows_of(lot) == {}


def test_what_is_superseded_is_overwritten(tmp_path: Path) -> None:
    words = {"path": "gate.mp4", "camera": "gate", "start": "", "settings": "", "duration": None}
    with open_ledger(tmp_path, "now") as ledger:
        for memory, said in (("in view " * 5000, True), ("", False)):
            ledger.note(FilmRecord("f" * 64, memory=memory, **words))
            assert (b"in view" in (tmp_path / "ledger.sqlite").read_bytes()) == said


def test_passes_go_by_retention_too(film: Path, lot: Path) -> None:
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    old = {"camera": "gate", "start": "2020-05-01T07:00Z", "detector": ColorDetector()}
    pf.ingest(film, gallery, **old)
    assert len(passes_of(lot)) == len(TRAFFIC)
    gallery.keep(pf.Retention(days=30))
    gallery.retain()
    assert (passes_of(lot), rows_of(lot)) == ([], {})
    other = other_film(lot.parent, "other.mp4")  # what is added now is too old at once
    assert pf.ingest(other, gallery, **old).added == 2
    assert (passes_of(lot), rows_of(lot)) == ([], {})


def test_a_ledger_that_was_elsewhere_follows(film: Path, lot: Path, tmp_path: Path) -> None:
    words = {"camera": "gate", "start": "unknown", "detector": ColorDetector()}
    gallery = pf.Gallery.open(lot, ColorEmbedder(), ledger=tmp_path / "noted")

    def tracks() -> set[str]:
        with open_ledger(tmp_path / "noted", gallery.card.created) as ledger:
            return ledger.tracks()

    pf.ingest(film, gallery, **words)
    assert tracks() == set(gallery.store.tally("track"))
    pf.Gallery.open(lot, ColorEmbedder()).forget(pf.Filter(types=["truck"]))
    assert len(tracks()) == len(TRAFFIC)
    assert pf.ingest(film, gallery, **words).added == 0
    assert tracks() == set(gallery.store.tally("track"))
    gallery.forget(pf.Filter(types=["bus"]))
    assert len(tracks()) == 2


STOPS = {
    "before sightings are added": (pf.Gallery, "add_embedded", False),
    "between sightings and ledger": (pf.Gallery, "add_embedded", True),
    "before the ledger": (Ledger, "note", False),
    "after the ledger": (Ledger, "note", True),
}
"""What is called when a process ends, and whether it has done its work by then."""


@pytest.mark.parametrize("at", [1, 3])
@pytest.mark.parametrize("stop", STOPS)
def test_one_that_is_stopped_goes_on_as_if_nothing_had_been(
    film: Path,
    lot: Path,
    whole: dict[Any, Any],
    monkeypatch: pytest.MonkeyPatch,
    stop: str,
    at: int,
) -> None:
    """It is stopped again and again, at the ``at``-th call of a method."""
    owner, name, after = STOPS[stop]
    real, calls = getattr(owner, name), list[int]()

    def call(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == at and not after:
            raise Killed
        found = real(*arguments, **options)
        if len(calls) == at:
            raise Killed
        return found

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, call)
        with pytest.raises(Killed):
            take_in(lot, [film])
        for _ in range(2):
            calls.clear()
            with suppress(Killed):  # what is left may take fewer calls
                take_in(lot, [film])
    assert rows_of(lot).items() <= whole.items()
    take_in(lot, [film])
    assert rows_of(lot) == whole
    assert len(passes_of(lot)) == len(TRAFFIC)


def test_a_killed_one_loses_nothing_and_counts_nothing_twice(
    film: Path, whole: dict[Any, Any], tmp_path: Path, kills: int
) -> None:
    """The process is killed until it ends by itself, and then anew with another gallery."""
    chance, killed, partly = random.Random(kills), 0, 0  # noqa: S311
    lots = (new_gallery(tmp_path / f"lot-{number}") for number in itertools.count())
    lot = next(lots)
    while killed < kills or not partly:
        process = start((HERE / "ingest_film.py").read_text(), lot, film)
        for _ in range(chance.randrange(1, 60)):
            process.stdout.readline()  # it has seen another frame, or has ended
        time.sleep(chance.uniform(0, 0.1))
        ended = process.poll() is not None
        process.kill()
        there = rows_of(lot)
        assert there.items() <= whole.items()
        if ended:
            assert there == whole
            lot = next(lots)
        killed, partly = killed + (not ended), partly + (0 < len(there) < len(whole))
    take_in(lot, [film])
    assert rows_of(lot) == whole
    assert len(passes_of(lot)) == len(TRAFFIC)


def test_all_of_it_in_one_call(film: Path, lot: Path, whole: dict[Any, Any]) -> None:
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    words = {"camera": "gate", "start": "2026-05-01T07:00+07:00"}
    taken = pf.ingest(film, gallery, detector=ColorDetector(), **words)
    assert (taken.added, len(taken.films)) == (len(TRAFFIC), 1)
    assert taken.seconds == pytest.approx(8.9)
    assert rows_of(lot) == whole


# --- many films, and films that cannot be read --------------------------------------------------


def other_film(folder: Path, name: str) -> Path:
    """A film of two other vehicles."""
    return draw_film(folder / name, TRAFFIC[3:], seconds=8.7)


@pytest.mark.slow
def test_several_processes_find_the_same(film: Path, tmp_path: Path) -> None:
    films = [film, other_film(tmp_path, "other.mp4"), tmp_path / "broken.mp4"]
    films[2].write_bytes(film.read_bytes()[:2000])
    found = []
    for processes in (1, 2):
        lot = new_gallery(tmp_path / f"lot-{processes}")
        (reason,) = take_in(lot, films, processes)
        assert "broken.mp4" in reason
        found.append(rows_of(lot))
    assert found[0] == found[1]
    assert len(found[0]) == len(TRAFFIC) + 2


def refusal(lot: Path, cameras: list[Camera], error: type[Exception], *said: str) -> None:
    """The plan is refused, and nothing is done."""
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    with open_ledger(lot / "ingest", gallery.card.created) as ledger:
        intake = Intake(gallery, ledger, between=BETWEEN)
        with pytest.raises(error, match=facts(*said)):
            intake.plan(cameras)


def test_what_cannot_be_taken_in_is_refused_before_any_work(
    film: Path, lot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, other = ColorDetector(), other_film(tmp_path, "other.mp4")
    refusal(lot, [Camera("gate", [film], detector=detector)], DataError, "gate.mp4", "--start")
    one_start = Camera("gate", [film, other], "2026-05-01T07:00Z", detector=detector)
    refusal(lot, [one_start], DataError, "2 films", "gate")
    twice = [Camera(name, [film], "unknown", detector=detector) for name in ("gate", "ramp")]
    refusal(lot, twice, DataError, "gate", "ramp", "same film")
    empty = tmp_path / "empty"
    empty.mkdir()
    refusal(lot, [Camera("gate", [empty], detector=detector)], FilmError, "empty")
    monkeypatch.setattr(shipped, "MODELS", empty)
    refusal(lot, [Camera("gate", [film], "unknown")], CheckpointError, "detector", "inside")
    assert rows_of(lot) == {}


def test_the_rest_of_a_film_is_done_with_the_same_settings_or_anew(
    film: Path, lot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    with monkeypatch.context() as patch:
        patch.setattr(pf.Gallery, "add_embedded", raises_killed)
        with pytest.raises(Killed):
            take_in(lot, [film])
    moments = [f"2026-05-01T0{hour}:00:00.000Z" for hour in range(2)]
    other = Camera("gate", [film], "2026-05-01T08:00+07:00", detector=ColorDetector())
    refusal(lot, [other], DataError, "gate.mp4", "--again", *moments)
    with open_ledger(lot / "ingest", gallery.card.created) as ledger:
        intake = Intake(gallery, ledger)
        ramp = Camera("ramp", [film], "unknown", detector=ColorDetector())
        (reason,) = intake.plan([ramp]).refused
        assert all(each in reason for each in ("gate", "ramp", "--again", "source:gate.mp4"))
        intake.forget([other])
        assert intake.take(intake.plan([other])).added == len(TRAFFIC)
        plan = intake.plan([other])
        assert (len(plan.todo), len(plan.done)) == (0, 1)
    hours = {labels["time"][:13] for labels, *_ in rows_of(lot).values()}
    assert hours == {"2026-05-01T01"}


@pytest.mark.parametrize("start", ["2026-05-01T07:00+07:00", "unknown"])
def test_what_a_refusal_advises_forgets_the_sightings_of_that_film_alone(
    film: Path, lot: Path, tmp_path: Path, start: str
) -> None:
    """Two cameras name their films alike, with signs that mean something in conditions."""
    name, east = 'north gate, "1".mp4', 'camera\\ "east", 1'
    for folder, source in (("x", film), ("y", other_film(tmp_path, "other.mp4"))):
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder / name)
    places = [[tmp_path / folder / name] for folder in ("x", "y")]
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    for camera, films in zip((east, "west"), places, strict=True):
        pf.ingest(films, gallery, camera=camera, start=start, detector=ColorDetector())
    assert gallery.store.count() == len(TRAFFIC) + 2
    ramp = Camera("ramp", places[0], start, detector=ColorDetector())
    with open_ledger(lot / "ingest", gallery.card.created) as ledger:
        (reason,) = Intake(gallery, ledger).plan([ramp]).refused
    quoted = reason.partition("--where ")[2]
    where = filter_of(shlex.split(quoted)[0].removesuffix("),").removesuffix(","))
    assert gallery.forget(where).count == len(TRAFFIC)
    assert {labels["camera"] for labels, *_ in rows_of(lot).values()} == {"west"}
    assert ("other films" in reason) == (start == "unknown")


def raises_killed(*arguments: object) -> None:
    raise Killed


@pytest.mark.parametrize("at", [2, 9])
def test_a_full_disk_ends_it_in_one_line_and_it_goes_on_later(
    film: Path, lot: Path, whole: dict[Any, Any], at: int
) -> None:
    with written_to(FaultyDisk(at, FULL, lasting=True)), pytest.raises(StorageError):
        take_in(lot, [film])
    take_in(lot, [film])
    assert rows_of(lot) == whole


def test_a_ledger_without_room_ends_it_in_one_line_and_it_goes_on_later(
    film: Path, lot: Path, whole: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Ledger.note

    def without_room(ledger: Ledger, record: FilmRecord, passes: list[Pass]) -> None:
        pages = ledger._connection.execute("pragma page_count").fetchone()[0]
        ledger._connection.execute(f"pragma max_page_count = {pages}")
        note(ledger, record, passes)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "note", without_room)
        with pytest.raises(StorageError, match=facts("ledger.sqlite", "full")):
            take_in(lot, [film])
    take_in(lot, [film])
    assert rows_of(lot) == whole


def test_a_ledger_of_another_gallery_or_of_nothing_is_refused(tmp_path: Path) -> None:
    def opened(created: str) -> None:
        with open_ledger(tmp_path / "led", created):
            pass

    opened("today")
    with pytest.raises(DataError, match=facts("today", "yesterday", "--ledger")):
        opened("yesterday")
    (tmp_path / "led" / "ledger.sqlite").write_bytes(b"no such file" * 500)
    with pytest.raises(DataError, match=facts("ledger.sqlite", "damaged")):
        opened("today")


def test_another_writer_is_waited_for(
    film: Path, lot: Path, whole: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = pf.Gallery.open(lot, ColorEmbedder())
    other = gallery.store.writing()
    other.__enter__()
    waits = list[float]()

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.__exit__(None, None, None)

    monkeypatch.setattr("platefree.ingestion.intake.time.sleep", wait)
    take_in(lot, [film])
    assert len(waits) == 3
    assert rows_of(lot) == whole


@pytest.mark.skipif(ADDRESS not in os.environ, reason="no Milvus server")
def test_on_a_server_it_goes_on_too(
    film: Path, whole: dict[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{os.environ[ADDRESS]}/lot_{uuid.uuid4().hex}"
    gallery = pf.Gallery.create(address, ColorEmbedder())
    words = {"camera": "gate", "start": "2026-05-01T07:00+07:00"}
    with pytest.raises(DataError, match=facts(address, "--ledger")):
        pf.ingest(film, gallery, detector=ColorDetector(), **words)
    gallery = pf.Gallery.open(address, ColorEmbedder(), ledger=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "note", raises_killed)
        with pytest.raises(Killed):
            pf.ingest(film, gallery, detector=ColorDetector(), **words)
    taken = pf.ingest(film, gallery, detector=ColorDetector(), **words)
    assert taken.added == 0  # all of them were there
    there = rows_of(address)
    assert there.keys() == whole.keys()
    for place, (labels, moment, embedding, _, small) in there.items():
        assert (labels, moment, small) == (*whole[place][:2], whole[place][4])
        stored = np.frombuffer(embedding, np.float32)
        expected = np.frombuffer(whole[place][2], np.float32)
        np.testing.assert_allclose(stored, expected, atol=1e-6)
    assert gallery.forget(pf.Filter(types=["truck"])).count == 1
    with open_ledger(tmp_path, gallery.card.created) as ledger:
        assert ledger.tracks() == set(gallery.store.tally("track"))
        assert len(ledger.tracks()) == len(TRAFFIC) - 1


def test_looking_again_in_another_way_leaves_no_sighting_of_the_first(
    film: Path, lot: Path
) -> None:
    gallery = pf.Gallery.open(lot, ColorEmbedder())

    def taken(camera: Camera) -> set[int]:
        with open_ledger(lot / "ingest", gallery.card.created) as ledger:
            intake = Intake(gallery, ledger)
            intake.forget([camera])
            intake.take(intake.plan([camera]))
            numbers = gallery.store.latest()
            table = gallery.store.get(numbers).sightings
            for row in range(len(table)):
                found = ledger.track(str(table.track[row]))
                assert found is not None
                assert found[1] is not None
                assert found[1].kind == table.type[row]
        return set(numbers.tolist())

    camera = Camera("gate", [film], "2026-05-01T07:00+07:00", detector=ColorDetector())
    first = taken(camera)
    assert len(first) == len(TRAFFIC)
    assert taken(camera) == first
    above = Regions([], [polygon_of("0,0 160,0 160,34 0,34")])
    below = [car for car in TRAFFIC if car.top > 34]
    second = taken(replace(camera, regions=above))
    assert (len(second), second & first) == (len(below), set())


def test_a_damaged_ledger_keeps_nothing_on_the_disk(film: Path, lot: Path) -> None:
    take_in(lot, [film])
    gallery, trucks = pf.Gallery.open(lot, ColorEmbedder()), pf.Filter(types=["truck"])
    before = gallery.store.count()
    gallery.store.delete(pf.Filter(types=["car"]))
    left = gallery.store.count()
    (lot / "ingest" / "ledger.sqlite").write_bytes(b"no such file" * 500)
    with pytest.raises(DataError):
        gallery.forget(trucks)
    assert before > gallery.store.count() == left
    with pytest.raises(DataError):
        gallery.compact()
    assert not gallery.store.has_remains
