"""The files that describe finished films: their truth, tracks, pictures, cameras and streets.

- ``truth/CAMERA/gt/gt.txt`` is in the format of the MOT Challenge: ``frame, id, left, top, width,
  height, counts, class, visibility``, frames and pixels from 1; ``class`` is a place in
  `platefree.data.frame_boxes.KINDS`, from 1. ``counts`` is 0 where a vehicle is too small or too
  hidden to be asked for.
- ``truth/CAMERA/frame_boxes.csv`` is for detectors, plates included.
"""

import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from platefree.city.film_plan import FilmPart, FilmPlan, Take
from platefree.city.output.film_coding import join_parts
from platefree.city.output.film_parts import (
    FILM,
    PARTS,
    BestRow,
    TruthRow,
    picture_name,
    read_best,
    read_truth,
)
from platefree.city.output.frame_labels import OnScene, boxes_of_labels, kind_of_type
from platefree.city.world.driving import STEP
from platefree.city.world.sites import PlacedCamera
from platefree.data.frame_boxes import KINDS, OnFrame, write_frame_boxes
from platefree.data.table import write_table
from platefree.storage.files import Utf8, atomic_file, link_file, write_text
from platefree.types import Sightings

TRUTH_OF_FILMS, CROPS, TRACKS = "truth", "crops", "tracks.csv"
CAMERAS_OF_FILMS, GRAPH, TABLE_OF_FILMS = "cameras.json", "graph.json", "images.csv"

_TRACK_COLUMNS = (
    *("camera", "track", "vehicle", "type", "class", "first_frame", "last_frame"),
    *("first_time", "last_time", "passed_time", "way"),
)


@dataclass
class _Track:
    """What the films show of a track."""

    first: int
    last: int
    best: tuple[BestRow, FilmPart] | None = None


@dataclass
class FilmCounts:
    """What the films hold.

    Attributes:
        tracks: vehicles seen on a camera's film, each pass counted.
        vehicles: numbers of the different ones.
        boxes: of each class, plates included.
        pictures: rows of the table.
        fingerprint: of the table.
    """

    tracks: int = 0
    vehicles: set[int] = field(default_factory=set)
    boxes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    pictures: int = 0
    fingerprint: str = ""


def finish_films(out: Path, plan: FilmPlan) -> FilmCounts:
    """Join the parts of each film, and write everything that describes them.

    Raises:
        StorageError: a file cannot be written.
    """
    counts = FilmCounts()
    table: dict[str, list[Any]] = {name: [] for name in ("image", *_LABELS, "time")}
    lines: list[list[object]] = []
    for camera, take in enumerate(plan.takes):
        parts = [part for part in plan.parts() if part.camera == camera]
        _write_film(out, plan, take, parts)
        tracks = _write_truth(out, plan, take, parts, counts)
        lines += [_track_line(plan, take, *each) for each in sorted(tracks.items())]
        for number, track in sorted(tracks.items()):
            counts.vehicles.add(take.passages[number].vehicle)
            if track.best is not None:
                _add_row(out, plan, take, number, track.best, table)
        counts.tracks += len(tracks)
    with atomic_file(out / TRACKS) as file:
        writer = csv.writer(Utf8(file), lineterminator="\n")
        writer.writerow(_TRACK_COLUMNS)
        writer.writerows(lines)
    columns: dict[str, Any] = {**table, "time": np.array(table["time"], "datetime64[ms]")}
    sightings = Sightings.from_columns(out, columns)
    write_table(sightings, out / TABLE_OF_FILMS)
    write_text(out / CAMERAS_OF_FILMS, _json([_camera(plan, take) for take in plan.takes]))
    write_text(out / GRAPH, _json(_graph(plan)))
    counts.pictures, counts.fingerprint = len(sightings), sightings.fingerprint()
    return counts


def least_seconds(plan: FilmPlan, start: PlacedCamera, end: PlacedCamera) -> float:
    """The shortest drive from the street before one camera to that before another, seconds.

    Within the speed limits; the way may begin and end in either direction.
    """
    network = plan.network
    if start.street == end.street:
        return abs(start.offset - end.offset) / network.streets[start.street].limit
    first, last = network.streets[start.street], network.streets[end.street]
    leave = {first.start: start.offset, first.end: first.length - start.offset}
    reach = {last.start: end.offset, last.end: last.length - end.offset}
    return min(
        out / first.limit + float(network.seconds[here, there]) + on / last.limit
        for here, out in leave.items()
        for there, on in reach.items()
    )


# --- one film ---------------------------------------------------------------------------------

_LABELS = ("vehicle", "camera", "track", "model", "type", "color")


def _write_film(out: Path, plan: FilmPlan, take: Take, parts: Sequence[FilmPart]) -> None:
    with atomic_file(out / f"{take.site.camera.name}.mp4") as file:
        join_parts(
            [out / PARTS / part.name / FILM for part in parts],
            file,
            rate=plan.settings.rate,
            begun=plan.start + take.clock_ms,
        )


def _write_truth(
    out: Path, plan: FilmPlan, take: Take, parts: Iterable[FilmPart], counts: FilmCounts
) -> dict[int, _Track]:
    """Write the truth of a film; returns its tracks by number."""
    tracks: dict[int, _Track] = {}
    types = [plan.fleet[passage.vehicle].type for passage in take.passages]
    rows: list[TruthRow] = []
    for part in parts:
        truth = read_truth(out / PARTS / part.name)
        rows += truth
        for row in truth:
            track = tracks.setdefault(row.track, _Track(row.frame, row.frame))
            track.last = row.frame
        for best in read_best(out / PARTS / part.name):
            known = tracks[best.track].best
            if known is None or best.score > known[0].score:
                tracks[best.track].best = best, part
    folder = out / TRUTH_OF_FILMS / take.site.camera.name
    write_text(folder / "gt" / "gt.txt", "".join(_mot_line(row, types) for row in rows))
    write_text(folder / "seqinfo.ini", _sequence(plan, take))
    boxes = _boxes(plan.settings.frames, rows, types)
    with atomic_file(folder / "frame_boxes.csv") as file:
        write_frame_boxes(((str(n), each) for n, each in enumerate(boxes)), file)
    for each in (box for some in boxes for box in some if not box.ignore):
        counts.boxes[each.kind] += 1
    return tracks


def _mot_line(row: TruthRow, types: Sequence[str]) -> str:
    left, top, right, bottom = row.box
    kind = KINDS.index(kind_of_type(types[row.track])) + 1
    box = f"{left + 1},{top + 1},{right - left},{bottom - top}"
    seen = f"{1 - row.hidden:.3f}"
    return f"{row.frame + 1},{row.track + 1},{box},{int(not row.doubtful)},{kind},{seen}\n"


def _boxes(frames: int, rows: Iterable[TruthRow], types: Sequence[str]) -> list[list[OnFrame]]:
    """The boxes on each frame."""
    boxes: list[list[OnFrame]] = [[] for _ in range(frames)]
    for row in rows:
        found = OnScene(row.track, row.box, row.hidden, row.plate)
        boxes[row.frame] += boxes_of_labels([found], types)
    return boxes


def _sequence(plan: FilmPlan, take: Take) -> str:
    settings = plan.settings
    return (
        f"[Sequence]\nname={take.site.camera.name}\nimDir=img1\nframeRate={settings.rate}\n"
        f"seqLength={settings.frames}\nimWidth={settings.width}\nimHeight={settings.height}\n"
        "imExt=.jpg\n"
    )


# --- tracks -----------------------------------------------------------------------------------


def _track_line(plan: FilmPlan, take: Take, number: int, track: _Track) -> list[object]:
    passage = take.passages[number]
    vehicle = plan.fleet[passage.vehicle]
    passed = _passing(plan, take, number)
    return [
        take.site.camera.name,
        take.track(number),
        vehicle.name,
        vehicle.type,
        kind_of_type(vehicle.type),
        track.first,
        track.last,
        _text(plan.time(track.first)),
        _text(plan.time(track.last)),
        "" if passed is None else _text(passed),
        "forward" if passage.forward else "back",
    ]


def _passing(plan: FilmPlan, take: Take, number: int) -> int | None:
    """UTC milliseconds when a vehicle passes the place of the camera, if it does."""
    passage = take.passages[number]
    place = take.site.offset if passage.forward else passage.length - take.site.offset
    after = int(np.searchsorted(passage.along, place))
    if not 0 < after < len(passage.along):
        return None
    before, beyond = passage.along[after - 1], passage.along[after]
    step = passage.first + after - 1 + float((place - before) / (beyond - before))
    frame = (step - plan.step(0)) * STEP * plan.settings.rate
    return plan.time(frame)


def _add_row(
    out: Path,
    plan: FilmPlan,
    take: Take,
    number: int,
    best: tuple[BestRow, FilmPart],
    table: dict[str, list[Any]],
) -> None:
    """Keep the best picture of a track, and add it to the table."""
    row, part = best
    vehicle, name = plan.fleet[take.passages[number].vehicle], take.site.camera.name
    image = f"{CROPS}/{name}/{take.track(number)}.jpg"
    target = out / image
    if not target.exists():
        link_file(out / PARTS / part.name / picture_name(number), target)
    values = (vehicle.name, name, take.track(number), vehicle.model, vehicle.type, vehicle.color)
    for column, value in zip(table, (image, *values, plan.time(row.frame)), strict=True):
        table[column].append(value)


# --- cameras and streets ----------------------------------------------------------------------


def _camera(plan: FilmPlan, take: Take) -> dict[str, Any]:
    site, crossing = take.site, take.crossing
    east, north = _on_map(plan, site)
    return {
        **{name: value for name, value in asdict(site.camera).items() if value is not None},
        "film": f"{site.camera.name}.mp4",
        "rate": plan.settings.rate,
        "first_time": _text(plan.start),
        "clock_fast_ms": take.clock_ms,
        "map": [east, north],
        "bearing_degrees": round(math.degrees(site.bearing), 2),
        "street": site.street,
        "offset": round(site.offset, 2),
        "speed_limit": round(plan.network.streets[site.street].limit, 2),
        "mounting": site.mounting,
        "crossing_signal": None if crossing is None else asdict(crossing),
    }


def _graph(plan: FilmPlan) -> dict[str, Any]:
    """The streets, and the least time from each camera to each other one."""
    sites = [take.site for take in plan.takes]
    return {
        "junctions": [[round(x, 1), round(y, 1)] for x, y in plan.network.junctions.tolist()],
        "streets": [asdict(street) for street in plan.network.streets],
        "least_seconds": {
            one.camera.name: {
                other.camera.name: round(least_seconds(plan, one, other), 2)
                for other in sites
                if other is not one
            }
            for one in sites
        },
    }


def _on_map(plan: FilmPlan, site: PlacedCamera) -> tuple[float, float]:
    street = plan.network.streets[site.street]
    start, end = plan.network.junctions[[street.start, street.end]]
    east, north = start + (end - start) * (site.offset / street.length)
    return round(float(east), 1), round(float(north), 1)


def _text(time: int) -> str:
    return f"{np.datetime64(time, 'ms')}Z"


def _json(content: Any) -> str:  # noqa: ANN401
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
