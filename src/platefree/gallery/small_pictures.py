"""The small picture that a gallery keeps of a sighting, which is seen when its file is gone."""

import io
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from platefree.data.image_source import TableImages
from platefree.errors import DataError, ImageError
from platefree.types import Sightings

LONGEST = 160
"""The longer side in pixels; a vehicle takes some 5 KB."""

_QUALITY = 85
_READERS = 4


def small_pictures(table: Sightings) -> list[bytes | DataError]:
    """A JPEG of every row, cut to its box, without metadata; or why there is none."""
    pictures = TableImages(table)
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(lambda row: _small(pictures, row), range(len(table))))


def small_jpeg(picture: Image.Image) -> bytes:
    """A JPEG of a picture, made as small as a gallery keeps it; the picture is shrunk itself."""
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS, reducing_gap=3.0)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def picture_of(jpeg: bytes) -> Image.Image:
    """The picture of a JPEG that was made here, mode RGB.

    Raises:
        ImageError: there is none, or it is damaged.
    """
    opened = io.BytesIO(jpeg)
    try:
        return Image.open(opened, formats=["JPEG"]).convert("RGB")
    except Exception as error:  # decoders fed damaged bytes raise nearly anything
        raise ImageError(f"a small picture cannot be read: {error}") from error


def _small(pictures: TableImages, row: int) -> bytes | DataError:
    try:
        return small_jpeg(pictures.read(row, (LONGEST, LONGEST)))
    except DataError as error:
        return error
