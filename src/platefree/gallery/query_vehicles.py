"""Query pictures in which a detector finds no vehicle."""

import numpy as np

from platefree.data.frame_boxes import PLATE
from platefree.data.image_source import TableImages
from platefree.errors import DataError
from platefree.inference.detector import Detector
from platefree.types import Sightings


def without_vehicle(detector: Detector, query: Sightings) -> list[str]:
    """A sentence for each query picture on which no vehicle is found.

    Args:
        detector: of vehicles on whole pictures; a picture that is cut to one is such a picture too.
        query: the query pictures; those whose file is gone are passed over.
    """
    pictures, sentences = TableImages(query), list[str]()
    for row in range(len(query)):
        try:
            frame = np.asarray(pictures.read(row), np.uint8)
        except DataError:
            continue
        (found,) = detector.detect([frame])
        if not (found.kind != PLATE).any():
            sentences.append(
                f"no vehicle is found on {query.path(row).name}: whatever it shows, something is "
                "most like it, so check the picture before the hits"
            )
    return sentences
