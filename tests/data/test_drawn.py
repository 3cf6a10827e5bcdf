from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from drawn import LOOKALIKES, PAINTS, SHAPES, draw_vehicles
from messages import facts
from numpy.typing import NDArray
from PIL import Image

from platefree.data.table import read_table
from platefree.errors import DataError
from platefree.types import Sightings, known_values


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Sightings:
    return read_table(draw_vehicles(tmp_path_factory.mktemp("drawn"), vehicles=12, size=64))


def test_table_is_complete(table: Sightings) -> None:
    assert len(table) == 12 * 3 * 2
    for column in ("vehicle", "camera", "type", "color", "split"):
        assert (getattr(table, column) != "").all()
    assert not np.isnat(table.time).any()
    assert len(known_values(table.vehicle)) == 12
    assert len(known_values(table.camera)) == 3
    assert set(known_values(table.type)) <= set(SHAPES)
    assert set(known_values(table.color)) <= set(PAINTS)


def test_pictures_are_there(table: Sightings) -> None:
    for row in range(len(table)):
        with Image.open(table.path(row)) as picture:
            assert picture.size == (64, 64)
            assert picture.mode == "RGB"
    folder = table.root / "images"
    assert len(list(folder.iterdir())) == len(table)


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    def contents(name: str, seed: int, vehicles: int = 4) -> dict[str, bytes]:
        folder = tmp_path / name
        draw_vehicles(folder, vehicles=vehicles, seed=seed, size=48)
        files = (file for file in folder.rglob("*") if file.is_file())
        return {str(file.relative_to(folder)): file.read_bytes() for file in files}

    first = contents("a", 0)
    assert first == contents("b", 0)
    other = contents("c", 1)
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)
    more = contents("d", 0, vehicles=6)
    assert all(first[name] == more[name] for name in first if name.endswith(".jpg"))


def test_no_vehicle_is_both_trained_on_and_searched(table: Sightings) -> None:
    train = table.split == "train"
    trained, searched = set(table.vehicle[train]), set(table.vehicle[~train])
    assert not trained & searched
    assert len(trained) == len(searched) == 6


def test_every_query_has_a_match_before_another_camera(table: Sightings) -> None:
    gallery = table.take(table.split == "gallery")
    query = table.take(table.split == "query")
    assert sorted(query.vehicle) == sorted(known_values(gallery.vehicle))
    for vehicle, camera in zip(query.vehicle, query.camera, strict=True):
        assert ((gallery.vehicle == vehicle) & (gallery.camera != camera)).any()
    assert len(known_values(query.camera)) > 1


def test_type_and_color_do_not_solve_it(table: Sightings) -> None:
    for split in ("train", "query"):
        part = table.take(table.split == split)
        kinds: dict[tuple[str, str], set[str]] = {}
        for row in range(len(part)):
            kind = (str(part.type[row]), str(part.color[row]))
            kinds.setdefault(kind, set()).add(str(part.vehicle[row]))
        assert all(len(vehicles) >= LOOKALIKES // 2 for vehicles in kinds.values())


def test_each_camera_is_passed_once_in_turn(table: Sightings) -> None:
    for vehicle in known_values(table.vehicle):
        times = table.time[table.vehicle == vehicle]
        assert (np.diff(times) > np.timedelta64(0)).all()


def test_lookalikes_differ_more_than_shots_of_one_vehicle(tmp_path: Path) -> None:
    draw_vehicles(tmp_path, vehicles=5 * LOOKALIKES, cameras=2)

    def hues(vehicle: int, shot: int) -> NDArray[np.float64]:
        with Image.open(tmp_path / f"images/v{vehicle:04d}_c1_{shot}.jpg") as picture:
            hue, saturation, _ = np.moveaxis(np.asarray(picture.convert("HSV")), 2, 0)
        counts = np.histogram(hue[saturation > 90], 32, (0, 256))[0].astype(np.float64)
        return np.asarray(counts / counts.sum())

    distinguishable = [
        np.abs(hues(one, 1) - hues(other, 2)).sum() > np.abs(hues(one, 1) - hues(one, 2)).sum()
        for group in range(5)
        for one, other in permutations(range(group * LOOKALIKES, (group + 1) * LOOKALIKES), 2)
    ]
    assert np.mean(distinguishable) > 0.9


@pytest.mark.parametrize(
    "numbers", [{"vehicles": 1}, {"cameras": 1}, {"images_per_camera": 0}, {"size": 8}]
)
def test_too_few_of_anything_is_refused(tmp_path: Path, numbers: dict[str, int]) -> None:
    with pytest.raises(DataError, match=facts("at least", "2, 2, 1 and 32", *numbers.values())):
        draw_vehicles(tmp_path, **numbers)
    assert not any(tmp_path.iterdir())
