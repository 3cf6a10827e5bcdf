"""What a camera sees: the values that geometry, traffic and renderer have in common.

World and body frames: x forward (east), y left (north), z up, metres, the ground at z = 0. A
vehicle's origin is on the ground below the middle of its wheelbase. Colors are linear RGB
float32 in [0, 1] unless a name says sRGB.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class Part(IntEnum):
    """What a visible point of a vehicle belongs to; the label masks of a picture hold these."""

    NONE = 0
    BODY = 1
    WINDOW = 2  # the windscreen and the rear window
    LIGHT = 3
    BRAND = 4  # the badge with its grille (front) or boot-lid area (rear)
    WHEEL = 5
    PLATE = 6  # always blank
    RIDER = 7
    LOAD = 8
    SIDE_WINDOW = 9


@dataclass(frozen=True, eq=False)
class Material:
    """How a plain (not projection-painted) surface looks.

    Attributes:
        color: (3,) linear RGB.
        roughness: 0 mirror, 1 matt.
        metal: 0 dielectric, 1 metal.
        part: which part it belongs to.
        glow: emitted light as a multiple of ``color`` while the vehicle's lamps are on.
    """

    color: tuple[float, float, float]
    roughness: float = 0.7
    metal: float = 0.0
    part: Part = Part.BODY
    glow: float = 0.0


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles of one vehicle in its body frame.

    Attributes:
        vertices: (v, 3) float32.
        normals: (v, 3) float32, unit.
        occlusion: (v,) float32, ambient light that reaches the vertex, 0 to 1.
        triangles: (t, 3) int32, counter-clockwise seen from outside.
        material: (t,) int16, index into the vehicle's materials; -1 is painted by its `Surface`.
    """

    vertices: Floats
    normals: Floats
    occlusion: Floats
    triangles: NDArray[np.int32]
    material: NDArray[np.int16]


SIDES = ("left", "right", "front", "rear", "top")


@dataclass(frozen=True, eq=False)
class Surface:
    """Five painted projections of a body, looked up by position and normal (see `renderer` notes).

    Every map is (5, h, w, channels) in the order of `SIDES`, u along the first and v along the
    second axis of the projection: left/right (x, z), front/rear (y, z), top (x, y); row 0 is the
    highest z (or y), column 0 the lowest x (or y).

    Attributes:
        albedo: (5, h, w, 3) uint8 sRGB of what is not paint.
        cover: (5, h, w, 6) uint8: paint coverage, glass, roughness, metal, head-lamp glow,
            tail-lamp glow.
        part: (5, h, w) uint8, `Part`; looked up without interpolation.
        extent: (5, 4) float32, metres: lowest u, highest u, lowest v, highest v of each map.
    """

    albedo: Bytes
    cover: Bytes
    part: Bytes
    extent: Floats


@dataclass(frozen=True)
class Paint:
    """The body color.

    Attributes:
        color: (3,) linear RGB.
        flake: metallic fraction, 0 plain to 0.65.
        name: white, black, grey, silver, red ... as in the labels.
    """

    color: tuple[float, float, float]
    flake: float
    name: str


@dataclass(frozen=True, eq=False)
class VehicleAsset:
    """Everything that draws one vehicle identity; the same for each of its pictures.

    Attributes:
        exterior: body, wheels, mirrors, rider, load.
        interior: what is seen through glass; may be empty.
        surface: the painted projections of triangles with material -1.
        materials: of the other triangles.
        paint: body color.
        size: (3,) length, width, height in metres.
        tint: of the glass: 0 clear, 1 opaque.
    """

    exterior: Mesh
    interior: Mesh
    surface: Surface
    materials: tuple[Material, ...]
    paint: Paint
    size: tuple[float, float, float]
    tint: float = 0.3


@dataclass(frozen=True, eq=False)
class PlacedVehicle:
    """A vehicle at a place in the world at the moment of a picture.

    Attributes:
        asset: what it looks like.
        position: (2,) world x, y of its origin.
        heading: radians, counter-clockwise from world x.
        lamps: head and tail lamps lit, 0 to 1.
        brake: brake lamps lit, 0 to 1.
        dirt: 0 clean to 1; differs from picture to picture only a little.
    """

    asset: VehicleAsset
    position: tuple[float, float]
    heading: float
    lamps: float = 0.0
    brake: float = 0.0
    dirt: float = 0.1


@dataclass(frozen=True)
class CameraModel:
    """A fixed surveillance camera.

    Attributes:
        name: id, for labels.
        position: (3,) world metres; z is its height over the road.
        yaw: radians, direction of view around z; 0 looks along world x.
        pitch: radians below the horizon, positive looks down.
        focal: focal length in pixels of the full frame.
        width: of the full frame, pixels.
        height: of the full frame, pixels.
        gain: (3,) channel gains about 1: its color response.
        noise: sensor noise, standard deviation of 8-bit levels.
        blur: lens blur, pixels at full-frame resolution.
        jpeg: quality of its compression, 40 to 90.
        seed: of its background (road, markings, kerb, buildings, trees, poles).
        lanes: of its street in each direction; it runs along world x, centred on y = 0.
        crisp: how far it stretches contrast, 0 to 1; None is as the seed says.
        saturation: of its colors, 1 as they are; None is as the seed says.
    """

    name: str
    position: tuple[float, float, float]
    yaw: float
    pitch: float
    focal: float
    width: int = 1280
    height: int = 720
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 3.0
    blur: float = 0.6
    jpeg: int = 75
    seed: int = 0
    lanes: int = 1
    crisp: float | None = None
    saturation: float | None = None


@dataclass(frozen=True)
class Conditions:
    """Light and weather of a moment.

    Attributes:
        sun_azimuth: radians, world.
        sun_elevation: radians; below 0 is dusk and night.
        weather: clear, overcast, rain or fog.
        seed: of clouds and the like.
    """

    sun_azimuth: float = 0.8
    sun_elevation: float = 0.9
    weather: str = "clear"
    seed: int = 0


@dataclass(frozen=True)
class Crop:
    """A window of a camera's full frame, scaled to a picture: a crop is a camera with a tight view.

    Attributes:
        left: of the window in full-frame pixels; may be negative or beyond the frame.
        top: likewise.
        width: of the window in full-frame pixels.
        height: likewise.
        out_width: of the picture in pixels.
        out_height: likewise.
    """

    left: float
    top: float
    width: float
    height: float
    out_width: int
    out_height: int


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a picture shows.

    Attributes:
        camera: who looks.
        conditions: light and weather.
        vehicles: placed vehicles; the first is the subject of a crop.
        motion: (2,) world metres that the subject moves while the shutter is open.
        seed: of noise and other random details of this one picture.
    """

    camera: CameraModel
    conditions: Conditions
    vehicles: tuple[PlacedVehicle, ...]
    motion: tuple[float, float] = (0.0, 0.0)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Picture:
    """A finished picture with exact labels per pixel.

    Attributes:
        pixels: (h, w, 3) uint8 sRGB, before JPEG.
        vehicle: (h, w) int16, index into the scene's vehicles of what is seen; -1 background.
        part: (h, w) uint8, `Part` of what is seen.
        silhouette: (h, w) bool, where the subject would be seen if nothing stood before it.
    """

    pixels: Bytes
    vehicle: NDArray[np.int16]
    part: Bytes
    silhouette: NDArray[np.bool_]
