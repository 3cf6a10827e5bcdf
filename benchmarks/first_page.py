"""How long after its start a service shows the first sightings on its page.

    python benchmarks/first_page.py GALLERY [--starts 5]

Each time `platefree serve` is started in a process of its own, and a browser, which is open already
but has never seen the page, asks for the address as soon as it is printed. The card counts when it
is in the document. A start before the first that counts warms what the system keeps of files, and
writes the byte code of modules as an installation does. It needs Chromium and playwright.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Browser, sync_playwright

_NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE"
_NOTE = """new MutationObserver((_, watching) => {
  if (!document.querySelector(".card")) return;
  watching.disconnect();
  window.firstCard = Date.now();
}).observe(document, { childList: true, subtree: true });"""


def first_card(gallery: Path, browser: Browser) -> tuple[float, float, float]:
    """Seconds from the start of the process until it listens, and until there is a card.

    Args:
        gallery: its folder.
        browser: in which a new profile is made.

    Returns:
        Both, and the seconds of the processor that the service took until then.
    """
    page = browser.new_context().new_page()
    page.add_init_script(_NOTE)
    command = [sys.executable, "-m", "platefree", "serve", "--gallery", str(gallery), "--port", "0"]
    began = time.time()
    settings = {name: value for name, value in os.environ.items() if name != _NO_BYTE_CODE}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=settings
    ) as service:
        try:
            assert service.stdout is not None  # noqa: S101 - a pipe was asked for
            address = service.stdout.readline().decode().strip()
            listening = time.time() - began
            page.goto(address, wait_until="commit")
            page.wait_for_selector(".card", state="attached")
            shown = page.evaluate("() => window.firstCard") / 1000 - began
            spent = psutil.Process(service.pid).cpu_times()
        finally:
            service.terminate()
    page.context.close()
    return listening, shown, spent.user + spent.system


def main() -> None:
    """Start it several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--starts", type=int, default=5)
    given = parser.parse_args()
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"))
        found = [first_card(given.gallery, browser) for _ in range(given.starts + 1)][1:]
        browser.close()
    names = ("listening", "first card", "processor")
    for name, seconds in zip(names, zip(*found, strict=True), strict=True):
        each = ", ".join(f"{value:.2f}" for value in sorted(seconds))
        print(f"{name}: median {median(seconds):.2f} s ({each})")


if __name__ == "__main__":
    main()
