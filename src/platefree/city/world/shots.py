"""Which moments of a pass become pictures: the scene at each, and the box that is cut out.

A vehicle drives along its lane, swaying a little. Where enough of it is inside the frame at a
size worth keeping, moments are drawn so that near and far views are about equally frequent. Other
vehicles drive in front of it, behind it and beside it. Boxes are like those of detectors: a little
loose, jittered, sometimes very loose, never beyond the frame.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import body_to_world, full_frame, project, view_of
from platefree.city.scene import (
    CameraModel,
    Conditions,
    Crop,
    PlacedVehicle,
    Scene,
    VehicleAsset,
)
from platefree.city.world.company import Assets, draw_company, others_near
from platefree.city.world.roads import Roads
from platefree.city.world.sites import PlacedCamera
from platefree.city.world.streams import Purpose, draw_seed, stream
from platefree.city.world.traffic import Pass
from platefree.city.world.weather import LAMPS_BELOW, Climate

FOG_REACH = 40.0
"""The largest distance of a pictured vehicle in fog, metres; beyond, fog hides it."""

INSIDE = 0.8
"""Fraction of a vehicle's box that is inside the frame in an ordinary picture."""

_REACH = np.arange(-90.0, 90.25, 0.5)  # metres along the road
_NEAREST = 2.5  # metres before the lens
_BORDER = 0.07  # fraction of moments drawn where the frame cuts the vehicle

Box = NDArray[np.float64]  # left, top, right, bottom in pixels


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture to be taken.

    Attributes:
        scene: the subject first.
        crop: what is cut out of the frame.
        time: UTC milliseconds.
        box: (4,) the subject's own tight box in the frame, cut off at its border.
        inside: fraction of the subject's whole box that is inside the frame.
    """

    scene: Scene
    crop: Crop
    time: int
    box: Box
    inside: float


def shots_of(
    passed: Pass,
    site: PlacedCamera,
    climate: Climate,
    asset: VehicleAsset,
    bystanders: Assets,
    *,
    pool: int,
    size: int,
    attempt: int = 0,
) -> list[Shot]:
    """The pictures of a pass, earliest first.

    Args:
        passed: the pass.
        site: its camera.
        climate: light and weather.
        asset: the subject.
        bystanders: gives the asset of each of ``pool`` other vehicles.
        pool: how many there are to choose from; with 0, the subject is alone.
        size: longest side of a picture in pixels; smaller ones keep the frame's own resolution.
        attempt: another number gives other moments of the same pass.
    """
    random = stream(Purpose.PASS, passed.seed)
    path = _Path(passed, random)
    moments = stream(Purpose.PASS, passed.seed, 2, attempt)
    reach = FOG_REACH if climate.weather(passed.time) == "fog" else math.inf
    places = _moments(path, site, asset.size, passed.pictures, reach, moments)
    company = draw_company(site, passed, pool=pool, random=random)
    dirt = float(random.beta(1.3, 4.0))
    shots = []
    for number, x in enumerate(places):
        moment = stream(Purpose.SHOT, passed.seed, number, attempt)
        time = passed.time + round(1000 * path.seconds(x))
        conditions = climate.conditions(time, site.bearing)
        lamps = _lamps(conditions, site.roads.day_lamps, random_fraction=_unit(passed.seed))
        subject = path.placed(asset, x, lamps, dirt)
        others = others_near(subject, company, bystanders, site, pool=pool, random=moment)
        scene = Scene(
            camera=site.camera,
            conditions=conditions,
            vehicles=(subject, *others),
            motion=_motion(path, x, conditions, moment),
            seed=draw_seed(moment),
        )
        shots.append(_framed(scene, time, size, site.roads, moment))
    return shots


def without_neighbours(shot: Shot) -> Shot:
    """The same picture with the subject alone."""
    return replace(shot, scene=replace(shot.scene, vehicles=shot.scene.vehicles[:1]))


class _Path:
    """Where a vehicle is when its origin is at world x, metres."""

    def __init__(self, passed: Pass, random: np.random.Generator) -> None:
        self.passed = passed
        self.sign = 1.0 if passed.forward else -1.0
        self._sway = float(random.normal(0.0, 0.12))
        self._phase = float(random.uniform(0.0, math.tau))

    def seconds(self, x: float) -> float:
        """After the moment at x = 0."""
        return self.sign * x / self.passed.speed

    def y(self, x: float) -> float:
        return self.passed.y + self._sway * math.sin(x / 9.0 + self._phase)

    def heading(self, x: float) -> float:
        slope = self._sway / 9.0 * math.cos(x / 9.0 + self._phase)
        return math.atan2(self.sign * slope, self.sign)

    def placed(self, asset: VehicleAsset, x: float, lamps: float, dirt: float) -> PlacedVehicle:
        return PlacedVehicle(
            asset=asset,
            position=(x, self.y(x)),
            heading=self.heading(x),
            lamps=lamps,
            brake=float(self.passed.braking),
            dirt=dirt,
        )


# --- moments ----------------------------------------------------------------------------------


def _moments(
    path: _Path,
    site: PlacedCamera,
    size: tuple[float, float, float],
    count: int,
    reach: float,
    random: np.random.Generator,
) -> list[float]:
    """World x of the vehicle at each picture, in the order it is driven."""
    camera = site.camera
    boxes, inside = _block_boxes(path, camera, size)
    near = _away(path, camera) <= reach
    if inside[near].any():
        inside[~near] = 0.0
    longer = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    fits = (longer >= site.roads.smallest) & (longer <= 1.3 * camera.height)
    whole, cut = fits & (inside >= INSIDE), fits & (inside >= 0.45) & (inside < INSIDE)
    if not whole.any():  # a camera that never sees all of such a vehicle at once
        whole = inside >= 0.9 * inside.max()
    weights = _even_in_size(longer, whole)
    if cut.any() and random.random() < 0.5:
        weights = (1 - 2 * _BORDER) * weights + 2 * _BORDER * cut / cut.sum()
    edges = np.concatenate([[0.0], np.cumsum(weights)])
    stops = (np.arange(count) + random.random(count)) / count * edges[-1]
    rows = np.clip(np.searchsorted(edges, stops, side="right") - 1, 0, len(weights) - 1)
    fraction = (stops - edges[rows]) / np.maximum(weights[rows], 1e-12)
    places = np.sort(_REACH[rows] + 0.5 * (fraction - 0.5))
    return [float(x) for x in (places if path.sign > 0 else places[::-1])]


def _away(path: _Path, camera: CameraModel) -> NDArray[np.float64]:
    """(n,) metres from the camera along `_REACH`."""
    x, y, _ = camera.position
    return np.hypot(_REACH - x, np.array([path.y(place) for place in _REACH]) - y)


def _even_in_size(longer: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) weights over ``mask``, sum 1, that favour the short stretch of near views."""
    step = np.abs(np.gradient(np.log(np.maximum(longer, 1.0)))) + 0.02
    weights: NDArray[np.float64] = np.where(mask, step, 0.0)
    fractions: NDArray[np.float64] = weights / weights.sum()
    return fractions


def _block_boxes(
    path: _Path, camera: CameraModel, size: tuple[float, float, float]
) -> tuple[Box, NDArray[np.float64]]:
    """(n, 4) boxes of the block around the vehicle along `_REACH`, and the fractions inside."""
    length, width, height = size
    across, tall = (-width / 2, width / 2), (0.0, height)
    block = np.array([(x, y, z) for x in (-length / 2, length / 2) for y in across for z in tall])
    points = block[None] + np.array([(x, path.y(x), 0.0) for x in _REACH])[:, None]
    seen = project(camera, points.reshape(-1, 3)).reshape(len(_REACH), 8, 3)
    low, high = seen[..., :2].min(axis=1), seen[..., :2].max(axis=1)
    boxes = np.concatenate([low, high], axis=1)
    inside = _share_inside(boxes, camera)
    inside[seen[..., 2].min(axis=1) < _NEAREST] = 0.0
    return boxes, inside


def _share_inside(boxes: Box, camera: CameraModel) -> NDArray[np.float64]:
    cut = _clipped(boxes, camera)
    fraction: NDArray[np.float64] = _area(cut) / np.maximum(_area(boxes), 1e-9)
    return fraction


def _clipped(boxes: Box, camera: CameraModel) -> Box:
    limits = np.array([camera.width, camera.height, camera.width, camera.height], np.float64)
    return np.clip(boxes, 0.0, limits)


def _area(boxes: Box) -> NDArray[np.float64]:
    area: NDArray[np.float64] = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return area


# --- light and motion -------------------------------------------------------------------------


def _unit(seed: int) -> float:
    """A number in [0, 1) that stays the same over a pass."""
    return float(stream(Purpose.PASS, seed, 1).random())


def _lamps(conditions: Conditions, by_day: float, *, random_fraction: float) -> float:
    """Lamps by light and weather; some drivers use them by day, some switch them on late."""
    dark = conditions.sun_elevation < LAMPS_BELOW
    chance = 0.97 if dark else {"rain": 0.7, "fog": 0.85}.get(conditions.weather, by_day)
    return 1.0 if random_fraction < chance else 0.0


def _motion(
    path: _Path, x: float, conditions: Conditions, random: np.random.Generator
) -> tuple[float, float]:
    """Metres driven while the shutter is open: 1/1500 to 1/400 s by day, 1/250 to 1/80 by night."""
    dark = conditions.sun_elevation < 0.0
    slow, fast = (1 / 80, 1 / 250) if dark else (1 / 400, 1 / 1500)
    shutter = math.exp(random.uniform(math.log(fast), math.log(slow)))
    way, heading = path.passed.speed * shutter, path.heading(x)
    return way * math.cos(heading), way * math.sin(heading)


# --- boxes ------------------------------------------------------------------------------------


def vehicle_box(camera: CameraModel, vehicle: PlacedVehicle) -> Box:
    """The tight box of a vehicle's exterior in the full frame, (4,) pixels, not cut off."""
    # One float32 product from body to camera space: this runs over every vertex of every picture.
    view = view_of(camera, full_frame(camera))
    rotation, shift = body_to_world(vehicle)
    turn = (view.rotation @ rotation).astype(np.float32)
    seen = vehicle.asset.exterior.vertices @ turn.T + view.rotation @ (shift - view.position)
    across, down = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]
    ends = np.array([across.min(), down.min(), across.max(), down.max()], np.float64)
    box: Box = camera.focal * ends + np.tile([view.centre_x, view.centre_y], 2)
    return box


def _framed(scene: Scene, time: int, size: int, roads: Roads, random: np.random.Generator) -> Shot:
    whole = vehicle_box(scene.camera, scene.vehicles[0])
    box = _clipped(whole, scene.camera)
    inside = float(_area(box) / max(float(_area(whole)), 1e-9))
    crop = _crop(_detected(box, scene.camera, roads, random), size)
    return Shot(scene, crop, time, box, inside)


def _detected(box: Box, camera: CameraModel, roads: Roads, random: np.random.Generator) -> Box:
    """The box as a detector gives it: whole pixels, inside the frame."""
    spread = random.uniform(0.05, 0.3) if random.random() < roads.loose else 0.035
    margins = np.clip(random.normal(spread * 0.7, spread * 0.6, 4), -0.05, 0.3)
    width, height = box[2] - box[0], box[3] - box[1]
    grown = box + margins * np.array([-width, -height, width, height])
    if roads.cut and random.random() < roads.cut:
        side, part = int(random.integers(4)), float(random.uniform(0.08, 0.25))
        inward = np.array([width, height, -width, -height])
        grown[side] = box[side] + part * inward[side]
    found = np.round(_clipped(grown, camera))
    found[2:] = np.maximum(found[2:], found[:2] + 8)
    return found


def _crop(box: Box, size: int) -> Crop:
    left, top, right, bottom = (float(edge) for edge in box)
    width, height = right - left, bottom - top
    scale = min(1.0, size / max(width, height))
    out_width, out_height = max(round(width * scale), 8), max(round(height * scale), 8)
    return Crop(left, top, width, height, out_width, out_height)
