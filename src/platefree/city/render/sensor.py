"""From radiance to the picture that a surveillance camera sends.

Motion blur, bloom of lamps, rain, exposure and tone curve, lens blur, low resolution, noise,
sharpening and rounding to bytes; each camera has its own curve, color and sharpening.
"""

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from platefree.city.render.compiled import kernel
from platefree.city.render.staging import Layer
from platefree.city.scene import Bytes, CameraModel, Floats

_LEVELS = 4096
_WHITE = 8.0  # exposed radiance at the end of the tone table
_GRAIN = 512  # cells a side of the noise tiles


@dataclass(frozen=True, eq=False)
class Curve:
    """How a camera turns light into levels.

    Attributes:
        table: (`_LEVELS`,) float32, 8-bit level by square root of exposed radiance.
        saturation: of colors.
        sharpen: strength of unsharp masking.
    """

    table: Floats
    saturation: float
    sharpen: float


@lru_cache(maxsize=256)
def curve_of(camera: CameraModel) -> Curve:
    """The tone curve and color of a camera."""
    random = np.random.default_rng([camera.seed, 3])
    light = (np.arange(_LEVELS) / (_LEVELS - 1)) ** 2 * _WHITE
    filmic = light * (1 + light / 2.6**2) / (1 + light)
    filmic = np.clip(filmic, 0, 1) ** random.uniform(0.92, 1.12)
    srgb = np.where(filmic < 0.0031308, 12.92 * filmic, 1.055 * filmic ** (1 / 2.4) - 0.055)
    # Surveillance cameras stretch contrast, most of them well beyond a photograph's.
    drawn = random.uniform(0.1, 0.7)
    stretch = drawn if camera.crisp is None else camera.crisp
    crisp = srgb + stretch * (srgb * srgb * (3 - 2 * srgb) - srgb)
    lift = random.uniform(0.0, 0.03)
    table = 255 * (lift + (1 - lift) * crisp)
    saturation = float(random.uniform(0.75, 1.12))
    return Curve(
        table.astype(np.float32),
        saturation if camera.saturation is None else camera.saturation,
        float(random.choice([0.0, 0.5, 1.0, 1.8])),
    )


@lru_cache(maxsize=1)
def _grain() -> tuple[Floats, Floats]:
    """Fine and coarse noise, (n, n, 3) float32 of standard deviation 1, mostly grey."""
    random = np.random.default_rng(20)
    grey = 0.8 * random.standard_normal((_GRAIN, _GRAIN, 1))
    fine = grey + 0.45 * random.standard_normal((_GRAIN, _GRAIN, 3))
    cells = random.standard_normal((_GRAIN // 4, _GRAIN // 4, 3))
    coarse = np.repeat(np.repeat(cells, 4, axis=0), 4, axis=1)
    for axis in (0, 1):
        coarse = np.mean([np.roll(coarse, shift, axis) for shift in range(4)], axis=0)
    coarse /= coarse.std()
    return fine.astype(np.float32), coarse.astype(np.float32)


def encode_jpeg(pixels: Bytes, quality: int) -> bytes:
    """A (h, w, 3) uint8 sRGB picture as a JPEG file; the same bytes each time."""
    with io.BytesIO() as stream:
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling=2)
        return stream.getvalue()


@kernel
def _smear(color, weight, dx, dy, taps, out_color, out_weight):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width = weight.shape
    scale = np.float32(1.0 / taps)
    for tap in range(taps):
        shift = (tap + 0.5) / taps - 0.5
        sx, sy = int(np.round(dx * shift)), int(np.round(dy * shift))
        for y in range(max(0, sy), min(height, height + sy)):
            for x in range(max(0, sx), min(width, width + sx)):
                fraction = weight[y - sy, x - sx]
                if fraction > 0.0:
                    out_weight[y, x] += scale * fraction
                    for n in range(3):
                        out_color[y, x, n] += scale * color[y - sy, x - sx, n]


def smear(layer: Layer, dx: float, dy: float) -> Layer:
    """The layer with motion blur: it moves by (dx, dy) pixels while the shutter is open."""
    taps = min(max(int(max(abs(dx), abs(dy))) + 1, 2), 24)
    out = Layer(np.zeros_like(layer.color), np.zeros_like(layer.weight))
    _smear(layer.color, layer.weight, dx, dy, taps, out.color, out.weight)
    return out


@kernel
def _blur_line(source, kernel, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Blur along the first axis of (n, m) and clamp at its ends."""
    count, width = source.shape
    reach = len(kernel) // 2
    for i in range(count):
        for tap in range(len(kernel)):
            j = min(max(i + tap - reach, 0), count - 1)
            weight = kernel[tap]
            if tap == 0:
                for x in range(width):
                    out[i, x] = weight * source[j, x]
            else:
                for x in range(width):
                    out[i, x] += weight * source[j, x]


@kernel
def _blur_row(source, kernel, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Blur along the second axis of (h, w, 3) and clamp at its ends."""
    height, width, _ = source.shape
    reach = len(kernel) // 2
    for y in range(height):
        for x in range(width):
            red = green = blue = np.float32(0.0)
            for tap in range(len(kernel)):
                i = min(max(x + tap - reach, 0), width - 1)
                weight = kernel[tap]
                red += weight * source[y, i, 0]
                green += weight * source[y, i, 1]
                blue += weight * source[y, i, 2]
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = red, green, blue


def blurred(values: Floats, sigma: float) -> Floats:
    """A (h, w, 3) picture blurred by a Gaussian of ``sigma`` pixels."""
    if sigma < 0.2:
        return values
    reach = max(1, round(2.5 * sigma))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    rows = np.empty_like(values)
    _blur_row(values, kernel, rows)
    height, width, channels = values.shape
    flat, out = rows.reshape(height, width * channels), np.empty((height, width * channels), "f4")
    _blur_line(flat, kernel, out)
    return out.reshape(values.shape)


def add_bloom(radiance: Floats, exposure: float) -> None:
    """Spread the light of overexposed pixels, in place."""
    height, width, _ = radiance.shape
    rows, columns = height // 4 * 4, width // 4 * 4
    bright = np.maximum(radiance[:rows, :columns] * np.float32(exposure) - 1.5, 0)
    if not bright.any():
        return
    small = bright.reshape(rows // 4, 4, columns // 4, 4, 3).mean(axis=(1, 3), dtype=np.float32)
    spread = max(height, width) / 256
    glow = 0.35 * blurred(small, 1.1 * spread) + 0.30 * blurred(small, 3.5 * spread)
    full = np.repeat(np.repeat(glow, 4, axis=0), 4, axis=1)
    radiance[:rows, :columns] += blurred(full, 2.0) / np.float32(exposure)


@kernel
def _rain(radiance, starts, step_x, step_y, length, light):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width, _ = radiance.shape
    for n in range(len(starts)):
        for i in range(length):
            x = int(starts[n, 0] * width + i * step_x)
            y = int(starts[n, 1] * height + i * step_y)
            if 0 <= x < width and 0 <= y < height:
                fraction = 0.22 * starts[n, 2]
                for c in range(3):
                    radiance[y, x, c] += fraction * (light[c] - radiance[y, x, c])


def add_rain(radiance: Floats, light: Floats, random: np.random.Generator) -> None:
    """Draw falling drops as short bright streaks, in place."""
    height, width, _ = radiance.shape
    count = int(height * width / 900 * random.uniform(0.3, 1.2))
    starts = random.uniform(-0.05, 1.0, (count, 3)).astype(np.float32)
    starts[:, 2] = np.abs(starts[:, 2])
    slant = float(random.normal(0, 0.15))
    _rain(radiance, starts, slant, 1.0, max(3, height // 22), light)


@kernel
def _expose(radiance, scale, saturation, table, level, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width, _ = radiance.shape
    limit = np.float32(len(table) - 1.001)
    step = np.float32((len(table) - 1) / np.sqrt(8.0))
    for y in range(height):
        for x in range(width):
            for n in range(3):
                light = max(radiance[y, x, n] * scale[n], np.float32(0.0))
                place = min(np.sqrt(light) * step, limit)
                cell = int(place)
                level[n] = table[cell] + (place - cell) * (table[cell + 1] - table[cell])
            grey = np.float32(0.3) * level[0] + np.float32(0.59) * level[1]
            grey += np.float32(0.11) * level[2]
            for n in range(3):
                out[y, x, n] = grey + saturation * (level[n] - grey)


@kernel
def _finish(levels, soft, sharpen, fine, coarse, offset, strength, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width, _ = levels.shape
    mask = fine.shape[0] - 1
    for y in range(height):
        for x in range(width):
            i, j = (y + offset[0]) & mask, (x + offset[1]) & mask
            k, m = (y + offset[2]) & mask, (x + offset[3]) & mask
            for n in range(3):
                value = levels[y, x, n]
                value += sharpen * (value - soft[y, x, n])
                noise = np.float32(0.75) * fine[i, j, n] + np.float32(0.45) * coarse[k, m, n]
                value += strength * noise + np.float32(0.5)
                out[y, x, n] = np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)))


@kernel
def _shrink(source, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Area average onto a smaller grid."""
    height, width, _ = source.shape
    rows, columns, _ = out.shape
    for i in range(rows):
        top, bottom = i * height // rows, max((i + 1) * height // rows, i * height // rows + 1)
        for j in range(columns):
            left = j * width // columns
            right = max((j + 1) * width // columns, left + 1)
            scale = np.float32(1.0 / ((bottom - top) * (right - left)))
            for n in range(3):
                total = np.float32(0.0)
                for y in range(top, bottom):
                    for x in range(left, right):
                        total += source[y, x, n]
                out[i, j, n] = total * scale


def expose(radiance: Floats, camera: CameraModel, exposure: float) -> Floats:
    """The levels of a camera's picture before its lens and its noise.

    Args:
        radiance: (h, w, 3) float32.
        camera: who looks.
        exposure: factor before the tone curve.

    Returns:
        (h, w, 3) float32, 0 to 255.
    """
    curve = curve_of(camera)
    levels = np.empty(radiance.shape, np.float32)
    scale = (np.array(camera.gain) * exposure).astype(np.float32)
    _expose(radiance, scale, np.float32(curve.saturation), curve.table, np.empty(3, "f4"), levels)
    return levels


def develop(
    radiance: Floats,
    camera: CameraModel,
    native: tuple[float, float],
    exposure: float,
    gloom: float,
    random: np.random.Generator,
) -> Bytes:
    """The picture a camera makes of radiance.

    Args:
        radiance: (h, w, 3) float32.
        camera: who looks.
        native: width and height in pixels that the picture has in the camera's full frame; if
            fewer than it has here, detail is lost as by enlarging a small crop.
        exposure: factor before the tone curve.
        gloom: 0 by day to 1 at night: raises the noise.
        random: of the noise.

    Returns:
        (h, w, 3) uint8 sRGB.
    """
    return print_levels(expose(radiance, camera, exposure), camera, native, gloom, random)


def print_levels(
    levels: Floats,
    camera: CameraModel,
    native: tuple[float, float],
    gloom: float,
    random: np.random.Generator,
) -> Bytes:
    """The picture a camera makes of `expose`'s levels; see `develop`."""
    height, width, _ = levels.shape
    curve = curve_of(camera)
    rows, columns = min(height, max(8, round(native[1]))), min(width, max(8, round(native[0])))
    if rows < 0.9 * height or columns < 0.9 * width:
        small = np.empty((rows, columns, 3), np.float32)
        _shrink(levels, small)
        levels = small
    ratio = min(levels.shape[1] / native[0], 1.0)
    # The pixel's own footprint is already in the samples; the lens adds to it.
    levels = blurred(levels, camera.blur * ratio)
    sharpen = curve.sharpen * min(ratio * 1.2, 1.0)
    soft = blurred(levels, 1.1) if sharpen > 0 else levels
    strength = camera.noise * (1 + 1.3 * gloom) * max(ratio, 0.35)
    fine, coarse = _grain()
    out = np.empty(levels.shape, np.uint8)
    offset = random.integers(0, _GRAIN, 4)
    _finish(levels, soft, np.float32(sharpen), fine, coarse, offset, np.float32(strength), out)
    if (len(out), len(out[0])) == (height, width):
        return out
    enlarged = Image.fromarray(out).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(enlarged)
