"""What stands beside the street of a camera: lamps, trees, fences, signs, houses; as a mesh.

The mesh goes through the same z-buffer as the vehicles, so poles and trees in front of a vehicle
hide it exactly. Things on the camera's side of the street may be in its way, but do not cover most
of the picture.
"""

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import project
from platefree.city.render.road import Road, road_of
from platefree.city.scene import CameraModel, Floats

_REACH = 110.0  # metres along the street, each way, that have things beside them
Triple = tuple[float, float, float]


class Kind(IntEnum):
    """How the surface of a triangle is patterned."""

    PLAIN = 0
    FACADE = 1
    LEAVES = 2
    LAMP = 3


@dataclass(frozen=True, eq=False)
class Scenery:
    """Triangles of what stands beside a street, in the world frame.

    Attributes:
        vertices: (v, 3) float32, metres.
        normals: (v, 3) float32, unit.
        triangles: (t, 3) int32.
        kind: (t,) uint8, `Kind`.
        color: (t, 3) float32, linear RGB.
        lamps: (n, 3) float32, where street lamps shine from.
    """

    vertices: Floats
    normals: Floats
    triangles: NDArray[np.int32]
    kind: NDArray[np.uint8]
    color: Floats
    lamps: Floats


class _Builder:
    """Collects pieces of scenery."""

    def __init__(self) -> None:
        self.vertices: list[Floats] = []
        self.normals: list[Floats] = []
        self.triangles: list[NDArray[np.int32]] = []
        self.kind: list[NDArray[np.uint8]] = []
        self.color: list[Floats] = []
        self.lamps: list[Triple] = []
        self._count = 0

    def add(
        self, vertices: NDArray[np.floating], normals: NDArray[np.floating],
        triangles: NDArray[np.int32], color: Triple,
        kind: Kind = Kind.PLAIN,
    ) -> None:  # fmt: skip
        self.vertices.append(vertices.astype(np.float32))
        self.normals.append(normals.astype(np.float32))
        self.triangles.append((triangles + self._count).astype(np.int32))
        self.kind.append(np.full(len(triangles), kind, np.uint8))
        self.color.append(np.tile(np.asarray(color, np.float32), (len(triangles), 1)))
        self._count += len(vertices)

    def box(self, low: Triple, high: Triple, color: Triple, kind: Kind = Kind.PLAIN) -> None:
        corners, normals, triangles = _BOX
        span = np.array(high) - low
        self.add(np.array(low) + corners * span, normals, triangles, color, kind)

    def pole(self, foot: Triple, height: float, radius: float, color: Triple) -> None:
        ring, normals, triangles = _POLE
        scale = np.array([radius, radius, height])
        self.add(np.array(foot) + ring * scale, normals, triangles, color)

    def crown(
        self, middle: Triple, radii: Triple, color: Triple, random: np.random.Generator
    ) -> None:
        """A lump of leaves."""
        points, triangles = _BALL
        lumps = 1 + 0.13 * random.standard_normal((len(points), 1))
        normals = points + 0.35 * random.standard_normal(points.shape)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        self.add(np.array(middle) + points * lumps * radii, normals, triangles, color, Kind.LEAVES)

    def done(self) -> Scenery:
        return Scenery(
            np.concatenate(self.vertices), np.concatenate(self.normals),
            np.concatenate(self.triangles), np.concatenate(self.kind),
            np.concatenate(self.color),
            np.array(self.lamps, np.float32).reshape(-1, 3),
        )  # fmt: skip


def _unit_box() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """Corners in [0, 1], normals and triangles, each face with corners of its own."""
    corners: list[NDArray[np.float64]] = []
    normals: list[NDArray[np.float64]] = []
    triangles: list[tuple[int, int, int]] = []
    for axis in range(3):
        for end in (0.0, 1.0):
            a, b = (axis + 1) % 3, (axis + 2) % 3
            order = ((0, 0), (1, 0), (1, 1), (0, 1)) if end else ((0, 0), (0, 1), (1, 1), (1, 0))
            first = len(corners)
            for p, q in order:
                corner = np.zeros(3)
                corner[axis], corner[a], corner[b] = end, p, q
                corners.append(corner)
                normals.append(np.eye(3)[axis] * (2 * end - 1))
            triangles += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return np.array(corners), np.array(normals), np.array(triangles, np.int32)


def _unit_pole(
    sides: int = 8,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    angle = np.arange(sides) * (2 * np.pi / sides)
    ring = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(sides)])
    top = ring + np.array([0, 0, 1])
    here, there = np.arange(sides), (np.arange(sides) + 1) % sides
    walls = np.concatenate(
        [
            np.column_stack([here, there, there + sides]),
            np.column_stack([here, there + sides, here + sides]),
            np.column_stack([np.full(sides, sides), here + sides, there + sides])[1:-1],
        ]
    )
    return np.concatenate([ring, top]), np.concatenate([ring, ring]), walls.astype(np.int32)


def _unit_ball(rounds: int = 2) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """An octahedron whose triangles are cut in four a few times."""
    points = [np.array(p, float) for p in
              ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))]  # fmt: skip
    faces = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    for _ in range(rounds):
        middles: dict[tuple[int, int], int] = {}
        cut = []
        for a, b, c in faces:
            mids = []
            for p, q in ((a, b), (b, c), (c, a)):
                edge = (min(p, q), max(p, q))
                if edge not in middles:
                    middle = points[p] + points[q]
                    points.append(middle / np.linalg.norm(middle))
                    middles[edge] = len(points) - 1
                mids.append(middles[edge])
            d, e, f = mids
            cut += [(a, d, f), (d, b, e), (f, e, c), (d, e, f)]
        faces = cut
    return np.array(points), np.array(faces, np.int32)


_BOX = _unit_box()
_POLE = _unit_pole()
_BALL = _unit_ball()

_STEEL = (0.28, 0.29, 0.30)
_HOUSES = ((0.42, 0.38, 0.32), (0.30, 0.16, 0.12), (0.34, 0.34, 0.35), (0.50, 0.47, 0.42),
           (0.24, 0.22, 0.21), (0.40, 0.31, 0.20), (0.20, 0.24, 0.28))  # fmt: skip
_SIGNS = ((0.02, 0.10, 0.40), (0.45, 0.03, 0.03), (0.02, 0.22, 0.10), (0.6, 0.6, 0.58))


@lru_cache(maxsize=128)
def scenery_of(camera: CameraModel) -> Scenery:
    """What stands beside the street that a camera watches."""
    random = np.random.default_rng([camera.seed, 2])
    builder, road = _Builder(), road_of(camera)
    edge = road.half + road.shoulder + 0.16
    lamp_side = float(random.choice([-1.0, 1.0]))
    both = random.random() < 0.5
    for side in (-1.0, 1.0):
        if both or side == lamp_side:
            _lamps(builder, camera, side, edge + 0.5, random)
        if random.random() < 0.6:
            _trees(builder, camera, side, edge + random.uniform(1.0, 2.5), random)
        _border(builder, camera, side, edge + road.pavement, random)
        _signs(builder, camera, side, edge + 0.4, random)
        _houses(
            builder, camera, side, edge + road.pavement + random.uniform(1.5, 9.0), road, random
        )
    if road.lanes > 1 and road.middle == 2 and random.random() < 0.4:
        _median(builder, random)
    return builder.done()


def _stations(random: np.random.Generator, spacing: float) -> NDArray[np.float64]:
    """Places along the street, roughly evenly spaced."""
    places = np.arange(-_REACH, _REACH, spacing) + random.uniform(0, spacing)
    return places + random.normal(0, 0.06 * spacing, len(places))


def _in_the_way(camera: CameraModel, place: Triple, fraction: float, radius: float = 0.0) -> bool:
    """Whether a thing stands at the camera or between it and the middle of its picture.

    Args:
        camera: who looks.
        place: middle of the thing.
        fraction: of the picture's width around its middle that the thing's middle must keep out of.
        radius: of the thing; its edge keeps out of the middle nine tenths of the picture.
    """
    away = math.hypot(place[0] - camera.position[0], place[1] - camera.position[1])
    if away < 3.0 + radius:
        return True
    across, _, depth = project(camera, np.array([place], np.float32))[0]
    aim = camera.position[2] / math.tan(max(camera.pitch, 0.08))
    if not 0 < depth < 1.1 * aim + radius:
        return False
    off = abs(across / camera.width - 0.5)
    edge = off - radius * camera.focal / (camera.width * depth)
    return bool(off < fraction or (radius > 0 and edge < 0.45))


def _lamps(
    builder: _Builder, camera: CameraModel, side: float, away: float, random: np.random.Generator
) -> None:
    height, spacing = random.uniform(6.5, 10.0), random.uniform(22, 38)
    reach, tone = random.uniform(0.8, 2.2), random.uniform(0.1, 0.4)
    color = (tone, tone, tone)
    for x in _stations(random, spacing).tolist():
        builder.lamps.append((x, side * (away - reach), height))
        if _in_the_way(camera, (x, side * away, 1.0), 0.14):
            continue
        builder.pole((x, side * away, 0.0), height, 0.085, color)
        low, high = sorted((side * away, side * (away - reach)))
        builder.box((x - 0.04, low, height - 0.1), (x + 0.04, high, height), color)
        low, high = sorted((side * (away - reach), side * (away - reach + 0.6)))
        builder.box(
            (x - 0.15, low, height - 0.16), (x + 0.15, high, height - 0.05), (0.9, 0.8, 0.6),
            Kind.LAMP,
        )  # fmt: skip


def _trees(
    builder: _Builder, camera: CameraModel, side: float, away: float, random: np.random.Generator
) -> None:
    tall, wide = random.uniform(4.0, 8.0), random.uniform(1.3, 2.4)
    tone = random.uniform(0.6, 1.3)
    for x in _stations(random, random.uniform(6, 15)).tolist():
        size = random.uniform(0.75, 1.25)
        green = np.array([0.055, 0.095, 0.028]) * tone * random.uniform(0.8, 1.2, 3)
        lumps = random.normal(0, 1, (6, 3))
        y, top = side * away, tall * size
        radius = wide * size * 0.62
        reach = radius + 0.45 * wide * float(np.abs(lumps[:, :2]).max())
        crown, trunk = (x, y, 0.7 * top), (x, y, 1.0)
        if _in_the_way(camera, crown, 0.8, reach) or _in_the_way(camera, trunk, 0.3):
            continue
        builder.pole((x, y, 0.0), 0.7 * top, 0.10 + 0.06 * size, (0.10, 0.075, 0.055))
        for lump in lumps:
            middle = np.array([x, y, 0.72 * top]) + lump * [0.45 * wide, 0.35 * wide, 0.11 * top]
            builder.crown(tuple(middle), (radius, radius, 0.8 * radius), tuple(green), random)


def _border(
    builder: _Builder, camera: CameraModel, side: float, away: float, random: np.random.Generator
) -> None:
    """A guard rail, fence, wall or hedge along the back of the pavement, or nothing."""
    style = str(random.choice(["rail", "fence", "wall", "hedge", "none"]))
    tone = random.uniform(0.7, 1.2)
    beside_camera = camera.position[1] * side > 0
    if beside_camera and abs(camera.position[1]) < away + 1.0 and style in ("wall", "hedge"):
        style = "rail"  # the camera must see over it
    y, start, end = side * away, -_REACH, _REACH
    if style == "rail":
        builder.box((start, y - 0.04, 0.45), (end, y + 0.04, 0.75), _scaled(_STEEL, 1.4 * tone))
        for x in np.arange(start, end, 2.0).tolist():
            builder.box((x, y - 0.05, 0.0), (x + 0.1, y + 0.05, 0.7), _scaled(_STEEL, tone))
    elif style == "fence":
        color = _scaled(random.choice([(0.05, 0.06, 0.05), (0.30, 0.31, 0.32)]), tone)
        for z in (0.25, 1.05):
            builder.box((start, y - 0.02, z), (end, y + 0.02, z + 0.05), color)
        for x in np.arange(start / 2, end / 2, 0.22).tolist():
            builder.box((x, y - 0.012, 0.05), (x + 0.025, y + 0.012, 1.1), color)
    elif style == "wall":
        color = _scaled(_HOUSES[int(random.integers(len(_HOUSES)))], tone)
        builder.box((start, y - 0.12, 0.0), (end, y + 0.12, random.uniform(0.7, 2.0)), color)
    elif style == "hedge":
        height = random.uniform(0.8, 1.5)
        for x in np.arange(start / 2, end / 2, 0.9).tolist():
            green = _scaled((0.045, 0.085, 0.025), tone * random.uniform(0.9, 1.1))
            builder.crown(
                (x, y + side * 0.4, 0.5 * height), (0.75, 0.5, 0.6 * height), green, random
            )


def _signs(
    builder: _Builder, camera: CameraModel, side: float, away: float, random: np.random.Generator
) -> None:
    for _ in range(int(random.integers(1, 5))):
        x, style = random.uniform(-40, 40), random.random()
        color = _SIGNS[int(random.integers(len(_SIGNS)))]
        y = side * away
        if _in_the_way(camera, (x, y, 1.0), 0.1):
            continue
        if style < 0.55:
            builder.pole((x, y, 0.0), 2.9, 0.035, _STEEL)
            builder.box((x - 0.02, y - 0.33, 2.1), (x + 0.02, y + 0.33, 2.8), color)
        elif style < 0.8:
            builder.box((x, y - 0.3, 0.0), (x + 0.5, y + 0.3, 0.95), _scaled(color, 0.6))
        else:
            for step in range(6):
                builder.pole((x + 1.5 * step, y, 0.0), 0.9, 0.06, (0.25, 0.25, 0.26))


def _houses(
    builder: _Builder, camera: CameraModel, side: float, away: float, road: Road,
    random: np.random.Generator,
) -> None:  # fmt: skip
    if camera.position[1] * side > 0:
        away = max(away, abs(camera.position[1]) + 4.0)
    x, gap = -_REACH, random.uniform(0.0, 14.0)
    open_ground = random.random() < 0.25
    while x < _REACH and not open_ground:
        width, height = random.uniform(8, 26), random.choice([3.5, 6.5, 9.5, 12.5, 18.5])
        color = _scaled(_HOUSES[int(random.integers(len(_HOUSES)))], random.uniform(0.7, 1.2))
        setback = random.uniform(0, 2.5)
        clear = x > road.side_street[1] + 2 or x + width < road.side_street[0] - 2
        if clear:
            low, high = sorted((side * (away + setback), side * (away + setback + 12)))
            builder.box((x, low, 0.0), (x + width, high, height), color, Kind.FACADE)
            roof = _scaled(color, 0.6)
            builder.box(
                (x - 0.2, low - 0.2, height), (x + width + 0.2, high + 0.2, height + 0.4), roof
            )
        x += width + random.exponential(gap)


def _median(builder: _Builder, random: np.random.Generator) -> None:
    """A low barrier or railing along the middle of the street."""
    if random.random() < 0.5:
        builder.box((-_REACH, -0.15, 0.0), (_REACH, 0.15, 0.75), (0.36, 0.35, 0.33))
        return
    for z in (0.35, 0.75):
        builder.box((-_REACH, -0.02, z), (_REACH, 0.02, z + 0.05), (0.45, 0.45, 0.44))
    for x in np.arange(-_REACH, _REACH, 1.5).tolist():
        builder.box((x, -0.03, 0.0), (x + 0.06, 0.03, 0.8), (0.45, 0.45, 0.44))


def _scaled(color: Triple | NDArray[np.float64], factor: float) -> Triple:
    red, green, blue = (float(min(max(c * factor, 0.0), 1.0)) for c in color)
    return red, green, blue
