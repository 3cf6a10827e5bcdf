"""A real browser before a service that really listens, and a gallery to look at."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from calibrations import made_calibration
from live import TOKEN, Live, live
from PIL import Image
from small_films import BITS, SIDE, write_film

import platefree as pf
from platefree.data.frame_boxes import KINDS
from platefree.gallery.camera_distances import read_camera_distances
from platefree.inference.detector import FoundOnFrame
from platefree.service.limits import USUAL
from platefree.service.rules import Rules
from platefree.types import Sightings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

NAMES = ("chromium", "chromium-browser", "google-chrome")
STREET = (320, 200)
"""Width and height of the picture on which two vehicles are."""

LEFT, RIGHT = (20.0, 60.0, 116.0, 156.0), (190.0, 70.0, 270.0, 150.0)
"""The two, in pixels."""

_REFUSED = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`refused by the policy: ${event.violatedDirective} ${event.blockedURI}`))"""


class TwoOnTheStreet:
    """Finds the two vehicles of the street, and nothing on other pictures."""

    name, fingerprint, threshold, longest = "two", "2c0ffee", 0.4, 960

    def detect(
        self, frames: Sequence[np.ndarray], threshold: float | None = None
    ) -> list[FoundOnFrame]:
        return [self._on(frame) for frame in frames]

    def _on(self, frame: np.ndarray) -> FoundOnFrame:
        if frame.shape[:2] != STREET[::-1]:
            return FoundOnFrame(np.empty((0, 4)), np.empty(0, np.int64), np.empty(0))
        return FoundOnFrame(np.array([LEFT, RIGHT]), np.array([0, 0]), np.array([0.9, 0.8]))


@dataclass
class Lot:
    """A gallery of drawn vehicles and of one that is on a film, and a picture to look for.

    Attributes:
        folder: of the gallery.
        street: picture of two of the vehicles.
        table: the drawn vehicles.
        places: file of the places of cameras.
    """

    folder: Path
    street: Path
    table: Sightings
    places: Path


def make_lot(folder: Path, table: Sightings) -> Lot:
    """Made once for all tests, which change only cases and marks."""
    gallery = pf.Gallery.create(folder / "lot", "color_stripes")
    gallery.add(table)
    film = write_film(folder / "gate.mp4", [each / 10 for each in range(40)])
    gallery.add(
        Sightings.from_columns(
            folder,
            {
                "image": [film.name],
                "camera": ["gate"],
                "track": ["gate-0"],
                "type": [KINDS[0]],
                "time": [np.datetime64("2026-05-03T07:00:02", "ms")],
                "frame": [20],
                "box": [(8.0, 2.0, 90.0, 60.0)],
            },
        )
    )
    street = Image.new("RGB", STREET, "#8a8d90")
    for row, box in ((0, LEFT), (4, RIGHT)):
        side = int(box[2] - box[0])
        vehicle = Image.open(table.path(row)).resize((side, side))
        street.paste(vehicle, (int(box[0]), int(box[1])))
    street.save(folder / "street.png")
    places = folder / "cameras.json"
    names = ("cam1", "cam2", "cam3")
    listed = ", ".join(
        f'{{"name": "{name}", "map": [{400 * at}, {100 * at}]}}' for at, name in enumerate(names)
    )
    places.write_text(f"[{listed}]")
    return Lot(folder / "lot", folder / "street.png", table, places)


@contextmanager
def serving(lot: Lot, state: Path, **rules: Any) -> Iterator[Live]:  # noqa: ANN401
    """Within the block the gallery is served, with probabilities."""
    given = {"token": TOKEN, "distances": read_camera_distances(lot.places), **rules}
    given["limits"] = replace(USUAL, log_ins=1_000)  # each test signs in
    with live(lot.folder, Rules(**given), state, TwoOnTheStreet()) as found:
        model = found.service.gallery.model
        model.calibration = made_calibration(model.fingerprint, sure=12.0)  # type: ignore[misc]
        yield found


@contextmanager
def a_browser() -> Iterator["Browser"]:
    """Within the block there is one; a test is skipped where none is installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("needs a browser: apt-get install --no-install-recommends chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, chromium_sandbox=False)
        yield browser
        browser.close()


@dataclass
class Desk:
    """A page of a browser, and what went wrong on it.

    Attributes:
        page: that is driven.
        address: of the service.
        faults: errors of the console, what was refused, and requests to anybody else.
    """

    page: "Page"
    address: str
    faults: list[str] = field(default_factory=list)

    def cards(self) -> list[int]:
        """The sightings that are shown, the best of each pass, in their order."""
        shown = self.page.locator(".card").evaluate_all(
            "cards => cards.map((card) => Number(card.dataset.number))"
        )
        return list(shown)

    def settled(self) -> None:
        """Wait until what is asked is answered."""
        self.page.wait_for_function(
            "() => !document.body.classList.contains('busy')"
            " && document.querySelector('.card, #empty:not([hidden])')"
        )

    def go(self, fragment: str) -> None:
        """Open a question by its address."""
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        self.page.wait_for_timeout(50)
        self.settled()

    def ask(self, words: str) -> None:
        """Type conditions."""
        self.page.fill("#words", words)
        self.page.press("#words", "Enter")
        self.page.wait_for_timeout(50)
        self.settled()

    def bring(self, path: Path) -> None:
        """Choose a picture."""
        self.page.set_input_files("#chooser", path)


@contextmanager
def a_desk(
    browser: "Browser",
    served: Live,
    *,
    token: str = TOKEN,
    expected: Sequence[str] = (),
    **context: Any,  # noqa: ANN401
) -> Iterator[Desk]:
    """Within the block a page is open; at its end nothing may have gone wrong.

    Args:
        browser: whose page it is.
        served: the service.
        token: that opens it; empty opens the form to sign in.
        expected: parts of faults that are right.
        context: settings of the browser, such as its size.
    """
    settings = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **context}
    opened = browser.new_context(**settings)
    page = opened.new_page()
    page.set_default_timeout(15_000)
    desk = Desk(page, served.address)
    page.add_init_script(_REFUSED)
    page.on("pageerror", lambda error: desk.faults.append(f"page: {error}"))
    page.on("console", lambda said: _note(desk, said.type, said.text))
    page.on("response", lambda answer: _note_refused(desk, answer))
    page.on("request", lambda asked: _note_foreign(desk, asked.url))
    try:
        page.goto(f"{served.address}/#token={token}" if token else served.address)
        if token:
            desk.settled()
        yield desk
    except Exception:
        print("faults:", desk.faults, "\nshown:", page.inner_text("body")[:2_000])  # noqa: T201
        raise
    finally:
        opened.close()
    wrong = [each for each in desk.faults if not any(part in each for part in expected)]
    assert not wrong, wrong


def _note(desk: Desk, kind: str, text: str) -> None:
    if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
        desk.faults.append(f"console: {text}")


def _note_refused(desk: Desk, answer: "Response") -> None:
    if answer.status >= 400:
        said = answer.headers.get("content-type", "")
        desk.faults.append(f"{answer.status}: {answer.url.removeprefix(desk.address)} ({said})")


def _note_foreign(desk: Desk, url: str) -> None:
    if not url.startswith((f"{desk.address}/", "blob:", "data:")):
        desk.faults.append(f"asked elsewhere: {url}")


FILM_SIZE = (BITS * SIDE, 64)
"""Width and height of the frames of the film."""
