"""Pictures scaled to fit, for reports and contact sheets."""

from PIL import Image


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """A picture scaled to just fit a box of this size, in pixels."""
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
