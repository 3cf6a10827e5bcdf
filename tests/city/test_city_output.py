"""What a city leaves on disk: the same bytes however it was made, valid splits, exact layouts."""

import hashlib
import itertools
import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import REPOSITORY
from fake_studio import BlockStudio
from messages import facts
from PIL import Image

from platefree.city.generate import CityNumbers, estimated_bytes, generate_city, require_space
from platefree.city.output.card import CityCard
from platefree.city.output.layout_compcars import write_compcars
from platefree.city.output.layout_source import Source
from platefree.city.output.layouts import NAMES, write_layout
from platefree.city.plan import CitySettings
from platefree.data.check import check_table
from platefree.data.support import valid_matches
from platefree.data.table import read_table
from platefree.errors import DataError, Interrupted, StorageError
from platefree.types import Sightings

NUMBERS = {"vehicles": 24, "cameras": 5, "images": 240, "seed": 7, "size": 64}


def digest(folder: Path) -> dict[str, str]:
    """Every file below a folder, and a hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "one"
    generate_city(folder, **NUMBERS, studio=BlockStudio(), workers=1)
    return folder


@pytest.fixture(scope="session")
def table(city: Path) -> Sightings:
    return read_table(city)


@pytest.fixture(scope="session")
def labels(city: Path) -> dict[str, list]:
    return pq.read_table(city / "labels.parquet").to_pydict()


# --- the same bytes ---------------------------------------------------------------------------


@pytest.mark.slow
def test_three_processes_write_the_same_bytes_as_one(city: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    generate_city(
        tmp_path / "city",
        **NUMBERS,
        studio=BlockStudio(),
        workers=3,
        on_progress=lambda *each: seen.append(each),
    )
    assert digest(tmp_path / "city") == digest(city)
    assert seen[0] == (0, 240)
    assert seen[-1] == (240, 240)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_another_seed_is_another_city(city: Path, tmp_path: Path) -> None:
    generate_city(tmp_path / "city", **{**NUMBERS, "seed": 8}, studio=BlockStudio(), workers=1)
    ours, other = digest(city), digest(tmp_path / "city")
    assert ours["images.csv"] != other["images.csv"]
    assert not set(ours.values()) & set(other.values())


SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from platefree.city.generate import generate_city
from slow_studio import SlowStudio
if __name__ == "__main__":
    generate_city(Path({out!r}), **{numbers!r}, studio=SlowStudio(), workers={workers})
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_loses_only_the_shards_in_hand(city: Path, tmp_path: Path, workers: int) -> None:
    out, script = tmp_path / "city", tmp_path / "slow.py"
    tests = str(REPOSITORY / "tests")
    script.write_text(SLOW.format(tests=tests, out=str(out), numbers=NUMBERS, workers=workers))
    process = subprocess.Popen([sys.executable, script])
    wait_for(lambda: len(finished(out)) >= 3)
    with pytest.raises(StorageError, match=facts(out.name, "another run")):
        generate_city(out, **NUMBERS, studio=BlockStudio(), workers=1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in finished(out)}
    assert len(kept) >= 3
    assert not (out / "card.json").exists()
    time.sleep(0.5)  # orphaned workers end by themselves
    generate_city(out, **NUMBERS, studio=BlockStudio(), workers=1)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert digest(out) == digest(city)
    assert not list(out.rglob(".partial-*"))


def finished(out: Path) -> list[Path]:
    return sorted(path for path in out.glob("images/*") if path.name.isdigit())


def wait_for(happened: object, seconds: float = 30.0) -> None:
    assert callable(happened)
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)


class ImpatientStudio(BlockStudio):
    """Somebody presses Ctrl-C at the fourth vehicle."""

    built: list[int] = []  # noqa: RUF012 - counts over all instances

    def build(self, order: object) -> object:
        self.built.append(1)
        if len(self.built) > 60:
            raise KeyboardInterrupt
        return super().build(order)  # type: ignore[arg-type]


def test_ctrl_c_says_how_to_go_on(city: Path, tmp_path: Path) -> None:
    ImpatientStudio.built[:] = [1] * 50
    with pytest.raises(Interrupted, match=facts("2 of 13 shards", "same command again")):
        generate_city(tmp_path / "city", **NUMBERS, studio=ImpatientStudio(), workers=1)
    generate_city(tmp_path / "city", **NUMBERS, studio=BlockStudio(), workers=1)
    assert digest(tmp_path / "city") == digest(city)


def test_a_finished_city_is_left_alone(city: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in city.rglob("*")}
    card = generate_city(city, **NUMBERS, studio=BlockStudio(), workers=1)
    assert {path: path.stat().st_mtime_ns for path in city.rglob("*")} == before
    assert card == CityCard.read(city / "card.json")
    assert card.images == 240


def test_settings_are_given_by_name_or_whole(city: Path, tmp_path: Path) -> None:
    settings = CitySettings(**NUMBERS)
    generate_city(tmp_path / "whole", settings, studio=BlockStudio(), workers=1)
    assert digest(tmp_path / "whole") == digest(city)
    changed = generate_city(
        tmp_path / "changed", settings, images=60, seed=1, studio=BlockStudio(), workers=1
    )
    assert changed.settings == replace(settings, images=60, seed=1)
    own = {each.name for each in fields(CitySettings)} - {"seed", "preset"}
    assert set(CityNumbers.__annotations__) == own


def test_other_settings_and_other_folders_are_refused(city: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts(str(city), "other settings", "plan.json")):
        generate_city(city, **{**NUMBERS, "images": 241}, studio=BlockStudio())
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=facts(str(tmp_path), "not empty", "no city")):
        generate_city(tmp_path, **NUMBERS, studio=BlockStudio())
    with pytest.raises(DataError, match=facts("preset 'huge'", "tiny, small")):
        generate_city(tmp_path / "city", preset="huge", studio=BlockStudio())


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    needed = estimated_bytes(20_000, 256)
    assert 2e8 < needed < 2e9
    require_space(tmp_path, needed, free=lambda folder: 2 * needed)
    with pytest.raises(StorageError, match=facts("0.2 GB", "0.1 GB", "--images", "--size")):
        require_space(tmp_path, needed, free=lambda folder: 10**8)


def test_the_estimate_is_not_too_small(city: Path) -> None:
    used = sum(path.stat().st_size for path in city.rglob("*.jpg"))
    assert used < estimated_bytes(240, 64)


# --- what is in it ----------------------------------------------------------------------------


def test_the_table_reads_and_the_pictures_are_there(city: Path, table: Sightings) -> None:
    assert len(table) == 240
    for column in ("vehicle", "camera", "track", "model", "type", "color", "view", "split"):
        assert (getattr(table, column) != "").all(), column
    assert not np.isnat(table.time).any()
    check = check_table(table)
    assert check.passed
    assert {each.name for each in check.protocols if each.supported} == {
        *("cross-camera", "query-gallery", "leave-one-out"),
    }
    assert len(list((city / "images").rglob("*.jpg"))) == 240


def test_splits_share_no_vehicle_and_every_query_has_a_match(table: Sightings) -> None:
    rows = list(zip(table.split, table.vehicle, table.camera, strict=True))
    trained = {vehicle for split, vehicle, _ in rows if split == "train"}
    tested = {vehicle for split, vehicle, _ in rows if split != "train"}
    assert trained
    assert tested
    assert not trained & tested
    queries = [(vehicle, camera) for split, vehicle, camera in rows if split == "query"]
    assert queries
    assert len(set(queries)) == len(queries)  # one for each vehicle and camera
    for vehicle, camera in queries:
        assert any(
            split == "gallery" and other == vehicle and where != camera
            for split, other, where in rows
        )
    assert valid_matches(table, table.split == "query", table.split == "gallery").min() > 0


def test_labels_fit_their_pictures(city: Path, table: Sightings, labels: dict[str, list]) -> None:
    assert labels["image"] == table.image.tolist()
    assert labels["split"] == table.split.tolist()
    for row in range(0, 240, 5):
        with Image.open(city / labels["image"][row]) as picture:
            assert picture.size == (labels["width"][row], labels["height"][row])
        left, top, right, bottom = labels["vehicle_box"][row]
        assert 0 <= left < right <= labels["width"][row]
        assert 0 <= top < bottom <= labels["height"][row]
        assert labels["occlusion"][row] <= 0.6
        for box in labels["windows"][row]:
            assert left <= box[0] < box[2] <= right
            assert top <= box[1] < box[3] <= bottom


def test_the_frame_box_is_where_the_picture_shows_the_vehicle(labels: dict[str, list]) -> None:
    overlaps = []
    for row in range(240):
        if labels["occlusion"][row] > 0 or labels["inside"][row] < 1:
            continue
        crop, frame = np.array(labels["crop_box"][row]), np.array(labels["frame_box"][row])
        scale = np.array([labels["width"][row], labels["height"][row]]) / (crop[2:] - crop[:2])
        seen = np.array(labels["vehicle_box"][row]) / np.tile(scale, 2) + np.tile(crop[:2], 2)
        frame = np.concatenate([np.maximum(frame[:2], crop[:2]), np.minimum(frame[2:], crop[2:])])
        low, high = np.maximum(seen[:2], frame[:2]), np.minimum(seen[2:], frame[2:])
        both = np.prod(np.maximum(high - low, 0))
        union = np.prod(seen[2:] - seen[:2]) + np.prod(frame[2:] - frame[:2]) - both
        overlaps.append(both / union)
    assert len(overlaps) > 60
    assert np.median(overlaps) > 0.95
    assert np.min(overlaps) > 0.8


def test_the_card_counts_what_is_there(city: Path, table: Sightings) -> None:
    card = json.loads((city / "card.json").read_text())
    assert card["images"] == 240
    assert card["vehicles"] == len(set(table.vehicle.tolist())) == 24
    assert card["tracks"] == len(set(table.track.tolist()))
    assert card["settings"]["seed"] == 7
    assert sum(card["pictures"]["split"].values()) == 240
    assert card["fingerprint"] == table.fingerprint()
    cameras = json.loads((city / "cameras.json").read_text())
    assert [each["name"] for each in cameras] == [f"c{n:03d}" for n in range(1, 6)]


# --- layouts ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def layouts(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("layouts")
    for name in NAMES:
        assert write_layout(city, root / name, name) == root / name
    return root


def lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text("utf-8").splitlines()]


def same_picture(path: Path, table: Sightings) -> int:
    """The row of the table whose bytes a laid-out picture has."""
    if not hasattr(same_picture, "rows"):
        rows = {table.path(row).read_bytes(): row for row in range(len(table))}
        same_picture.rows = rows  # type: ignore[attr-defined]
    row: int = same_picture.rows[path.read_bytes()]  # type: ignore[attr-defined]
    return row


def test_vehicleid(layouts: Path, table: Sightings) -> None:
    root = layouts / "vehicleid"
    assert len(list((root / "image").glob("*.jpg"))) == 240
    vehicles: dict[str, str] = {}
    for name, split in (("train_list", "train"), ("test_list_800", ""), ("test_list_13164", "")):
        rows = lines(root / "train_test_split" / f"{name}.txt")
        for image, vehicle in rows:
            row = same_picture(root / "image" / f"{image}.jpg", table)
            assert (table.split[row] == "train") == (split == "train")
            assert vehicles.setdefault(vehicle, str(table.vehicle[row])) == table.vehicle[row]
    assert len(vehicles) == 24
    assert len(lines(root / "attribute" / "img2vid.txt")) == 240
    models = dict(lines(root / "attribute" / "model_attr.txt"))
    names = dict(line.split(" ", 1) for line in
                 (root / "attribute" / "model_names.txt").read_text().splitlines())  # fmt: skip
    for number, vehicle in vehicles.items():
        assert names[models[number]] == table.model[table.vehicle == vehicle][0]
    colors = [name for _, name in lines(root / "attribute" / "color_names.txt")]
    assert colors[:7] == ["black", "blue", "gray", "red", "silver", "white", "yellow"]


def parse_veri(root: Path, split: str) -> dict[str, dict[str, str]]:
    data = (root / f"{split}_label.xml").read_bytes()
    assert b'encoding="gb2312"' in data.splitlines()[0]
    text = data.decode("gb2312").split("?>", 1)[1]
    return {item.attrib["imageName"]: item.attrib for item in ET.fromstring(text).iter("Item")}  # noqa: S314


def test_veri_776(layouts: Path, table: Sightings) -> None:
    root = layouts / "veri-776"
    names = {s: [line[0] for line in lines(root / f"name_{s}.txt")] for s in
             ("train", "query", "test")}  # fmt: skip
    assert {s: len(n) for s, n in names.items()} == {
        "train": (table.split == "train").sum(),
        "query": (table.split == "query").sum(),
        "test": (table.split != "train").sum(),
    }
    assert set(names["query"]) <= set(names["test"])
    colors, types = (dict(lines(root / f"list_{n}.txt")) for n in ("color", "type"))
    assert colors["1"] == "yellow"
    assert colors["10"] == "black"
    assert types["9"] == "estate"
    for split in ("train", "test"):
        items = parse_veri(root, split)
        assert list(items) == names[split]
        for name, item in items.items():
            row = same_picture(root / f"image_{split}" / name, table)
            assert name.split("_")[:2] == [item["vehicleID"], item["cameraID"]]
            assert len(name) == len("0002_c002_00030600_0.jpg")
            assert item["cameraID"] == table.camera[row]
            assert types[item["typeID"]] == str(table.type[row]).lower()
            assert colors[item["colorID"]] == str(table.color[row]).replace("grey", "gray")
    check_indices(root, names)
    tracks = lines(root / "test_track.txt")
    assert sorted(itertools.chain(*tracks)) == sorted(names["test"])
    assert len(tracks) == len(set(table.track[table.split != "train"].tolist()))
    distances = np.array(lines(root / "camera_Dist.txt"), float)
    assert distances.shape == (5, 5)
    np.testing.assert_allclose(distances, distances.T)


def check_indices(root: Path, names: dict[str, list[str]]) -> None:
    goods, junks = lines(root / "gt_index.txt"), lines(root / "jk_index.txt")
    for query, good, junk in zip(names["query"], goods, junks, strict=True):
        vehicle, camera = query.split("_")[:2]
        for place, name in enumerate(names["test"], 1):
            same, own = name.startswith(f"{vehicle}_"), name.startswith(f"{vehicle}_{camera}_")
            assert (str(place) in good) == (same and not own)
            assert (str(place) in junk) == own


def test_veri_wild(layouts: Path, table: Sightings) -> None:
    root = layouts / "veri-wild"
    folder = root / "train_test_split"
    header, *info = (folder / "vehicle_info.txt").read_text().splitlines()
    assert header.count(";") == 5
    known = {line.split(";")[0]: line.split(";")[1:] for line in info}
    assert len(known) == 240
    vehicles: dict[str, str] = {}
    for name, (camera, when, model, kind, color) in known.items():
        row = same_picture(root / "images" / f"{name}.jpg", table)
        assert vehicles.setdefault(name.split("/")[0], table.vehicle[row]) == table.vehicle[row]
        assert f"c{int(camera):03d}" == table.camera[row]
        assert np.datetime64(when) == table.time[row].astype("datetime64[s]")
        assert (model, kind) == (table.model[row], table.type[row])
        assert color == str(table.color[row]).replace("grey", "gray")
    tested = len(set(table.vehicle[table.split == "query"].tolist()))
    for size in (3000, 5000, 10000):
        queries = [line[0] for line in lines(folder / f"test_{size}_query.txt")]
        gallery = [line[0] for line in lines(folder / f"test_{size}.txt")]
        assert len(queries) == len({name.split("/")[0] for name in queries}) == tested
        assert not set(queries) & set(gallery)
        for name in queries:
            mates = [other for other in gallery if other.split("/")[0] == name.split("/")[0]]
            assert any(known[other][0] != known[name][0] for other in mates)
    assert len(lines(folder / "train_list.txt")) == (table.split == "train").sum()


def test_cityflow(layouts: Path, table: Sightings) -> None:
    root = layouts / "cityflow" / "AIC21_Track2_ReID"
    splits = {"train": "train", "query": "query", "test": "gallery"}
    counts = {}
    for split, own in splits.items():
        items = parse_veri(root, split)
        pictures = sorted(path.name for path in (root / f"image_{split}").iterdir())
        assert pictures == sorted(items) == [f"{n:06d}.jpg" for n in range(1, len(items) + 1)]
        counts[split] = len(items)
        for name, item in items.items():
            row = same_picture(root / f"image_{split}" / name, table)
            assert table.split[row] == own
            assert ("vehicleID" in item) == (split == "train")
            assert item["cameraID"] == table.camera[row]
    assert counts["query"] == (table.split == "query").sum()
    assert counts["test"] == (table.split == "gallery").sum()
    for split in ("train", "test"):
        tracks = lines(root / f"{split}_track.txt")
        for track in tracks:
            rows = [same_picture(root / f"image_{split}" / name, table) for name in track]
            assert len(set(table.track[rows].tolist())) == 1
        assert sum(map(len, tracks)) == counts[split]


def test_the_simulated_part_of_cityflow(
    city: Path, layouts: Path, table: Sightings, labels: dict[str, list]
) -> None:
    root = layouts / "cityflow" / "AIC21_Track2_ReID_Simulation"
    items = parse_veri(root, "train")
    assert sorted(items) == sorted(path.name for path in (root / "sys_image_train").iterdir())
    cameras = {each["name"]: each for each in json.loads((city / "cameras.json").read_text())}
    colors, types = (dict(lines(root / f"list_{kind}.txt")) for kind in ("color", "type"))
    vehicles: dict[str, str] = {}
    for name, item in items.items():
        row = same_picture(root / "sys_image_train" / name, table)
        vehicle, camera, _ = name.split("_")
        assert len(vehicle) == 5
        assert int(vehicle) == int(item["vehicleID"])
        assert vehicles.setdefault(vehicle, table.vehicle[row]) == table.vehicle[row]
        assert camera == item["cameraID"] == table.camera[row]
        assert colors[item["colorID"]] == table.color[row]
        assert types[item["typeID"]] == table.type[row]
        assert float(item["orientation"]) == pytest.approx(labels["azimuth"][row], abs=0.06)
        assert float(item["lightDir"]) == pytest.approx(labels["sun_elevation"][row], abs=0.06)
        assert 0 <= float(item["lightInt"]) <= 1
        assert (float(item["lightInt"]) > 0.01) == (labels["sun_elevation"][row] > 0.6)
        height = cameras[str(table.camera[row])]["position"][2]
        assert float(item["camHei"]) == pytest.approx(height, abs=0.06)
    # A third of the training vehicles, all of their pictures, and none of them in the real part.
    assert len(vehicles) == len(set(table.vehicle[table.split == "train"])) // 3
    real = layouts / "cityflow" / "AIC21_Track2_ReID" / "image_train"
    rows = [same_picture(path, table) for path in real.iterdir()]
    assert not set(table.vehicle[rows]) & set(vehicles.values())
    assert len(rows) + len(items) == (table.split == "train").sum()


def test_compcars(layouts: Path, table: Sightings, labels: dict[str, list]) -> None:
    root = layouts / "compcars" / "data"
    models: dict[str, str] = {}
    pictures = sorted((root / "image").rglob("*.jpg"))
    assert len(pictures) == 240
    for path in pictures:
        row = same_picture(path, table)
        name = path.relative_to(root / "image")
        assert len(name.parts) == 4
        assert models.setdefault(name.parts[1], table.model[row]) == table.model[row]
        view, count, box = (root / "label" / name.with_suffix(".txt")).read_text().splitlines()
        assert int(view) in (1, 2, 3, 4, 5)
        assert count == "1"
        left, top, right, bottom = map(int, box.split())
        assert [left - 1, top - 1, right, bottom] == labels["vehicle_box"][row]
    split = root / "train_test_split"
    train, test = (lines(split / "classification" / f"{n}.txt") for n in ("train", "test"))
    assert len(train) + len(test) == 240
    for kind in ("easy", "medium", "hard"):
        pairs = lines(split / "verification" / f"verification_pairs_{kind}.txt")
        truth = defaultdict(int)
        for one, other, label in pairs:
            assert one != other
            assert (Path(one).parts[1] == Path(other).parts[1]) == (label == "1")
            assert kind != "hard" or Path(one).parts[0] == Path(other).parts[0]
            truth[label] += 1
        assert len({(one, other) for one, other, _ in pairs}) == len(pairs) > 20
        assert abs(truth["0"] - truth["1"]) <= 1


def test_a_hidden_vehicle_has_the_whole_picture_as_box(table: Sightings, tmp_path: Path) -> None:
    source = Source(table.root, table, tmp_path)
    source.labels["vehicle_box"][5] = [0.0, 0.0, 0.0, 0.0]
    write_compcars(source)
    whole = f"1 1 {source.labels['width'][5]} {source.labels['height'][5]}"
    found = [path.read_text().splitlines()[2] for path in tmp_path.rglob("data/label/**/*.txt")]
    assert whole in found
    assert "1 1 0 0" not in found


def test_the_surveillance_part_of_compcars(
    layouts: Path, table: Sightings, labels: dict[str, list]
) -> None:
    root = layouts / "compcars"
    web = {path.name: path for path in (root / "data" / "image").rglob("*.jpg")}
    seen = 0
    for split in ("train", "test"):
        for (name,) in lines(root / "sv_data" / f"{split}_surveillance.txt"):
            row = same_picture(root / "sv_data" / "image" / name, table)
            assert (table.split[row] == "train") == (split == "train")
            assert abs((labels["azimuth"][row] + 180) % 360 - 180) <= 22.5
            model, picture = name.split("/")
            assert web[picture].parts[-3] == model
            seen += 1
    assert seen == len(list((root / "sv_data" / "image").rglob("*.jpg"))) > 20


def test_an_unknown_layout_or_no_city_is_refused(city: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts("layout 'market'", "vehicleid", "compcars")):
        write_layout(city, tmp_path / "out", "market")
    with pytest.raises(
        DataError,
        match=facts(str(tmp_path), "no finished city", "labels.parquet", "platefree city"),
    ):
        write_layout(tmp_path, tmp_path / "out", "compcars")


# --- the real renderer ------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_line_renders_the_same_real_city_with_two_processes(tmp_path: Path) -> None:
    numbers = {"vehicles": 4, "cameras": 2, "images": 34, "seed": 3, "size": 48}
    options = [part for name, value in numbers.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "platefree", "city", tmp_path / "two", *options]
    result = subprocess.run(
        [*command, "--workers", "2", "--layout", "veri-776", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout)["images"] == 34
    assert result.stderr.strip().endswith("two")
    assert (tmp_path / "two-veri-776" / "name_train.txt").is_file()
    generate_city(tmp_path / "one", **numbers, workers=1)
    assert digest(tmp_path / "two") == digest(tmp_path / "one")
    labels = pq.read_table(tmp_path / "one" / "labels.parquet").to_pydict()
    assert np.median(labels["occlusion"]) < 0.3
    assert sum(map(bool, labels["lights"])) > 20
