"""A varied fleet: clothes, loads and plates that are seen; plain vehicles stay as they are."""

import itertools
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from city_stage import box_of, build, crop_round, digest, first_of, in_crop, in_frame, scene_from
from messages import facts
from test_city_vehicles import assert_sound

from platefree.city.atelier import Atelier
from platefree.city.plan import CitySettings
from platefree.city.render.renderer import render
from platefree.city.scene import Part, VehicleAsset
from platefree.city.studio import Order
from platefree.city.vehicles.cycle_tails import Tail
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.jackets import jacket_surface
from platefree.city.vehicles.luggage import KINDS as LUGGAGE
from platefree.city.vehicles.luggage import Luggage
from platefree.city.vehicles.meshes import PAINTED
from platefree.city.vehicles.models import MODELS, PAINTS, varied_models
from platefree.city.vehicles.near_duplicates import VIEWS, distinguishable, draw_near_duplicate
from platefree.city.vehicles.plates import TEXTS, Plate, draw_plate, plate_mesh, strokes
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.superstructures import KINDS as SUPERSTRUCTURES
from platefree.city.vehicles.trims import BLACK, RED, Trim, draw_trim
from platefree.city.vehicles.variety import Variety, draw_variety
from platefree.city.vehicles.vehicle import build_vehicle
from platefree.city.vehicles.vehicle_identity import Identity, draw_identity, draw_varied
from platefree.city.vehicles.wardrobe import PRINTS, SHORT, SHORTS, SKIRT, Person, draw_person
from platefree.errors import DataError

CYCLE = first_of("motorcycle")


def ridden(*crew: Person, luggage: Luggage | None = None, plate: Plate | None = None) -> Identity:
    """One motorcycle, whoever rides it."""
    variety = Variety(plate or Plate(), crew, luggage)
    return replace(draw_identity(CYCLE, 7), variety=variety)


def from_behind(
    asset: VehicleAsset, size: int = 200, azimuth: float = 185.0
) -> tuple[np.ndarray, np.ndarray]:
    scene = scene_from(asset, azimuth, 25.0, away=16.0 + asset.size[0])
    picture = render(scene, crop_round(scene, size))
    return picture.pixels.astype(int), picture.vehicle == 0


@cache
def motorcycle_from_behind(identity: Identity) -> tuple[np.ndarray, np.ndarray]:
    """Drawn once, since most are compared with the same one."""
    return from_behind(build_vehicle(CYCLE, identity))


def apart(one: Identity, other: Identity) -> float:
    """Fraction of a motorcycle's pixels, from behind, that clearly differ."""
    (first, mask), (second, other_mask) = map(motorcycle_from_behind, (one, other))
    seen = mask | other_mask
    return float((np.abs(first - second).max(axis=2) > 30)[seen].mean())


def test_a_varied_fleet_has_the_plain_models_and_more() -> None:
    models = varied_models()
    assert models[: len(MODELS)] == MODELS
    assert len(models) >= 4 * len(MODELS)
    assert len({model.name for model in models}) == len(models)
    looks = {(model.shape, model.style, model.cycle, model.box) for model in models}
    assert len(looks) == len(models)
    assert [each.model for each in Atelier("varied").models()] == [each.name for each in models]


def test_the_fleet_of_a_city_is_plain_unless_asked() -> None:
    assert "fleet" not in CitySettings().to_json()  # cities made before can be continued
    assert CitySettings(fleet="varied").to_json()["fleet"] == "varied"
    with pytest.raises(DataError, match=facts("fleet is 'loud'", "plain, varied")):
        CitySettings(fleet="loud")
    assert draw_identity(CYCLE, 5).variety is None
    plain = draw_identity(CYCLE, 5)
    assert replace(draw_varied(CYCLE, 5), variety=None, paint=plain.paint) == plain


@pytest.mark.parametrize("kind", ["sedan", "motorcycle"])
def test_a_varied_vehicle_is_sound_and_always_the_same(kind: str) -> None:
    model = first_of(kind)
    asset = build_vehicle(model, draw_varied(model, 3))
    assert_sound(asset.exterior)
    assert asset.exterior.material.max() < len(asset.materials)
    assert abs(float(asset.exterior.vertices[:, 2].min())) < 0.01
    assert digest(asset) == digest(build_vehicle(model, draw_varied(model, 3)))
    assert digest(asset) != digest(build(kind, 3))


@pytest.mark.parametrize(
    "change",
    [
        {"top": (230, 90, 60), "sleeves": (230, 90, 60)},
        {"sleeves": (230, 230, 226)},
        {"sleeve_kind": SHORT},
        {"hood": (230, 230, 226)},
        {"legs": (196, 194, 188)},
        {"leg_kind": SHORTS},
        {"leg_kind": SKIRT, "legs": (210, 60, 90)},
        {"helmet": (230, 60, 50)},
        {"helmet_mark": 1},
        {"helmet_mark": 2},
        {"helmet_mark": 3},
        {"helmet_mark": 4},
        {"hair": True, "top": (214, 210, 204), "sleeves": (214, 210, 204)},
        {"bag_kind": 1, "bag": (38, 104, 190)},
        {"bag_kind": 2, "bag": (214, 120, 40)},
        {"bag_kind": 3, "bag": (214, 120, 40), "pocket": (214, 120, 40)},
        {"cape": True},
        {"build": 1.2},
    ],
)  # fmt: skip
def test_each_piece_of_clothing_is_seen_from_behind(change: dict[str, object]) -> None:
    person = Person()
    other = replace(person, **change)  # type: ignore[arg-type]
    assert apart(ridden(person), ridden(other)) > 0.004


@pytest.mark.parametrize("kind", range(1, len(PRINTS)))
def test_each_print_is_seen_and_differs_from_the_others(kind: int) -> None:
    mesh = build_vehicle(CYCLE, ridden(Person())).exterior
    backs = [
        jacket_surface(mesh, Person(print_kind=each), 3).albedo[3].astype(int)
        for each in range(len(PRINTS))
    ]
    changed = [np.abs(back - backs[kind]).max(axis=2) > 30 for back in backs]
    assert all(each.mean() > 0.005 for number, each in enumerate(changed) if number != kind)


@pytest.mark.parametrize("kind", range(1, len(LUGGAGE)))
def test_each_kind_of_luggage_is_seen_from_behind(kind: int) -> None:
    loaded = ridden(Person(), luggage=Luggage(kind, (38, 104, 190), (222, 60, 48)))
    assert apart(ridden(Person()), loaded) > 0.01
    asset = build_vehicle(CYCLE, loaded)
    assert_sound(asset.exterior)
    # Nothing drags on the road or stands higher than a person.
    assert abs(float(asset.exterior.vertices[:, 2].min())) < 0.01
    assert asset.size[2] < 2.1


@pytest.mark.parametrize(
    "change",
    [
        {"panels": (220, 220, 218)},
        {"wide": 0.07, "panels": (220, 220, 218)},
        {"stripe": (246, 178, 32)},
        {"guard": 0.2},
        {"reflector": False},
        {"dark_rims": False},
    ],
)
def test_the_rear_of_a_motorcycle_is_seen_and_leaves_its_lamp_free(
    change: dict[str, object],
) -> None:
    bare = ridden(Person())
    assert bare.variety is not None
    one, other = (
        replace(bare, variety=replace(bare.variety, tail=Tail(**each)))  # type: ignore[arg-type]
        for each in ({}, change)
    )
    assert apart(one, other) > 0.0005
    assert_sound(build_vehicle(CYCLE, other).exterior)

    def lamp(identity: Identity) -> int:
        scene = scene_from(build_vehicle(CYCLE, identity), 180.0, 20.0)
        return int((render(scene, crop_round(scene, 300)).part == Part.LIGHT).sum())

    assert lamp(other) > 0.7 * lamp(bare)


def test_people_are_dressed_as_on_a_street() -> None:
    rng = np.random.default_rng(1)
    people = [draw_person(rng) for _ in range(600)]
    assert len({person.top for person in people}) > 550  # hardly two share a color
    grey = [max(person.top) - min(person.top) < 40 for person in people]
    assert 0.5 < np.mean(grey) < 0.85
    assert 0.5 < np.mean([person.sleeve_kind == 0 for person in people]) < 0.8
    prints = Counter(person.print_kind for person in people)
    assert set(prints) == set(range(len(PRINTS)))
    crews = [draw_variety("motorcycle", seed).crew for seed in range(400)]
    assert 0.15 < np.mean([len(crew) == 2 for crew in crews]) < 0.35
    assert draw_variety("sedan", 1).crew == ()


def test_who_sits_rearmost_wears_what_is_painted() -> None:
    rider, passenger = Person(top=(222, 60, 48)), Person(top=(38, 128, 66))
    alone = build_vehicle(CYCLE, ridden(rider))
    both = build_vehicle(CYCLE, ridden(rider, passenger))
    for asset, person in ((alone, rider), (both, passenger)):
        back = asset.surface.albedo[3].reshape(-1, 3).mean(axis=0)
        assert int(np.argmax(back)) == int(np.argmax(person.top))
        assert (asset.exterior.material == PAINTED).any()
        assert (asset.surface.part == Part.RIDER).all()
    assert both.exterior.vertices[:, 2].max() > alone.exterior.vertices[:, 2].max() - 0.02


def test_near_duplicates_of_a_varied_fleet_wear_other_clothes() -> None:
    first = draw_varied(CYCLE, 11)
    group = [first]
    for seed in (5, 6, 7):
        group.append(draw_near_duplicate(first, seed, *group[1:]))
    for one, other in itertools.combinations(group, 2):
        assert one.paint == other.paint
        assert one.variety != other.variety
        assert all(distinguishable(one, other, view) for view in VIEWS)
    orders = [Order(MODELS.index(CYCLE), 11), Order(MODELS.index(CYCLE), 5, 11)]
    assets = [Atelier("varied").build(order) for order in orders]
    assert digest(assets[0]) == digest(build_vehicle(CYCLE, first))
    assert digest(assets[1]) == digest(build_vehicle(CYCLE, group[1]))


# --- paint and trucks -------------------------------------------------------------------------

TRUCK = first_of("box_truck")


def test_the_paint_of_a_varied_fleet_is_what_its_color_says() -> None:
    studio = Atelier("varied")
    names = {studio.color(Order(0, seed)) for seed in range(400)}
    assert names > {paint.name for paint, fraction in PAINTS if fraction > 0.02}
    paints = [draw_varied(MODELS[0], seed).paint for seed in range(60)]
    assert len({paint.color for paint in paints}) == 60  # no two fade alike
    for seed, paint in enumerate(paints):
        assert studio.color(Order(0, seed)) == paint.name
        assert studio.color(Order(0, 1, seed)) == paint.name
        assert max(paint.color) <= 0.85


def loaded(kind: str, **change: object) -> Identity:
    """A truck that carries this."""
    seeds = (seed for seed in range(2000) if draw_variety("box_truck", seed).load is not None)
    for seed in seeds:
        variety = draw_variety("box_truck", seed)
        if variety.load is not None and variety.load.name == kind:
            load = replace(variety.load, **change)  # type: ignore[arg-type]
            return replace(draw_identity(TRUCK, 7), variety=replace(variety, load=load))
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", SUPERSTRUCTURES)
def test_each_load_of_a_truck_stands_on_its_wheels(kind: str) -> None:
    identity = loaded(kind)
    asset = build_vehicle(TRUCK, identity)
    assert_sound(asset.exterior)
    low, high = asset.exterior.vertices.min(axis=0), asset.exterior.vertices.max(axis=0)
    assert abs(low[2]) < 0.07
    assert high[2] < 4.2
    assert low[0] == pytest.approx(-high[0], abs=0.01)  # so pictures are taken around its middle
    assert 2.0 < asset.size[1] < 3.05  # 2.55 m, the widest that is legal, and two mirrors
    assert asset.exterior.material.max() < len(asset.materials)
    assert digest(asset) == digest(build_vehicle(TRUCK, identity))
    others = {draw_variety("box_truck", seed).load for seed in range(60)}
    assert len(others) == 60


def test_a_semi_trailer_is_long_and_its_cab_keeps_its_paint() -> None:
    short = build_vehicle(TRUCK, loaded("box", trailer=False, length=4.0))
    long = build_vehicle(TRUCK, loaded("container", trailer=True, length=12.2))
    assert long.size[0] > 14 > 8 > short.size[0]
    # The maps moved with the cab: its windscreen is at the front end still.
    for asset in (short, long):
        side, u = asset.surface.part[0], asset.surface.extent[0]
        glass = np.flatnonzero((side == Part.SIDE_WINDOW).any(axis=0))
        x = u[0] + (glass + 0.5) / side.shape[1] * (u[1] - u[0])
        assert x.max() > asset.size[0] / 2 - 1.5
    # A tractor's cab is as wide as its trailer.
    painted = [
        asset.exterior.vertices[asset.exterior.triangles[asset.exterior.material == PAINTED]]
        for asset in (short, long)
    ]
    widths = [float(np.ptp(each[..., 1])) for each in painted]
    assert widths[1] == pytest.approx(1.2 * widths[0], rel=0.01)
    tyres = long.exterior.vertices[long.exterior.triangles[long.exterior.material == Stuff.TYRE]]
    rows = np.unique(np.round(tyres[tyres[..., 2] < 0.05][:, 0], 0))
    assert len(rows) >= 4  # axles


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("container", {"color": (60, 172, 64)}),
        ("container", {"letters": 8, "ink": (236, 236, 232), "color": (60, 60, 64)}),
        ("box", {"two_tone": True, "other": (200, 36, 40)}),
        ("skeleton", {"frame": (222, 120, 44)}),
        ("cover", {"color": (40, 70, 130)}),
        ("tank", {"other": (200, 36, 40)}),
        ("tipper", {"color": (40, 84, 150)}),
        ("mixer", {"color": (222, 178, 54)}),
        ("flatbed", {"seed": 5}),
    ],
)
def test_colors_words_and_cargo_of_trucks_are_seen(kind: str, change: dict[str, object]) -> None:
    before = {"two_tone": False, "letters": 0, "color": (60, 60, 64), "frame": (34, 36, 38)}
    one, other = loaded(kind, **before), loaded(kind, **{**before, **change})
    crops = [from_behind(build_vehicle(TRUCK, each), azimuth=205.0) for each in (one, other)]
    (first, mask), (second, _) = crops
    assert (np.abs(first - second).max(axis=2) > 25)[mask].mean() > 0.008


# --- cars -------------------------------------------------------------------------------------

SUV = first_of("suv")


def trimmed(**change: object) -> Identity:
    identity = replace(draw_identity(SUV, 7), roof=0, rear_stickers=(), paint=PAINTS[0][0])
    return replace(identity, variety=Variety(Plate(), trim=Trim(**change)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"lower": (70, 72, 76)},
        {"cladding": 0.25},
        {"roof": (24, 24, 26)},
        {"garnish": BLACK},
        {"garnish": RED},
        {"spare": (24, 24, 26)},
        {"rear_letters": 6},
        {"side_letters": 8},
        {"wrap": (200, 36, 40)},
        {"sign": (246, 178, 32)},
        {"shade": (190, 200, 200)},
    ],
)
def test_what_is_added_to_a_car_is_seen_from_behind(change: dict[str, object]) -> None:
    plain, other = (build_vehicle(SUV, trimmed(**each)) for each in ({}, change))
    assert_sound(other.exterior)
    (first, mask), (second, _) = (from_behind(each, 256, 215.0) for each in (plain, other))
    assert (np.abs(first - second).max(axis=2) > 25)[mask].mean() > 0.002


def test_second_colors_leave_lamps_glass_and_plate_alone() -> None:
    plain, other = (
        build_vehicle(SUV, trimmed(**each)).surface
        for each in ({}, {"lower": (24, 84, 160), "lower_height": 1.0, "cladding": 0.3})
    )
    for part in (Part.LIGHT, Part.WINDOW, Part.SIDE_WINDOW, Part.PLATE):
        there = plain.part == part
        changed = np.abs(plain.albedo.astype(int) - other.albedo).max(axis=3) > 60
        assert changed[there].mean() < 0.05
    painted = plain.cover[..., 0] > 250
    low = np.zeros_like(painted)
    low[:4, 3 * painted.shape[1] // 4 :] = True  # the lowest quarter of sides and faces
    assert (other.cover[..., 0][painted & low] < 30).mean() > 0.95


def test_a_spare_wheel_hangs_behind_and_does_not_hide_the_plate() -> None:
    with_it, without = (build_vehicle(SUV, trimmed(spare=each)) for each in ((70, 72, 76), None))
    assert with_it.size[0] > without.size[0] + 0.05
    scene = scene_from(with_it, 180.0, 20.0)
    seen = (render(scene, crop_round(scene, 256)).part == Part.PLATE).sum()
    scene = scene_from(without, 180.0, 20.0)
    assert seen > 0.6 * (render(scene, crop_round(scene, 256)).part == Part.PLATE).sum()


def test_trades_letter_their_vans_and_most_cars_stay_bare() -> None:
    rng = np.random.default_rng(3)
    cars, vans = ([draw_trim(rng, kind) for _ in range(500)] for kind in ("sedan", "van"))
    assert np.mean([trim.rear_letters > 0 for trim in vans]) > 0.4
    assert np.mean([trim.rear_letters > 0 for trim in cars]) < 0.2
    assert 0.02 < np.mean([trim.sign is not None for trim in cars]) < 0.09
    assert all(trim.rear_letters and trim.side_letters for trim in cars if trim.sign)
    assert not any(trim.sign or trim.spare or trim.roof for trim in vans)


# --- plates -----------------------------------------------------------------------------------


def test_plates_have_many_layouts_but_their_text_names_nobody() -> None:
    rng = np.random.default_rng(2)
    plates = [draw_plate(rng, small=True) for _ in range(2000)]
    layouts = Counter((plate.rows, plate.ground, plate.band) for plate in plates)
    assert len(layouts) > 60
    texts = Counter(plate.text for plate in plates)
    assert len(texts) == TEXTS  # so each text is shared by one vehicle in twenty-four
    assert max(texts.values()) < 3 * len(plates) / TEXTS
    assert strokes(plates[0]) == strokes(replace(plates[0], ground=(0, 0, 0)))


@pytest.mark.parametrize("rows", [(7,), (4, 5)])
def test_characters_lie_on_their_plate_without_touching(rows: tuple[int, ...]) -> None:
    plate = Plate(rows=rows, band=True)
    marks = np.zeros((200, 400), bool)
    for shape in strokes(plate):
        (left, bottom), _, (right, top), _ = shape
        assert 0.1 < left < right < 1.0  # right of the band
        assert 0.0 < bottom < top < 1.0
        marks[int(200 * bottom) : int(200 * top), int(400 * left) : int(400 * right)] = True
    for line, band in enumerate(np.array_split(marks, len(rows))):
        letters = rows[len(rows) - 1 - line]  # the first row of `marks` is the lowest
        groups = int((np.diff(band.any(axis=0).astype(int)) == 1).sum())
        assert groups >= letters
    assert 0.1 < marks.mean() < 0.6


def test_a_plate_is_seen_on_its_motorcycle_with_dark_text_on_its_ground() -> None:
    dyes = Dyes()
    mesh = plate_mesh(Plate(), ((0, 0.1, 0), (0, -0.1, 0), (0.0, 0.1, 0.1)), dyes)
    assert_sound(mesh)
    assert (mesh.normals[:, 0] < -0.99).all()  # it faces whoever is behind
    used = set(mesh.material.tolist())
    assert {material.part for material in dyes.materials()} == {Part.PLATE}
    assert used == {int(Stuff.TRIM), len(Stuff), len(Stuff) + 1}

    identity = ridden(Person(), plate=Plate(ground=(232, 198, 64)))
    scene = scene_from(build_vehicle(CYCLE, identity), 180.0, 20.0, away=9.0)
    crop = crop_round(scene, 400)
    picture = render(scene, crop)
    plate = picture.pixels[picture.part == Part.PLATE].astype(int)
    assert len(plate) > 200
    yellow = plate[:, 0] - plate[:, 2]
    assert np.percentile(yellow, 70) > 60
    assert (plate.max(axis=1) < 110).mean() > 0.04  # ink
    _, top, _, bottom = in_crop(box_of(in_frame(scene)), crop)
    rows = np.flatnonzero((picture.part == Part.PLATE).any(axis=1))
    assert top + 0.5 * (bottom - top) < rows.min() < rows.max() < bottom


@pytest.mark.parametrize("side", ["front", "rear"])
def test_a_car_has_its_plate_painted_where_the_blank_one_was(side: str) -> None:
    model, index = first_of("sedan"), {"front": 2, "rear": 3}[side]
    identity = draw_identity(model, 4)
    blank = build_vehicle(model, identity).surface
    written = build_vehicle(model, replace(identity, variety=Variety(Plate(rows=(7,))))).surface
    rows, columns = (np.flatnonzero((blank.part[index] == Part.PLATE).any(axis=a)) for a in (1, 0))
    area = (slice(rows[0] + 1, rows[-1]), slice(columns[0] + 1, columns[-1]))
    assert (written.part[index][area] == Part.PLATE).mean() > 0.9
    levels = written.albedo[index][area].max(axis=2).astype(int)
    assert 0.08 < (levels < 90).mean() < 0.6
    assert (levels > 180).mean() > 0.25
