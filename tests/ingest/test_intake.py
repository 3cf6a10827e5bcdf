"""Films become sightings of a gallery: which, and that nothing stops it from being all of them."""

import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_traffic import (
    KIND_OF_COLOR,
    TRAFFIC,
    ColorDetector,
    ColorEmbedder,
    draw_film,
)
from faulty_disk import Killed
from ingest_film import take_in
from PIL import Image

import platefree as pf
from platefree.data.frame_boxes import KINDS
from platefree.ingest.cameras import Camera
from platefree.ingest.intake import Intake
from platefree.ingest.ledger import Ledger, open_ledger
from platefree.video.film_detection import seen_in
from platefree.video.follower import follow
from platefree.video.footage import Sampling, open_footage
from platefree.video.overlap_tracker import OverlapTracker
from platefree.video.plate_masks import PlateMasks

HERE = Path(__file__).parent


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


def rows_of(folder: Path) -> dict[Any, Any]:
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


def test_embeddings_are_the_means_of_masked_pictures(
    film: Path, whole: dict[Any, Any], tmp_path: Path
) -> None:
    detector = ColorDetector()
    with open_footage(film) as footage:
        seen = list(seen_in(footage, detector, Sampling(0.1)))
    tracks = list(follow(seen, OverlapTracker()))
    for track in map(PlateMasks(detector).masked_track, tracks):
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
    camera = Camera("gate", [film], start="unknown", detector=ColorDetector())
    with open_ledger(lot / "ingest", gallery.card.created) as ledger:
        intake = Intake(gallery, ledger, keep_plates=keep_plates)
        assert intake.take(intake.plan([camera])).added == len(TRAFFIC)
    for labels, *_, small in rows_of(lot).values():
        assert (white(small, tmp_path) > 20) == keep_plates
        assert "time" not in labels


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
    """The process is killed until it ends by itself, and in many galleries."""
    chance = random.Random(kills)  # noqa: S311
    killed = 0
    for number in range(10 * kills):
        lot = new_gallery(tmp_path / f"lot-{number}")
        for _ in range(20):
            process = subprocess.Popen(
                [sys.executable, str(HERE / "ingest_film.py"), str(lot), str(film)],
                stdout=subprocess.PIPE,
            )
            assert process.stdout is not None
            process.stdout.readline()  # its imports are done
            end = time.monotonic() + chance.uniform(0, 0.8)
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.005)
            ended = process.poll() is not None
            process.kill()
            process.communicate()
            killed += not ended
            assert rows_of(lot).items() <= whole.items()
            if ended or killed >= kills:
                break
        take_in(lot, [film])
        assert rows_of(lot) == whole
        assert len(passes_of(lot)) == len(TRAFFIC)
        if killed >= kills:
            return
    pytest.fail("it was never killed in time")
