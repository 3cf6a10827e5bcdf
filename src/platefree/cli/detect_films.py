"""The verb ``detect`` on footage: tables and JSON of what is seen, and drawn films."""

import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platefree.cli.console import notes, out

if TYPE_CHECKING:
    from platefree.data.film_sampling import Sampling
    from platefree.inference.detector import Detector, FoundOnFrame
    from platefree.video.regions import Regions


@dataclass
class SeenFilm:
    """What was seen in footage.

    Attributes:
        place: of the footage.
        about: size, rate, start, for JSON.
        frames: looked at, for JSON.
        boxes: of each class.
        seconds: of footage.
        taken: seconds of work.
        remarks: what could not be read.
    """

    place: str
    about: dict[str, Any]
    frames: list[dict[str, Any]] = field(default_factory=list)
    boxes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    taken: float = 0.0
    remarks: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {**self.about, "remarks": self.remarks, "frames": self.frames}


def see_film(
    place: str,
    detector: "Detector",
    sampling: "Sampling",
    regions: "Regions",
    threshold: float | None,
    drawing: Path | None,
) -> SeenFilm:
    """Look at footage, and draw a film of it where one is asked for."""
    from platefree.cli.film_progress import film_progress
    from platefree.reports.drawn_film import drawn_film
    from platefree.types import utc_text
    from platefree.video.film_detection import seen_in
    from platefree.video.footage import open_footage

    begun = time.monotonic()
    with (
        open_footage(place) as footage,
        film_progress(f"detecting {Path(place).name}", footage.seconds(sampling)) as advance,
        nullcontext() if drawing is None else drawn_film(drawing) as film,
    ):
        about = {"film": footage.name, "width": footage.width, "height": footage.height}
        about |= {"start": utc_text(footage.start) or None, "start_of": footage.start_of}
        seen = SeenFilm(place, about | ({} if drawing is None else {"drawing": str(drawing)}))
        seeing = seen_in(footage, detector, sampling, regions=regions, threshold=threshold)
        for frame, found in seeing:
            boxes = plain_boxes(found)
            seen.boxes.update(each["class"] for each in boxes)
            one = {"frame": frame.number, "seconds": round(frame.time, 3), "found": boxes}
            seen.frames.append(one)
            seen.seconds = max(0.0, frame.time - sampling.since)
            if film is not None:
                film.add(frame.time, frame.picture, found)
            advance(seen.seconds)
        seen.remarks = footage.remarks()
    seen.taken = time.monotonic() - begun
    return seen


def plain_boxes(found: "FoundOnFrame") -> list[dict[str, Any]]:
    """What was found on a picture or frame, as plain values."""
    from platefree.data.frame_boxes import KINDS

    return [
        {
            "class": KINDS[int(kind)],
            "score": round(float(score), 4),
            "box": [round(edge, 2) for edge in box.tolist()],
        }
        for box, kind, score in zip(found.box, found.kind, found.score, strict=True)
    ]


def print_films(films: list[SeenFilm], title: str) -> None:
    """Print a line for each film; every box of it is in the JSON."""
    from platefree.cli.tables import plain_table, print_whole
    from platefree.data.frame_boxes import KINDS

    rows = []
    for seen in films:
        speed = f"{seen.seconds / seen.taken:.1f}" if seen.taken else ""
        counts = [str(seen.boxes[kind]) for kind in KINDS]
        rows.append(
            [seen.about["film"], str(len(seen.frames)), f"{seen.seconds:.1f}", *counts, speed]
        )
    head = ("film", "frames", "seconds", *(f"{kind} boxes" for kind in KINDS), "x real time")
    print_whole(plain_table(title, head, rows))
    out.print("a vehicle is boxed on every frame that shows it; --json has all boxes")


def note_remarks(films: list[SeenFilm]) -> None:
    """Print what could not be read."""
    for seen in films:
        for remark in seen.remarks:
            notes.print(f"note: {seen.about['film']}: {remark}", soft_wrap=True)
