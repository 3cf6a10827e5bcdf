"""What busy roads add to pictures: others close by, cut boxes, lit lamps, other exposures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_studio import BlockStudio, block_asset

from platefree.city.generate import generate_city
from platefree.city.plan import START, CitySettings
from platefree.city.render.sensor import develop
from platefree.city.scene import CameraModel, VehicleAsset
from platefree.city.world.network import draw_network
from platefree.city.world.roads import OVERPASS, TOWN, Roads
from platefree.city.world.shots import Shot, shots_of
from platefree.city.world.sites import PlacedCamera, place_cameras
from platefree.city.world.traffic import Pass
from platefree.city.world.weather import Climate

SLIM = block_asset((1.9, 0.75, 1.65))
NOON = START + 12 * 3_600_000


def cameras(roads: Roads, count: int = 40) -> tuple[PlacedCamera, ...]:
    return place_cameras(draw_network(4, count), count, 4, "overpass", roads)


def pictures(roads: Roads, pictures: int = 10, asset: VehicleAsset = SLIM) -> list[Shot]:
    """Passes below overpasses at noon, away from the camera, every bystander a motorcycle."""
    climate = Climate(START, ("overcast",) * 24, 0)
    found = []
    for number, site in enumerate(cameras(roads)):
        away = bool(np.cos(site.camera.yaw) > 0)
        y = -1.7 if away else 1.7
        passed = Pass(number, NOON, away, y, 9.0, False, pictures, number)
        found += shots_of(passed, site, climate, asset, lambda _: SLIM, pool=5, size=96)
    return found


def fraction_cut(shots: list[Shot]) -> float:
    """How often a crop leaves out clearly more than a detector's usual error of a whole vehicle."""
    lost = []
    for shot in shots:
        if shot.inside < 0.999:
            continue
        crop, box = shot.crop, shot.box
        edges = (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
        size = np.array([box[2] - box[0], box[3] - box[1]] * 2)
        inward = np.array([1, 1, -1, -1]) * (np.array(edges) - box) / size
        lost.append(inward.max())
    return float(np.mean(np.array(lost) > 0.066))


def test_some_boxes_below_an_overpass_cut_a_side_off() -> None:
    assert fraction_cut(pictures(TOWN)) < 0.01
    assert fraction_cut(pictures(OVERPASS)) == pytest.approx(OVERPASS.cut, abs=0.035)
    assert fraction_cut(pictures(replace(OVERPASS, cut=1.0))) > 0.95


def close(shots: list[Shot]) -> float:
    """How many others are within four metres of the subject on average."""
    counts = []
    for shot in shots:
        subject, *others = shot.scene.vehicles
        gaps = [np.subtract(each.position, subject.position) for each in others]
        counts.append(sum(float(np.hypot(*gap)) < 4.0 for gap in gaps))
    return float(np.mean(counts))


def test_others_ride_close_beside_in_a_crowd_and_touch_nobody() -> None:
    shots = pictures(OVERPASS)
    assert close(shots) > close(pictures(replace(OVERPASS, crowd=0.0))) + 0.3
    for shot in shots:
        placed = shot.scene.vehicles
        for number, one in enumerate(placed):
            for other in placed[:number]:
                along, across = np.abs(np.subtract(one.position, other.position))
                assert along > SLIM.size[0] or across > SLIM.size[1]
    # They keep their distance over a pass: nobody appears out of nothing.
    first, last = shots[0].scene.vehicles[1:], shots[9].scene.vehicles[1:]
    assert {each.position[1] for each in first} & {each.position[1] for each in last} or not first


def test_more_drive_with_lamps_on_by_day_below_an_overpass() -> None:
    def lit(roads: Roads) -> float:
        return float(np.mean([shot.scene.vehicles[0].lamps for shot in pictures(roads, 1)]))

    assert lit(replace(OVERPASS, day_lamps=0.0)) == 0.0
    assert lit(replace(OVERPASS, day_lamps=1.0)) == 1.0
    assert lit(TOWN) < lit(OVERPASS)


def test_cameras_of_busy_roads_differ_more_in_exposure_and_color() -> None:
    def spread(roads: Roads) -> tuple[float, float]:
        gains = np.log([site.camera.gain for site in cameras(roads, 300)])
        return float(gains.mean(axis=1).std()), float((gains - gains.mean(axis=1)[:, None]).std())

    exposure, color = spread(OVERPASS)
    assert exposure == pytest.approx(np.hypot(OVERPASS.exposure, OVERPASS.gain / 3**0.5), rel=0.15)
    assert color == pytest.approx(OVERPASS.gain * (2 / 3) ** 0.5, rel=0.15)
    assert spread(TOWN)[0] < 0.03
    for roads in (TOWN, OVERPASS):
        for site in cameras(roads):
            assert roads.noise[0] <= site.camera.noise <= roads.noise[1]
            scale = site.camera.width / 1280
            assert roads.blur[0] * scale <= site.camera.blur <= roads.blur[1] * scale


def developed(camera: CameraModel) -> np.ndarray:
    """What a camera makes of a dark and a bright half, both reddish."""
    radiance = np.full((32, 64, 3), 0.06, np.float32)
    radiance[:, 32:] = 0.6
    radiance[..., 0] *= 1.5
    random = np.random.default_rng(0)
    return develop(radiance, camera, (64, 32), 1.0, 0.0, random).astype(float)


def test_crisp_cameras_stretch_contrast_and_pale_ones_lose_color() -> None:
    plain = CameraModel("c", (0, 0, 5), 0, 0.3, 900.0, noise=0.0, blur=0.0, crisp=0.0, saturation=1)

    def contrast(camera: CameraModel) -> float:
        levels = developed(camera).mean(axis=2)
        return float(levels[:, 40:].mean() - levels[:, :24].mean())

    def color(camera: CameraModel) -> float:
        return float(np.ptp(developed(camera), axis=2).mean())

    assert contrast(replace(plain, crisp=1.0)) > contrast(plain) + 10
    assert color(replace(plain, saturation=0.5)) == pytest.approx(0.5 * color(plain), rel=0.1)
    assert color(replace(plain, saturation=0.0)) < 1.0
    assert (developed(replace(plain, crisp=None)) == developed(replace(plain, crisp=None))).all()


def test_only_cameras_of_busy_roads_say_how_crisp_they_are() -> None:
    assert OVERPASS.crisp is not None
    assert OVERPASS.saturation is not None
    for site in cameras(OVERPASS):
        assert site.camera.crisp is not None
        assert site.camera.saturation is not None
        assert OVERPASS.crisp[0] <= site.camera.crisp <= OVERPASS.crisp[1]
        assert OVERPASS.saturation[0] <= site.camera.saturation <= OVERPASS.saturation[1]
    for site in cameras(TOWN):
        assert site.camera.crisp is None
        assert site.camera.saturation is None


@pytest.mark.parametrize("roads", ["town", "overpass"])
def test_cameras_without_it_are_described_as_before(roads: str, tmp_path: Path) -> None:
    generate_city(
        tmp_path / "city", CitySettings(4, 2, 8, size=32, roads=roads), studio=BlockStudio()
    )
    for camera in json.loads((tmp_path / "city" / "cameras.json").read_text()):
        assert ("crisp" in camera) == (roads == "overpass")
        assert ("saturation" in camera) == (roads == "overpass")
