"""A heat map laid over a picture.

The colors are viridis (van der Walt and Smith, 2015; public domain) by interpolation between ten
of its values: equal steps look equally large, also in grey and to the color-blind.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_STOPS = np.array(
    [
        (0x44, 0x01, 0x54),
        (0x48, 0x28, 0x78),
        (0x3E, 0x49, 0x89),
        (0x31, 0x68, 0x8E),
        (0x26, 0x82, 0x8E),
        (0x1F, 0x9E, 0x89),
        (0x35, 0xB7, 0x79),
        (0x6E, 0xCE, 0x58),
        (0xB5, 0xDE, 0x2B),
        (0xFD, 0xE7, 0x25),
    ]
)


def heat_colors(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Colors of values, dark blue to yellow; values are clipped to [0, 1].

    Args:
        values: (...) floats; NaN counts as 0.

    Returns:
        (..., 3) RGB.
    """
    inside = np.clip(np.nan_to_num(values, nan=0.0), 0.0, 1.0)
    places = np.linspace(0.0, 1.0, len(_STOPS))
    channels = [np.interp(inside, places, _STOPS[:, channel]) for channel in range(3)]
    colors: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors


def overlay(
    picture: Image.Image, heat_map: NDArray[np.float32], strength: float = 0.6
) -> Image.Image:
    """A grey copy of the picture, tinted by a heat map resized to it.

    Args:
        picture: RGB.
        heat_map: (h, w) in [0, 1], of any size.
        strength: weight of the tint, from 0 (picture only) to 1 (heat map only).
    """
    heat = Image.fromarray(np.nan_to_num(heat_map, nan=0.0).astype(np.float32))
    stretched = np.asarray(heat.resize(picture.size, Image.Resampling.BILINEAR))
    grey = picture.convert("L").convert("RGB")
    return Image.blend(grey, Image.fromarray(heat_colors(stretched)), strength)
