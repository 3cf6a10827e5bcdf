"""What an answer says besides its hits: passes, totals, probabilities, and choices."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from calibrations import made_calibration
from live import TOKEN, Live, live
from messages import says

import platefree as pf
from platefree.gallery.passes import PASS
from platefree.service.client import Client
from platefree.types import Sightings


@pytest.fixture(scope="module")
def served(drawn_lot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(drawn_lot, folder=tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture
def calibrated(served: Live) -> Iterator[Live]:
    model = served.service.gallery.model
    model.calibration = made_calibration(model.fingerprint, sure=12.0)  # type: ignore[misc]
    yield served
    model.calibration = None  # type: ignore[misc]


def query(served: Live) -> int:
    number: int = served.service.gallery.search(top=1).hits[0].number or 0
    return number


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_hits_stand_in_passes(served: Live) -> None:
    found = served.ask("POST", "/api/search", {"number": query(served), "top": 60}).json
    hits = {hit["number"]: hit for hit in found["hits"]}
    listed = [number for each in found["passes"] for number in each["numbers"]]
    assert sorted(listed) == sorted(hits)
    assert len(found["passes"]) < len(hits)
    best = [hits[each["best"]]["rank"] for each in found["passes"]]
    assert best == sorted(best)
    for each in found["passes"]:
        members = [hits[number] for number in each["numbers"]]
        assert [hit["rank"] for hit in members] == sorted(hit["rank"] for hit in members)
        assert {hit["labels"].get("camera", "") for hit in members} == {each["camera"]}
        assert {hit["labels"].get("track", "") for hit in members} == {each["track"]}
        assert each["similarity"] == members[0]["similarity"]
        times = sorted(hit["labels"]["time"] for hit in members)
        assert (each["first"], each["last"]) == (times[0], times[-1])
        if not each["track"]:
            gaps = [seconds(b) - seconds(a) for a, b in pairwise(times)]
            assert max(gaps, default=0) <= PASS


def test_totals_say_what_conditions_left_out(served: Live, drawn_table: Sightings) -> None:
    for asked in ({}, {"number": query(served)}):
        content = {**asked, "where": {"cameras": ["cam1"]}, "top": 3}
        found = served.ask("POST", "/api/search", content).json
        assert found["stored"] == len(drawn_table)
        assert found["searched"] == int((drawn_table.camera == "cam1").sum())
    with Client(served.address, TOKEN) as client:
        assert client.search(query(served)).stored == len(drawn_table)


def test_a_least_probability(calibrated: Live) -> None:
    content: dict[str, Any] = {"number": query(calibrated), "top": 50}
    everything = calibrated.ask("POST", "/api/search", content).json
    assert everything["calibrated"] is True
    values = sorted(hit["p_same"] for hit in everything["hits"])
    least = values[len(values) // 2]
    found = calibrated.ask("POST", "/api/search", {**content, "p_at_least": least}).json
    expected = [hit["number"] for hit in everything["hits"] if hit["p_same"] >= least]
    assert [hit["number"] for hit in found["hits"]] == expected
    assert found["below"] == len(everything["hits"]) - len(expected) > 0
    assert {number for each in found["passes"] for number in each["numbers"]} == set(expected)
    for each in found["passes"]:
        best = next(hit for hit in found["hits"] if hit["number"] == each["best"])
        assert (each["p_same"], each["in_words"]) == (best["p_same"], best["in_words"])
    with Client(calibrated.address, TOKEN) as client:
        hits = client.search(content["number"], top=50, p_at_least=least).hits
    assert [hit.number for hit in hits] == expected


def test_no_least_probability_where_none_is_known(served: Live) -> None:
    content = {"number": query(served), "p_at_least": 0.5}
    refused = served.ask("POST", "/api/search", content)
    assert refused.status == 422
    assert says(refused.error, "p_at_least", "calibrate")
    assert served.ask("POST", "/api/search", {"p_at_least": 0.5}).status == 422
    assert served.ask("POST", "/api/search", {}).json["calibrated"] is False


def test_choices_are_what_a_table_counts(served: Live, drawn_table: Sightings) -> None:
    found = served.ask("GET", "/api/choices").json
    columns = {"cameras": "camera", "types": "type", "colors": "color", "views": "view"}
    for name, column in columns.items():
        counted = {each["value"]: each["count"] for each in found[name]}
        assert counted == dict(Counter(getattr(drawn_table, column).tolist()))
        counts = [each["count"] for each in found[name]]
        assert counts == sorted(counts, reverse=True)
    times = [
        text for row in range(len(drawn_table)) if (text := drawn_table.labels(row).get("time"))
    ]
    assert (found["first"], found["last"]) == (min(times), max(times))
    assert found["sightings"] == len(drawn_table)
    with Client(served.address, TOKEN) as client:
        assert client.choices() == found


def test_choices_follow_the_gallery(drawn_lot: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_lot, tmp_path / "lot")
    with live(tmp_path / "lot") as served:
        before = served.ask("GET", "/api/choices").json
        pf.Gallery(tmp_path / "lot").forget(pf.Filter(cameras=["cam1"]))
        after = served.ask("GET", "/api/choices").json
        assert {each["value"] for each in before["cameras"]} == {"cam1", "cam2", "cam3"}
        assert {each["value"] for each in after["cameras"]} == {"cam2", "cam3"}
        assert after["version"] > before["version"]
