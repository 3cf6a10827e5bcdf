"""What somebody typed, marked, asked or is at stays while the page changes around it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pytest
from desk import Desk, Lot, a_browser, a_desk, make_lot, serving
from live import Live

import platefree as pf
from platefree.gallery.passes import passes_of
from platefree.types import Sightings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LONG = 230
"""Sightings of one pass: more than a page of a list has, and than one request puts into a case."""

FOCUSED = (
    "() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.tagName"
)

HOLDS = """() => { const before = window.fetch; window.waiting = [];
  window.fetch = async (path, asked) => {
    if (["PUT", "PATCH"].includes(asked?.method))
      await new Promise((resolve) => window.waiting.push(resolve));
    return before(path, asked);
  }; }"""
"""Saving takes until `LETS_GO`."""

LETS_GO = """async () => {
  for (let turn = 0; turn < 20; turn += 1) {
    window.waiting.splice(0).forEach((go) => go());
    await new Promise((resolve) => setTimeout(resolve, 20));
  } }"""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with a_browser() as found:
        yield found


@pytest.fixture(scope="module")
def lot(
    browser: "Browser", tmp_path_factory: pytest.TempPathFactory, drawn_table: Sightings
) -> Lot:
    folder = tmp_path_factory.mktemp("page")
    made = make_lot(folder, drawn_table)
    corners = [(float(at % 15), float(at // 15)) for at in range(LONG)]
    start = np.datetime64("2026-06-01T07:00:00", "ms")
    columns: dict[str, Any] = {
        "image": [str(drawn_table.path(0))] * LONG,
        "camera": ["ramp"] * LONG,
        "track": ["ramp-0"] * LONG,
        "time": [start + np.timedelta64(at, "s") for at in range(LONG)],
        "box": [(x, y, 60 + x, 60 + y) for x, y in corners],
    }
    pf.Gallery(made.folder).add(Sightings.from_columns(folder, columns))
    return made


@pytest.fixture(scope="module")
def served(lot: Lot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(lot, tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture(scope="module")
def opened(browser: "Browser", served: Live) -> Iterator[Desk]:
    with a_desk(browser, served) as found:
        yield found


@pytest.fixture
def desk(opened: Desk) -> Desk:
    """The page as it is at first: one browser's for all tests, which is quicker."""
    opened.page.unroute_all()
    opened.page.goto("about:blank")
    return opened


def start(desk: Desk, fragment: str = "where=camera:cam1") -> None:
    """Open a question anew."""
    desk.page.goto(f"{desk.address}/#{fragment}")
    desk.page.wait_for_selector("#page:not([hidden])")
    desk.settled()
    if "like=" in fragment or "frame=" in fragment:
        desk.page.wait_for_selector(".card .sure")


def numbers(served: Live, camera: str = "cam1") -> list[int]:
    """Sightings of a camera, the newest first."""
    hits = served.service.gallery.search(where=pf.Filter(cameras=[camera]), top=1_000).hits
    return [hit.number for hit in hits if hit.number is not None]


def shown(desk: Desk) -> int:
    """The sighting whose details are shown."""
    desk.page.wait_for_selector("dialog .detail-grid")
    found = re.search(r"open=(\d+)", desk.page.url)
    assert found
    text = f"sighting {found.group(1)}"
    desk.page.locator("dialog h2", has_text=re.compile(text, re.IGNORECASE)).wait_for()
    return int(found.group(1))


def address(desk: Desk) -> str:
    return unquote(desk.page.url.split("#")[1]) if "#" in desk.page.url else ""


def ask(served: Live, method: str, path: str, content: object = None) -> Any:  # noqa: ANN401
    answer = served.ask(method, path, content)
    assert answer.status < 300, answer.content
    return answer.json if answer.content else None


def make_case(served: Live, name: str, sightings: list[int]) -> str:
    key: str = ask(served, "POST", "/api/cases", {"name": name})["case"]
    path = f"/api/cases/{key}/sightings"
    ask(served, "PUT", path, {"sightings": [{"number": each} for each in sightings]})
    return key


def open_case(desk: Desk, name: str) -> None:
    desk.page.click("#open-cases")
    desk.page.locator(".case-row", has_text=name).click()
    desk.page.wait_for_selector(".case-sightings")


def test_a_click_on_a_mark_of_the_timeline_opens_its_sighting(desk: Desk) -> None:
    start(desk)
    mark = desk.page.locator("#lanes .pass").nth(2)
    edges = mark.locator(".body").bounding_box()
    assert edges is not None
    desk.page.mouse.click(edges["x"] + edges["width"] / 2, edges["y"] + edges["height"] / 2)
    assert shown(desk) in desk.cards()


def test_what_is_typed_into_a_case_stays_while_it_is_saved(desk: Desk, served: Live) -> None:
    first, second = sorted(numbers(served)[:2])
    key = make_case(served, "typed", [first, second])
    start(desk)
    open_case(desk, "typed")
    desk.page.evaluate(HOLDS)
    desk.page.get_by_label("Notes of the case").fill("all of it")
    desk.page.get_by_label(f"Note on sighting {first}").click()
    desk.page.keyboard.type("first note")
    field = desk.page.get_by_label(f"Note on sighting {second}")
    field.click()
    desk.page.keyboard.type("a dent on the left")
    desk.page.evaluate(LETS_GO)
    desk.page.keyboard.type(" door")
    assert field.input_value() == "a dent on the left door"
    back = desk.page.get_by_role("button", name="All cases")
    edges = back.bounding_box()
    assert edges is not None
    desk.page.mouse.move(edges["x"] + 20, edges["y"] + 10)
    desk.page.mouse.down()  # which saves the note
    desk.page.evaluate(LETS_GO)
    desk.page.mouse.up()
    desk.page.wait_for_selector(".case-list")
    saved = ask(served, "GET", f"/api/cases/{key}")
    assert saved["note"] == "all of it"
    notes = {each["number"]: each["note"] for each in saved["sightings"]}
    assert notes == {first: "first note", second: "a dent on the left door"}


def test_a_case_keeps_the_focus_and_says_its_new_name(desk: Desk, served: Live) -> None:
    first, second = sorted(numbers(served)[:2])
    key = make_case(served, "named", [first, second])
    start(desk)
    open_case(desk, "named")
    desk.page.get_by_label("Name of the case").fill("renamed")
    desk.page.keyboard.press("Tab")
    desk.page.locator("dialog h2", has_text="renamed").wait_for()
    assert desk.page.evaluate(FOCUSED) == "Notes of the case"
    desk.page.get_by_label(f"Remove sighting {first} from the case").click()
    desk.page.wait_for_function("() => document.querySelectorAll('.case-sightings li').length < 2")
    assert desk.page.evaluate(FOCUSED) == f"Remove sighting {second} from the case"
    kept = ask(served, "GET", f"/api/cases/{key}")
    assert kept["name"] == "renamed"
    assert [each["number"] for each in kept["sightings"]] == [second]


def test_a_case_is_made_once_and_one_that_is_gone_is_said(desk: Desk, served: Live) -> None:
    start(desk)
    desk.page.click("#open-cases")
    desk.page.get_by_label("Name of a new case").fill("made once")
    desk.page.get_by_role("button", name="New case").dblclick()
    desk.page.get_by_label("Notes of the case").wait_for()
    desk.page.get_by_role("button", name="All cases").click()
    rows = desk.page.locator(".case-row", has_text="made once")
    rows.first.wait_for()
    assert rows.count() == 1
    found = [each for each in ask(served, "GET", "/api/cases") if each["name"] == "made once"]
    ask(served, "DELETE", f"/api/cases/{found[0]['case']}")
    rows.click()
    said = desk.page.locator("dialog [role=alert]")
    said.wait_for()
    assert "keeps no cases" not in said.inner_text()
    desk.faults[:] = [each for each in desk.faults if not each.startswith("404: /api/cases/")]


def test_keys_of_the_details_are_heard_after_clicks(desk: Desk, served: Live) -> None:
    start(desk)
    cards = desk.cards()
    desk.page.locator(".card .open").first.click()
    assert shown(desk) == cards[0]
    desk.page.locator("dialog .mark.yes").click()
    for number in cards[1:4]:
        desk.page.keyboard.press("ArrowRight")
        assert shown(desk) == number
    start(desk, f"where=camera:cam1&open={cards[-2]}")
    shown(desk)
    desk.page.locator("dialog .after:enabled").click()
    assert shown(desk) == cards[-1]
    desk.page.keyboard.press("ArrowLeft")
    assert shown(desk) == cards[-2]
    outside = numbers(served, "gate")[0]
    start(desk, f"where=camera:cam1&open={outside}")
    assert shown(desk) == outside
    desk.page.keyboard.press("ArrowRight")
    assert shown(desk) == outside


def test_a_key_of_the_details_does_one_thing(desk: Desk) -> None:
    start(desk)
    first, second = desk.cards()[:2]
    desk.page.locator(".card .open").first.click()
    assert shown(desk) == first
    desk.page.keyboard.press("ArrowRight")
    assert shown(desk) == second
    desk.page.keyboard.press("f")
    desk.page.wait_for_function("number => location.hash.includes(`like=${number}`)", arg=second)


def test_a_query_by_a_box_on_a_frame_is_shown_as_that_box(desk: Desk, served: Live) -> None:
    number = numbers(served, "gate")[0]
    start(desk, f"frame={number}@4,6,60,40")
    desk.page.wait_for_selector("#query svg.cut")
    box = "svg => svg.getAttribute('viewBox')"
    assert desk.page.locator("#query svg.cut").evaluate(box) == "4 6 56 34"
    desk.page.locator(".card .open").first.click()
    assert desk.page.locator("dialog .query-figure svg.cut").evaluate(box) == "4 6 56 34"
    desk.page.wait_for_selector("dialog .heat-part")
    desk.page.route(
        "**/frame?**", lambda asked: asked.fulfill(status=503, json={"error": "not now"})
    )
    start(desk, "")
    start(desk, f"frame={number}@4,6,60,40")
    desk.page.locator("#query", has_text="not shown").wait_for()
    desk.page.locator(".card .open").first.click()
    desk.page.locator("dialog .query-figure", has_text="not shown").wait_for()
    assert not desk.page.locator("dialog .heat-part").is_visible()
    desk.faults[:] = [each for each in desk.faults if not each.startswith("503: ")]


def test_the_timeline_zooms_out_to_an_end_and_in_from_anywhere(desk: Desk) -> None:
    start(desk)
    said = "() => document.querySelector('svg.timeline').getAttribute('aria-label')"
    desk.page.locator("#lanes .pass").first.focus()
    for _ in range(40):
        desk.page.keyboard.press("-")
    farthest = desk.page.evaluate(said)
    assert 2 <= desk.page.locator(".tick").count() < 40
    for key in ("-", *["ArrowRight"] * 3):
        desk.page.keyboard.press(key)
    desk.page.get_by_role("button", name="Show all").click()
    whole = desk.page.evaluate(said)
    assert whole != farthest
    desk.page.locator(".card .open").first.focus()
    desk.page.keyboard.press("+")
    assert desk.page.evaluate(said) != whole
    desk.page.keyboard.press("-")
    assert desk.page.evaluate(said) == whole
    lanes = "() => document.querySelector('#lanes').contains(document.activeElement)"
    desk.page.locator("#lanes .pass").last.focus()
    seen = {whole}
    for key in ("+", "+", "+", "Shift+ArrowRight", "Shift+ArrowRight", "+", "-"):
        desk.page.keyboard.press(key)
        assert desk.page.evaluate(lanes)
        seen.add(desk.page.evaluate(said))
    assert len(seen) >= 7
    desk.page.get_by_role("button", name="Later").focus()
    desk.page.keyboard.press("Enter")
    assert desk.page.evaluate(FOCUSED) == "Later"


def test_a_time_with_a_space_loses_no_condition(desk: Desk) -> None:
    start(desk, "")
    desk.ask('since:"2026-05-01 07:00" until:2036-05-20 camera:cam1')
    desk.page.get_by_label("Remove camera:cam1").click()
    desk.settled()
    assert address(desk).replace("+", " ") == 'where=since:"2026-05-01 07:00" until:2036-05-20'
    assert not desk.page.inner_text("#word-fault")
    start(desk, "where=gate camera:cam2")
    assert "could be read" in desk.page.inner_text("#word-fault")
    assert desk.page.locator(".chip").all_inner_texts() == ["camera\ncam2"]


def test_a_pass_that_goes_on_on_the_next_page_is_one_card(desk: Desk, served: Live) -> None:
    start(desk, "")
    every = served.service.gallery.search(top=1_000).hits
    desk.page.wait_for_function(
        """said => { scrollTo(0, document.body.scrollHeight);
        return document.querySelector("#about").textContent.includes(said); }""",
        arg=f"{len(every)} sightings in {len(passes_of(every))} passes",
    )
    assert len(desk.cards()) == len(passes_of(every))
    card = desk.page.locator(".card", has_text="ramp")
    assert card.locator(".times").inner_text() == str(LONG)
    start(desk, "where=camera:ramp")  # all pages are on the screen at once
    desk.page.locator("#about", has_text=f"{LONG} sightings in 1 pass,").wait_for()
    assert desk.page.inner_text("#spoken") == f"{LONG} sightings in 1 pass shown"


def test_the_focus_stays_where_it_is_as_the_list_grows(desk: Desk) -> None:
    start(desk, "where=camera:cam1,cam2,cam3,gate")
    before = len(desk.cards())
    desk.page.locator(".card .open").first.focus()
    focused = "() => document.activeElement.closest('.card')?.dataset.number"
    for _ in range(30):
        desk.page.keyboard.press("ArrowDown")
        desk.page.wait_for_timeout(20)
        assert desk.page.evaluate(focused)
    assert len(desk.cards()) > before
    assert int(desk.page.evaluate(focused)) == desk.cards()[-1]


def test_choosers_and_cameras_keep_the_focus(desk: Desk, served: Live) -> None:
    start(desk, f"like={numbers(served)[0]}")
    desk.page.get_by_label("Order").focus()
    desk.page.get_by_label("Order").select_option("newest")
    assert desk.page.evaluate(FOCUSED) == "Order"
    start(desk, "view=map")
    camera = desk.page.locator(".map .place").first
    camera.focus()
    desk.page.evaluate("() => { document.body.style.minHeight = '4000px'; }")
    desk.page.keyboard.press(" ")
    desk.page.wait_for_selector(".chip")
    desk.settled()
    assert desk.page.evaluate(FOCUSED).startswith("cam1: ")
    assert desk.page.evaluate("() => scrollY") == 0


def test_details_are_of_the_question_that_is_asked(desk: Desk, served: Live) -> None:
    first, second = numbers(served)[0], numbers(served, "cam2")[4]
    start(desk, f"like={first}&top=400")
    desk.page.locator(".card .open").nth(3).click()
    number = shown(desk)
    sure = desk.page.inner_text("dialog .sure")
    desk.page.keyboard.press("Escape")
    desk.page.wait_for_function("() => !document.querySelector('dialog')")
    desk.go(f"like={second}&top=400")
    other = desk.page.locator(f'.card[data-number="{number}"] .sure')
    assert not other.count() or other.inner_text() != sure
    desk.page.evaluate("() => history.go(-2)")
    assert shown(desk) == number
    desk.page.locator("dialog .sure").wait_for()
    desk.page.wait_for_function("() => !document.body.classList.contains('busy')")
    desk.page.wait_for_function(
        "sure => document.querySelector('dialog .sure')?.innerText === sure", arg=sure
    )


def test_what_is_refused_is_not_shown_as_what_was_before(desk: Desk, served: Live) -> None:
    one, other = numbers(served)[0], numbers(served, "cam2")[0]
    start(desk, f"like={one}&yes={other}&view=map")
    desk.page.wait_for_selector(".leg-line")
    refused = {"status": 503, "json": {"error": "not now"}}
    desk.page.route("**/api/journeys", lambda asked: asked.fulfill(**refused))
    desk.go(f"like={numbers(served, 'cam3')[5]}&view=map")
    desk.page.locator("#map [role=alert]", has_text="Not now").wait_for()
    assert not desk.page.locator(".leg-line").count()
    start(desk)
    desk.page.locator(".card .open").first.click()
    shown(desk)
    desk.page.route("**/api/sightings/*", lambda asked: asked.fulfill(**refused))
    desk.page.keyboard.press("ArrowRight")
    desk.page.locator("dialog [role=alert]", has_text="Not now").wait_for()
    assert f"sighting {desk.cards()[1]}" in desk.page.inner_text("dialog h2")
    desk.faults[:] = [each for each in desk.faults if not each.startswith("503: ")]


def test_more_marks_than_a_request_takes_go_into_a_case(desk: Desk, served: Live) -> None:
    start(desk, f"like={numbers(served, 'ramp')[0]}&top=1000&where=camera:ramp")
    desk.page.locator(".card .mark.yes").first.click()
    desk.page.locator("#marked").get_by_role("button", name="Add to case").click()
    desk.page.wait_for_selector("dialog")
    chooser = desk.page.locator("dialog select")
    if chooser.count():
        chooser.select_option("")
    desk.page.get_by_placeholder("Name of a new case").fill("many")
    desk.page.locator("dialog button.primary").click()
    desk.page.locator(".notice", has_text=f"{LONG - 1} sightings added to many").wait_for()
    cases = ask(served, "GET", "/api/cases")
    assert [each["sightings"] for each in cases if each["name"] == "many"] == [LONG - 1]


def test_the_filter_changes_nothing_that_nobody_touched(desk: Desk, served: Live) -> None:
    number = numbers(served)[0]

    def left(where: str) -> str:
        start(desk, f"like={number}&where={where}")
        desk.page.click("#filters")
        desk.page.locator("dialog").get_by_role("button", name="Show").click()
        desk.page.wait_for_function("() => !document.querySelector('dialog')")
        return address(desk)

    for where in ("p:0.305", "p:0.004", "zone:+0700", "between:07:00:30-08:00"):
        assert where in left(where.replace("+", "%2B"))
    refused = {"status": 503, "json": {"error": "not now"}}
    desk.page.route("**/api/choices", lambda asked: asked.fulfill(**refused))
    assert "p:0.25" in left("p:0.25")
    desk.faults[:] = [each for each in desk.faults if not each.startswith("503: ")]


def test_half_a_time_of_day_is_asked_for_the_other_half(desk: Desk) -> None:
    start(desk)
    desk.page.click("#filters")
    dialog = desk.page.locator("dialog")
    dialog.get_by_label("From (time of day)").fill("07:00")
    dialog.get_by_role("button", name="Show").click()
    assert dialog.is_visible()
    dialog.get_by_label("To", exact=True).fill("08:00")
    dialog.get_by_role("button", name="Show").click()
    desk.page.wait_for_function("() => location.hash.includes('between:07:00-08:00')")


def test_without_a_query_nothing_has_to_be_similar(desk: Desk, served: Live) -> None:
    start(desk, f"like={numbers(served)[0]}&where=similarity:-0.5 camera:cam1")
    desk.page.locator("#query").get_by_role("button", name="Clear").click()
    desk.page.wait_for_function("() => !location.hash.includes('like')")
    desk.settled()
    assert address(desk) == "where=camera:cam1"
    assert desk.cards()
    desk.ask("similarity:0.5")
    assert "belongs to a search" in desk.page.inner_text("#word-fault")


def test_a_drag_out_of_a_dialog_leaves_it_open(desk: Desk) -> None:
    start(desk)
    desk.page.click("#filters")
    field = desk.page.get_by_label("Clock")
    field.fill("+07:00")
    inner, outer = field.bounding_box(), desk.page.locator("dialog").bounding_box()
    assert inner is not None
    assert outer is not None
    desk.page.mouse.move(inner["x"] + 40, inner["y"] + 10)
    desk.page.mouse.down()
    desk.page.mouse.move(outer["x"] - 40, inner["y"] + 10)
    desk.page.mouse.up()
    assert field.input_value() == "+07:00"
    desk.page.mouse.click(outer["x"] - 40, inner["y"] + 10)
    desk.page.wait_for_function("() => !document.querySelector('dialog')")


def test_marks_stay_with_their_vehicle(desk: Desk, lot: Lot) -> None:
    start(desk, "")
    desk.bring(lot.table.path(0))
    desk.page.wait_for_selector(".card .sure")
    desk.page.locator(".card .mark.yes").first.click()
    desk.page.locator(".card .mark.no").nth(2).click()
    marked = desk.page.locator("#marked")
    before = marked.inner_text()
    with desk.page.expect_file_chooser() as further:
        desk.page.locator("#query").get_by_text("Another", exact=False).click()
    further.value.set_files(lot.table.path(1))
    desk.page.wait_for_function("() => document.querySelectorAll('#query .tile').length === 2")
    desk.settled()
    assert marked.is_visible()
    assert marked.inner_text() == before
    desk.page.get_by_role("button", name="Leave picture 2 out").click()
    desk.page.wait_for_function("() => document.querySelectorAll('#query .tile').length === 1")
    desk.settled()
    assert marked.is_visible()
    assert marked.inner_text() == before
    desk.bring(lot.table.path(9))
    desk.page.wait_for_function("() => document.querySelector('#marked').hidden")


def test_marks_that_were_cleared_stay_away(desk: Desk, served: Live) -> None:
    start(desk, f"like={numbers(served)[0]}")
    desk.page.locator(".card .mark.yes").nth(1).click()
    desk.page.get_by_role("button", name="Search again with these").click()
    desk.page.wait_for_function("() => location.hash.includes('yes=')")
    desk.settled()
    desk.page.locator("#marked").get_by_role("button", name="Clear").click()
    desk.page.wait_for_function("() => !location.hash.includes('yes=')")
    desk.settled()
    assert "moved" not in desk.page.inner_text("#query")
    desk.ask("camera:cam1")
    assert not desk.page.locator("#marked").is_visible()
