"""Whole frames for a detector: their scenes, their boxes against other ways to find them, files."""

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from fake_studio import BlockStudio, block_asset
from messages import facts, says
from numpy.typing import NDArray

from platefree.city import generate_frames as generate_frames_module
from platefree.city.atelier import Atelier
from platefree.city.generate_frames import FrameSettings, generate_frames
from platefree.city.optics import full_frame
from platefree.city.output.frame_labels import label_frame
from platefree.city.output.frame_shards import FRAMES_PER_SHARD
from platefree.city.scene import (
    CameraModel,
    Conditions,
    Crop,
    Part,
    Picture,
    PlacedVehicle,
    Scene,
    VehicleAsset,
)
from platefree.city.studio import Order
from platefree.city.world.shots import vehicle_box
from platefree.city.world.street_frames import EMPTY, FrameSize, draw_scene
from platefree.data.frame_boxes import KINDS, read_frame_boxes
from platefree.data.table import read_table
from platefree.errors import DataError

ABOVE = CameraModel("above", (0.0, 0.0, 12.0), 0.0, math.radians(89.9), 140.0, 160, 96)
BESIDE = CameraModel("beside", (0.0, -14.0, 3.0), math.pi / 2, 0.15, 170.0, 160, 96)
SIDES = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6)]
LIDS = [(0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]


def solid(size: tuple[float, float, float]) -> VehicleAsset:
    """A block with all its sides, counter-clockwise seen from outside."""
    asset = block_asset(size)
    triangles = np.array([*SIDES, *LIDS], np.int32)
    return replace(asset, exterior=replace(asset.exterior, triangles=triangles))


@dataclass(frozen=True)
class SolidStudio(BlockStudio):
    """Blocks with all their sides; the lower left corner of each is its plate."""

    def build(self, order: Order) -> VehicleAsset:
        return solid(super().build(order).size)

    def render(self, scene: Scene, crop: Crop) -> Picture:
        if not scene.vehicles:
            shape = (crop.out_height, crop.out_width)
            empty = np.full(shape, -1, np.int16)
            none = np.zeros(shape, np.uint8)
            return Picture(np.zeros((*shape, 3), np.uint8), empty, none, none.astype(np.bool_))
        picture = super().render(scene, crop)
        part = picture.part.copy()
        for number in range(len(scene.vehicles)):
            rows, columns = np.nonzero(picture.vehicle == number)
            if len(rows) > 300:
                part[rows.max() - 4 : rows.max(), columns.min() : columns.min() + 10] = Part.PLATE
        return replace(picture, part=part)


def taken(camera: CameraModel, *vehicles: PlacedVehicle) -> tuple[Scene, Picture]:
    scene = Scene(camera, Conditions(), vehicles)
    return scene, SolidStudio().render(scene, full_frame(camera))


def test_a_vehicle_alone_has_the_box_of_its_corners() -> None:
    car = PlacedVehicle(solid((4.4, 1.8, 1.5)), (0.5, 1.0), 0.4)
    scene, picture = taken(ABOVE, car)
    (label,) = [each for each in label_frame(scene, picture, ("sedan",)) if each.kind == "car"]
    np.testing.assert_allclose(label.box, vehicle_box(ABOVE, car), atol=1.0)
    assert not label.ignore


def test_what_is_hidden_is_counted_with_the_real_renderer() -> None:
    """Against pictures of each vehicle alone."""
    studio = Atelier()
    types = [model.type for model in studio.models()]
    far, near = (studio.build(Order(types.index(each), 4)) for each in ("suv", "sedan"))
    vehicles = (
        PlacedVehicle(far, (0.6, 4.0), 0.0),
        PlacedVehicle(near, (-1.2, 0.0), math.pi),
    )
    scene = Scene(BESIDE, Conditions(), vehicles)
    labels = label_frame(scene, studio.render(scene, full_frame(BESIDE)), ("suv", "sedan"))
    boxes = [each for each in labels if each.kind == "car"]
    whole = studio.render(scene, full_frame(BESIDE)).vehicle
    for number, (vehicle, label) in enumerate(zip(vehicles, boxes, strict=True)):
        alone = replace(scene, vehicles=(vehicle,))
        mask = studio.render(alone, full_frame(BESIDE)).vehicle == 0
        hidden = 1 - (mask & (whole == number)).sum() / mask.sum()
        assert label.hidden == pytest.approx(hidden, abs=0.06)
        rows, columns = np.nonzero(mask)
        around = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(label.box, around, atol=1)
    assert boxes[0].hidden > 0.3 > boxes[1].hidden


def test_what_is_outside_the_frame_is_hidden() -> None:
    length = 8.0
    edge = 80 / 140 * 12.0  # metres on the ground from the middle to the right border
    for outside, doubtful in ((0.25, False), (0.75, True)):
        # Turned by a right angle, so that its length runs along the rows of the frame.
        shift = edge - length / 2 + outside * length
        block = PlacedVehicle(solid((length, 2.0, 0.01)), (0.0, -shift), math.pi / 2)
        scene, picture = taken(ABOVE, block)
        label = label_frame(scene, picture, ("bus",))[0]
        assert label.kind == "bus"
        assert label.box[2] == 160
        assert label.ignore == doubtful
        assert label.hidden == pytest.approx(outside, abs=0.04)


def test_the_box_of_a_plate_is_round_its_pixels() -> None:
    car = PlacedVehicle(solid((4.4, 1.8, 1.5)), (0.0, 0.0), 0.0)
    scene, picture = taken(ABOVE, car)
    (plate,) = [each for each in label_frame(scene, picture, ("van",)) if each.kind == "plate"]
    pixels = {
        (x, y)
        for y in range(picture.part.shape[0])
        for x in range(picture.part.shape[1])
        if picture.part[y, x] == Part.PLATE and picture.vehicle[y, x] == 0
    }
    left, top = min(x for x, _ in pixels), min(y for _, y in pixels)
    right, bottom = max(x for x, _ in pixels) + 1, max(y for _, y in pixels) + 1
    assert plate.box == (left, top, right, bottom)
    assert not plate.ignore


def corners(vehicle: PlacedVehicle) -> NDArray[np.float64]:
    length, width, _ = vehicle.asset.size
    turn = np.array(
        [
            [math.cos(vehicle.heading), -math.sin(vehicle.heading)],
            [math.sin(vehicle.heading), math.cos(vehicle.heading)],
        ]
    )
    block = np.array([(x, y) for x in (-length / 2, length / 2) for y in (-width / 2, width / 2)])
    return block @ turn.T + vehicle.position


def apart(one: PlacedVehicle, other: PlacedVehicle) -> bool:
    """Whether some axis separates two rectangles on the ground."""
    for angle in (one.heading, other.heading):
        for axis in ((math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))):
            first, second = corners(one) @ axis, corners(other) @ axis
            if first.max() <= second.min() or second.max() <= first.min():
                return True
    return False


def test_scenes_are_varied_and_no_vehicle_touches_another() -> None:
    sizes = [(4.4, 1.8, 1.5), (2.0, 0.8, 1.6), (11.0, 2.5, 3.0)]
    assets = [block_asset(size) for size in sizes]
    slim = [False, True, False]
    empty, weathers, mountings, dark = 0, Counter[str](), Counter[str](), 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        scene, numbers = draw_scene(random, assets.__getitem__, slim, FrameSize())
        assert [assets[each] for each in numbers] == [each.asset for each in scene.vehicles]
        empty += not scene.vehicles
        weathers[scene.conditions.weather] += 1
        mountings[scene.camera.name] += 1
        dark += scene.conditions.sun_elevation < 0
        if seed < 25:
            near = [each for each in scene.vehicles if abs(each.position[0]) < 40]
            for place, vehicle in enumerate(near):
                assert all(apart(vehicle, other) for other in near[:place])
    assert EMPTY * 300 - 15 < empty < EMPTY * 300 + 25
    assert len(weathers) == 4
    assert len(mountings) == 4
    assert 40 < dark < 110


SETTINGS = FrameSettings(FRAMES_PER_SHARD + 4, seed=2, width=96, height=64)


def test_frames_are_the_same_however_they_were_made(tmp_path: Path) -> None:
    """By one process or two, at once or after an interruption."""
    studio = SolidStudio()
    card = generate_frames(tmp_path / "one", SETTINGS, workers=1, studio=studio)
    generate_frames(tmp_path / "two", SETTINGS, workers=2, studio=studio)
    for name in ("card.json", "images.csv", "frame_boxes.csv"):
        (tmp_path / "two" / name).unlink()
    for path in (tmp_path / "two" / "images" / "00001").iterdir():
        path.unlink()
    (tmp_path / "two" / "images" / "00001").rmdir()
    generate_frames(tmp_path / "two", SETTINGS, workers=1, studio=studio)
    files = {
        each.relative_to(tmp_path / "one"): each.read_bytes()
        for each in (tmp_path / "one").rglob("*")
        if each.is_file()
    }
    assert len(files) == SETTINGS.frames + 2 + 4
    for name, content in files.items():
        assert (tmp_path / "two" / name).read_bytes() == content
    assert card == json.loads((tmp_path / "one" / "card.json").read_text())
    assert generate_frames(tmp_path / "one", SETTINGS) == card  # nothing is rendered again


def test_the_files_of_frames_agree(tmp_path: Path) -> None:
    card = generate_frames(tmp_path / "frames", SETTINGS, workers=1, studio=SolidStudio())
    table = read_table(tmp_path / "frames")
    boxes = read_frame_boxes(tmp_path / "frames" / "frame_boxes.csv")
    assert len(table) == SETTINGS.frames
    assert table.image.tolist() == boxes.frame.tolist()
    assert set(table.split.tolist()) == {"train"}
    assert all(Path(table.path(row)).is_file() for row in range(len(table)))
    for place, kind in enumerate(KINDS):
        assert card["boxes"][kind] == int(((boxes.kind == place) & ~boxes.ignore).sum())
    assert card["boxes"]["car"] > 20
    assert card["boxes"]["plate"] > 0
    assert card["empty"] == sum(not len(boxes.of(row)) for row in range(len(table)))
    assert (boxes.box >= 0).all()
    assert (boxes.box <= [96, 64, 96, 64]).all()


def test_held_out_frames_have_no_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platefree.city.generate_frames._HELD_OUT_EVERY", 2)
    generate_frames(tmp_path / "frames", SETTINGS, workers=1, studio=SolidStudio())
    split = read_table(tmp_path / "frames").split.tolist()
    assert split == ["train"] * FRAMES_PER_SHARD + [""] * (SETTINGS.frames - FRAMES_PER_SHARD)


def test_the_verb_writes_frames(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate_frames_module, "_own_studio", SolidStudio)
    options = ("--frames", 2, "--seed", 3, "--workers", 1)
    code, out, err = run("city", tmp_path / "frames", *options, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["frames"], told["seed"], told["width"], told["height"]) == (2, 3, 640, 352)
    assert len(read_frame_boxes(tmp_path / "frames" / "frame_boxes.csv").frame) == 2
    code, out, _ = run("city", tmp_path / "frames", *options)
    assert code == 0
    assert says(out, "2 frames", f"{told['boxes']['car']} car")


def test_other_settings_and_other_folders_are_refused(tmp_path: Path) -> None:
    small = replace(SETTINGS, frames=1)
    generate_frames(tmp_path / "frames", small, workers=1, studio=SolidStudio())
    with pytest.raises(DataError, match=facts("frames.json")):
        generate_frames(tmp_path / "frames", SETTINGS, studio=SolidStudio())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=facts("not empty")):
        generate_frames(tmp_path / "other", small, studio=SolidStudio())
    with pytest.raises(DataError, match=facts("width", "9,000", "4,096")):
        FrameSettings(width=9000)
