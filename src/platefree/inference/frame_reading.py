"""A whole picture for a detector: read, and refused where it cannot show a vehicle."""

from pathlib import Path

from PIL import Image

from platefree.data.image import read_header, read_image
from platefree.errors import ImageError

SMALLEST = 24
"""Pixels of a side: smaller vehicles were not counted when detectors were measured."""


def read_frame(path: str | Path) -> Image.Image:
    """Read a picture for a detector: upright, mode RGB, at its own size.

    Raises:
        ImageError: it cannot be read, or a side is shorter than `SMALLEST`.
        OversizedImage: it has more pixels than can be read safely.
    """
    header = read_header(path)
    if min(header.width, header.height) < SMALLEST:
        raise ImageError(
            f"{path} is {header.width} x {header.height} pixels, expected at least {SMALLEST} a "
            "side: give the whole picture of the camera"
        )
    return read_image(path)
