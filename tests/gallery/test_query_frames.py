"""Searching by a second of a film, and by one of the vehicles on a whole picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from messages import facts, says
from PIL import Image
from small_films import write_film

import platefree as pf
from platefree.data.frame_boxes import KINDS, PLATE
from platefree.data.image_source import TableImages
from platefree.errors import DataError, FilmError
from platefree.gallery.query_frames import frame_at
from platefree.gallery.query_vehicles import with_vehicles
from platefree.gallery.search import query_pictures
from platefree.inference.detector import FoundOnFrame


class Sees:
    """A detector that finds the same boxes on every frame."""

    name, fingerprint, threshold, longest = "sees", "0", 0.4, 960

    def __init__(self, *boxes: tuple[int, int, int, int], kind: int = 0) -> None:
        self.box = np.array(boxes, float).reshape(-1, 4)
        self.kind = kind

    def detect(self, frames: Any, threshold: float | None = None) -> list[FoundOnFrame]:  # noqa: ANN401
        del threshold
        n = len(self.box)
        return [FoundOnFrame(self.box, np.full(n, self.kind), np.full(n, 0.9)) for _ in frames]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    seconds = [each / 10 for each in range(40)]
    return write_film(tmp_path / "gate.mp4", seconds, created="2026-05-01T00:00:00Z")


def test_a_second_of_a_film_is_its_first_frame_from_there_on(film: Path) -> None:
    for text, number in (("0", 0), ("1.3", 13), ("1.31", 14), ("0:02", 20), ("0:00:03.9", 39)):
        found = frame_at(f"{film}@{text}")
        assert found is not None
        assert (found.film, found.number) == (film, number)
        moment = np.datetime64("2026-05-01T00:00:00") + np.timedelta64(100 * number, "ms")
        assert abs(found.time - moment) <= np.timedelta64(1, "ms")
    table = query_pictures([f"{film}@1.3"], camera="gate")
    assert (table.frame.tolist(), table.camera.tolist()) == ([13], ["gate"])
    given = query_pictures([f"{film}@1.3"], time="2026-06-01T00:00Z")
    assert given.time[0] == np.datetime64("2026-06-01")
    with pytest.raises(FilmError, match=facts("gate.mp4", "9.5 s")):
        frame_at(f"{film}@9.5")
    with pytest.raises(FilmError, match=facts("gate.mp4", "second")):
        frame_at(film)
    assert frame_at("car@home.jpg") is None
    assert frame_at("car.jpg@3") is None


def test_the_vehicle_that_is_meant_is_cut_out(film: Path) -> None:
    query = query_pictures([f"{film}@2"])
    small, large = (0, 20, 30, 40), (50, 10, 150, 60)
    boxed, (said,) = with_vehicles(Sees(small), query)
    assert boxed.box[0].tolist() == list(small)
    assert says(said, "gate.mp4", "frame 20", "only", "0,20,30,20")
    for which, box in (("largest", large), ("1", large), ("2", small)):
        boxed, (said,) = with_vehicles(Sees(small, large), query, which)
        assert boxed.box[0].tolist() == list(box)
        assert TableImages(boxed).read(0).size == (box[2] - box[0], box[3] - box[1])
        assert says(said, "of 2")
    for which in ("", "3", "0"):
        with pytest.raises(DataError, match=facts("2 vehicles", "50,10,100,50", "--box")):
            with_vehicles(Sees(small, large), query, which)
    for nothing in (Sees(), Sees(small, kind=PLATE)):
        with pytest.raises(DataError, match=facts("no vehicle", "gate.mp4", 0.4)):
            with_vehicles(nothing, query, "largest")
    again, said_again = with_vehicles(Sees(), boxed)  # a box of one's own stays
    assert (again.box == boxed.box).all()
    assert said_again == []


def test_a_vehicle_of_a_film_is_embedded_stored_and_found(
    drawn_table: pf.Sightings, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the picture is that is cut out of the frame."""
    street = Image.new("RGB", (300, 200), "grey")
    for place in range(2):
        with Image.open(drawn_table.path(place)) as vehicle:
            street.paste(vehicle, (20 + 150 * place, 80))
    film = film_of(street, tmp_path / "street.mp4")
    lot = tmp_path / "lot"
    pf.Gallery.create(lot, "color_stripes").add(
        pf.load_model("color_stripes").embed(drawn_table)[0]
    )
    boxes = [(20, 80, 68, 128), (170, 80, 218, 128)]
    monkeypatch.setattr(
        "platefree.inference.detector_loading.load_detector", lambda *_, **__: Sees(*boxes)
    )
    words = ("search", f"{film}@0.5", "--gallery", lot, "--detector", "any")
    code, _, err = run(*words)
    assert code == 1
    assert says(err, "2 vehicles", "20,80,48,48", "170,80,48,48", "--box")
    for place in range(2):
        code, out, err = run(*words, "--box", place + 1, "--json")
        assert code == 0, err
        assert says(err, "frame 5", KINDS[0])
        answer = json.loads(out)
        (asked,) = answer["asked"]["pictures"]
        assert (asked["frame"], asked["box"]) == (5, list(boxes[place]))
        assert answer["hits"][0]["vehicle"] == str(drawn_table.vehicle[place])
        sheet = tmp_path / "sheet.png"
        assert run(*words, "--box", place + 1, "--sheet", sheet, "--top", 2)[0] == 0
        assert not has_empty_frames(sheet)
        (tmp_path / "answer.json").write_text(out)
        code, out, err = run(
            "search", "--gallery", lot, "--again", tmp_path / "answer.json", "--json"
        )
        assert code == 0, err
        assert json.loads(out)["again"]["same"]
    code, out, err = run(*words[:4], "--box", "20,80,48,48", "--json")
    assert code == 0, err
    code, _, err = run(*words[:4])  # by the detector inside
    assert code == 1
    assert says(err, "2 vehicles", "--box")

    columns = {"image": [str(film)] * 2, "frame": [5, 9], "box": boxes, "camera": ["gate"] * 2}
    rows = pf.Sightings.from_columns(tmp_path, columns)
    pf.write_table(rows, tmp_path / "rows.csv")
    assert run("gallery", "add", lot, tmp_path / "rows.csv")[0] == 0
    code, out, err = run(
        *("search", drawn_table.path(1), "--gallery", lot, "--json"), *("--where", "camera:gate")
    )
    assert code == 0, err
    hits = json.loads(out)["hits"]
    assert [(each["frame"], tuple(each["box"])) for each in hits] == [(9, boxes[1]), (5, boxes[0])]
    for query in (drawn_table.path(1), hits[0]["number"]):
        words = ("search", query, "--gallery", lot, "--where", "camera:gate", "--sheet", sheet)
        assert run(*words)[0] == 0
        assert not has_empty_frames(sheet)


def has_empty_frames(sheet: Path) -> bool:
    """Whether a picture on it could not be read."""
    with Image.open(sheet) as drawn:
        return (0xEC, 0xEE, 0xF0) in {color for _, color in drawn.getcolors(1 << 24) or []}


def film_of(picture: Image.Image, path: Path) -> Path:
    """A film of ten equal frames."""
    import av

    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = *picture.size, "yuv420p"
        stream.options = {"crf": "4", "preset": "ultrafast"}
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path
