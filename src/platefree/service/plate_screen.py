"""Whole frames are shown with masked plates and faces, or not at all, unless decided otherwise."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from platefree.data.frame_boxes import PLATE
from platefree.inference.detector import Detector
from platefree.service.refusals import Refused
from platefree.service.running_service import Service
from platefree.video.track_masks import filled_areas

if TYPE_CHECKING:
    from platefree.video.face_masks import FaceMasks

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
    return picture if here.detector is None else covered(picture, here.detector)


def covered(picture: Image.Image, detector: Detector) -> Image.Image:
    """A picture whose plates and faces, as far as they are found, are grey.

    Args:
        picture: upright, RGB.
        detector: of plates on whole pictures.
    """
    pixels = np.asarray(picture, np.uint8)
    (found,) = detector.detect([pixels])
    plates = found.box[found.kind == PLATE]
    faces = _face_masks().on_scene(pixels, found.box[found.kind != PLATE])
    masked = picture.copy()
    draw = ImageDraw.Draw(masked)
    for box in (*plates.tolist(), *filled_areas(faces, *picture.size).tolist()):
        draw.rectangle(box, fill=_MASK)
    return masked


@cache
def _face_masks() -> "FaceMasks":
    from platefree.video.face_masks import FaceMasks

    return FaceMasks()
