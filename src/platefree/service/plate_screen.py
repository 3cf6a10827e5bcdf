"""Whole frames are shown with masked plates, or not at all, unless it is decided otherwise."""

import numpy as np
from PIL import Image, ImageDraw

from platefree.data.frame_boxes import PLATE
from platefree.inference.detector import Detector
from platefree.service.refusals import Refused
from platefree.service.running_service import Service

_MASK = (128, 128, 128)


def refuse_unmasked(here: Service) -> None:
    """Refuse whole frames where plates cannot be masked.

    Raises:
        Refused: there is no detector, and the service was not told to show frames without one.
    """
    if here.shows_frames:
        return
    raise Refused(
        403,
        "whole frames are not shown, since plates on them cannot be masked: start the service with "
        "a detector (--detector), or say that plates may be seen (--unmasked-frames)",
    )


def screened(picture: Image.Image, here: Service) -> Image.Image:
    """A picture as the service may show it; see `refuse_unmasked`.

    Args:
        picture: upright, RGB.
        here: the service.
    """
    refuse_unmasked(here)
    return picture if here.detector is None else without_plates(picture, here.detector)


def without_plates(picture: Image.Image, detector: Detector) -> Image.Image:
    """A picture whose plates, as far as they are found, are grey.

    Args:
        picture: upright, RGB.
        detector: of plates on whole pictures.
    """
    (found,) = detector.detect([np.asarray(picture, np.uint8)])
    masked = picture.copy()
    draw = ImageDraw.Draw(masked)
    for box in found.box[found.kind == PLATE].tolist():
        draw.rectangle(box, fill=_MASK)
    return masked
