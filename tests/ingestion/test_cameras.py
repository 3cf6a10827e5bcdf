"""Cameras as they are listed, when their films begin, and which files they are."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from messages import facts

from platefree.errors import DataError, FilmError
from platefree.ingestion.cameras import Camera, read_cameras
from platefree.ingestion.film_files import film_files, fingerprint_of
from platefree.ingestion.film_start import check_start, start_by, zone_of
from platefree.ingestion.resting_films import RESTS, RESTS_BEFORE_NEXT, RestingFilms
from platefree.inputs.plain_files import MB


@pytest.mark.parametrize(
    ("rule", "zone", "name", "expected"),
    [
        ("gate-%Y%m%d-%H%M%S", "+07:00", "gate-20260501-070015.mp4", "2026-05-01T00:00:15"),
        ("%d.%m.%y %H_%M", "-03:30", "new 01.05.26 23_59 x.ts", "2026-05-02T03:29:00"),
        ("%Y-%m-%dT%H%M", "UTC", "a/b/cam(1) 2024-02-29T0000.mkv", "2024-02-29T00:00:00"),
    ],
)
def test_names_tell_when_films_begin(rule: str, zone: str, name: str, expected: str) -> None:
    check_start(rule)
    found = datetime.fromisoformat(start_by(rule, zone_of(zone), Path(name)))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["gate.mp4", "gate-20261301-070015.mp4", "gate-2026050-070015.mp4", "gate_20260501.mp4"]
)
def test_a_name_that_does_not_follow_the_rule_is_refused(name: str) -> None:
    with pytest.raises(DataError, match=facts(name, "gate-%Y%m%d-%H%M%S")):
        start_by("gate-%Y%m%d-%H%M%S", UTC, Path(name))


@pytest.mark.parametrize(
    "start",
    ["2026-05-01T07:00", "yesterday", "%H%M", "%Y%m%d%H%M%S%H", "%Y%m%d%H%M%f", "%y%Y%m%d%H%M"],
)
def test_a_start_that_says_no_moment_is_refused(start: str) -> None:
    with pytest.raises(DataError, match=facts(start)):
        Camera("gate", [], start)


@pytest.mark.parametrize("zone", ["7", "+7:00", "+25:00", "Asia/Bangkok"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(DataError, match=facts(zone, "+07:00")):
        Camera("gate", [], zone=zone)


def test_hours_are_those_of_the_zone_or_of_the_start() -> None:
    def hours(**given: str) -> float:
        offset = Camera("gate", [], **given).clock.utcoffset(None)
        assert offset is not None
        return offset / timedelta(hours=1)

    assert hours() == hours(start="unknown") == hours(start="%Y%m%d%H%M") == 0
    assert hours(start="2026-05-01T07:00+07:00") == 7
    assert hours(start="2026-05-01T07:00-03:30") == -3.5
    assert hours(start="2026-05-01T07:00Z", zone="+07:00") == 7


LIST = """
[[cameras]]
name = "gate"
films = ["gate", "old/gate.mp4"]
start = "gate-%Y%m%d-%H%M%S"
zone = "+07:00"
watch = ["0,100 640,100 640,352"]
smallest = 24
every = 0.2
threshold = 0.3

[[cameras]]
name = "ramp"
films = ["ramp"]
detector = "models/own"
"""


def test_a_list_of_cameras(tmp_path: Path) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(LIST)
    (tmp_path / "models" / "own").mkdir(parents=True)
    gate, ramp = read_cameras(path, "usual")
    assert gate.films == [tmp_path / "gate", tmp_path / "old" / "gate.mp4"]
    assert (gate.name, gate.every, gate.threshold, gate.detector) == ("gate", 0.2, 0.3, "usual")
    assert gate.regions.smallest == 24
    np.testing.assert_array_equal(gate.regions.watch[0], [[0, 100], [640, 100], [640, 352]])
    assert (ramp.name, ramp.every, ramp.detector) == ("ramp", 0.1, tmp_path / "models" / "own")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ("cameras",)),
        ("[[cameras]]\nname = 'gate'", ("films",)),
        (LIST + "speed = 3", ("speed",)),
        (LIST.replace("0.2", "-1"), ("every",)),
        (LIST.replace("ramp", "gate"), ("gate", "twice")),
        (LIST.replace("640,352", "640"), ("640", "cameras.toml", "'gate'")),
        (LIST.replace("+07:00", "7"), ("'7'", "cameras.toml", "'gate'")),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=facts(*said)):
        read_cameras(path)


def test_films_of_a_folder_are_found_each_once(tmp_path: Path) -> None:
    names = ["b.mp4", "a.MKV", "c/d.ts", ".hidden.mp4", ".trash/x.mp4", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    wanted = [tmp_path / name for name in ("a.MKV", "b.mp4", "c/d.ts")]
    assert film_files([tmp_path, tmp_path / "b.mp4"]) == wanted
    for place in ("rtsp://camera/live", tmp_path / "gone.mp4"):
        with pytest.raises(FilmError, match=facts(place)):
            film_files([place])


def test_films_differ_by_size_beginning_and_end(tmp_path: Path) -> None:
    content = np.random.default_rng(0).integers(0, 256, 3 * MB, np.uint8).tobytes()
    changed = bytes([content[0] ^ 1]) + content[1:], content[:-1] + bytes([content[-1] ^ 1])
    others = [*changed, content[:-1], content + b"\0", b"", b"\0"]
    prints = list[str]()
    for number, each in enumerate([content, content, *others]):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(each)
        prints.append(fingerprint_of(path))
    assert prints[0] == prints[1]
    assert len(set(prints)) == len(prints) - 1


def test_a_film_is_given_when_it_rests_and_sooner_when_the_next_has_begun(tmp_path: Path) -> None:
    now = 100.0
    resting = RestingFilms(lambda: now)
    first, second = tmp_path / "gate-1.mp4", tmp_path / "gate-2.mp4"
    first.write_bytes(b"1")

    def finished() -> list[Path]:
        return resting.finished(film_files([tmp_path]))

    assert finished() == []
    now += RESTS - 1
    first.write_bytes(b"12")  # it grows
    assert finished() == []
    now += RESTS - 1
    assert finished() == []
    second.write_bytes(b"1")  # the first has rested for long enough now
    assert finished() == [first]
    assert finished() == []
    now += RESTS_BEFORE_NEXT
    assert finished() == []
    now += RESTS - RESTS_BEFORE_NEXT
    assert finished() == [second]
    third, fourth = tmp_path / "gate-3.mp4", tmp_path / "gate-4.mp4"
    for path in (third, fourth):
        path.write_bytes(b"1")
    assert finished() == []
    now += RESTS_BEFORE_NEXT
    assert finished() == [third]
    first.write_bytes(b"123")  # it was written once more
    assert finished() == []
    now += RESTS
    assert finished() == [first, fourth]
    changed = first.stat().st_mtime_ns
    first.unlink()
    assert finished() == []
    first.write_bytes(b"123")  # whoever removed it put it back: nothing is known of it any more
    os.utime(first, ns=(changed, changed))
    assert finished() == []
    now += RESTS
    assert finished() == [first]


def test_the_list_of_the_page_can_be_read(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "ingest.md").read_text("utf-8")
    path = tmp_path / "cameras.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    gate, ramp = read_cameras(path)
    assert len(gate.regions.watch) == len(gate.regions.ignore) == 1
    assert (ramp.detector, ramp.threshold) == ("models/own", 0.5)
