"""What an analyst does on the page, in a real browser; the library says what is right."""

import csv
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
import pytest
from argon2 import PasswordHasher
from desk import FILM_SIZE, LEFT, RIGHT, STREET, Desk, Lot, a_browser, a_desk, make_lot, serving
from live import Live

import platefree as pf
from platefree.audit.audit_check import read_entries
from platefree.gallery.gallery_answer import GalleryAnswer
from platefree.types import Sightings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SURE = ".card .sure"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with a_browser() as found:
        yield found


@pytest.fixture(scope="module")
def lot(
    browser: "Browser", tmp_path_factory: pytest.TempPathFactory, drawn_table: Sightings
) -> Lot:
    return make_lot(tmp_path_factory.mktemp("page"), drawn_table)


@pytest.fixture(scope="module")
def served(lot: Lot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(lot, tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture
def desk(browser: "Browser", served: Live) -> Iterator[Desk]:
    with a_desk(browser, served) as found:
        yield found


def best_of_passes(answer: GalleryAnswer) -> list[int]:
    """The first hit of each track and camera, in the order of the hits."""
    found: dict[object, int] = {}
    for hit in answer.hits:
        track = hit.labels.get("track", "")
        time = np.datetime64(hit.labels["time"].removesuffix("Z"))
        # drawn vehicles have no tracks: the two shots of a vehicle are a second apart
        near = [key for key in found if isinstance(key, tuple) and key[:2] == (track, camera(hit))]
        same = [key for key in near if abs(key[2] - time) <= np.timedelta64(60, "s")]
        found.setdefault(same[0] if same else (track, camera(hit), time), hit.number or 0)
    return list(found.values())


def camera(hit: pf.Hit) -> str:
    return hit.labels.get("camera", "")


def test_what_is_newest_comes_first_and_pages_follow(desk: Desk, served: Live) -> None:
    count = served.service.gallery.store.count()
    desk.page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    desk.page.wait_for_function(
        "said => document.querySelector('#about').textContent.includes(said)",
        arg=f"{count} sightings",
    )
    assert not desk.page.locator("#more").is_visible()
    newest = served.service.gallery.search(top=1).hits[0].number
    assert desk.cards()[0] == newest
    assert len(desk.cards()) == len(set(desk.cards()))


def test_a_dropped_picture_shows_its_vehicles_and_one_is_clicked(
    desk: Desk, served: Live, lot: Lot
) -> None:
    content = list(lot.street.read_bytes())
    dropped = desk.page.evaluate_handle(
        """content => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(content)], "street.png", {type: "image/png"}));
        return data; }""",
        content,
    )
    for event in ("dragenter", "dragover", "drop"):
        desk.page.dispatch_event("body", event, {"dataTransfer": dropped})
    outlines = desk.page.locator(".outline")
    outlines.first.wait_for()
    assert outlines.count() == 2
    outlines.nth(1).click()
    desk.page.wait_for_selector(SURE)
    expected = served.service.gallery.search(pf.query_picture(lot.street, box=RIGHT), top=40)
    assert desk.cards() == best_of_passes(expected)
    first = expected.hits[0]
    shown = desk.page.locator(SURE).first.inner_text()
    assert first.in_words in shown
    assert first.in_words in ("very likely", "possible", "unlikely")
    about = desk.page.inner_text("#about")
    for said in (expected.model, "exact", " ms", "97 vectors", "UTC"):
        assert said in about


def test_a_pasted_picture_and_a_box_drawn_by_mouse(desk: Desk, lot: Lot) -> None:
    desk.page.evaluate(
        """content => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(content)], "pasted.png", {type: "image/png"}));
        document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data})); }""",
        list(lot.street.read_bytes()),
    )
    desk.page.wait_for_selector(".surface")
    edges = desk.page.locator(".surface").bounding_box()
    assert edges is not None
    scale = edges["width"] / STREET[0]
    start, end = (130.0, 20.0), (180.0, 50.0)  # where no vehicle is
    desk.page.mouse.move(edges["x"] + start[0] * scale, edges["y"] + start[1] * scale)
    desk.page.mouse.down()
    desk.page.mouse.move(edges["x"] + 150 * scale, edges["y"] + 40 * scale)
    desk.page.mouse.move(edges["x"] + end[0] * scale, edges["y"] + end[1] * scale)
    desk.page.mouse.up()
    desk.page.get_by_role("button", name="Search with this box").click()
    desk.page.wait_for_selector(SURE)
    assert np.allclose(box_of(desk), [*start, *end], atol=2)


def test_a_box_drawn_by_keys(desk: Desk, lot: Lot) -> None:
    desk.bring(lot.street)
    desk.page.get_by_role("button", name="Draw a box with the keyboard").click()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowLeft"):
        desk.page.keyboard.press(key)
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_selector(SURE)
    width, height = STREET
    step = 0.01 * width
    edges = [width / 4, height / 4, width * 3 / 4, height * 3 / 4]
    moved = [edges[0] + 2 * step, edges[1] + step, edges[2] + 2 * step - step, edges[3] + step]
    assert np.allclose(box_of(desk), moved, atol=0.1)


def box_of(desk: Desk) -> list[float]:
    """The box of the query in the address."""
    found = re.search(r"picture=[0-9a-f]+@([\d.,]+)", desk.page.url)
    assert found, desk.page.url
    return [float(edge) for edge in found.group(1).split(",")]


def test_conditions_are_typed_removed_and_refused(desk: Desk, served: Live) -> None:
    store = served.service.gallery.store
    desk.ask("camera:cam2 type:car,truck")
    where = pf.Filter(cameras=["cam2"], types=["car", "truck"])
    kept = store.count(where)
    assert 0 < kept < 97
    about = desk.page.inner_text("#about")
    assert f"of {kept}" in about
    assert f"filter removed {97 - kept} of 97" in about
    assert desk.page.locator(".chip").count() == 3
    desk.page.get_by_role("button", name="Remove type:car").click()
    desk.page.wait_for_timeout(50)
    desk.settled()
    kept = store.count(pf.Filter(cameras=["cam2"], types=["truck"]))
    if kept:
        assert f"of {kept}" in desk.page.inner_text("#about")
    desk.ask("where:gate")
    assert "not a condition" in desk.page.inner_text("#word-fault")
    assert desk.page.locator(".chip").count() == 2


def test_conditions_are_chosen(desk: Desk, served: Live) -> None:
    desk.page.click("#filters")
    dialog = desk.page.locator("dialog")
    dialog.get_by_label("cam3").check()
    dialog.get_by_label("From (time of day)").fill("07:00")
    dialog.get_by_label("To", exact=True).fill("08:00")
    dialog.get_by_role("button", name="Show").click()
    desk.page.wait_for_timeout(50)
    desk.settled()
    where = pf.Filter(cameras=["cam3"], between=("07:00", "08:00"))
    kept = served.service.gallery.store.count(where)
    assert f"filter removed {97 - kept} of 97" in desk.page.inner_text("#about")


def test_what_nobody_touched_in_the_filter_stays(desk: Desk) -> None:
    number = desk.cards()[0]
    every = "Sunday,mon,tue,wed,thu,fri,sat"
    until = "2036-05-03T08:12:34.500Z"
    desk.go(f"like={number}&where=similarity:-0.5 until:{until} weekday:{every} time:any")
    desk.page.wait_for_selector(SURE)
    desk.page.click("#filters")
    desk.page.locator("dialog").get_by_role("button", name="Show").click()
    desk.page.wait_for_timeout(50)
    desk.settled()
    address = unquote(desk.page.url)
    assert f"until:{until}" in address
    assert "similarity:-0.5" in address
    assert "weekday:sun" in address


def test_an_empty_answer_says_why(desk: Desk) -> None:
    desk.ask("camera:nowhere")
    assert "removed all 97" in desk.page.inner_text("#empty")
    desk.page.get_by_role("button", name="Remove the filter").click()
    desk.page.wait_for_selector(".card")
    assert not desk.page.locator("#empty").is_visible()


def test_the_address_is_the_question(desk: Desk, browser: "Browser", served: Live) -> None:
    first = desk.cards()
    desk.ask("camera:cam1")
    second = desk.cards()
    number = second[3]
    desk.page.locator(".card").nth(3).get_by_role("button", name="Find similar").click()
    desk.page.wait_for_selector(SURE)
    third, address = desk.cards(), desk.page.url
    assert number not in third
    desk.page.go_back()
    desk.settled()
    desk.page.wait_for_function("() => !document.querySelector('.card .sure')")
    assert desk.cards() == second
    desk.page.go_back()
    desk.page.wait_for_function("() => !document.querySelector('.chip')")
    desk.page.wait_for_function(
        f"() => document.querySelector('.card').dataset.number == {first[0]}"
    )
    desk.page.go_forward()
    desk.page.go_forward()
    desk.page.wait_for_selector(SURE)
    assert desk.cards() == third
    with a_desk(browser, served) as other:
        other.go(address.split("#")[1])
        other.page.wait_for_selector(SURE)
        assert other.cards() == third
    expected = served.service.gallery.search(number, where=pf.Filter(cameras=["cam1"]), top=40)
    assert third == best_of_passes(expected)


def test_marks_refine_a_search(desk: Desk, served: Live, lot: Lot) -> None:
    desk.bring(lot.street)
    desk.page.locator(".outline").first.click()
    desk.page.wait_for_selector(SURE)
    query = pf.query_picture(lot.street, box=LEFT)
    gallery = served.service.gallery
    before = gallery.search(query, top=40)
    desk.page.locator(".card .open").first.focus()
    for key in ("y", "ArrowRight", "n", "ArrowRight", "s"):
        desk.page.keyboard.press(key)
    desk.page.get_by_role("button", name="Search again with these").click()
    desk.page.wait_for_function("() => location.hash.includes('yes=')")
    desk.settled()
    marked = {name: numbers_of(desk, name) for name in ("yes", "no")}
    assert before.hits[0].number in marked["yes"]
    assert best_of_passes(before)[1] in marked["no"]
    expected = gallery.search(query, top=40, feedback=pf.Feedback(**marked))
    desk.page.wait_for_function(
        "() => document.querySelector('#query').textContent.includes('moved')"
    )
    assert desk.cards() == best_of_passes(expected)
    assert not set(desk.cards()) & set(marked["no"])
    assert desk.page.locator(".card[data-mark=yes]").count() >= 1


def numbers_of(desk: Desk, name: str) -> list[int]:
    """What the address says was marked."""
    found = re.search(rf"[#&]{name}=([\d,]+)", desk.page.url)
    return [int(number) for number in found.group(1).split(",")] if found else []


def test_a_journey_of_what_is_believed(desk: Desk, served: Live) -> None:
    number = desk.cards()[-1]
    desk.go(f"like={number}&view=journey")
    desk.page.wait_for_selector(SURE)
    cards = desk.page.locator(".card")
    for place in (0, 1):
        cards.nth(place).get_by_role("button", name="Yes, this is it").click()
    desk.page.wait_for_selector(".stop")
    gallery = served.service.gallery
    marked = desk.page.evaluate("() => import('/page/journey.js').then((it) => it.believed())")
    assert number in marked
    hits = [hit for hit in gallery.search(top=97).hits if hit.number in marked]
    assert len(hits) == len(marked) > 2
    stops = [stop for each in gallery.journeys(hits).journeys for stop in each.stops]
    desk.page.wait_for_function(
        "many => document.querySelectorAll('.stop').length === many", arg=len(stops)
    )
    shown = desk.page.locator(".stop b").all_inner_texts()
    assert [text.split(". ")[1] for text in shown] == [stop.camera for stop in stops]


def test_the_timeline_has_a_lane_for_each_camera_and_zooms(desk: Desk) -> None:
    lanes = desk.page.locator("#lanes .lane")
    desk.page.wait_for_selector("#lanes .pass")
    assert lanes.count() == len(set(desk.page.locator(".card .where b").all_inner_texts()))
    shown = desk.page.locator("#lanes .pass").count()
    assert shown == len(desk.cards())
    desk.page.locator("#lanes .pass").first.focus()
    for _ in range(5):
        desk.page.keyboard.press("+")
    assert desk.page.locator("#lanes .pass").count() < shown
    desk.page.get_by_role("button", name="Only this time").click()
    desk.page.wait_for_timeout(50)
    desk.settled()
    assert {"since", "until"} <= {
        text.split("\n")[0].rstrip(":") for text in desk.page.locator(".chip-key").all_inner_texts()
    }


def test_details_by_keys(desk: Desk) -> None:
    cards = desk.cards()
    desk.page.locator(".card .open").first.focus()
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Enter")
    dialog = desk.page.locator("dialog")
    dialog.get_by_text(f"sighting {cards[1]}").first.wait_for()
    assert f"open={cards[1]}" in desk.page.url
    desk.page.keyboard.press("ArrowRight")
    dialog.get_by_text(f"sighting {cards[2]}").first.wait_for()
    desk.page.keyboard.press("y")
    assert (
        dialog.get_by_role("button", name="Yes, this is it").get_attribute("aria-pressed") == "true"
    )
    desk.page.keyboard.press("Escape")
    desk.page.wait_for_function("() => !location.hash.includes('open')")
    assert not dialog.is_visible()
    assert desk.page.locator(f'.card[data-number="{cards[2]}"][data-mark=yes]').count() == 1


def test_the_frame_has_the_box_and_the_film_is_played(desk: Desk, served: Live) -> None:
    number = served.service.gallery.search(where=pf.Filter(cameras=["gate"]), top=1).hits[0].number
    desk.go(f"open={number}")
    desk.page.wait_for_selector(".frame img")
    whole = desk.page.locator(".frame").bounding_box()
    box = desk.page.locator(".frame-box").bounding_box()
    assert whole is not None
    assert box is not None
    scale = whole["width"] / FILM_SIZE[0]
    found = [(box[side] - whole[side]) / scale for side in ("x", "y")]
    assert np.allclose(
        [*found, box["width"] / scale, box["height"] / scale], [8, 2, 82, 58], atol=2
    )
    desk.page.get_by_role("button", name="Play the seconds around it").click()
    desk.page.wait_for_function("() => document.querySelector('.film-picture')?.naturalWidth > 0")
    slider = desk.page.get_by_label("Place in the film")
    before = slider.input_value()
    slider.press("ArrowRight")
    assert int(slider.input_value()) == int(before) + 1


def test_a_box_on_a_frame_is_a_query(desk: Desk, served: Live) -> None:
    number = served.service.gallery.search(where=pf.Filter(cameras=["gate"]), top=1).hits[0].number
    desk.go(f"open={number}")
    desk.page.get_by_role("button", name="Search with another box on this frame").click()
    desk.page.get_by_role("button", name="Search with this box").click()
    desk.page.wait_for_selector(SURE)
    assert f"frame={number}@8,2,90,60" in desk.page.url


def test_a_case_is_made_and_exported(desk: Desk, tmp_path: Path) -> None:
    first, second = desk.cards()[:2]
    for place, key in ((0, "y"), (1, "s")):
        desk.page.locator(".card .open").nth(place).focus()
        desk.page.keyboard.press(key)
    desk.page.locator("#marked").get_by_role("button", name="Add to case").click()
    desk.page.get_by_label("Name").fill("Hit and run, 3 May")
    desk.page.get_by_label("Note").fill("a dent")
    desk.page.locator("dialog").get_by_role("button", name="Add").click()
    desk.page.locator(".notice").get_by_text("added to Hit and run, 3 May").wait_for()
    desk.page.click("#open-cases")
    desk.page.get_by_role("button", name="Hit and run, 3 May").click()
    desk.page.get_by_label("Notes of the case").fill("Witness: a car.")
    desk.page.get_by_label("Name of the case").focus()
    rows = desk.page.locator(".case-sightings li")
    assert rows.count() >= 2
    assert desk.page.get_by_label(f"Note on sighting {first}").input_value() == "a dent"
    assert desk.page.get_by_label(f"Mark of sighting {first}").input_value() == "yes"
    assert desk.page.get_by_label(f"Mark of sighting {second}").input_value() == "similar"
    desk.page.get_by_label(f"Mark of sighting {second}").select_option("yes")
    desk.page.get_by_label("Close", exact=True).click()
    desk.page.locator("#marked").get_by_role("button", name="Add to case").click()
    desk.page.locator("dialog").get_by_role("button", name="Add").click()  # without a note
    desk.page.locator(".notice").get_by_text("added to Hit and run, 3 May").last.wait_for()
    desk.page.click("#open-cases")
    desk.page.get_by_role("button", name="Hit and run, 3 May").click()
    assert desk.page.get_by_label(f"Note on sighting {first}").input_value() == "a dent"
    with desk.page.expect_download() as saved:
        desk.page.get_by_role("button", name="Export the case").click()
    saved.value.save_as(tmp_path / "case.zip")
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        names = archive.namelist()
        assert "index.html" in names
        assert any(str(first) in name for name in names)
        told = archive.read("index.html").decode()
    assert "a dent" in told
    assert "Witness: a car." in told
    assert "<script" not in told


def test_an_answer_is_exported_as_a_table(desk: Desk, served: Live, tmp_path: Path) -> None:
    desk.go(f"like={desk.cards()[0]}&where=camera:cam2")
    desk.page.wait_for_selector(SURE)
    expected = served.service.gallery.search(
        desk_number(desk), where=pf.Filter(cameras=["cam2"]), top=40
    )
    desk.page.click("#open-export")
    desk.page.get_by_label("Table (.csv)").check()
    with desk.page.expect_download() as saved:
        desk.page.locator("dialog").get_by_role("button", name="Export").click()
    saved.value.save_as(tmp_path / "answer.csv")
    rows = list(csv.DictReader((tmp_path / "answer.csv").read_text("utf-8").splitlines()))
    assert [int(row["number"]) for row in rows] == [hit.number for hit in expected.hits]
    for row, hit in zip(rows, expected.hits, strict=True):
        assert float(row["similarity"]) == pytest.approx(hit.similarity, abs=1e-4)


def desk_number(desk: Desk) -> int:
    """The sighting that the address asks about."""
    found = re.search(r"like=(\d+)", desk.page.url)
    assert found
    return int(found.group(1))


def test_a_heat_map_lies_over_query_and_hit(desk: Desk) -> None:
    desk.go(f"like={desk.cards()[0]}&open={desk.cards()[1]}")
    desk.page.get_by_role("button", name="Heat map").click()
    desk.page.wait_for_selector(".hit-figure canvas.heat")
    assert desk.page.locator("canvas.heat").count() == 2
    desk.page.get_by_role("button", name="Heat map").click()
    assert desk.page.locator("canvas.heat").count() == 0


def test_the_map_has_the_places_and_leads_to_a_camera(desk: Desk) -> None:
    desk.page.click("#tab-map")
    places = desk.page.locator(".map .place")
    places.first.wait_for()
    names = places.locator(".name").all_text_contents()
    assert set(names) == {"cam1", "cam2", "cam3"}
    x = [
        float(each)
        for each in places.locator("circle").evaluate_all(
            "circles => circles.map((circle) => circle.getAttribute('cx'))"
        )
    ]
    assert x == sorted(x)  # in the file each is 400 m east of the one before
    places.first.focus()
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_selector(".chip")
    assert names[0] in desk.page.inner_text("#chips")


def test_the_state_is_told_in_plain_words(desk: Desk, served: Live) -> None:
    desk.page.click("#open-status")
    desk.page.get_by_text("The model and its limits").wait_for()
    told = desk.page.inner_text("dialog")
    about = served.service.gallery.info()
    for said in (f"{about.sightings}", "for ever", "calibrated", "Retention", "Films taken in"):
        assert said.lower() in told.lower()


def test_accounts_sign_in_and_a_viewer_only_looks(
    browser: "Browser", lot: Lot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = PasswordHasher(1, 64, 1)
    monkeypatch.setattr("platefree.service.accounts.PasswordHasher", lambda: quick)
    with serving(lot, tmp_path, access="accounts") as served:
        served.service.accounts.add("vera", "viewer", "correct horse battery")
        with a_desk(browser, served, token="", expected=["401: /api/session"]) as desk:
            for password in ("wrong horse battery", "correct horse battery"):
                desk.page.get_by_label("Name").fill("vera")
                desk.page.get_by_label("Password").fill(password)
                desk.page.get_by_role("button", name="Sign in").click()
                if password.startswith("wrong"):
                    desk.page.wait_for_function(
                        "() => document.querySelector('[role=alert]').textContent.length > 10"
                    )
            desk.settled()
            assert "vera viewer" in desk.page.inner_text("#who")
            for name in ("#choose", "#open-cases", "#open-export"):
                assert not desk.page.locator(name).is_visible()
            assert not desk.page.locator(".mark, [aria-label^='Find similar']").count()


def test_a_reason_is_asked_once_and_audited(browser: "Browser", lot: Lot, tmp_path: Path) -> None:
    with (
        serving(lot, tmp_path, reason_required=True) as served,
        a_desk(browser, served) as desk,
    ):
        assert "reason" in desk.page.inner_text("#empty")
        desk.page.locator("dialog").get_by_label("Reason").fill("case 12")
        desk.page.get_by_role("button", name="Go on").click()
        desk.page.wait_for_selector(".card")
        desk.ask("camera:cam1")
        assert "case 12" in desk.page.inner_text("#reason")
        searches = [each for each in read_entries(tmp_path, 90) if each.action == "search"]
        assert len(searches) >= 2
        assert {each.reason for each in searches} == {"case 12"}


def test_leaving_ends_the_session(desk: Desk) -> None:
    desk.faults.clear()
    desk.page.get_by_role("button", name="Sign out").click()
    desk.page.get_by_role("button", name="Sign in").wait_for()
    assert not desk.page.locator(".card").count()
    assert desk.page.evaluate("() => fetch('/api/gallery').then((answer) => answer.status)") == 401
    assert desk.page.evaluate("() => Object.keys(sessionStorage).length") == 0
    desk.faults[:] = [each for each in desk.faults if "401" not in each]


def test_the_page_of_the_api_shows_every_route(desk: Desk, served: Live) -> None:
    described = served.ask("GET", "/api/openapi.json").json["paths"]
    desk.page.click("#open-status")
    desk.page.get_by_role("link", name="The API of this gallery").click()
    desk.page.wait_for_selector("summary")
    shown = desk.page.locator("summary").all_inner_texts()
    assert len(shown) == sum(map(len, described.values()))
    for path in described:
        assert any(path in text for text in shown)


def test_nobody_signs_in_where_it_is_open(browser: "Browser", lot: Lot, tmp_path: Path) -> None:
    with (
        serving(lot, tmp_path, access="open") as served,
        a_desk(browser, served, token="") as desk,
    ):
        desk.page.wait_for_selector(".card")
        assert "anybody" in desk.page.inner_text("#who")
        desk.bring(lot.street)
        desk.page.locator(".outline").first.click()
        desk.page.wait_for_selector(SURE)


def test_a_full_memory_makes_room_for_a_picture(desk: Desk, lot: Lot) -> None:
    desk.page.evaluate(
        """() => { for (let size = 1 << 22; size > 8; size >>= 1) {
          try { sessionStorage.setItem(`platefree.picture.${size}`, "x".repeat(size)); } catch {}
        } }"""
    )
    desk.bring(lot.street)
    desk.page.locator(".outline").first.click()
    desk.page.wait_for_selector("#query svg.cut")
