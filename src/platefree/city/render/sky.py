"""The sky and the light that comes from it: colors of sky and sun by hour and weather.

Radiance is in units in which a sunlit noon gives the ground an irradiance / pi of about 4. The
environment that paint and glass reflect is the sky, a skyline and the lit ground, stored as three
octahedral maps: sharp, glossy and diffuse (already weighted by the cosine).
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from platefree.city.render.compiled import inlined, kernel
from platefree.city.render.textures import noise_tile, sample, smooth
from platefree.city.scene import Conditions, Floats

_SHARP, _GLOSSY, _DIFFUSE = 96, 16, 8  # cells a side
_STEP = math.radians(2.0)  # light is worked out for sun positions this far apart
_DENSITY = {"clear": 0.0007, "overcast": 0.0012, "rain": 0.0018, "fog": 0.0075}  # per metre


class Sky(NamedTuple):
    """What `sky_radiance` needs.

    Attributes:
        sun: (3,) float32, unit, world direction to the sun.
        zenith: (3,) radiance overhead.
        horizon: (3,) radiance at the horizon.
        glow: (3,) radiance added around the sun.
        cloud: (3,) radiance of clouds.
        cover: fraction of the sky with clouds, 0 to 1.
        shift: of the clouds, tile cells.
        ground: (3,) radiance of the lit ground.
        noise: tile for clouds and skyline.
    """

    sun: Floats
    zenith: Floats
    horizon: Floats
    glow: Floats
    cloud: Floats
    cover: float
    shift: float
    ground: Floats
    noise: Floats


class Light(NamedTuple):
    """The light of a picture.

    Attributes:
        sky: what is seen over the horizon.
        sun: (3,) float32, unit, world direction to the sun.
        sun_color: (3,) float32, irradiance / pi across its direction.
        sharp: (n, n, 3) float32 octahedral environment.
        glossy: the same, blurred by about 20 degrees.
        diffuse: irradiance / pi by normal.
        exposure: factor before the tone curve.
        fog: (3,) float32, radiance of dense fog.
        density: of fog and haze, per metre.
        lamp: (3,) float32, radiant intensity of a street lamp; 0 by day.
        beam: strength of head lamps relative to the light of the place.
        wet: 0 dry road to 1.
        gloom: 0 by day to 1 at night, for noise.
    """

    sky: Sky
    sun: Floats
    sun_color: Floats
    sharp: Floats
    glossy: Floats
    diffuse: Floats
    exposure: float
    fog: Floats
    density: float
    lamp: Floats
    beam: float
    wet: float
    gloom: float


def light_of(conditions: Conditions) -> Light:
    """The light of a moment; neighbouring moments share it."""
    return _light(
        replace(
            conditions,
            sun_azimuth=round(conditions.sun_azimuth / _STEP) * _STEP,
            sun_elevation=round(conditions.sun_elevation / _STEP) * _STEP,
            seed=conditions.seed % 64,
        )
    )


@lru_cache(maxsize=96)
def _light(conditions: Conditions) -> Light:
    elevation = math.degrees(conditions.sun_elevation)
    day, sunlit = _ease(-7.0, 9.0, elevation), _ease(-1.5, 14.0, elevation)
    weather = conditions.weather
    # At night the key light is a faint moon-like glow from above, so that shadows stay defined.
    rise = max(conditions.sun_elevation, math.radians(9.0))
    sun = _direction(conditions.sun_azimuth, rise if sunlit > 0 else math.radians(70))
    color = _sun_color(elevation) * (sunlit * {"clear": 3.6, "overcast": 0.25}.get(weather, 0.08))
    sky = _sky(conditions, sun, day, sunlit)
    irradiance = _mean_irradiance(sky) + color * sun[2]
    sky = sky._replace(ground=(0.13 * irradiance).astype(np.float32))
    sharp, glossy, diffuse = _environment(sky)
    night = 1.0 - _ease(-5.0, 5.0, elevation)
    lamp = np.array([34.0, 25.0, 15.0], np.float32) * (1.1 * night)
    level = float(irradiance @ (0.3, 0.6, 0.1)) + 0.55 * night
    return Light(
        sky=sky,
        sun=sun,
        sun_color=color.astype(np.float32),
        sharp=sharp,
        glossy=glossy,
        diffuse=diffuse,
        exposure={"clear": 0.8, "rain": 0.8, "fog": 0.7}.get(weather, 0.95)
        * (1 - 0.3 * night)
        * 2.6
        / (level + 0.05),
        fog=_fog_color(sky, night) * np.float32(0.8 if weather == "fog" else 1.0),
        density=_DENSITY[weather],
        lamp=lamp,
        beam=min(0.02 + 1.3 * night, 1.3),
        wet=1.0 if weather == "rain" else 0.0,
        gloom=night,
    )


def _ease(low: float, high: float, value: float) -> float:
    fraction = min(max((value - low) / (high - low), 0.0), 1.0)
    return fraction * fraction * (3 - 2 * fraction)


def _direction(azimuth: float, elevation: float) -> Floats:
    flat = math.cos(elevation)
    return np.array(
        [flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)], np.float32
    )


def _sun_color(elevation: float) -> Floats:
    """White at noon, orange at the horizon: less blue is left after a longer way through air."""
    air = 1 / (math.sin(math.radians(max(elevation, 1.0))) + 0.08)
    return np.exp(-np.array([0.035, 0.075, 0.16]) * (air - 1)).astype(np.float32)


def _sky(conditions: Conditions, sun: Floats, day: float, sunlit: float) -> Sky:
    """The sky without the ground below it."""
    random = np.random.default_rng(conditions.seed)
    dusk = np.array([0.034, 0.030, 0.036]) + day * np.array([0.10, 0.07, 0.06])
    warm = _sun_color(math.degrees(conditions.sun_elevation))
    if conditions.weather == "clear":
        zenith = day * np.array([0.40, 0.60, 0.92]) * (0.35 + 0.65 * sunlit) + dusk * 0.4
        horizon = (
            day * np.array([1.25, 1.35, 1.45]) * (0.4 + 0.6 * sunlit) * (0.4 + 0.6 * warm) + dusk
        )
        glow, cover = 2.4 * day * warm, float(random.uniform(0.05, 0.55))
        cloud = day * (0.5 + 1.7 * sunlit) * (0.35 + 0.65 * warm) + dusk
    else:
        grey = {"overcast": 1.5, "rain": 1.05, "fog": 1.35}[conditions.weather] * day
        tint = np.array([0.96, 1.0, 1.05]) * (1 + random.normal(0, 0.03, 3))
        zenith = grey * tint + dusk * 0.6
        horizon = 0.72 * grey * tint + dusk
        glow, cover, cloud = 0.25 * day * warm, 0.8, 0.72 * grey * tint + dusk
    return Sky(
        sun,
        zenith.astype(np.float32),
        horizon.astype(np.float32),
        np.asarray(glow, np.float32),
        np.asarray(cloud, np.float32),
        cover,
        float(random.uniform(0, 200)),
        np.zeros(3, np.float32),
        noise_tile(7, 24.0),
    )


def _mean_irradiance(sky: Sky) -> Floats:
    """Irradiance / pi of level ground under the sky, (3,)."""
    clouds = 0.6 * sky.cover
    clear = 0.55 * sky.zenith + 0.45 * sky.horizon + 0.06 * sky.glow
    return np.asarray((1 - clouds) * clear + clouds * sky.cloud, np.float32)


def _fog_color(sky: Sky, night: float) -> Floats:
    lit = np.array([0.10, 0.075, 0.05]) * night
    return (0.75 * sky.horizon + 0.2 * sky.zenith + lit).astype(np.float32)


@kernel
def sky_radiance(sky, x, y, z):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Red, green and blue radiance from a unit world direction over the horizon."""
    up = max(z, 0.0)
    low = (1.0 - up) ** 3.5
    nearness = max(x * sky.sun[0] + y * sky.sun[1] + z * sky.sun[2], 0.0)
    glow = 0.35 * nearness**6 + nearness**64
    stretch = 26.0 / (up + 0.18)
    cloud = sample(sky.noise, x * stretch + sky.shift, y * stretch)
    cloud += 0.5 * sample(sky.noise, 2.7 * x * stretch, 2.7 * y * stretch + sky.shift)
    fraction = smooth(1.0 - 2.2 * sky.cover, 2.0 - 1.6 * sky.cover, cloud) * min(3.0 * up, 0.85)
    red = sky.zenith[0] + low * (sky.horizon[0] - sky.zenith[0]) + glow * sky.glow[0]
    green = sky.zenith[1] + low * (sky.horizon[1] - sky.zenith[1]) + glow * sky.glow[1]
    blue = sky.zenith[2] + low * (sky.horizon[2] - sky.zenith[2]) + glow * sky.glow[2]
    red += fraction * (sky.cloud[0] - red)
    green += fraction * (sky.cloud[1] - green)
    blue += fraction * (sky.cloud[2] - blue)
    return red, green, blue


@kernel
def surroundings(sky, x, y, z, skyline):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Sky, a skyline of dark blocks, and the ground."""
    if z < 0.0:
        fade = 0.55 + 0.45 * min(-4.0 * z, 1.0)
        return fade * sky.ground[0], fade * sky.ground[1], fade * sky.ground[2]
    bearing = np.arctan2(y, x) * (256.0 / (2.0 * np.pi))
    block = sample(sky.noise, np.floor(bearing / 3.0) * 3.0 * 2.0, 11.0)
    block += 0.4 * sample(sky.noise, bearing * 4.0, 77.0)
    red, green, blue = sky_radiance(sky, x, y, z)
    below = smooth(-0.02, 0.02, skyline * (1.0 + 0.4 * block) - z)
    dark = 0.75 + 0.25 * sample(sky.noise, bearing * 8.0, z * 80.0)
    red += below * (dark * (0.9 * sky.ground[0] + 0.05 * red) - red)
    green += below * (dark * (0.95 * sky.ground[1] + 0.05 * green) - green)
    blue += below * (dark * (0.85 * sky.ground[2] + 0.05 * blue) - blue)
    return red, green, blue


@kernel
def _unfold(column, row, size):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Unit direction of a cell of an octahedral map."""
    u, v = 2.0 * (column + 0.5) / size - 1.0, 2.0 * (row + 0.5) / size - 1.0
    z = 1.0 - abs(u) - abs(v)
    if z < 0.0:
        u, v = (
            (1.0 - abs(v)) * (1.0 if u >= 0 else -1.0),
            (1.0 - abs(u)) * (1.0 if v >= 0 else -1.0),
        )
    scale = 1.0 / np.sqrt(u * u + v * v + z * z)
    return u * scale, v * scale, z * scale


@inlined
def look_up(env, x, y, z):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Color of an octahedral map in a direction of any length, bilinear."""
    size = env.shape[0]
    scale = 1.0 / (abs(x) + abs(y) + abs(z))
    u, v = x * scale, y * scale
    if z < 0.0:
        u, v = (
            (1.0 - abs(v)) * (1.0 if u >= 0 else -1.0),
            (1.0 - abs(u)) * (1.0 if v >= 0 else -1.0),
        )
    column = min(max((u + 1.0) * 0.5 * size - 0.5, 0.0), size - 1.001)
    row = min(max((v + 1.0) * 0.5 * size - 0.5, 0.0), size - 1.001)
    i, j = int(row), int(column)
    p, q = np.float32(row - i), np.float32(column - j)
    a, b = (1 - p) * (1 - q), (1 - p) * q
    c, d = p * (1 - q), p * q
    k, m = i + 1, j + 1
    return (
        a * env[i, j, 0] + b * env[i, m, 0] + c * env[k, j, 0] + d * env[k, m, 0],
        a * env[i, j, 1] + b * env[i, m, 1] + c * env[k, j, 1] + d * env[k, m, 1],
        a * env[i, j, 2] + b * env[i, m, 2] + c * env[k, j, 2] + d * env[k, m, 2],
    )


@kernel
def _paint_environment(sky, env):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    size = env.shape[0]
    for row in range(size):
        for column in range(size):
            x, y, z = _unfold(column, row, size)
            env[row, column, 0], env[row, column, 1], env[row, column, 2] = surroundings(
                sky, x, y, z, 0.16
            )


@kernel
def _lobe(coarse, power, directions, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Average of an environment under a cosine lobe for every direction of ``out``."""
    many, few = coarse.shape[0], out.shape[0]
    for i in range(many):
        for j in range(many):
            directions[i, j, 0], directions[i, j, 1], directions[i, j, 2] = _unfold(j, i, many)
    for row in range(few):
        for column in range(few):
            x, y, z = _unfold(column, row, few)
            red = green = blue = total = 0.0
            for i in range(many):
                for j in range(many):
                    cosine = x * directions[i, j, 0] + y * directions[i, j, 1]
                    cosine += z * directions[i, j, 2]
                    if cosine > 0.0:
                        weight = cosine
                        for _ in range(power):  # squared each time
                            weight *= weight
                        total += weight
                        red += weight * coarse[i, j, 0]
                        green += weight * coarse[i, j, 1]
                        blue += weight * coarse[i, j, 2]
            out[row, column, 0] = red / total
            out[row, column, 1] = green / total
            out[row, column, 2] = blue / total


def _environment(sky: Sky) -> tuple[Floats, Floats, Floats]:
    """Sharp, glossy and diffuse octahedral maps."""
    sharp = np.empty((_SHARP, _SHARP, 3), np.float32)
    _paint_environment(sky, sharp)
    factor = _SHARP // _GLOSSY
    coarse = sharp.reshape(_GLOSSY, factor, _GLOSSY, factor, 3).mean(axis=(1, 3))
    glossy = np.empty_like(coarse)
    _lobe(coarse, 4, np.empty_like(coarse), glossy)
    diffuse = np.empty((_DIFFUSE, _DIFFUSE, 3), np.float32)
    _lobe(coarse, 0, np.empty_like(coarse), diffuse)
    return sharp, glossy, diffuse
