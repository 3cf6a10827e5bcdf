"""Periodic noise and crack tiles, and how compiled code looks them up."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from platefree.city.render.compiled import inlined
from platefree.city.scene import Floats

SIZE = 256  # cells a side of every tile; a power of two, so that a mask wraps it
_MASK = SIZE - 1


@lru_cache(maxsize=16)
def noise_tile(seed: int, wavelength: float) -> Floats:
    """Smooth periodic noise with one typical size of its spots.

    Args:
        seed: of the noise.
        wavelength: of the spots, cells.

    Returns:
        (SIZE, SIZE) float32 of mean 0 and standard deviation 1, clipped to three of these.
    """
    white = np.random.default_rng(seed).standard_normal((SIZE, SIZE))
    frequency = np.fft.fftfreq(SIZE)
    radius = np.hypot(frequency[:, None], frequency[None, :]) * wavelength
    band = np.exp(-((np.log2(np.maximum(radius, 1e-6))) ** 2) / 0.7)
    noise = np.fft.ifft2(np.fft.fft2(white) * band).real
    clipped: Floats = np.clip((noise - noise.mean()) / noise.std(), -3, 3).astype(np.float32)
    return clipped


@lru_cache(maxsize=4)
def crack_tile(seed: int) -> Floats:
    """Thin wandering cracks and sealed joints, (SIZE, SIZE) float32: 0 sound to 1 cracked."""
    random = np.random.default_rng(seed)
    image = Image.new("L", (SIZE * 2, SIZE * 2))
    pen = ImageDraw.Draw(image)
    for _ in range(5):
        point, heading = random.uniform(0, SIZE * 2, 2), random.uniform(0, 2 * np.pi)
        strength = int(random.integers(90, 255))
        for _ in range(int(random.integers(15, 60))):
            heading += random.normal(0, 0.45)
            step = point + 9 * np.array([np.cos(heading), np.sin(heading)])
            for shift_x in (-2 * SIZE, 0, 2 * SIZE):
                for shift_y in (-2 * SIZE, 0, 2 * SIZE):
                    shift = np.array([shift_x, shift_y])
                    pen.line([tuple(point + shift), tuple(step + shift)], fill=strength, width=2)
            point = step % (2 * SIZE)
    small = image.resize((SIZE, SIZE), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


@inlined
def sample(tile, u, v):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """The tile at (u, v) cells, bilinear, periodic."""
    floor_u, floor_v = np.floor(u), np.floor(v)
    part_u, part_v = np.float32(u - floor_u), np.float32(v - floor_v)
    column, row = np.int64(floor_u) & _MASK, np.int64(floor_v) & _MASK
    column_2, row_2 = (column + 1) & _MASK, (row + 1) & _MASK
    top = tile[row, column] + part_u * (tile[row, column_2] - tile[row, column])
    bottom = tile[row_2, column] + part_u * (tile[row_2, column_2] - tile[row_2, column])
    return top + part_v * (bottom - top)


@inlined
def fade(depth):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """exp(-depth) for depth >= 0, to 2 % up to depth 1; several times quicker."""
    return 1.0 / (1.0 + depth * (1.0 + depth * (0.5 + depth * (1.0 / 6.0))))


@inlined
def smooth(low, high, value):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """0 below ``low``, 1 over ``high``, smooth between."""
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)
