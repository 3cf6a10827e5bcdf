"""What the traffic of a city is like: which vehicles, from where, at which hours, in what weather.

*Town* is streets with cameras of all kinds, which see fronts, rears and sides. *Overpass* is a
busy road below bridges: most vehicles are motorcycles, and most are seen from behind and above, as
by the cameras of the real set ``two-cameras``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Row = tuple[float, float, float, float]


@dataclass(frozen=True)
class Roads:
    """The kind of traffic that cameras see.

    Attributes:
        types: fraction of the traffic by type of vehicle.
        mountings: fraction of the cameras by the way that they are mounted.
        receding: fraction of the passes that are turned, where needed, so that the vehicle drives
            away from the camera.
        hours: departures in each hour of the day, as weights.
        weather: chance of the next hour's weather (columns) after this hour's (rows), both in the
            order of `platefree.city.world.weather.WEATHERS`.
        first_weather: chance of each in the first hour.
        smallest: smallest longer side of a vehicle in a picture, pixels of the frame.
        spans: smallest and largest fraction of the frame's width that a car in its middle spans.
        blur: least and most lens blur, pixels of a frame of 1280 pixels.
        noise: least and most sensor noise, levels.
        crisp: least and most that cameras stretch contrast; None is as their seeds say.
        saturation: least and most of their colors, likewise.
        gain: spread of the logarithm of a camera's channel gains.
        exposure: spread of the logarithm of a camera's exposure.
        day_lamps: fraction of the vehicles that drive with lamps on in daylight.
        crowd: how many others ride close beside a vehicle on average, besides those in its lane.
        bystanders: how many different vehicles the others are at most.
        loose: fraction of boxes that are very loose.
        cut: fraction of boxes that cut off a side of the vehicle.
    """

    types: Mapping[str, float] = field(hash=False)
    mountings: Mapping[str, float] = field(hash=False)
    receding: float
    hours: tuple[int, ...]
    weather: tuple[Row, Row, Row, Row]
    first_weather: Row
    smallest: float
    spans: tuple[float, float]
    blur: tuple[float, float]
    noise: tuple[float, float]
    crisp: tuple[float, float] | None
    saturation: tuple[float, float] | None
    gain: float
    exposure: float
    day_lamps: float
    crowd: float
    bystanders: int
    loose: float
    cut: float


TOWN = Roads(
    types={
        "motorcycle": 0.30,
        "sedan": 0.18,
        "suv": 0.13,
        "hatchback": 0.12,
        "van": 0.07,
        "estate": 0.05,
        "mpv": 0.05,
        "pickup": 0.04,
        "truck": 0.04,
        "bus": 0.02,
    },
    mountings={"gantry": 0.34, "mast": 0.46, "across": 0.2},
    receding=0.0,
    hours=(
        *(2, 1, 1, 1, 2, 5, 10, 17, 18, 13, 11, 11),
        *(13, 12, 12, 14, 17, 19, 17, 13, 9, 7, 5, 3),
    ),
    weather=(
        (0.76, 0.19, 0.03, 0.02),
        (0.27, 0.54, 0.16, 0.03),
        (0.17, 0.33, 0.49, 0.01),
        (0.35, 0.25, 0.00, 0.40),
    ),
    first_weather=(0.5, 0.3, 0.15, 0.05),
    smallest=44.0,
    spans=(0.13, 0.30),
    blur=(0.25, 0.9),
    noise=(1.0, 6.0),
    crisp=None,
    saturation=None,
    gain=0.035,
    exposure=0.0,
    day_lamps=0.12,
    crowd=0.0,
    bystanders=24,
    loose=0.12,
    cut=0.0,
)
"""Every city before version 2 of the package was like this."""

OVERPASS = Roads(
    types={
        "motorcycle": 0.46,
        "truck": 0.13,
        "suv": 0.11,
        "sedan": 0.08,
        "hatchback": 0.05,
        "mpv": 0.06,
        "van": 0.06,
        "bus": 0.02,
        "pickup": 0.02,
        "estate": 0.01,
    },
    mountings={"overpass": 0.76, "mast": 0.14, "gantry": 0.10},
    receding=0.88,
    hours=(
        *(0, 0, 0, 0, 1, 6, 12, 18, 18, 15, 14, 13),
        *(13, 13, 14, 16, 18, 16, 8, 3, 2, 1, 1, 0),
    ),
    weather=(
        (0.70, 0.28, 0.02, 0.00),
        (0.22, 0.72, 0.05, 0.01),
        (0.10, 0.50, 0.40, 0.00),
        (0.30, 0.50, 0.00, 0.20),
    ),
    first_weather=(0.4, 0.55, 0.05, 0.0),
    smallest=70.0,
    spans=(0.12, 0.30),
    blur=(0.2, 0.7),
    noise=(0.5, 4.5),
    crisp=(0.5, 1.0),
    saturation=(0.4, 0.9),
    gain=0.045,
    exposure=0.22,
    day_lamps=0.45,
    crowd=0.9,
    bystanders=40,
    loose=0.2,
    cut=0.07,
)

ROADS = {"town": TOWN, "overpass": OVERPASS}
"""By name."""
