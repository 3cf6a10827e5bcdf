"""Who drives which kind of vehicle, and how."""

import numpy as np

from platefree.city.scene import VehicleAsset
from platefree.city.world.driving import Motorist
from platefree.city.world.following import Driver

LONG = ("truck", "bus")
"""Types whose vehicles differ so much in length that each is measured."""

_ENDS = {  # metres from the origin to the front and the rear; at least those of every vehicle
    "motorcycle": (1.2, 1.2),
    "hatchback": (2.25, 2.2),
    "sedan": (2.45, 2.5),
    "suv": (2.35, 2.4),
    "mpv": (2.45, 2.45),
    "estate": (2.45, 2.6),
    "van": (2.6, 2.65),
    "pickup": (2.65, 2.9),
}
_SPARE = 0.1  # metres before and behind a measured vehicle


def draw_motorist(
    vehicle_type: str, random: np.random.Generator, long: VehicleAsset | None = None
) -> Motorist:
    """A vehicle on the road and its driver.

    Args:
        vehicle_type: its type.
        random: of the vehicle.
        long: what it looks like, if its type is one of `LONG`.
    """
    front, rear = _ENDS.get(vehicle_type, _ENDS["pickup"])
    if long is not None:
        ahead = long.exterior.vertices[:, 0]
        front, rear = float(ahead.max()) + _SPARE, float(-ahead.min()) + _SPARE
    return Motorist(_driver(vehicle_type, random), front, rear, _beside(vehicle_type, random))


def _driver(vehicle_type: str, random: np.random.Generator) -> Driver:
    if vehicle_type in LONG:
        pace, headway, most = (0.62, 0.80), (1.4, 2.0), (0.8, 1.1)
    elif vehicle_type == "motorcycle":
        pace, headway, most = (0.85, 1.0), (0.9, 1.3), (1.8, 2.4)
    else:
        pace, headway, most = (0.78, 1.0), (1.0, 1.7), (1.3, 2.0)
    return Driver(
        pace=float(random.uniform(*pace)),
        headway=float(random.uniform(*headway)),
        acceleration=float(random.uniform(*most)),
        braking=float(random.uniform(1.8, 2.6)),
        gap=float(random.uniform(1.5, 2.8)),
    )


def _beside(vehicle_type: str, random: np.random.Generator) -> float:
    """Metres to the right of the middle of a lane that a driver keeps to."""
    if vehicle_type == "motorcycle":
        return float(random.uniform(-0.9, 0.9))
    limit = 0.12 if vehicle_type in LONG else 0.3
    return float(np.clip(random.normal(0.0, 0.15), -limit, limit))
