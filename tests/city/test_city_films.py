"""Films: the same pictures as single frames, truth against pixels, files, interruptions."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from box_car import box_car
from conftest import Run
from fake_studio import BlockStudio
from messages import facts, says
from numpy.typing import NDArray

from platefree.city import generate_films as generate_films_module
from platefree.city.film_plan import LIGHTS, FilmPlan, FilmSettings, plan_films
from platefree.city.generate_films import generate_films
from platefree.city.optics import full_frame
from platefree.city.output.film_coding import coded, join_parts
from platefree.city.output.film_truth import least_seconds
from platefree.city.output.frame_labels import label_scene
from platefree.city.render.film_stage import FilmStage
from platefree.city.render.frame_windows import Window, joined
from platefree.city.render.renderer import render
from platefree.city.render.road import road_of
from platefree.city.scene import CameraModel, Conditions, PlacedVehicle, Scene
from platefree.city.world.motorists import LONG, draw_motorist
from platefree.city.world.signals import Aspect
from platefree.city.world.streams import Purpose, stream
from platefree.data.check import check_table
from platefree.data.frame_boxes import KINDS, read_frame_boxes
from platefree.data.table import read_table
from platefree.errors import DataError
from platefree.storage.locks import LOCK

CAMERA = CameraModel("film", (0.0, -9.0, 5.5), 0.7, 0.3, 190.0, 192, 108, noise=0.0, lanes=1)
MOMENTS = {
    "day": Conditions(),
    "low sun": Conditions(sun_elevation=0.2, sun_azimuth=2.0),
    "dusk": Conditions(sun_elevation=-0.03),
    "night": Conditions(sun_elevation=-0.3, weather="overcast"),
}


def traffic(moment: float, lamps: float = 0.0) -> tuple[PlacedVehicle, ...]:
    """Three cars on their way, two of which come close to each other in the picture."""
    asset = box_car()
    return (
        PlacedVehicle(asset, (2.0 + 8 * moment, -1.7), 0.0, lamps),
        PlacedVehicle(asset, (16.0 - 9 * moment, 1.7), math.pi, lamps, brake=1.0),
        PlacedVehicle(asset, (30.0 - 9 * moment, 1.9), math.pi + 0.1, lamps),
    )


# --- the renderer -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", MOMENTS)
def test_a_film_shows_what_single_frames_show(name: str) -> None:
    """At several moments; single frames have another exposure each, within a few hundredths."""
    conditions = MOMENTS[name]
    lamps = float(conditions.sun_elevation < 0.1)
    stage = FilmStage(CAMERA, conditions)
    for moment in (0.0, 0.5, 1.0):
        vehicles = traffic(moment, lamps)
        frame = stage.take(vehicles, seed=3)
        single = render(Scene(CAMERA, conditions, vehicles, seed=3), full_frame(CAMERA))
        np.testing.assert_array_equal(frame.vehicle, single.vehicle)
        np.testing.assert_array_equal(frame.part, single.part)
        assert len(np.unique(frame.vehicle)) == 4
        levels = [picture.pixels.astype(float) for picture in (frame, single)]
        gain = levels[1].mean() / levels[0].mean()
        away = np.abs(gain * levels[0] - levels[1])
        assert away.mean() < 2.0
        assert np.percentile(away, 99) < 8.0


def test_nothing_stays_behind_a_vehicle_that_has_left() -> None:
    stage = FilmStage(CAMERA, MOMENTS["day"])
    before = stage.take((), seed=1).pixels
    for moment in (0.0, 0.3, 0.6):
        stage.take(traffic(moment), seed=2)
    np.testing.assert_array_equal(stage.take((), seed=1).pixels, before)


def test_a_frame_does_not_depend_on_those_before_it() -> None:
    """Also where a vehicle has turned a little since its shadow was drawn."""
    begun, late = (FilmStage(CAMERA, MOMENTS["low sun"]) for _ in range(2))
    turned = tuple(replace(each, heading=each.heading + 0.003) for each in traffic(0.5))
    for vehicles in (traffic(0.4), traffic(0.5)):
        begun.take(vehicles, seed=1)
    np.testing.assert_array_equal(begun.take(turned, seed=2).pixels,
                                  late.take(turned, seed=2).pixels)  # fmt: skip


def test_only_what_moves_changes() -> None:
    """Far from vehicles and their shadows two frames are equal but for the noise."""
    stage = FilmStage(CAMERA, MOMENTS["day"])
    empty = stage.take((), seed=1).pixels.astype(int)
    full = stage.take(traffic(0.5), seed=1)
    changed = np.abs(full.pixels - empty).max(axis=2) > 0
    assert changed[full.vehicle >= 0].mean() > 0.9
    assert changed.mean() < 0.6


def test_rain_wets_the_street_and_mirrors_vehicles() -> None:
    wet = FilmStage(CAMERA, Conditions(weather="rain"))
    vehicles = traffic(0.5, lamps=1.0)
    frame = wet.take(vehicles, seed=3)
    single = render(Scene(CAMERA, Conditions(weather="rain"), vehicles, seed=3), full_frame(CAMERA))
    np.testing.assert_array_equal(frame.vehicle, single.vehicle)
    levels = [picture.pixels.astype(float) for picture in (frame, single)]
    gain = levels[1].mean() / levels[0].mean()
    assert np.abs(gain * levels[0] - levels[1]).mean() < 6.0  # the drops are others


def test_joined_windows_cover_the_same_pixels_and_no_pixel_twice() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        corners = random.integers(0, 40, (int(random.integers(1, 8)), 4))
        windows = [
            Window(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1)
            for a, b, c, d in corners.tolist()
        ]
        count = np.zeros((42, 42), int)
        for each in joined(windows):
            count[each.rows, each.columns] += 1
        assert count.max() == 1
        for each in windows:
            assert count[each.rows, each.columns].all()


def test_boxes_are_round_the_drawn_pixels() -> None:
    """Against the pixels of each vehicle alone."""
    stage, vehicles = FilmStage(CAMERA, MOMENTS["day"]), traffic(0.4)
    picture = stage.take(vehicles, seed=0)
    labels = label_scene(Scene(CAMERA, MOMENTS["day"], vehicles), picture)
    assert [each.number for each in labels] == [0, 1, 2]
    for label in labels:
        alone = stage.take((vehicles[label.number],), seed=0).vehicle == 0
        rows, columns = np.nonzero(alone)
        around = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(label.box, around, atol=1)
        seen = (picture.vehicle == label.number).sum() / alone.sum()
        inside = label.box[0] > 0 and label.box[2] < CAMERA.width
        if inside and label.box[3] < CAMERA.height:
            assert 1 - label.hidden == pytest.approx(seen, abs=0.08)


def test_what_is_behind_the_camera_is_not_labelled() -> None:
    beside = PlacedVehicle(box_car(), (9.0, -1.7), 0.0)
    behind = [PlacedVehicle(box_car(), (x, -20.0), 0.0) for x in (-6.0, -15.0, -40.0)]
    vehicles = (*behind, beside)
    picture = FilmStage(CAMERA, MOMENTS["day"]).take(vehicles, seed=0)
    labels = label_scene(Scene(CAMERA, MOMENTS["day"], vehicles), picture)
    assert [each.number for each in labels] == [3]


# --- coding -----------------------------------------------------------------------------------


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def test_joined_parts_show_every_frame_at_its_time(tmp_path: Path) -> None:
    """Frames of one grey each, in parts of different length."""
    parts, levels = [], [10 + 8 * number for number in range(25)]
    for number, (start, end) in enumerate(((0, 10), (10, 20), (20, 25))):
        frames = (np.full((64, 96, 3), level, np.uint8) for level in levels[start:end])
        parts.append(tmp_path / f"{number}.mp4")
        parts[-1].write_bytes(coded(frames, 5, (96, 64)))
    path = tmp_path / "film.mp4"
    with path.open("wb") as file:
        join_parts(parts, file, rate=5, begun=1_777_852_800_500)
    with av.open(str(path)) as film:
        video = film.streams.video[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 96, 64)
        assert video.average_rate == 5
        assert film.metadata["creation_time"].startswith("2026-05-04T00:00:00")
        seen = [(frame.time, frame.to_ndarray(format="rgb24").mean()) for frame in film.decode()]
    assert [moment for moment, _ in seen] == pytest.approx([n / 5 for n in range(25)])
    assert [level for _, level in seen] == pytest.approx(levels, abs=3)


# --- whole films ------------------------------------------------------------------------------

SETTINGS = FilmSettings(12, 2, 45, seed=3, rate=5, width=320, height=180)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("films") / "one"
    generate_films(out, SETTINGS, workers=1, studio=BlockStudio())
    return out


@pytest.fixture(scope="module")
def plan() -> FilmPlan:
    return plan_films(SETTINGS, BlockStudio())


def files(folder: Path) -> dict[str, bytes]:
    """Every file; of a film what it shows, as a coder may find other ways to say the same."""
    return {
        str(path.relative_to(folder)): (
            np.array(decoded(path)).tobytes() if path.suffix == ".mp4" else path.read_bytes()
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(LOCK)
    }


def test_films_are_the_same_with_two_processes(films: Path, tmp_path: Path) -> None:
    generate_films(tmp_path / "two", SETTINGS, workers=2, studio=BlockStudio())
    assert files(tmp_path / "two") == files(films)


def test_a_finished_folder_is_left_as_it_is(films: Path) -> None:
    before = files(films)
    card = generate_films(films, SETTINGS, studio=BlockStudio())
    assert files(films) == before
    assert card == json.loads((films / "card.json").read_text())


_CHILD = """
from pathlib import Path
from slow_studio import SlowStudio
from test_city_films import SETTINGS
from platefree.city.generate_films import generate_films
generate_films(Path({out!r}), SETTINGS, studio=SlowStudio(), workers=1)
"""


def test_kill_9_loses_only_the_part_in_hand(films: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    places = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    path = os.pathsep.join([*places, os.environ.get("PYTHONPATH", "")])
    words = [sys.executable, "-c", _CHILD.format(out=str(out))]
    child = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path})
    deadline = time.monotonic() + 900  # of a busy machine
    while not list(out.glob("parts/0*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (out / "card.json").exists()
    assert list(out.glob("parts/0*"))
    generate_films(out, SETTINGS, workers=1, studio=BlockStudio())
    assert files(out) == files(films)


def test_every_frame_is_in_the_film_and_in_the_truth(films: Path) -> None:
    for name in ("c001", "c002"):
        pictures = decoded(films / f"{name}.mp4")
        assert len(pictures) == SETTINGS.frames
        assert pictures[0].shape == (180, 320, 3)
        boxes = read_frame_boxes(films / "truth" / name / "frame_boxes.csv")
        assert boxes.frame.tolist() == [str(n) for n in range(SETTINGS.frames)]
        assert (boxes.box >= 0).all()
        assert (boxes.box <= [320, 180, 320, 180]).all()


def mot(films: Path, camera: str) -> NDArray[np.float64]:
    return np.loadtxt(films / "truth" / camera / "gt" / "gt.txt", delimiter=",", ndmin=2)


def test_the_two_truths_agree(films: Path) -> None:
    for name in ("c001", "c002"):
        rows, boxes = mot(films, name), read_frame_boxes(films / "truth" / name / "frame_boxes.csv")
        assert len({(frame, track) for frame, track in rows[:, :2].tolist()}) == len(rows)
        vehicles = np.flatnonzero(boxes.kind != KINDS.index("plate"))
        assert len(vehicles) == len(rows) > 50
        left_top = rows[:, 2:4] - 1
        corners = np.concatenate([left_top, left_top + rows[:, 4:6]], axis=1)
        np.testing.assert_array_equal(corners, boxes.box[vehicles])
        np.testing.assert_array_equal(rows[:, 0] - 1, boxes.place[vehicles])
        np.testing.assert_array_equal(rows[:, 7] - 1, boxes.kind[vehicles])
        np.testing.assert_array_equal(rows[:, 6] == 0, boxes.ignore[vehicles])
        assert ((rows[:, 8] >= 0) & (rows[:, 8] <= 1)).all()


def tracks(films: Path) -> list[dict[str, str]]:
    with (films / "tracks.csv").open() as file:
        return list(csv.DictReader(file))


def test_tracks_cover_their_boxes(films: Path) -> None:
    lines = tracks(films)
    for name in ("c001", "c002"):
        rows = mot(films, name)
        own = {int(each["track"].rpartition("-")[2]): each for each in lines
               if each["camera"] == name}  # fmt: skip
        assert set(rows[:, 1].astype(int).tolist()) == set(own)
        for number, line in own.items():
            frames = rows[rows[:, 1] == number, 0] - 1
            assert (frames.min(), frames.max()) == (int(line["first_frame"]),
                                                    int(line["last_frame"]))  # fmt: skip
            start = np.datetime64(line["first_time"].rstrip("Z"))
            first = np.datetime64("2026-05-04T10:00:00.000")
            assert (start - first) / np.timedelta64(1, "s") == pytest.approx(frames.min() / 5)


def test_boxes_of_a_track_move_without_jumps(films: Path) -> None:
    """From frame to frame a vehicle's box overlaps itself, or is very small or fast and near."""
    compared = 0
    for name in ("c001", "c002"):
        rows = mot(films, name)
        for number in np.unique(rows[:, 1]):
            own = rows[rows[:, 1] == number]
            for one, other in pairwise(own):
                if other[0] != one[0] + 1:
                    continue
                middles = [each[2:4] + each[4:6] / 2 for each in (one, other)]
                assert np.abs(middles[0] - middles[1]).max() < 4 + 1.2 * max(one[4:6].max(), 20)
                compared += 1
    assert compared > 50


def test_the_table_is_read_and_checked(films: Path) -> None:
    table = read_table(films)
    known = {each["track"]: each for each in tracks(films)}
    assert len(table) > 1
    check = check_table(table)
    assert check.passed
    assert check.cameras == 2
    for row in range(len(table)):
        line = known[str(table.track[row])]
        assert (line["vehicle"], line["camera"]) == (table.vehicle[row], table.camera[row])
        taken = table.time[row]
        assert np.datetime64(line["first_time"].rstrip("Z")) <= taken
        assert taken <= np.datetime64(line["last_time"].rstrip("Z"))
        assert Path(table.path(row)).is_file()


# --- several cameras --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_plan() -> FilmPlan:
    return plan_films(replace(SETTINGS, seconds=120, cameras=3, vehicles=45), BlockStudio())


def crossings(plan: FilmPlan) -> dict[int, list[tuple[float, int]]]:
    """Seconds at which each vehicle is next to a camera, and which camera."""
    found: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for camera, take in enumerate(plan.takes):
        for passage in take.passages:
            xs = []
            for step in range(passage.first, passage.last + 1):
                seen = passage.at(step)
                assert seen is not None
                xs.append(seen.x)
            signs = np.sign(xs)
            for row in np.flatnonzero(signs[:-1] != signs[1:]).tolist():
                found[passage.vehicle].append(((passage.first + row) / 10, camera))
    return found


def test_nobody_is_faster_from_camera_to_camera_than_the_limits_allow(long_plan: FilmPlan) -> None:
    compared = 0
    for passed in crossings(long_plan).values():
        passed.sort()
        for (start, one), (end, other) in pairwise(passed):
            if one == other:
                continue
            sites = [long_plan.takes[camera].site for camera in (one, other)]
            assert end - start >= least_seconds(long_plan, *sites) - 0.2
            compared += 1
    assert compared > 5


def test_a_vehicle_is_before_one_camera_at_a_time(long_plan: FilmPlan) -> None:
    spans = defaultdict(list)
    for camera, take in enumerate(long_plan.takes):
        for passage in take.passages:
            inside = np.flatnonzero((passage.along > 0) & (passage.along < passage.length))
            if len(inside):
                first, last = (passage.first + inside[[0, -1]]).tolist()
                spans[passage.vehicle].append((first, last, camera))
    assert len(spans) > 20
    for each in spans.values():
        each.sort()
        for (_, end, _), (start, _, _) in pairwise(each):
            assert end <= start + 1


def test_vehicles_stop_at_the_line_before_a_crossing_that_is_red(long_plan: FilmPlan) -> None:
    waited, studio = 0, BlockStudio()
    fronts = []
    for number, vehicle in enumerate(long_plan.fleet):
        random = stream(Purpose.FILM, long_plan.settings.seed, number)
        long = studio.build(vehicle.order) if vehicle.type in LONG else None
        fronts.append(draw_motorist(vehicle.type, random, long).front)
    for take in long_plan.takes:
        if take.crossing is None:
            continue
        right, left = (float(x) for x in road_of(take.site.camera).stop)
        for passage in take.passages:
            line, sign = (right, 1) if passage.forward else (left + 0.4, -1)
            for step in range(passage.first, passage.last):
                here, there = passage.at(step), passage.at(step + 1)
                assert here is not None
                assert there is not None
                if take.crossing.aspect(step / 10) != Aspect.RED or abs(here.y) > 8:
                    continue
                front = fronts[passage.vehicle]
                before, after = (sign * (each.x - line) + front for each in (here, there))
                assert not before < 0 <= after
                waited += -4 < before < 0 and here.speed < 0.1
    assert waited > 20


def test_the_graph_and_the_cameras_say_where_everything_is(films: Path, plan: FilmPlan) -> None:
    graph = json.loads((films / "graph.json").read_text())
    cameras = json.loads((films / "cameras.json").read_text())
    assert [each["name"] for each in cameras] == ["c001", "c002"]
    limits = [street["limit"] for street in graph["streets"]]
    lengths = [street["length"] for street in graph["streets"]]
    # Bellman and Ford, over the streets with both cameras as junctions of their own.
    nodes = len(graph["junctions"])
    edges = [(s["start"], s["end"], s["length"] / s["limit"]) for s in graph["streets"]]
    for place, camera in enumerate(cameras):
        street = graph["streets"][camera["street"]]
        limit, offset = limits[camera["street"]], camera["offset"]
        edges.append((street["start"], nodes + place, offset / limit))
        edges.append((street["end"], nodes + place, (lengths[camera["street"]] - offset) / limit))
    away = {nodes: 0.0}
    for _ in range(nodes + 2):
        for one, other, seconds in edges:
            for start, end in ((one, other), (other, one)):
                if start in away:
                    away[end] = min(away.get(end, math.inf), away[start] + seconds)
    found = graph["least_seconds"]["c001"]["c002"]
    assert found == pytest.approx(away[nodes + 1], abs=0.02)
    assert [each["clock_fast_ms"] for each in cameras] == [take.clock_ms for take in plan.takes]
    for camera in cameras:
        with av.open(str(films / camera["film"])) as film:
            begun = np.datetime64(film.metadata["creation_time"].rstrip("Z"))
        fast = np.timedelta64(camera["clock_fast_ms"], "ms")
        assert begun == np.datetime64("2026-05-04T10:00:00") + fast


# --- light, settings, the verb ----------------------------------------------------------------


def test_each_light_is_what_it_is_called() -> None:
    small = replace(SETTINGS, seconds=1, vehicles=6)
    plans = {light: plan_films(replace(small, light=light), BlockStudio()) for light in LIGHTS}
    sun = {light: each.takes[0].conditions.sun_elevation for light, each in plans.items()}
    assert sun["day"] > 0.5
    assert -0.15 < sun["dusk"] < 0.07
    assert sun["night"] < -0.25
    assert plans["rain"].takes[0].conditions.weather == "rain"
    assert sum(plans["dusk"].lamps) >= 5


def test_other_settings_and_impossible_ones_are_refused(films: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=facts("films.json")):
        generate_films(films, replace(SETTINGS, seconds=13), studio=BlockStudio())
    with pytest.raises(DataError, match=facts("width", "9,000", "4,096")):
        replace(SETTINGS, width=9000)
    with pytest.raises(DataError, match=facts("191", "even")):
        replace(SETTINGS, width=191)
    with pytest.raises(DataError, match=facts("noon", "day", "dusk")):
        replace(SETTINGS, light="noon")


def test_the_verb_films(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate_films_module, "_own_studio", lambda settings: BlockStudio())
    options = ("--films", 1, "--cameras", 2, "--vehicles", 30, "--size", 160, "--light", "rain")
    code, out, err = run("city", tmp_path / "films", *options, "--workers", 1, "--json")
    assert code == 0, err
    told = json.loads(out)
    shown = [told[name] for name in ("seconds", "cameras", "vehicles", "width", "height", "light")]
    assert shown == [1, 2, 30, 160, 90, "rain"]
    assert len(decoded(tmp_path / "films" / "c002.mp4")) == 10
    code, out, _ = run("city", tmp_path / "films", *options)
    assert code == 0
    assert says(out, "2 films", f"{told['tracks']} tracks")
    code, _, _ = run("data", "check", tmp_path / "films")
    assert code in (0, 1)
