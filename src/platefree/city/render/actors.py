"""Vehicles and scenery made ready for one view: transformed, lit, and drawn into z-buffers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import View, body_to_world
from platefree.city.render.compiled import kernel
from platefree.city.render.masks import covered
from platefree.city.render.raster import Samples, draw, empty_samples
from platefree.city.render.roadside import Scenery
from platefree.city.render.shadows import Shadow, no_shadow, shadow_of
from platefree.city.render.sky import Light
from platefree.city.render.staging import Painted, Place, Shell, finish_of
from platefree.city.scene import Floats, Mesh, PlacedVehicle

FACTOR = 2
"""Samples along a side of a pixel."""

_SHADOW_REACH = 9.0  # metres around a vehicle that its shadow may cover
_BEAM_REACH = 32.0  # metres that its head lamps may light


Throw = Callable[[PlacedVehicle, Floats, Floats, int], Shadow]
"""The shadow of a vehicle, from its vertices in the world, the direction to the light, and how many
cells its longer side has."""


@dataclass(frozen=True, eq=False)
class Actor:
    """A vehicle that matters to a picture.

    Attributes:
        index: in the scene.
        vehicle: what it is.
        points: (v, 3) float32, exterior vertices in the world.
        inner: (u, 3) float32, interior vertices in the world.
        place: where it stands and how it is lit.
        shadow: that it throws.
        seen: whether it may be in the picture, not only its shadow.
    """

    index: int
    vehicle: PlacedVehicle
    points: Floats
    inner: Floats
    place: Place
    shadow: Shadow
    seen: bool


def thrown_shadow(vehicle: PlacedVehicle, points: Floats, light: Floats, cells: int) -> Shadow:
    """The shadow of a vehicle; a `Throw`."""
    return shadow_of(points, vehicle.asset.exterior.triangles, light, cells)


def actor_of(
    index: int,
    vehicle: PlacedVehicle,
    view: View,
    light: Light,
    lamps: Floats,
    throw: Throw = thrown_shadow,
) -> Actor | None:
    """The vehicle made ready, or None if it has no effect on the picture.

    Args:
        index: in the scene.
        vehicle: where it is.
        view: of the picture.
        light: of the picture.
        lamps: (n, 3) float32, street lamps that are lit.
        throw: gives its shadow.
    """
    radius = 0.6 * float(np.hypot(*vehicle.asset.size[:2])) + 0.5
    reach = _BEAM_REACH if light.gloom > 0 and vehicle.lamps > 0 else _SHADOW_REACH
    middle = np.array([*vehicle.position, vehicle.asset.size[2] / 2], np.float32)
    if not may_show(view, middle, radius + reach):
        return None
    seen = may_show(view, middle, radius + vehicle.asset.size[2] / 2)
    rotation, shift = body_to_world(vehicle)
    points = transformed(vehicle.asset.exterior.vertices, rotation, shift)
    inner = transformed(vehicle.asset.interior.vertices, rotation, shift)
    key, color, fill = _key_light(vehicle, light, lamps)
    place = Place(
        float(rotation[0, 0]), float(rotation[1, 0]), float(shift[0]), float(shift[1]),
        key, color, fill, vehicle.lamps, vehicle.brake, vehicle.dirt,
    )  # fmt: skip
    lit = float(color.max()) > 0.02
    cells = 96 if view.width < 200 else 160
    shadow = throw(vehicle, points, key, cells) if lit else no_shadow()
    return Actor(index, vehicle, points, inner, place, shadow, seen)


def may_show(view: View, middle: Floats, radius: float) -> bool:
    """Whether a ball may be in the picture."""
    x, y, depth = view.rotation @ (middle - view.position)
    if depth < -radius:
        return False
    left, right = -view.centre_x / view.focal_x, (view.width - view.centre_x) / view.focal_x
    top, bottom = -view.centre_y / view.focal_y, (view.height - view.centre_y) / view.focal_y
    gaps = [
        (x - right * depth) / np.hypot(1, right),
        (left * depth - x) / np.hypot(1, left),
        (y - bottom * depth) / np.hypot(1, bottom),
        (top * depth - y) / np.hypot(1, top),
    ]
    return bool(max(gaps) < radius)


def _key_light(
    vehicle: PlacedVehicle, light: Light, lamps: Floats
) -> tuple[Floats, Floats, Floats]:
    """Direction and color of the strongest light on a vehicle, and that of lamps all around."""
    nothing = np.zeros(3, np.float32)
    if not len(lamps):
        return light.sun, light.sun_color, nothing
    away = lamps - np.array([*vehicle.position, 0.8], np.float32)
    square = (away**2).sum(axis=1)
    strength = 1 / square
    best = int(strength.argmax())
    fill = light.lamp * np.float32(0.22 * (strength.sum() - 0.4 * strength[best]))
    color = light.lamp * np.float32(strength[best])
    if float(color.sum()) * 1.5 < float(light.sun_color.sum()):
        return light.sun, light.sun_color, fill + 0.3 * color
    return (away[best] / np.sqrt(square[best])).astype(np.float32), color, fill


def painted(actor: Actor, shells: tuple[Shell, Shell]) -> Painted:
    """A vehicle ready to be shaded, from its exterior and its interior."""
    return Painted(*shells, finish_of(actor.vehicle.asset), actor.place, actor.shadow)


def scenery_shadow(
    scenery: Scenery, light: Light, window: tuple[float, float, float, float] | None, width: int
) -> Shadow:
    """What the scenery throws on the ground that a picture of so many pixels across shows."""
    if float(light.sun_color.max()) < 0.02 or window is None:
        return no_shadow()
    cells = 160 if width <= 400 else 400
    return shadow_of(scenery.vertices, scenery.triangles, light.sun, cells, window)


@kernel
def _transform(points, rotation, shift, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for n in range(3):
            out[i, n] = rotation[n, 0] * x + rotation[n, 1] * y + rotation[n, 2] * z + shift[n]


def transformed(points: Floats, rotation: Floats, shift: Floats) -> Floats:
    """(n, 3) points, turned and moved."""
    out = np.empty_like(points)
    _transform(points, rotation, shift, out)
    return out


def to_camera_space(points: Floats, view: View) -> Floats:
    """(n, 3) world points, right, down and forward of a camera."""
    return transformed(points, view.rotation, -view.rotation @ view.position)


def draw_all(
    view: View, actors: list[Actor], factor: int = FACTOR, outside: Samples | None = None
) -> tuple[Samples, Samples, list[tuple[Shell, Shell]], NDArray[np.bool_]]:
    """Exteriors, interiors, what to shade of each vehicle, and the first one's silhouette.

    Args:
        view: of the z-buffers.
        actors: the vehicles.
        factor: samples along a side of a pixel.
        outside: what stands there already, written in place; by default nothing does.
    """
    outside = outside or empty_samples(view.height, view.width)
    inside = empty_samples(view.height, view.width)
    shells: list[tuple[Shell, Shell]] = []
    first, first_inner = 0, 0
    silhouette = np.zeros((view.height // factor, view.width // factor), np.bool_)
    for actor in actors:
        asset = actor.vehicle.asset
        shell = _shell(asset.exterior, to_camera_space(actor.points, view), first)
        inner = _shell(asset.interior, to_camera_space(actor.inner, view), first_inner)
        draw(outside, view, shell.points, shell.triangles, first)
        if not shells:
            silhouette = covered(outside.triangle, factor)
        if len(inner.triangles):
            draw(inside, view, inner.points, inner.triangles, first_inner)
        first += len(shell.triangles)
        first_inner += len(inner.triangles)
        shells.append((shell, inner))
    return outside, inside, shells, silhouette


def _shell(mesh: Mesh, points: Floats, first: int) -> Shell:
    return Shell(
        points, mesh.vertices, mesh.normals, mesh.occlusion, mesh.triangles, mesh.material, first
    )


@kernel
def _bounds(points, low, high):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Limits of x / depth and y / depth; false if something is too near."""
    for i in range(len(points)):
        if points[i, 2] < 0.25:
            return False
        for n in range(2):
            ratio = points[i, n] / points[i, 2]
            low[n], high[n] = min(low[n], ratio), max(high[n], ratio)
    return True


def window_of(points: Floats, view: View) -> tuple[int, int, int, int]:
    """Rows and columns (first, end) that a mesh may cover."""
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    if not _bounds(points, low, high):
        return 0, view.height, 0, view.width
    left, top = view.centre_x + view.focal_x * low[0], view.centre_y + view.focal_y * low[1]
    right, bottom = view.centre_x + view.focal_x * high[0], view.centre_y + view.focal_y * high[1]
    return (
        max(int(top), 0), min(int(bottom) + 2, view.height),
        max(int(left), 0), min(int(right) + 2, view.width),
    )  # fmt: skip
