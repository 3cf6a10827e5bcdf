"""What shading reads and writes, in plain arrays that compiled code understands."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from platefree.city.optics import View
from platefree.city.render.shadows import Shadow
from platefree.city.render.sky import Light
from platefree.city.scene import Bytes, Floats, VehicleAsset


class Shell(NamedTuple):
    """A mesh and how its triangles look, in plain arrays.

    Attributes:
        points: (v, 3) float32, camera space.
        vertices: (v, 3) float32, body frame.
        normals: (v, 3) float32, body frame.
        occlusion: (v,) float32.
        triangles: (t, 3) int32.
        material: (t,) int16.
        first: number of the first triangle in the z-buffer.
    """

    points: Floats
    vertices: Floats
    normals: Floats
    occlusion: Floats
    triangles: NDArray[np.int32]
    material: NDArray[np.int16]
    first: int


class Finish(NamedTuple):
    """The colors of a vehicle in plain arrays.

    Attributes:
        albedo: see `Surface`; flat, which is quicker to look up.
        cover: likewise.
        part: see `Surface`.
        extent: see `Surface`.
        materials: (m, 7) float32: red, green, blue, roughness, metal, part, glow.
        paint: (4,) float32: red, green, blue, flake.
        tint: of the glass.
    """

    albedo: Bytes
    cover: Bytes
    part: Bytes
    extent: Floats
    materials: Floats
    paint: Floats
    tint: float


class Place(NamedTuple):
    """Where a vehicle stands, what shines on it and what it shines.

    Attributes:
        cos: of the heading.
        sin: of the heading.
        x: world metres.
        y: world metres.
        key: (3,) float32, direction to the light that throws the shadows.
        key_color: (3,) float32, its irradiance / pi.
        fill: (3,) float32, irradiance / pi of other lamps from all around.
        lamps: 0 to 1.
        brake: 0 to 1.
        dirt: 0 to 1.
    """

    cos: float
    sin: float
    x: float
    y: float
    key: Floats
    key_color: Floats
    fill: Floats
    lamps: float
    brake: float
    dirt: float


class Setting(NamedTuple):
    """What is the same for everything that is shaded in one picture.

    Attributes:
        light: of the picture.
        scenery: shadow of what stands beside the road.
        noise: tile for dirt, walls and leaves.
        view: of the z-buffers.
        factor: samples along a side of a pixel, 1 or 2.
    """

    light: Light
    scenery: Shadow
    noise: Floats
    view: View
    factor: int


class Painted(NamedTuple):
    """One vehicle, ready to be shaded.

    Attributes:
        shell: the exterior.
        inner: the interior.
        finish: its colors.
        place: where it stands.
        shadow: that it throws on itself.
    """

    shell: Shell
    inner: Shell
    finish: Finish
    place: Place
    shadow: Shadow


class Layer(NamedTuple):
    """Where shaded samples are added up.

    Attributes:
        color: (h, w, 3) float32, sum of radiance over the samples of a pixel / 4.
        weight: (h, w) float32, fraction of the pixel's samples.
    """

    color: Floats
    weight: Floats


def empty_layer(height: int, width: int) -> Layer:
    """A layer without samples."""
    return Layer(np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32))


def finish_of(asset: VehicleAsset) -> Finish:
    """The colors of a vehicle as compiled code reads them."""
    rows = [
        (*item.color, item.roughness, item.metal, float(item.part), item.glow)
        for item in asset.materials
    ]
    return Finish(
        np.ascontiguousarray(asset.surface.albedo).reshape(-1),
        np.ascontiguousarray(asset.surface.cover).reshape(-1),
        asset.surface.part,
        asset.surface.extent,
        np.array(rows or [(0.0,) * 7], np.float32),
        np.array([*asset.paint.color, asset.paint.flake], np.float32),
        float(asset.tint),
    )
