"""Riders and passengers: soft bodies, helmets, bags, and the painted clothes of who sits rearmost.

The jacket of the rearmost person is painted by projection maps (prints, folds); everything else
has plain materials.
"""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from platefree.city.scene import Floats, Mesh, Part, Surface
from platefree.city.vehicles.maps import Canvas, Ink
from platefree.city.vehicles.meshes import PAINTED, join
from platefree.city.vehicles.shapes import Cycle
from platefree.city.vehicles.solids import Solid, ball, block, limb, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.vehicle_identity import Rider

_SCOOTER, _SPORT = 0, 4
_MAP = (128, 256)


def _jacket(
    x: float,
    z: float,
    lean: float,
    build: float,
    top: int,
    short: bool,
    hands: tuple[float, float, float],
    skin: int,
) -> list[Solid]:
    """Torso and arms of somebody who sits with their hips at (x, z)."""
    shoulder_x, shoulder_z = x + lean, z + 0.47
    wide = 0.190 * build
    solids = [
        ball((x - 0.01, 0, z + 0.03), (0.155 * build, 0.20 * build, 0.15), top),
        ball((x + 0.4 * lean, 0, z + 0.20), (0.150 * build, 0.205 * build, 0.20), top, 0.1),
        ball((x + 0.80 * lean, 0, z + 0.35), (0.140 * build, 0.215 * build, 0.17), top, 0.2),
        limb((shoulder_x, -wide, shoulder_z), (shoulder_x, wide, shoulder_z), 0.082, 0.082, top),
        limb(
            (shoulder_x, 0, shoulder_z), (shoulder_x + 0.03, 0, shoulder_z + 0.10), 0.07, 0.06, top
        ),
    ]
    hand_x, hand_y, hand_z = hands
    for sign in (1.0, -1.0):
        elbow = (
            0.5 * (shoulder_x + hand_x) - 0.05,
            sign * (max(wide, hand_y) + 0.045),
            0.5 * (shoulder_z + hand_z) - 0.075,
        )
        solids.append(
            limb(
                (shoulder_x, sign * (wide + 0.01), shoulder_z - 0.01),
                elbow,
                0.078 * build,
                0.066,
                top,
            )
        )
        lower = skin if short else top
        solids.append(
            limb(
                elbow,
                (hand_x - 0.04, sign * hand_y, hand_z),
                0.046 if short else 0.062,
                0.036 if short else 0.046,
                lower,
            )
        )
        solids.append(ball((hand_x, sign * hand_y, hand_z), (0.05, 0.042, 0.035), skin))
    return solids


def _legs(
    x: float,
    z: float,
    build: float,
    knee: tuple[float, float, float],
    foot: tuple[float, float, float],
    stuff: int,
    bare: bool,
) -> list[Solid]:
    solids: list[Solid] = []
    for sign in (1.0, -1.0):
        k = (knee[0], sign * knee[1], knee[2])
        ankle = (foot[0] - 0.06, sign * foot[1], foot[2] + 0.08)
        solids.append(limb((x, sign * 0.09, z - 0.01), k, 0.098 * build, 0.072 * build, stuff))
        solids.append(limb(k, ankle, 0.066 * build, 0.046, Stuff.SKIN if bare else stuff))
        solids.append(
            ball(
                (foot[0] + 0.02, sign * foot[1], foot[2] + 0.015),
                (0.125, 0.048, 0.045),
                Stuff.SHOES,
            )
        )
    return solids


def _head(x: float, z: float, kind: int, helmet: int, hair: bool) -> list[Solid]:
    """Head and helmet round (x, z)."""
    solids = [ball((x + 0.02, 0, z - 0.03), (0.092, 0.078, 0.115), Stuff.SKIN)]
    if kind == 1:
        solids += [
            ball((x, 0, z), (0.145, 0.125, 0.145), helmet),
            ball((x + 0.075, 0, z + 0.005), (0.085, 0.105, 0.055), Stuff.VISOR),
        ]
    elif kind == 2:
        solids += [ball((x - 0.005, 0, z + 0.05), (0.135, 0.118, 0.092), helmet)]
    else:
        solids += [ball((x - 0.015, 0, z + 0.025), (0.140, 0.125, 0.125), helmet)]
    if kind == 3:
        solids.append(block((x + 0.15, 0, z + 0.06), (0.07, 0.09, 0.01), helmet, 0.15, 0.01))
    if hair:
        solids.append(
            limb((x - 0.09, 0, z - 0.06), (x - 0.145, 0, z - 0.32), 0.07, 0.035, Stuff.HAIR)
        )
    return solids


def _bag(x: float, z: float, lean: float, kind: int) -> list[Solid]:
    """A backpack or shoulder bag on a back whose hips are at (x, z)."""
    if kind == 1:
        return [
            block(
                (x - 0.20 + 0.5 * lean, 0, z + 0.29), (0.075, 0.145, 0.20), Stuff.PACK, 0.18, 0.06
            ),
            block(
                (x - 0.27 + 0.4 * lean, 0, z + 0.21), (0.035, 0.105, 0.09), Stuff.PACK, 0.18, 0.03
            ),
        ]
    return [block((x - 0.05, 0.22, z + 0.08), (0.13, 0.05, 0.11), Stuff.PACK, 0.0, 0.04)]


@lru_cache(maxsize=96)
def _person(
    cycle: Cycle,
    build: float,
    short: bool,
    bare: bool,
    helmet_kind: int,
    hair: bool,
    pack: int,
    behind: bool,
    painted: bool,
) -> Mesh:
    """Rider, or passenger if ``behind``."""
    scooter = cycle.family == _SCOOTER
    seat = cycle.seat + 0.10
    if behind:
        x, lean = -cycle.wheelbase / 2 + 0.14, 0.07
        seat += 0.03
        knee, foot = (x + 0.34, 0.26, seat - 0.12), (x + 0.14, 0.225, 0.40)
        hands = (x + 0.34, 0.17, seat + 0.14)
        top, legs, helmet = Stuff.PASSENGER_TOP, Stuff.PASSENGER_LEGS, Stuff.PASSENGER_HELMET
    else:
        x, lean = -0.20, 0.10 if cycle.family != _SPORT else 0.24
        knee = (x + 0.38, 0.215, seat - 0.05) if scooter else (x + 0.34, 0.235, seat - 0.08)
        foot = (x + 0.30, 0.18, 0.30) if scooter else (x + 0.14, 0.215, 0.31)
        height = {0: 1.02, 1: 1.01, 2: 1.03, 3: 1.06, 4: 0.96}[cycle.family]
        hands = (0.34, 0.30, height + 0.02)
        top, legs, helmet = Stuff.TOP, Stuff.LEGS, Stuff.HELMET
    jacket = PAINTED if painted else top
    parts = [
        soft_mesh(_jacket(x, seat, lean, build, jacket, short, hands, Stuff.SKIN), 0.028, 0.045),
        soft_mesh(_legs(x, seat, build, knee, foot, legs, bare), 0.028, 0.03),
        soft_mesh(_head(x + lean + 0.05, seat + 0.68, helmet_kind, helmet, hair), 0.025, 0.006),
    ]
    if pack:
        parts.append(soft_mesh(_bag(x, seat, lean, pack), 0.024, 0.015))
    return join(parts)


def people(cycle: Cycle, rider: Rider) -> Mesh:
    """Everybody on a motorcycle; the rearmost jacket is painted by the maps."""
    build = round(20 * rider.build) / 20  # so that few bodies are meshed
    alone = not rider.passenger
    parts = [
        _person(
            cycle,
            build,
            rider.short_sleeves,
            rider.shorts,
            rider.helmet_kind,
            rider.hair and alone,
            rider.pack_kind if alone else 0,
            False,
            alone,
        )
    ]
    if rider.passenger:
        other = (rider.helmet_kind + len(rider.passenger_top) * rider.print_kind) % 3
        parts.append(
            _person(
                cycle,
                0.95,
                not rider.short_sleeves,
                False,
                other,
                rider.hair,
                rider.pack_kind,
                True,
                True,
            )
        )
    return join(parts)


def folds(shape: tuple[int, int], seed: int) -> Floats:
    """Creases of cloth: (h, w) brightness about 1."""
    rng = np.random.default_rng([seed, 21])
    height, width = shape
    total = np.ones(shape, dtype=np.float32)
    for cells, weight in (((4, 7), 0.13), ((14, 9), 0.09)):
        coarse = rng.normal(0, 1, cells).astype(np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0.6, 1.35)


def _print(canvas: Canvas, rider: Rider, low: float, high: float, seed: int) -> None:
    """The pattern of a jacket whose back reaches from ``low`` to ``high``."""
    ink = Ink(rider.print_color, roughness=0.9)
    span = high - low
    rng = np.random.default_rng([seed, 22])
    if rider.print_kind == 1:
        z = low + float(rng.uniform(0.35, 0.75)) * span
        band = [(-1.0, z), (1.0, z), (1.0, z + 0.16 * span), (-1.0, z + 0.16 * span)]
        for side in ("rear", "front"):
            canvas.polygon(side, band, ink)
        for side in ("left", "right"):
            canvas.polygon(side, band, ink)
    elif rider.print_kind == 2:
        z, half = low + 0.60 * span, float(rng.uniform(0.07, 0.12))
        mark = [
            (-half, z - 0.6 * half),
            (half, z - 0.6 * half),
            (half, z + 0.6 * half),
            (-half, z + 0.6 * half),
        ]
        canvas.polygon("rear", mark, ink)
        for y in np.linspace(-0.7 * half, 0.7 * half, 4):
            canvas.line(
                "rear",
                [(y, z - 0.3 * half), (y + 0.02, z + 0.3 * half)],
                0.012,
                Ink(rider.top, roughness=0.9),
            )
    elif rider.print_kind == 3:
        for z in np.arange(low - 0.2, high + 0.3, 0.075):
            for side in ("rear", "left", "right", "front"):
                canvas.line(side, [(-1.0, z), (1.0, z)], 0.024, replace(ink, opacity=0.7))
        for y in np.arange(-0.5, 0.5, 0.075):
            for side in ("rear", "left", "right", "front", "top"):
                up = [(y, low - 0.3), (y, high + 0.3)] if side != "top" else [(-1.0, y), (1.0, y)]
                canvas.line(side, up, 0.024, replace(ink, opacity=0.7))
    elif rider.print_kind == 4:
        z = low + 0.66 * span
        yoke = [(-1.0, z), (0.0, z - 0.05), (1.0, z), (1.0, high + 0.4), (-1.0, high + 0.4)]
        for side in ("rear", "left", "right", "front"):
            canvas.polygon(side, yoke, ink)
        canvas.polygon("top", [(-2, -2), (2, -2), (2, 2), (-2, 2)], ink)
    elif rider.print_kind == 5:
        for _ in range(70):
            u, z = float(rng.uniform(-0.4, 0.4)), float(rng.uniform(low - 0.1, high + 0.1))
            side = ("rear", "rear", "left", "right", "top")[int(rng.integers(5))]
            v = z if side != "top" else float(rng.uniform(-0.3, 0.3))
            canvas.ellipse(side, (u - 0.2 * (side != "rear"), v), (0.022, 0.022), ink)


def clothes(crew: Mesh, rider: Rider, seed: int) -> Surface:
    """The maps of the rearmost jacket."""
    used = np.unique(crew.triangles[crew.material == PAINTED])
    vertices = crew.vertices[used]
    low, high = vertices.min(axis=0) - 0.03, vertices.max(axis=0) + 0.03
    side = (low[0], high[0], low[2], high[2])
    face = (low[1], high[1], low[2], high[2])
    extent = np.array([side, side, face, face, (low[0], high[0], low[1], high[1])], np.float32)
    color = rider.passenger_top if rider.passenger else rider.top
    canvas = Canvas(extent, Ink(color, roughness=0.9, part=Part.RIDER), _MAP)
    _print(canvas, rider, float(low[2]) + 0.12, float(high[2]) - 0.05, seed)
    for index in range(5):
        shaded = canvas.values[index, ..., :3] * folds(_MAP, seed + index)[..., None]
        canvas.values[index, ..., :3] = np.clip(shaded, 0, 255).astype(np.uint8)
    return canvas.surface()
