"""Routes: upload a picture, search, and where a vehicle went."""

import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from platefree.data.frame_boxes import KINDS
from platefree.errors import DataError
from platefree.gallery.filters import moment_of
from platefree.gallery.gallery_answer import GalleryAnswer
from platefree.gallery.journeys import Journey, journeys_of
from platefree.gallery.latest_pages import Place, latest_page
from platefree.gallery.query_vehicles import vehicles_on
from platefree.gallery.search import query_picture
from platefree.gallery.store import Reading
from platefree.recipes.post import NONE
from platefree.service.answer_models import (
    ChoicesAnswer,
    ConflictAnswer,
    JourneyAnswer,
    JourneysAnswer,
    LegAnswer,
    SearchAnswer,
    StopAnswer,
    Uploaded,
    Vehicle,
)
from platefree.service.callers import Analyst, Caller, Here, Viewer, must_be
from platefree.service.originals import original_of
from platefree.service.refusals import Refused
from platefree.service.request_models import JourneyRequest, QueryPicture, SearchRequest
from platefree.service.running_service import Service, about
from platefree.service.search_answers import hit_answer, number_of, probable, search_answer
from platefree.service.shield import UPLOADS
from platefree.service.uploads import Upload
from platefree.types import Hit, Sightings, utc_text
from platefree.work import Work

HERE = Work(workers=0)
"""How few pictures are embedded: without processes that load them."""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

routes = APIRouter(prefix="/api", tags=["search"])


@routes.post(UPLOADS.removeprefix("/api"), openapi_extra=_BODY)
async def upload(request: Request, caller: Analyst, here: Here) -> Uploaded:
    """Bring a picture, as the body of the request; it is kept for a while, to be searched with."""
    here.take(here.rates.searches, caller.name)
    content = bytearray()
    async with here.receiving:
        async for part in request.stream():
            content += part
    return await run_in_threadpool(_keep, here, caller, bytes(content))


@routes.post("/search")
def search(asked: SearchRequest, caller: Viewer, here: Here) -> SearchAnswer:
    """Search by pictures, by a stored sighting, or list the latest that meet conditions.

    Whoever may only view may only list.
    """
    if asked.has_query:
        must_be("analyst", caller, here, "search")
    here.take(here.rates.searches, caller.name)
    reason = here.stated(asked.reason)
    with here.turn():
        kept = [upload_of(each, caller, here) for each in asked.pictures]
        found = _found(asked, kept, here) if asked.has_query else _listed(asked, here)
    here.audit.add(caller.name, "search", reason, **_asked(asked, kept, found))
    return found


@routes.get("/choices")
def choices(caller: Viewer, here: Here) -> ChoicesAnswer:
    """What conditions can ask for: cameras, types, colors and views with counts, and the times."""
    del caller
    return here.choices.now()


@routes.post("/journeys")
def journeys(asked: JourneyRequest, caller: Analyst, here: Here) -> JourneysAnswer:
    """Where a vehicle went, if these sightings are all of it, and what of that cannot be."""
    numbers = [each.number for each in asked.hits]
    with here.turn(), here.gallery.store.snapshot() as now:
        refuse_unknown(now, numbers)
        table = now.get(np.array(numbers, np.int64)).sightings
    hits = [
        Hit(
            row + 1,
            math.nan if each.similarity is None else each.similarity,
            table.path(row),
            table.labels(row),
            number=each.number,
        )
        for row, each in enumerate(asked.hits)
    ]
    found = journeys_of(hits, here.rules.distances)
    here.audit.add(caller.name, "journey", " ".join(asked.reason.split()), numbers=numbers)
    return JourneysAnswer(
        journeys=[_journey(each) for each in found.journeys],
        untimed=[number_of(hit) for hit in found.untimed],
    )


def refuse_unknown(now: Reading, numbers: list[int]) -> None:
    """Refuse numbers of which no sighting is stored.

    Raises:
        Refused: one is not.
    """
    if not numbers:
        return
    there = now.has(np.array(numbers, np.int64))
    if not there.all():
        absent = np.array(numbers)[~there][0]
        raise Refused(404, f"no sighting {absent} is stored: it was forgotten, or never there")


def _keep(here: Service, caller: Caller, content: bytes) -> Uploaded:
    kept = here.uploads.keep(caller.name, content)
    vehicles: list[Vehicle] = []
    if here.detector is not None:
        with here.turn():
            found = vehicles_on(here.detector, query_picture(kept.path), 0)
        parts = zip(found.box.tolist(), found.kind.tolist(), found.score.tolist(), strict=True)
        vehicles = [
            Vehicle(box=box, kind=KINDS[kind], score=round(score, 4)) for box, kind, score in parts
        ]
    return Uploaded(
        upload=kept.key,
        sha256=kept.sha256,
        width=kept.decoded.width,
        height=kept.decoded.height,
        vehicles=vehicles,
    )


def upload_of(picture: QueryPicture, caller: Caller, here: Service) -> Upload | None:
    """The upload that a query picture is; None if it is the frame of a sighting.

    Raises:
        NoSuchPicture: this one brought no such picture, or it is kept no longer.
    """
    return None if picture.upload is None else here.uploads.find(caller.name, picture.upload)


def _found(asked: SearchRequest, kept: list[Upload | None], here: Service) -> SearchAnswer:
    said = [*asked.yes, *asked.no]
    with here.gallery.store.snapshot() as now:
        refuse_unknown(now, [*said, *([] if asked.number is None else [asked.number])])
        pictures = table_of(asked.pictures, kept, now, here) if asked.pictures else None
    if pictures is not None:
        here.load_model()
    found = here.gallery.search(
        asked.number if pictures is None else pictures,
        where=asked.where.filter(),
        top=asked.top,
        post=asked.post or NONE,
        feedback=asked.feedback(),
        work=HERE,
    )
    probable_hits = probable(found.hits, asked.p_at_least)
    below = len(found.hits) - len(probable_hits)
    found = replace(found, hits=probable_hits)
    hits = [hit_answer(hit) for hit in found.hits]
    cautions = _named(found.cautions, kept)
    calibrated = here.gallery.calibration() is not None
    return search_answer(found, hits, cautions, calibrated=calibrated, below=below)


def _listed(asked: SearchRequest, here: Service) -> SearchAnswer:
    if asked.yes or asked.no or asked.post not in ("", "none"):
        raise DataError("feedback and steps need a query, and none is given")
    where = asked.where.filter().without_query()
    after = Place.parse(asked.after) if asked.after else None
    began, model = time.perf_counter(), here.gallery.card.model
    found, following = GalleryAnswer([], [], [], model=model), ""
    with here.gallery.store.snapshot() as now:
        if now.version:
            numbers = latest_page(now, where, asked.top, after)
            table = now.get(numbers).sightings
            hits = [
                Hit(row + 1, math.nan, table.path(row), table.labels(row), number=number)
                for row, number in enumerate(numbers.tolist())
            ]
            found = GalleryAnswer(
                *(hits, [], [], now.count(where)),
                model=model,
                version=now.version,
                seconds=time.perf_counter() - began,
                stored=now.count(),
            )
            is_last = len(hits) < asked.top
            following = "" if is_last else str(Place(table.time[-1], int(numbers[-1])))
    shown = [hit_answer(hit) for hit in found.hits]
    calibrated = here.gallery.calibration() is not None
    return search_answer(found, shown, [], calibrated=calibrated, following=following)


def table_of(
    asked: list[QueryPicture], kept: list[Upload | None], now: Reading, here: Service
) -> Sightings:
    """The query pictures: uploads, and boxes on the whole frames of stored sightings.

    Args:
        asked: the pictures.
        kept: the upload that each is; None of a frame.
        now: the gallery.
        here: the service.

    Raises:
        Refused: a sighting is not stored.
        NoOriginal: its picture or film is gone, or another one is in its place.
        DataError: a box is outside of its picture.
    """
    columns: dict[str, list[Any]] = {"image": [], "camera": [], "time": [], "frame": [], "box": []}
    for each, upload in zip(asked, kept, strict=True):
        image, frame = "", -1
        if upload is not None:
            image = str(upload.path)
            _refuse_outside(each, upload)
        elif each.frame_of is not None:
            refuse_unknown(now, [each.frame_of])
            stored = now.get(np.array([each.frame_of], np.int64))
            image, frame = str(original_of(stored, here)), int(stored.sightings.frame[0])
        moment = moment_of(each.time) if each.time else np.datetime64("NaT")
        row = (image, each.camera, moment, frame, each.box or [math.nan] * 4)
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
    return Sightings.from_columns(Path(), columns)


def _refuse_outside(picture: QueryPicture, upload: Upload) -> None:
    width, height = upload.decoded.width, upload.decoded.height
    if picture.box is not None and (picture.box[0] >= width or picture.box[1] >= height):
        raise DataError(f"the box is outside of the picture, which is {width} x {height} pixels")


def _named(cautions: list[str], kept: list[Upload | None]) -> list[str]:
    """Sentences in which an upload is called by its place, not by its file."""
    for place, upload in enumerate(kept, start=1):
        if upload is not None:
            cautions = [
                each.replace(str(upload.path), f"picture {place}").replace(
                    upload.path.name, f"picture {place}"
                )
                for each in cautions
            ]
    return cautions


def said_of(picture: QueryPicture, upload: Upload | None) -> dict[str, Any]:
    """What of a query picture the audit log keeps: an upload by the hash of its file.

    Args:
        picture: that was asked with.
        upload: that it is; None of a frame.
    """
    asked = picture.model_dump(exclude={"upload"})
    return about({**asked, "sha256": None if upload is None else upload.sha256})


def _asked(asked: SearchRequest, kept: list[Upload | None], found: SearchAnswer) -> dict[str, Any]:
    """What of a search the audit log keeps; pictures by the hashes of their files."""
    pictures = [said_of(*each) for each in zip(asked.pictures, kept, strict=True)]
    values = {
        "pictures": pictures,
        "number": asked.number,
        "where": asked.where.said,
        "post": "" if asked.post == "none" else asked.post,
        "yes": asked.yes,
        "no": asked.no,
        "p_at_least": asked.p_at_least,
        "after": asked.after,
    }
    return {**about(values), "top": asked.top, "hits": len(found.hits), "version": found.version}


def _journey(found: Journey) -> JourneyAnswer:
    return JourneyAnswer(
        stops=[
            StopAnswer(
                camera=stop.camera,
                first=utc_text(stop.first),
                last=utc_text(stop.last),
                numbers=[number_of(hit) for hit in stop.hits],
                best=number_of(stop.best),
            )
            for stop in found.stops
        ],
        legs=[LegAnswer(seconds=leg.seconds, metres=leg.metres) for leg in found.legs],
        conflicts=[ConflictAnswer(**asdict(each)) for each in found.conflicts],
    )
