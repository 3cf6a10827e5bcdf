"""Vehicles as the renderer wants them: model, identity, and nothing that depends on a picture."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from platefree.city.scene import Mesh, VehicleAsset
from platefree.city.vehicles.body import Body, build_body
from platefree.city.vehicles.bus import roof_unit
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.fittings import (
    belongings,
    cabin,
    driver,
    in_bed,
    on_roof,
    outside_mirrors,
    spoiler,
)
from platefree.city.vehicles.hauler import Hauler
from platefree.city.vehicles.maps import Canvas
from platefree.city.vehicles.markings import dented, paint_identity
from platefree.city.vehicles.meshes import join, mirrored, moved
from platefree.city.vehicles.models import VehicleModel
from platefree.city.vehicles.motorcycle import build_motorcycle
from platefree.city.vehicles.palette import materials_of
from platefree.city.vehicles.shapes import BodyShape
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.surface import paint_body
from platefree.city.vehicles.trims import trim_mesh
from platefree.city.vehicles.truck import LoadBox, box_mesh, chassis, load_box, paint_box
from platefree.city.vehicles.varied_motorcycle import build_varied_motorcycle
from platefree.city.vehicles.vehicle_identity import Identity
from platefree.city.vehicles.wells import half_width_at, wheel_wells
from platefree.city.vehicles.wheels import wheel

_TYRE_WIDTH = {"van": 0.22, "box_truck": 0.24, "bus": 0.29, "suv": 0.235, "pickup": 0.25}


@dataclass(frozen=True, eq=False)
class _Shell:
    """What all vehicles of a model share."""

    body: Body
    fixed: Mesh
    chassis: Mesh | None
    inside: Mesh
    box: LoadBox | None
    box_walls: Mesh | None


@lru_cache(maxsize=128)
def _shell(model: VehicleModel) -> _Shell:
    body = build_body(model.shape)
    if model.shape.bed > 0:
        body = replace(body, mesh=_lined(body.mesh, model.shape))
    parts = [
        wheel_wells(body, Stuff.WELL),
        outside_mirrors(model.shape),
        spoiler(body, model.style),
    ]
    place = walls = frame = None
    if model.box[0] > 0:
        place = load_box(model.shape, model.box)
        walls = box_mesh(place)
        frame = chassis(model.shape, place)
    if model.kind == "bus":
        parts.append(roof_unit(body, model.style))
    return _Shell(body, join(parts), frame, cabin(body, model.style), place, walls)


def _lined(mesh: Mesh, shape: BodyShape) -> Mesh:
    """The inside of a load bed in plastic: the maps show the tail gate there."""
    x, y, z = mesh.vertices[mesh.triangles].mean(axis=1).T
    normal = mesh.normals[mesh.triangles].mean(axis=1)
    low = shape.rear_x + 0.05
    inside = (x > low) & (x < low + shape.bed + 0.06) & (np.abs(y) < shape.half_width - 0.09)
    inside &= (z > shape.bed_floor - 0.06) & (z < shape.deck_z + 0.04)
    # What looks up at the rim stays painted.
    inside &= (normal[:, 2] < 0.75) | (z < shape.bed_floor + 0.05)
    return replace(mesh, material=np.where(inside, np.int16(Stuff.LINER), mesh.material))


@lru_cache(maxsize=16)
def _painted(model: VehicleModel) -> Canvas:
    """The maps all vehicles of a model start from; large, so only a few are kept."""
    shell = _shell(model)
    whole = shell.body.mesh if shell.box_walls is None else join([shell.body.mesh, shell.box_walls])
    return paint_body(shell.body, model.style, whole)


@lru_cache(maxsize=64)
def _wheel(radius: float, width: float, family: int, cap_missing: bool) -> Mesh:
    return wheel(
        radius, width, family, Stuff.TYRE, Stuff.RIM, Stuff.WHEEL_DARK, cap_missing=cap_missing
    )


def _wheels(model: VehicleModel, body: Body, identity: Identity) -> list[Mesh]:
    shape = model.shape
    width = _TYRE_WIDTH.get(model.kind, 0.21)
    parts = []
    for axle_number, axle in enumerate(shape.axles):
        outer = (
            half_width_at(body, axle, shape.wheel_radius + shape.arch_radius + 0.02)
            or shape.half_width - 0.05
        )
        if axle < shape.rear_x:
            outer = shape.half_width + 0.02
        y = outer - width / 2 - 0.022
        for side in range(2):
            bare = identity.missing_cap == 2 * axle_number + side and model.style.wheel == 5
            one = _wheel(shape.wheel_radius, width, model.style.wheel, bare)
            one = moved(one, axle, y, shape.wheel_radius)
            parts.append(one if side == 0 else mirrored(one))
    return parts


def build_vehicle(model: VehicleModel, identity: Identity) -> VehicleAsset:
    """Everything that draws one vehicle.

    Args:
        model: what it is.
        identity: which one it is.

    Returns:
        The same bytes for the same arguments.
    """
    variety = identity.variety
    if model.cycle is not None:
        if variety is not None:
            return build_varied_motorcycle(model.cycle, identity, variety)
        return build_motorcycle(model.cycle, identity)
    shell = _shell(model)
    body = shell.body
    canvas = _painted(model).copied()
    paint_identity(canvas, body, model.style, identity)
    dyes = Dyes()
    outside = [dented(body.mesh, body, identity), shell.fixed]
    hauled = variety is not None and variety.load is not None
    if shell.chassis is not None and not hauled:
        outside.append(shell.chassis)
    outside += _wheels(model, body, identity)
    outside += [on_roof(body, model.style, identity), in_bed(body, identity)]
    if shell.box is not None and shell.box_walls is not None and not hauled:
        paint_box(canvas, shell.box, identity)
        outside.append(shell.box_walls)
    if variety is not None and variety.trim is not None:
        outside.append(trim_mesh(variety.trim, body, model.style, dyes))
    inside = [shell.inside, belongings(body, identity)]
    if identity.driver:
        inside.append(driver(body, model.style, identity.rider.build))
    exterior, interior, surface = join(outside), join(inside), canvas.surface()
    if variety is not None and variety.load is not None:
        hauler = Hauler(body.shape, variety.load, variety.plate, dyes)
        exterior, interior, surface = hauler.behind(exterior, interior, surface)
    length, width, height = np.ptp(exterior.vertices, axis=0)
    return VehicleAsset(
        exterior=exterior,
        interior=interior,
        surface=surface,
        materials=(*materials_of(identity), *dyes.materials()),
        paint=identity.paint,
        size=(float(length), float(width), float(height)),
        tint=identity.tint,
    )
