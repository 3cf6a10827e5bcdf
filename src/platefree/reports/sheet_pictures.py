"""What a contact sheet shows of a query and of a hit, also where they are frames of films.

A query is shown whole, with its box; of a hit, what is in its box. Of a film, the small picture
that a gallery keeps is shown rather than its frame: plates are masked on it.
"""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from platefree.data.image import read_header
from platefree.data.image_source import TableImages, one_picture
from platefree.data.thumbnail import fitted
from platefree.errors import ImageError
from platefree.gallery.small_pictures import picture_of
from platefree.types import Hit, Sightings

Size = tuple[int, int]
"""Width and height in pixels."""

_LIGHT, _DARK = "#ffffff", "#1c2127"


def of_query(table: Sightings, row: int, size: Size) -> Image.Image | None:
    """The whole picture or frame of a row, scaled to fit, with a box around the vehicle.

    Returns:
        None where it cannot be read.
    """
    try:
        if (box := table.box_of(row)) is None:
            return fitted(TableImages(table).read(row, size), *size)
        whole = one_picture(table.path(row), int(table.frame[row]))
        picture = TableImages(whole).read(0, size)
        header = picture if whole.frame[0] >= 0 else read_header(table.path(row))
    except ImageError:
        return None
    small = fitted(picture, *size)
    _outline(small, np.array(box) * (small.width / header.width))
    return small


def of_hit(hit: Hit, size: Size, kept: bytes = b"") -> Image.Image | None:
    """What is in the box of a hit, scaled to fit.

    Args:
        hit: its picture file or film is read where there is no better one.
        size: to fit.
        kept: the small picture of it that a gallery keeps, as JPEG; empty if none.

    Returns:
        None where nothing can be read.
    """
    if kept and hit.frame >= 0:
        return of_kept(kept, size)
    with suppress(ImageError):
        row = one_picture(hit.image, hit.frame, hit.box)
        return fitted(TableImages(row).read(0, size), *size)
    return of_kept(kept, size)


def of_kept(kept: bytes, size: Size) -> Image.Image | None:
    """The small picture that a gallery keeps, a JPEG, scaled to fit; None if it keeps none."""
    try:
        return fitted(picture_of(kept), *size)
    except ImageError:  # empty, or damaged on the disk
        return None


def _outline(picture: Image.Image, box: NDArray[np.float64]) -> None:
    """Draw a box that is seen on light and on dark pictures."""
    pen = ImageDraw.Draw(picture)
    left, top = np.floor(box[:2]).tolist()
    right, bottom = np.ceil(box[2:]).tolist()
    pen.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=_DARK)
    pen.rectangle((left - 1, top - 1, right, bottom), outline=_LIGHT)
