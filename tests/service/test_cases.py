"""Cases: made, marked, noted, exported and deleted; all written down, and nothing forgotten."""

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from live import TOKEN, Live, live
from messages import facts, says

import platefree as pf
from platefree.audit.audit_check import read_entries, verify_audit
from platefree.service.accounts import Accounts
from platefree.service.cases import MOST_SIGHTINGS, Cases, Saying
from platefree.service.client import Client
from platefree.service.client_connection import ServiceError
from platefree.service.register import Register
from platefree.service.rules import Rules


@pytest.fixture
def lot(drawn_lot: Path, tmp_path: Path) -> Path:
    shutil.copytree(drawn_lot, tmp_path / "lot")
    return tmp_path / "lot"


@pytest.fixture(scope="module")
def served(drawn_lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(drawn_lot, folder=tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture(scope="module")
def client(served: Live) -> Iterator[Client]:
    with Client(served.address, TOKEN) as client:
        yield client


def actions(served: Live, count: int) -> list[tuple[str, str]]:
    return [(each.who, each.action) for each in read_entries(served.service.folder, count)]


def numbers_of(served: Live, count: int) -> list[int]:
    numbers: list[int] = served.service.gallery.store.latest(top=count).tolist()
    return numbers


def test_a_case_keeps_what_was_said_and_by_whom(client: Client, served: Live) -> None:
    one, two, three = numbers_of(served, 3)
    key = client.cases.make("white van", "of 12 May")["case"]
    client.cases.put(key, [one, two], mark="yes")
    client.cases.put(key, [three], mark="no", note="=other wheels")
    client.cases.put(key, [two], note="dent on the left")
    client.cases.change(key, name="grey van")
    found = client.cases.find(key)
    said = {each["number"]: (each["mark"], each["note"], each["by"]) for each in found["sightings"]}
    assert said == {
        one: ("yes", "", "local"),
        two: ("yes", "dent on the left", "local"),
        three: ("no", "=other wheels", "local"),
    }
    assert (found["name"], found["note"], found["by"]) == ("grey van", "of 12 May", "local")
    table = served.service.gallery.store.get(np.array([one])).sightings
    labels = next(each["labels"] for each in found["sightings"] if each["number"] == one)
    assert labels == table.labels(0)
    listed = client.cases.all()[0]  # it was changed last
    assert (listed["case"], listed["sightings"], listed["gone"]) == (key, 3, 0)
    client.cases.take_out(key, two)
    assert [each["number"] for each in client.cases.find(key)["sightings"]] == [one, three]
    client.cases.delete(key)
    assert key not in [each["case"] for each in client.cases.all()]
    done = ["made", *["sightings"] * 3, "changed", "taken-out", "deleted"]
    assert actions(served, 7) == [("local", f"case.{each}") for each in done]
    verify_audit(served.service.folder)


def test_marks_refine_a_search(client: Client, served: Live) -> None:
    first = client.search(numbers_of(served, 1)[0], top=8).hits
    key = client.cases.make("a case")["case"]
    client.cases.put(key, [first[1].number or 0], mark="yes")
    client.cases.put(key, [first[0].number or 0], mark="no")
    marks: dict[str, list[int]] = {"yes": [], "no": []}
    for each in client.cases.find(key)["sightings"]:
        marks[each["mark"]].append(each["number"])
    again = client.search(numbers_of(served, 1)[0], feedback=pf.Feedback(**marks))
    assert first[0].number not in [hit.number for hit in again.hits]


def test_what_is_wrong_with_a_case_is_said(client: Client, served: Live) -> None:
    key = client.cases.make("a case")["case"]
    (one,) = numbers_of(served, 1)
    for ask in (
        lambda: client.cases.find("0" * 16),
        lambda: client.cases.delete("absent"),
        lambda: client.cases.put(key, [5]),
        lambda: client.cases.take_out(key, one),
    ):
        with pytest.raises(ServiceError) as refused:
            ask()
        assert refused.value.status == 404
    for content in (
        {"sightings": []},
        {"sightings": [{"number": one, "mark": "perhaps"}]},
        {"sightings": [{"number": one}, {"number": one}]},
    ):
        assert served.ask("PUT", f"/api/cases/{key}/sightings", content).status == 422
    for name in ("", "  ", "x" * 201):
        assert served.ask("POST", "/api/cases", {"name": name}).status == 422


def test_what_is_not_given_stays(tmp_path: Path) -> None:
    cases = Cases(Register(tmp_path / "state"), "now")
    key = cases.make("a case", "a note", "anna").key
    cases.put(key, [Saying(1, "yes", "dent at the left door"), Saying(2, note="blue")], "anna")
    cases.put(key, [Saying(1), Saying(2, "no"), Saying(3)], "bob")
    assert [(each.number, each.mark, each.note) for each in cases.find(key).sightings] == [
        (1, "yes", "dent at the left door"),
        (2, "no", "blue"),
        (3, "", ""),
    ]
    cases.put(key, [Saying(1, "", "")], "anna")
    assert (cases.find(key).sightings[-1].mark, cases.find(key).sightings[-1].note) == ("", "")
    assert cases.change(key, None, "").note == ""
    assert cases.change(key, "", None).name == "a case"


def test_many_sightings_are_put_in_several_requests(
    client: Client, served: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platefree.service.client_cases.MOST_PUT", 2)
    numbers = numbers_of(served, 5)
    key = client.cases.make("all")["case"]
    found = client.cases.put(key, numbers, mark="yes")
    assert sorted(each["number"] for each in found["sightings"]) == sorted(numbers)
    assert {each["mark"] for each in found["sightings"]} == {"yes"}
    with pytest.raises(ServiceError) as refused:
        client.cases.put(key, [])
    assert refused.value.status == 422


def test_the_reason_of_a_client_is_stated_of_its_cases_too(drawn_lot: Path, tmp_path: Path) -> None:
    rules = Rules(token=TOKEN, reason_required=True)
    with (
        live(drawn_lot, rules, tmp_path / "state") as served,
        Client(served.address, TOKEN, reason="case 12") as client,
    ):
        key = client.cases.make("white van")["case"]
        client.cases.put(key, numbers_of(served, 1))
        assert client.cases.export(key, tmp_path / "van.zip") == 1
        assert client.cases.export(key, tmp_path / "court.zip", reason="for the court") == 1
        reasons = [(each.action, each.reason) for each in read_entries(served.service.folder, 9)]
    assert ("case.made", "case 12") in reasons
    assert [reason for action, reason in reasons if action == "export"] == [
        "case 12",
        "for the court",
    ]


def test_a_case_has_an_end(tmp_path: Path) -> None:
    cases = Cases(Register(tmp_path / "state"), "now")
    key = cases.make("a case", "", "anna").key
    many = [Saying(number) for number in range(MOST_SIGHTINGS)]
    cases.put(key, many, "anna")
    with pytest.raises(pf.PlatefreeError, match=facts("2,000")):
        cases.put(key, [Saying(MOST_SIGHTINGS)], "anna")
    assert len(cases.find(key).sightings) == MOST_SIGHTINGS


def test_cases_are_of_one_gallery(tmp_path: Path) -> None:
    register = Register(tmp_path / "state")
    key = Cases(register, "one").make("a case", "", "anna").key
    assert Cases(register, "another").all() == []
    with pytest.raises(pf.PlatefreeError):
        Cases(register, "another").find(key)


def test_a_register_of_before_gets_cases(tmp_path: Path) -> None:
    register = Register(tmp_path / "state")
    Accounts(register).add("anna", "viewer", "a long password")
    with register.opened() as file:
        file.execute("DROP TABLE cases")
        file.execute("DROP TABLE case_sightings")
    again = Register(tmp_path / "state")
    key = Cases(again, "now").make("a case", "", "anna").key
    assert Cases(again, "now").find(key).name == "a case"
    assert [each.name for each in Accounts(again).all()] == ["anna"]


def test_what_was_forgotten_is_in_no_case(lot: Path) -> None:
    with live(lot) as served, Client(served.address, TOKEN) as client:
        key = client.cases.make("a case")["case"]
        store = served.service.gallery.store
        gone = [store.latest(pf.Filter(cameras=[name]), 3).tolist() for name in ("cam1", "cam2")]
        kept = store.latest(pf.Filter(cameras=["cam3"]), 2).tolist()
        client.cases.put(key, [*gone[0], *gone[1], *kept], note="secret")
        client.forget(pf.Filter(cameras=["cam1"]))
        (listed,) = client.cases.all()
        assert (listed["sightings"], listed["gone"]) == (5, 3)
        pf.Gallery(lot).forget(pf.Filter(cameras=["cam2"]))
        found = client.cases.find(key)
        assert [each["number"] for each in found["sightings"]] == sorted(kept)
        assert found["gone"] == 6
        with served.service.cases.register.opened() as file:
            rows = file.execute("SELECT number FROM case_sightings").fetchall()
        assert {number for (number,) in rows} == set(kept)
        entries = read_entries(served.service.folder, 9)
        told = [each.details for each in entries if each.action == "case.forgotten"]
        assert [each["sightings"] for each in told] == [3, 3]


class Page(HTMLParser):
    """The tags of a page, the addresses in it, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def test_a_case_is_exported_as_one_archive(client: Client, served: Live, tmp_path: Path) -> None:
    one, two = numbers_of(served, 2)
    evil = '<script>alert("1")</script>'
    key = client.cases.make(f"van {evil}", "=1+1")["case"]
    client.cases.put(key, [one], mark="yes", note=f"=HYPERLINK {evil}")
    client.cases.put(key, [two], mark="similar")
    assert client.cases.export(key, tmp_path / "case.zip", reason="for the court") == 2
    gallery = served.service.gallery
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        about = json.loads(archive.read("about.json"))
        assert set(archive.namelist()) == {"about.json", *about["sha256"]}
        for name, digest in about["sha256"].items():
            assert sha256(archive.read(name)).hexdigest() == digest
        assert about["asked"] == {"by": "local", "reason": "for the court"}
        rows = list(csv.DictReader(io.StringIO(archive.read("case.csv").decode())))
        assert [(int(row["number"]), row["mark"]) for row in rows] == [
            (one, "yes"),
            (two, "similar"),
        ]
        assert rows[0]["note"].startswith("'=")
        told = json.loads(archive.read("case.json"))
        assert told["sightings"][0]["note"] == f"=HYPERLINK {evil}"
        for number in (one, two):
            crop = gallery.store.crops(np.array([number]))[0]
            assert archive.read(f"pictures/{number}.jpg") == crop
            assert archive.read(f"frames/{number}.jpg").startswith(b"\xff\xd8\xff")
        page = Page()
        page.feed(archive.read("index.html").decode())
    assert "script" not in page.tags
    assert page.tags.count("img") == 2
    assert all(each.startswith("data:image/jpeg;base64,") for each in page.addresses)
    assert says(page.text, f"van {evil}", "for the court", one, two, "similar")
    assert [action for _, action in actions(served, 2)] == ["export", "export.fetched"]


def test_no_frames_leave_without_masks(lot: Path, tmp_path: Path) -> None:
    with live(lot, Rules(token=TOKEN)) as served, Client(served.address, TOKEN) as client:
        key = client.cases.make("a case")["case"]
        client.cases.put(key, numbers_of(served, 1))
        client.cases.export(key, tmp_path / "case.zip")
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        assert not [name for name in archive.namelist() if name.startswith("frames/")]


def test_a_case_is_deleted_by_its_maker_or_an_administrator(lot: Path) -> None:
    with live(lot, Rules(access="accounts")) as served:
        headers = {}
        for name, role in (("anna", "analyst"), ("bert", "analyst"), ("chief", "administrator")):
            served.service.accounts.add(name, role, "a long password")  # type: ignore[arg-type]
            token = served.service.sessions.begin(name, "program")
            headers[name] = {"Authorization": f"Bearer {token}"}
        keys = [
            served.ask("POST", "/api/cases", {"name": "a case"}, headers["anna"]).json["case"]
            for _ in range(2)
        ]
        places = [f"/api/cases/{key}" for key in keys]
        refused = served.ask("DELETE", places[0], None, headers["bert"])
        assert refused.status == 403
        assert says(refused.error, "anna")
        assert served.ask("GET", places[0], None, headers["bert"]).status == 200
        assert served.ask("DELETE", places[0], None, headers["anna"]).status == 204
        assert served.ask("DELETE", places[1], None, headers["chief"]).status == 204
        assert served.ask("GET", "/api/cases", None, headers["anna"]).json == []


def test_a_case_without_sightings_is_exported_too(client: Client, tmp_path: Path) -> None:
    key = client.cases.make("empty")["case"]
    assert client.cases.export(key, tmp_path / "case.zip") == 0
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        assert set(archive.namelist()) == {"about.json", "case.csv", "case.json", "index.html"}


WRITER = """
import sys
from pathlib import Path
from platefree.service.cases import Cases, Saying
from platefree.service.register import Register

cases = Cases(Register(Path(sys.argv[1])), "now")
key = cases.make("a case", "", "anna").key
print(key, flush=True)
for number in range(10_000):
    cases.put(key, [Saying(number, "yes")], "anna")
    print(number, flush=True)
"""


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        key = process.stdout.readline().strip()
        said = [int(process.stdout.readline()) for _ in range(25)]
        process.kill()
        said += [int(line) for line in process.stdout if line.endswith("\n")]
    found = Cases(Register(tmp_path / "state"), "now").find(key)
    kept = [each.number for each in found.sightings]
    assert set(kept) >= set(said)
    assert len(kept) <= len(said) + 1
