"""Route: which parts of the query and of a hit made them alike."""

import numpy as np
from fastapi import APIRouter
from PIL import Image

from platefree.data.image_source import TableImages
from platefree.errors import CheckpointError, MismatchError, MissingPackage
from platefree.gallery.small_pictures import picture_of
from platefree.gallery.store import Reading
from platefree.inference.occlusion import CELLS, occlusion
from platefree.service.answer_models import HeatMapAnswer
from platefree.service.callers import Analyst, Here
from platefree.service.refusals import Refused
from platefree.service.request_models import HeatMapRequest
from platefree.service.running_service import Service, about
from platefree.service.search_routes import HERE, refuse_unknown, said_of, table_of, upload_of
from platefree.service.uploads import Upload

routes = APIRouter(prefix="/api", tags=["search"])


@routes.post("/heat-maps")
def heat_map(asked: HeatMapRequest, caller: Analyst, here: Here) -> HeatMapAnswer:
    """Which parts of the query and of a hit made them alike, by covering them one by one."""
    here.take(here.rates.slow, caller.name)
    upload = None if asked.query is None else upload_of(asked.query, caller, here)
    with here.gallery.store.snapshot() as now:
        query, hit = _query(asked, upload, now, here), _small(asked.number, now)
    try:
        here.load_model()
    except (CheckpointError, MismatchError, MissingPackage) as error:
        raise Refused(404, f"no heat map without the model: {error}") from error
    with here.turn():
        found = occlusion(here.gallery.model, query, hit, HERE)
    picture = None if asked.query is None else said_of(asked.query, upload)
    details = about({"number": asked.number, "query": asked.query_number, "picture": picture})
    here.audit.add(caller.name, "heat-map", " ".join(asked.reason.split()), **details)
    return HeatMapAnswer(
        rows=CELLS,
        columns=CELLS,
        query=np.round(found.query.astype(float), 4).tolist(),
        hit=np.round(found.hit.astype(float), 4).tolist(),
        similarity=round(found.similarity, 4),
        how="occlusion",
    )


def _query(
    asked: HeatMapRequest, upload: Upload | None, now: Reading, here: Service
) -> Image.Image:
    if asked.query is None:
        assert asked.query_number is not None  # noqa: S101 - the request has one of them
        return _small(asked.query_number, now)
    return TableImages(table_of([asked.query], [upload], now, here)).read(0)


def _small(number: int, now: Reading) -> Image.Image:
    """The small picture of a stored sighting."""
    refuse_unknown(now, [number])
    (content,) = now.crops(np.array([number], np.int64))
    if not content:
        raise Refused(404, f"the gallery keeps no small picture of sighting {number}")
    return picture_of(content)
