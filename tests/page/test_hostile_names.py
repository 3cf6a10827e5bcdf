"""Names that would be scripts stay texts, wherever the page shows them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from desk import Desk, a_browser, a_desk
from live import live
from PIL import Image

import platefree as pf
from platefree.types import Sightings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "<img src=x onerror=alert(1)>"
CLOSING = "\"'></option></title><script>alert(2)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with a_browser() as found:
        yield found


@pytest.fixture
def desk(browser: "Browser", tmp_path: Path) -> Iterator[Desk]:
    names = [f"{HOSTILE}{place}.png".replace("/", "") for place in range(3)]
    for place, name in enumerate(names):
        Image.new("RGB", (48, 48), (80 * place, 90, 120)).save(tmp_path / name)
    columns = {
        "image": names,
        "camera": [HOSTILE, CLOSING, "constructor"],
        "track": [CLOSING] * 3,
        "type": [HOSTILE, CLOSING, "__proto__"],
        "color": [CLOSING] * 3,
        "view": [HOSTILE] * 3,
        "vehicle": [HOSTILE] * 3,
        "time": [np.datetime64("2026-05-01T07:00", "ms")] * 3,
    }
    gallery = pf.Gallery.create(tmp_path / "lot", "color_stripes")
    gallery.add(Sightings.from_columns(tmp_path, columns))
    with live(tmp_path / "lot") as served, a_desk(browser, served) as found:
        found.page.on("dialog", lambda shown: found.faults.append(f"a script ran: {shown.message}"))
        yield found


def test_no_name_becomes_a_script(desk: Desk) -> None:
    page = desk.page
    assert HOSTILE in page.inner_text("#cards")
    page.locator("#lanes .pass").first.wait_for()
    page.locator(".mark.yes").first.click()
    for view in ("journey", "map", "timeline"):
        page.click(f"#tab-{view}")
        page.wait_for_timeout(200)
    page.click("#filters")
    page.locator("dialog").get_by_label(HOSTILE).first.check()
    page.locator("dialog").get_by_label(CLOSING).first.check()
    page.locator("dialog").get_by_role("button", name="Show").click()
    page.wait_for_selector(".chip")
    assert HOSTILE in page.inner_text("#chips")
    desk.settled()
    page.reload()
    desk.settled()
    assert page.locator(".chip").count() == 2
    assert CLOSING in page.inner_text("#chips")
    number = desk.cards()[0]
    desk.go(f"open={number}")
    page.wait_for_selector(".facts")
    assert CLOSING in page.inner_text(".facts")
    page.locator("dialog").get_by_role("button", name="Add to case").click()
    page.locator("dialog.small").get_by_label("Name").fill(CLOSING)
    page.locator("dialog.small").get_by_role("button", name="Add").click()
    page.locator(".notice", has_text=CLOSING).wait_for()
    page.keyboard.press("Escape")
    page.click("#open-cases")
    page.locator(".case-row", has_text=CLOSING).click()
    page.wait_for_selector(".case-sightings li")
    assert not page.locator("script:not([src]), img[src=x], [onerror]").count()
