"""A scene to a picture with labels: the one path for crops and full frames.

Samples are four to a pixel for vehicles and scenery and one for the ground behind them. The same
scene and crop give the same picture in every process: all randomness comes from seeds.
"""

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import View, project, scaled, view_of
from platefree.city.render.actors import (
    FACTOR,
    Actor,
    actor_of,
    draw_all,
    painted,
    scenery_shadow,
    to_camera_space,
    window_of,
)
from platefree.city.render.backdrop import props_of, shade_props
from platefree.city.render.footprint import mark_ground
from platefree.city.render.ground import ground_under, seen_ground, shade_ground
from platefree.city.render.layers import lay_over
from platefree.city.render.masks import vote
from platefree.city.render.raster import draw
from platefree.city.render.reflections import reflections_of, streak_of
from platefree.city.render.road import road_of
from platefree.city.render.roadside import Scenery, scenery_of
from platefree.city.render.sensor import add_bloom, add_rain, develop, smear
from platefree.city.render.shading import shade_vehicle
from platefree.city.render.shadows import Shadow
from platefree.city.render.sky import Light, light_of
from platefree.city.render.staging import Layer, Setting, Shell, empty_layer
from platefree.city.render.textures import noise_tile
from platefree.city.scene import Crop, Floats, Picture, Scene


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
        if (actor := actor_of(index, vehicle, view, light, lamps)) is not None
    ]
    shade = scenery_shadow(scenery, light, seen_ground(around), view.width)
    shots = _Shots(scene, view, light, scenery, shade, actors)
    for actor in actors:
        mark_ground(around, actor.vehicle.asset, actor.place, actor.shadow, light)
    rest, subject, moved = shots.layers(lamps)
    reflections = shots.reflections() if light.wet > 0 else np.zeros((1, 1, 4), np.float32)
    radiance = shade_ground(
        view, road_of(scene.camera), light, around, shade, lamps, reflections, rest.weight
    )
    lay_over(radiance, rest)
    if subject is not None:
        lay_over(radiance, smear(subject, *moved))
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
    vehicle, part = vote(shots.outside.triangle, shots.parts, shots.ends, FACTOR)
    return Picture(pixels, shots.named(vehicle), part, shots.silhouette)


class _Shots:
    """The z-buffers of one picture and what is shaded from them."""

    def __init__(
        self, scene: Scene, view: View, light: Light, scenery: Scenery, shade: Shadow,
        actors: list[Actor],
    ) -> None:  # fmt: skip
        self._scene, self._view, self._light, self._shade = scene, view, light, shade
        self._actors = [actor for actor in actors if actor.seen]
        self._fine = scaled(view, FACTOR)
        self._noise = noise_tile(3, 24.0)
        self.outside, self._inside, self._shells, first_drawn = draw_all(self._fine, self._actors)
        subject = bool(self._actors) and self._actors[0].index == 0
        self.silhouette = first_drawn if subject else np.zeros_like(first_drawn)
        self.ends = np.array([s.first + len(s.triangles) for s, _ in self._shells], np.int64)
        first = int(self.ends[-1]) if len(self.ends) else 0
        points = to_camera_space(scenery.vertices, self._fine)
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
        setting = self._setting(self._fine, FACTOR)
        shade_props(self.outside, self._props, setting, lamps, rest)
        return rest, subject, shift

    def _shade_one(self, actor: Actor, shells: tuple[Shell, Shell], layer: Layer) -> None:
        window = window_of(shells[0].points, self._fine)
        shade_vehicle(
            (self.outside, self._inside), painted(actor, shells),
            self._setting(self._fine, FACTOR), window, layer, self.parts,
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
        setting = self._setting(self._view, 1)
        return reflections_of(self._view, self._actors, setting, streak_of(self._view.height))

    def named(self, vehicle: NDArray[np.int16]) -> NDArray[np.int16]:
        """Indices among the drawn vehicles as indices in the scene."""
        names = np.array([actor.index for actor in self._actors] + [-1], np.int16)
        return names[vehicle]
