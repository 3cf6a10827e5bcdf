"""The pictures of a table as networks take them: cut, resized, as arrays of bytes.

Training, torch and ONNX Runtime all read pictures here, so that they see the same pixels.
"""

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from platefree.data.image_source import TableImages
from platefree.data.vehicle_boxes import BoxFractions
from platefree.errors import ImageError
from platefree.types import Sightings

Pixels = NDArray[np.uint8]

_BITS = 1e-6  # of a pixel


def resized(picture: Image.Image, width: int, height: int) -> Pixels:
    """An RGB picture as (3, height, width) uint8.

    The aspect ratio is not kept, since that of a crop varies; smaller pictures are sampled with
    antialiasing (Pillow's bilinear filter).
    """
    small = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


def cut_out(picture: Image.Image, box: BoxFractions) -> Image.Image:
    """The pixels that a box (4,) of fractions touches, at least one."""
    size = np.array(picture.size)
    # Fractions of whole pixels times the size are whole only up to rounding.
    left, top = np.minimum(np.floor(box[:2] * size + _BITS), size - 1).astype(int).tolist()
    right, bottom = np.ceil(box[2:] * size - _BITS).astype(int).tolist()
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


class InputPictures:
    """The pictures of a table, each resized to the input of a network.

    Args:
        sightings: the n pictures.
        width: of the input, in pixels.
        height: of the input, in pixels.
        boxes: (n, 4) fractions of width and height, all of them known, that the pictures are cut
            to; by default they are whole.
    """

    def __init__(
        self, sightings: Sightings, width: int, height: int, boxes: BoxFractions | None = None
    ) -> None:
        self.sightings, self.width, self.height, self.boxes = sightings, width, height, boxes

    def __len__(self) -> int:
        return len(self.sightings)

    def read(self, row: int) -> Pixels:
        """The picture of a row, (3, height, width) uint8.

        Raises:
            ImageError: it cannot be read.
        """
        if self.boxes is None:
            picture = TableImages(self.sightings).read(row, (self.width, self.height))
            return resized(picture, self.width, self.height)
        box = self.boxes[row]
        # A JPEG may be decoded at a smaller size, but the crop has to stay large enough.
        wide, high = (box[2:] - box[:2]).tolist()
        size = math.ceil(self.width / wide), math.ceil(self.height / high)
        picture = TableImages(self.sightings).read(row, size)
        return resized(cut_out(picture, box), self.width, self.height)


class ReadBatch(NamedTuple):
    """The readable pictures of a batch, and why other pictures cannot be read.

    Attributes:
        rows: table rows of ``pictures``.
        pictures: (b, 3, h, w) uint8; b may be 0.
        unreadable: reasons.
    """

    rows: list[int]
    pictures: Pixels
    unreadable: list[str]


def read_batches(pictures: InputPictures, batch_size: int, threads: int) -> Iterator[ReadBatch]:
    """Read pictures in threads, in the order of the table, one batch ahead of what is yielded.

    Args:
        pictures: all of them.
        batch_size: pictures at a time.
        threads: that decode at the same time, which Python lets them.
    """
    pool = ThreadPoolExecutor(threads)
    try:
        ahead: tuple[range, list[Future[Pixels]]] | None = None
        for start in range(0, len(pictures), batch_size):
            rows = range(start, min(start + batch_size, len(pictures)))
            before, ahead = ahead, (rows, [pool.submit(pictures.read, row) for row in rows])
            if before is not None:
                yield _collected(pictures, *before)
        if ahead is not None:
            yield _collected(pictures, *ahead)
    finally:
        pool.shutdown(cancel_futures=True)


def _collected(pictures: InputPictures, rows: range, asked: list[Future[Pixels]]) -> ReadBatch:
    read, found, unreadable = list[int](), list[Pixels](), list[str]()
    for row, future in zip(rows, asked, strict=True):
        try:
            found.append(future.result())
            read.append(row)
        except ImageError as error:
            unreadable.append(str(error))
    empty = np.empty((0, 3, pictures.height, pictures.width), np.uint8)
    return ReadBatch(read, np.stack(found) if found else empty, unreadable)
