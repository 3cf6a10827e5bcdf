"""Motorcycles of a varied fleet: people in everyday clothes, luggage, and a plate with a text."""

from dataclasses import replace

import numpy as np

from platefree.city.scene import Material, Part, VehicleAsset
from platefree.city.vehicles.crew import Seat, person_mesh
from platefree.city.vehicles.cycle_tails import tail_mesh
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.jackets import jacket_surface
from platefree.city.vehicles.lettering import Corner
from platefree.city.vehicles.luggage import luggage_mesh
from platefree.city.vehicles.meshes import empty_mesh, join
from platefree.city.vehicles.motorcycle import grip_height, machine, mirrors
from platefree.city.vehicles.palette import materials_of
from platefree.city.vehicles.plates import Plate, plate_mesh
from platefree.city.vehicles.shapes import Cycle
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.variety import Variety
from platefree.city.vehicles.vehicle_identity import Identity

_BLACK_METAL = Material((0.03, 0.03, 0.032), 0.4, 0.3)


def build_varied_motorcycle(cycle: Cycle, identity: Identity, variety: Variety) -> VehicleAsset:
    """A motorcycle with everybody and everything on it.

    Args:
        cycle: the model.
        identity: its colors.
        variety: who rides it, and what they carry.
    """
    dyes = Dyes()
    last = len(variety.crew) - 1
    grip = grip_height(cycle)
    people = [
        person_mesh(person, Seat(cycle, grip, number > 0), dyes, painted=number == last)
        for number, person in enumerate(variety.crew)
    ]
    tail = [] if variety.tail is None else [tail_mesh(variety.tail, cycle, dyes)]
    exterior = join(
        [
            machine(cycle),
            mirrors(cycle, identity.rider.mirrors),
            plate_mesh(variety.plate, _plate_corners(cycle, variety.plate), dyes),
            luggage_mesh(variety.luggage, cycle, dyes),
            *tail,
            *people,
        ]
    )
    materials = list(materials_of(identity))
    if not variety.bright:
        materials[Stuff.CHROME] = _BLACK_METAL
    if variety.tail is not None and variety.tail.dark_rims:
        materials[Stuff.RIM] = replace(_BLACK_METAL, part=Part.WHEEL)
    length, width, height = np.ptp(exterior.vertices, axis=0)
    return VehicleAsset(
        exterior=exterior,
        interior=empty_mesh(),
        surface=jacket_surface(people[last], variety.crew[last], identity.dirt),
        materials=(*materials, *dyes.materials()),
        paint=identity.paint,
        size=(float(length), float(width), float(height)),
        tint=identity.tint,
    )


def _plate_corners(cycle: Cycle, plate: Plate) -> tuple[Corner, Corner, Corner]:
    """Lower left, lower right and upper left of the plate on its bracket, seen from behind."""
    x, z = -cycle.wheelbase / 2 - 0.318, 0.565
    half, high = (0.105, 0.078) if len(plate.rows) > 1 else (0.13, 0.045)
    lean = 0.6 * high
    return (x, half, z - high), (x, -half, z - high), (x + lean, half, z + high)
