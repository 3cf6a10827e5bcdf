"""Films of drawn traffic, a detector that finds it by its colors, and an embedder of colors.

Cars are red, green or blue blocks with a white plate, on grey. Nothing of it needs a network.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, NamedTuple

import av
import numpy as np

from platefree.data.frame_boxes import KINDS, PLATE
from platefree.data.image_source import TableImages
from platefree.inference.detector import FoundOnFrame
from platefree.ranking.comparison import ONLY_SPACE
from platefree.recipes.post import Post
from platefree.types import Embeddings, Sightings

HEIGHT, WIDTH, RATE = 96, 160, 10
KIND_OF_COLOR = (KINDS.index("car"), KINDS.index("truck"), KINDS.index("bus"))
"""Of red, green and blue."""


class Car(NamedTuple):
    """A block that drives across the frame.

    Attributes:
        color: 0 red, 1 green, 2 blue.
        begins: second in which it comes.
        ends: second in which it goes.
        top: of the block, pixels.
        speed: pixels a second, to the right; 0 stands at the left.
        level: how bright it is.
    """

    color: int
    begins: float
    ends: float
    top: int
    speed: float
    level: int = 230

    def box(self, second: float) -> tuple[int, int, int, int] | None:
        """Left, top, right and bottom at a second of the film; None where it is not there."""
        if not self.begins <= second < self.ends:
            return None
        left = 4 + round(self.speed * (second - self.begins))
        return left, self.top, left + 36, self.top + 24


TRAFFIC = (
    Car(0, 0.5, 3.5, 8, 36),
    Car(1, 0.0, 9.0, 40, 0),
    Car(2, 2.0, 4.6, 68, 40),
    Car(0, 5.0, 7.4, 8, 42, 200),
    Car(2, 6.1, 8.5, 68, 44, 210),
)
"""Five vehicles in nine seconds; the green one is parked."""


def draw_film(path: Path, cars: Sequence[Car] = TRAFFIC, seconds: float = 9.0) -> Path:
    """Write a film of them."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv444p"
        stream.options = {"preset": "ultrafast", "crf": "8"}
        stream.codec_context.gop_size = 12
        for number in range(round(seconds * RATE)):
            frame = av.VideoFrame.from_ndarray(drawn_frame(cars, number / RATE), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def drawn_frame(cars: Sequence[Car], second: float) -> np.ndarray:
    """(h, w, 3) uint8."""
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    picture[::8] = 110
    for car in cars:
        if (box := car.box(second)) is not None:
            left, top, right, bottom = box
            picture[top:bottom, left:right] = 20
            picture[top:bottom, left:right, car.color] = car.level
            picture[top + 2 : bottom - 2 : 4, left + 2 : right - 2, car.color] = car.level - 60
            picture[bottom - 8 : bottom - 2, left + 12 : left + 24] = 250
    return picture


class ColorDetector:
    """Finds blocks of a color, and white plates on them."""

    name, fingerprint, threshold, longest = "colors", "c0105", 0.4, 960

    def detect(
        self, frames: Sequence[np.ndarray], threshold: float | None = None
    ) -> list[FoundOnFrame]:
        """The boxes on each frame."""
        del threshold
        return [self._found(frame.astype(int)) for frame in frames]

    def _found(self, frame: np.ndarray) -> FoundOnFrame:
        boxes, kinds = list[list[float]](), list[int]()
        for color, kind in enumerate(KIND_OF_COLOR):
            others = np.delete(frame, color, axis=2).max(axis=2)
            if box := around(frame[..., color] - others > 60, 60):
                boxes.append(box)
                kinds.append(kind)
        if box := around(frame.min(axis=2) > 200, 8):
            boxes.append(box)
            kinds.append(PLATE)
        scores = np.full(len(boxes), 0.9)
        return FoundOnFrame(np.array(boxes, float).reshape(-1, 4), np.array(kinds, int), scores)


def around(mask: np.ndarray, least: int) -> list[float]:
    """The box around all that is true; none if that is little."""
    rows, columns = np.nonzero(mask)
    if len(rows) < least:
        return []
    edges = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return [float(each) for each in edges]


class ColorEmbedder:
    """Embeds pictures by the mean colors of 2 x 2 parts, in a space of 16 numbers."""

    name, fingerprint, learns, comparison = "mean colors", "c0105e", "vehicle", ONLY_SPACE
    post, calibration = Post(), None
    metadata: ClassVar[dict[str, np.ndarray]] = {}
    claims: ClassVar[dict[str, float]] = {}

    def embed(self, sightings: Sightings, **options: object) -> tuple[Embeddings, list[str]]:
        """Embed every picture."""
        del options
        pictures = TableImages(sightings)
        rows = np.ones((len(sightings), 16), np.float32)
        for row in range(len(sightings)):
            small = np.asarray(pictures.read(row).resize((2, 2)), np.float32) / 255
            rows[row, :12] = small.reshape(-1)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return Embeddings({"main": rows}, sightings, self.fingerprint), []
