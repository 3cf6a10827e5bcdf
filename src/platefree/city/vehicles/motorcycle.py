"""Motorcycles and scooters: frame, panels, wheels, lamps, blank plate, mirrors and luggage.

Seen from behind and above, as surveillance cameras see most of them, a motorcycle is mostly its
rider, so the rider has a file of their own.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from platefree.city.scene import Mesh, VehicleAsset
from platefree.city.vehicles.cycle_wheels import (
    NAKED,
    SCOOTER,
    SPORT,
    TOURER,
    UNDERBONE,
    cycle_wheel,
)
from platefree.city.vehicles.meshes import (
    box,
    empty_mesh,
    join,
    mirrored,
    moved,
    sheet,
)
from platefree.city.vehicles.palette import materials_of
from platefree.city.vehicles.rider import clothes, people
from platefree.city.vehicles.shapes import Cycle
from platefree.city.vehicles.solids import Point, Solid, ball, block, limb, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.vehicle_identity import Identity

GRIP = (0.34, 0.31)  # x and |y| of the hands


def grip_height(cycle: Cycle) -> float:
    """Height of the handlebar's ends."""
    return {SCOOTER: 1.02, UNDERBONE: 1.01, NAKED: 1.03, TOURER: 1.06, SPORT: 0.96}[cycle.family]


def _panels(cycle: Cycle) -> list[Solid]:
    """Body-colored solids."""
    rear, front = -cycle.wheelbase / 2, cycle.wheelbase / 2
    seat, wide, full = cycle.seat, cycle.tail_half, cycle.rounded
    tail = rear - 0.13
    head = grip_height(cycle)
    guard = cycle.wheel_radius + 0.035
    arc = [
        (front + guard * float(np.cos(a)), 0.0, cycle.wheel_radius + guard * float(np.sin(a)))
        for a in np.radians((15, 50, 85, 120, 155))
    ]
    solids = [
        limb((a[0], side * 0.028, a[2]), (b[0], side * 0.028, b[2]), 0.040, 0.040, Stuff.PANEL)
        for a, b in pairwise(arc)
        for side in (1.0, -1.0)
    ]
    if cycle.family == SCOOTER:
        solids += [
            ball(
                (rear + 0.20, 0, seat - 0.22),
                (0.44, wide + 0.035 * full, 0.19 * full),
                Stuff.PANEL,
                0.10,
            ),
            limb(
                (rear + 0.35, 0, seat - 0.18),
                (tail + 0.05, 0, seat - 0.11),
                0.8 * wide,
                0.62 * wide,
                Stuff.PANEL,
            ),
            block((0.08, 0, 0.27), (0.34, 0.15, 0.035), Stuff.OTHER_PANEL, 0.0, 0.03),
            block((0.43, 0, 0.60), (0.045, 0.19, 0.31), Stuff.PANEL, -0.30, 0.04),
            ball((0.40, 0, 0.80), (0.09, 0.13, 0.16), Stuff.PANEL, -0.3),
            ball((0.36, 0, head - 0.02), (0.12, 0.15, 0.085), Stuff.PANEL, -0.2),
        ]
    elif cycle.family == UNDERBONE:
        solids += [
            limb(
                (rear + 0.45, 0, seat - 0.14),
                (tail, 0, seat - 0.06),
                0.9 * wide,
                0.55 * wide,
                Stuff.PANEL,
            ),
            limb((0.02, 0, 0.54), (0.36, 0, 0.72), 0.10, 0.085, Stuff.PANEL),
            block((0.38, 0, 0.58), (0.05, 0.17 * full, 0.22), Stuff.PANEL, -0.35, 0.045),
            ball((0.34, 0, head - 0.03), (0.11, 0.12, 0.08), Stuff.PANEL, -0.2),
        ]
    else:
        solids += [
            ball((0.14, 0, seat + 0.06), (0.27, 0.15, 0.13), Stuff.PANEL, 0.12),
            limb(
                (rear + 0.42, 0, seat - 0.08),
                (tail + 0.02, 0, seat - 0.0),
                0.75 * wide,
                0.5 * wide,
                Stuff.PANEL,
            ),
        ]
        if cycle.family == SPORT:
            solids += [
                ball((0.46, 0, 0.78), (0.24, 0.18, 0.24), Stuff.PANEL, 0.35),
                ball((0.10, 0, 0.46), (0.34, 0.15, 0.17), Stuff.PANEL),
            ]
    return solids


def _works(cycle: Cycle) -> list[Solid]:
    """Engine, frame, fork, saddle and mudguard."""
    rear, front = -cycle.wheelbase / 2, cycle.wheelbase / 2
    seat, radius, wide = cycle.seat, cycle.wheel_radius, cycle.tail_half
    head = grip_height(cycle)
    solids = [
        block((-0.24, 0, seat - 0.005), (0.34, 0.13, 0.045), Stuff.SADDLE, 0.03, 0.04),
        block((rear + 0.12, 0, seat + 0.02), (0.17, 0.115, 0.04), Stuff.SADDLE, 0.08, 0.035),
        limb((rear - 0.10, 0, seat - 0.16), (rear - 0.27, 0, 0.50), 0.055, 0.04, Stuff.TRIM),
        block((rear - 0.245, 0, 0.57), (0.012, 0.085, 0.12), Stuff.TRIM, 0.3, 0.01),
        limb((0.33, 0, head - 0.05), (0.39, 0, 0.70), 0.045, 0.045, Stuff.TRIM),
        limb(
            (-0.20, -0.14, 0.30), (rear - 0.13, -0.165, radius + 0.13), 0.035, 0.052, Stuff.ENGINE
        ),
        limb((rear, 0.10, radius), (rear + 0.22, 0.10, seat - 0.15), 0.022, 0.022, Stuff.CHROME),
        limb((rear, -0.10, radius), (rear + 0.22, -0.10, seat - 0.15), 0.022, 0.022, Stuff.CHROME),
        limb((-0.05, 0.09, 0.36), (rear, 0.085, radius), 0.04, 0.03, Stuff.ENGINE),
        limb((-0.06, -0.18, 0.30), (-0.06, 0.18, 0.30), 0.02, 0.02, Stuff.TRIM),
        limb((rear + 0.24, -0.19, 0.36), (rear + 0.24, 0.19, 0.36), 0.016, 0.016, Stuff.TRIM),
        limb(
            (rear + 0.16, 0.6 * wide, seat + 0.03),
            (rear - 0.12, 0.5 * wide, seat + 0.05),
            0.014,
            0.014,
            Stuff.TRIM,
        ),
        limb(
            (rear + 0.16, -0.6 * wide, seat + 0.03),
            (rear - 0.12, -0.5 * wide, seat + 0.05),
            0.014,
            0.014,
            Stuff.TRIM,
        ),
        limb(
            (rear - 0.12, 0.5 * wide, seat + 0.05),
            (rear - 0.12, -0.5 * wide, seat + 0.05),
            0.014,
            0.014,
            Stuff.TRIM,
        ),
    ]
    for y in (0.065, -0.065):
        solids.append(limb((0.40, y, 0.72), (front, y, radius), 0.026, 0.024, Stuff.ENGINE))
    for sign in (1.0, -1.0):
        y = sign * GRIP[1]
        solids.append(
            limb((0.36, 0, head - 0.01), (GRIP[0], y * 1.1, head), 0.018, 0.018, Stuff.TRIM)
        )
        solids.append(
            limb(
                (GRIP[0], 0.75 * y, head),
                (GRIP[0] - 0.01, y * 1.12, head),
                0.022,
                0.022,
                Stuff.TRIM,
            )
        )
    block_size = (0.17, 0.12, 0.13) if cycle.family != SCOOTER else (0.2, 0.10, 0.09)
    middle = (0.05, 0, 0.40) if cycle.family != SCOOTER else (-0.30, 0.02, 0.33)
    solids.append(block(middle, block_size, Stuff.ENGINE, 0.1, 0.04))
    return solids


def _tail_lamp(cycle: Cycle) -> Mesh:
    rear, seat, wide = -cycle.wheelbase / 2, cycle.seat, cycle.tail_half
    x, z = rear - 0.15 - 0.1 * wide, seat - 0.10
    if cycle.family in (NAKED, TOURER, SPORT):
        z += 0.07
    shapes: tuple[list[Solid], ...] = (
        [ball((x, 0, z), (0.06, 0.85 * wide, 0.055), Stuff.TAIL_LAMP)],
        [ball((x - 0.02, 0, z), (0.055, 0.62 * wide, 0.062), Stuff.TAIL_LAMP)],
        [
            ball((x, s * 0.45 * wide, z - 0.01), (0.05, 0.3 * wide, 0.05), Stuff.TAIL_LAMP)
            for s in (1, -1)
        ],
        [block((x, 0, z), (0.04, 0.7 * wide, 0.042), Stuff.TAIL_LAMP, 0.2, 0.02)],
        [
            limb(
                (x, 0.1 * s, z - 0.03),
                (x + 0.05, 0.75 * s * wide, z + 0.04),
                0.03,
                0.02,
                Stuff.TAIL_LAMP,
            )
            for s in (1, -1)
        ],
    )
    solids = list(shapes[cycle.tail_lamp])
    for sign in (1, -1):
        if cycle.tail_lamp in (1, 3):  # indicators on stalks
            solids.append(
                limb(
                    (x + 0.04, 0, z - 0.06),
                    (x + 0.03, sign * 0.15, z - 0.05),
                    0.01,
                    0.01,
                    Stuff.TRIM,
                )
            )
            solids.append(
                ball((x + 0.02, sign * 0.16, z - 0.05), (0.03, 0.035, 0.022), Stuff.AMBER)
            )
        else:
            solids.append(
                ball((x + 0.02, sign * 0.82 * wide, z + 0.005), (0.045, 0.03, 0.03), Stuff.AMBER)
            )
    return soft_mesh(solids, 0.016, 0.008)


def _head_lamp(cycle: Cycle) -> Mesh:
    head = grip_height(cycle)
    if cycle.family in (NAKED, TOURER):
        return soft_mesh(
            [
                ball((0.45, 0, head - 0.12), (0.09, 0.09, 0.09), Stuff.TRIM),
                ball((0.485, 0, head - 0.12), (0.07, 0.08, 0.08), Stuff.HEAD_LAMP),
            ],
            0.018,
            0.01,
        )
    x, z = (0.455, head - 0.03) if cycle.front % 2 == 0 else (0.50, 0.72)
    if cycle.family == SPORT:
        x, z = 0.67, 0.80
    lamp: list[Solid] = [ball((x, 0, z), (0.045, 0.10, 0.05), Stuff.HEAD_LAMP)]
    for sign in (1, -1):
        lamp.append(ball((x - 0.01, sign * 0.15, z - 0.03), (0.035, 0.045, 0.03), Stuff.AMBER))
    return soft_mesh(lamp, 0.016, 0.008)


def _plate(cycle: Cycle) -> Mesh:
    """A blank plate that looks up a little on its bracket."""
    x, z = -cycle.wheelbase / 2 - 0.318, 0.565
    half, high, lean = 0.098, 0.072, 0.045
    face = [
        (x, half, z - high),
        (x, -half, z - high),
        (x + lean, -half, z + high),
        (x + lean, half, z + high),
    ]
    wide = [(0.003 + a, b * 1.06, z + (c - z) * 1.08) for a, b, c in face]
    return join([sheet(wide, Stuff.TRIM), sheet(face, Stuff.PLATE)])


def mirrors(cycle: Cycle, kind: int) -> Mesh:
    """Mirrors: 0 none, 1 round, 2 angular, 3 only the left one."""
    if kind == 0:
        return empty_mesh()
    head = grip_height(cycle)
    foot: Point = (GRIP[0] + 0.02, 0.19, head + 0.01)
    tip: Point = (GRIP[0] + 0.02, 0.325, head + 0.20)
    shell = (
        ball(tip, (0.03, 0.075, 0.052), Stuff.TRIM)
        if kind != 2
        else block(tip, (0.022, 0.085, 0.042), Stuff.TRIM, 0.0, 0.015)
    )
    stalk = limb(foot, (tip[0], tip[1] - 0.03, tip[2] - 0.03), 0.010, 0.008, Stuff.TRIM)
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    x = tip[0] - 0.028
    face = [
        (x, tip[1] - 0.062 * float(np.cos(a)), tip[2] + 0.042 * float(np.sin(a))) for a in angle
    ]
    one = join([soft_mesh([shell, stalk], 0.016, 0.008), sheet(face, Stuff.MIRROR)])
    return one if kind == 3 else join([one, mirrored(one)])


def _luggage(cycle: Cycle, kind: int) -> Mesh:
    """Top box, delivery box, parcel or side cases."""
    rear, seat = -cycle.wheelbase / 2, cycle.seat
    if kind == 1:
        return soft_mesh(
            [block((rear - 0.16, 0, seat + 0.20), (0.17, 0.20, 0.14), Stuff.CASE, 0.0, 0.07)], 0.028
        )
    if kind == 2:
        return join(
            [
                box(
                    (rear - 0.32, -0.25, seat + 0.07), (rear + 0.13, 0.25, seat + 0.52), Stuff.CASE
                ),
                box(
                    (rear - 0.325, -0.255, seat + 0.40),
                    (rear + 0.135, 0.255, seat + 0.43),
                    Stuff.STRAP,
                ),
            ]
        )
    if kind == 3:
        return join(
            [
                box(
                    (rear - 0.20, -0.20, seat + 0.05),
                    (rear + 0.12, 0.18, seat + 0.30),
                    Stuff.OTHER_LOAD,
                ),
                box(
                    (rear - 0.205, -0.03, seat + 0.05),
                    (rear + 0.125, 0.0, seat + 0.305),
                    Stuff.STRAP,
                ),
            ]
        )
    if kind == 4:
        return soft_mesh(
            [
                block(
                    (rear - 0.02, s * 0.27, seat - 0.20), (0.22, 0.09, 0.15), Stuff.CASE, 0.0, 0.05
                )
                for s in (1, -1)
            ],
            0.028,
        )
    return empty_mesh()


@lru_cache(maxsize=32)
def machine(cycle: Cycle, plate: bool = False) -> Mesh:
    """All that motorcycles of one model share, if wanted with a blank plate."""
    wide = 0.105 if cycle.family in (SCOOTER, UNDERBONE) else 0.14
    rear, front = -cycle.wheelbase / 2, cycle.wheelbase / 2
    wheel = cycle_wheel(cycle.wheel_radius, cycle.family, wide)
    ahead = cycle_wheel(cycle.wheel_radius, cycle.family, 0.85 * wide)
    parts = [
        moved(wheel, rear, 0, cycle.wheel_radius),
        moved(ahead, front, 0, cycle.wheel_radius),
        soft_mesh(_panels(cycle), 0.030, 0.035),
        soft_mesh(_works(cycle), 0.027, 0.008),
        _tail_lamp(cycle),
        _head_lamp(cycle),
    ]
    if plate:
        parts.append(_plate(cycle))
    if cycle.family == TOURER:
        parts.append(
            soft_mesh([ball((0.48, 0, 1.16), (0.03, 0.20, 0.20), Stuff.SCREEN, -0.4)], 0.024)
        )
    return join(parts)


@lru_cache(maxsize=64)
def _extras(cycle: Cycle, mirror_kind: int, case: int) -> Mesh:
    return join([mirrors(cycle, mirror_kind), _luggage(cycle, case)])


def build_motorcycle(cycle: Cycle, identity: Identity) -> VehicleAsset:
    """A motorcycle with its rider.

    Args:
        cycle: the model.
        identity: colors, luggage and who rides it.
    """
    rider = identity.rider
    case = rider.case_kind
    if case == 0 and cycle.family == TOURER:
        case = 4
    if rider.passenger and case in (2, 3):  # no room left
        case = 0
    crew = people(cycle, rider)
    exterior = join([machine(cycle, plate=True), _extras(cycle, rider.mirrors, case), crew])
    length, width, height = np.ptp(exterior.vertices, axis=0)
    return VehicleAsset(
        exterior=exterior,
        interior=empty_mesh(),
        surface=clothes(crew, rider, identity.dirt),
        materials=materials_of(identity),
        paint=identity.paint,
        size=(float(length), float(width), float(height)),
        tint=identity.tint,
    )
