"""Shading of what stands beside the street: facades with windows, leaves, poles, lamps."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from platefree.city.render.compiled import kernel
from platefree.city.render.raster import Samples
from platefree.city.render.roadside import Scenery
from platefree.city.render.shading import blend, weights_in
from platefree.city.render.shadows import shaded
from platefree.city.render.sky import look_up
from platefree.city.render.staging import Layer, Setting
from platefree.city.render.textures import fade, sample, smooth
from platefree.city.scene import Floats


class Props(NamedTuple):
    """Scenery in plain arrays.

    Attributes:
        points: (v, 3) float32, camera space.
        vertices: (v, 3) float32, world.
        normals: (v, 3) float32, world.
        triangles: (t, 3) int32.
        kind: (t,) uint8.
        color: (t, 3) float32.
        first: number of the first triangle in the z-buffer.
    """

    points: Floats
    vertices: Floats
    normals: Floats
    triangles: NDArray[np.int32]
    kind: NDArray[np.uint8]
    color: Floats
    first: int


def props_of(scenery: Scenery, points: Floats, first: int) -> Props:
    """Scenery as compiled code reads it; ``points`` are its vertices in camera space."""
    return Props(
        points, scenery.vertices, scenery.normals, scenery.triangles, scenery.kind,
        scenery.color, first,
    )  # fmt: skip


@kernel
def _pane(along, z, wide):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """1 inside a window of a facade, 0 on its wall; in between for far facades."""
    u, v = along / 2.8, z / 3.0
    u, v = u - np.floor(u), v - np.floor(v)
    soft = min(0.02 + 0.4 * wide, 0.5)
    inside = smooth(0.5 + soft, 0.5 - soft, abs(u - 0.5) + 0.18)
    inside *= smooth(0.5 + soft, 0.5 - soft, abs(v - 0.55) + 0.22)
    return inside


@kernel
def _shade_props(samples, props, light, shadow, lamps, noise, view, factor, layer, base):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    fraction = np.float32(1.0 / (factor * factor))
    halving = factor >> 1  # shifting is much quicker than dividing
    last = props.first + len(props.triangles)
    height, width = samples.triangle.shape
    for row in range(height):
        dy = (row + 0.5 - view.centre_y) / view.focal_y
        for column in range(width):
            number = samples.triangle[row, column]
            if number < props.first or number >= last:
                continue
            dx = (column + 0.5 - view.centre_x) / view.focal_x
            t = number - props.first
            i, j, k = props.triangles[t, 0], props.triangles[t, 1], props.triangles[t, 2]
            w0, w1, w2 = weights_in(props.points, i, j, k, dx, dy)
            x, y, z = blend(props.vertices, i, j, k, w0, w1, w2)
            nx, ny, nz = blend(props.normals, i, j, k, w0, w1, w2)
            vx, vy, vz = x - view.position[0], y - view.position[1], z - view.position[2]
            distance = np.sqrt(vx * vx + vy * vy + vz * vz)
            ambient = look_up(light.diffuse, nx, ny, nz)
            facing = nx * light.sun[0] + ny * light.sun[1] + nz * light.sun[2]
            kind = props.kind[t]
            if kind == 2:  # leaves let light through
                facing = 0.35 + 0.65 * facing
            key = max(facing, 0.0) * (1.0 - shaded(shadow, x + 0.1 * nx, y + 0.1 * ny, z + 0.15))
            ground = 0.55 + 0.45 * smooth(0.0, 0.8, z)
            tone, glass = 1.0, 0.0
            if kind == 1:
                along = x if abs(ny) > 0.5 else y
                glass = _pane(along, z, distance / view.focal_x) if abs(nz) < 0.5 else 0.0
                tone = 1.0 + 0.08 * sample(noise, 30.0 * along, 30.0 * z)
            elif kind == 2:
                leaf = sample(noise, 210.0 * x + 130.0 * y, 230.0 * z - 120.0 * y)
                leaf = 0.6 * leaf + 0.8 * sample(noise, 430.0 * y - 300.0 * x, 470.0 * z)
                tone = max(1.0 + 0.38 * leaf, 0.2)
            lit = 0.0
            for n in range(len(lamps)):
                ax, ay, az = lamps[n, 0] - x, lamps[n, 1] - y, lamps[n, 2] - z
                square = ax * ax + ay * ay + az * az + 1.0
                if square < 1600.0:
                    cosine = (ax * nx + ay * ny + az * nz) / np.sqrt(square)
                    lit += max(cosine, 0.1) / square
            clear = fade(light.density * distance)
            room = np.floor(x / 2.8) * 7.31 + np.floor(z / 3.0) * 3.77 + np.floor(y / 2.8) * 5.13
            glowing = 1.0 if room - np.floor(room) > 0.7 else 0.0
            if glass > 0.0:
                mirror = look_up(light.glossy, vx - 2 * (vx * nx + vy * ny) * nx,
                                 vy - 2 * (vx * nx + vy * ny) * ny, abs(vz) + 0.1)  # fmt: skip
                for n in range(3):
                    base[n] = 0.25 * mirror[n] + 0.012 * light.lamp[n] * glowing
            for n in range(3):
                value = (
                    props.color[t, n]
                    * tone
                    * (ambient[n] * ground + light.sun_color[n] * key + light.lamp[n] * lit)
                )
                value = value * (1 - glass) + glass * base[n]
                if kind == 3:
                    value += props.color[t, n] * light.lamp[n] * 0.4
                layer.color[row >> halving, column >> halving, n] += fraction * (
                    value * clear + light.fog[n] * (1 - clear)
                )
            layer.weight[row >> halving, column >> halving] += fraction


def shade_props(
    samples: Samples, props: Props, setting: Setting, lamps: Floats, layer: Layer
) -> None:
    """Color the samples that show scenery.

    Args:
        samples: the z-buffer.
        props: the scenery.
        setting: light and view of the picture; the shadow is the scenery's own.
        lamps: (n, 3) float32, street lamps; none by day.
        layer: where colors are added.
    """
    light, shadow, noise, view, factor = setting
    base = np.empty(3, np.float32)
    _shade_props(samples, props, light, shadow, lamps, noise, view, factor, layer, base)
