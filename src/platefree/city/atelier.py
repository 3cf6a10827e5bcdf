"""The city's own studio: its vehicle models, its renderer, and its JPEG encoder."""

from dataclasses import dataclass

from platefree.city.render.film_stage import FilmStage
from platefree.city.render.renderer import render
from platefree.city.render.sensor import encode_jpeg
from platefree.city.scene import (
    Bytes,
    CameraModel,
    Conditions,
    Crop,
    Picture,
    Scene,
    VehicleAsset,
)
from platefree.city.studio import ModelName, Order
from platefree.city.vehicles.models import MODELS, VehicleModel, varied_models
from platefree.city.vehicles.near_duplicates import draw_near_duplicate
from platefree.city.vehicles.vehicle import build_vehicle
from platefree.city.vehicles.vehicle_identity import (
    Identity,
    draw_identity,
    draw_varied,
    paint_of,
    varied_paint,
)

_TYPES = {"box_truck": "truck"}


@dataclass(frozen=True)
class Atelier:
    """Draws vehicles with `render`.

    Attributes:
        fleet: one of `platefree.city.studio.FLEETS`: *plain* vehicles are of `MODELS`; *varied*
            ones of more models, with everyday clothes, loads and plates.
    """

    fleet: str = "plain"

    def models(self) -> tuple[ModelName, ...]:
        """The vehicle models there are."""
        return tuple(
            ModelName(model.name, _TYPES.get(model.kind, model.kind)) for model in self._models()
        )

    def color(self, order: Order) -> str:
        """The name of a vehicle's paint."""
        seed = order.seed if order.twin_of is None else order.twin_of
        model = self._models()[order.model]
        if self.fleet == "varied":
            return varied_paint(model.kind, seed).name
        return paint_of(model, seed).name

    def build(self, order: Order) -> VehicleAsset:
        """Everything that draws a vehicle."""
        return build_vehicle(self._models()[order.model], self._identity(order))

    def render(self, scene: Scene, crop: Crop) -> Picture:
        """Take a picture."""
        return render(scene, crop)

    def stage(self, camera: CameraModel, conditions: Conditions) -> FilmStage:
        """Set up a camera that films."""
        return FilmStage(camera, conditions)

    def encode(self, pixels: Bytes, camera: CameraModel) -> bytes:
        """A picture as the JPEG file that the camera would send."""
        return encode_jpeg(pixels, camera.jpeg)

    def _models(self) -> tuple[VehicleModel, ...]:
        return MODELS if self.fleet == "plain" else varied_models()

    def _identity(self, order: Order) -> Identity:
        draw = draw_identity if self.fleet == "plain" else draw_varied
        model = self._models()[order.model]
        if order.twin_of is None:
            return draw(model, order.seed)
        group = [draw(model, order.twin_of)]
        for seed in (*order.after, order.seed):
            group.append(draw_near_duplicate(group[0], seed, *group[1:]))
        return group[-1]
