"""What vehicles of a varied fleet have beyond those of a plain one.

It is drawn from a stream of its own, so a plain vehicle stays what it is.
"""

from dataclasses import dataclass

import numpy as np

from platefree.city.vehicles.cycle_tails import Tail, draw_tail
from platefree.city.vehicles.luggage import Luggage, draw_luggage
from platefree.city.vehicles.plates import Plate, draw_plate
from platefree.city.vehicles.superstructures import Superstructure, draw_superstructure
from platefree.city.vehicles.trims import Trim, draw_trim
from platefree.city.vehicles.wardrobe import Person, draw_crew


@dataclass(frozen=True)
class Variety:
    """The variety of one vehicle.

    Attributes:
        plate: its number plate.
        crew: who sits on a motorcycle, the rider first; nobody on other vehicles.
        luggage: of a motorcycle.
        tail: the rear of a motorcycle.
        load: what a truck carries.
        trim: what is added to a car, van or bus.
        bright: its fork, springs and exhaust are chrome instead of black.
    """

    plate: Plate
    crew: tuple[Person, ...] = ()
    luggage: Luggage | None = None
    tail: Tail | None = None
    load: Superstructure | None = None
    trim: Trim | None = None
    bright: bool = False


def draw_variety(kind: str, seed: int) -> Variety:
    """Draw the variety of a vehicle.

    Args:
        kind: its body type.
        seed: of the vehicle.
    """
    rng = np.random.default_rng([seed, 12])
    plate = draw_plate(rng, small=kind == "motorcycle")
    if kind == "box_truck":
        return Variety(plate, load=draw_superstructure(rng))
    if kind != "motorcycle":
        return Variety(plate, trim=draw_trim(rng, kind))
    crew = draw_crew(rng)
    luggage = draw_luggage(rng, passenger=len(crew) > 1)
    return Variety(plate, crew, luggage, draw_tail(rng), bright=bool(rng.random() < 0.3))
