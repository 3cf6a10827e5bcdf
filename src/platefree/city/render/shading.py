"""Deferred shading of vehicles: what color and which part each covered sample is.

Paint is a diffuse and a metallic base under a clear coat, whose near-sharp reflection of the
surroundings is what reads as a car. Glass shows the interior, dimmed by its tint, under the same
reflection. Everything is worked out in the world frame; the projection maps and the dirt are looked
up in the body frame. Samples are four to a pixel and are added up pixel by pixel.
"""

import numpy as np

from platefree.city.optics import View
from platefree.city.render.compiled import inlined, kernel
from platefree.city.render.raster import Samples
from platefree.city.render.shadows import Shadow, shaded
from platefree.city.render.sky import Light, look_up
from platefree.city.render.staging import Finish, Layer, Painted, Place, Setting, Shell
from platefree.city.render.textures import fade, sample, smooth
from platefree.city.scene import Bytes, Floats

_BRIGHTEST = 6.0  # over the exposure: brighter samples would only make jagged glints


@inlined
def weights_in(points, i, j, k, dx, dy):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Where the ray (dx, dy, 1) from the camera meets a triangle, as weights of its corners."""
    ax, ay, az = points[i, 0], points[i, 1], points[i, 2]
    bx, by, bz = points[j, 0], points[j, 1], points[j, 2]
    cx, cy, cz = points[k, 0], points[k, 1], points[k, 2]
    w0 = dx * (by * cz - bz * cy) + dy * (bz * cx - bx * cz) + (bx * cy - by * cx)
    w1 = dx * (cy * az - cz * ay) + dy * (cz * ax - cx * az) + (cx * ay - cy * ax)
    w2 = dx * (ay * bz - az * by) + dy * (az * bx - ax * bz) + (ax * by - ay * bx)
    total = w0 + w1 + w2
    if total == 0.0:
        return 1.0, 0.0, 0.0
    # A sample that the z-buffer's tolerance let in may lie a hair outside.
    inverse = 1.0 / total
    return w0 * inverse, w1 * inverse, w2 * inverse


@inlined
def blend(values, i, j, k, w0, w1, w2):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Three components of a vertex attribute at the given weights."""
    return (
        w0 * values[i, 0] + w1 * values[j, 0] + w2 * values[k, 0],
        w0 * values[i, 1] + w1 * values[j, 1] + w2 * values[k, 1],
        w0 * values[i, 2] + w1 * values[j, 2] + w2 * values[k, 2],
    )


@inlined
def _linear(value):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """SRGB 0 to 255 to linear light."""
    c = value * np.float32(1.0 / 255.0)
    return c * (c * (c * np.float32(0.305306) + np.float32(0.682171)) + np.float32(0.012523))


@inlined
def _side_of(nx, ny, nz):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Which of the five maps paints a point with this body normal; see `SIDES`."""
    if abs(ny) > 0.62 or (abs(ny) > abs(nx) and abs(ny) > 0.45):
        return 0 if ny > 0 else 1
    if nx > 0.29:
        return 2
    return 3 if nx < -0.29 else 4


@inlined
def _read_surface(finish, side, x, y, z, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Fill ``found`` with linear albedo (3) and cover (6); returns the part."""
    u = y if side == 2 or side == 3 else x
    v = y if side == 4 else z
    u0, u1 = finish.extent[side, 0], finish.extent[side, 1]
    v0, v1 = finish.extent[side, 2], finish.extent[side, 3]
    height, width = finish.part.shape[1], finish.part.shape[2]
    column = (u - u0) / (u1 - u0) * width - 0.5
    row = (v1 - v) / (v1 - v0) * height - 0.5
    column = min(max(column, 0.0), width - 1.001)
    row = min(max(row, 0.0), height - 1.001)
    i, j = int(row), int(column)
    p, q = np.float32(row - i), np.float32(column - j)
    one = np.float32(1.0)
    a, b, c, d = (one - p) * (one - q), (one - p) * q, p * (one - q), p * q
    first = (side * height + i) * width + j
    below = first + width
    for n in range(3):
        left, low_left = 3 * first + n, 3 * below + n
        found[n] = _linear(
            a * finish.albedo[left]
            + b * finish.albedo[left + 3]
            + c * finish.albedo[low_left]
            + d * finish.albedo[low_left + 3]
        )
    for n in range(6):
        left, low_left = 6 * first + n, 6 * below + n
        found[3 + n] = np.float32(1.0 / 255.0) * (
            a * finish.cover[left]
            + b * finish.cover[left + 6]
            + c * finish.cover[low_left]
            + d * finish.cover[low_left + 6]
        )
    part: np.uint8 = finish.part[side, int(row + 0.5), int(column + 0.5)]
    return np.uint8(part)


@inlined
def _highlight(half, alpha):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """GGX lobe times pi / 4 at the cosine between normal and half vector."""
    square = alpha * alpha
    base = half * half * (square - 1.0) + 1.0
    return 0.25 * square / (base * base)


@inlined
def _interior(shell, finish, place, light, number, dx, dy):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Radiance of a point of the interior, lit through the windows."""
    t = number - shell.first
    i, j, k = shell.triangles[t, 0], shell.triangles[t, 1], shell.triangles[t, 2]
    w0, w1, w2 = weights_in(shell.points, i, j, k, dx, dy)
    nx, ny, nz = blend(shell.normals, i, j, k, w0, w1, w2)
    wx, wy = place.cos * nx - place.sin * ny, place.sin * nx + place.cos * ny
    shade = w0 * shell.occlusion[i] + w1 * shell.occlusion[j] + w2 * shell.occlusion[k]
    ambient = look_up(light.diffuse, wx, wy, nz + 0.3)
    facing = max(wx * place.key[0] + wy * place.key[1] + nz * place.key[2], 0.0)
    m = max(shell.material[t], 0)
    direct = 0.35 * facing
    return (
        finish.materials[m, 0]
        * shade
        * (0.55 * (ambient[0] + place.fill[0]) + direct * place.key_color[0]),
        finish.materials[m, 1]
        * shade
        * (0.55 * (ambient[1] + place.fill[1]) + direct * place.key_color[1]),
        finish.materials[m, 2]
        * shade
        * (0.55 * (ambient[2] + place.fill[2]) + direct * place.key_color[2]),
    )


@inlined
def _shade(
    shell: Shell,
    inner: Shell,
    finish: Finish,
    place: Place,
    light: Light,
    shadow: Shadow,
    scenery: Shadow,
    noise: Floats,
    view: View,
    t: int,
    hidden: int,
    dx: float,
    dy: float,
    found: Floats,
) -> np.uint8:
    """Radiance of one sample into ``found[9:12]``; returns its part."""
    i, j, k = shell.triangles[t, 0], shell.triangles[t, 1], shell.triangles[t, 2]
    w0, w1, w2 = weights_in(shell.points, i, j, k, dx, dy)
    bx, by, bz = blend(shell.vertices, i, j, k, w0, w1, w2)
    ox, oy, oz = blend(shell.normals, i, j, k, w0, w1, w2)
    scale = 1.0 / np.sqrt(ox * ox + oy * oy + oz * oz + 1e-12)
    ox, oy, oz = ox * scale, oy * scale, oz * scale
    nx, ny, nz = place.cos * ox - place.sin * oy, place.sin * ox + place.cos * oy, oz
    x, y = place.x + place.cos * bx - place.sin * by, place.y + place.sin * bx + place.cos * by
    open_sky = w0 * shell.occlusion[i] + w1 * shell.occlusion[j] + w2 * shell.occlusion[k]
    open_sky *= 0.45 + 0.55 * smooth(-0.1, 0.55, bz)

    number = shell.material[t]
    if number < 0:
        part = _read_surface(finish, _side_of(ox, oy, oz), bx, by, bz, found)
    else:
        part = np.uint8(finish.materials[number, 5])
        for n in range(3):
            found[n] = finish.materials[number, n]
        found[3] = found[4] = np.float32(0.0)
        found[5], found[6] = finish.materials[number, 3], finish.materials[number, 4]
        found[7] = found[8] = np.float32(0.0)
    coat, glass, rough, metal = found[3], found[4], found[5], found[6]

    vx, vy, vz = view.position[0] - x, view.position[1] - y, view.position[2] - bz
    distance = np.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx / distance, vy / distance, vz / distance
    facing = nx * vx + ny * vy + nz * vz
    if facing < 0.02:  # interpolated normals may point away at the silhouette
        nx, ny, nz = nx + (0.02 - facing) * vx, ny + (0.02 - facing) * vy, nz + (0.02 - facing) * vz
        facing = 0.02
    rx, ry, rz = 2 * facing * nx - vx, 2 * facing * ny - vy, 2 * facing * nz - vz
    lx, ly, lz = place.key[0], place.key[1], place.key[2]
    lit = nx * lx + ny * ly + nz * lz
    open_key = 0.0
    if lit > 0.0:
        open_key = 1.0 - shaded(shadow, x + 0.03 * nx, y + 0.03 * ny, bz + 0.03 * nz)
        open_key *= 1.0 - shaded(scenery, x, y, bz)
    hx, hy, hz = lx + vx, ly + vy, lz + vz
    half = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
    away = (1.0 - facing) ** 2
    away = away * away * (1.0 - facing)

    # Dirt: from the road upwards, in blotches, and a film of dust on top.
    blotch = 0.7 + 0.3 * sample(noise, 90.0 * bx + 37.0 * by, 90.0 * bz + 11.0)
    dirt = place.dirt * min(max(smooth(0.8, 0.1, bz) * blotch + 0.12, 0.0), 1.0)
    flake = finish.paint[3] * coat
    ambient = look_up(light.diffuse, nx, ny, nz)
    key = max(lit, 0.0) * open_key
    reach = min(max(0.25 + 0.75 * open_sky + 0.2 * rz, 0.0), 1.0)
    mirror = max(coat * (1 - 0.75 * dirt), glass, (1 - coat) * smooth(0.45, 0.05, rough))
    plain = 0.04 + 0.96 * away
    fresnel = (0.055 + 0.945 * away) * mirror
    coat_sun = min(fresnel * _highlight(half, 0.07), 2.2) * open_key * (lit > 0)
    base_sun = _highlight(half, max(0.28, rough * rough if coat < 0.5 else 0.28)) * key
    dull = (1 - mirror) * (1 - rough) * (1 - glass) * plain
    shine = max(flake * (1 - dirt), metal * (1 - coat))
    glossy = (0.0, 0.0, 0.0)
    if shine > 0.01 or dull > 0.004:
        glossy = look_up(light.glossy, rx, ry, rz)
    sharp = (0.0, 0.0, 0.0)
    if mirror > 0.01:
        sharp = look_up(light.sharp, rx, ry, rz)
    dust = (0.22, 0.18, 0.14)
    behind = (0.0, 0.0, 0.0)
    if glass > 0.01:
        if hidden >= 0:
            behind = _interior(inner, finish, place, light, hidden, dx, dy)
        else:
            behind = (0.012 * ambient[0], 0.012 * ambient[1], 0.012 * ambient[2])
    for n in range(3):
        albedo = found[n] * (1 - coat) + finish.paint[n] * coat
        albedo += dirt * (dust[n] - albedo)
        body = (
            albedo
            * (1 - shine)
            * ((ambient[n] + place.fill[n]) * open_sky + place.key_color[n] * key)
        )
        body += (
            albedo
            * shine
            * (reach * (glossy[n] + place.fill[n]) + (0.35 + base_sun) * place.key_color[n] * key)
        )
        body += dull * reach * glossy[n] * 0.6
        if glass > 0.01:
            alpha = 0.25 + 0.75 * finish.tint
            seen = behind[n] * (1 - alpha) + alpha * 0.008 * (ambient[n] + place.fill[n])
            body = body * (1 - glass) + glass * seen
        body = body * (1 - fresnel) + fresnel * reach * (sharp[n] + 0.3 * place.fill[n])
        found[9 + n] = body + coat_sun * place.key_color[n]
    _glow(finish, place, light, number, found)
    clear = fade(light.density * distance)
    for n in range(3):
        bounded = min(found[9 + n], _BRIGHTEST / light.exposure)
        found[9 + n] = bounded * clear + light.fog[n] * (1 - clear)
    return np.uint8(part)


@inlined
def _glow(finish, place, light, number, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Add what lamps emit; they are as bright as the camera shows, whatever its exposure."""
    head, tail = found[7] * place.lamps, found[8] * (0.35 * place.lamps + 1.3 * place.brake)
    unit = 1.0 / light.exposure
    found[9] += unit * (4.0 * head + 1.9 * tail)
    found[10] += unit * (3.7 * head + 0.10 * tail)
    found[11] += unit * (3.2 * head + 0.07 * tail)
    if number >= 0 and finish.materials[number, 6] > 0:
        lit = unit * finish.materials[number, 6] * max(place.lamps, place.brake)
        for n in range(3):
            found[9 + n] += lit * finish.materials[number, n]


@kernel
def _shade_all(
    outside: Samples,
    inside: Samples,
    shell: Shell,
    inner: Shell,
    finish: Finish,
    place: Place,
    light: Light,
    shadow: Shadow,
    scenery: Shadow,
    noise: Floats,
    view: View,
    factor: int,
    window: tuple[int, int, int, int],
    layer: Layer,
    parts: Bytes,
    found: Floats,
) -> None:
    fraction = np.float32(1.0 / (factor * factor))
    halving = factor >> 1  # shifting is much quicker than dividing
    top, bottom, left, right = window
    last = shell.first + len(shell.triangles)
    for row in range(top, bottom):
        dy = (row + 0.5 - view.centre_y) / view.focal_y
        for column in range(left, right):
            number = outside.triangle[row, column]
            if number < shell.first or number >= last:
                continue
            dx = (column + 0.5 - view.centre_x) / view.focal_x
            hidden = inside.triangle[row, column]
            if (
                hidden < inner.first
                or hidden >= inner.first + len(inner.triangles)
                or inside.nearness[row, column] > outside.nearness[row, column]
            ):
                hidden = -1
            part = _shade(
                shell, inner, finish, place, light, shadow, scenery, noise, view,
                number - shell.first, hidden, dx, dy, found,
            )  # fmt: skip
            parts[row, column] = part
            y, x = row >> halving, column >> halving
            for n in range(3):
                layer.color[y, x, n] += fraction * found[9 + n]
            layer.weight[y, x] += fraction


def shade_vehicle(
    samples: tuple[Samples, Samples],
    vehicle: Painted,
    setting: Setting,
    window: tuple[int, int, int, int],
    layer: Layer,
    parts: Bytes,
) -> None:
    """Color the samples that show one vehicle.

    Args:
        samples: the z-buffer of exteriors, and that of interiors.
        vehicle: what to shade.
        setting: light and view of the picture.
        window: first row, end row, first column, end column of the samples to look at.
        layer: where colors are added.
        parts: (h, w) uint8 by sample, written.
    """
    shell, inner, finish, place, shadow = vehicle
    light, scenery, noise, view, factor = setting
    _shade_all(
        *samples, shell, inner, finish, place, light, shadow, scenery, noise, view,
        factor, window, layer, parts, np.empty(12, np.float32),
    )  # fmt: skip
