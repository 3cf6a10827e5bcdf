"""Near-duplicates in pictures: alike in model and paint, distinguishable from every side."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from city_stage import crop_round, mostly_slow, scene_from

from platefree.city.render.renderer import render
from platefree.city.scene import VehicleAsset
from platefree.city.vehicles.models import KINDS, MODELS
from platefree.city.vehicles.near_duplicates import VIEWS, distinguishable, draw_near_duplicate
from platefree.city.vehicles.vehicle import build_vehicle
from platefree.city.vehicles.vehicle_identity import Identity, draw_identity

SIZE = 320
CLEARLY = 30  # levels of 8 bits
PIXELS = 40  # of SIZE x SIZE
ANGLES = {"front": 0.0, "rear": 180.0, "left": 90.0, "right": 270.0}


def group_of(model: int, seed: int, size: int) -> list[Identity]:
    group = [draw_identity(MODELS[model], seed)]
    while len(group) < size:
        group.append(draw_near_duplicate(group[0], seed + 1000 * len(group), *group[1:]))
    return group


def pixels_apart(one: VehicleAsset, other: VehicleAsset, azimuth: float) -> int:
    """Pixels of both vehicles that clearly differ between two pictures of the same moment."""
    scene = scene_from(one, azimuth, 15.0)
    changed = replace(scene, vehicles=(replace(scene.vehicles[0], asset=other),))
    crop = crop_round(scene, SIZE)
    first, second = render(scene, crop), render(changed, crop)
    apart = np.abs(first.pixels.astype(int) - second.pixels).max(axis=2)
    return int((apart > CLEARLY)[(first.vehicle == 0) & (second.vehicle == 0)].sum())


@pytest.mark.parametrize("kind", mostly_slow(KINDS))
def test_pictures_of_near_duplicates_differ_from_every_side(kind: str) -> None:
    models = [index for index, model in enumerate(MODELS) if model.kind == kind]
    identities = group_of(models[-1], 41, 2)
    one, other = (build_vehicle(MODELS[models[-1]], each) for each in identities)
    for side, azimuth in ANGLES.items():
        assert pixels_apart(one, other, azimuth) > PIXELS, side


def test_a_picture_taken_twice_does_not_differ() -> None:
    model = MODELS[-1]
    one = build_vehicle(model, draw_identity(model, 2))
    assert pixels_apart(one, one, 0.0) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_a_group_are_distinguishable(kind: str) -> None:
    model = next(index for index, each in enumerate(MODELS) if each.kind == kind)
    for seed in range(4):
        group = group_of(model, seed, 5)
        assert group == group_of(model, seed, 5)
        assert len({each.paint for each in group}) == 1
        for one, other in itertools.combinations(group, 2):
            for view in VIEWS:
                assert distinguishable(one, other, view)
                assert distinguishable(other, one, view)


def test_nobody_is_distinguishable_from_itself_or_by_what_is_hidden() -> None:
    for kind in ("sedan", "motorcycle", "box_truck"):
        model = next(index for index, each in enumerate(MODELS) if each.kind == kind)
        one = group_of(model, 3, 1)[0]
        hidden = replace(one, items=(), seats=(255, 255, 255), missing_badge=True)
        for view in VIEWS:
            assert not distinguishable(one, one, view)
            assert not distinguishable(one, hidden, view)
