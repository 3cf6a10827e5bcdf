"""The verb ``journey``."""

import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platefree.cli.console import Json, notes, numbers_of, out, print_json, printable

if TYPE_CHECKING:
    from platefree.gallery.journeys import Journey, Journeys, Stop

_COLUMNS = (
    *("journey", "stop", "camera", "first", "last", "pictures", "number", "similarity"),
    *("seconds_before", "metres_before", "km_h_before", "implausible"),
)


def journey(
    answer: Annotated[
        Path, typer.Argument(metavar="ANSWER", help="What 'platefree search --json' printed.")
    ],
    only: Annotated[
        str,
        typer.Option(metavar="NUMBERS", help="The hits that show the vehicle, such as 12,15."),
    ] = "",
    cameras: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Camera places (.json), or distances (.csv: from,to,metres)."
        ),
    ] = None,
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV to stdout.")] = False,
    as_json: Json = False,
) -> None:
    """Show hits in order of time, and which contradict each other.

    All hits are taken to show one vehicle: choose those that do with --only.
    """
    from platefree.data.listed_text import many
    from platefree.errors import DataError
    from platefree.gallery.camera_distances import read_camera_distances
    from platefree.gallery.journeys import NOWHERE, journeys_of
    from platefree.gallery.recorded_answer import read_answer

    if as_csv and as_json:
        raise typer.BadParameter("CSV or JSON, not both", param_hint="--csv")
    hits = [hit.hit() for hit in read_answer(answer).hits]
    if only:
        wanted = set(numbers_of(only, "--only"))
        if absent := sorted(wanted - {hit.number for hit in hits}):
            raise DataError(f"{answer} has no hit {absent[0]}, only those that it lists")
        hits = [hit for hit in hits if hit.number in wanted]
    distances = NOWHERE if cameras is None else read_camera_distances(cameras)
    found = journeys_of(hits, distances)
    if as_json:
        print_json(_json(found))
    elif as_csv:
        _print_csv(found)
    else:
        _print_tables(found)
    if found.untimed:
        notes.print(f"{many(len(found.untimed), 'hit')} of unknown time in no journey")
    if not only:
        notes.print(
            "note: all hits are taken to show one vehicle; choose those that do (--only)",
            soft_wrap=True,
        )


def _json(found: "Journeys") -> dict[str, Any]:
    return {
        "journeys": [
            {
                "stops": [_stop(stop) for stop in each.stops],
                "legs": [
                    {"seconds": leg.seconds, "metres": leg.metres, "metres_a_second": leg.speed}
                    for leg in each.legs
                ],
                "implausible": [
                    {"first": conflict.first, "second": conflict.second, "why": conflict.why}
                    for conflict in each.conflicts
                ],
            }
            for each in found.journeys
        ],
        "untimed": [hit.number for hit in found.untimed],
    }


def _stop(stop: "Stop") -> dict[str, Any]:
    from platefree.types import utc_text

    return {
        "camera": stop.camera,
        "first": utc_text(stop.first),
        "last": utc_text(stop.last),
        "numbers": [hit.number for hit in stop.hits],
        "best": {
            "number": stop.best.number,
            "similarity": stop.best.similarity,
            "image": str(stop.best.image),
        },
    }


def _rows(each: "Journey", number: int) -> Iterator[list[str]]:
    """A row of `_COLUMNS` for each stop."""
    for place, stop in enumerate(each.stops):
        shown, best = _stop(stop), stop.best
        leg = each.legs[place - 1] if place else None
        metres = None if leg is None else leg.metres
        speed = None if leg is None else leg.speed
        why = [
            f"{conflict.why} (stop {conflict.first + 1})"
            for conflict in each.conflicts
            if conflict.second == place
        ]
        yield [
            str(number),
            str(place + 1),
            stop.camera or "unknown",
            shown["first"],
            shown["last"],
            str(len(stop.hits)),
            str(best.number),
            "" if math.isnan(best.similarity) else f"{best.similarity:.4f}",
            "" if leg is None else f"{leg.seconds:.0f}",
            "" if metres is None else f"{metres:.0f}",
            "" if speed is None else f"{3.6 * speed:.0f}",
            "; ".join(why),
        ]


def _print_csv(found: "Journeys") -> None:
    from platefree.data.formula_cells import guarded

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for number, each in enumerate(found.journeys, start=1):
        for row in _rows(each, number):
            camera, why = (printable(guarded(cell)) for cell in (row[2], row[-1]))
            writer.writerow([*row[:2], camera, *row[3:-1], why])


def _print_tables(found: "Journeys") -> None:
    from platefree.cli.tables import plain_table, print_whole

    head = [name.replace("_before", "").replace("_", "/") for name in _COLUMNS[1:]]
    for number, each in enumerate(found.journeys, start=1):
        rows = [row[1:] for row in _rows(each, number)]
        print_whole(plain_table(f"journey {number}", head, rows))
    if not found.journeys:
        out.print("no journey: no hit of known time")
