"""The places of cameras on the streets, and the view of each.

Every camera has its own world frame, so that no picture depends on the rest of the map:
its street runs along world x, centred on y = 0, the direction from the street's start to its end
is +x, and the camera stands near x = 0. Traffic keeps to the right: towards +x at y < 0.

Ways of mounting: on a *gantry* over the road, looking along it (fronts and rears); on a *mast*
beside it, looking obliquely down it; *across* it, looking over the pavement (sides); on an
*overpass*, higher and farther away than a gantry, and as far to the side as the bridge is wide.
"""

import math
from dataclasses import dataclass

import numpy as np

from platefree.city.scene import CameraModel
from platefree.city.world.network import LANE_WIDTH, RoadNetwork
from platefree.city.world.roads import TOWN, Roads
from platefree.city.world.streams import Purpose, draw_seed, stream

MOUNTINGS = ("gantry", "mast", "across", "overpass")
_FRAMES = ((1280, 720), (1920, 1080), (704, 576))
_FRAME_SHARES = (0.5, 0.3, 0.2)
_CAR = 4.5  # metres


@dataclass(frozen=True)
class PlacedCamera:
    """A camera and its place on the map.

    Attributes:
        camera: in its own world frame, see this module.
        street: index of the street it watches.
        offset: metres from the street's start to the point of the street next to it.
        bearing: radians counter-clockwise from east, of its world x axis.
        mounting: one of `MOUNTINGS`.
        roads: what drives below it.
    """

    camera: CameraModel
    street: int
    offset: float
    bearing: float
    mounting: str
    roads: Roads = TOWN


def place_cameras(
    network: RoadNetwork, count: int, seed: int, mounting: str = "any", roads: Roads = TOWN
) -> tuple[PlacedCamera, ...]:
    """Cameras on different streets of a city.

    Args:
        network: with at least ``count`` streets.
        count: how many cameras.
        seed: of the city.
        mounting: of all of them, one of `MOUNTINGS`; ``any`` draws it for each.
        roads: how cameras are mounted there, and how large vehicles are in their frames.
    """
    order = stream(Purpose.CAMERA, seed).permutation(len(network.streets))
    digits = max(3, len(str(count)))
    mountings, fractions = list(roads.mountings), list(roads.mountings.values())
    placed = []
    for index, street in enumerate(order[:count].tolist()):
        random = stream(Purpose.CAMERA, seed, index)
        drawn = str(random.choice(mountings, p=fractions))
        mounted = drawn if mounting == "any" else mounting
        lanes = network.streets[street].lanes
        placed.append(
            PlacedCamera(
                camera=_camera(f"c{index + 1:0{digits}d}", mounted, lanes, roads, random),
                street=street,
                offset=float(network.streets[street].length * random.uniform(0.3, 0.7)),
                bearing=network.bearing(street),
                mounting=mounted,
                roads=roads,
            )
        )
    return tuple(placed)


def _camera(
    name: str, mounting: str, lanes: int, roads: Roads, random: np.random.Generator
) -> CameraModel:
    x, y, height, aim_x, aim_y = _stand(mounting, lanes, random)
    distance = math.hypot(aim_x - x, aim_y - y)
    width, height_pixels = _FRAMES[int(random.choice(3, p=_FRAME_SHARES))]
    # A car in the middle of the frame spans this fraction of its width.
    fraction = float(np.exp(random.uniform(*np.log(roads.spans))))
    focal = fraction * width * math.hypot(distance, height) / _CAR
    gain = np.exp(random.normal(0.0, roads.gain, 3))
    if roads.exposure:
        gain *= np.exp(random.normal(0.0, roads.exposure))
    return CameraModel(
        name=name,
        position=(x, y, height),
        yaw=math.atan2(aim_y - y, aim_x - x),
        pitch=math.atan2(height - 0.7, distance),
        focal=min(max(focal, 0.55 * width), 2.2 * width),
        width=width,
        height=height_pixels,
        gain=(float(gain[0]), float(gain[1]), float(gain[2])),
        noise=float(random.uniform(*roads.noise)),
        blur=float(random.uniform(*roads.blur) * width / 1280),
        jpeg=int(random.integers(45, 90)),
        seed=draw_seed(random),
        lanes=lanes,
        crisp=None if roads.crisp is None else float(random.uniform(*roads.crisp)),
        saturation=None if roads.saturation is None else float(random.uniform(*roads.saturation)),
    )


def _stand(
    mounting: str, lanes: int, random: np.random.Generator
) -> tuple[float, float, float, float, float]:
    """Camera x, y and height, and the x and y it is aimed at; metres."""
    half = lanes * LANE_WIDTH
    side, ahead = random.choice((-1.0, 1.0)), random.choice((-1.0, 1.0))
    if mounting == "gantry":
        y, height = random.uniform(-0.55, 0.55) * half, random.uniform(5.2, 9.0)
        aim_x, aim_y = ahead * random.uniform(12, 28), random.uniform(-0.5, 0.5) * half
    elif mounting == "overpass":
        y, height = random.uniform(-1.7, 1.7) * half, random.uniform(6.0, 10.0)
        aim_x, aim_y = ahead * random.uniform(11, 30), random.uniform(-0.6, 0.6) * half
    elif mounting == "mast":
        y, height = side * (half + random.uniform(1.5, 4.5)), random.uniform(3.5, 8.0)
        aim_x, aim_y = ahead * random.uniform(5, 16), -side * random.uniform(0.0, 0.4) * half
    else:
        y, height = side * (half + random.uniform(3.5, 8.0)), random.uniform(4.0, 6.5)
        aim_x, aim_y = ahead * random.uniform(0, 4), 0.0
    return 0.0, float(y), float(height), float(aim_x), float(aim_y)
