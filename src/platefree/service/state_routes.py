"""Routes: how the service stands, and where its cameras are."""

from fastapi import APIRouter

from platefree.gallery.camera_distances import CameraWays, PlacedCameras
from platefree.service.callers import Here, Viewer
from platefree.service.state import state_of
from platefree.service.state_models import CameraPlace, CamerasAnswer, CameraWay, StateAnswer

routes = APIRouter(prefix="/api", tags=["service"])


@routes.get("/state")
def state(caller: Viewer, here: Here) -> StateAnswer:
    """Films that are taken in, storage, retention, and the model with its limits in words."""
    del caller
    return state_of(here)


@routes.get("/cameras", tags=["sightings"])
def cameras(caller: Viewer, here: Here) -> CamerasAnswer:
    """The cameras with their places on a map, as far as the service was told (``--cameras``)."""
    del caller
    distances = here.rules.distances
    counts = {each.value: each.count for each in here.choices.now().cameras if each.value}
    places = distances.places if isinstance(distances, PlacedCameras) else {}
    ways = distances.ways if isinstance(distances, CameraWays) else {}
    names = sorted({*counts, *places, *ways})
    return CamerasAnswer(
        cameras=[
            CameraPlace(
                camera=name,
                east=places[name][0] if name in places else None,
                north=places[name][1] if name in places else None,
                sightings=counts.get(name, 0),
            )
            for name in names
        ],
        ways=[
            CameraWay(start=start, end=end, metres=metres)
            for start in sorted(ways)
            for end, metres in sorted(ways[start].items())
            if start < end
        ],
    )
