"""A film of what a detector found: H.264, each frame shown as long as in the footage."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from platefree.inference.detector import FoundOnFrame
from platefree.reports.detection_drawing import drawn
from platefree.storage.files import atomic_file

_CODER = {"preset": "veryfast", "crf": "23", "bf": "0"}
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}  # never seeks
_TICK = Fraction(1, 90_000)  # seconds, of MPEG
_RATE = 25  # frames a second, a hint to players; every frame has its time stamp
_GROUP = 50  # frames from a key frame to the next


class DrawnFilm:
    """Takes frames with their boxes.

    Args:
        container: of av, open for writing.
    """

    def __init__(self, container: Any) -> None:  # noqa: ANN401
        self._container = container
        self._stream: Any = None
        self._size, self._begun, self._last = (0, 0), 0.0, -1

    def add(
        self, time: float, picture: np.ndarray[Any, np.dtype[np.uint8]], found: FoundOnFrame
    ) -> None:
        """Draw the next frame.

        Args:
            time: seconds, later than that of the frame before.
            picture: (h, w, 3) uint8 RGB.
            found: in its pixels.
        """
        image = drawn(Image.fromarray(picture), found)
        if self._stream is None:
            self._begin(image, time)
        if image.size != self._size:  # H.264 has even sides, and one size
            image = image.resize(self._size)
        frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
        self._last = max(self._last + 1, round((time - self._begun) / _TICK))
        frame.pts, frame.time_base = self._last, _TICK
        self._container.mux(self._stream.encode(frame))

    def _begin(self, image: Image.Image, time: float) -> None:
        self._stream = stream = self._container.add_stream("libx264", rate=_RATE, options=_CODER)
        self._size = max(2, image.width // 2 * 2), max(2, image.height // 2 * 2)
        stream.width, stream.height = self._size
        stream.pix_fmt, stream.gop_size = "yuv420p", _GROUP
        stream.codec_context.time_base = _TICK
        self._begun = time

    def end(self) -> None:
        """Write what the coder holds back."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))


@contextmanager
def drawn_film(path: Path) -> Iterator[DrawnFilm]:
    """Write a film; it is there once the block ends.

    Raises:
        StorageError: it cannot be written.
    """
    with (
        atomic_file(path) as file,
        av.open(file, "w", format="mp4", options=_FRAGMENTS) as container,
    ):
        film = DrawnFilm(container)
        yield film
        film.end()
