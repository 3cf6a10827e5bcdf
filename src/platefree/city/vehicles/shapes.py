"""The numbers that shape a vehicle body and the choices that style it.

x forward, y left, z up, metres, the origin on the ground below the middle of the wheelbase.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class BodyShape:
    """A closed body: a lower body with bonnet and tail, and a greenhouse that stands on it.

    Attributes:
        wheelbase: between the axles.
        front_overhang: from front axle to nose.
        rear_overhang: from rear axle to tail; negative for a cab that ends before the axle.
        width: without mirrors.
        height: of the roof.
        wheel_radius: of the tyres.
        sill: height of the lower edge between the wheels.
        belt: height of the shoulder, where the side windows begin.
        nose: height where the front starts to lean back.
        bonnet_front: height of the bonnet's leading edge.
        bonnet_rear: height of the bonnet at the windscreen.
        nose_slope: how far the bonnet's edge stands behind the bumper.
        nose_round: rounding of the bonnet's edge.
        chin: how far the bumper's lower edge stands behind its foremost point.
        cowl_x: foot of the windscreen.
        cowl_z: its height.
        screen_x: top of the windscreen.
        roof_x: rear end of the roof.
        roof_drop: how much lower the roof is at its rear end.
        tail_x: foot of the rear window.
        tail_z: its height.
        deck_z: height of the tail's upper edge.
        tail_slope: how far the tail leans forward from bumper to upper edge.
        front_taper: how much narrower each side is at the nose.
        rear_taper: likewise at the tail.
        front_corner: rounding of the front corners seen from above.
        rear_corner: likewise at the rear.
        edge: width of the blend between top and sides.
        inset: how far the side windows stand inside the shoulder.
        lean: how far they lean in up to the roof.
        roof_edge: width of the blend between roof and side windows.
        bow_front: depth of the windscreen's curve.
        bow_rear: depth of the rear window's curve.
        crease: depth of the shoulder line.
        hollow: depth of the hollow below it.
        flare: how far the wheel arches stand out.
        bed: length of an open load bed, 0 for none.
        bed_floor: its height.
        step: triangle size.
    """

    wheelbase: float = 2.78
    front_overhang: float = 0.88
    rear_overhang: float = 1.00
    width: float = 1.84
    height: float = 1.46
    wheel_radius: float = 0.338
    sill: float = 0.19
    belt: float = 0.955
    nose: float = 0.70
    bonnet_front: float = 0.80
    bonnet_rear: float = 0.97
    nose_slope: float = 0.16
    nose_round: float = 0.14
    chin: float = 0.08
    cowl_x: float = 0.93
    cowl_z: float = 0.985
    screen_x: float = 0.14
    roof_x: float = -1.02
    roof_drop: float = 0.05
    tail_x: float = -1.80
    tail_z: float = 1.06
    deck_z: float = 1.05
    tail_slope: float = 0.06
    front_taper: float = 0.13
    rear_taper: float = 0.10
    front_corner: float = 0.40
    rear_corner: float = 0.30
    edge: float = 0.10
    inset: float = 0.070
    lean: float = 0.17
    roof_edge: float = 0.12
    bow_front: float = 0.16
    bow_rear: float = 0.14
    crease: float = 0.015
    hollow: float = 0.014
    flare: float = 0.016
    bed: float = 0.0
    bed_floor: float = 0.72
    step: float = 0.045

    @property
    def front_x(self) -> float:
        """Foremost point of the body."""
        return self.wheelbase / 2 + self.front_overhang

    @property
    def rear_x(self) -> float:
        """Rearmost point of the body."""
        return -self.wheelbase / 2 - self.rear_overhang

    @property
    def half_width(self) -> float:
        """Half of the width."""
        return self.width / 2

    @property
    def arch_radius(self) -> float:
        """Radius of the wheel arches."""
        return self.wheel_radius + 0.055

    @property
    def axles(self) -> tuple[float, float]:
        """Front and rear axle."""
        return self.wheelbase / 2, -self.wheelbase / 2


@dataclass(frozen=True)
class Style:
    """What is painted on a body or fitted to it; the same for all vehicles of a model.

    Attributes:
        lamp: family of the head lamps.
        tail: family of the tail lamps.
        grille: family of the grille.
        bumper: family of the front bumper's openings.
        wheel: family of the rims.
        badge: shape of the badge.
        doors: on each side.
        cladding: unpainted sills and arches.
        chrome: bright window surround and grille frame.
        roof_black: a black roof whatever the paint.
        rails: factory roof rails.
        panel_side: windows of the load bay are closed, as on a delivery van.
        split_rear: two rear doors instead of a tail gate.
        spoiler: a lip at the end of the roof.
        plate_low: the rear plate is in the bumper instead of the boot lid.
        seed: of small differences in the painted outlines.
    """

    lamp: int = 0
    tail: int = 0
    grille: int = 0
    bumper: int = 0
    wheel: int = 0
    badge: int = 0
    doors: int = 4
    cladding: bool = False
    chrome: bool = False
    roof_black: bool = False
    rails: bool = False
    panel_side: bool = False
    split_rear: bool = False
    spoiler: bool = False
    plate_low: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Cycle:
    """A motorcycle or scooter.

    Attributes:
        family: 0 scooter, 1 underbone, 2 naked, 3 tourer, 4 sport.
        wheelbase: between the axles.
        wheel_radius: of the tyres.
        seat: height of the seat.
        tail_half: half width of the tail.
        tail_lamp: family of the tail lamp.
        front: family of the front panel and head lamp.
        rounded: fullness of the panels.
    """

    family: int
    wheelbase: float
    wheel_radius: float
    seat: float
    tail_half: float
    tail_lamp: int
    front: int
    rounded: float = 1.0
