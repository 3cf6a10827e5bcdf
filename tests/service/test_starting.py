"""What a service does before it listens, which whoever opens the page waits for."""

import subprocess
import sys
import threading
from pathlib import Path

from platefree.gallery.stored_gallery import Gallery
from platefree.inference.detector import Detector
from platefree.service.rules import Rules
from platefree.service.running_service import Service

HEAVY = ("torch", "onnxruntime", "numba", "scipy", "sklearn", "lance", "av")


def test_nothing_heavy_is_imported() -> None:
    printed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, platefree.cli.serve_verbs, platefree.service.serving;"
            f"print(*[name for name in {HEAVY!r} if name in sys.modules])",
        ],
        capture_output=True,
        check=True,
        text=True,
    )
    assert printed.stdout.split() == []


def test_a_detector_is_loaded_once_when_it_is_needed(drawn_lot: Path, tmp_path: Path) -> None:
    loaded = list[object]()

    def load() -> Detector:
        loaded.append(object())
        return loaded[-1]  # type: ignore[return-value]

    service = Service(Gallery(drawn_lot), Rules(), tmp_path, load)
    try:
        assert service.finds_vehicles
        assert service.shows_frames
        assert not loaded
        asking = [threading.Thread(target=lambda: service.detector) for _ in range(4)]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
        assert [service.detector] == loaded
    finally:
        service.close()


def test_without_a_detector_nothing_is_found(drawn_lot: Path, tmp_path: Path) -> None:
    service = Service(Gallery(drawn_lot), Rules(), tmp_path)
    try:
        assert not service.finds_vehicles
        assert service.detector is None
    finally:
        service.close()
