"""The plan of a city: sun, streets, traffic, moments and labels, against independent sums."""

import itertools
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from fake_studio import BlockStudio, block_asset
from messages import facts

from platefree.city.optics import project
from platefree.city.output.label_files import (
    VIEWS8,
    box_round,
    head_area,
    label_shot,
    part_boxes,
    view8_of_azimuth,
    view_of_azimuth,
)
from platefree.city.plan import PRESETS, START, CitySettings, plan_city
from platefree.city.scene import Part, Picture
from platefree.city.world.demand import draw_demand
from platefree.city.world.fleet import draw_fleet, near_duplicate_rate
from platefree.city.world.network import LANE_WIDTH, RoadNetwork, draw_network
from platefree.city.world.roads import OVERPASS, ROADS
from platefree.city.world.shots import FOG_REACH, Shot, shots_of, vehicle_box
from platefree.city.world.sites import PlacedCamera, place_cameras
from platefree.city.world.traffic import DAY, Pass, Traffic
from platefree.city.world.weather import WEATHERS, Climate, draw_climate, sun_position
from platefree.errors import DataError


def milliseconds(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


# Solstice noon stands 90 - |latitude - 23.44| high; sunrise is at -0.83 degrees by definition.
@pytest.mark.parametrize(
    ("when", "latitude", "longitude", "elevation", "compass"),
    [
        ("2026-06-21T12:02", 51.48, 0.0, 61.96, 180),  # London, noon
        ("2026-12-21T11:58", 51.48, 0.0, 15.08, 180),
        ("2026-06-21T03:43", 51.48, 0.0, -0.83, 49),  # sunrise in London
        ("2026-06-21T20:21", 51.48, 0.0, -0.83, 311),  # sunset
        ("2026-12-22T01:53", -33.87, 151.21, 79.57, 0),  # Sydney, noon: the sun is north
        ("2026-03-20T17:00", 40.0, -75.0, 50.0, None),  # New Jersey, equinox noon
    ],
)
def test_the_sun_stands_where_almanacs_say(
    when: str, latitude: float, longitude: float, elevation: float, compass: float | None
) -> None:
    azimuth, height = sun_position(milliseconds(when), latitude, longitude)
    assert math.degrees(height) == pytest.approx(elevation, abs=0.5)
    if compass is not None:
        off = (90.0 - math.degrees(azimuth) - compass + 180) % 360 - 180
        assert abs(off) < 1.5


def test_weather_lasts_and_holds_every_kind() -> None:
    climate = draw_climate(seed=3, start=START, days=60)
    assert len(climate.hourly) == 60 * 24
    fractions = Counter(climate.hourly)
    assert set(fractions) == set(WEATHERS)
    assert fractions["clear"] > fractions["rain"] > fractions["fog"]
    changes = sum(a != b for a, b in itertools.pairwise(climate.hourly))
    assert changes < 0.45 * len(climate.hourly)
    assert climate.weather(START + 61 * DAY) == climate.hourly[-1]
    assert climate == draw_climate(seed=3, start=START, days=60)


def least_seconds(network: RoadNetwork) -> np.ndarray:
    """All-pairs travel times, by relaxing every street until nothing changes."""
    count = len(network.junctions)
    seconds = np.where(np.eye(count, dtype=bool), 0.0, np.inf)
    for _ in range(count):
        before = seconds.copy()
        for street in network.streets:
            cost = street.length / street.limit
            for a, b in ((street.start, street.end), (street.end, street.start)):
                seconds[:, b] = np.minimum(seconds[:, b], seconds[:, a] + cost)
        if np.array_equal(seconds, before):
            break
    return seconds


@pytest.mark.parametrize("streets", [1, 9, 60])
def test_the_map_is_connected_and_routes_are_quickest(streets: int) -> None:
    network = draw_network(5, streets)
    assert len(network.streets) >= streets
    expected = least_seconds(network)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(network.seconds, expected)
    for start, end in itertools.product(range(0, len(network.junctions), 3), repeat=2):
        place, spent = start, 0.0
        for leg in network.route(start, end):
            street = network.streets[leg.street]
            assert place == (street.start if leg.forward else street.end)
            place = street.end if leg.forward else street.start
            spent += street.length / street.limit
        assert place == end
        assert spent == pytest.approx(expected[start, end])


@pytest.mark.parametrize(
    ("vehicles", "cameras", "images"),
    [(4, 2, 8), (20, 4, 200), (500, 20, 10_000), (800, 60, 20_000)],
)
def test_demand_sums_up(vehicles: int, cameras: int, images: int) -> None:
    demand = draw_demand(vehicles, cameras, images, seed=1)
    assert sum(each.pictures for each in demand) == images
    for each in demand:
        assert 2 <= each.cameras <= cameras
        assert each.cameras <= each.passes <= each.pictures
    if vehicles >= 500:
        assert np.mean([each.cameras == 2 for each in demand]) > 0.2
    if cameras == 60:
        assert sum(each.cameras >= 40 for each in demand) >= vehicles // 200


def test_a_city_too_small_is_refused() -> None:
    with pytest.raises(DataError, match=facts("19 images", "2 images")):
        draw_demand(10, 4, 19, seed=0)
    with pytest.raises(DataError, match=facts("images is 30", 40)):
        CitySettings(images=30)


def test_a_mounting_that_is_asked_for_is_that_of_all_cameras() -> None:
    network = draw_network(4, 40)
    drawn = place_cameras(network, 40, 4)
    assert {each.mounting for each in drawn} == {"gantry", "mast", "across"}
    for mounting in ("gantry", "mast", "across"):
        asked = place_cameras(network, 40, 4, mounting)
        assert {each.mounting for each in asked} == {mounting}
        assert [each.street for each in asked] == [each.street for each in drawn]
        same = [a == b for a, b in zip(asked, drawn, strict=True)]
        assert same == [each.mounting == mounting for each in drawn]
    with pytest.raises(
        DataError, match=facts("mounting is 'roof'", "any, gantry, mast, across, overpass")
    ):
        CitySettings(mounting="roof")
    assert "mounting" not in CitySettings().to_json()
    assert CitySettings(mounting="mast").to_json()["mounting"] == "mast"


def receding(site: PlacedCamera, passed: Pass) -> bool:
    """Whether a vehicle drives the way its camera looks."""
    return (math.cos(site.camera.yaw) > 0) == passed.forward


def test_an_overpass_sees_motorcycles_from_behind_by_day() -> None:
    settings = replace(PRESETS["streets"], vehicles=400, cameras=30, images=2000, seed=3)
    plan = plan_city(settings, BlockStudio())
    passes = [each for journey in plan.journeys for each in journey.passes]
    away = np.mean([receding(plan.cameras[each.camera], each) for each in passes])
    assert away > 0.88  # and half of the others by chance
    slim = np.mean([journey.vehicle.type == "motorcycle" for journey in plan.journeys])
    assert slim == pytest.approx(OVERPASS.types["motorcycle"], abs=0.1)
    dark = np.mean([not 4 <= each.time // 3_600_000 % 24 < 21 for each in passes])
    assert dark < 0.05
    mounted = Counter(site.mounting for site in plan.cameras)
    assert mounted.most_common(1)[0][0] == "overpass"
    for site in plan.cameras:
        assert site.mounting != "overpass" or 6 <= site.camera.position[2] <= 10
    climate = Counter(plan.climate.hourly)
    assert climate["overcast"] > climate["rain"] + climate["fog"]


def test_other_roads_change_nothing_of_a_town() -> None:
    settings = CitySettings(vehicles=12, cameras=5, images=120, seed=9)
    assert "roads" not in settings.to_json()  # cities made before can be continued
    assert replace(settings, roads="overpass").to_json()["roads"] == "overpass"
    town = plan_city(settings, BlockStudio())
    busy = plan_city(replace(settings, roads="overpass"), BlockStudio())
    assert town.network.streets == busy.network.streets
    assert town.journeys != busy.journeys
    half = np.mean([receding(town.cameras[p.camera], p) for j in town.journeys for p in j.passes])
    assert 0.3 < half < 0.7
    for roads in ROADS.values():
        assert sum(roads.types.values()) == pytest.approx(1.0)
        assert sum(roads.mountings.values()) == pytest.approx(1.0)
        assert [sum(row) for row in roads.weather] == pytest.approx([1.0] * 4)
    with pytest.raises(DataError, match=facts("roads is 'sea'", "town, overpass")):
        CitySettings(roads="sea")


def test_vehicles_below_an_overpass_are_large_enough() -> None:
    settings = CitySettings(vehicles=30, cameras=8, images=240, seed=2, roads="overpass")
    plan = plan_city(settings, BlockStudio())
    sides = []
    for passed in itertools.chain(*(journey.passes for journey in plan.journeys)):
        for shot in shots(plan.cameras[passed.camera], passed):
            if shot.inside > 0.95:  # the frame's border does not make it smaller
                sides.append(max(shot.box[2] - shot.box[0], shot.box[3] - shot.box[1]))
    assert len(sides) > 150
    assert np.mean(np.array(sides) > 0.95 * OVERPASS.smallest) > 0.99


@pytest.mark.parametrize("wanted", [0.0, 0.3, 0.5, 1.0])
def test_as_many_near_duplicates_as_asked(wanted: float) -> None:
    fleet = draw_fleet(BlockStudio(), 40, wanted, seed=2)
    assert near_duplicate_rate(fleet) == pytest.approx(wanted, abs=0.2)
    assert len({vehicle.name for vehicle in fleet}) == 40
    assert len({vehicle.order for vehicle in fleet}) == 40
    assert all(vehicle.color == BlockStudio().color(vehicle.order) for vehicle in fleet)
    by_seed = {vehicle.order.seed: vehicle for vehicle in fleet}
    for vehicle in fleet:
        if vehicle.order.twin_of is not None:
            original = by_seed[vehicle.order.twin_of]
            assert (vehicle.model, vehicle.color) == (original.model, original.color)
            group = [each.order for each in fleet if each.order.twin_of == vehicle.order.twin_of]
            group.sort(key=lambda order: len(order.after))
            place = group.index(vehicle.order)
            assert vehicle.order.after == tuple(order.seed for order in group[:place])


class Town:
    """A network with cameras and traffic on it."""

    def __init__(self, seed: int = 4, cameras: int = 12) -> None:
        self.network = draw_network(seed, cameras)
        self.cameras = place_cameras(self.network, cameras, seed)
        self.demand = draw_demand(60, cameras, 900, seed)
        traffic = Traffic(self.network, self.cameras, start=START, days=3, seed=seed)
        self.passes = [traffic.passes(index, each) for index, each in enumerate(self.demand)]


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


def test_passes_are_as_many_as_demanded(town: Town) -> None:
    for passes, demand in zip(town.passes, town.demand, strict=True):
        assert len({each.camera for each in passes}) == demand.cameras
        assert len(passes) == demand.passes
        assert sum(each.pictures for each in passes) == demand.pictures
        times = [each.time for each in passes]
        assert times == sorted(times)
        assert times[0] >= START


def test_nobody_is_faster_than_the_limits_allow(town: Town) -> None:
    seconds = least_seconds(town.network)

    def ends(camera: PlacedCamera) -> list[tuple[int, float]]:
        street = town.network.streets[camera.street]
        offset = camera.offset
        return [
            (street.start, offset / street.limit),
            (street.end, (street.length - offset) / street.limit),
        ]

    checked = 0
    for passes in town.passes:
        for one, other in itertools.pairwise(passes):
            if one.camera == other.camera:
                continue
            ways = itertools.product(
                ends(town.cameras[one.camera]), ends(town.cameras[other.camera])
            )
            least = min(a + seconds[i, j] + b for (i, a), (j, b) in ways)
            assert (other.time - one.time) / 1000 >= least - 0.01
            checked += 1
    assert checked > 100


def test_vehicles_keep_right_and_below_the_limit(town: Town) -> None:
    for each in itertools.chain(*town.passes):
        camera = town.cameras[each.camera]
        assert each.y < 0 if each.forward else each.y > 0
        assert abs(each.y) < camera.camera.lanes * LANE_WIDTH
        assert 0.5 < each.speed <= town.network.streets[camera.street].limit


def test_some_come_back_another_day_and_few_drive_at_night(town: Town) -> None:
    days = [len({each.time // DAY for each in passes}) for passes in town.passes]
    assert max(days) > 1
    hours = [each.time // 3_600_000 % 24 for each in itertools.chain(*town.passes)]
    night = np.mean([hour < 5 for hour in hours])
    assert night < 0.1


def test_cameras_differ_and_stand_clear_of_the_road(town: Town) -> None:
    assert len({camera.street for camera in town.cameras}) == len(town.cameras)
    assert len({camera.camera.seed for camera in town.cameras}) == len(town.cameras)
    for site in town.cameras:
        _, y, height = site.camera.position
        assert 3 <= height <= 9
        assert site.mounting == "gantry" or abs(y) > site.camera.lanes * LANE_WIDTH + 1
        assert 0 < site.camera.pitch < math.pi / 2


def shots(camera: PlacedCamera, passed: Pass, *, pool: int = 4) -> list[Shot]:
    asset = block_asset((4.4, 1.8, 1.5))
    climate = draw_climate(1, START, 3)
    return shots_of(passed, camera, climate, asset, lambda index: asset, pool=pool, size=128)


def test_shots_lie_in_the_frame_in_order_and_touch_nobody(town: Town) -> None:
    for passed in [each for passes in town.passes for each in passes][:60]:
        site = town.cameras[passed.camera]
        taken = shots(site, passed)
        assert len(taken) == passed.pictures
        assert [each.time for each in taken] == sorted(each.time for each in taken)
        for shot in taken:
            crop, camera = shot.crop, site.camera
            assert crop.left >= 0
            assert crop.top >= 0
            assert crop.left + crop.width <= camera.width
            assert crop.top + crop.height <= camera.height
            assert max(crop.out_width, crop.out_height) <= 128
            assert crop.out_width <= crop.width + 1  # never more detail than the camera has
            assert 0.3 < shot.inside <= 1
            subject, *others = shot.scene.vehicles
            for other in others:
                apart = np.abs(np.subtract(subject.position, other.position))
                assert apart[0] > 4.4 or apart[1] > 1.8
    again = shots(site, passed)
    assert [each.scene.seed for each in again] == [each.scene.seed for each in taken]


def test_in_fog_vehicles_are_pictured_near_the_camera(town: Town) -> None:
    asset, away = block_asset((4.4, 1.8, 1.5)), {}
    for weather in ("fog", "overcast"):
        climate = Climate(START, (weather,) * 24, 0)
        away[weather] = [
            math.dist(shot.scene.vehicles[0].position, site.camera.position[:2])
            for passed in list(itertools.chain(*town.passes))[:80]
            for site in (town.cameras[passed.camera],)
            for shot in shots_of(passed, site, climate, asset, lambda _: asset, pool=0, size=128)
        ]
    assert len(away["fog"]) == len(away["overcast"]) > 200
    assert max(away["fog"]) < FOG_REACH + 0.5 < max(away["overcast"])


def test_vehicle_boxes_hold_every_projected_vertex(town: Town) -> None:
    for passed in itertools.chain(*town.passes[:5]):
        camera = town.cameras[passed.camera].camera
        for shot in shots(town.cameras[passed.camera], passed, pool=0):
            vehicle = shot.scene.vehicles[0]
            sin, cos = math.sin(vehicle.heading), math.cos(vehicle.heading)
            turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
            world = vehicle.asset.exterior.vertices @ turn.T + np.array([*vehicle.position, 0])
            seen = project(camera, world)[:, :2]
            expected = [*seen.min(axis=0), *seen.max(axis=0)]
            np.testing.assert_allclose(vehicle_box(camera, vehicle), expected, atol=0.02)


def test_the_camera_sees_what_drives_away_from_behind(town: Town) -> None:
    studio = BlockStudio()
    views = Counter()
    for passed in itertools.chain(*town.passes[:20]):
        site = town.cameras[passed.camera]
        if site.mounting != "gantry":
            continue
        looks_ahead = math.cos(site.camera.yaw) > 0
        for shot in shots(site, passed, pool=0):
            if abs(shot.scene.vehicles[0].position[0]) < 12:
                continue
            labels = label_shot(shot, studio.render(shot.scene, shot.crop))
            views[labels.view == ("rear" if passed.forward == looks_ahead else "front")] += 1
    assert views[True] > 20
    assert views[False] == 0


def flood(mask: np.ndarray, smallest: int) -> list[tuple[int, int, int, int]]:
    """Boxes of 8-connected groups, by growing sets of pixels."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    boxes = []
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            near = {(y + dy, x + dx) for y, x in edge for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
            edge = (near & left) - group
        left -= group
        if len(group) >= smallest:
            ys, xs = zip(*group, strict=True)
            boxes.append((len(group), (min(xs), min(ys), max(xs) + 1, max(ys) + 1)))
    return sorted(boxes, key=lambda each: -each[0])


@pytest.mark.parametrize("seed", range(5))
def test_part_boxes_equal_a_flood_fill(seed: int) -> None:
    mask = np.random.default_rng(seed).random((24, 31)) < 0.3
    expected = flood(mask, 4)
    assert sorted(part_boxes(mask, 4)) == sorted(box for _, box in expected)
    rows, columns = np.nonzero(mask)
    assert box_round(mask) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert box_round(np.zeros((3, 4), bool)) == (0, 0, 0, 0)


def test_labels_of_a_hand_made_picture(town: Town) -> None:
    site = town.cameras[0]
    passed = next(each for each in itertools.chain(*town.passes) if each.camera == 0)
    shot = shots(site, passed, pool=0)[0]
    vehicle, part = np.full((40, 60), -1, np.int16), np.zeros((40, 60), np.uint8)
    silhouette = np.zeros((40, 60), bool)
    silhouette[5:35, 10:50] = True
    vehicle[silhouette] = 0
    vehicle[5:35, 40:50] = 1  # a neighbour hides a quarter
    part[silhouette] = Part.BODY
    part[8:14, 15:30] = Part.WINDOW
    part[8:14, 42:48] = Part.WINDOW  # of the neighbour
    part[20:24, 12:18] = part[20:24, 32:38] = Part.LIGHT
    part[21:23, 23:27] = Part.BRAND
    part[6:8, 20:28] = Part.LIGHT  # a high brake lamp
    part[30, 20] = Part.BRAND  # a speck
    labels = label_shot(shot, Picture(np.zeros((40, 60, 3), np.uint8), vehicle, part, silhouette))
    assert labels.occlusion == pytest.approx(0.25)
    assert labels.vehicle_box == (10, 5, 40, 35)
    assert labels.windows == ((15, 8, 30, 14),)
    assert labels.lights == ((12, 20, 18, 35), (32, 20, 38, 35))
    assert len(labels.brand) <= 1  # see `head_area`
    assert (labels.width, labels.height) == (60, 40)
    assert set(labels.to_row()["lights"][0]) == {12, 20, 18, 35}


def test_a_head_is_where_its_lights_are() -> None:
    vehicle, end = (10, 5, 50, 35), (17.0, 43.0)
    left, right, other = (19, 22, 24, 35), (36, 20, 41, 35), (11, 18, 14, 35)

    def found(*lights: tuple[int, int, int, int]) -> tuple[tuple[int, int, int, int], ...]:
        return head_area(lights, vehicle, end, 30.0)

    assert found() == ()
    assert found(left, right) == ((19, 20, 41, 35),)
    assert found(right, other, left) == ((19, 20, 41, 35),)
    assert found(right, (28, 9, 31, 35), left) == ((19, 20, 41, 35),)  # a high brake lamp
    assert found(other) == ()  # of the other end, round its corner
    assert found(left) == ((19, 22, 41, 35),)  # mirrored about 30
    assert found(right) == ((19, 20, 41, 35),)
    assert found((28, 20, 33, 35)) == ((27, 20, 33, 35),)  # a motorcycle
    assert head_area((left,), (10, 5, 38, 35), end, 30.0) == ((19, 22, 38, 35),)


def test_views_by_azimuth() -> None:
    assert [view_of_azimuth(a) for a in (0, 59, 61, 90, 119, 121, 180, 239, 270, 301, 359)] == [
        *("front", "front", "side", "side", "side", "rear", "rear", "rear", "side", "front"),
        "front",
    ]
    assert [view8_of_azimuth(45.0 * k) for k in range(8)] == list(VIEWS8)
    assert view8_of_azimuth(359.0) == "front"
    assert view8_of_azimuth(68.0) == "left"


def test_a_plan_follows_from_its_settings() -> None:
    settings = CitySettings(vehicles=12, cameras=5, images=120, seed=9)
    one, other = (plan_city(settings, BlockStudio()) for _ in range(2))
    assert one.journeys == other.journeys
    assert one.cameras == other.cameras
    assert sum(journey.pictures for journey in one.journeys) == 120
    assert sorted(itertools.chain(*one.shards)) == list(range(12))
    assert plan_city(CitySettings(12, 5, 120, 10), BlockStudio()).journeys != one.journeys
