"""Takes the pictures of docs/page.md from a page that `platefree demo --serve` opened.

    python docs/page_pictures.py "http://127.0.0.1:8000/#token=TOKEN" [FOLDER]

It needs Chromium, and makes a case in that gallery.
"""

import io
import shutil
import sys
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import platefree as pf

DESKTOP, PHONE = (1440, 900), (390, 844)
MOST_BYTES = 150_000


def main(address: str, folder: Path) -> None:
    """Take every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    path = shutil.which("chromium")
    with pf.Client(address, reason="pictures of the page") as client:
        number = seen_most(client)
        others = [hit.number for hit in client.search(number, top=40).hits]
    asked = f"like={number}"
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, chromium_sandbox=False)
        page = opened(browser, address, DESKTOP)
        go(page, f"{asked}&view=timeline")
        take(page, folder / "results.jpg")
        go(page, f"{asked}&open={others[0]}")
        page.wait_for_selector(".frame img")
        take(page, folder / "details.jpg")
        page.keyboard.press("Escape")
        go(page, f"{asked}&view=journey")
        mark_likely(page)
        page.wait_for_selector(".stop")
        take(page, folder / "journey.jpg")
        page.click("#tab-map")
        page.wait_for_selector(".map .place")
        take(page, folder / "map.jpg")
        show_case(page)
        take(page, folder / "case.jpg")
        go(opened(browser, address, PHONE), asked, folder / "phone.jpg")
        dark = opened(browser, address, DESKTOP, "dark")
        go(dark, f"{asked}&view=timeline", folder / "dark.jpg")
        browser.close()


def seen_most(client: pf.Client) -> int:
    """The sighting whose vehicle most other cameras seem to have seen."""

    def others(hit: pf.Hit) -> tuple[int, float]:
        assert hit.number is not None  # noqa: S101 - of a gallery
        found = client.search(hit.number, top=20).hits
        likely = [each for each in found if each.in_words == "very likely"]
        cameras = {each.labels["camera"] for each in likely} - {hit.labels["camera"]}
        return len(cameras), sum(each.similarity for each in likely)

    best = max(client.latest(), key=others)
    assert best.number is not None  # noqa: S101 - of a gallery
    return best.number


def opened(
    browser: Browser,
    address: str,
    size: tuple[int, int],
    scheme: Literal["light", "dark"] = "light",
) -> Page:
    """A page that has signed in."""
    width, height = size
    page = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    ).new_page()
    page.goto(address)
    settle(page)
    return page


def settle(page: Page) -> None:
    """Wait until what is asked is answered, and all of it is seen."""
    page.wait_for_function(
        "() => !document.body.classList.contains('busy') && document.querySelector('.card')"
        " && [...document.images].filter((each) => each.getBoundingClientRect().top < innerHeight)"
        ".every((each) => each.complete)"
    )
    page.wait_for_timeout(500)


def go(page: Page, fragment: str, picture: Path | None = None) -> None:
    """Open a question by its address, and take a picture of the answer."""
    page.evaluate("fragment => { location.hash = fragment; }", fragment)
    page.wait_for_timeout(300)
    settle(page)
    if picture is not None:
        take(page, picture)


def mark_likely(page: Page) -> None:
    """Say yes to what is very likely."""
    cards = page.locator(".card")
    for place in range(cards.count()):
        if "very likely" in cards.nth(place).inner_text().lower():
            cards.nth(place).get_by_role("button", name="Yes, this is it").click()


def show_case(page: Page) -> None:
    """Put what was marked into a case, and open it."""
    page.locator("#marked").get_by_role("button", name="Add to case").click()
    page.get_by_label("Name").fill("Hit and run, crossing")
    page.get_by_label("Note").fill("the same dent")
    page.locator("dialog").get_by_role("button", name="Add").click()
    page.locator(".notice").get_by_text("added to").wait_for()
    page.click("#open-cases")
    page.get_by_role("button", name="Hit and run, crossing").first.click()
    page.get_by_label("Notes of the case").fill("Witness: it turned left, towards the bridge.")
    page.wait_for_timeout(1_000)


def take(page: Page, path: Path) -> None:
    """Write what is seen, as small as it has to be."""
    page.wait_for_timeout(500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for quality in range(90, 40, -5):
        picture.save(path, quality=quality, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            break
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parent / "page"))
