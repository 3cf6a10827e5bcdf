"""A run of the verb ``ingest``: its progress, new films of a recorder, and what it tells."""

import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platefree.cli.console import notes, out, print_json
from platefree.cli.film_progress import clock, film_progress
from platefree.data.frame_boxes import KINDS
from platefree.data.listed_text import many
from platefree.errors import DataError, FilmError
from platefree.ingestion.film_files import film_files
from platefree.ingestion.intake import Taken
from platefree.ingestion.intake_plan import Plan
from platefree.ingestion.resting_films import RestingFilms
from platefree.ingestion.vehicles_seen import VehiclesSeen

if TYPE_CHECKING:
    from platefree.ingestion.cameras import Camera
    from platefree.ingestion.intake import Intake

_LOOKS = 1.0  # seconds from one look at watched folders to the next
_HOURS = 48  # that are printed; --json has all


class IngestRun:
    """Takes the films of some cameras in.

    Args:
        intake: into the gallery.
        cameras: with their films.
    """

    def __init__(self, intake: "Intake", cameras: "list[Camera]") -> None:
        self._intake, self._cameras = intake, cameras
        self.taken = Taken()
        self._said = 0  # of how many films it was said that they were left out

    def once(self) -> None:
        """Take in what is there."""
        self._take(self._intake.plan(self._cameras))

    def watch(self) -> None:
        """Take in what a recorder finishes, until the user stops it."""
        watched = [(RestingFilms(), camera) for camera in self._cameras]
        for camera in self._cameras:
            film_files(camera.films)  # refused now, if there is no such folder
        notes.print("waiting for films; Ctrl-C ends it")
        while True:
            plan = Plan()
            for resting, camera in watched:
                for film in self._finished(resting, camera):
                    self._add(plan, replace(camera, films=[film]))
            if plan.todo or plan.done or plan.refused:
                self._take_and_say(plan)
            time.sleep(_LOOKS)

    def _take_and_say(self, plan: Plan) -> None:
        """Take films in, and say at once of each what became of it."""
        before = len(self.taken.films)
        self._take(plan)
        looked_at = {each.film for each in self.taken.films[before:]}
        for planned in plan.todo:
            if planned.film in looked_at:
                notes.print(f"looked at {planned.film}", soft_wrap=True)
        self._say_left_out()

    def _say_left_out(self) -> None:
        """Say, once, which films were left out and why."""
        for reason in self.taken.left_out[self._said :]:
            notes.print(f"left out: {reason}", soft_wrap=True)
        self._said = len(self.taken.left_out)

    @staticmethod
    def _finished(resting: RestingFilms, camera: "Camera") -> list[Path]:
        """What the recorders of a camera have finished; a folder may be away for a while."""
        there = list[Path]()
        for place in camera.films:
            with suppress(FilmError):
                there += film_files([place])
        return resting.finished(dict.fromkeys(there))

    def _add(self, plan: Plan, camera: "Camera") -> None:
        """Add a film of a camera to a plan; what is wrong with it ends no watch."""
        try:
            self._intake.plan([camera], plan)
        except DataError as error:
            notes.print(f"note: {error}", soft_wrap=True)

    def _take(self, plan: Plan) -> None:
        left = sum(each.seconds_left for each in plan.todo)
        name = plan.todo[0].film.name if len(plan.todo) == 1 else many(len(plan.todo), "film")
        with film_progress(name, left) as advance:
            self._intake.take(plan, self.taken, advance)

    def tell(self, *, as_json: bool) -> None:
        """Print what was seen, and what went wrong."""
        taken, seen = self.taken, self._intake.seen(self.taken.films)
        if as_json:
            print_json(_to_json(taken, seen))
        elif seen.count:
            _print(seen)
        self._say_left_out()
        for remark in taken.remarks:
            notes.print(f"note: {remark}", soft_wrap=True)

    def last_words(self) -> str:
        """What was done, in a line."""
        taken = self.taken
        speed = f", {taken.seconds / taken.took:.1f} x real time" if taken.seconds else ""
        before = f", {many(taken.before, 'film')} done before" if taken.before else ""
        footage = f"{clock(taken.seconds)} of footage{speed}"
        return f"{many(taken.added, 'sighting')} added from {footage}{before}"


def _to_json(taken: Taken, seen: VehiclesSeen) -> dict[str, Any]:
    films = [
        {
            "film": str(each.film),
            "camera": each.camera.name,
            "start": each.record.start or None,
            "seconds": round(each.record.seconds, 3),
        }
        for each in taken.films
    ]
    return {
        "vehicles": seen.count,
        "classes": seen.kinds,
        "cameras": seen.cameras,
        "hours": dict(sorted(seen.hours.items())),
        "added": taken.added,
        "films": films,
        "done_before": taken.before,
        "left_out": taken.left_out,
        "remarks": taken.remarks,
        "footage_seconds": round(taken.seconds, 3),
        "seconds": round(taken.took, 3),
    }


def _print(seen: VehiclesSeen) -> None:
    from platefree.cli.tables import plain_table, print_whole

    for title, counts in (
        ("camera", seen.cameras),
        ("class", _in_order(seen.kinds)),
        ("hour", Counter(dict(sorted(seen.hours.items())[-_HOURS:]))),
    ):
        rows = [[name, f"{count:,}"] for name, count in counts.items()]
        print_whole(plain_table("", (title, "vehicles"), rows))
    out.print(f"{many(seen.count, 'vehicle')} seen; one that passes twice counts twice")


def _in_order(kinds: Counter[str]) -> Counter[str]:
    return Counter({kind: kinds[kind] for kind in KINDS if kinds[kind]})
