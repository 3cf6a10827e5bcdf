"""How a service stands, where cameras are, and which parts of two pictures made them alike."""

import io
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from live import TOKEN, Live, live
from messages import says
from PIL import Image

import platefree as pf
from platefree.audit.audit_check import read_entries
from platefree.gallery.camera_distances import read_camera_distances
from platefree.gallery.ledger import FilmRecord, open_ledger
from platefree.service.client import Client
from platefree.service.rules import Rules
from platefree.types import Sightings


@pytest.fixture(scope="module")
def served(drawn_lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(drawn_lot, folder=tmp_path_factory.mktemp("state")) as found:
        yield found


def covered(picture: Image.Image, row: int, column: int) -> Image.Image:
    pixels = np.array(picture)
    height, width = pixels.shape[:2]
    mean = pixels.reshape(-1, 3).mean(axis=0).round()
    for y in range(height):
        for x in range(width):
            if round(row * height / 8) <= y < round((row + 1) * height / 8) and (
                round(column * width / 8) <= x < round((column + 1) * width / 8)
            ):
                pixels[y, x] = mean
    return Image.fromarray(pixels)


def test_a_heat_map_is_what_covering_does(served: Live, tmp_path: Path) -> None:
    gallery = served.service.gallery
    query, hit = (each.number or 0 for each in gallery.search(top=2).hits)
    crops = [
        Image.open(io.BytesIO(each)).convert("RGB")
        for each in gallery.store.crops(np.array([query, hit]))
    ]
    with Client(served.address, TOKEN) as client:
        found = client.heat_map(query, hit)

    def similarity(one: Image.Image, other: Image.Image) -> float:
        paths = [tmp_path / "one.png", tmp_path / "other.png"]
        one.save(paths[0])
        other.save(paths[1])
        table = Sightings.from_columns(Path(), {"image": list(map(str, paths))})
        rows, _ = gallery.model.embed(table, work=pf.Work(workers=0))
        return float(rows.spaces["main"][0] @ rows.spaces["main"][1])

    whole = similarity(*crops)
    assert found["similarity"] == pytest.approx(whole, abs=1e-3)
    places = [(row, column) for row in range(8) for column in range(8)]
    falls = np.zeros((2, 8, 8))
    for row, column in places:
        falls[0, row, column] = whole - similarity(covered(crops[0], row, column), crops[1])
        falls[1, row, column] = whole - similarity(crops[0], covered(crops[1], row, column))
    falls = np.clip(falls, 0, None)
    for name, expected in zip(("query", "hit"), falls, strict=True):
        np.testing.assert_allclose(found[name], expected / expected.max(), atol=0.02)
        assert np.max(found[name]) == 1


def test_a_heat_map_of_an_upload(served: Live, drawn_table: Sightings) -> None:
    hit = served.service.gallery.search(top=1).hits[0].number or 0
    with Client(served.address, TOKEN) as client:
        found = client.heat_map(drawn_table.path(2), hit)
    (entry,) = read_entries(served.service.folder, 1)
    digest = sha256(drawn_table.path(2).read_bytes()).hexdigest()
    assert (entry.action, entry.details["picture"]["sha256"]) == ("heat-map", digest)
    assert np.shape(found["query"]) == np.shape(found["hit"]) == (8, 8)
    assert served.ask("POST", "/api/heat-maps", {"number": hit}).status == 422
    asked = {"number": 5, "query_number": hit}
    assert served.ask("POST", "/api/heat-maps", asked).status == 404


def test_no_heat_map_without_the_model(drawn_table: Sightings, tmp_path: Path) -> None:
    gallery = pf.Gallery.create(tmp_path / "lot", "color_stripes")
    gallery.add(drawn_table.take(np.arange(3)))
    for path in (tmp_path / "lot").glob("*.json"):
        path.write_text(path.read_text().replace('"color_stripes"', '"gone/away"'))
    with live(tmp_path / "lot") as served:
        one, two = (hit.number for hit in served.service.gallery.search(top=2).hits)
        refused = served.ask("POST", "/api/heat-maps", {"number": one, "query_number": two})
        assert refused.status == 404
        assert says(refused.error, "gone/away")
        model = served.ask("GET", "/api/state").json["model"]
        assert says(model["note"], "gone/away")


def test_the_state_of_everything(drawn_table: Sightings, tmp_path: Path) -> None:
    rule = pf.Retention(days=36_500, cameras={"cam1": 30_000})
    gallery = pf.Gallery.create(tmp_path / "lot", "color_stripes", retention=rule)
    gallery.add(drawn_table)
    with open_ledger(tmp_path / "lot" / "ingest", gallery.card.created) as ledger:
        films = [
            FilmRecord("a" * 32, "/films/a.mp4", "gate", "2026-05-01T07:00:00Z", "{}", 60.0, 60.0),
            FilmRecord("b" * 32, "/films/b.mp4", "gate", "2026-05-01T08:00:00Z", "{}", None, 12.5),
        ]
        ledger.note(FilmRecord(**{**vars(films[0]), "finished": True, "remarks": ("torn",)}))
        ledger.note(films[1])
        with live(tmp_path / "lot") as served, Client(served.address, TOKEN) as client:
            found = client.state()  # while another process writes
    said = [
        (each["film"], each["seconds"], each["duration"], each["finished"], each["remarks"])
        for each in found["ingestion"]["films"]
    ]
    assert said == [("b.mp4", 12.5, None, False, []), ("a.mp4", 60.0, 60.0, True, ["torn"])]
    assert (found["ingestion"]["finished"], found["ingestion"]["of"]) == (1, 2)
    assert found["ingestion"]["error"] == ""
    days = {each["camera"]: each["days"] for each in found["retention"]}
    assert days == {"cam1": 30_000, "cam2": 36_500, "cam3": 36_500}
    size = gallery.store.bytes_on_disk() / 2**20
    assert found["storage"]["gallery_megabytes"] == pytest.approx(size, rel=0.5)
    assert found["storage"]["free_megabytes"] > 0
    assert (found["model"]["fingerprint"], found["model"]["method"]) == (
        gallery.card.model,
        "color_stripes",
    )
    assert found["model"]["limits"]


def test_the_ledger_of_another_gallery_is_named(drawn_lot: Path, tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger", "another time"):
        pass
    with live(drawn_lot, folder=tmp_path / "state") as served:
        served.service.gallery.ledger = tmp_path / "ledger"
        found = served.ask("GET", "/api/state").json["ingestion"]
    assert says(found["error"], "another time")


def test_cameras_have_places_or_ways(drawn_lot: Path, tmp_path: Path) -> None:
    places = [{"name": "cam1", "map": [3, 4]}, {"name": "far", "map": [10, -2.5]}]
    (tmp_path / "cameras.json").write_text(json.dumps(places))
    (tmp_path / "ways.csv").write_text("from,to,metres\ncam1,cam2,120\ncam2,cam3,80\n")
    gallery = pf.Gallery(drawn_lot)
    counts = gallery.store.tally("camera")
    answers = []
    for name in ("cameras.json", "ways.csv"):
        rules = Rules(token=TOKEN, distances=read_camera_distances(tmp_path / name))
        state = tmp_path / "state"
        with live(drawn_lot, rules, state) as served, Client(served.address, TOKEN) as client:
            answers.append(client.cameras())
    placed, linked = answers
    assert {each["camera"]: (each["east"], each["north"]) for each in placed["cameras"]} == {
        "cam1": (3, 4),
        "cam2": (None, None),
        "cam3": (None, None),
        "far": (10, -2.5),
    }
    assert placed["ways"] == []
    for answer in answers:
        shown = {each["camera"]: each["sightings"] for each in answer["cameras"]}
        assert shown == {name: counts.get(name, 0) for name in shown}
    assert linked["ways"] == [
        {"start": "cam1", "end": "cam2", "metres": 120},
        {"start": "cam2", "end": "cam3", "metres": 80},
    ]
