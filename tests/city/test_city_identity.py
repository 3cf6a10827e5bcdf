"""A vehicle looks the same in all its pictures, whoever built it, when, and beside whom."""

import multiprocessing
from dataclasses import replace
from hashlib import sha256

import pytest
from city_stage import crop_round, digest, scene_from

from platefree.city.atelier import Atelier
from platefree.city.render.renderer import render
from platefree.city.scene import VehicleAsset
from platefree.city.studio import FLEETS, Order
from platefree.city.vehicles.models import MODELS
from platefree.city.world.shots import Shot, shots_of
from platefree.city.world.sites import PlacedCamera
from platefree.city.world.traffic import Pass
from platefree.city.world.weather import draw_climate


def orders() -> list[Order]:
    """Two vehicles and a near-duplicate of each of three models."""
    found = []
    for kind in ("sedan", "box_truck", "motorcycle"):
        model = next(index for index, each in enumerate(MODELS) if each.kind == kind)
        found += [
            Order(model, 21),
            Order(model, 22),
            Order(model, 23, 21),
            Order(model, 24, 21, (23,)),
        ]
    return found


def hashed(asset: VehicleAsset) -> str:
    text = repr((asset.paint, asset.size, asset.tint)).encode()
    return sha256(b"".join((*digest(asset), text))).hexdigest()


def built(wanted: list[Order], fleet: str) -> dict[Order, str]:
    studio = Atelier(fleet)
    return {order: hashed(studio.build(order)) for order in wanted}


@pytest.mark.slow
@pytest.mark.parametrize("fleet", FLEETS)
def test_neither_order_nor_process_of_building_matters(fleet: str) -> None:
    first = built(orders(), fleet)
    assert len(set(first.values())) == len(first)
    assert built(orders()[::-1], fleet) == first
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(built, (orders()[1::2], fleet)) == {
            order: first[order] for order in orders()[1::2]
        }


@pytest.mark.parametrize("kind", ["sedan", "motorcycle"])
def test_pictures_leave_their_vehicle_as_it_is(kind: str) -> None:
    model = next(index for index, each in enumerate(MODELS) if each.kind == kind)
    asset = Atelier().build(Order(model, 31))
    before = hashed(asset)
    for shot in shots(asset):
        assert shot.scene.vehicles[0].asset is asset
        render(shot.scene, replace(shot.crop, out_width=40, out_height=40))
        wet = replace(shot.scene.conditions, weather="rain", sun_elevation=-0.3)
        night = replace(shot.scene, conditions=wet, motion=(0.2, 0.0))
        render(night, replace(shot.crop, out_width=40, out_height=40))
    assert hashed(asset) == before


def shots(asset: VehicleAsset) -> list[Shot]:
    """Eight pictures of two passes on two days; other vehicles look alike."""
    camera = replace(scene_from(asset, 0.0, 20.0).camera, lanes=2)
    site = PlacedCamera(camera, 0, 50.0, 0.3, "gantry")
    passes = [
        Pass(0, day * 86_400_000 + 40_000_000, day == 0, 1.7 * (2 * day - 1), 9.0, day == 1, 4, day)
        for day in (0, 1)
    ]
    climate = draw_climate(1, 0, 2)
    return [
        shot
        for each in passes
        for shot in shots_of(each, site, climate, asset, lambda _: asset, pool=3, size=64)
    ]


def test_what_changes_from_picture_to_picture_is_light_dirt_and_lamps() -> None:
    asset = Atelier().build(Order(0, 31))
    taken = [shot.scene.vehicles[0] for shot in shots(asset)]
    for one, other in ((0, 3), (4, 7)):  # the same pass
        assert (taken[one].lamps, taken[one].brake, taken[one].dirt) == (
            taken[other].lamps, taken[other].brake, taken[other].dirt
        )  # fmt: skip
        assert taken[one].position != taken[other].position
    assert taken[0].dirt != taken[4].dirt
    assert taken[0].brake != taken[4].brake
    before = hashed(asset)
    scene = scene_from(asset, 30.0, 20.0)
    muddy = replace(scene, vehicles=(replace(scene.vehicles[0], dirt=1.0, lamps=1.0, brake=1.0),))
    crop = crop_round(scene, 96)
    clean, other = render(scene, crop), render(muddy, crop)
    assert (clean.pixels != other.pixels).any()
    assert (clean.part == other.part).all()
    assert hashed(asset) == before
