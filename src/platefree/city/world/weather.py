"""Light and weather of the city: the position of the sun, and the sky of each hour.

The sun follows NOAA's short formulas (Fourier series of declination and equation of time after
Spencer, 1971), good to about half a degree between the polar circles; refraction is left out.
Weather is a Markov chain over the hours, so that rain lasts for a while.
"""

import math
from dataclasses import dataclass

import numpy as np

from platefree.city.scene import Conditions
from platefree.city.world.roads import TOWN, Roads
from platefree.city.world.streams import Purpose, draw_seed, stream

WEATHERS = ("clear", "overcast", "rain", "fog")

LATITUDE = 45.0
"""Of the city, degrees north. Its longitude is 0, so that UTC is its local time."""

LAMPS_BELOW = math.radians(4.0)
"""Drivers switch their lamps on when the sun is lower than this."""

_HOUR = 3_600_000  # milliseconds
_DAY = 24 * _HOUR


@dataclass(frozen=True)
class Climate:
    """The weather of every hour since the city's first midnight.

    Attributes:
        start: UTC milliseconds of the first hour.
        hourly: one of `WEATHERS` for each hour; the last one continues.
        seed: of clouds.
    """

    start: int
    hourly: tuple[str, ...]
    seed: int

    def weather(self, time: int) -> str:
        """The weather at a UTC time in milliseconds."""
        return self.hourly[self._hour(time)]

    def conditions(self, time: int, bearing: float) -> Conditions:
        """Light and weather as a camera sees them.

        Args:
            time: UTC milliseconds.
            bearing: radians counter-clockwise from east, of the camera's world x axis.
        """
        azimuth, elevation = sun_position(time)
        return Conditions(
            sun_azimuth=math.remainder(azimuth - bearing, math.tau),
            sun_elevation=elevation,
            weather=self.weather(time),
            seed=self.seed + self._hour(time),
        )

    def _hour(self, time: int) -> int:
        return min(max((time - self.start) // _HOUR, 0), len(self.hourly) - 1)


def draw_climate(seed: int, start: int, days: int, roads: Roads = TOWN) -> Climate:
    """The weather of a city.

    Args:
        seed: of the city.
        start: UTC milliseconds of its first midnight.
        days: how many days, at least 1.
        roads: what weather there is.
    """
    random = stream(Purpose.WEATHER, seed)
    state, hourly = int(random.choice(4, p=roads.first_weather)), []
    for _ in range(24 * days):
        hourly.append(WEATHERS[state])
        state = int(random.choice(4, p=roads.weather[state]))
    return Climate(start, tuple(hourly), draw_seed(random))


def sun_position(
    time: int, latitude: float = LATITUDE, longitude: float = 0.0
) -> tuple[float, float]:
    """The position of the sun.

    Args:
        time: UTC milliseconds since 1970.
        latitude: degrees north.
        longitude: degrees east.

    Returns:
        Azimuth in radians counter-clockwise from east, in (-pi, pi], and elevation in radians.
    """
    moment = np.datetime64(time, "ms")
    new_year = moment.astype("datetime64[Y]").astype("datetime64[ms]")
    days = (moment - new_year) / np.timedelta64(_DAY, "ms")
    year = math.tau / 365 * (days - 0.5)  # angle of the year
    declination = _series(
        year, (0.006918, -0.399912, 0.070257, -0.006758, 0.000907, -0.002697, 0.00148)
    )
    equation = 229.18 * _series(year, (0.000075, 0.001868, -0.032077, -0.014615, -0.040849))
    minutes = (time % _DAY) / 60_000 + equation + 4 * longitude
    hour_angle, north = math.radians(minutes / 4 - 180), math.radians(latitude)
    up = math.sin(north) * math.sin(declination)
    up += math.cos(north) * math.cos(declination) * math.cos(hour_angle)
    east = -math.cos(declination) * math.sin(hour_angle)
    ahead = math.cos(north) * math.sin(declination)
    ahead -= math.sin(north) * math.cos(declination) * math.cos(hour_angle)
    return math.atan2(ahead, east), math.asin(min(max(up, -1.0), 1.0))


def _series(angle: float, terms: tuple[float, ...]) -> float:
    """terms[0] + terms[1] cos angle + terms[2] sin angle + terms[3] cos 2 angle + ..."""
    total = terms[0]
    for index, term in enumerate(terms[1:]):
        wave = math.sin if index % 2 else math.cos
        total += term * wave((index // 2 + 1) * angle)
    return total
