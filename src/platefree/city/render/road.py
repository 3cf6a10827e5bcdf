"""The street that a camera watches: drawn from the camera's seed, so that cameras differ.

The street runs along world x, centred on y = 0, traffic on the right. From its middle outwards:
lanes, a shoulder with an edge line, a kerb, a pavement, and a verge of grass, paving or gravel.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from platefree.city.render.textures import crack_tile, noise_tile
from platefree.city.scene import CameraModel, Floats
from platefree.city.world.network import LANE_WIDTH

NOWHERE = 1e6  # metres; the place of things that a street does not have

_ASPHALTS = (  # linear RGB
    (0.105, 0.105, 0.110),
    (0.135, 0.135, 0.135),
    (0.080, 0.082, 0.088),
    (0.160, 0.155, 0.145),
    (0.125, 0.118, 0.122),
    (0.260, 0.255, 0.240),
)
_PAVEMENTS = ((0.30, 0.29, 0.27), (0.24, 0.24, 0.25), (0.33, 0.24, 0.20), (0.40, 0.37, 0.32))
_VERGES = ((0.055, 0.10, 0.030), (0.085, 0.12, 0.045), (0.19, 0.165, 0.125), (0.22, 0.22, 0.215))
_KERBS = ((0.38, 0.37, 0.35), (0.30, 0.30, 0.30), (0.48, 0.46, 0.42))


class Road(NamedTuple):
    """A street in plain arrays; lengths in metres, colors linear RGB.

    Attributes:
        half: from the middle to the end of the lanes.
        lanes: in each direction.
        shoulder: width between the lanes and the kerb.
        pavement: its width; 0 for none.
        asphalt: (3,) color.
        paving: (3,) color of the pavement.
        verge: (3,) color of what lies behind it.
        kerb: (3,) color; the second color of a striped kerb is dark.
        stripes: length of a kerb stripe; 0 for a plain kerb.
        slab: size of paving slabs.
        joint: distance of concrete joints; `NOWHERE` for asphalt.
        grain: (4,) strength of fine, middle and coarse texture and of cracks.
        tracks: lightening of the wheel tracks, negative darkens.
        line: (3,) color of the middle line; the other lines are white.
        middle: 0 dashed, 1 single, 2 double, 3 none.
        dash: (3,) length, period and phase of dashes.
        edge: 1 if there is an edge line.
        wear: of the paint on the road, 0 to 1.
        crossing: (2,) x of the zebra crossing's ends.
        stop: (2,) x of the stop lines of the right and left carriageway.
        hatch: (2,) x of the ends of a yellow box.
        arrows: (2,) x of arrows of the right and left carriageway.
        side_street: (2,) x of the ends of a street that joins.
        patches: (n, 5) x, y, half length, half width, tone of repairs.
        covers: (n, 3) x, y, radius of manhole covers.
        shift: (2,) of the textures, cells.
        fine: noise tile of 3 cells.
        coarse: noise tile of 40 cells.
        cracks: tile.
    """

    half: float
    lanes: int
    shoulder: float
    pavement: float
    asphalt: Floats
    paving: Floats
    verge: Floats
    kerb: Floats
    stripes: float
    slab: float
    joint: float
    grain: Floats
    tracks: float
    line: Floats
    middle: int
    dash: Floats
    edge: int
    wear: float
    crossing: Floats
    stop: Floats
    hatch: Floats
    arrows: Floats
    side_street: Floats
    patches: Floats
    covers: Floats
    shift: Floats
    fine: Floats
    coarse: Floats
    cracks: Floats


@lru_cache(maxsize=512)
def road_of(camera: CameraModel) -> Road:
    """The street that a camera watches."""
    random = np.random.default_rng([camera.seed, 1])
    ahead = 1.0 if np.cos(camera.yaw) >= 0 else -1.0
    concrete = random.random() < 0.12
    tone = _ASPHALTS[5] if concrete else _ASPHALTS[int(random.integers(5))]
    tint = 1 + random.normal(0, 0.035, 3)
    dash = random.uniform(1.8, 4.5)
    crossing, stop = _crossing(random, ahead)
    return Road(
        half=camera.lanes * LANE_WIDTH,
        lanes=camera.lanes,
        shoulder=float(random.uniform(0.3, 1.6)),
        pavement=float(random.choice([0.0, 1.6, 2.4, 3.5], p=[0.25, 0.25, 0.3, 0.2])),
        asphalt=_color(np.array(tone) * tint * random.uniform(0.85, 1.2)),
        paving=_color(_pick(random, _PAVEMENTS) * random.uniform(0.85, 1.15)),
        verge=_color(_pick(random, _VERGES, (0.4, 0.25, 0.15, 0.2)) * random.uniform(0.8, 1.2)),
        kerb=_color(_pick(random, _KERBS)),
        stripes=1.0 if random.random() < 0.2 else 0.0,
        slab=float(random.choice([0.3, 0.5, 0.9])),
        joint=float(random.uniform(4, 6)) if concrete else NOWHERE,
        grain=_color([0.13, random.uniform(0.03, 0.09), random.uniform(0.015, 0.055),
                       random.choice([0.0, 0.25, 0.6])]),
        tracks=float(random.normal(0.02, 0.06)),
        line=_color([0.75, 0.75, 0.72] if random.random() < 0.6 else [0.72, 0.48, 0.10]),
        middle=int(random.choice(4, p=[0.4, 0.2, 0.3, 0.1])),
        dash=_color([dash, dash * random.uniform(2.0, 3.2), random.uniform(0, 12)]),
        edge=int(random.random() < 0.7),
        wear=float(random.uniform(0.05, 0.6)),
        crossing=crossing,
        stop=stop,
        hatch=_span(random, 0.12, ahead, 3.0, 12.0, 9.0),
        arrows=_color([ahead * random.uniform(6, 24) if random.random() < 0.35 else NOWHERE
                        for _ in range(2)]),
        side_street=_span(random, 0.25, ahead, 20.0, 40.0, 8.0),
        patches=_patches(random, camera.lanes * LANE_WIDTH),
        covers=_color([
            [ahead * random.uniform(-4, 35), random.uniform(-1, 1) * camera.lanes * 3.0, 0.33]
            for _ in range(int(random.integers(1, 5)))
        ]),
        shift=_color(random.uniform(0, 256, 2)),
        fine=noise_tile(1, 3.0),
        coarse=noise_tile(2, 40.0),
        cracks=crack_tile(camera.seed % 4),
    )  # fmt: skip


def _color(values: object) -> Floats:
    return np.asarray(values, np.float32)


def _pick(
    random: np.random.Generator,
    colors: tuple[tuple[float, float, float], ...],
    fractions: tuple[float, ...] | None = None,
) -> Floats:
    return _color(colors[int(random.choice(len(colors), p=fractions))])


def _span(
    random: np.random.Generator,
    fraction: float,
    ahead: float,
    low: float,
    high: float,
    length: float,
) -> Floats:
    """Ends along x of something that a fraction of all streets has."""
    start, present = ahead * random.uniform(low, high), random.random() < fraction
    if not present:
        return _color([NOWHERE, NOWHERE + 1])
    return _color(sorted([start, start + ahead * length]))


def _crossing(random: np.random.Generator, ahead: float) -> tuple[Floats, Floats]:
    """A zebra crossing with stop lines before it, or neither."""
    crossing = _span(random, 0.35, ahead, 4.0, 30.0, 4.0)
    stop = _color([crossing[0] - 1.6, crossing[1] + 1.2])
    return crossing, stop if random.random() < 0.6 else stop + _color(NOWHERE)


def _patches(random: np.random.Generator, half: float) -> Floats:
    rows = [
        [
            random.uniform(-10, 40) * random.choice([-1, 1]),
            random.uniform(-half, half),
            np.exp(random.uniform(-0.5, 1.8)),
            random.uniform(0.3, 1.6),
            random.choice([-0.28, -0.18, 0.14, 0.2]),
        ]
        for _ in range(int(random.integers(2, 9)))
    ]
    return _color(rows)
