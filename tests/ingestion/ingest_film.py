"""Take films into a gallery, in a process of its own that is killed: GALLERY FILM...

It prints the second that it has reached, whenever it has reached another.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from drawn_traffic import ColorDetector, ColorEmbedder

import platefree as pf
from platefree.gallery.ledger import open_ledger
from platefree.ingestion.cameras import Camera
from platefree.ingestion.intake import Intake

BETWEEN = 0.7  # seconds of film: some thirteen moments at which it is noted how far it is


def take_in(
    folder: Path,
    films: list[Path],
    processes: int = 1,
    progress: Callable[[float], None] = lambda seconds: None,
) -> list[str]:
    """Go on with some films to their ends; what was left out."""
    gallery = pf.Gallery.open(folder, ColorEmbedder())
    camera = Camera("gate", films, start="2026-05-01T07:00+07:00", detector=ColorDetector())
    work = pf.Work(processes=processes)
    if len(films) > 1:
        camera = Camera("gate", films, start="unknown", detector=ColorDetector())
    with open_ledger(folder / "ingest", gallery.card.created) as ledger:
        intake = Intake(gallery, ledger, work=work, between=BETWEEN)
        return intake.take(intake.plan([camera]), progress=progress).left_out


if __name__ == "__main__":
    say = partial(print, flush=True)
    take_in(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]], progress=say)
