"""A scene to a picture with labels: the one path for crops and full frames.

Samples are four to a pixel for vehicles and scenery and one for the ground behind them. The same
scene and crop give the same picture in every process: all randomness comes from seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import View, body_to_world, mirrored, project, scaled, view_of
from platefree.city.render.backdrop import props_of, shade_props
from platefree.city.render.compiled import kernel
from platefree.city.render.footprint import mark_ground
from platefree.city.render.ground import ground_under, seen_ground, shade_ground
from platefree.city.render.masks import covered, vote
from platefree.city.render.raster import Samples, draw, empty_samples
from platefree.city.render.road import road_of
from platefree.city.render.roadside import Scenery, scenery_of
from platefree.city.render.sensor import add_bloom, add_rain, develop, smear
from platefree.city.render.shading import shade_vehicle
from platefree.city.render.shadows import Shadow, no_shadow, shadow_of
from platefree.city.render.sky import Light, light_of
from platefree.city.render.staging import (
    Layer,
    Painted,
    Place,
    Setting,
    Shell,
    empty_layer,
    finish_of,
)
from platefree.city.render.textures import noise_tile
from platefree.city.scene import Crop, Floats, Mesh, Picture, PlacedVehicle, Scene

_FACTOR = 2  # samples along a side of a pixel
_SHADOW_REACH = 9.0  # metres around a vehicle that its shadow may cover
_BEAM_REACH = 32.0  # metres that its head lamps may light


@dataclass(frozen=True, eq=False)
class _Actor:
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


def render(scene: Scene, crop: Crop) -> Picture:
    """Take a picture.

    Args:
        scene: what there is.
        crop: which window of the camera's frame, and how large.
    """
    view = view_of(scene.camera, crop)
    light, scenery = light_of(scene.conditions), scenery_of(scene.camera)
    around = ground_under(view)
    lamps = scenery.lamps if light.gloom > 0 else scenery.lamps[:0]
    actors = [
        actor
        for index, vehicle in enumerate(scene.vehicles)
        if (actor := _actor(index, vehicle, view, light, lamps)) is not None
    ]
    shade = _scenery_shadow(scenery, light, seen_ground(around), view.width)
    shots = _Shots(scene, view, light, scenery, shade, actors)
    for actor in actors:
        mark_ground(around, actor.vehicle.asset, actor.place, actor.shadow, light)
    rest, subject, moved = shots.layers(lamps)
    reflections = shots.reflections() if light.wet > 0 else np.zeros((1, 1, 4), np.float32)
    radiance = shade_ground(
        view, road_of(scene.camera), light, around, shade, lamps, reflections, rest.weight
    )
    _over(radiance, rest)
    if subject is not None:
        _over(radiance, smear(subject, *moved))
    random = np.random.default_rng([scene.seed, 4])
    if light.wet > 0:
        add_rain(radiance, light.fog, random)
    if light.gloom > 0.05 or light.wet > 0:
        add_bloom(radiance, light.exposure)
    jitter = float(np.exp(random.normal(0, 0.07)))  # automatic exposure varies a little
    pixels = develop(
        radiance, scene.camera, (crop.width, crop.height), light.exposure * jitter, light.gloom,
        random,
    )  # fmt: skip
    vehicle, part = vote(shots.outside.triangle, shots.parts, shots.ends, _FACTOR)
    return Picture(pixels, shots.named(vehicle), part, shots.silhouette)


class _Shots:
    """The z-buffers of one picture and what is shaded from them."""

    def __init__(
        self, scene: Scene, view: View, light: Light, scenery: Scenery, shade: Shadow,
        actors: list[_Actor],
    ) -> None:  # fmt: skip
        self._scene, self._view, self._light, self._shade = scene, view, light, shade
        self._actors = [actor for actor in actors if actor.seen]
        self._fine = scaled(view, _FACTOR)
        self._noise = noise_tile(3, 24.0)
        self.outside, self._inside, self._shells, first_drawn = _draw_all(self._fine, self._actors)
        subject = bool(self._actors) and self._actors[0].index == 0
        self.silhouette = first_drawn if subject else np.zeros_like(first_drawn)
        self.ends = np.array([s.first + len(s.triangles) for s, _ in self._shells], np.int64)
        first = int(self.ends[-1]) if len(self.ends) else 0
        points = _to_camera(scenery.vertices, self._fine)
        draw(self.outside, self._fine, points, scenery.triangles, first)
        self._props = props_of(scenery, points, first)
        self.parts = np.zeros(self.outside.triangle.shape, np.uint8)

    def layers(self, lamps: Floats) -> tuple[Layer, Layer | None, tuple[float, float]]:
        """Everything but the ground; the subject apart if it moves, and by how many pixels."""
        shift = self._motion()
        rest, subject = empty_layer(self._view.height, self._view.width), None
        if abs(shift[0]) + abs(shift[1]) > 0.8 and self.silhouette.any():
            subject = empty_layer(self._view.height, self._view.width)
        for actor, shells in zip(self._actors, self._shells, strict=True):
            layer = subject if subject is not None and actor.index == 0 else rest
            self._shade_one(actor, shells, layer)
        setting = self._setting(self._fine, _FACTOR)
        shade_props(self.outside, self._props, setting, lamps, rest)
        return rest, subject, shift

    def _shade_one(self, actor: _Actor, shells: tuple[Shell, Shell], layer: Layer) -> None:
        window = _window(shells[0].points, self._fine)
        shade_vehicle(
            (self.outside, self._inside), _painted(actor, shells),
            self._setting(self._fine, _FACTOR), window, layer, self.parts,
        )  # fmt: skip

    def _setting(self, view: View, factor: int) -> Setting:
        return Setting(self._light, self._shade, self._noise, view, factor)

    def _motion(self) -> tuple[float, float]:
        """Pixels that the subject moves while the shutter is open."""
        if not self._scene.vehicles or not any(self._scene.motion):
            return 0.0, 0.0
        here = np.array([*self._scene.vehicles[0].position, 0.7], np.float32)
        there = here + np.array([*self._scene.motion, 0.0], np.float32)
        start, end = project(self._view, np.stack([here, there]))
        return float(end[0] - start[0]), float(end[1] - start[1])

    def reflections(self) -> Floats:
        """(h, w, 4) premultiplied reflection of the vehicles in the wet ground."""
        view = mirrored(self._view)
        outside, inside, shells, _ = _draw_all(view, self._actors, 1)
        layer = empty_layer(view.height, view.width)
        parts = np.zeros((view.height, view.width), np.uint8)
        for actor, pair in zip(self._actors, shells, strict=True):
            shade_vehicle(
                (outside, inside), _painted(actor, pair), self._setting(view, 1),
                _window(pair[0].points, view), layer, parts,
            )  # fmt: skip
        both = np.concatenate([layer.color, layer.weight[:, :, None]], axis=2)
        out = np.empty_like(both)
        _streak(both, max(1, view.height // 40), out)
        return out

    def named(self, vehicle: NDArray[np.int16]) -> NDArray[np.int16]:
        """Indices among the drawn vehicles as indices in the scene."""
        names = np.array([actor.index for actor in self._actors] + [-1], np.int16)
        return names[vehicle]


def _painted(actor: _Actor, shells: tuple[Shell, Shell]) -> Painted:
    return Painted(*shells, finish_of(actor.vehicle.asset), actor.place, actor.shadow)


def _actor(
    index: int, vehicle: PlacedVehicle, view: View, light: Light, lamps: Floats
) -> _Actor | None:
    """The vehicle made ready, or None if it has no effect on the picture."""
    radius = 0.6 * float(np.hypot(*vehicle.asset.size[:2])) + 0.5
    reach = _BEAM_REACH if light.gloom > 0 and vehicle.lamps > 0 else _SHADOW_REACH
    middle = np.array([*vehicle.position, vehicle.asset.size[2] / 2], np.float32)
    if not _near(view, middle, radius + reach):
        return None
    seen = _near(view, middle, radius + vehicle.asset.size[2] / 2)
    rotation, shift = body_to_world(vehicle)
    points = _transformed(vehicle.asset.exterior.vertices, rotation, shift)
    inner = _transformed(vehicle.asset.interior.vertices, rotation, shift)
    key, color, fill = _key_light(vehicle, light, lamps)
    place = Place(
        float(rotation[0, 0]), float(rotation[1, 0]), float(shift[0]), float(shift[1]),
        key, color, fill, vehicle.lamps, vehicle.brake, vehicle.dirt,
    )  # fmt: skip
    lit = float(color.max()) > 0.02
    cells = 96 if view.width < 200 else 160
    triangles = vehicle.asset.exterior.triangles
    shadow = shadow_of(points, triangles, key, cells) if lit else no_shadow()
    return _Actor(index, vehicle, points, inner, place, shadow, seen)


def _near(view: View, middle: Floats, radius: float) -> bool:
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


def _scenery_shadow(
    scenery: Scenery, light: Light, window: tuple[float, float, float, float] | None, width: int
) -> Shadow:
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


def _transformed(points: Floats, rotation: Floats, shift: Floats) -> Floats:
    out = np.empty_like(points)
    _transform(points, rotation, shift, out)
    return out


def _to_camera(points: Floats, view: View) -> Floats:
    return _transformed(points, view.rotation, -view.rotation @ view.position)


def _draw_all(
    view: View, actors: list[_Actor], factor: int = _FACTOR
) -> tuple[Samples, Samples, list[tuple[Shell, Shell]], NDArray[np.bool_]]:
    """Exteriors, interiors, what to shade of each vehicle, and the first one's silhouette."""
    outside = empty_samples(view.height, view.width)
    inside = empty_samples(view.height, view.width)
    shells: list[tuple[Shell, Shell]] = []
    first, first_inner = 0, 0
    silhouette = np.zeros((view.height // factor, view.width // factor), np.bool_)
    for actor in actors:
        asset = actor.vehicle.asset
        shell = _shell(asset.exterior, _to_camera(actor.points, view), first)
        inner = _shell(asset.interior, _to_camera(actor.inner, view), first_inner)
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


def _window(points: Floats, view: View) -> tuple[int, int, int, int]:
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


@kernel
def _cover_with(radiance, color, weight):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for y in range(weight.shape[0]):
        for x in range(weight.shape[1]):
            fraction = min(weight[y, x], np.float32(1.0))
            if fraction > 0.0:
                for n in range(3):
                    radiance[y, x, n] = radiance[y, x, n] * (1 - fraction) + color[y, x, n]


def _over(radiance: Floats, layer: Layer) -> None:
    """Lay a premultiplied layer over a picture, in place."""
    _cover_with(radiance, layer.color, layer.weight)


@kernel
def _streak(source, reach, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Blur up and down, as a rough wet surface draws reflections out."""
    height, width, channels = source.shape
    scale = np.float32(1.0 / (2 * reach + 1))
    for y in range(height):
        for x in range(width):
            for n in range(channels):
                total = np.float32(0.0)
                for i in range(y - reach, y + reach + 1):
                    total += source[min(max(i, 0), height - 1), x, n]
                out[y, x, n] = total * scale
