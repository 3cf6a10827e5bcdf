"""Vehicles drawn with a few polygons: what most tests look at instead of a rendered city.

Enough for the tests to run end to end in no time. Vehicles come in
groups of one type and color, so a search has to look at decals, stripes and roof racks; cameras
differ in background, light, blur, noise and the side they see. The same seed gives the same bytes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from platefree.errors import DataError
from platefree.storage.disk import make_folder, storage_errors
from platefree.storage.files import write_text

COLUMNS = ("image", "vehicle", "camera", "time", "type", "color", "split")
LOOKALIKES = 4  # vehicles in a row that share type and color
PAINTS = {"white": "#e2e4e4", "black": "#3a3c40", "red": "#b02a26", "blue": "#264e98"}
_DECALS = ("#f4c20d", "#00a6a6", "#e4572e", "#7cb342", "#8e44ad")
_START = np.datetime64("2026-05-01T07:00:00", "s")
_OVERSAMPLING = 3  # PIL draws polygons without smoothing; shrinking supplies it


@dataclass(frozen=True)
class _Shape:
    """A side view that faces right; points are "x,y" in percent, y downwards, as in SVG."""

    body: str
    windows: tuple[str, ...]
    wheels: tuple[float, ...]
    panel: tuple[float, float, float, float]  # where decals may stand: left, top, right, bottom
    roof: tuple[float, float, float]  # left, right, y


SHAPES = {
    "car": _Shape(
        "5,70 4,56 9,51 25,49 37,36 40,35 63,35 67,37 78,49 92,53 96,60 95,70",
        ("30,49 39,38.5 50,38.5 50,49", "53,49 53,38.5 63.5,38.5 73,49"),
        wheels=(22, 78),
        panel=(30, 51.5, 70, 66.5),
        roof=(41, 63, 35),
    ),
    "van": _Shape(
        "5,70 5,30 8,26 68,26 73,28 84,46 94,50 96,56 96,70",
        ("64,46 64,31 71,31 79,46",),
        wheels=(20, 79),
        panel=(9, 32, 60, 60),
        roof=(12, 60, 26),
    ),
    "truck": _Shape(
        "3,66 3,20 64,20 64,60 67,60 67,33 82,33 92,50 96,53 96,70 64,70 64,66",
        ("71,49 71,37.5 80,37.5 87,49",),
        wheels=(14, 28, 80),
        panel=(6, 25, 61, 56),
        roof=(69, 80, 33),
    ),
    "bus": _Shape(
        "2,70 2,27 5,23 92,23 96,28 98,50 98,70",
        (
            *("6,29 32,29 32,42 6,42", "34,29 60,29 60,42 34,42", "62,29 75,29 75,42 62,42"),
            *("77,29 85,29 85,66 77,66", "88,29 93,29 95.5,46 88,46"),
        ),
        wheels=(18, 70),
        panel=(6, 45, 74, 62),
        roof=(15, 70, 23),
    ),
}


def draw_vehicles(
    folder: Path,
    vehicles: int = 60,
    cameras: int = 3,
    images_per_camera: int = 2,
    seed: int = 0,
    size: int = 128,
) -> Path:
    """Draw pictures of vehicles and write the table that describes them.

    Every other vehicle is for training. Of each remaining vehicle the first picture of one camera
    is a query, and all its other pictures are gallery.

    Args:
        folder: where ``images/`` and ``images.csv`` are written.
        vehicles: number of vehicles, at least 2.
        cameras: number of cameras, all passed by each vehicle, at least 2.
        images_per_camera: pictures of one vehicle by one camera, at least 1.
        seed: the same seed gives the same bytes.
        size: width and height of a picture, at least 32.

    Returns:
        The path of ``images.csv``.

    Raises:
        DataError: a number is too small for any query to have a match.
        StorageError: a file cannot be written.
    """
    if vehicles < 2 or cameras < 2 or images_per_camera < 1 or size < 32:
        raise DataError(
            f"{vehicles} vehicles, {cameras} cameras, {images_per_camera} images per camera and "
            f"size {size}: expected at least 2, 2, 1 and 32"
        )
    make_folder(folder / "images")
    lines = [",".join(COLUMNS)]
    for vehicle in range(vehicles):
        group = _generator(seed, 1, vehicle // LOOKALIKES)
        type_, color = str(group.choice([*SHAPES])), str(group.choice([*PAINTS]))
        rng = _generator(seed, 2, vehicle)
        layer = _paint(SHAPES[type_], PAINTS[color], rng, size * _OVERSAMPLING)
        query = (int(rng.integers(cameras)), 0)
        clock = _START + int(rng.integers(2 * 3600))
        for camera in range(cameras):
            clock += int(rng.integers(60, 240))
            for shot in range(images_per_camera):
                name = f"images/v{vehicle:04d}_c{camera + 1}_{shot + 1}.jpg"
                picture = _photograph(layer, seed, vehicle, camera, shot)
                with storage_errors(folder / name):
                    picture.save(folder / name, quality=92)
                test = "query" if (camera, shot) == query else "gallery"
                split = test if vehicle % 2 else "train"
                labels = (f"v{vehicle:04d}", f"cam{camera + 1}", f"{clock + shot}Z", type_, color)
                lines.append(",".join((name, *labels, split)))
    write_text(folder / "images.csv", "\n".join(lines) + "\n")
    return folder / "images.csv"


def _generator(seed: int, purpose: int, *numbers: int) -> np.random.Generator:
    # The purpose tells apart what numpy would not: it pads short seeds, so (s, 5) is (s, 5, 0).
    return np.random.default_rng([purpose, seed, *numbers])


def _paint(shape: _Shape, paint: str, rng: np.random.Generator, side: int) -> Image.Image:
    """One vehicle on a transparent square; ``rng`` gives it the decals that identify it."""
    layer = Image.new("RGBA", (side, side))
    pen = ImageDraw.Draw(layer)

    def at(x: float, y: float) -> tuple[float, float]:
        return x * side / 100, y * side / 100

    def polygon(points: str, fill: str) -> None:
        pairs = (pair.split(",") for pair in points.split())
        pen.polygon([at(float(x), float(y)) for x, y in pairs], fill=fill)

    def bar(left: float, top: float, right: float, bottom: float, fill: str) -> None:
        pen.rectangle((*at(left, top), *at(right, bottom)), fill=fill)

    colors = [str(color) for color in rng.permutation(_DECALS)]
    pen.ellipse((*at(2, 73), *at(98, 80)), fill="#26272a")  # shadow
    left, right, top = shape.roof
    if rng.random() < 0.4:
        bar(left, top - 4.5, right, top - 2.5, "#3a3d40")
        for x in (left + 2, (left + right) / 2, right - 4):
            bar(x, top - 4, x + 1.5, top + 1, "#3a3d40")
    polygon(shape.body, paint)
    for window in shape.windows:
        polygon(window, "#4f6675")
    left, top, right, bottom = shape.panel
    if rng.random() < 0.4:
        bar(left, (top + bottom) / 2 - 1.5, right, (top + bottom) / 2 + 1.5, colors[3])
    for third in rng.permutation(3)[: rng.integers(1, 4)]:
        across, down = (third + rng.uniform(0.3, 0.7)) / 3, rng.uniform(0.3, 0.7)
        centre = at(left + across * (right - left), top + down * (bottom - top))
        corners = int(rng.choice([3, 4, 6, 60]))
        pen.regular_polygon((*centre, 0.06 * side), corners, fill=colors[third])
    bar(5, 66.5, 95, 70, "#3a3d40")  # sill
    for x in shape.wheels:
        pen.circle(at(x, 71), 0.085 * side, fill="#17181a")
        pen.circle(at(x, 71), 0.042 * side, fill="#b9bec2")
    pen.circle(at(93.5, 60), 0.02 * side, fill="#ffe9a8")  # headlight
    return layer


def _photograph(layer: Image.Image, seed: int, vehicle: int, camera: int, shot: int) -> Image.Image:
    """One picture of a painted vehicle."""
    site, moment = _generator(seed, 3, camera), _generator(seed, 4, vehicle, camera, shot)
    side = layer.width
    wall = site.integers(110, 170) + site.integers(-6, 7, 3)
    canvas = Image.new("RGB", layer.size, tuple(wall.tolist()))
    pen = ImageDraw.Draw(canvas)
    road = (int(site.integers(65, 95)),) * 3
    pen.rectangle((0, moment.uniform(0.50, 0.56) * side, side, side), fill=road)
    pen.line((0, 0.93 * side, side, 0.93 * side), fill="#d8d8d0", width=side // 60)
    zoom = int(side * moment.uniform(0.82, 0.98))
    cutout = layer.resize((zoom, zoom))
    corner = int(moment.uniform(0, side - zoom)), int(side * moment.uniform(0.05, 0.14))
    canvas.paste(cutout, corner, cutout)
    if camera % 2:  # every other camera sees the other side
        canvas = canvas.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = canvas.reduce(_OVERSAMPLING)
    blur = site.uniform(0.2, 0.9) * picture.width / 128
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float64)
    warmth = site.uniform(-0.03, 0.03)
    tint = np.array([1 + warmth, 1.0, 1 - warmth]) * site.uniform(0.88, 1.08)
    noise = moment.normal(0.0, site.uniform(2.0, 7.0), pixels.shape)
    pixels = pixels * tint * moment.uniform(0.93, 1.07) + noise
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
