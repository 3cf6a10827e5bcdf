"""Who draws vehicles and takes pictures: the seam between the plan of a city and its renderer.

The plan knows a vehicle only as an `Order`; a `Studio` turns orders into labels and assets, and
scenes into pictures. The tests plan whole cities with a studio that draws rectangles.
"""

from dataclasses import dataclass
from typing import Protocol

from platefree.city.scene import (
    Bytes,
    CameraModel,
    Conditions,
    Crop,
    Picture,
    PlacedVehicle,
    Scene,
    VehicleAsset,
)

FLEETS = ("plain", "varied")
"""Kinds of vehicles that the city's own studio draws."""


@dataclass(frozen=True)
class Order:
    """A vehicle to be drawn; equal orders are the same vehicle.

    Attributes:
        model: index into the studio's models.
        seed: of its identity.
        twin_of: seed of the identity that it is a near-duplicate of; None if there is none.
        after: seeds of the near-duplicates of the same identity that were drawn earlier.
    """

    model: int
    seed: int
    twin_of: int | None = None
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelName:
    """What a vehicle model is called.

    Attributes:
        model: make and model.
        type: body type.
    """

    model: str
    type: str


class Stage(Protocol):
    """A camera that films; light and weather stand still."""

    def take(self, vehicles: tuple[PlacedVehicle, ...], seed: int) -> Picture:
        """The next frame: all vehicles that may be in it, and a seed of its noise."""
        ...


class Studio(Protocol):
    """Draws vehicles and takes pictures; equal arguments give equal results, in any process."""

    def models(self) -> tuple[ModelName, ...]:
        """The vehicle models there are."""
        ...

    def color(self, order: Order) -> str:
        """The name of a vehicle's paint; a near-duplicate has that of its original."""
        ...

    def build(self, order: Order) -> VehicleAsset:
        """Everything that draws a vehicle."""
        ...

    def render(self, scene: Scene, crop: Crop) -> Picture:
        """Take a picture."""
        ...

    def stage(self, camera: CameraModel, conditions: Conditions) -> Stage:
        """Set up a camera that films."""
        ...

    def encode(self, pixels: Bytes, camera: CameraModel) -> bytes:
        """A (h, w, 3) picture as the JPEG file that the camera would send."""
        ...
