from dataclasses import replace

import numpy as np
import pytest
from city_stage import build, digest, first_of, mostly_slow

from platefree.city.scene import SIDES, Mesh, Part
from platefree.city.vehicles.body import build_body, distance_to
from platefree.city.vehicles.curves import DistanceGrid, chaikin, distance_grid, outline, sample
from platefree.city.vehicles.meshing import surface_nets
from platefree.city.vehicles.models import CYCLE_PAINTS, KINDS, MODELS, PAINTS, VehicleModel
from platefree.city.vehicles.shapes import BodyShape
from platefree.city.vehicles.solids import ball, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.vehicle import build_vehicle
from platefree.city.vehicles.vehicle_identity import Identity, draw_identity, paint_of
from platefree.city.vehicles.wheels import RIMS, wheel

CLOSED = tuple(kind for kind in KINDS if kind != "motorcycle")


def test_distance_to_a_polygon_agrees_with_brute_force() -> None:
    shape = np.array([[0.0, 0.0], [1.0, 0.1], [0.8, 0.9], [0.4, 0.4], [0.1, 0.8]])
    grid = distance_grid(shape, (-0.3, -0.3), (1.3, 1.2), 0.1)
    edges = np.concatenate(
        [np.linspace(a, b, 4001) for a, b in zip(shape, np.roll(shape, -1, axis=0), strict=True)]
    )
    for row in range(grid.values.shape[0]):
        for column in range(grid.values.shape[1]):
            point = grid.low + 0.1 * np.array([row, column])
            nearest = np.hypot(*(edges - point).T).min()
            assert abs(grid.values[row, column]) == pytest.approx(nearest, abs=3e-4)
    assert grid.values[4, 4] < 0 < grid.values[0, 0]


def test_corner_cutting_stays_inside_and_keeps_straight_edges() -> None:
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert len(chaikin(square, 3)) == 32
    rounded = outline([(x, y, 0.1) for x, y in square.tolist()])
    assert rounded.min() >= 0
    assert rounded.max() <= 1
    assert np.abs(rounded[:, 1]).min() < 1e-9  # the middle of an edge is not moved


def test_splines_reproduce_a_plane() -> None:
    rows, columns = np.meshgrid(np.arange(12), np.arange(9), indexing="ij")
    grid = DistanceGrid(0.3 * rows - 0.2 * columns, np.zeros(2), 1.0)
    for a, b in ((3.3, 4.1), (7.9, 2.2), (1.0, 6.5)):
        assert sample(grid.values, grid.low, 1.0, a, b) == pytest.approx(0.3 * a - 0.2 * b)


def test_surface_nets_of_a_sphere_are_closed_and_face_outward() -> None:
    axis = np.arange(24) * 0.1 - 1.15
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    field = (np.sqrt(x * x + y * y + z * z) - 0.8).astype(np.float32)
    vertices, triangles = surface_nets(field, np.full(3, -1.15), 0.1)
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, times = np.unique(edges, axis=0, return_counts=True)
    assert (times == 2).all()
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((normals * corners.mean(axis=1)).sum(axis=1) > 0).all()


def test_soft_solids_lie_on_their_surface() -> None:
    mesh = soft_mesh([ball((0.2, 0.0, 1.0), (0.3, 0.3, 0.3), 4)], 0.05)
    radius = np.linalg.norm(mesh.vertices - np.array([0.2, 0.0, 1.0]), axis=1)
    assert np.abs(radius - 0.3).max() < 2e-3
    assert set(mesh.material.tolist()) == {4}


def assert_sound(mesh: Mesh) -> None:
    assert np.isfinite(mesh.vertices).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-3)
    assert mesh.occlusion.min() >= 0
    assert mesh.occlusion.max() <= 1
    assert mesh.triangles.min() >= 0
    assert mesh.triangles.max() < len(mesh.vertices)
    corners = mesh.vertices[mesh.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(face, axis=1)
    agree = (face * mesh.normals[mesh.triangles].sum(axis=1)).sum(axis=1) > 0
    assert area[agree].sum() > 0.995 * area.sum()  # wound counter-clockwise seen from outside


def test_a_body_lies_on_its_field_and_is_symmetric() -> None:
    body = build_body(BodyShape())
    assert_sound(body.mesh)
    some = body.mesh.vertices[::97].astype(float)
    distances = np.array([distance_to(body.field, *point) for point in some])
    assert np.abs(distances).max() < 0.012
    assert np.median(np.abs(distances)) < 1e-3
    low, high = body.mesh.vertices.min(axis=0), body.mesh.vertices.max(axis=0)
    assert low[1] == pytest.approx(-high[1], abs=2e-3)
    centre = (body.mesh.vertices * body.mesh.normals).sum(axis=1).mean()
    assert centre > 0


@pytest.mark.parametrize("kind", mostly_slow(KINDS))
def test_every_type_is_sound_and_stands_on_the_ground(kind: str) -> None:
    asset = build(kind)
    assert_sound(asset.exterior)
    if len(asset.interior.triangles):
        assert_sound(asset.interior)
        assert len(asset.interior.triangles) < 30_000  # drawn in every picture, seen in few
    low, high = asset.exterior.vertices.min(axis=0), asset.exterior.vertices.max(axis=0)
    assert abs(low[2]) < 0.01
    np.testing.assert_allclose(high - low, asset.size, atol=1e-3)
    assert asset.exterior.material.min() >= -1
    assert asset.exterior.material.max() < len(asset.materials)
    tyres = asset.exterior.material == 1
    assert tyres.any()
    assert asset.surface.albedo.shape[0] == len(SIDES)
    assert asset.surface.cover.shape[-1] == 6


@pytest.mark.parametrize("kind", mostly_slow(CLOSED, ("sedan", "van")))
def test_closed_bodies_show_every_part(kind: str) -> None:
    asset = build(kind)
    part = asset.surface.part
    front, rear = SIDES.index("front"), SIDES.index("rear")
    for wanted in (Part.WINDOW, Part.LIGHT, Part.BRAND, Part.PLATE, Part.BODY):
        assert (part[front] == wanted).any(), wanted
    if kind != "box_truck":  # whose rear lamps and plate are on its frame
        for wanted in (Part.LIGHT, Part.PLATE, Part.BODY):
            assert (part[rear] == wanted).any(), wanted
    for side in ("left", "right"):
        assert (part[SIDES.index(side)] == Part.SIDE_WINDOW).any()
        assert (part[SIDES.index(side)] == Part.LIGHT).any()  # lamps wrap round the corner
    plate = asset.surface.albedo[front][part[front] == Part.PLATE].astype(float)
    assert np.ptp(np.percentile(plate, (10, 90))) < 14  # nothing is written on it


@pytest.mark.parametrize("kind", mostly_slow(CLOSED, ("sedan", "van")))
def test_the_driver_is_seen_through_the_windscreen(kind: str) -> None:
    asset, shape = build(kind), first_of(kind).shape
    head = asset.interior.vertices[asset.interior.triangles[asset.interior.material == Stuff.HAIR]]
    middle = head.reshape(-1, 3).mean(axis=0)
    assert shape.belt + 0.1 < middle[2] < shape.height - 0.28
    assert shape.roof_x < middle[0] < shape.cowl_x
    assert 0 < middle[1] < shape.half_width


@pytest.mark.parametrize("kind", ["sedan", "van", "motorcycle"])
def test_equal_identities_give_equal_bytes(kind: str) -> None:
    model = first_of(kind)
    first = build_vehicle(model, draw_identity(model, 11))
    assert draw_identity(model, 11) == draw_identity(model, 11)
    assert digest(first) == digest(build_vehicle(model, draw_identity(model, 11)))


def _changed(identity: Identity, model: VehicleModel, **change: object) -> bool:
    asset = build_vehicle(model, identity)
    other = build_vehicle(model, replace(identity, **change))  # type: ignore[arg-type]
    return digest(asset)[:-1] != digest(other)[:-1]


def test_each_visible_detail_of_a_car_is_drawn() -> None:
    model = first_of("suv")
    rich = next(
        identity
        for seed in range(500)
        if len((identity := draw_identity(model, seed)).damage) and identity.decals
    )
    plain = replace(rich, stickers=(), roof=0, livery=0, dirt_amount=0.0, missing_badge=False)
    assert _changed(plain, model, damage=())
    assert _changed(plain, model, decals=())
    assert _changed(plain, model, roof=1)
    assert _changed(plain, model, livery=1)
    assert _changed(plain, model, missing_badge=True)
    stickers = next(
        identity.stickers for s in range(99) if (identity := draw_identity(model, s)).stickers
    )
    assert _changed(plain, model, stickers=stickers)


def test_there_are_many_models_with_names_and_shapes_of_their_own() -> None:
    assert len(MODELS) >= 60
    assert len({model.name for model in MODELS}) == len(MODELS)
    assert {model.kind for model in MODELS} == set(KINDS)
    assert sum(model.kind == "motorcycle" for model in MODELS) >= 10
    looks = {(model.shape, model.style, model.cycle, model.box) for model in MODELS}
    assert len(looks) == len(MODELS)
    assert len(PAINTS) >= 12
    assert all(len({paint.name for paint, _ in paints}) == len(paints)
               for paints in (PAINTS, CYCLE_PAINTS))  # fmt: skip


@pytest.mark.parametrize("kind", ["sedan", "van", "motorcycle"])
def test_paints_come_as_often_as_their_shares_say(kind: str) -> None:
    model = first_of(kind)
    drawn = [paint_of(model, seed) for seed in range(3000)]
    assert drawn[:40] == [draw_identity(model, seed).paint for seed in range(40)]
    paints = CYCLE_PAINTS if kind == "motorcycle" else PAINTS
    white = 0.8 if kind == "van" else 0.0
    total = sum(fraction for _, fraction in paints) + white
    for paint, fraction in paints:
        expected = (fraction + white * (paint.name == "white")) / total
        spread = (expected * (1 - expected) / len(drawn)) ** 0.5
        assert drawn.count(paint) / len(drawn) == pytest.approx(expected, abs=4.5 * spread)


def test_neutral_paints_dominate_the_street() -> None:
    model = first_of("sedan")
    names = [draw_identity(model, seed).paint.name for seed in range(400)]
    neutral = sum(name in ("white", "pearl", "black", "grey", "anthracite", "silver")
                  for name in names)  # fmt: skip
    assert neutral > 0.65 * len(names)


@pytest.mark.parametrize("family", range(RIMS))
def test_wheels_touch_the_ground(family: int) -> None:
    mesh = wheel(0.33, 0.21, family, 1, 2, 3)
    assert_sound(mesh)
    assert mesh.vertices[:, 2].min() == pytest.approx(-0.33, abs=0.004)
