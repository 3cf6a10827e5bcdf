"""The hits of a search as a journey, from the command line."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from messages import says
from test_cli import refused

import platefree as pf
from platefree.gallery.camera_distances import PlacedCameras
from platefree.types import Embeddings, Sightings

SEEN = {  # camera, seconds, track
    "a": ("=gate", 0, "1"),
    "b": ("=gate", 20, "1"),
    "c": ("ramp", 120, ""),
    "d": ("dock", 125, ""),
    "e": ("dock", None, ""),
}


@pytest.fixture
def lot(tmp_path: Path) -> Path:
    start = np.datetime64("2026-05-01T07:00:00", "ms")
    times = [
        np.datetime64("NaT") if seconds is None else start + np.timedelta64(seconds, "s")
        for _, seconds, _ in SEEN.values()
    ]
    columns = {
        "image": [f"{name}.jpg" for name in SEEN],
        "camera": [camera for camera, _, _ in SEEN.values()],
        "track": [track for _, _, track in SEEN.values()],
        "time": times,
    }
    table = Sightings.from_columns(tmp_path, columns)
    size = pf.load_model("color_stripes").embed(picture(tmp_path))[0].spaces["main"].shape[1]
    rows = np.abs(np.random.default_rng(0).standard_normal((len(SEEN), size)))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    gallery = pf.Gallery.create(tmp_path / "lot", "color_stripes")
    gallery.add(Embeddings({"main": rows}, table, gallery.card.model))
    return tmp_path / "lot"


def picture(folder: Path) -> Sightings:
    from PIL import Image

    Image.new("RGB", (40, 40), "red").save(folder / "query.png")
    return pf.query_picture(folder / "query.png")


def test_a_journey_of_an_answer(run: Run, lot: Path, tmp_path: Path) -> None:
    code, out, err = run("search", tmp_path / "query.png", "--gallery", lot, "--json")
    assert code == 0, err
    answer = tmp_path / "answer.json"
    answer.write_text(out)
    number = {Path(hit["image"]).stem: hit["number"] for hit in json.loads(out)["hits"]}

    code, out, err = run("journey", answer, "--json")
    assert code == 0, err
    found = json.loads(out)
    (journey,) = found["journeys"]
    assert [stop["camera"] for stop in journey["stops"]] == ["=gate", "ramp", "dock"]
    assert [stop["numbers"] for stop in journey["stops"]] == [
        [number["a"], number["b"]], [number["c"]], [number["d"]]
    ]  # fmt: skip
    assert journey["stops"][0]["last"] == "2026-05-01T07:00:20Z"
    assert [leg["seconds"] for leg in journey["legs"]] == [100, 5]
    assert found["untimed"] == [number["e"]]
    assert journey["implausible"] == []
    assert says(err, "1 hit", "unknown time", "--only")

    ways = tmp_path / "ways.csv"
    ways.write_text("from,to,metres\n'=gate,ramp,400\nramp,dock,600\n")
    code, out, _ = run("journey", answer, "--cameras", ways, "--json")
    (journey,) = json.loads(out)["journeys"]
    assert [leg["metres"] for leg in journey["legs"]] == [400, 600]
    (wrong,) = journey["implausible"]
    assert (wrong["first"], wrong["second"]) == (1, 2)
    assert says(wrong["why"], "600 m", "432 km/h")
    code, out, _ = run("journey", answer, "--cameras", ways)
    assert says(out, "=gate", "ramp", "432 km/h", "journey 1")

    code, out, _ = run("journey", answer, "--cameras", ways, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["camera"] for row in rows] == ["'=gate", "ramp", "dock"]  # no formula runs
    assert [row["km_h_before"] for row in rows] == ["", "14", "432"]
    assert says(rows[2]["implausible"], "stop 2")

    some = f"{number['a']},{number['d']}"
    code, out, err = run("journey", answer, "--only", some, "--json")
    (journey,) = json.loads(out)["journeys"]
    assert [stop["camera"] for stop in journey["stops"]] == ["=gate", "dock"]
    assert err == ""


def test_the_same_in_python(lot: Path, tmp_path: Path) -> None:
    gallery = pf.Gallery.open(lot)
    answer = gallery.search(picture(tmp_path))
    (journey,) = gallery.journeys(answer).journeys
    assert [stop.camera for stop in journey.stops] == ["=gate", "ramp", "dock"]
    places = PlacedCameras({"ramp": (0, 0), "dock": (0, 9000)})
    (journey,) = gallery.journeys(answer, places).journeys
    assert [(each.first, each.second) for each in journey.conflicts] == [(1, 2)]
    some = [hit for hit in answer.hits if hit.labels.get("camera") == "ramp"]
    assert len(gallery.journeys(some).journeys[0].stops) == 1


def test_what_a_journey_refuses(run: Run, lot: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    out = run("search", tmp_path / "query.png", "--gallery", lot, "--json")[1]
    answer.write_text(out)
    refused(run("journey", answer, "--only", 5), "answer.json", 5)
    refused(run("journey", answer, "--cameras", tmp_path / "x.csv"), "x.csv")
    assert run("journey", answer, "--csv", "--json")[0] == 2
    assert run("journey", answer, "--only", "first")[0] == 2
    hits = [{**hit, "time": "noon"} for hit in json.loads(out)["hits"]]
    answer.write_text(json.dumps({**json.loads(out), "hits": hits}))
    refused(run("journey", answer), "answer.json", "'noon'")
    answer.write_text(json.dumps({**json.loads(out), "hits": []}))
    assert says(run("journey", answer)[1], "no journey")
