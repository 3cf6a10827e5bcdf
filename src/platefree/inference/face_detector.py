"""Where faces are on a picture: MediaPipe's BlazeFace (full range), which is inside the package.

What it is and whose: ``models/faces/README.md``. It says where faces are, not whose.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from platefree.errors import CheckpointError
from platefree.inference.detector import Frame
from platefree.inference.onnx_content import check_onnx
from platefree.inference.onnx_network import PICTURES
from platefree.inference.onnx_session import open_session, providers_of, run_session
from platefree.inference.shipped import MODELS
from platefree.inputs.plain_files import MB, Expected, read_input

FACES = MODELS / "faces" / "faces.onnx"
"""The file inside the package."""

SCORES, BOXES = "scores", "boxes"
"""The names of the graph's outputs."""

Boxes = NDArray[np.float64]

_FILE = Expected("the face detector", 16 * MB, CheckpointError)
_STRIDE = 4  # pixels between the places at which it looks
_MULTIPLE = 64  # the sides of a picture, for its maps are halved five times, and added again
_PAD = 127.5  # level of what is beside a picture


class FaceDetector:
    """Finds faces, ready to use.

    Args:
        file: the network; by default the one inside.
        threads: of a processor.

    Raises:
        CheckpointError: it is missing or damaged.
    """

    def __init__(self, file: Path = FACES, threads: int = 1) -> None:
        self._name = f"the face detector {file.name}"
        content = read_input(file, _FILE)
        check_onnx(content, self._name)
        self._session = open_session(content, providers_of("cpu"), self._name, threads)

    def faces(self, picture: Frame, side: int | None = None, threshold: float = 0.5) -> Boxes:
        """Where faces are.

        Args:
            picture: (h, w, 3) uint8 RGB.
            side: pixels of the longer side to which it is enlarged or shrunk before; by default it
                is looked at as it is.
            threshold: the lowest score, in [0, 1].

        Returns:
            (n, 4) float64 left, top, right, bottom in pixels, from the brows to the chin; a face
            that is found at several places is there several times.

        Raises:
            CheckpointError: the network cannot run.
        """
        height, width, _ = picture.shape
        factor = 1.0 if side is None else side / max(height, width)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        levels = _levels(picture if side is None else _resized(picture, size))
        scores, boxes = run_session(self._session, [SCORES, BOXES], {PICTURES: levels}, self._name)
        rows, columns = np.nonzero(scores[0, 0] >= threshold)
        x, y, across, down = boxes[0][:, rows, columns].astype(np.float64)
        middle = np.stack([x, y], axis=1) + (np.stack([columns, rows], axis=1) + 0.5) * _STRIDE
        half = np.stack([across, down], axis=1) / 2
        found = np.concatenate([middle - half, middle + half], axis=1)
        return np.asarray(found * np.tile([width / size[0], height / size[1]], 2), np.float64)


def _resized(picture: Frame, size: Sequence[int]) -> Frame:
    image = Image.fromarray(picture).resize((size[0], size[1]), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _levels(picture: Frame) -> NDArray[np.float32]:
    """(1, 3, h, w) of a picture, filled up at the right and below."""
    height, width = (-(-each // _MULTIPLE) * _MULTIPLE for each in picture.shape[:2])
    levels = np.full((1, 3, height, width), _PAD, np.float32)
    levels[0, :, : picture.shape[0], : picture.shape[1]] = picture.transpose(2, 0, 1)
    return levels
