"""Renders the pictures of docs/city.md: python docs/city_pictures.py [FOLDER]."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from platefree.city.atelier import Atelier
from platefree.city.optics import full_frame
from platefree.city.output.label_files import label_shot
from platefree.city.plan import PRESETS, CitySettings, plan_city
from platefree.city.render.renderer import render
from platefree.city.scene import (
    Bytes,
    CameraModel,
    Conditions,
    Crop,
    PlacedVehicle,
    Scene,
    VehicleAsset,
)
from platefree.city.vehicles.models import MODELS, varied_models
from platefree.city.vehicles.near_duplicates import draw_near_duplicate
from platefree.city.vehicles.vehicle import build_vehicle
from platefree.city.vehicles.vehicle_identity import draw_identity
from platefree.city.world.shots import Shot, shots_of, vehicle_box

KINDS = tuple(dict.fromkeys(model.kind for model in MODELS))
CAMERA = CameraModel(
    "docs", position=(-16.0, 3.0, 6.0), yaw=-0.18, pitch=0.33, focal=1400.0, noise=2.0, seed=5
)
VEHICLE = (0.0, -0.5)
_CYCLES = [index for index, model in enumerate(varied_models()) if model.cycle is not None]
MOMENTS = {
    "clear noon": Conditions(0.9, 0.95, "clear"),
    "low sun": Conditions(2.4, 0.2, "clear"),
    "overcast": Conditions(0.8, 0.7, "overcast"),
    "rain": Conditions(0.8, 0.6, "rain"),
    "fog": Conditions(0.8, 0.5, "fog"),
    "dusk": Conditions(2.8, -0.03, "clear"),
    "night": Conditions(2.8, -0.5, "clear"),
    "wet night": Conditions(2.8, -0.5, "rain"),
}
LINES = {"windows": "#35d0ff", "lights": "#ffb000", "brand": "#ff4fd8"}


def main(folder: Path) -> None:
    """Write every sheet as a small JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    sheets = {
        "types": grid(types(), 8),
        "conditions": grid(conditions(), 8),
        "near_duplicates": grid(near_duplicates(), 5),
        "track": grid(track(), 8),
        "labels": grid(labels(), 4),
        "frame": frame(),
        "streets": grid(streets(), 12),
    }
    for name, sheet in sheets.items():
        sheet.save(folder / f"{name}.jpg", quality=82, optimize=True)
        print(folder / f"{name}.jpg", sheet.size)


def grid(pictures: Iterator[Image.Image], columns: int) -> Image.Image:
    """Pictures of one size, side by side."""
    cells = list(pictures)
    width, height = cells[0].width + 2, cells[0].height + 2
    rows = math.ceil(len(cells) / columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for place, cell in enumerate(cells):
        sheet.paste(cell, (place % columns * width, place // columns * height))
    return sheet


def asset_of(kind: str, number: int, seed: int) -> VehicleAsset:
    """A vehicle of a kind."""
    models = [model for model in MODELS if model.kind == kind]
    model = models[number % len(models)]
    return build_vehicle(model, draw_identity(model, seed))


def photograph(
    asset: VehicleAsset,
    degrees: float,
    size: int,
    conditions: Conditions = MOMENTS["clear noon"],
    camera: CameraModel = CAMERA,
) -> Image.Image:
    """A vehicle seen from an azimuth, cut out a little loosely and squared."""
    x, y = VEHICLE[0] - camera.position[0], VEHICLE[1] - camera.position[1]
    heading = math.atan2(y, x) + math.pi - math.radians(degrees)
    dark = conditions.sun_elevation < 0 or conditions.weather in ("rain", "fog")
    vehicle = PlacedVehicle(asset, VEHICLE, heading, lamps=float(dark))
    left, top, right, bottom = vehicle_box(camera, vehicle)
    side = 1.12 * max(right - left, bottom - top)
    corner = (left + right - side) / 2, (top + bottom - side) / 2
    scene = Scene(camera, conditions, (vehicle,), seed=int(degrees))
    return Image.fromarray(render(scene, Crop(*corner, side, side, size, size)).pixels)


def types() -> Iterator[Image.Image]:
    """Every type from eight sides; a type's row shows two of its models."""
    for row, kind in enumerate(KINDS):
        assets = [asset_of(kind, number, 40 + row + 7 * number) for number in (0, 1)]
        for view in range(8):
            yield photograph(assets[view // 4], 45.0 * view, 128)


def conditions() -> Iterator[Image.Image]:
    """Vehicles by day, at night, in rain and fog; a column is a moment."""
    for row, kind in enumerate(("sedan", "suv", "van", "motorcycle")):
        asset = asset_of(kind, 2, 11 + row)
        for moment in MOMENTS.values():
            yield photograph(asset, 25.0 if row % 2 else 205.0, 128, moment)


def near_duplicates() -> Iterator[Image.Image]:
    """Ten vehicles of one model and color: from the front above, from behind below."""
    model = next(model for model in MODELS if model.kind == "suv")
    first = draw_identity(model, 3)
    identities = [first, *(draw_near_duplicate(first, seed) for seed in range(1, 10))]
    assets = [build_vehicle(model, identity) for identity in identities]
    for half in (assets[:5], assets[5:]):
        for degrees in (20.0, 200.0):
            yield from (photograph(asset, degrees, 240) for asset in half)


def streets() -> Iterator[Image.Image]:
    """Vehicles of the preset ``streets`` in pairs: each as two cameras take it."""
    studio = Atelier("varied")
    settings = replace(PRESETS["streets"], vehicles=300, cameras=16, images=900, seed=4)
    plan = plan_city(settings, studio)
    slim = [order for order in plan.bystanders if order.model in _CYCLES][:4]
    bystanders = [studio.build(order) for order in slim]
    for kind, count in (("motorcycle", 24), ("truck", 6), ("suv", 4), ("van", 2)):
        journeys = [each for each in plan.journeys if each.vehicle.type == kind]
        for journey in journeys[:count]:
            asset = studio.build(journey.vehicle.order)
            passes = {passed.camera: passed for passed in journey.passes}
            for passed in list(passes.values())[:2]:
                shot = shots_of(
                    replace(passed, pictures=1), plan.cameras[passed.camera], plan.climate, asset,
                    bystanders.__getitem__, pool=len(bystanders), size=96,
                )[0]  # fmt: skip
                yield framed(render(shot.scene, shot.crop).pixels, 96)


def framed(pixels: Bytes, size: int) -> Image.Image:
    """A picture in the middle of a white square, enlarged until it touches its border."""
    picture = Image.fromarray(pixels)
    scale = size / max(picture.size)
    width, height = (round(scale * side) for side in picture.size)
    square = Image.new("RGB", (size, size), "white")
    corner = (size - width) // 2, (size - height) // 2
    square.paste(picture.resize((width, height), Image.Resampling.BICUBIC), corner)
    return square


def shots(kinds: Sequence[str], pictures: int, size: int) -> Iterator[Shot]:
    """Pictures of passes as a city takes them."""
    studio = Atelier()
    plan = plan_city(CitySettings(vehicles=60, cameras=6, images=600, seed=3, size=size), studio)
    bystanders = [studio.build(order) for order in plan.bystanders[:4]]
    for kind in kinds:
        journey = next(each for each in plan.journeys if each.vehicle.type == kind)
        asset = studio.build(journey.vehicle.order)
        passed = replace(journey.passes[0], pictures=pictures)
        site = plan.cameras[passed.camera]
        yield from shots_of(
            passed, site, plan.climate, asset, bystanders.__getitem__, pool=4, size=size
        )


def squared(pixels: Bytes, size: int) -> Image.Image:
    """A picture on a square, enlarged to fill it."""
    return Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)


def track() -> Iterator[Image.Image]:
    """A track in each row: one vehicle passes one camera."""
    for shot in shots(("hatchback", "motorcycle"), 8, 128):
        yield squared(render(shot.scene, shot.crop).pixels, 128)


def labels() -> Iterator[Image.Image]:
    """The labelled boxes of windows, lights and brand area, and of the vehicle."""
    for shot in shots(("sedan", "suv", "van", "truck", "bus", "motorcycle"), 2, 256):
        picture = render(shot.scene, shot.crop)
        found = label_shot(shot, picture)
        height, width = picture.vehicle.shape
        scale = np.array([256 / width, 256 / height] * 2)
        drawn = squared(picture.pixels, 256)
        pen = ImageDraw.Draw(drawn)
        pen.rectangle([*(scale * found.vehicle_box)], outline="#e8ff00")
        for name, color in LINES.items():
            for box in getattr(found, name):
                pen.rectangle([*(scale * box)], outline=color, width=2)
        yield drawn


def frame() -> Image.Image:
    """A whole camera frame: the same scene, not cut."""
    camera = replace(CAMERA, focal=900.0, lanes=2)
    parked = [("suv", -8.0, -1.7), ("motorcycle", 4.0, -2.4), ("bus", 16.0, -4.9)]
    coming = [("sedan", -2.0, 1.7), ("van", 12.0, 5.1), ("box_truck", 27.0, 1.7)]
    vehicles = tuple(
        PlacedVehicle(asset_of(kind, 1, 70 + number), (x, y), 0.0 if y < 0 else math.pi)
        for number, (kind, x, y) in enumerate([*parked, *coming])
    )
    scene = Scene(camera, MOMENTS["clear noon"], vehicles)
    whole = replace(full_frame(camera), out_width=960, out_height=540)
    return Image.fromarray(render(scene, whole).pixels)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "city")
