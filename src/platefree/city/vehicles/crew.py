"""The bodies of people on motorcycles in everyday clothes (`platefree.city.vehicles.wardrobe`).

Who sits rearmost is what a camera behind a motorcycle sees of it, so their jacket is painted by
maps (`platefree.city.vehicles.jackets`); everything else has plain materials.
"""

from platefree.city.scene import Mesh, Part
from platefree.city.vehicles.cycle_wheels import SCOOTER, SPORT
from platefree.city.vehicles.dyes import Dyes
from platefree.city.vehicles.meshes import PAINTED, join
from platefree.city.vehicles.shapes import Cycle
from platefree.city.vehicles.solids import Point, Solid, ball, block, limb, soft_mesh
from platefree.city.vehicles.stuff import Stuff
from platefree.city.vehicles.wardrobe import (
    BACKPACK,
    BARE,
    CAP,
    CROSS_BAG,
    FULL,
    HALF,
    LONG,
    PEAKED,
    SHOULDER_BAG,
    SKIRT,
    TROUSERS,
    Person,
)

_STEP = 0.030  # metres, of triangles


class Seat:
    """Where somebody sits on a motorcycle, and where their hands and feet are.

    Args:
        cycle: the motorcycle.
        grip: height of its handlebar's ends.
        behind: the seat of a passenger.
    """

    def __init__(self, cycle: Cycle, grip: float, behind: bool) -> None:
        self.z = cycle.seat + (0.13 if behind else 0.10)
        self.lean = 0.05 if behind else 0.07 + 0.15 * (cycle.family == SPORT)
        if behind:
            self.x = -cycle.wheelbase / 2 + 0.14
            self.knee: Point = (self.x + 0.33, 0.27, self.z - 0.08)
            self.foot: Point = (self.x + 0.12, 0.25, 0.38)
            self.hand: Point = (self.x + 0.31, 0.16, self.z + 0.10)
        else:
            self.x = -0.22
            scooter = cycle.family == SCOOTER
            self.knee = (self.x + 0.40, 0.24, self.z - 0.05)
            self.foot = (self.x + (0.34 if scooter else 0.18), 0.21, 0.30 if scooter else 0.31)
            self.hand = (0.34, 0.30, grip + 0.015)


def person_mesh(person: Person, seat: Seat, dyes: Dyes, *, painted: bool) -> Mesh:
    """One person.

    Args:
        person: who.
        seat: where.
        dyes: takes the colors of the clothes.
        painted: the jacket is painted by the maps.
    """
    top = PAINTED if painted else dyes.of(person.top)
    lean = seat.lean + person.lean
    parts = [
        soft_mesh(_torso(person, seat, lean, top), _STEP, 0.05),
        soft_mesh(_arms(person, seat, lean, dyes, top), _STEP, 0.02),
        soft_mesh(_legs(person, seat, dyes), _STEP, 0.03),
        soft_mesh(_head(person, seat.x + lean + 0.05, seat.z + 0.66, dyes), 0.026, 0.006),
    ]
    bag = _bag(person, seat, lean, dyes)
    if bag and not person.cape:
        parts.append(soft_mesh(bag, 0.026, 0.012))
    return join(parts)


def _torso(person: Person, seat: Seat, lean: float, top: int) -> list[Solid]:
    x, z, wide = seat.x, seat.z, person.build
    jacket = 0.02 * person.loose
    solids = [
        ball((x - 0.01, 0, z + 0.02), (0.155 * wide + jacket, 0.185 * wide + jacket, 0.14), top),
        ball(
            (x + 0.4 * lean - 0.01, 0, z + 0.19),
            (0.145 * wide + jacket, 0.180 * wide + 1.4 * jacket, 0.20),
            top,
        ),
        ball(
            (x + 0.8 * lean, 0, z + 0.34),
            (0.135 * wide + jacket, 0.195 * wide + jacket, 0.165),
            top,
            0.15,
        ),
        limb(
            (x + lean, -0.135 * wide, z + 0.435),
            (x + lean, 0.135 * wide, z + 0.435),
            0.078 + 0.5 * jacket,
            0.078 + 0.5 * jacket,
            top,
        ),
        limb((x + lean, 0, z + 0.46), (x + lean + 0.03, 0, z + 0.56), 0.075, 0.055, top),
    ]
    if person.loose > 0.6:  # a wide jacket hangs over the hips
        solids.append(ball((x - 0.03, 0, z + 0.03), (0.20, 0.24 * wide, 0.10), top))
    if person.cape:
        solids.append(
            limb((x + lean, 0, z + 0.36), (x + 0.04, 0, z - 0.14), 0.22 * wide, 0.38 * wide, top)
        )
    return solids


def _arms(person: Person, seat: Seat, lean: float, dyes: Dyes, top: int) -> list[Solid]:
    x, z, wide = seat.x, seat.z, person.build
    skin = dyes.of(person.skin, 0.6)
    sleeve = top if person.sleeves == person.top else dyes.of(person.sleeves)
    upper = skin if person.sleeve_kind == BARE else sleeve
    lower = sleeve if person.sleeve_kind == LONG else skin
    thick = (0.062 + 0.016 * person.loose) * wide if upper != skin else 0.052 * wide
    shoulder_x, shoulder_z = x + lean, z + 0.43
    hand_x, hand_y, hand_z = seat.hand
    solids: list[Solid] = []
    for sign in (1.0, -1.0):
        elbow = (
            0.5 * (shoulder_x + hand_x) - 0.07,
            sign * (max(0.19 * wide, hand_y) - 0.02 + 0.07 * person.elbows),
            0.5 * (shoulder_z + hand_z) - 0.085,
        )
        shoulder = (shoulder_x, sign * 0.185 * wide, shoulder_z - 0.01)
        wrist = (hand_x - 0.03, sign * hand_y, hand_z)
        solids += [
            limb(shoulder, elbow, thick + 0.008, 0.85 * thick, upper),
            limb(
                elbow,
                wrist,
                0.82 * thick if lower != skin else 0.045,
                0.05 if lower != skin else 0.034,
                lower,
            ),
            ball((hand_x, sign * hand_y, hand_z), (0.05, 0.042, 0.035), skin),
        ]
    return solids


def _legs(person: Person, seat: Seat, dyes: Dyes) -> list[Solid]:
    x, z, wide = seat.x, seat.z, person.build
    cloth, skin = dyes.of(person.legs), dyes.of(person.skin, 0.6)
    shin = cloth if person.leg_kind == TROUSERS else skin
    solids: list[Solid] = []
    for sign in (1.0, -1.0):
        knee = (seat.knee[0], sign * seat.knee[1], seat.knee[2])
        ankle = (seat.foot[0] - 0.05, sign * seat.foot[1], seat.foot[2] + 0.08)
        solids += [
            limb((x, sign * 0.10, z - 0.03), knee, 0.105 * wide, 0.080 * wide, cloth),
            limb(knee, ankle, 0.070 * wide if shin == cloth else 0.058, 0.050, shin),
            ball(
                (seat.foot[0] + 0.02, sign * seat.foot[1], seat.foot[2] + 0.02),
                (0.125, 0.050, 0.048),
                dyes.of(person.shoes, 0.8),
            ),
        ]
    if person.leg_kind == SKIRT:
        solids.append(
            limb((x + 0.02, 0, z - 0.02), (x + 0.24, 0, z - 0.10), 0.18 * wide, 0.20 * wide, cloth)
        )
    return solids


def _head(person: Person, x: float, z: float, dyes: Dyes) -> list[Solid]:
    """Head and helmet around (x, z)."""
    shell, mark = dyes.of(person.helmet, 0.2), dyes.of(person.helmet_color, 0.2)
    solids = [ball((x + 0.02, 0, z - 0.03), (0.092, 0.078, 0.115), dyes.of(person.skin, 0.6))]
    centre, radii = _shell(person.helmet_kind, x, z)
    solids.append(ball(centre, radii, shell))
    if person.helmet_kind == FULL:
        solids.append(ball((x + 0.075, 0, z + 0.005), (0.085, 0.105, 0.055), Stuff.VISOR))
    if person.helmet_kind in (PEAKED, CAP):
        solids.append(block((x + 0.15, 0, z + 0.055), (0.075, 0.09, 0.01), shell, 0.15, 0.01))
    solids += _marks(person.helmet_mark, centre, radii, mark)
    if person.hair:
        end = (x - 0.145, 0.0, z - 0.30)
        solids.append(limb((x - 0.09, 0, z - 0.06), end, 0.065, 0.035, Stuff.HAIR))
    if person.hood is not None:
        hood = dyes.of(person.hood)
        solids.append(ball((x - 0.10, 0, z - 0.19), (0.085, 0.135, 0.075), hood, -0.5))
    return solids


def _shell(kind: int, x: float, z: float) -> tuple[Point, Point]:
    """Centre and radii of a helmet."""
    if kind == FULL:
        return (x, 0, z), (0.148, 0.126, 0.148)
    if kind == HALF:
        return (x - 0.005, 0, z + 0.05), (0.138, 0.118, 0.092)
    if kind == CAP:
        return (x - 0.005, 0, z + 0.035), (0.108, 0.092, 0.085)
    return (x - 0.015, 0, z + 0.025), (0.142, 0.125, 0.125)


def _marks(kind: int, centre: Point, radii: Point, mark: int) -> list[Solid]:
    """What is painted on a helmet: thin solids that stand out of it by a few millimetres."""
    (x, y, z), (a, b, c) = centre, radii
    if kind == 1:
        return [ball(centre, (a + 0.004, 0.30 * b, c + 0.004), mark)]
    if kind == 2:
        return [ball((x, y, z - 0.45 * c), (a + 0.006, b + 0.006, 0.28 * c), mark)]
    if kind == 3:
        return [ball((x, y, z + 0.35 * c), (0.92 * a, 0.92 * b, 0.70 * c), mark)]
    if kind == 4:
        return [
            ball((x, sign * 0.42 * b, z), (0.93 * a, 0.13 * b, 0.94 * c), mark) for sign in (1, -1)
        ]
    return []


def _bag(person: Person, seat: Seat, lean: float, dyes: Dyes) -> list[Solid]:
    x, z, size = seat.x, seat.z, person.bag_size
    cloth, pocket = (dyes.of(color, 0.85, Part.LOAD) for color in (person.bag, person.pocket))
    back = x - 0.20 + 0.5 * lean - 0.03 * (person.build - 1)
    if person.bag_kind == BACKPACK:
        middle = z + 0.27
        return [
            block((back, 0, middle), (0.075, 0.145 * size, 0.20 * size), cloth, 0.14, 0.06),
            block(
                (back - 0.068, 0, middle - 0.07 * size),
                (0.035, 0.105 * size, 0.09 * size),
                pocket,
                0.14,
                0.03,
            ),
            *(
                limb(
                    (x + lean - 0.06, sign * 0.11, z + 0.50),
                    (back + 0.02, sign * 0.11, z + 0.38),
                    0.022,
                    0.022,
                    cloth,
                )
                for sign in (1.0, -1.0)
            ),
        ]
    if person.bag_kind == SHOULDER_BAG:
        return [
            block((x - 0.05, 0.25, z + 0.06), (0.13 * size, 0.055, 0.12 * size), cloth, 0.0, 0.04)
        ]
    if person.bag_kind == CROSS_BAG:
        ends = (back + 0.05, 0.13, z + 0.44), (back + 0.03, -0.17, z + 0.08)
        return [
            limb(*ends, 0.02, 0.02, cloth),
            block((back + 0.0, -0.15, z + 0.05), (0.05, 0.10 * size, 0.08 * size), pocket, 0, 0.03),
        ]
    return []
