"""``platefree ingest``: what it takes, tells, refuses, and what a recorder writes meanwhile."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Run
from drawn_traffic import TRAFFIC, ColorDetector, ColorEmbedder, draw_film
from messages import says

import platefree as pf
from platefree.cli import ingest_run
from platefree.gallery import open_gallery, stored_gallery
from platefree.ingestion import looking, resting_films


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_film(tmp_path_factory.mktemp("recorder") / "gate-20260501-065955.mp4")


@pytest.fixture(autouse=True)
def colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every detector and every embedder is one that goes by colors."""
    monkeypatch.setattr(looking, "load_detector", lambda *given, **options: ColorDetector())
    for module in (open_gallery, stored_gallery):
        monkeypatch.setattr(module, "open_embedder", lambda *given: ColorEmbedder())


RULE = ("--start", "gate-%Y%m%d-%H%M%S", "--zone", "+07:00")


def test_it_makes_the_gallery_and_tells_what_was_seen(
    run: Run, recorded: Path, tmp_path: Path
) -> None:
    lot = tmp_path / "lot"
    words = ("ingest", recorded, "--gallery", lot, "--model", "colors", "--camera", "gate", *RULE)
    code, told, err = run(*words, "--json")
    assert code == 0, err
    answer = json.loads(told)
    assert answer["vehicles"] == answer["added"] == len(TRAFFIC)
    assert answer["classes"] == {"car": 2, "truck": 1, "bus": 2}
    assert answer["cameras"] == {"gate": len(TRAFFIC)}
    before = sum(car.begins < 5 for car in TRAFFIC)  # it begins five seconds before seven
    late = len(TRAFFIC) - before
    assert sorted(answer["hours"].values()) == sorted([before, late])
    assert {hour[:13] for hour in answer["hours"]} == {"2026-05-01 06", "2026-05-01 07"}
    assert says(err.splitlines()[-1], f"{len(TRAFFIC)} sightings", "0:00:08", str(lot))
    code, table, err = run(*words)
    assert code == 0, err
    assert says(table, "gate", "truck", "2026-05-01 07:00", f"{len(TRAFFIC)} vehicles")
    assert says(err.splitlines()[-1], "0 sightings", "1 film done before")
    code, table, _ = run("search", "--gallery", lot, "--where", "camera:gate type:truck")
    assert (code, says(table, recorded.name)) == (0, True)
    assert not (lot / "audit.jsonl").exists()


def test_kept_plates_and_faces_are_in_the_audit_log(
    run: Run, recorded: Path, tmp_path: Path
) -> None:
    lot = tmp_path / "lot"
    words = ("--model", "colors", "--camera", "gate", "--start", "unknown", "--keep-plates")
    assert run("ingest", recorded, "--gallery", lot, *words, "--keep-faces")[0] == 0
    for line, what in zip(
        (lot / "audit.jsonl").read_text().splitlines(), ("plates", "faces"), strict=True
    ):
        entry = json.loads(line)
        assert entry["action"] == f"ingest.keep_{what}"
        assert entry["details"] == {"cameras": ["gate"]}


def test_lists_of_cameras_and_wrong_words(run: Run, recorded: Path, tmp_path: Path) -> None:
    lot, listed = tmp_path / "lot", tmp_path / "cameras.toml"
    listed.write_text(f"[[cameras]]\nname='gate'\nstart='unknown'\nfilms=['{recorded}']")
    words = ("ingest", listed, "--gallery", lot, "--model", "colors")
    assert run(*words, "--camera", "gate")[0] == 2
    assert run(*words, "--every", "5")[0] == 2
    assert run("ingest", recorded, "--gallery", lot)[0] == 2
    two = [recorded, tmp_path / "other.mp4"]
    shutil.copy(recorded, two[1])
    for films, more in (([tmp_path / "absent.mp4"], ()), (two, ("--start", "2026-05-01T07:00Z"))):
        code, _, err = run("ingest", *films, *words[2:], "--camera", "gate", *more)
        assert (code, says(err, "2 films" if more else "absent.mp4")) == (1, True)
    assert not lot.exists()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    code, _, err = run("ingest", broken, *words[2:], "--camera", "gate", "--start", "unknown")
    assert (code, says(err, "left out", "broken.mp4")) == (1, True)
    code, _, err = run("ingest", recorded, *words[2:], "--camera", "gate")
    assert (code, says(err, recorded.name, "--start")) == (1, True)
    code, _, err = run(*words)
    assert (code, says(err, f"{len(TRAFFIC)} sightings")) == (0, True)


def test_what_a_recorder_writes_is_taken_in_until_ctrl_c(
    run: Run,
    recorded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lot, folder = tmp_path / "lot", tmp_path / "recorder"
    folder.mkdir()
    away = tmp_path / "away"  # a disk that is not there all the time
    away.mkdir()
    looks, now, said = list[float](), 0.0, list[str]()

    def sleep(seconds: float) -> None:
        """Time passes; a film comes, then others that cannot be taken in; then Ctrl-C."""
        nonlocal now
        now += 6.0
        looks.append(seconds)
        if len(looks) == 1:
            shutil.copy(recorded, folder / recorded.name)
            away.rmdir()
        if len(looks) == 4:
            shutil.copy(recorded, folder / "copy.mp4")
            (folder / "other.mp4").write_bytes(recorded.read_bytes() + b"other")
            (folder / "gate-20260502-070000.mp4").write_bytes(b"no film")
        if len(looks) == 7:
            said.append(capsys.readouterr().err)
            raise KeyboardInterrupt

    resting = resting_films.RestingFilms
    monkeypatch.setattr(ingest_run, "RestingFilms", lambda: resting(lambda: now))
    monkeypatch.setattr(ingest_run.time, "sleep", sleep)
    words = ("ingest", "--watch", folder, away, "--gallery", lot, "--model", "colors")
    code, told, err = run(*words, "--camera", "gate", *RULE, "--json")
    assert says(
        said[0], f"looked at {folder / recorded.name}", "left out", "gate-20260502-070000.mp4"
    )
    assert code == 1
    assert says(err.splitlines()[-1], "stopped", "same command", str(lot))
    answer = json.loads(told)
    assert answer["vehicles"] == len(TRAFFIC)
    assert [Path(each["film"]).name for each in answer["films"]] == [recorded.name]
    assert says(said[0], "other.mp4", "--start")
    assert pf.Gallery.open(lot, ColorEmbedder()).store.count() == len(TRAFFIC)


def test_a_watch_says_that_two_cameras_have_one_film(
    run: Run, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, looks, lists = tmp_path / "cameras.toml", list[float](), list[str]()
    for name in ("gate", "ramp"):
        (tmp_path / name).mkdir()
        shutil.copy(recorded, tmp_path / name)
        lists.append(f"[[cameras]]\nname='{name}'\nstart='unknown'\nfilms=['{tmp_path / name}']\n")
    listed.write_text("".join(lists))

    def sleep(seconds: float) -> None:
        """Time passes, then Ctrl-C."""
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    resting = resting_films.RestingFilms
    monkeypatch.setattr(ingest_run, "RestingFilms", lambda: resting(lambda: 11.0 * len(looks)))
    monkeypatch.setattr(ingest_run.time, "sleep", sleep)
    words = ("ingest", "--watch", listed, "--gallery", tmp_path / "lot", "--model", "colors")
    code, told, err = run(*words, "--json")
    assert code == 1
    assert says(err, "same film", "'gate'", "'ramp'")
    assert json.loads(told)["cameras"] == {"gate": len(TRAFFIC)}
