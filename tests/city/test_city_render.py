import dataclasses
import math
import multiprocessing

import numpy as np
import pytest
from box_car import box_car
from numpy.typing import NDArray

from platefree.city.optics import (
    View,
    azimuth_elevation,
    body_to_world,
    full_frame,
    ground_homography,
    mirrored,
    pixel_to_ground,
    project,
    to_camera,
    view_of,
)
from platefree.city.render.raster import draw, empty_samples
from platefree.city.render.renderer import render
from platefree.city.render.roadside import Kind, scenery_of
from platefree.city.render.sensor import encode_jpeg
from platefree.city.render.shadows import no_shadow, shadow_of
from platefree.city.render.sky import light_of
from platefree.city.scene import (
    Bytes,
    CameraModel,
    Conditions,
    Crop,
    Floats,
    Part,
    PlacedVehicle,
    Scene,
)
from platefree.city.world.network import draw_network
from platefree.city.world.shots import FOG_REACH
from platefree.city.world.sites import place_cameras

CAMERA = CameraModel("c", (0.0, -4.0, 6.0), 0.3, 0.35, 900.0, 640, 360, noise=0.0, seed=3)
CAR = box_car()


def scene_with(
    *vehicles: PlacedVehicle,
    camera: CameraModel = CAMERA,
    sun_elevation: float = 0.9,
    weather: str = "clear",
) -> Scene:
    return Scene(camera, Conditions(sun_elevation=sun_elevation, weather=weather), vehicles)


def at(x: float = 15.0, y: float = -1.0, heading: float = 0.2, **how: float) -> PlacedVehicle:
    return PlacedVehicle(CAR, (x, y), heading, **how)


def crop_round(
    vehicle: PlacedVehicle, size: int = 96, camera: CameraModel = CAMERA, margin: float = 1.2
) -> Crop:
    rotation, shift = body_to_world(vehicle)
    points = project(camera, vehicle.asset.exterior.vertices @ rotation.T + shift)[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max()) * margin
    left, top = (low + high) / 2 - side / 2
    return Crop(float(left), float(top), side, side, size, size)


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_project_agrees_with_matrices() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        yaw, pitch = random.uniform(-3, 3), random.uniform(-0.5, 1.2)
        camera = CameraModel("c", tuple(random.uniform(-5, 5, 3)), yaw, pitch, 700.0, 640, 480)
        points = random.uniform(-30, 30, (50, 3))
        turn = np.array(
            [[math.cos(yaw), math.sin(yaw), 0], [-math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]]
        )
        tilt = np.array(
            [
                [math.cos(pitch), 0, -math.sin(pitch)],
                [0, 1, 0],
                [math.sin(pitch), 0, math.cos(pitch)],
            ]
        )
        forward, left, up = tilt @ turn @ (points - np.array(camera.position)).T
        found = project(camera, points)
        ahead = forward > 0.5
        np.testing.assert_allclose(found[:, 2], forward, atol=1e-4)
        np.testing.assert_allclose(
            found[ahead, 0], (320 - 700 * left / forward)[ahead], rtol=1e-4, atol=1e-2
        )
        np.testing.assert_allclose(
            found[ahead, 1], (240 - 700 * up / forward)[ahead], rtol=1e-4, atol=1e-2
        )


def test_ground_homography_and_its_inverse() -> None:
    places = np.array([[12.0, -3.0], [20.0, 2.0], [40.0, 5.0]])
    points = np.column_stack([places, np.zeros(3)])
    homogeneous = np.column_stack([places, np.ones(3)]) @ ground_homography(CAMERA).T
    pixels = homogeneous[:, :2] / homogeneous[:, 2:]
    np.testing.assert_allclose(pixels, project(CAMERA, points)[:, :2], atol=1e-3)
    np.testing.assert_allclose(pixel_to_ground(CAMERA, pixels), places, atol=1e-3)
    assert np.isnan(pixel_to_ground(CAMERA, np.array([[320.0, -900.0]]))).all()


def test_crop_view_is_the_window_of_the_frame() -> None:
    points = np.array([[15.0, -1, 1], [18, 2, 0.3]])
    crop = Crop(100, 50, 200, 100, 400, 300)
    whole = project(CAMERA, points)[:, :2]
    np.testing.assert_allclose(
        project(view_of(CAMERA, crop), points)[:, :2], (whole - (100, 50)) * (2, 3), atol=1e-3
    )


def test_mirrored_view_sees_points_below_the_ground() -> None:
    view = view_of(CAMERA, full_frame(CAMERA))
    above, below = np.array([[15.0, 1, 1.2]]), np.array([[15.0, 1, -1.2]])
    np.testing.assert_allclose(project(mirrored(view), above), project(view, below), atol=1e-3)


@pytest.mark.parametrize(
    ("place", "heading", "azimuth"),
    [((10, 0), math.pi, 0), ((10, 0), math.pi / 2, 90), ((10, 0), 0, 180), ((0, 10), 0, 270)],
)
def test_azimuth(place: tuple[float, float], heading: float, azimuth: float) -> None:
    camera = dataclasses.replace(CAMERA, position=(0.0, 0.0, 10 + 1.45 / 2))
    found, elevation = azimuth_elevation(camera, PlacedVehicle(CAR, place, heading))
    assert math.remainder(found - azimuth, 360) == pytest.approx(0, abs=1e-6)
    assert elevation == pytest.approx(45)


def nearest_triangle(
    points: Floats, triangles: NDArray[np.int32], view: View
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Triangle and 1 / depth per pixel by meeting each pixel's ray with each triangle."""
    number = np.full((view.height, view.width), -1)
    nearness = np.zeros((view.height, view.width))
    for row in range(view.height):
        for column in range(view.width):
            ray = np.array(
                [
                    (column + 0.5 - view.centre_x) / view.focal_x,
                    (row + 0.5 - view.centre_y) / view.focal_y,
                    1.0,
                ]
            )
            for t, (i, j, k) in enumerate(triangles):
                a, b, c = (points[n].astype(float) for n in (i, j, k))
                normal = np.cross(b - a, c - a)
                if normal @ a >= 0:  # seen from behind
                    continue
                depth = normal @ a / (normal @ ray)
                hit = depth * ray
                inside = all(
                    np.cross(q - p, hit - p) @ normal >= 0 for p, q in ((a, b), (b, c), (c, a))
                )
                if inside and depth >= 0.2 and 1 / depth > nearness[row, column]:
                    number[row, column], nearness[row, column] = t, 1 / depth
    return number, nearness


@pytest.mark.parametrize("seed", range(4))
def test_raster_agrees_with_rays(seed: int) -> None:
    random = np.random.default_rng(seed)
    view = view_of(CameraModel("c", (0, 0, 0), 0, 0, 20.0, 24, 18), Crop(0, 0, 24, 18, 24, 18))
    points = random.uniform((-3, -2, -0.8), (3, 2, 6), (36, 3)).astype(np.float32)
    triangles = random.permutation(36).reshape(-1, 3).astype(np.int32)
    samples = empty_samples(18, 24)
    draw(samples, view, points, triangles)
    number, nearness = nearest_triangle(points, triangles, view)
    assert (samples.triangle == number).mean() > 0.995
    same = samples.triangle == number
    np.testing.assert_allclose(samples.nearness[same], nearness[same], rtol=1e-3, atol=1e-4)
    assert (number >= 0).any()


def test_crop_equals_window_of_the_frame() -> None:
    vehicle = at()
    scene = scene_with(vehicle, at(24.0, 2.0))
    frame = render(scene, full_frame(CAMERA))
    tight = crop_round(vehicle)
    left, top, side = round(tight.left), round(tight.top), round(tight.width)
    crop = render(scene, Crop(left, top, side, side, side, side))
    window = (slice(top, top + side), slice(left, left + side))
    assert overlap(crop.vehicle == 0, frame.vehicle[window] == 0) > 0.95
    assert overlap(crop.silhouette, frame.silhouette[window]) > 0.95
    assert (crop.part == frame.part[window]).mean() > 0.97
    difference = np.abs(crop.pixels.astype(int) - frame.pixels[window].astype(int))
    assert difference.mean() < 6
    large = render(scene, Crop(left, top, side, side, 2 * side, 2 * side))
    assert overlap(large.silhouette[::2, ::2], frame.silhouette[window]) > 0.95


def test_silhouette_box_agrees_with_projected_vertices() -> None:
    for heading in (0.2, 1.4, 2.9):
        vehicle = at(heading=heading)
        crop = crop_round(vehicle, 128)
        rotation, shift = body_to_world(vehicle)
        points = project(view_of(CAMERA, crop), CAR.exterior.vertices @ rotation.T + shift)
        rows, columns = np.nonzero(render(scene_with(vehicle), crop).silhouette)
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        expected = (*points[:, :2].min(axis=0), *points[:, :2].max(axis=0))
        np.testing.assert_allclose(found, expected, atol=1.2)


def test_occluded_pixels_leave_the_vehicle_but_not_the_silhouette() -> None:
    behind, before = at(17.0, -1.0, 0.0), at(11.5, -2.0, 0.0)
    crop = crop_round(behind)
    alone = render(scene_with(behind), crop)
    both = render(scene_with(behind, before), crop)
    np.testing.assert_array_equal(alone.silhouette, both.silhouette)
    hidden = (alone.vehicle == 0) & (both.vehicle != 0)
    assert hidden.sum() > 50
    assert (both.vehicle[hidden] == 1).all()
    assert set(np.unique(alone.part)) >= {Part.NONE, Part.BODY, Part.WINDOW, Part.WHEEL}
    assert not alone.part[alone.vehicle < 0].any()


def test_scenery_hides_vehicles_exactly() -> None:
    camera = dataclasses.replace(CAMERA, position=(0.0, -9.0, 4.0), yaw=0.9, pitch=0.25)
    hidden = 0
    for seed in range(12):
        one = dataclasses.replace(camera, seed=seed)
        for x in (6.0, 9.0):
            vehicle = at(x, -1.7, 0.0)
            picture = render(scene_with(vehicle, camera=one), crop_round(vehicle, 64, one))
            assert not ((picture.vehicle == 0) & ~picture.silhouette).sum() > 12
            hidden += (picture.silhouette & (picture.vehicle < 0)).sum() > 20
    assert hidden > 0


@pytest.mark.slow
def test_same_scene_same_bytes_in_another_process() -> None:
    scene = scene_with(at(lamps=1.0), at(22.0, 2.0), sun_elevation=0.1, weather="rain")
    scene = dataclasses.replace(scene, motion=(0.3, 0.0), seed=5)
    crop = crop_round(scene.vehicles[0])
    first = encode_jpeg(render(scene, crop).pixels, 75)
    assert first == encode_jpeg(render(scene, crop).pixels, 75)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_render_elsewhere, (scene.seed,)) == first


def _render_elsewhere(seed: int) -> bytes:
    scene = scene_with(at(lamps=1.0), at(22.0, 2.0), sun_elevation=0.1, weather="rain")
    scene = dataclasses.replace(scene, motion=(0.3, 0.0), seed=seed)
    return encode_jpeg(render(scene, crop_round(scene.vehicles[0])).pixels, 75)


def test_accidents_come_from_the_scene_seed_only() -> None:
    noisy = dataclasses.replace(CAMERA, noise=4.0)
    crop = crop_round(at())
    one = render(dataclasses.replace(scene_with(at(), camera=noisy), seed=1), crop)
    two = render(dataclasses.replace(scene_with(at(), camera=noisy), seed=2), crop)
    assert (one.pixels != two.pixels).any()
    np.testing.assert_array_equal(one.part, two.part)


def test_light_and_weather_go_the_right_way() -> None:
    crop = crop_round(at())

    def levels(sun_elevation: float = 0.9, weather: str = "clear") -> NDArray[np.float64]:
        return render(
            scene_with(at(), sun_elevation=sun_elevation, weather=weather), crop
        ).pixels.astype(float)

    day, night = levels(), levels(sun_elevation=-0.4)
    fog, rain = levels(weather="fog"), levels(weather="rain")
    assert night.mean() < 0.7 * day.mean()
    assert fog.std() < 0.85 * day.std()
    assert rain.std() < day.std()
    lit = render(scene_with(at(heading=3.3, lamps=1.0), sun_elevation=-0.4), crop).pixels
    assert lit.max() > 230


@pytest.mark.parametrize("sun_elevation", [0.2, 0.9])
def test_fog_leaves_dark_and_light_vehicles_apart(sun_elevation: float) -> None:
    camera = dataclasses.replace(CAMERA, yaw=0.03, pitch=0.1, seed=1)

    def difference(weather: str) -> float:
        levels = []
        for grey in (0.03, 0.75):
            vehicle = PlacedVehicle(box_car((grey, grey, grey)), (FOG_REACH, -1.7), 0.0)
            scene = scene_with(vehicle, camera=camera, sun_elevation=sun_elevation, weather=weather)
            picture = render(scene, crop_round(vehicle, 24, camera))
            levels.append(picture.pixels[picture.part == Part.BODY].mean())
        return float(levels[1] - levels[0])

    assert difference("fog") > 0.4 * difference("clear")


@pytest.mark.parametrize("weather", ["clear", "overcast", "rain", "fog"])
def test_light_is_finite_and_pictures_are_whole(weather: str) -> None:
    for elevation in (1.2, 0.05, -0.5):
        light = light_of(Conditions(sun_elevation=elevation, weather=weather))
        for value in (light.sharp, light.glossy, light.diffuse, light.sun_color, light.fog):
            assert np.isfinite(value).all()
            assert (value >= 0).all()
        scene = scene_with(at(lamps=1.0, brake=1.0), sun_elevation=elevation, weather=weather)
        picture = render(dataclasses.replace(scene, motion=(0.2, 0.0)), crop_round(at(), 64))
        assert picture.pixels.shape == (64, 64, 3)
        assert picture.pixels.std() > 3


def test_vehicle_at_the_lens_and_empty_street() -> None:
    near = render(scene_with(at(0.5, -4.0)), full_frame(CAMERA))
    under = render(scene_with(at(3.0, -3.5, 0.3)), Crop(-200, 0, 1000, 700, 100, 70))
    empty = render(scene_with(), Crop(0, 0, 640, 360, 64, 36))
    assert near.pixels.shape == (360, 640, 3)
    assert under.silhouette.any()
    assert (empty.vehicle == -1).all()
    assert not empty.part.any()
    assert not empty.silhouette.any()


def test_small_windows_lose_detail() -> None:
    camera = dataclasses.replace(CAMERA, blur=0.3)
    fine = dataclasses.replace(camera, focal=3600.0, width=2560, height=1440)
    sharp = render(scene_with(at(), camera=fine), crop_round(at(), 128, fine)).pixels
    coarse_camera = dataclasses.replace(camera, focal=225.0, width=160, height=90)
    crop = crop_round(at(), 128, coarse_camera)
    coarse = render(scene_with(at(), camera=coarse_camera), crop).pixels

    def detail(pixels: Bytes) -> float:
        return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())

    assert detail(coarse) < 0.8 * detail(sharp)


def test_moving_subjects_are_smeared() -> None:
    crop = crop_round(at())
    still = render(scene_with(at()), crop).pixels.astype(float)
    moving = dataclasses.replace(scene_with(at()), motion=(0.0, 0.8))
    smeared = render(moving, crop).pixels.astype(float)
    assert np.abs(np.diff(smeared, axis=1)).mean() < np.abs(np.diff(still, axis=1)).mean()


def test_shadow_reaches_away_from_the_light() -> None:
    light = np.array([0.6, 0.0, 0.8], np.float32)
    shadow = shadow_of(CAR.exterior.vertices, CAR.exterior.triangles, light)
    ground = np.array([-2.8, 0.0])  # behind the car, away from the light
    cell = ((ground - shadow.corner) * shadow.scale).astype(int)
    assert shadow.cells[cell[1], cell[0]] > 0.3
    assert shadow.corner[0] < -2.2
    assert not no_shadow().cells.any()


def test_cameras_have_streets_of_their_own() -> None:
    crop = Crop(0, 0, 640, 360, 128, 72)
    frames = [
        render(scene_with(camera=dataclasses.replace(CAMERA, seed=seed)), crop).pixels
        for seed in range(6)
    ]
    for i, one in enumerate(frames):
        for other in frames[i + 1 :]:
            assert np.abs(one.astype(int) - other.astype(int)).mean() > 8
    assert len(scenery_of(CAMERA).triangles) > 50


@pytest.mark.slow
def test_no_tree_stands_in_the_way_of_a_camera() -> None:
    sites = place_cameras(draw_network(11, 400), 400, 11)
    cameras = [site.camera for site in sites if site.mounting == "across"]  # nearest to the trees
    for camera in cameras:
        scenery, view = (
            scenery_of(camera),
            view_of(camera, Crop(0, 0, camera.width, camera.height, 64, 36)),
        )
        samples = empty_samples(36, 64)
        draw(samples, view, to_camera(view, scenery.vertices), scenery.triangles)
        leaves = np.append(scenery.kind == Kind.LEAVES, [False])[samples.triangle]
        aimed_at = camera.position[2] / math.sin(camera.pitch)
        assert (leaves & (samples.nearness > 1 / aimed_at)).mean() < 0.1
    assert len(cameras) > 40


def test_to_camera_is_right_down_forward() -> None:
    view = view_of(CameraModel("c", (0, 0, 2), 0.0, 0.0, 100.0), Crop(0, 0, 10, 10, 10, 10))
    np.testing.assert_allclose(
        to_camera(view, np.array([[5.0, -1.0, 0.0]], np.float32)), [[1, 2, 5]], atol=1e-6
    )
