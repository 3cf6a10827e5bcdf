"""Routes: what a stored sighting is, its small picture, its whole frame, and the gallery."""

import io
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query, Response
from PIL import Image

from platefree.service.answer_models import GalleryAbout, Health, SightingAnswer
from platefree.service.callers import Here, Viewer
from platefree.service.plate_screen import refuse_unmasked
from platefree.service.refusals import Refused
from platefree.service.running_service import Service
from platefree.service.search_routes import refuse_unknown
from platefree.service.whole_frames import whole_frame
from platefree.types import Embeddings, Sightings

Number = Annotated[int, Path(ge=0, lt=2**63, description="Of a stored sighting.")]

_QUALITY = 85
_KEPT = {"cache-control": "private, max-age=300"}
JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}}
"""What routes of pictures answer, for the description of the API."""

routes = APIRouter(prefix="/api", tags=["sightings"])


@routes.get("/health", tags=["service"])
def health(here: Here) -> Health:
    """Whether the gallery can be read; nobody has to log in for this."""
    with here.gallery.store.snapshot() as now:
        now.has(np.empty(0, np.int64))
    return Health(status="ok", access=here.rules.access)


@routes.get("/gallery")
def gallery(caller: Viewer, here: Here) -> GalleryAbout:
    """What the gallery holds."""
    del caller
    found = here.gallery.info()
    return GalleryAbout(
        created=found.created,
        model=found.model,
        sightings=found.sightings,
        cameras=found.cameras,
        first=found.first,
        last=found.last,
        megabytes=found.megabytes,
        version=found.version,
        retention=found.retention,
        can_search_pictures=here.gallery.card.model_path is not None,
        finds_vehicles=here.finds_vehicles,
        shows_frames=here.shows_frames,
    )


@routes.get("/sightings/{number}")
def sighting(number: Number, caller: Viewer, here: Here) -> SightingAnswer:
    """What is known of a sighting."""
    del caller
    table = row_of(number, here)
    box = table.box[0]
    return SightingAnswer(
        number=number,
        image=table.path(0).name,
        frame=int(table.frame[0]) if table.frame[0] >= 0 else None,
        box=None if np.isnan(box[0]) else box.tolist(),
        labels=table.labels(0),
    )


@routes.get("/sightings/{number}/crop", response_class=Response, responses=JPEG)
def crop(number: Number, caller: Viewer, here: Here) -> Response:
    """The small picture that the gallery keeps of a sighting."""
    del caller
    with here.gallery.store.snapshot() as now:
        refuse_unknown(now, [number])
        (picture,) = now.crops(np.array([number], np.int64))
    if not picture:
        raise Refused(404, f"the gallery keeps no small picture of sighting {number}")
    return Response(picture, media_type="image/jpeg", headers=_KEPT)


@routes.get("/sightings/{number}/frame", response_class=Response, responses=JPEG)
def frame(
    number: Number,
    caller: Viewer,
    here: Here,
    longest: Annotated[int, Query(ge=64, le=4096, description="Longer side in pixels.")] = 1920,
) -> Response:
    """The whole picture or frame that a sighting is on, if its file is still there.

    Plates that the detector finds are masked; without a detector no frame is shown, unless the
    service was started with ``--unmasked-frames``. ``X-Width`` and ``X-Height`` are those of the
    whole picture, in which the box of the sighting is.
    """
    refuse_unmasked(here)
    stored = stored_of(number, here)
    with here.turn():
        picture = whole_frame(stored, here)
        width, height = picture.size
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3.0)
    here.audit.add(caller.name, "frame", number=number)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    size = {"x-width": str(width), "x-height": str(height)}
    return Response(file.getvalue(), media_type="image/jpeg", headers=size)


def row_of(number: int, here: Service) -> Sightings:
    """What is known of a stored sighting, as a table of one row; as `stored_of`."""
    return stored_of(number, here).sightings


def stored_of(number: int, here: Service) -> Embeddings:
    """A stored sighting, as a table of one row.

    Raises:
        Refused: there is none of this number.
    """
    with here.gallery.store.snapshot() as now:
        refuse_unknown(now, [number])
        return now.get(np.array([number], np.int64))
