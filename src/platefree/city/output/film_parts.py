"""A part of a film: its frames, its truth, and the best picture of each track, in one folder."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from platefree.city.film_plan import FilmPart, FilmPlan, Take
from platefree.city.optics import full_frame, view_of
from platefree.city.output.film_coding import coded
from platefree.city.output.frame_labels import OnScene, label_scene
from platefree.city.output.label_files import Box
from platefree.city.render.actors import may_show
from platefree.city.scene import Bytes, PlacedVehicle, Scene, VehicleAsset
from platefree.city.studio import Stage, Studio
from platefree.city.world.streams import Purpose, draw_seed, stream
from platefree.city.world.trips import Seen
from platefree.inputs.documents import read_unicode
from platefree.inputs.plain_files import GB, Expected
from platefree.storage.files import Utf8, atomic_folder, new_file

PARTS = "parts"
"""The folder of all parts, while films are rendered."""

FILM, TRUTH, BEST = "film.mp4", "truth.csv", "best.csv"
"""The files of a part, besides a picture of each track."""

_VEHICLES = 64  # that a process keeps; each takes about 10 MB
_SHADED, _LIT = 20.0, 44.0  # metres around a vehicle, without and with its lamps
_MARGIN = 0.04  # of a box, around the picture of a track
_LEAST_SEEN = 0.7  # fraction of a vehicle in the picture of its track
_SMALLEST = 32  # pixels, of the longer side of such a picture
_TRUTH = Expected("the truth of a part of a film", GB)


class TruthRow(NamedTuple):
    """A vehicle on a frame.

    Attributes:
        frame: number of the frame in the film, from 0.
        track: number of the track, from 0.
        box: around its outline within the frame.
        hidden: fraction that is not to be seen.
        doubtful: whether too much is hidden, or it is too small.
        plate: around the visible pixels of its plate; of no area if there are none.
    """

    frame: int
    track: int
    box: Box
    hidden: float
    doubtful: bool
    plate: Box


class BestRow(NamedTuple):
    """The best picture of a track in a part.

    Attributes:
        track: number of the track.
        score: higher is better.
        frame: that it was cut from.
    """

    track: int
    score: float
    frame: int


@dataclass
class _Best:
    row: BestRow
    pixels: Bytes


class FilmRoom:
    """Makes parts one after the other.

    Args:
        out: folder of the films.
        studio: who draws.
        plan: of the films.
    """

    def __init__(self, out: Path, studio: Studio, plan: FilmPlan) -> None:
        self._out, self._studio, self._plan = out, studio, plan
        self._build = lru_cache(maxsize=_VEHICLES)(self._asset)
        self._stage = lru_cache(maxsize=1)(self._set_up)

    def make(self, part: FilmPart) -> int:
        """Render a part and commit it; returns how many frames it holds.

        Raises:
            StorageError: it cannot be written.
        """
        settings, best = self._plan.settings, dict[int, _Best]()
        rows: list[TruthRow] = []
        frames = self._frames(part, rows, best)
        film = coded(frames, settings.rate, (settings.width, settings.height))
        camera = self._plan.takes[part.camera].site.camera
        with atomic_folder(self._out / PARTS / part.name) as folder:
            with new_file(folder / FILM) as file:
                file.write(film)
            with new_file(folder / TRUTH) as file:
                writer = csv.writer(Utf8(file), lineterminator="\n")
                for row in rows:
                    doubtful = int(row.doubtful)
                    writer.writerow(
                        [row.frame, row.track, *row.box, row.hidden, doubtful, *row.plate]
                    )
            with new_file(folder / BEST) as file:
                writer = csv.writer(Utf8(file), lineterminator="\n")
                writer.writerows(best[track].row for track in sorted(best))
            for track, each in best.items():
                with new_file(folder / picture_name(track)) as file:
                    file.write(self._studio.encode(each.pixels, camera))
        return part.frames

    def vehicles_on(self, camera: int, frame: int) -> tuple[PlacedVehicle, ...]:
        """The vehicles that may be seen on a frame of a film."""
        return self._placed(self._plan.takes[camera], frame)[1]

    def _asset(self, vehicle: int) -> VehicleAsset:
        return self._studio.build(self._plan.fleet[vehicle].order)

    def _set_up(self, camera: int) -> Stage:
        take = self._plan.takes[camera]
        return self._studio.stage(take.site.camera, take.conditions)

    def _frames(
        self, part: FilmPart, rows: list[TruthRow], best: dict[int, _Best]
    ) -> Iterator[Bytes]:
        """The pictures of a part; fills in its truth."""
        take, stage = self._plan.takes[part.camera], self._stage(part.camera)
        for frame in range(part.start, part.start + part.frames):
            tracks, vehicles = self._placed(take, frame)
            random = stream(Purpose.SHOT, self._plan.settings.seed, part.camera, frame)
            picture = stage.take(vehicles, draw_seed(random))
            scene = Scene(take.site.camera, take.conditions, vehicles)
            for found in label_scene(scene, picture):
                track = tracks[found.number]
                rows.append(
                    TruthRow(frame, track, found.box, found.hidden, found.doubtful, found.plate)
                )
                _keep_better(best, track, frame, found, picture.pixels)
            yield picture.pixels

    def _placed(self, take: Take, frame: int) -> tuple[list[int], tuple[PlacedVehicle, ...]]:
        """The tracks on a frame, and their vehicles."""
        step = self._plan.step(frame)
        tracks, placed = [], []
        for track, passage in enumerate(take.passages):
            seen = passage.at(step)
            vehicle = passage.vehicle
            if seen is None or not self._matters(take, seen, vehicle):
                continue
            tracks.append(track)
            placed.append(
                PlacedVehicle(
                    self._build(vehicle),
                    (seen.x, seen.y),
                    seen.heading,
                    self._plan.lamps[vehicle],
                    float(seen.braking),
                    self._plan.dirt[vehicle],
                )
            )
        return tracks, tuple(placed)

    def _matters(self, take: Take, seen: Seen, vehicle: int) -> bool:
        """Whether a vehicle, its shadow or its beams may be seen; the others are never built."""
        camera = take.site.camera
        reach = _LIT if self._plan.lamps[vehicle] else _SHADED
        middle = np.array([seen.x, seen.y, 1.5], np.float32)
        return may_show(view_of(camera, full_frame(camera)), middle, reach)


def picture_name(track: int) -> str:
    """The file of the best picture of a track in a part."""
    return f"{track:05d}.jpg"


def read_truth(folder: Path) -> list[TruthRow]:
    """The truth of a finished part.

    Raises:
        DataError: it cannot be read.
    """
    rows = []
    for line in read_unicode(folder / TRUTH, _TRUTH).splitlines():
        cells = line.split(",")
        frame, track, *edges = (int(cell) for cell in (*cells[:6], *cells[7:]))
        rows.append(
            TruthRow(
                frame,
                track,
                (edges[0], edges[1], edges[2], edges[3]),
                float(cells[6]),
                bool(edges[4]),
                (edges[5], edges[6], edges[7], edges[8]),
            )
        )
    return rows


def read_best(folder: Path) -> list[BestRow]:
    """The best pictures of a finished part.

    Raises:
        DataError: they cannot be read.
    """
    cells = [line.split(",") for line in read_unicode(folder / BEST, _TRUTH).splitlines()]
    return [BestRow(int(track), float(score), int(frame)) for track, score, frame in cells]


def _keep_better(
    best: dict[int, _Best], track: int, frame: int, found: OnScene, pixels: Bytes
) -> None:
    """Keep the picture of a track if it is large, and better than what there is."""
    left, top, right, bottom = found.box
    width, height = right - left, bottom - top
    if max(width, height) < _SMALLEST or 1 - found.hidden < _LEAST_SEEN:
        return
    score = round((1 - found.hidden) ** 2 * (width * height) ** 0.5, 3)
    if track in best and best[track].row.score >= score:
        return
    across, down = round(_MARGIN * width), round(_MARGIN * height)
    rows = slice(max(top - down, 0), bottom + down)
    columns = slice(max(left - across, 0), right + across)
    best[track] = _Best(BestRow(track, score, frame), pixels[rows, columns].copy())
