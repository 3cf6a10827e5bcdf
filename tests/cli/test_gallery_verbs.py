"""A gallery by the command line, from an empty folder to a forgotten camera."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from messages import says
from PIL import Image
from test_cli import refused

import platefree as pf
from platefree.data.frame_boxes import KINDS
from platefree.errors import DataError
from platefree.gallery.filter_words import filter_of
from platefree.gallery.filters import Filter
from platefree.gallery.stored import stored_model_path
from platefree.inference.detector import FoundOnFrame
from platefree.storage.locks import only_writer


@pytest.fixture
def lot(run: Run, drawn_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "lot"
    assert run("gallery", "create", folder, "--model", "color_stripes")[0] == 0
    code, out, err = run("gallery", "add", folder, drawn_folder, "--workers", 0, "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "added": 96,
            "known": 0,
            "skipped": [],
            "expired": 0,
        },
    ), err
    return folder


def searched(run: Run, *words: object) -> dict[str, Any]:
    code, out, err = run("search", *words, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_from_an_empty_folder_to_a_forgotten_camera(
    run: Run, lot: Path, drawn_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    query = drawn_table.path(0)
    by_gallery = searched(run, query, "--gallery", lot, "--top", 9)
    colors = ("--gallery", drawn_folder, "--model", "color_stripes")
    by_folder = searched(run, query, *colors, "--top", 9)
    images = [[hit["image"] for hit in each["hits"]] for each in (by_gallery, by_folder)]
    assert images[0] == images[1]
    assert by_gallery["left_out"] == [str(query)]
    assert by_gallery["gallery"]["searched"] == 96
    assert searched(run, query, "--gallery", lot, "--top", 9)["hits"] == by_gallery["hits"]

    number = by_gallery["hits"][0]["number"]
    by_number = searched(run, number, "--gallery", lot, "--top", 3)
    again = searched(run, images[0][0], "--gallery", lot, "--top", 3)
    assert [hit["image"] for hit in by_number["hits"]] == [hit["image"] for hit in again["hits"]]

    words = "camera:cam2 type:van,bus"
    some = searched(run, query, "--gallery", lot, "--where", words, "--top", 96)
    in_folder = searched(run, query, *colors, "--where", words, "--top", 96)
    assert [hit["image"] for hit in some["hits"]] == [hit["image"] for hit in in_folder["hits"]]
    assert {hit["camera"] for hit in some["hits"]} == {"cam2"}

    latest = searched(run, "--gallery", lot, "--where", "camera:cam3", "--top", 4)
    times = np.sort(drawn_table.time[drawn_table.camera == "cam3"])[::-1][:4]
    assert [hit["time"][:19] for hit in latest["hits"]] == [
        str(time.astype("datetime64[s]")) for time in times
    ]
    assert latest["hits"][0]["similarity"] is None

    code, out, _ = run("gallery", "export", lot, "--out", tmp_path / "out.csv", "--json")
    assert (code, json.loads(out)["written"]) == (0, 96)
    assert len(pf.read_table(tmp_path / "out.csv")) == 96

    code, out, err = run("gallery", "forget", lot, "--where", "camera:cam1", "--json")
    assert (code, json.loads(out)["forgotten"]) == (0, 32), err
    assert says(err, "32 picture files", "not touched")
    assert json.loads(run("gallery", "info", lot, "--json")[1])["cameras"] == {
        "cam2": 32,
        "cam3": 32,
    }
    assert says(run("gallery", "info", lot)[1], "64 sightings", "camera cam2: 32", "color_stripes")
    assert run("gallery", "compact", lot)[0] == 0
    code, out, _ = run("gallery", "add", lot, drawn_folder, "--workers", 0, "--json")
    assert (code, json.loads(out)["added"], json.loads(out)["known"]) == (0, 32, 64)
    for nothing in ("time:known", "time:any", "zone:+07:00", " "):
        assert run("gallery", "forget", lot, "--where", nothing)[0] == 2
    assert json.loads(run("gallery", "info", lot, "--json")[1])["sightings"] == 96
    elsewhere = ("--everything", "--ledger", tmp_path)
    refused(run("gallery", "forget", lot, *elsewhere), "no ledger", str(tmp_path))
    assert run("gallery", "forget", lot, "--everything")[0] == 0
    assert searched(run, query, "--gallery", lot)["hits"] == []


def test_a_search_in_words(run: Run, lot: Path, drawn_table: pf.Sightings, tmp_path: Path) -> None:
    code, out, _ = run("search", drawn_table.path(0), "--gallery", lot, "--top", 2)
    assert code == 0
    assert says(out, "96 pictures", "exact")
    code, out, err = run("search", "--gallery", lot, "--top", 2)
    assert says(out, "the latest")
    assert "nan" not in out
    assert "probability" not in out + err  # nothing was compared
    number = searched(run, "--gallery", lot, "--top", 1)["hits"][0]["number"]
    sheet = tmp_path / "sheet.png"
    assert run("search", number, "--gallery", lot, "--top", 3, "--sheet", sheet)[0] == 0
    assert sheet.exists()


def test_embeddings_are_added(run: Run, drawn_folder: Path, tmp_path: Path) -> None:
    colors = ("--model", "color_stripes")
    run("embed", drawn_folder, "--out", tmp_path / "stored", "--workers", 0, *colors)
    run("gallery", "create", tmp_path / "lot", *colors)
    code, out, _ = run("gallery", "add", tmp_path / "lot", tmp_path / "stored", "--json")
    assert (code, json.loads(out)["added"]) == (0, 96)


def test_what_a_gallery_refuses(
    run: Run, lot: Path, drawn_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    refused(run("gallery", "create", lot), "lot", "already", "gallery add")
    refused(run("gallery", "info", drawn_folder), "not a gallery", "gallery create")
    query = next(drawn_folder.rglob("*.jpg"))
    for words in (
        ("search", query, "--gallery", lot, "--model", tiny_model_folder),
        ("gallery", "add", lot, drawn_folder, "--model", tiny_model_folder),
    ):
        refused(run(*words), "lot", "platefree gallery create", "platefree gallery add")
    refused(run("search", query, "--gallery", lot, "--where", "gate"), "'gate'", "camera:gate")
    refused(run("search", 12345, "--gallery", lot), 12345, "deleted")
    with only_writer(lot):
        for words in (
            ("add", lot, drawn_folder),
            ("forget", lot, "--everything"),
            ("compact", lot),
        ):
            refused(run("gallery", *words), "lot", "another run")
    assert json.loads(run("gallery", "info", lot, "--json")[1])["sightings"] == 96
    for usage in ([], ["--everything", "--where", "camera:cam1"]):
        assert run("gallery", "forget", lot, *usage)[0] == 2
    assert run("search", "--gallery", drawn_folder)[0] == 2
    assert run("search", query, "--gallery", lot, "--root", tmp_path)[0] == 2
    shutil.rmtree(lot / "sightings.lance" / "data")
    refused(run("search", query, "--gallery", lot), "lot", "cannot be read")


def test_conditions_in_words() -> None:
    assert filter_of("") == Filter()
    text = (
        'camera:gate,ramp camera:"north gate" type:unknown since:2026-05-01 between:22:00-06:00 '
        "weekday:mon,tue zone:+07:00 time:any not:/a/b.jpg not:17 not:18 similarity:0.5"
    )
    assert filter_of(text) == Filter(
        cameras=["gate", "ramp", "north gate"],
        types=[""],
        since="2026-05-01",
        between=("22:00", "06:00"),
        weekdays=["mon", "tue"],
        zone="+07:00",
        unknown_time="in",
        not_files=["/a/b.jpg"],
        not_numbers=[17, 18],
        at_least=0.5,
    )
    long = "9" * 5000  # Python reads no such number
    assert filter_of(f"not:{long}") == Filter(not_files=[long])
    for wrong in (
        "gate",
        "cam:gate",
        "camera:",
        "between:07:00",
        "time:never",
        'camera:"gate',
        "since:yesterday",
        "similarity:much",
        "weekday:someday",
        "camera:gate,",
        "since:2026-05-01 since:2026-05-02",
        "between:07:00Z-09:00Z zone:+07:00",
    ):
        with pytest.raises(DataError):
            filter_of(wrong)


def test_a_comma_of_a_name_stands_behind_a_backslash() -> None:
    assert filter_of('camera:"gate, north"').cameras == ["gate", " north"]
    assert filter_of('camera:"gate\\, north",ramp').cameras == ["gate, north", "ramp"]


def test_feedback_moves_a_search(run: Run, lot: Path, drawn_table: pf.Sightings) -> None:
    query = drawn_table.path(0)
    before = searched(run, query, "--gallery", lot, "--top", 96)["hits"]
    yes, *no = (before[place]["number"] for place in (5, 0, 2))
    said = ("--yes", yes, "--no", ",".join(map(str, no)))
    after = searched(run, query, "--gallery", lot, "--top", 96, *said)
    assert (after["asked"]["yes"], after["asked"]["no"]) == ([yes], no)
    assert len(after["hits"]) == len(before) - 2
    assert not {hit["number"] for hit in after["hits"]} & set(no)
    assert after["hits"][0]["number"] == yes
    by_python = pf.Gallery.open(lot).search(query, top=96, feedback=pf.Feedback(yes=[yes], no=no))
    assert [hit["number"] for hit in after["hits"]] == [hit.number for hit in by_python.hits]
    shown = run("search", query, "--gallery", lot, "--top", 3, *said)[1]
    assert says(shown, "number", yes)  # which the next search is told


def test_a_vehicle_in_a_larger_picture(
    run: Run, lot: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    """Its box gives what the picture that is cut to it gives."""
    street = Image.new("RGB", (300, 200), "grey")
    with Image.open(drawn_table.path(0)) as vehicle:
        street.paste(vehicle, (120, 80))
    street.save(tmp_path / "street.png")
    street.crop((120, 80, 168, 128)).save(tmp_path / "cut.png")
    boxed = searched(
        run, tmp_path / "street.png", "--gallery", lot, "--box", "120,80,48,48", "--top", 96
    )
    cut = searched(run, tmp_path / "cut.png", "--gallery", lot, "--top", 96)
    whole = searched(run, tmp_path / "street.png", "--gallery", lot, "--top", 96)
    images = [[hit["image"] for hit in each["hits"]] for each in (boxed, cut, whole)]
    assert images[0] == images[1] != images[2]
    assert boxed["asked"]["pictures"][0]["box"] == [120, 80, 168, 128]
    assert boxed["cautions"] == []
    assert whole["cautions"] != []  # it looks like a whole street


def test_an_answer_is_repeated(
    run: Run, lot: Path, drawn_folder: Path, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    query, answer = drawn_table.path(0), tmp_path / "answer.json"
    words = ("--gallery", lot, "--top", 7, "--where", "camera:cam2,cam3", "--post", "expand,rerank")
    code, out, err = run("search", query, *words, "--json")
    assert code == 0, err
    answer.write_text(out)
    before = json.loads(out)
    assert before["gallery"]["searched"] == 64
    code, out, err = run("search", "--gallery", lot, "--again", answer, "--json")
    assert code == 0, err
    after = json.loads(out)
    assert after["hits"] == before["hits"]
    assert after["asked"] == before["asked"]
    assert (after["again"]["same"], after["again"]["added"]) == (True, [])
    assert after["post"] == before["post"]
    assert says(err, "same hits", before["gallery"]["version"])

    camera = before["hits"][0]["camera"]
    run("gallery", "forget", lot, "--where", f"camera:{camera}")
    code, out, err = run("search", "--gallery", lot, "--again", answer)
    assert code == 0, err
    lost = [hit["number"] for hit in before["hits"] if hit["camera"] == camera]
    assert lost
    assert says(err, "not the same", before["gallery"]["version"], "forgotten since", lost[0])
    answer.write_text("{}")
    refused(run("search", "--gallery", lot, "--again", answer), "answer.json", "not the answer")
    for more in (["x.jpg"], ["--top", "3"], ["--where", "camera:cam1"], ["--no", "5"]):
        code, _, err = run("search", *more, "--gallery", lot, "--again", answer)
        assert code == 2
        assert says(err, "leave", more[0] if more[0].startswith("--") else "QUERY")
    refused(run("search", "--gallery", drawn_folder, "--again", answer), "not a gallery")


def test_what_feedback_and_boxes_refuse(
    run: Run, lot: Path, drawn_folder: Path, drawn_table: pf.Sightings
) -> None:
    query = drawn_table.path(0)
    for words in (
        (query, query, "--gallery", lot, "--box", "1,2,3,4"),
        (query, "--gallery", lot, "--box", "1,2,3"),
        (query, "--gallery", lot, "--yes", "first"),
        (query, "--gallery", lot, "--yes", "9" * 5000),
        (query, "--gallery", drawn_folder, "--yes", "1"),
        (16777216, "--gallery", lot, "--box", "1,2,3,4"),
    ):
        assert run("search", *words)[0] == 2
    refused(run("search", query, "--gallery", lot, "--no", 12), 12, "deleted")
    refused(run("search", query, "--gallery", lot, "--yes", 7, "--no", 7), 7)
    refused(run("search", "--gallery", lot, "--no", 7), "feedback")
    refused(run("search", query, "--gallery", lot, "--box", "4,4,0,9"), "box")
    refused(run("search", query, "--gallery", lot, "--box", "900,4,10,10"), query.name)


def test_a_query_without_a_vehicle_is_pointed_out(
    run: Run, lot: Path, drawn_table: pf.Sightings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the detector inside the package, as soon as there is one."""

    class Sees:
        def __init__(self, *kinds: int) -> None:
            self.kinds = kinds

        threshold = 0.6

        def detect(self, frames: list[Any], threshold: float) -> list[FoundOnFrame]:
            assert [frame.shape for frame in frames] == [(48, 48, 3)]
            assert threshold == pytest.approx(0.4)
            n = len(self.kinds)
            return [FoundOnFrame(np.zeros((n, 4)), np.array(self.kinds, int), np.ones(n))]

    query, car, plate = drawn_table.path(0), KINDS.index("car"), KINDS.index("plate")
    monkeypatch.setattr("platefree.inference.shipped.detector_inside", lambda: "inside")
    for kinds, empty in (((car,), False), ((plate,), True), ((), True), ((plate, car), False)):
        monkeypatch.setattr(
            "platefree.inference.detector_loading.load_detector",
            lambda *_, of=kinds, **__: Sees(*of),
        )
        cautions = searched(run, query, "--gallery", lot)["cautions"]
        assert any(says(each, "no vehicle", query.name) for each in cautions) == empty
    searched(run, "--gallery", lot)  # nothing to look at


def test_a_folder_with_the_name_of_a_model_is_not_taken_for_it(
    run: Run, drawn_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("embed", drawn_folder, "--model", "color_stripes", "--out", "color_stripes")
    assert run(*words, "--workers", 0)[0] == 0
    assert run(*words, "--workers", 0)[0] == 0  # once more, by the same model
    assert stored_model_path("color_stripes") == "color_stripes"
    query = next((drawn_folder / "images").iterdir())
    searched(run, query, "--gallery", "color_stripes", "--top", 3)
    assert run("gallery", "create", "lot", "--model", "color_stripes")[0] == 0
    assert pf.Gallery("lot").card.model_path == "color_stripes"
    assert pf.load_model("color_stripes").describe()["method"] == "color_stripes"
