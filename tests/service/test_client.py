"""The API through its client, beside the library."""

import csv
import io
import json
import math
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from pathlib import Path
from threading import Thread
from time import sleep

import numpy as np
import pytest
from hostile_pictures import hostile_pictures, saved
from live import TOKEN, Live, live
from messages import facts
from PIL import Image

import platefree as pf
from platefree.audit.audit_check import read_entries, verify_audit
from platefree.gallery.gallery_answer import GalleryAnswer
from platefree.service import running_service
from platefree.service.client import Client
from platefree.service.client_connection import ServiceError
from platefree.service.limits import Limits
from platefree.service.rules import Rules
from platefree.types import Sightings


@pytest.fixture(scope="module")
def served(drawn_lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    rules = Rules(token=TOKEN, unmasked_frames=True, limits=Limits(searches=10**6))
    with live(drawn_lot, rules, tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture(scope="module")
def client(served: Live) -> Iterator[Client]:
    with Client(f"{served.address}/#token={TOKEN}", reason="case 12") as client:
        yield client


@pytest.fixture(scope="module")
def gallery(drawn_lot: Path) -> pf.Gallery:
    return pf.Gallery(drawn_lot)


def same(found: GalleryAnswer, expected: GalleryAnswer) -> None:
    assert [hit.number for hit in found.hits] == [hit.number for hit in expected.hits]
    for one, other in zip(found.hits, expected.hits, strict=True):
        assert one.rank == other.rank
        assert math.isclose(one.similarity, other.similarity, abs_tol=1e-6) or (
            math.isnan(one.similarity) and math.isnan(other.similarity)
        )
        assert (one.labels, one.image.name) == (other.labels, other.image.name)
        assert (one.p_same, one.in_words, one.space) == (other.p_same, other.in_words, other.space)
    assert [path.name for path in found.left_out] == [path.name for path in expected.left_out]
    assert (found.searched, found.compared, found.model, found.version, found.exact) == (
        *(expected.searched, expected.compared, expected.model, expected.version, expected.exact),
    )


def test_a_search_by_pictures_is_that_of_the_library(
    client: Client, gallery: pf.Gallery, drawn_table: Sightings
) -> None:
    one, other = drawn_table.path(0), drawn_table.path(9)
    where = pf.Filter(cameras=["cam1", "cam2"])
    for query, options in (
        (one, {}),
        ([one, other], {"top": 7}),
        (one, {"where": where, "post": "rerank", "top": 5}),
    ):
        same(client.search(query, **options), gallery.search(query, **options))
    hits = client.search([one, other]).hits
    assert {hit.query for hit in hits} <= {one, other}


def test_a_box_and_feedback(client: Client, gallery: pf.Gallery, drawn_table: Sightings) -> None:
    path, box = drawn_table.path(3), (4.0, 4.0, 40.0, 30.0)
    first = client.search(path, box=box)
    same(first, gallery.search(pf.query_picture(path, box=box)))
    numbers = [hit.number for hit in first.hits]
    feedback = pf.Feedback(yes=[numbers[2] or 0], no=[numbers[0] or 0])
    again = client.search(path, box=box, feedback=feedback)
    same(again, gallery.search(pf.query_picture(path, box=box), feedback=feedback))
    assert numbers[0] not in [hit.number for hit in again.hits]


def test_a_stored_sighting_and_none(client: Client, gallery: pf.Gallery) -> None:
    number = gallery.search(top=3).hits[2].number
    assert number is not None
    same(client.search(number), gallery.search(number))
    where = pf.Filter(cameras=["cam2"])
    same(client.search(where=where, top=4), gallery.search(where=where, top=4))


def test_a_box_on_the_frame_of_a_stored_sighting(
    client: Client, served: Live, gallery: pf.Gallery
) -> None:
    number = gallery.search().hits[0].number or 0
    path = gallery.store.get(np.array([number])).sightings.path(0)
    box = [2.0, 3.0, 44.0, 40.0]
    asked = {"pictures": [{"frame_of": number, "box": box}], "top": 9}
    found = served.ask("POST", "/api/search", asked).json
    expected = gallery.search(pf.query_picture(path, box=tuple(box)), top=9)
    assert [hit["number"] for hit in found["hits"]] == [hit.number for hit in expected.hits]


def test_another_picture_in_the_place_of_one_is_not_shown(
    drawn_table: Sightings, tmp_path: Path
) -> None:
    shutil.copy(drawn_table.path(0), tmp_path / "snapshot.jpg")
    lot = pf.Gallery.create(tmp_path / "lot", "color_stripes")
    lot.add(Sightings.from_columns(tmp_path, {"image": ["snapshot.jpg"]}))
    (number,) = lot.store.latest().tolist()
    rules = Rules(token=TOKEN, unmasked_frames=True)
    with live(tmp_path / "lot", rules) as served, Client(served.address, TOKEN) as client:
        key = client.cases.make("a case")["case"]
        client.cases.put(key, [number])
        client.frame(number)
        shutil.copy(drawn_table.path(9), tmp_path / "snapshot.jpg")
        with pytest.raises(ServiceError, match=facts("snapshot.jpg", "has changed")) as refused:
            client.frame(number)
        assert refused.value.status == 404
        asked = {"pictures": [{"frame_of": number, "box": [0, 0, 9, 9]}]}
        assert served.ask("POST", "/api/search", asked).status == 404
        client.cases.export(key, tmp_path / "case.zip")
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        assert f"pictures/{number}.jpg" in archive.namelist()
        assert f"frames/{number}.jpg" not in archive.namelist()


@pytest.mark.parametrize("page", [1, 7, 1000])
def test_all_pages_are_the_whole_list(client: Client, gallery: pf.Gallery, page: int) -> None:
    where = pf.Filter(cameras=["cam0", "cam1"])
    expected = gallery.store.latest(where).tolist()[:20]
    assert len(expected) == 20
    found = list(islice(client.latest(where, page=page), 20))
    assert [hit.number for hit in found] == expected
    assert [hit.rank for hit in found] == list(range(1, 21))


def test_journeys_are_those_of_the_library(client: Client, gallery: pf.Gallery) -> None:
    hits = gallery.search(top=12).hits
    found, expected = client.journeys(hits), gallery.journeys(hits)
    assert found.untimed == expected.untimed
    for one, other in zip(found.journeys, expected.journeys, strict=True):
        assert (one.legs, one.conflicts) == (other.legs, other.conflicts)
        assert [stop.camera for stop in one.stops] == [stop.camera for stop in other.stops]
        assert [stop.hits for stop in one.stops] == [stop.hits for stop in other.stops]
    assert client.journeys([]) == gallery.journeys([])
    with pytest.raises(ServiceError, match=facts(123)):
        client.journeys([pf.Hit(1, 0.5, Path("x"), number=123)])


def test_what_is_kept_of_a_sighting(client: Client, gallery: pf.Gallery) -> None:
    number = gallery.search().hits[0].number or 0
    table = gallery.store.get(np.array([number])).sightings
    assert client.crop(number) == gallery.store.crops(np.array([number]))[0]
    said = client.sighting(number)
    assert (said["number"], said["labels"]) == (number, table.labels(0))
    assert said["image"] == table.path(0).name
    frame = Image.open(io.BytesIO(client.frame(number)))
    with Image.open(table.path(0)) as picture:
        assert frame.size == picture.size
    assert client.info()["sightings"] == gallery.store.count()
    for ask in (client.crop, client.sighting, client.frame):
        with pytest.raises(ServiceError, match=facts(5)) as refused:
            ask(5)
        assert refused.value.status == 404


def test_an_export_holds_what_it_says(client: Client, gallery: pf.Gallery, tmp_path: Path) -> None:
    where = pf.Filter(cameras=["cam1"])
    numbers = gallery.store.latest(where).tolist()
    assert client.export(tmp_path / "out.zip", where) == len(numbers)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        about = json.loads(archive.read("about.json"))
        assert set(archive.namelist()) == {"about.json", *about["sha256"]}
        for name, digest in about["sha256"].items():
            assert sha256(archive.read(name)).hexdigest() == digest
        rows = archive.read("sightings.csv").decode().splitlines()
        assert [int(row.partition(",")[0]) for row in rows[1:]] == numbers
        crop = gallery.store.crops(np.array(numbers[:1]))[0]
        assert archive.read(f"pictures/{numbers[0]}.jpg") == crop
    assert about["asked"]["reason"] == "case 12"
    assert client.export(tmp_path / "some.zip", numbers=numbers[:3]) == 3


def test_hits_are_exported_in_their_order_with_what_was_said_of_them(
    client: Client, gallery: pf.Gallery, tmp_path: Path
) -> None:
    hits = client.search(gallery.search(top=1).hits[0].number, top=6).hits
    assert client.export(tmp_path / "hits.csv", hits=hits) == 6
    with open(tmp_path / "hits.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert client.export(tmp_path / "hits.json", hits=hits) == 6
    told = json.loads((tmp_path / "hits.json").read_text("utf-8"))
    for row, other, hit in zip(rows, told, hits, strict=True):
        assert int(row["number"]) == int(other["number"]) == hit.number
        assert float(row["similarity"]) == pytest.approx(hit.similarity, abs=1e-3)
        assert {name: row[name] for name in hit.labels} == dict(hit.labels)
    for nothing in ({"hits": []}, {"numbers": []}):
        assert client.export(tmp_path / "nothing.csv", **nothing) == 0
        assert len((tmp_path / "nothing.csv").read_text("utf-8").splitlines()) == 1
    with pytest.raises(ServiceError, match=facts("twice")):
        client.export(tmp_path / "none.csv", hits=[*hits, hits[0]])


def test_who_searched_what_is_written_down(
    client: Client, served: Live, drawn_table: Sightings
) -> None:
    path = drawn_table.path(4)
    client.search(path, where=pf.Filter(cameras=["cam2"]), top=3, reason="  theft\n of 12 May ")
    (entry,) = read_entries(served.service.folder, 1)
    assert (entry.who, entry.action, entry.reason) == ("local", "search", "theft of 12 May")
    assert entry.details["pictures"] == [{"sha256": sha256(path.read_bytes()).hexdigest()}]
    assert (entry.details["where"], entry.details["hits"]) == ({"cameras": ["cam2"]}, 3)
    audit = client.audit(2)
    assert (audit["fault"], len(audit["newest"])) == ("", 2)
    assert verify_audit(served.service.folder).end.entries == audit["entries"]


@pytest.mark.parametrize("name", hostile_pictures())
def test_a_hostile_upload_is_one_clear_answer(served: Live, name: str) -> None:
    answer = served.ask("POST", "/api/uploads", body=hostile_pictures()[name])
    assert answer.status in (413, 422)
    assert answer.error
    assert str(served.service.files) not in answer.error
    assert served.ask("GET", "/api/health", headers={}).json["status"] == "ok"


def test_an_upload_is_its_owners_alone_and_is_never_served(served: Live) -> None:
    polyglot = saved("JPEG") + b"PK\x03\x04<script>alert(1)</script>"
    kept = served.ask("POST", "/api/uploads", body=polyglot)
    assert kept.status == 200
    assert kept.json["vehicles"] == []
    asked = {"pictures": [{"upload": kept.json["upload"]}], "top": 2}
    answer = served.ask("POST", "/api/search", asked)
    assert len(answer.json["hits"]) == 2
    assert b"script" not in answer.content
    asked["pictures"] = [{"upload": "../../etc/passwd"}]
    assert served.ask("POST", "/api/search", asked).status == 404


def test_threads_of_one_client_each_get_the_answer_to_their_own_question(
    client: Client, gallery: pf.Gallery
) -> None:
    asked = [hit.number for hit in gallery.search(top=4).hits]
    assert all(number is not None for number in asked)
    answered: dict[int, list[int]] = {}

    def ask(number: int) -> None:
        answered[number] = [client.sighting(number)["number"] for _ in range(20)]

    threads = [Thread(target=ask, args=(number,)) for number in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answered == {number: [number] * 20 for number in asked}


def test_a_client_says_what_is_wrong(served: Live, tmp_path: Path) -> None:
    with pytest.raises(pf.PlatefreeError, match=facts("http://127.0.0.1:8000")):
        Client("file:///etc/passwd")
    for wrong in ("http://127.0.0.1:eight/#token=secret", "http://127.0.0.1:99999", "http://[::1"):
        with pytest.raises(pf.PlatefreeError, match=facts("http://127.0.0.1:8000")) as refused:
            Client(wrong)
        assert "secret" not in str(refused.value)
    with Client(served.address, "wrong") as client, pytest.raises(ServiceError) as asked:
        client.info()
    assert asked.value.status == 401
    with (
        Client("http://127.0.0.1:1") as client,
        pytest.raises(ServiceError, match=facts("running")),
    ):
        client.info()
    with Client(served.address, TOKEN) as client:
        with pytest.raises(pf.PlatefreeError, match=facts("absent.jpg")):
            client.search(tmp_path / "absent.jpg")
        number = client.search(top=1).hits[0].number
        with pytest.raises(ServiceError, match=facts("rerank")):
            client.search(number, post="rerank,nonsense")


class Stranger(BaseHTTPRequestHandler):
    """Something else that listens where a service was expected."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>It works</html>")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()


def test_what_is_no_service_is_said_to_be_none(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with Client(f"http://127.0.0.1:{server.server_port}") as client:
            for ask in (client.info, partial(client.search, tmp_path / "a.png")):
                with pytest.raises(ServiceError, match=facts("platefree service")):
                    ask()
        server.shutdown()


def test_forgetting_is_done_and_written_down(drawn_lot: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_lot, tmp_path / "lot")
    where = pf.Filter(cameras=["cam1"])
    with live(tmp_path / "lot") as served, Client(served.address, TOKEN) as client:
        before = served.service.gallery.store.count()
        count = served.service.gallery.store.count(where)
        assert 0 < client.forget(where, reason="by order") == count
        assert served.service.gallery.store.count() == before - count
        entries = read_entries(served.service.folder, 2)
        assert [each.action for each in entries] == ["forget.asked", "forget.done"]
        assert entries[0].details["where"] == {"cameras": ["cam1"]}
        assert (entries[1].details["count"], entries[1].reason) == (count, "by order")
        with pytest.raises(ServiceError, match=facts("everything")):  # a zone says nothing
            client.forget(pf.Filter(zone="+07:00"))
        assert client.forget(pf.Filter()) == before - count
        assert client.search().hits == []
    assert verify_audit(tmp_path / "lot" / "service").end.entries == 5


def test_retention_is_carried_out_and_written_down(drawn_lot: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_lot, tmp_path / "lot")
    gallery = pf.Gallery(tmp_path / "lot")
    gallery.keep(pf.Retention(days=1))
    before = gallery.store.count()
    undated = gallery.store.count(pf.Filter(unknown_time="only"))
    with live(tmp_path / "lot") as served:
        while not (jobs := served.ask("GET", "/api/jobs").json) or jobs[0]["state"] != "done":
            assert not jobs or jobs[0]["state"] in ("waiting", "running")
        assert jobs[0]["kind"] == "retain"
        assert served.service.gallery.store.count() == undated < before
        asked, entry = read_entries(served.service.folder, 9)
    assert [each.action for each in (asked, entry)] == ["retain.asked", "retain.done"]
    assert asked.who == entry.who == "platefree"
    assert asked.details["expired"] == entry.details["removed"]
    assert sum(entry.details["removed"].values()) == before - undated


def test_retention_that_is_given_while_a_service_runs(drawn_lot: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_lot, tmp_path / "lot")
    with live(tmp_path / "lot") as served:
        service = served.service
        assert served.ask("GET", "/api/jobs").json == []  # nothing is to be done when it begins
        Thread(target=service.retain_daily, args=[0.05], daemon=True).start()
        pf.Gallery(tmp_path / "lot").keep(pf.Retention(days=1))
        undated = service.gallery.store.count(pf.Filter(unknown_time="only"))
        while service.gallery.store.count() > undated:
            sleep(0.05)
        assert served.ask("GET", "/api/gallery").json["retention"] == ["1"]
        rules = served.ask("GET", "/api/state").json["retention"]
        assert [each["days"] for each in rules] == [1.0] * len(rules)


def test_retention_that_had_to_wait_is_tried_again(
    drawn_lot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_service, "_SOON", 0.05)
    shutil.copytree(drawn_lot, tmp_path / "lot")
    gallery = pf.Gallery(tmp_path / "lot")
    gallery.keep(pf.Retention(days=1))
    undated = gallery.store.count(pf.Filter(unknown_time="only"))
    with ExitStack() as other:
        other.enter_context(gallery.store.writing())
        with live(tmp_path / "lot") as served:
            while not any(
                each["state"] == "failed" for each in served.ask("GET", "/api/jobs").json
            ):
                sleep(0.05)
            assert served.service.gallery.store.count() > undated
            other.close()
            while served.service.gallery.store.count() > undated:
                sleep(0.05)
