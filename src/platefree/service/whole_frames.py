"""The whole picture or frame that a sighting is on, with masked plates."""

from dataclasses import replace

import numpy as np
from PIL import Image

from platefree.data.image_source import TableImages
from platefree.service.originals import original_of
from platefree.service.plate_screen import screened
from platefree.service.running_service import Service
from platefree.types import Embeddings, unknown_boxes


def whole_frame(stored: Embeddings, here: Service) -> Image.Image:
    """The whole picture, upright, mode RGB.

    Args:
        stored: the sighting, as a table of one row.
        here: the service.

    Raises:
        NoOriginal: its file is gone, or holds something else.
        ImageError: it cannot be read.
        Refused: plates cannot be masked.
    """
    place = original_of(stored, here)
    whole = replace(
        stored.sightings,
        root=place.parent,
        image=np.array([place.name], object),
        box=unknown_boxes(1),
    )
    return screened(TableImages(whole).read(0), here)
