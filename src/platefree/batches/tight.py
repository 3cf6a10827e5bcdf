"""Pictures for embedding, cropped to a box."""

import math

import numpy as np
from PIL import Image

from platefree.batches.loader import Item, UsePictures
from platefree.batches.transforms import InputTransform
from platefree.data.image_source import TableImages
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import ImageError
from platefree.types import Sightings

_BITS = 1e-6  # of a pixel


class TightPictures(UsePictures):
    """The crop of each picture, after the fixed transform.

    Args:
        sightings: the n pictures.
        transform: of a model.
        boxes: (n, 4) fractions of width and height, all of them known.
    """

    def __init__(
        self, sightings: Sightings, transform: InputTransform, boxes: BoxFractions
    ) -> None:
        super().__init__(sightings, transform)
        self.boxes = boxes

    def __getitem__(self, row: int) -> Item:
        box = self.boxes[row]
        # A JPEG may be decoded at a smaller size, but the crop has to stay large enough.
        wide, high = (box[2:] - box[:2]).tolist()
        size = math.ceil(self.transform.width / wide), math.ceil(self.transform.height / high)
        try:
            picture = TableImages(self.sightings).read(row, size)
            return Item(row, self.transform(cut_out(picture, box)))
        except ImageError as error:
            return Item(row, str(error))


def cut_out(picture: Image.Image, box: BoxFractions) -> Image.Image:
    """The pixels that a box (4,) of fractions touches, at least one."""
    size = np.array(picture.size)
    # Fractions of whole pixels times the size are whole only up to rounding.
    left, top = np.minimum(np.floor(box[:2] * size + _BITS), size - 1).astype(int).tolist()
    right, bottom = np.ceil(box[2:] * size - _BITS).astype(int).tolist()
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
