"""Routes: the track of a sighting, its neighbours, and the seconds of film around it."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Response

from platefree.errors import FilmError
from platefree.gallery.filters import Filter
from platefree.gallery.small_pictures import picture_of
from platefree.gallery.store import Reading, span_of
from platefree.service.answer_models import FilmAnswer, FilmFrameAnswer, TrackAnswer, TrackPoint
from platefree.service.callers import Here, Viewer
from platefree.service.originals import noted_of, original_of
from platefree.service.plate_screen import refuse_unmasked, screened
from platefree.service.refusals import Refused
from platefree.service.sighting_routes import JPEG, Number, row_of, stored_of
from platefree.types import Indices, Sightings, utc_text

_END = np.datetime64("9999-01-01", "ms")
_QUALITY = 85

Seconds = Annotated[float, Query(ge=1, le=60, description="Of the film, half of them before.")]

routes = APIRouter(prefix="/api", tags=["sightings"])


@routes.get("/sightings/{number}/track")
def track(number: Number, caller: Viewer, here: Here) -> TrackAnswer:
    """The track of a sighting: where and when the vehicle was seen, and what came before and after.

    Where and whither it went is known of films that 'platefree ingest' took in.
    """
    del caller
    row = row_of(number, here)
    labels, (film, passed) = row.labels(0), noted_of(row, here)
    with here.gallery.store.snapshot() as now:
        numbers = _of_track(number, row, now)
        first, last = span_of(now.get(numbers).sightings.time)
        before, after = _beside(number, row, now)
    return TrackAnswer(
        number=number,
        track=labels.get("track", ""),
        camera=labels.get("camera", ""),
        type=labels.get("type", ""),
        first=passed.first if passed is not None and passed.first else utc_text(first),
        last=passed.last if passed is not None and passed.last else utc_text(last),
        direction=None if passed is None else passed.direction,
        path=[] if passed is None else [_point(each) for each in passed.path],
        film="" if film is None else Path(film.path).name,
        first_second=None if passed is None else passed.first_second,
        last_second=None if passed is None else passed.last_second,
        numbers=numbers.tolist(),
        before=before,
        after=after,
    )


@routes.get("/sightings/{number}/film")
def film(number: Number, caller: Viewer, here: Here, seconds: Seconds = 8.0) -> FilmAnswer:
    """The seconds of film around a sighting, if the film is still there: times of pictures.

    The pictures are fetched one by one, by whoever asked for this.
    """
    refuse_unmasked(here)
    stored = stored_of(number, here)
    row = stored.sightings
    if row.frame[0] < 0:
        raise Refused(404, f"sighting {number} is of a picture, so there is no film of it")
    place = original_of(stored, here)
    here.take(here.rates.slow, caller.name)
    try:
        part = here.films.read(caller.name, number, place, int(row.frame[0]), seconds)
    except FilmError as error:
        raise Refused(404, str(error)) from error
    here.audit.add(caller.name, "film", number=number, seconds=seconds)
    start = row.time[0] - np.timedelta64(round(part.second * 1000), "ms")
    frames = [
        FilmFrameAnswer(
            frame=each.frame,
            second=round(each.second, 3),
            time=utc_text(start + np.timedelta64(round(each.second * 1000), "ms")),
        )
        for each in part.pictures
    ]
    return FilmAnswer(
        number=number,
        film=place.name,
        second=round(part.second, 3),
        width=part.width,
        height=part.height,
        frames=frames,
    )


@routes.get("/sightings/{number}/film/{frame}", response_class=Response, responses=JPEG)
def film_frame(number: Number, frame: Number, caller: Viewer, here: Here) -> Response:
    """A picture of the film around a sighting, with masked plates; ask for the film first."""
    refuse_unmasked(here)
    row_of(number, here)  # what was forgotten meanwhile is not shown
    found = here.films.picture(caller.name, number, frame)
    if found is None:
        raise Refused(
            404, f"frame {frame} is not kept here: ask for the film around {number} first"
        )
    content = found.jpeg
    if here.detector is not None:
        with here.turn():
            picture = screened(picture_of(content), here)
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=_QUALITY)
        content = file.getvalue()
    return Response(content, media_type="image/jpeg", headers={"cache-control": "no-store"})


def _of_track(number: int, row: Sightings, now: Reading) -> Indices:
    """The sightings of a track by their times; the one itself where no track is known."""
    if not row.track[0]:
        return np.array([number], np.int64)
    track, camera, source = (str(each[0]) for each in (row.track, row.camera, row.source))
    return now.latest(Filter(tracks=[track], cameras=[camera], sources=[source]))[::-1]


def _beside(number: int, row: Sightings, now: Reading) -> tuple[int | None, int | None]:
    """The sightings of the same camera before and after one; None where there is none."""
    if not row.camera[0] or np.isnat(row.time[0]):
        return None, None
    numbers = now.latest(Filter(cameras=[str(row.camera[0])]).captured(None, _END))
    (places,) = np.nonzero(numbers == number)
    if not len(places):  # forgotten meanwhile
        return None, None
    place = int(places[0])
    before = int(numbers[place + 1]) if place + 1 < len(numbers) else None
    return before, int(numbers[place - 1]) if place else None


def _point(values: Sequence[float]) -> TrackPoint:
    second, x, y, side = values
    return TrackPoint(second=second, x=x, y=y, side=side)
