"""The track of a sighting, its neighbours, and the film around it; frames show their numbers."""

import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from drawn_face import rider, skin
from live import TOKEN, Live, live
from messages import says
from PIL import Image
from small_films import BITS, SIDE, shown_number, write_film

import platefree as pf
from platefree.audit.audit_check import read_entries
from platefree.data.frame_boxes import KINDS, PLATE
from platefree.gallery.ledger import FilmRecord, Pass, open_ledger
from platefree.gallery.track_names import read_track_name, track_name
from platefree.inference.detector import FoundOnFrame
from platefree.ingestion.film_files import fingerprint_of
from platefree.service.client import Client
from platefree.service.limits import Limits
from platefree.service.plate_screen import covered
from platefree.service.rules import Rules
from platefree.types import Sightings

RATE, FRAMES = 10, 200
START = np.datetime64("2026-05-01T07:00", "ms")
FILM = "3f" * 16
SEEN = ((0, 20), (0, 30), (1, 70), (2, 150))
"""Number of the track, and the frame, of each sighting."""


class PlateFinder:
    """Says that the first three blocks of every frame are a plate."""

    name, fingerprint, threshold, longest = "plates", "91a7e5", 0.4, 960

    def detect(
        self, frames: Sequence[np.ndarray], threshold: float | None = None
    ) -> list[FoundOnFrame]:
        box = np.array([[0, 0, 3 * SIDE, SIDE]], float)
        return [FoundOnFrame(box, np.array([PLATE]), np.array([0.9])) for _ in frames]


@dataclass
class Filmed:
    """A gallery of sightings on a film: their numbers are in the order of `SEEN`."""

    lot: Path
    film: Path
    numbers: list[int]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Filmed:
    folder = tmp_path_factory.mktemp("filmed")
    film = write_film(folder / "gate.mp4", [each / RATE for each in range(FRAMES)])
    tracks, frames = zip(*SEEN, strict=True)
    fingerprint = fingerprint_of(film)
    n = len(SEEN)
    columns = {
        "image": [film.name] * n,
        "camera": ["gate"] * n,
        "source": [film.name] * n,
        "track": [track_name(fingerprint, each) for each in tracks],
        "type": [KINDS[0]] * n,
        "time": [START + np.timedelta64(100 * each, "ms") for each in frames],
        "frame": list(frames),
        "box": [(8.0, 2.0, 90.0, 60.0)] * n,
    }
    gallery = pf.Gallery.create(folder / "lot", "color_stripes")
    gallery.add(Sightings.from_columns(folder, columns))
    with open_ledger(folder / "lot" / "ingest", gallery.card.created) as ledger:
        passes = [
            Pass(
                *(number, KINDS[0], f"2026-05-01T07:00:0{number}Z", f"2026-05-01T07:00:1{number}Z"),
                *(float(number), 10.0 + number, None if number else 90.0, [[1.0, 8.0, 60.0, 40.0]]),
            )
            for number in (0, 1, 2)
        ]
        start = "2026-05-01T07:00:00Z"
        record = FilmRecord(fingerprint, str(film), "gate", start, "{}", 20.0, 20.0)
        ledger.note(record, passes)
    frames_of = gallery.store.get(gallery.store.latest()[::-1]).sightings.frame
    assert frames_of.tolist() == list(frames)
    return Filmed(folder / "lot", film, gallery.store.latest()[::-1].tolist())


@pytest.fixture(scope="module")
def served(filmed: Filmed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    state = tmp_path_factory.mktemp("state")
    with live(filmed.lot, Rules(token=TOKEN), state, PlateFinder()) as found:
        yield found


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def test_a_track_is_all_that_was_seen_of_it(served: Live, filmed: Filmed) -> None:
    first, second, other, _ = filmed.numbers
    for number in (first, second):
        found = served.ask("GET", f"/api/sightings/{number}/track").json
        assert found["numbers"] == [first, second]
        assert (found["camera"], found["film"]) == ("gate", "gate.mp4")
        assert (found["first"], found["last"]) == ("2026-05-01T07:00:00Z", "2026-05-01T07:00:10Z")
        assert (found["first_second"], found["last_second"]) == (0.0, 10.0)
        assert found["direction"] == 90.0
        assert found["path"] == [{"second": 1.0, "x": 8.0, "y": 60.0, "side": 40.0}]
    assert served.ask("GET", f"/api/sightings/{other}/track").json["direction"] is None


def test_who_is_forgotten_by_the_service_leaves_no_pass(filmed: Filmed, tmp_path: Path) -> None:
    lot = shutil.copytree(filmed.lot, tmp_path / "lot")
    rules = Rules(token=TOKEN, unmasked_frames=True)
    with live(lot, rules) as served, Client(served.address, TOKEN) as client:
        assert client.forget(pf.Filter(tracks=[track_name(fingerprint_of(filmed.film), 1)])) == 1
    ledger = (lot / "ingest" / "ledger.sqlite").read_bytes()
    assert [f"T07:00:0{number}Z".encode() in ledger for number in (0, 1, 2)] == [True, False, True]


def test_neighbours_are_those_of_the_camera_by_their_times(served: Live, filmed: Filmed) -> None:
    around = [None, *filmed.numbers, None]
    for place, number in enumerate(filmed.numbers):
        found = served.ask("GET", f"/api/sightings/{number}/track").json
        assert (found["before"], found["after"]) == (around[place], around[place + 2])


def test_pictures_have_tracks_and_neighbours_too(
    drawn_lot: Path, tmp_path: Path, drawn_table: Sightings
) -> None:
    with live(drawn_lot, folder=tmp_path) as served, Client(served.address, TOKEN) as client:
        stored = served.service.gallery.store
        numbers = stored.latest()
        table = stored.get(numbers).sightings
        order = sorted(
            range(len(table)), key=lambda row: (-table.time[row].astype(int), numbers[row])
        )
        for row in order[::7]:
            found = client.track(int(numbers[row]))
            same = [each for each in order if table.camera[each] == table.camera[row]]
            place = same.index(row)
            after = numbers[same[place - 1]] if place else None
            before = numbers[same[place + 1]] if place + 1 < len(same) else None
            assert (found["before"], found["after"]) == (before, after)
            assert found["path"] == []
            track = [
                int(numbers[each])
                for each in reversed(order)
                if table.track[row]
                and table.track[each] == table.track[row]
                and table.camera[each] == table.camera[row]
                and table.source[each] == table.source[row]
            ]
            assert sorted(found["numbers"]) == sorted(track or [int(numbers[row])])
        refused = served.ask("GET", f"/api/sightings/{numbers[0]}/film")
        assert refused.status == 404
        assert says(refused.error, "no film")


def test_the_film_around_a_sighting(served: Live, filmed: Filmed) -> None:
    number = filmed.numbers[2]
    found = served.ask("GET", f"/api/sightings/{number}/film?seconds=4").json
    assert found["second"] == pytest.approx(7.0, abs=1e-3)
    assert (found["width"], found["height"]) == (BITS * SIDE, 64)
    seconds = [each["second"] for each in found["frames"]]
    assert min(seconds) == pytest.approx(5.0, abs=0.11)
    assert max(seconds) == pytest.approx(9.0, abs=0.21)
    assert 16 <= len(seconds) <= 33
    for each in found["frames"][::6]:
        assert each["second"] == pytest.approx(each["frame"] / RATE, abs=2e-3)
        moment = np.datetime64(each["time"].removesuffix("Z"), "ms")
        assert abs((moment - START) / np.timedelta64(1, "s") - each["second"]) <= 1  # to a second
        answer = served.ask("GET", f"/api/sightings/{number}/film/{each['frame']}")
        assert answer.headers["content-type"] == "image/jpeg"
        shown = pixels(answer.content)
        assert np.abs(shown[2 : SIDE - 2, 2 : 3 * SIDE - 2].astype(int) - 128).max() < 30  # masked
        shown = shown.copy()
        for bit in range(3):
            shown[:SIDE, bit * SIDE : (bit + 1) * SIDE] = 255 * (each["frame"] >> bit & 1)
        assert shown_number(shown) == each["frame"]
    (entry,) = read_entries(served.service.folder, 1)
    assert (entry.action, entry.details["number"]) == ("film", number)


def test_only_what_was_asked_for_is_shown(served: Live, filmed: Filmed) -> None:
    number = filmed.numbers[3]
    assert served.ask("GET", f"/api/sightings/{number}/film/150").status == 404
    assert served.ask("GET", f"/api/sightings/{number}/film?seconds=0").status == 422
    with Client(served.address, TOKEN) as client:
        frames = [each["frame"] for each, _ in client.film(number, 2.0)]
    assert 150 in frames
    assert served.ask("GET", f"/api/sightings/{number}/film/20").status == 404


def test_frames_are_shown_without_faces() -> None:
    frame = np.full((300, 400, 3), 110, np.uint8)
    frame[30:270, 150:310] = rider()
    shown = np.asarray(covered(Image.fromarray(frame), PlateFinder()))
    assert skin(shown) < 50 < 500 < skin(frame)
    np.testing.assert_array_equal(shown[160:], frame[160:])


def test_frames_with_plates_are_not_shown(filmed: Filmed, tmp_path: Path) -> None:
    number = filmed.numbers[0]
    places = [f"/api/sightings/{number}/{each}" for each in ("frame", "film", "film/20")]
    with live(filmed.lot, Rules(token=TOKEN), tmp_path) as served:
        for place in places:
            refused = served.ask("GET", place)
            assert refused.status == 403
            assert says(refused.error, "--unmasked-frames")
        assert served.ask("GET", "/api/gallery").json["shows_frames"] is False
    with live(filmed.lot, Rules(token=TOKEN, unmasked_frames=True), tmp_path) as served:
        for place in (places[0], f"{places[1]}?seconds=2", places[2]):
            assert served.ask("GET", place).status == 200
        assert served.ask("GET", "/api/gallery").json["shows_frames"] is True
        assert shown_number(pixels(served.ask("GET", places[2]).content)) == 20


def test_a_film_that_moved_is_found_and_one_that_is_gone_is_not(
    filmed: Filmed, tmp_path: Path
) -> None:
    number, moved = filmed.numbers[0], tmp_path / "archive.mp4"
    rules = Rules(token=TOKEN, unmasked_frames=True)
    with live(filmed.lot, rules, tmp_path / "state") as served:
        filmed.film.rename(moved)
        try:
            gone = served.ask("GET", f"/api/sightings/{number}/film")
            created = served.service.gallery.card.created
            with open_ledger(filmed.lot / "ingest", created) as ledger:
                (record,) = ledger.films()
                ledger.note(FilmRecord(**{**vars(record), "path": str(moved)}))
            found = served.ask("GET", f"/api/sightings/{number}/film?seconds=2")
        finally:
            moved.rename(filmed.film)
    assert gone.status == 404
    assert says(gone.error, "gate.mp4")
    assert found.json["film"] == "archive.mp4"
    assert 20 in [each["frame"] for each in found.json["frames"]]


def test_what_takes_too_long_or_is_no_film_is_refused(filmed: Filmed, tmp_path: Path) -> None:
    number = filmed.numbers[0]
    limits = Limits(film_seconds=0.001)
    rules = Rules(token=TOKEN, unmasked_frames=True, limits=limits)
    with live(filmed.lot, rules, tmp_path / "state") as served:
        refused = served.ask("GET", f"/api/sightings/{number}/film")
        assert refused.status == 404
        assert says(refused.error, "gate.mp4", "0.001 s")
    whole = filmed.film.read_bytes()
    try:
        filmed.film.write_bytes(b"\x00" * 4096)
        rules = Rules(token=TOKEN, unmasked_frames=True)
        with live(filmed.lot, rules, tmp_path / "state") as served:
            refused = served.ask("GET", f"/api/sightings/{number}/film")
    finally:
        filmed.film.write_bytes(whole)
    assert refused.status == 404
    assert says(refused.error, "gate.mp4")
    assert str(filmed.film.parent) not in refused.error


@pytest.mark.parametrize("name", ["", "1-2", "abc", f"{FILM[:12]}-", f"{FILM[:12]}-x", "Z-1"])
def test_other_names_are_of_no_film(name: str) -> None:
    assert read_track_name(name) is None
    assert read_track_name(track_name(FILM, 41)) == (FILM[:12], 41)
