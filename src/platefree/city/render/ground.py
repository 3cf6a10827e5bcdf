"""The ground and the sky behind everything: evaluated per pixel through the ground plane.

Nothing is stored per camera: a pixel's ray is met with the ground and the street is looked up
there, averaged over the pixel's footprint. So crops of any scale agree with the full frame.
"""

from typing import NamedTuple

import numpy as np

from platefree.city.optics import View
from platefree.city.render.compiled import inlined, kernel, routine
from platefree.city.render.road import Road
from platefree.city.render.shadows import Shadow, shaded
from platefree.city.render.sky import Light, look_up, surroundings
from platefree.city.render.textures import fade, sample, smooth
from platefree.city.scene import Floats

_FAR = 400.0  # metres; the ground further away is haze


class Surroundings(NamedTuple):
    """What lights and covers each pixel of ground; filled in before the ground is shaded.

    Attributes:
        place: (h, w, 2) float32, world metres of the ground under the pixel; nan for sky.
        open_sky: (h, w) float32, fraction of the sky's light that reaches it.
        open_sun: (h, w) float32, fraction of the key light that vehicles let through.
        extra: (h, w, 3) float32, irradiance / pi of head lamps.
    """

    place: Floats
    open_sky: Floats
    open_sun: Floats
    extra: Floats


def ground_under(view: View) -> Surroundings:
    """Where a view's pixels meet the ground, without any vehicle."""
    shape = (view.height, view.width)
    place = np.empty((*shape, 2), np.float32)
    _meet_ground(view, place)
    return Surroundings(
        place, np.ones(shape, np.float32), np.ones(shape, np.float32),
        np.zeros((*shape, 3), np.float32),
    )  # fmt: skip


def seen_ground(around: Surroundings) -> tuple[float, float, float, float] | None:
    """Lowest and highest x and y of the nearer ground in a picture: x0, y0, x1, y1."""
    places = around.place[::4, ::4].reshape(-1, 2)
    places = places[np.abs(places).max(axis=1) < 90.0]  # false for nan
    if not len(places):
        return None
    (x0, y0), (x1, y1) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return x0 - 1.0, y0 - 1.0, x1 + 1.0, y1 + 1.0


@inlined
def _ray(view, row, column):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    dx = (column + 0.5 - view.centre_x) / view.focal_x
    dy = (row + 0.5 - view.centre_y) / view.focal_y
    return (
        view.rotation[0, 0] * dx + view.rotation[1, 0] * dy + view.rotation[2, 0],
        view.rotation[0, 1] * dx + view.rotation[1, 1] * dy + view.rotation[2, 1],
        view.rotation[0, 2] * dx + view.rotation[1, 2] * dy + view.rotation[2, 2],
    )


@routine
def _meet_ground(view, place):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for row in range(place.shape[0]):
        for column in range(place.shape[1]):
            x, y, z = _ray(view, row, column)
            depth = view.position[2] / -z if z < -1e-6 else np.inf
            if depth < _FAR:
                place[row, column, 0] = view.position[0] + depth * x
                place[row, column, 1] = view.position[1] + depth * y
            else:
                place[row, column, 0] = place[row, column, 1] = np.nan


@inlined
def _within(value, low, high, width):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Fraction of the footprint round ``value`` that lies between two limits."""
    overlap = min(value + 0.5 * width, high) - max(value - 0.5 * width, low)
    return min(max(overlap, 0.0) / width, 1.0)


@inlined
def _repeated(value, length, period, width):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Fraction of the footprint on a pattern that is set for ``length`` of every ``period``."""
    if width >= period:
        return length / period
    rest = value - period * np.floor(value / period)
    return min(
        _within(rest, 0.0, length, width)
        + _within(rest, period, period + length, width)
        + _within(rest, -period, length - period, width),
        1.0,
    )


@kernel
def _arrow(along, across, width):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Coverage of a straight arrow of 4 metres whose tail lies at 0."""
    if along < -1.0 or along > 5.0 or abs(across) > 1.0:
        return 0.0
    shaft = _within(along, 0.0, 2.6, width) * _within(across, -0.075, 0.075, width)
    reach = 0.40 * (1.0 - (along - 2.5) / 1.5)
    head = _within(along, 2.5, 4.0, width) * _within(across, -reach, reach, width)
    return max(shaft, head if reach > 0 else 0.0)


@inlined
def _markings(road, x, y, wide_x, wide_y):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Coverage by white paint and by the paint of the middle line."""
    side = abs(y)
    white = middle = 0.0
    if road.side_street[0] - 1.0 < x < road.side_street[1] + 1.0 and side > road.half - 0.5:
        return 0.0, 0.0
    if road.edge == 1:
        white = _within(side, road.half - 0.06, road.half + 0.06, wide_y)
    for lane in range(1, road.lanes):
        line = _within(side, lane * 3.4 - 0.06, lane * 3.4 + 0.06, wide_y)
        if line > 0.0:
            white += line * _repeated(x + road.dash[2], road.dash[0], road.dash[1], wide_x)
    if road.middle == 0:
        line = _within(y, -0.07, 0.07, wide_y)
        if line > 0.0:
            middle = line * _repeated(x + road.dash[2], road.dash[0], road.dash[1], wide_x)
    elif road.middle == 1:
        middle = _within(y, -0.07, 0.07, wide_y)
    elif road.middle == 2:
        middle = _within(side, 0.08, 0.20, wide_y)
    in_crossing = _within(x, road.crossing[0], road.crossing[1], wide_x)
    if in_crossing > 0.0:
        bars = _repeated(y, 0.5, 1.0, wide_y) * _within(side, 0.0, road.half, wide_y)
        white = white * (1.0 - in_crossing) + in_crossing * bars
        middle *= 1.0 - in_crossing
    right = _within(x, road.stop[0], road.stop[0] + 0.4, wide_x)
    left = _within(x, road.stop[1], road.stop[1] + 0.4, wide_x)
    white += right * _within(-y, 0.1, road.half, wide_y) + left * _within(y, 0.1, road.half, wide_y)
    if road.hatch[0] < x < road.hatch[1] and side < road.half:
        wide = 1.4 * max(wide_x, wide_y)
        cross = max(_repeated(x + y, 0.17, 2.1, wide), _repeated(x - y, 0.17, 2.1, wide))
        middle = max(middle, cross)
    lane = (np.floor(side / 3.4) + 0.5) * 3.4
    if side < road.half:
        wide = max(wide_x, wide_y)
        if y < 0:
            white += _arrow(x - road.arrows[0], side - lane, wide)
        else:
            white += _arrow(road.arrows[1] - x, side - lane, wide)
    return min(white, 1.0), min(middle, 1.0)


@inlined
def _asphalt_tone(road, x, y, wide):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Brightness of the road's surface relative to its color."""
    u, v = x + road.shift[0], y + road.shift[1]
    tone = 1.0 + road.grain[2] * sample(road.coarse, 12.0 * u, 12.0 * v)
    tone += 0.6 * road.grain[2] * sample(road.coarse, 3.0 * u, 14.0 * v)  # streaks along traffic
    middle = smooth(0.30, 0.06, wide)
    if middle > 0.0:
        tone += middle * road.grain[1] * sample(road.fine, 14.0 * u, 14.0 * v)
    fine = smooth(0.05, 0.008, wide)
    if fine > 0.0:
        tone += fine * road.grain[0] * sample(road.fine, 110.0 * u, 110.0 * v)
    if abs(y) < road.half:
        lane = abs(y) / 3.4
        offset = abs(lane - np.floor(lane) - 0.5) * 3.4  # from the middle of the lane
        track = (offset - 0.8) / 0.45
        tone += road.tracks / ((1.0 + track * track) * (1.0 + track * track))
        tone -= 0.05 / (1.0 + 12.0 * offset * offset)  # oil
    if road.grain[3] > 0.0:
        tone -= road.grain[3] * smooth(0.25, 0.03, wide) * sample(road.cracks, 16 * u, 16 * v)
    for n in range(len(road.patches)):
        px, py = road.patches[n, 0], road.patches[n, 1]
        long, broad = road.patches[n, 2], road.patches[n, 3]
        if abs(x - px) < long + wide and abs(y - py) < broad + wide:
            inside = _within(x, px - long, px + long, wide)
            tone += road.patches[n, 4] * inside * _within(y, py - broad, py + broad, wide)
    if road.joint < 100.0:
        tone -= 0.45 * _repeated(x, 0.03, road.joint, wide)
        tone -= 0.45 * _repeated(y, 0.03, 3.4, wide)
    for n in range(len(road.covers)):
        away_x, away_y = x - road.covers[n, 0], y - road.covers[n, 1]
        if abs(away_x) < 0.6 and abs(away_y) < 0.6:
            radius = np.sqrt(away_x * away_x + away_y * away_y)
            tone -= 0.5 * smooth(0.35, 0.31, radius) - 0.25 * smooth(0.28, 0.24, radius)
    return max(tone, 0.2)


@inlined
def _albedo(road, x, y, wide_x, wide_y, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Fill ``found`` with the ground's albedo."""
    side = abs(y)
    wide = max(wide_x, wide_y)
    edge = road.half + road.shoulder
    joins = _within(x, road.side_street[0], road.side_street[1], wide_x)
    outside = (1.0 - _within(side, -1.0, edge, wide_y)) * (1.0 - joins)
    if outside < 1.0:
        tone = _asphalt_tone(road, x, y, wide)
        white, middle = _markings(road, x, y, wide_x, wide_y)
        chips = sample(road.fine, 23.0 * x + 50, 23.0 * y) * smooth(0.2, 0.03, wide)
        keep = min(max(1.0 - road.wear * (0.6 + 0.5 * chips), 0.1), 1.0)
        white, middle = white * keep, middle * keep
        # Dirt gathers along the kerb.
        tone *= 1.0 - 0.25 * smooth(road.half + 0.2, edge, side) * (1.0 - joins)
        for n in range(3):
            base = road.asphalt[n] * tone
            base += white * (0.62 - base)
            found[n] = base + middle * (road.line[n] - base)
    if outside <= 0.0:
        return
    kerb = _within(side, edge, edge + 0.16, wide_y)
    striped = 1.0
    if road.stripes > 0.0:
        striped -= 0.75 * _repeated(x, road.stripes, 2 * road.stripes, wide_x)
    paved = _within(side, edge + 0.16, edge + 0.16 + road.pavement, wide_y)
    slabs = 1.0 - 0.3 * _repeated(x, 0.012, road.slab, wide_x)
    slabs -= 0.3 * _repeated(side, 0.012, road.slab, wide_y)
    u, v = x + road.shift[0], y + road.shift[1]
    spots = 0.10 * sample(road.coarse, 20.0 * u, 20.0 * v)
    slabs += spots + 0.08 * smooth(0.2, 0.03, wide) * sample(road.fine, 20.0 * u, 20.0 * v)
    rough = (
        1.0 + 1.2 * spots + 0.2 * smooth(0.12, 0.02, wide) * sample(road.fine, 45.0 * u, 45.0 * v)
    )
    rough += 0.06 * sample(road.coarse, 90.0 * u, 90.0 * v) * smooth(0.8, 0.2, wide)
    for n in range(3):
        base = road.verge[n] * max(rough, 0.25)
        base += paved * (road.paving[n] * slabs - base)
        base += kerb * (road.kerb[n] * striped * (1 + spots) - base)
        found[n] = found[n] * (1.0 - outside) + outside * base if outside < 1.0 else base


@inlined
def _lamp_light(lamps, light, x, y):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Irradiance / pi of the ground by street lamps, as a multiple of their color."""
    total = 0.0
    for n in range(len(lamps)):
        dx, dy, height = x - lamps[n, 0], y - lamps[n, 1], lamps[n, 2]
        square = dx * dx + dy * dy + height * height
        if square < 2500.0:
            total += height / (square * np.sqrt(square))
    return total


@kernel
def _shade_ground(view, road, light, around, scenery, lamps, wet_layer, covered, color, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    night = light.lamp[0] > 0.0
    above = look_up(light.diffuse, 0.0, 0.0, 1.0)
    for row in range(view.height):
        for column in range(view.width):
            if covered[row, column] > 0.999:
                continue
            dx, dy, dz = _ray(view, row, column)
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            x, y = around.place[row, column, 0], around.place[row, column, 1]
            if not dz < 0.0 or view.position[2] / -dz >= 400.0:
                red, green, blue = surroundings(
                    light.sky, dx / length, dy / length, max(dz / length, 0.001), 0.05
                )
                clear = fade(light.density * 260.0)
                color[row, column, 0] = red * clear + light.fog[0] * (1 - clear)
                color[row, column, 1] = green * clear + light.fog[1] * (1 - clear)
                color[row, column, 2] = blue * clear + light.fog[2] * (1 - clear)
                continue
            depth = view.position[2] / -dz
            distance = depth * length
            slope = -dz / length
            across = depth / view.focal_x
            along = depth / view.focal_y / slope
            flat = np.sqrt(dx * dx + dy * dy) + 1e-6
            cos, sin = abs(dx) / flat, abs(dy) / flat
            wide_x, wide_y = cos * along + sin * across, sin * along + cos * across
            _albedo(road, x, y, wide_x, wide_y, found)
            sun = light.sun[2] * around.open_sun[row, column] * (1.0 - shaded(scenery, x, y, 0.0))
            lamp = _lamp_light(lamps, light, x, y) if night else 0.0
            lamp *= 0.3 * around.open_sky[row, column] + 0.7 * around.open_sun[row, column]
            clear = fade(light.density * distance)
            sky = around.open_sky[row, column]
            mirror = 0.0
            if light.wet > 0.0:
                puddle = sample(road.coarse, 9.0 * x + 31.0, 9.0 * y)
                away = (1.0 - slope) ** 2
                mirror = (
                    light.wet * (0.62 + 0.12 * puddle) * (0.05 + 0.94 * away * away * (1.0 - slope))
                )
                bend = 0.03 * sample(road.fine, 40.0 * x, 40.0 * y)
                reflected = look_up(light.glossy, dx / length + bend, dy / length, slope)
            for n in range(3):
                irradiance = above[n] * sky + light.sun_color[n] * sun
                irradiance += light.lamp[n] * lamp + around.extra[row, column, n]
                value = found[n] * irradiance
                if light.wet > 0.0:
                    seen = (
                        wet_layer[row, column, n] + (1 - wet_layer[row, column, 3]) * reflected[n]
                    )
                    value = 0.55 * value * (1 - mirror) + mirror * seen
                color[row, column, n] = value * clear + light.fog[n] * (1 - clear)


def shade_ground(
    view: View,
    road: Road,
    light: Light,
    around: Surroundings,
    scenery: Shadow,
    lamps: Floats,
    reflections: Floats,
    covered: Floats,
) -> Floats:
    """Color what lies behind the vehicles.

    Args:
        view: of the picture, one sample a pixel.
        road: the street.
        light: of the picture.
        around: what shades and lights the ground.
        scenery: shadow of what stands beside the road.
        lamps: (n, 3) float32, street lamps, world metres.
        reflections: (h, w, 4) float32, premultiplied reflection of the vehicles in a wet road;
            anything if the road is dry.
        covered: (h, w) float32, fraction of a pixel hidden by nearer things; 1 is left black.

    Returns:
        (h, w, 3) float32 radiance.
    """
    color = np.zeros((view.height, view.width, 3), np.float32)
    found = np.zeros(3, np.float32)
    _shade_ground(view, road, light, around, scenery, lamps, reflections, covered, color, found)
    return color
