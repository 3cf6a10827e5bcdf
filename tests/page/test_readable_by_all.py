"""Names, contrast, focus and size of everything on the page, measured in a real browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from desk import Desk, Lot, a_browser, a_desk, make_lot, serving
from live import Live

from platefree.types import Sightings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}

NAMELESS = """() => [...document.querySelectorAll(
    "button, input, select, textarea, a[href], [role=button], [role=tab], img, svg[role=img]")]
  .filter((node) => node.checkVisibility() && node.type !== "hidden")
  .filter((node) => {
    if (node.matches("img")) return !node.hasAttribute("alt");
    const labelled = (node.getAttribute("aria-labelledby") ?? "").split(" ")
      .map((id) => document.getElementById(id)?.textContent).join("");
    const own = node.matches("input, select, textarea") ? "" : node.textContent;
    const labels = [...(node.labels ?? [])].map((each) => each.textContent).join("");
    return !(node.getAttribute("aria-label") || labelled || own.trim() || labels.trim());
  }).map((node) => node.outerHTML.slice(0, 120))"""

BROKEN = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  const twice = ids.filter((id, place) => ids.indexOf(id) !== place);
  const names = ["aria-labelledby", "aria-controls", "aria-describedby", "for", "list"];
  const absent = names.flatMap((name) => [...document.querySelectorAll(`[${name}]`)]
    .flatMap((node) => node.getAttribute(name).split(" ")).filter((id) => !ids.includes(id)));
  return [...twice, ...absent];
}"""

# Of each text: its color on what lies behind it, both as the browser computed them.
PALE = """() => {
  const pen = Object.assign(document.createElement("canvas"), {width: 1, height: 1})
    .getContext("2d", {willReadFrequently: true});
  const pixels = (color) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = color;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((each, at) => each * a + below[at] * (1 - a));
  const ground = (node) => {
    const layers = [];
    for (let each = node; each; each = each.parentElement) {
      layers.push(pixels(getComputedStyle(each).backgroundColor));
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (color) => {
    const parts = color.map((each) => each / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
    if (node.closest(":disabled, .unseen, script, style, title, option, datalist, .skip")) continue;
    const style = getComputedStyle(node);
    const isSvg = node instanceof SVGElement;
    const disc = node.matches(".many") && node.parentElement.querySelector(":scope > circle");
    const under = ground(isSvg ? node.ownerSVGElement.parentElement : node);
    const below = disc ? over(pixels(getComputedStyle(disc).fill), under) : under;
    const color = over(pixels(isSvg ? style.fill : style.color), below);
    const [high, low] = [light(color), light(below)].sort((one, other) => other - one);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (isLarge ? 3 : 4.5)) {
      found.push(`${ratio.toFixed(2)}: ${walker.currentNode.textContent.trim().slice(0, 40)}`);
    }
  }
  return found;
}"""

SMALL = """() => [...document.querySelectorAll("button, select, input")]
  .filter((node) => node.checkVisibility())
  .filter((node) => !node.matches("[type=checkbox], [type=radio], [type=range], .outline, .skip"))
  .filter((node) => {
    const {width, height} = node.getBoundingClientRect();
    return width < 24 || height < 24;
  }).map((node) => node.outerHTML.slice(0, 100))"""


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


def close(desk: Desk) -> None:
    desk.page.keyboard.press("Escape")
    desk.page.wait_for_function("() => !document.querySelector('dialog')")


def everything(desk: Desk, lot: Lot) -> Iterator[str]:
    """Show one part of the page after the other, by its name."""
    page, number = desk.page, desk.cards()[0]
    yield "list"
    desk.go(f"like={number}&where=camera:cam1,cam2,cam3")
    page.wait_for_selector(".card .sure")
    for place, mark in enumerate(("yes", "no", "similar")):
        page.locator(".card").nth(place).locator(f".mark.{mark}").click()
    yield "search"
    for view in ("timeline", "journey", "map"):
        page.click(f"#tab-{view}")
        page.wait_for_timeout(300)
        yield view
    page.evaluate("() => document.querySelector('.card').checkVisibility()")
    for name, button in (
        ("filter", "#filters"),
        ("state", "#open-status"),
        ("keys", "#open-help"),
        ("cases", "#open-cases"),
        ("export", "#open-export"),
        ("reason", "#reason"),
    ):
        page.click(button)
        page.wait_for_selector("dialog .dialog-body")
        page.wait_for_timeout(300)
        yield name
        close(desk)
    desk.go(f"like={number}&open={desk.cards()[1]}")
    page.wait_for_selector("dialog .facts")
    page.wait_for_timeout(500)
    yield "detail"
    close(desk)
    desk.go("where=camera:gate")
    page.locator(".card .open").click()
    page.get_by_role("button", name="Play the seconds around it").click()
    page.wait_for_function("() => document.querySelector('.film-picture')?.naturalWidth > 0")
    yield "film"
    close(desk)
    desk.bring(lot.street)
    page.wait_for_selector(".outline")
    yield "picker"
    close(desk)
    desk.ask("camera:nowhere")
    yield "empty"
    desk.ask("no condition")
    yield "fault"


def measured(desk: Desk, lot: Lot, *scripts: str) -> dict[str, Any]:
    """What each script finds on each part of the page, where it finds anything."""
    return {
        f"{name} {place}": found
        for name in everything(desk, lot)
        for place, script in enumerate(scripts)
        if (found := desk.page.evaluate(script))
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_that_is_shown_has_a_name_and_contrast(
    browser: "Browser", served: Live, lot: Lot, scheme: str
) -> None:
    with a_desk(browser, served, color_scheme=scheme) as desk:
        assert not measured(desk, lot, NAMELESS, BROKEN, PALE, SMALL)


def test_a_phone_never_scrolls_sideways(browser: "Browser", served: Live, lot: Lot) -> None:
    wide = """() => [document.documentElement, ...document.querySelectorAll(".dialog-body")]
      .filter((node) => node.scrollWidth > node.clientWidth + 1)
      .map((node) => `${node.className}: ${node.scrollWidth} of ${node.clientWidth}`)"""
    with a_desk(browser, served, **PHONE) as desk:
        assert not measured(desk, lot, wide, SMALL)


def test_all_is_reached_by_tab_and_the_focus_is_seen(browser: "Browser", served: Live) -> None:
    seen = """() => { const node = document.activeElement, style = getComputedStyle(node);
      const form = node.closest("#word-form");
      const outline = getComputedStyle(form ?? node);
      return [node.id || node.className.toString() || node.tagName,
        outline.outlineStyle !== "none" && parseFloat(outline.outlineWidth) >= 2
          || Boolean(node.querySelector(":scope > .reach"))]; }"""
    with a_desk(browser, served) as desk:
        desk.page.wait_for_selector("#lanes .pass")
        reached = {}
        for _ in range(45):
            desk.page.keyboard.press("Tab")
            name, is_seen = desk.page.evaluate(seen)
            if name != "BODY":  # between the last and the first
                reached[name] = is_seen
        assert all(reached.values()), reached
        for name in (
            "skip",
            "reason",
            "open-cases",
            "theme",
            "sign-out",
            "choose",
            "words",
            "filters",
            "open-export",
            "tab-timeline",
            "open",
        ):
            assert name in reached


def test_the_switch_of_colors_is_kept(browser: "Browser", served: Live) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    with a_desk(browser, served, color_scheme="light") as desk:
        light = desk.page.evaluate(ground)
        desk.page.get_by_role("button", name="Dark colors").click()
        dark = desk.page.evaluate(ground)
        assert dark != light
        desk.page.reload()
        desk.settled()
        assert desk.page.evaluate(ground) == dark
