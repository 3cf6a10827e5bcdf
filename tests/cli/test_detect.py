"""``platefree detect`` on pictures with a detector of random weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from messages import says
from PIL import Image
from random_detector import noise_frame
from small_films import write_film

import platefree as pf
from platefree.data.film import open_film
from platefree.inference.detector import FoundOnFrame
from platefree.reports.detection_drawing import drawn

KINDS = ["car", "motorcycle", "truck", "bus", "plate"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    places = [tmp_path / "a" / "gate.png", tmp_path / "b" / "gate.png"]
    for number, place in enumerate(places):
        place.parent.mkdir()
        Image.fromarray(noise_frame(64 + 30 * number, 100, seed=number)).save(place)
    return places


def test_the_json_and_the_table_say_what_the_detector_finds(
    exported_detector: Path, pictures: list[Path], run: Run
) -> None:
    detector = pf.load_detector(exported_detector)
    frames = [np.asarray(Image.open(place)) for place in pictures]
    words = ("detect", *pictures, "--model", exported_detector, "--threshold", 0.8)
    code, told, err = run(*words, "--json")
    assert code == 0, err
    answer = json.loads(told)
    assert answer["threshold"] == 0.8
    assert answer["model"]["fingerprint"] == detector.fingerprint
    wanted = detector.detect(frames, 0.8)
    for each, place, frame, found in zip(answer["pictures"], pictures, frames, wanted, strict=True):
        assert each["picture"] == str(place)
        assert (each["height"], each["width"]) == frame.shape[:2]
        assert len(each["found"]) == len(found.box) > 0
        for row, one in enumerate(each["found"]):
            assert one["class"] == KINDS[found.kind[row]]
            assert one["score"] == pytest.approx(found.score[row], abs=1e-4)
            assert one["box"] == pytest.approx(found.box[row], abs=0.01)
    code, table, _ = run(*words)
    assert code == 0
    assert says(table, "class", "score", "bottom", str(pictures[0]), "0.8", "2 pictures")
    code, table, _ = run(*words[:-1], 1.0)
    assert says(table, "nothing", "0 boxes")
    code, told, _ = run(*words[:-2], "--json")
    assert json.loads(told)["threshold"] == 0.6  # the detector's own


def test_drawings_are_beside_each_other_and_show_the_boxes(
    exported_detector: Path, pictures: list[Path], run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "drawn"
    code, told, err = run(
        *("detect", *pictures, "--model", exported_detector, "--out", out, "--json")
    )
    assert code == 0, err
    assert says(err, "drawings", str(out))
    names = [Path(each["drawing"]).name for each in json.loads(told)["pictures"]]
    assert names == ["gate-found.png", "gate-found-2.png"]
    for name, place in zip(names, pictures, strict=True):
        picture, before = Image.open(out / name), Image.open(place)
        assert picture.size == before.size
        assert (np.asarray(picture) != np.asarray(before)).any()


def test_a_box_is_drawn_where_it_is_and_nowhere_else() -> None:
    black = Image.new("RGB", (200, 160))
    box = np.array([[50.0, 60.0, 150.0, 120.0]])
    found = FoundOnFrame(box, np.array([0]), np.array([0.75]))
    pixels = np.asarray(drawn(black, found)).any(axis=2)
    assert pixels[60, 50:150].all()
    assert pixels[119, 50:150].all()
    assert pixels[60:120, 50].all()
    assert pixels[60:120, 149].all()
    assert not pixels[64:116, 54:146].any()
    assert not pixels[120:].any()
    assert pixels[40:58, 50:70].any()  # its class and score stand above
    at_the_edge = found._replace(box=box + np.array([45, 0, 45, 0]))
    text = np.asarray(drawn(black, at_the_edge)).any(axis=2)[:58]
    assert text.sum() == pixels[:58].sum()  # nothing is cut off: it moves to the left
    assert not np.asarray(drawn(black, FoundOnFrame(box[:0], np.zeros(0, int), box[:0, 0]))).any()


def test_bad_pictures_are_one_line(
    exported_detector: Path, pictures: list[Path], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    Image.new("RGB", (100, 10)).save(tmp_path / "flat.png")
    header = b"P6 40000 30000 255\n"
    (tmp_path / "huge.ppm").write_bytes(header + bytes(64))
    for name, told in (
        ("none.png", ("none.png", "not exist")),
        ("text.png", ("text.png", "as a picture")),
        ("flat.png", ("flat.png", "100 x 10 pixels", 24)),
        ("huge.ppm", ("huge.ppm", "40,000 x 30,000")),
    ):
        code, _, err = run("detect", pictures[0], tmp_path / name, "--model", exported_detector)
        lines = [line for line in err.splitlines() if line.startswith("platefree: ")]
        assert (code, len(lines)) == (1, 1), err
        assert says(lines[0], *told)


def test_a_picture_is_never_written_over_and_models_that_embed_are_refused(
    exported_detector: Path, exported_folder: Path, pictures: list[Path], run: Run
) -> None:
    other = pictures[0].with_name("gate-found.png")
    other.write_bytes(pictures[0].read_bytes())
    code, _, err = run(
        *("detect", pictures[0], other, "--model", exported_detector, "--out", other.parent)
    )
    assert code == 1
    assert says(err, "gate-found.png", "lost")
    assert other.read_bytes() == pictures[0].read_bytes()
    code, _, err = run("detect", pictures[0], "--model", exported_folder)
    assert code == 1
    assert says(err, "embeds pictures", "vehicle_detector")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "gate.mp4", [each / 10 for each in range(20)], size=(64, 192))


def test_a_film_is_seen_frame_by_frame(
    exported_detector: Path, film: Path, pictures: list[Path], run: Run, tmp_path: Path
) -> None:
    detector = pf.load_detector(exported_detector)
    words = ("detect", film, pictures[0], "--model", exported_detector, "--threshold", 0.7)
    words += ("--every", 0.5, "--since", 0.3, "--until", 1.5, "--smallest", 20)
    words += ("--ignore", "0,0 60,0 60,64 0,64", "--out", tmp_path / "drawn")
    code, told, err = run(*words, "--json")
    assert code == 0, err
    answer = json.loads(told)
    assert [each["picture"] for each in answer["pictures"]] == [str(pictures[0])]
    (seen,) = answer["films"]
    assert (seen["width"], seen["height"], seen["start"]) == (192, 64, None)
    assert [each["frame"] for each in seen["frames"]] == [3, 8, 13]
    count = 0
    with open_film(film) as opened:
        for frame in opened.frames():
            (found,) = detector.detect([frame.picture], 0.7)
            for each in seen["frames"]:
                if each["frame"] != frame.number:
                    continue
                assert each["seconds"] == pytest.approx(frame.time)
                wanted = [
                    box
                    for box in found.box.tolist()
                    if max(box[2] - box[0], box[3] - box[1]) >= 20 and (box[0] + box[2]) / 2 >= 60
                ]
                boxes = [one["box"] for one in each["found"]]
                np.testing.assert_allclose(
                    np.reshape(boxes, (-1, 4)), np.reshape(wanted, (-1, 4)), atol=0.01
                )
                count += len(wanted)
    assert count > 0
    assert seen["drawing"] == str(tmp_path / "drawn" / "gate-found.mp4")
    with open_film(tmp_path / "drawn" / "gate-found.mp4") as drawing:
        shown = list(drawing.frames())
    assert [frame.time for frame in shown] == pytest.approx([0, 0.5, 1.0], abs=0.001)
    assert shown[0].picture.shape == (64, 192, 3)
    code, table, _ = run(*words)
    assert code == 0
    assert says(table, "x real time", str(film), "1 picture")


def test_a_film_that_cannot_be_read_is_one_line_and_what_is_missing_is_said(
    exported_detector: Path, film: Path, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_text("no film" * 99)
    for name in ("none.mp4", "text.mp4"):
        code, _, err = run("detect", tmp_path / name, "--model", exported_detector)
        assert code == 1
        assert says(err, name)
    whole = write_film(tmp_path / "whole.mkv", [each / 10 for each in range(60)])
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, _, err = run("detect", tmp_path / "cut.mkv", "--model", exported_detector)
    assert code == 0
    assert says(err, "cut.mkv", "missing")
    for wrong in ("--watch", "1,2 3,4"), ("--since", 3, "--until", 2):
        code, _, err = run("detect", film, "--model", exported_detector, *wrong)
        assert code == 1
        assert "Traceback" not in err
