"""The whole picture or frame that a sighting is on, with masked plates."""

from PIL import Image

from platefree.data.image_source import TableImages
from platefree.service.plate_screen import screened
from platefree.service.running_service import Service
from platefree.types import Sightings, unknown_boxes


def whole_frame(row: Sightings, here: Service) -> Image.Image:
    """The whole picture, upright, mode RGB.

    Args:
        row: the sighting, as a table of one row.
        here: the service.

    Raises:
        ImageError: its file is gone, or cannot be read.
        Refused: plates cannot be masked.
    """
    columns = {"image": row.image, "frame": row.frame, "box": unknown_boxes(1)}
    return screened(TableImages(Sightings.from_columns(row.root, columns)).read(0), here)
