"""A camera that films: what never moves is drawn once, and each frame draws what does.

Light and weather stand still while a camera films. So the street, what stands beside it and the sky
are shaded once, and the z-buffer of the scenery is kept. In a frame only the pixels are shaded anew
in which vehicles, their shadows, their reflections or the light of their lamps are to be seen; they
show the same as `platefree.city.render.renderer.render` would, but for the noise and the rain.
"""

import math
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import View, body_to_world, full_frame, mirrored, scaled, view_of
from platefree.city.render.actors import (
    FACTOR,
    Actor,
    actor_of,
    draw_all,
    painted,
    scenery_shadow,
    thrown_shadow,
    to_camera_space,
    transformed,
    window_of,
)
from platefree.city.render.backdrop import props_of, shade_props
from platefree.city.render.footprint import mark_ground
from platefree.city.render.frame_windows import Window, joined, window_on_ground
from platefree.city.render.ground import Surroundings, ground_under, seen_ground, shade_ground
from platefree.city.render.layers import lay_over
from platefree.city.render.masks import vote
from platefree.city.render.raster import EMPTY, Samples, draw, empty_samples
from platefree.city.render.reflections import reflections_of, streak_of
from platefree.city.render.road import road_of
from platefree.city.render.roadside import scenery_of
from platefree.city.render.sensor import add_bloom, add_rain, develop, expose, print_levels
from platefree.city.render.shading import shade_vehicle
from platefree.city.render.shadows import Shadow
from platefree.city.render.sky import light_of
from platefree.city.render.staging import Setting, empty_layer
from platefree.city.render.textures import noise_tile
from platefree.city.scene import (
    Bytes,
    CameraModel,
    Conditions,
    Floats,
    Picture,
    PlacedVehicle,
    VehicleAsset,
)

_SCENERY = 2**30  # number of its first triangle in the z-buffer; vehicles have lower ones
_BORDER = 3  # pixels around a vehicle that are drawn with it
_TURN = math.radians(0.5)  # a step of heading, for which a shadow is drawn
_HEADINGS = 16  # shadows that are kept of a vehicle


class FilmStage:
    """The world of one camera, in which vehicles move.

    Args:
        camera: who films.
        conditions: light and weather of the whole film.
    """

    def __init__(self, camera: CameraModel, conditions: Conditions) -> None:
        self._camera = camera
        self._view = view_of(camera, full_frame(camera))
        self._light, scenery = light_of(conditions), scenery_of(camera)
        self._lamps = scenery.lamps if self._light.gloom > 0 else scenery.lamps[:0]
        around = ground_under(self._view)
        self._place = around.place
        self._shade = scenery_shadow(scenery, self._light, seen_ground(around), self._view.width)
        self._props = props_of(scenery, to_camera_space(scenery.vertices, self._view), _SCENERY)
        fine = scaled(self._view, FACTOR)
        self._still = empty_samples(fine.height, fine.width)
        draw(self._still, fine, self._props.points, scenery.triangles, _SCENERY)
        self._shadows: WeakKeyDictionary[VehicleAsset, dict[int, Shadow]] = WeakKeyDictionary()
        self._whole = Window(0, 0, self._view.width, self._view.height)
        self._background = self._empty_street()
        self._levels = expose(self._background, camera, self._light.exposure)

    def take(self, vehicles: tuple[PlacedVehicle, ...], seed: int) -> Picture:
        """The next frame.

        Args:
            vehicles: all that may be in it.
            seed: of its noise.
        """
        actors = [
            actor
            for index, vehicle in enumerate(vehicles)
            if (actor := self._actor(index, vehicle)) is not None
        ]
        touched = [self._touched(actor) for actor in actors]
        windows = joined([each for some in touched for each in some])
        radiance = self._background.copy()
        shape = radiance.shape[:2]
        vehicle, part = np.full(shape, -1, np.int16), np.zeros(shape, np.uint8)
        for window in windows:
            area = window.rows, window.columns
            near = [a for a, some in zip(actors, touched, strict=True) if _meet(some, window)]
            radiance[area], vehicle[area], part[area] = self._shoot(window, near)
        pixels = self._developed(radiance, windows, np.random.default_rng([seed, 4]))
        return Picture(pixels, vehicle, part, vehicle == 0)

    def _developed(
        self, radiance: Floats, windows: list[Window], random: np.random.Generator
    ) -> Bytes:
        """The finished picture; by a dry day nothing outside of the windows is exposed anew."""
        light, camera = self._light, self._camera
        size = (self._view.width, self._view.height)
        if light.wet > 0:
            add_rain(radiance, light.fog, random)
        if light.gloom > 0.05 or light.wet > 0:
            add_bloom(radiance, light.exposure)
            return develop(radiance, camera, size, light.exposure, light.gloom, random)
        levels = self._levels.copy()
        for window in windows:
            area = window.rows, window.columns
            levels[area] = expose(np.ascontiguousarray(radiance[area]), camera, light.exposure)
        return print_levels(levels, camera, size, light.gloom, random)

    def _actor(self, index: int, vehicle: PlacedVehicle) -> Actor | None:
        steady = not len(self._lamps)  # the sun shines from one side on everything
        throw = self._kept_shadow if steady else thrown_shadow
        return actor_of(index, vehicle, self._view, self._light, self._lamps, throw)

    def _kept_shadow(
        self, vehicle: PlacedVehicle, points: Floats, light: Floats, cells: int
    ) -> Shadow:
        """The shadow of a vehicle, which moves along with it until it turns.

        It is that of the nearest whole number of steps of its heading, so that it does not depend
        on the frames before.
        """
        kept = self._shadows.setdefault(vehicle.asset, {})
        turns = round(vehicle.heading / _TURN)
        if turns not in kept:
            if len(kept) >= _HEADINGS:
                kept.clear()
            at_origin = replace(vehicle, position=(0.0, 0.0), heading=turns * _TURN)
            turned = transformed(vehicle.asset.exterior.vertices, *body_to_world(at_origin))
            kept[turns] = thrown_shadow(at_origin, turned, light, cells)
        shift = np.array(vehicle.position, np.float32)
        return kept[turns]._replace(corner=kept[turns].corner + shift)

    # --- windows ------------------------------------------------------------------------------

    def _touched(self, actor: Actor) -> list[Window]:
        """The parts of the frame that look different because of a vehicle."""
        found = [window_on_ground(self._place, *self._lit_ground(actor))]
        if actor.seen:
            views = [(self._view, _BORDER)]
            if self._light.wet > 0:
                reach = streak_of(self._view.height)
                views.append((mirrored(self._view), reach + _BORDER))
            for view, border in views:
                top, bottom, left, right = window_of(to_camera_space(actor.points, view), view)
                found.append(Window(left, top, right, bottom).grown(border))
        return [each.within(self._whole) for each in found if each.within(self._whole).area]

    def _lit_ground(self, actor: Actor) -> tuple[Floats, Floats]:
        """Lowest and highest x and y of the ground that a vehicle darkens or lights, metres."""
        size, shadow = actor.vehicle.asset.size, actor.shadow
        middle = np.array(actor.vehicle.position, np.float32)
        reach = np.float32(math.hypot(size[0], size[1]) / 2 + 2.5)
        low, high = middle - reach, middle + reach
        rows, columns = shadow.cells.shape
        if rows > 2:
            low = np.minimum(low, shadow.corner)
            high = np.maximum(high, shadow.corner + np.array([columns, rows]) / shadow.scale)
        if self._light.beam > 0 and max(actor.vehicle.lamps, actor.vehicle.brake) > 0:
            low, high = self._beams(actor, low, high)
        return low.astype(np.float32), high.astype(np.float32)

    def _beams(self, actor: Actor, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        along = np.array([actor.place.cos, actor.place.sin])
        across = np.array([-along[1], along[0]])
        ends = (actor.vehicle.asset.size[0] / 2 + 30.0, -actor.vehicle.asset.size[0] / 2 - 6.0)
        corners = [
            np.array(actor.vehicle.position) + end * along + side * across
            for end in ends
            for side in (-6.0, 6.0)
        ]
        return np.minimum(low, np.min(corners, 0)), np.maximum(high, np.max(corners, 0))

    # --- drawing ------------------------------------------------------------------------------

    def _empty_street(self) -> Floats:
        """(h, w, 3) radiance of the frame without a vehicle."""
        layer = empty_layer(self._view.height, self._view.width)
        shade_props(self._still, self._props, self._setting(self._view), self._lamps, layer)
        around = self._around(self._whole)
        radiance = self._ground(self._view, around, np.zeros((1, 1, 4), np.float32), layer.weight)
        lay_over(radiance, layer)
        return radiance

    def _shoot(
        self, window: Window, everyone: list[Actor]
    ) -> tuple[Floats, NDArray[np.int16], Bytes]:
        """Radiance, vehicle and part of each pixel of a window.

        Only pixels that a vehicle covers, or whose ground it shades, lights or is mirrored in, are
        shaded; the others are as on the empty street.
        """
        view = window.of_view(self._view)
        fine, setting = scaled(view, FACTOR), self._setting(view)
        around = self._around(window)
        for actor in everyone:
            self._mark(around, actor, window)
        actors = [actor for actor in everyone if actor.seen]
        outside, inside, shells, _ = draw_all(fine, actors, FACTOR, self._behind(window))
        layer = empty_layer(view.height, view.width)
        parts = np.zeros(outside.triangle.shape, np.uint8)
        for actor, pair in zip(actors, shells, strict=True):
            part = window_of(pair[0].points, fine)
            shade_vehicle((outside, inside), painted(actor, pair), setting, part, layer, parts)
        wet = self._mirrored(view, actors)
        anew = (layer.weight > 0) | (around.open_sky < 1) | (around.open_sun < 1)
        anew |= (around.extra > 0).any(axis=2) | (wet[..., 3] > 0)
        outside.triangle[np.repeat(np.repeat(~anew, FACTOR, 0), FACTOR, 1)] = EMPTY
        shade_props(outside, self._props, setting, self._lamps, layer)
        radiance = self._ground(view, around, wet, np.where(anew, layer.weight, 1))
        lay_over(radiance, layer)
        still = self._background[window.rows, window.columns]
        ends = np.array([pair[0].first + len(pair[0].triangles) for pair in shells], np.int64)
        owner, part_map = vote(outside.triangle, parts, ends, FACTOR)
        names = np.array([actor.index for actor in actors] + [-1], np.int16)
        return np.where(anew[..., None], radiance, still), names[owner], part_map

    def _setting(self, view: View) -> Setting:
        fine = scaled(view, FACTOR)
        return Setting(self._light, self._shade, noise_tile(3, 24.0), fine, FACTOR)

    def _around(self, window: Window) -> Surroundings:
        """The ground of a window, without any vehicle."""
        place = np.ascontiguousarray(self._place[window.rows, window.columns])
        shape = place.shape[:2]
        open_sky, open_sun = np.ones(shape, np.float32), np.ones(shape, np.float32)
        return Surroundings(place, open_sky, open_sun, np.zeros((*shape, 3), np.float32))

    def _mark(self, around: Surroundings, actor: Actor, window: Window) -> None:
        """Add the effect of a vehicle on the ground, where it has any."""
        low, high = self._lit_ground(actor)
        part = window_on_ground(around.place, low, high).within(
            Window(0, 0, window.right - window.left, window.bottom - window.top)
        )
        if part.area:
            area = part.rows, part.columns
            near = Surroundings(*(values[area] for values in around))
            mark_ground(near, actor.vehicle.asset, actor.place, actor.shadow, self._light)

    def _mirrored(self, view: View, actors: list[Actor]) -> Floats:
        if self._light.wet <= 0:
            return np.zeros((1, 1, 4), np.float32)
        return reflections_of(view, actors, self._setting(view), streak_of(self._view.height))

    def _ground(self, view: View, around: Surroundings, wet: Floats, covered: Floats) -> Floats:
        light, road = self._light, road_of(self._camera)
        shade = self._shade
        if wet.shape[:2] == (1, 1) and light.wet > 0:
            wet = np.zeros((view.height, view.width, 4), np.float32)
        return shade_ground(view, road, light, around, shade, self._lamps, wet, covered)

    def _behind(self, window: Window) -> Samples:
        """The z-buffer of the scenery within a window."""
        rows, columns = (
            slice(FACTOR * part.start, FACTOR * part.stop) for part in (window.rows, window.columns)
        )
        still = self._still
        return Samples(still.nearness[rows, columns].copy(), still.triangle[rows, columns].copy())


def _meet(windows: list[Window], window: Window) -> bool:
    return any(each.within(window).area for each in windows)
