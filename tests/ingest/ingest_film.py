"""Take films into a gallery, in a process of its own that is killed: GALLERY FILM... ."""

import sys
from pathlib import Path

from drawn_traffic import ColorDetector, ColorEmbedder

import platefree as pf
from platefree.ingest.cameras import Camera
from platefree.ingest.intake import Intake
from platefree.ingest.ledger import open_ledger

BETWEEN = 0.7  # seconds of film: some thirteen moments at which it is noted how far it is


def take_in(folder: Path, films: list[Path], processes: int = 1) -> list[str]:
    """Go on with some films to their ends; what was left out."""
    gallery = pf.Gallery.open(folder, ColorEmbedder())
    camera = Camera("gate", films, start="2026-05-01T07:00+07:00", detector=ColorDetector())
    work = pf.Work(processes=processes)
    if len(films) > 1:
        camera = Camera("gate", films, start="unknown", detector=ColorDetector())
    with open_ledger(folder / "ingest", gallery.card.created) as ledger:
        intake = Intake(gallery, ledger, work=work, between=BETWEEN)
        return intake.take(intake.plan([camera])).left_out


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201
    take_in(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
