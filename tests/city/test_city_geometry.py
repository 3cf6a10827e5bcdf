"""Labels against geometry worked out here: pinhole matrices, rays, and finer pictures."""

import math
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from city_stage import (
    Doubles,
    box_of,
    build,
    corner_weights,
    crop_round,
    in_crop,
    in_frame,
    matrix_of,
    mostly_slow,
    overlap,
    scene_from,
    world_points,
)
from numpy.typing import NDArray

from platefree.city.output.label_files import (
    SMALLEST_FRACTION,
    SMALLEST_PART,
    ShotLabels,
    label_shot,
)
from platefree.city.render.renderer import render
from platefree.city.scene import Crop, Part, Picture, PlacedVehicle, Scene, Surface
from platefree.city.world.shots import Shot, shots_of
from platefree.city.world.sites import PlacedCamera
from platefree.city.world.traffic import Pass
from platefree.city.world.weather import draw_climate

KINDS = ("sedan", "box_truck", "motorcycle")
ANGLES = [(azimuth, elevation) for azimuth in range(5, 365, 60) for elevation in (9.0, 40.0)]
SIZE, FINER = 160, 4
PARTS = {"windows": Part.WINDOW, "lights": Part.LIGHT}


def labels_of(scene: Scene, crop: Crop, picture: Picture) -> ShotLabels:
    return label_shot(Shot(scene, crop, 0, box_of(in_frame(scene)), 1.0), picture)


class Looked(NamedTuple):
    """A vehicle from one side: its labels, and what a finer picture shows."""

    scene: Scene
    crop: Crop
    picture: Picture
    labels: ShotLabels
    finer_vehicle: NDArray[np.bool_]
    finer_part: NDArray[np.integer]


@cache
def views(kind: str) -> tuple[Looked, ...]:
    asset, found = build(kind), []
    for azimuth, elevation in ANGLES:
        scene = scene_from(asset, azimuth, elevation)
        crop = crop_round(scene, SIZE)
        picture = render(scene, crop)
        finer = render(scene, replace(crop, out_width=SIZE * FINER, out_height=SIZE * FINER))
        labels = labels_of(scene, crop, picture)
        found.append(Looked(scene, crop, picture, labels, finer.vehicle == 0, finer.part))
    return tuple(found)


@pytest.mark.parametrize("kind", mostly_slow(KINDS))
def test_vehicle_boxes_are_where_the_geometry_falls(kind: str) -> None:
    for scene, crop, _, labels, finer, _ in views(kind):
        found = np.array(labels.vehicle_box, float)
        assert overlap(found, in_crop(box_of(in_frame(scene)), crop)) > 0.9
        assert labels.occlusion == 0
        rows, columns = np.nonzero(finer)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / FINER
        assert overlap(found, box) > 0.9


@pytest.mark.parametrize("kind", mostly_slow(KINDS))
def test_part_boxes_hold_what_a_finer_picture_shows(kind: str) -> None:
    """Each side of a box touches its part, and the boxes together hold nearly all of it."""
    count = 0
    for _, _, picture, labels, subject, parts in views(kind):
        large = 2 * FINER**2 * max(SMALLEST_PART, SMALLEST_FRACTION * (picture.vehicle == 0).sum())
        top, bottom = labels.vehicle_box[1::2]
        for name, part in PARTS.items():
            mask = subject & (parts == part)
            inside = np.zeros_like(mask)
            for box in getattr(labels, name):
                count += 1
                inside[window_of(box)] = True
                edges = edges_near(mask, box)
                if part == Part.LIGHT:  # which reach down to the bottom of the vehicle
                    assert box[3] == bottom
                    edges[3] = bottom
                assert np.abs(edges - box).max() <= 1.25, (name, box, edges)
            if part == Part.LIGHT:  # high lamps have no box
                mask[: round(FINER * (top + 0.4 * (bottom - top)))] = False
            mask = large_groups(mask, large)
            assert (mask & inside).sum() >= 0.9 * mask.sum(), (name, labels.azimuth)
    assert count > 15


@pytest.mark.parametrize("kind", mostly_slow(KINDS))
def test_the_brand_is_the_head_or_rear_area(kind: str) -> None:
    """It reaches from a light to the bottom, and holds badge, grille and plate of that end."""
    ends = 0
    for _, _, _, labels, subject, parts in views(kind):
        assert len(labels.brand) == (labels.view != "side" and len(labels.lights) > 0)
        for left, top, right, bottom in labels.brand:
            ends += 1
            own = [box for box in labels.lights if left <= box[0] and box[2] <= right]
            assert top in {box[1] for box in own}
            assert bottom == labels.vehicle_box[3]
            assert labels.vehicle_box[0] <= left < right <= labels.vehicle_box[2]
            badge = subject & np.isin(parts, (Part.BRAND, Part.PLATE))
            badge[: FINER * top] = False  # some grilles are higher than the lamps
            inside = np.zeros_like(badge)
            inside[window_of((left, top, right, bottom), FINER)] = True
            assert (badge & inside).sum() >= 0.95 * badge.sum(), labels.azimuth
    assert ends > 3


@pytest.mark.parametrize("kind", mostly_slow(("sedan",)))
def test_windows_are_the_windscreen_and_the_rear_window(kind: str) -> None:
    """Most of the glass of the sides is in no box, and the larger screen is."""
    for _, _, _, labels, subject, parts in views(kind):
        inside = np.zeros_like(subject)
        for box in labels.windows:
            inside[window_of(box)] = True
        side, screens = (subject & (parts == part) for part in (Part.SIDE_WINDOW, Part.WINDOW))
        assert (screens & inside).sum() > 0.9 * screens.sum()
        if labels.view == "side":
            assert side.sum() > 500
            assert (side & inside).sum() < 0.3 * side.sum(), labels.azimuth


def window_of(box: tuple[int, int, int, int], margin: int = 0) -> tuple[slice, slice]:
    """Rows and columns of the finer picture, with so many more on each side."""
    left, top, right, bottom = (FINER * edge for edge in box)
    return (
        slice(max(top - margin, 0), bottom + margin),
        slice(max(left - margin, 0), right + margin),
    )


def edges_near(mask: NDArray[np.bool_], box: tuple[int, int, int, int]) -> Doubles:
    """The tight box of what of a finer mask is in a box or less than a pixel beside it."""
    near = np.zeros_like(mask)
    near[window_of(box, FINER - 1)] = True
    rows, columns = np.nonzero(near & mask)
    assert len(rows), box
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / FINER


def large_groups(mask: NDArray[np.bool_], smallest: float) -> NDArray[np.bool_]:
    """The 8-connected groups of at least so many pixels."""
    _, group, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= smallest
    large[0] = False
    return np.asarray(large[group])


@pytest.mark.parametrize("kind", mostly_slow(KINDS))
def test_each_pixel_shows_the_part_that_its_ray_meets(kind: str) -> None:
    asset, random = build(kind), np.random.default_rng(0)
    agree, parts = [], set()
    for azimuth, elevation in ((35.0, 30.0), (200.0, 12.0), (300.0, 50.0)):
        scene = scene_from(asset, azimuth, elevation)
        crop = crop_round(scene, SIZE)
        picture = render(scene, crop)
        rows, columns = np.nonzero(even(np.where(picture.vehicle == 0, picture.part, 99)))
        corners = world_points(scene.vehicles[0])[asset.exterior.triangles]
        corners -= np.array(scene.camera.position)
        for place in random.choice(len(rows), 50, replace=False):
            row, column = rows[place], columns[place]
            met = part_met(scene, crop, corners, column + 0.5, row + 0.5)
            agree.append(picture.part[row, column] in met)
            parts |= met if len(met) == 1 else set()
    assert np.mean(agree) > 0.97
    assert len(parts) >= 4


def even(values: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Where all neighbours have the same value."""
    low, high = (
        change(values.astype(np.uint8), np.ones((3, 3))) for change in (cv2.erode, cv2.dilate)
    )
    return np.asarray((low == high) & (values != 99))


def part_met(scene: Scene, crop: Crop, corners: Doubles, x: float, y: float) -> set[int]:
    """What a ray through a place of the picture meets; several where maps overlap at a corner."""
    asset = scene.vehicles[0].asset
    pixel = (
        crop.left + x * crop.width / crop.out_width,
        crop.top + y * crop.height / crop.out_height,
    )
    ray = np.linalg.inv(matrix_of(scene.camera)[:, :3]) @ (*pixel, 1.0)
    length, weights = corner_weights(ray, corners)
    if np.isnan(length).all():
        return {int(Part.NONE)}
    nearest = int(np.nanargmin(length))
    material = int(asset.exterior.material[nearest])
    if material >= 0:
        return {int(asset.materials[material].part)}
    own = asset.exterior.triangles[nearest]
    point = weights[nearest] @ asset.exterior.vertices[own]
    normal = weights[nearest] @ asset.exterior.normals[own]
    return {
        part_painted(asset.surface, side, point)
        for side, (axis, sign) in enumerate(((1, 1), (1, -1), (0, 1), (0, -1), (2, 1)))
        if sign * normal[axis] > 0.28 * np.linalg.norm(normal)
    }


def part_painted(surface: Surface, side: int, point: Doubles) -> int:
    """The nearest texel of one projection map."""
    u, v = point[[[0, 2], [0, 2], [1, 2], [1, 2], [0, 1]][side]]
    left, right, low, high = surface.extent[side]
    height, width = surface.part.shape[1:]
    column = int(np.clip((u - left) / (right - left) * width, 0, width - 1))
    row = int(np.clip((high - v) / (high - low) * height, 0, height - 1))
    return int(surface.part[side, row, column])


def test_azimuth_and_elevation_are_the_camera_in_the_frame_of_the_body() -> None:
    random, asset = np.random.default_rng(1), build("sedan")
    for _ in range(40):
        scene = scene_from(asset, 0.0, 20.0)
        vehicle = PlacedVehicle(asset, tuple(random.uniform(-30, 30, 2)), random.uniform(-9, 9))
        camera = replace(scene.camera, position=tuple(random.uniform((-20, -20, 3), (20, 20, 9))))
        scene = replace(scene, camera=camera, vehicles=(vehicle,))
        spin, move = np.eye(4), np.eye(4)
        spin[:2, :2] = [[math.cos(vehicle.heading), -math.sin(vehicle.heading)],
                        [math.sin(vehicle.heading), math.cos(vehicle.heading)]]  # fmt: skip
        move[:3, 3] = (*vehicle.position, asset.size[2] / 2)
        ahead, left, up, _ = np.linalg.inv(move @ spin) @ (*camera.position, 1.0)
        labels = labels_of(scene, Crop(0, 0, 1280, 720, 32, 18), blank())
        turn = math.radians(labels.azimuth)
        assert (ahead, left) == pytest.approx(
            (math.hypot(ahead, left) * math.cos(turn), math.hypot(ahead, left) * math.sin(turn)),
            abs=0.01,
        )
        assert math.tan(math.radians(labels.elevation)) == pytest.approx(
            up / math.hypot(ahead, left), rel=1e-3
        )


def blank() -> Picture:
    nothing = np.zeros((18, 32), np.uint8)
    return Picture(
        np.zeros((18, 32, 3), np.uint8), nothing.astype(np.int16) - 1, nothing, nothing > 0
    )


def test_the_left_side_has_its_front_on_the_left() -> None:
    for azimuth, sign in ((90.0, -1), (270.0, 1)):
        scene = scene_from(build("sedan"), azimuth, 10.0)
        front = scene.vehicles[0].asset.exterior.vertices[:, 0] > 1.5
        x = in_frame(scene)[:, 0]
        assert sign * (x[front].mean() - x.mean()) > 100


@pytest.mark.parametrize("kind", mostly_slow(KINDS))
def test_shots_of_real_vehicles_have_boxes_that_fit(kind: str) -> None:
    asset, climate = build(kind), draw_climate(1, 0, 1)
    checked = 0
    for y in (-1.7, 5.1):  # away from the camera and towards it
        camera = replace(scene_from(asset, 0.0, 20.0).camera, lanes=2)
        site = PlacedCamera(camera, 0, 50.0, 0.3, "gantry")
        passed = Pass(0, 40_000_000, y < 0, y, 9.0, False, 6, 5)
        for shot in shots_of(passed, site, climate, asset, lambda _: asset, pool=0, size=128):
            labels = label_shot(shot, render(shot.scene, shot.crop))
            whole = box_of(in_frame(shot.scene))
            edges = np.array([0, 0, camera.width, camera.height])
            cut = np.concatenate([np.maximum(whole[:2], 0), np.minimum(whole[2:], edges[2:])])
            np.testing.assert_allclose(labels.frame_box, cut, atol=0.6)
            own = in_crop(cut, shot.crop)
            size = np.array([shot.crop.out_width, shot.crop.out_height])
            own = np.concatenate([np.maximum(own[:2], 0), np.minimum(own[2:], size)])
            if labels.occlusion == 0 and labels.inside == 1:
                checked += 1
                assert overlap(np.array(labels.vehicle_box, float), own) > 0.9
    assert checked >= 6
