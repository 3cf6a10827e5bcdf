"""What busy roads add to pictures: others close by, cut boxes, lit lamps, other exposures."""

from dataclasses import replace

import numpy as np
import pytest
from fake_studio import block_asset

from platefree.city.plan import START
from platefree.city.scene import VehicleAsset
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
