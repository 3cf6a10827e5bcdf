"""Small copies of pictures, for reports and contact sheets."""

from pathlib import Path

from PIL import Image

from platefree.data.image import read_image
from platefree.errors import ImageError


def thumbnail(path: Path, width: int, height: int) -> Image.Image | None:
    """A copy of a picture, scaled to just fit a box.

    Args:
        path: the picture.
        width: of the box, in pixels.
        height: of the box, in pixels.

    Returns:
        An RGB image, or None if the picture cannot be read, so that a page can be made without it.
    """
    try:
        picture = read_image(path, at_least=(width, height))
    except ImageError:
        return None
    return fitted(picture, width, height)


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """A picture scaled to just fit a box of this size, in pixels."""
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
