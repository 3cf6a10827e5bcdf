"""Size and kind of a plain JPEG by its first bytes: a fraction of the work of Pillow.

Plain is what cameras' exporters and OpenCV write: JFIF, baseline, 8 bits, without Exif or profiles.
Anything else, and whatever is odd, is left to Pillow, so that there is one judge of odd files.

Source: ITU-T T.81, section B.2; JFIF 1.02.
"""

from typing import NamedTuple

_START = b"\xff\xd8\xff"
_FRAME, _HUFFMAN, _SCAN, _QUANTISATION = 0xC0, 0xC4, 0xDA, 0xDB
_RESTARTS, _JFIF, _COMMENT = 0xDD, 0xE0, 0xFE
_PASSED_OVER = (_HUFFMAN, _RESTARTS, _COMMENT)
_MODES = {1: "L", 3: "RGB"}  # by the number of components


class PlainJpeg(NamedTuple):
    """What a plain JPEG says of itself: width and height in pixels, and Pillow's mode."""

    width: int
    height: int
    mode: str


def plain_jpeg(start: bytes) -> PlainJpeg | None:
    """What a JPEG says of itself; None where it is not plain, or its header is not complete.

    Args:
        start: the first bytes of the file.
    """
    found = None
    place = 2
    while start.startswith(_START) and place + 4 <= len(start) and start[place] == 0xFF:
        marker = start[place + 1]
        end = place + 2 + (start[place + 2] << 8 | start[place + 3])
        if not place + 4 <= end <= len(start):
            return None
        segment = start[place + 4 : end]
        if marker == _SCAN:
            return found
        if marker == _FRAME and found is None:
            found = _frame(segment)
            if found is None:
                return None
        elif marker == _JFIF:
            if not (segment.startswith(b"JFIF\0") and len(segment) >= 14):
                return None
        elif marker == _QUANTISATION:
            if not segment or len(segment) % 65 or max(segment[::65]) > 15:  # tables of 8 bits
                return None
        elif marker not in _PASSED_OVER:
            return None
        place = end
    return None


def _frame(segment: bytes) -> PlainJpeg | None:
    if len(segment) < 6:
        return None
    mode = _MODES.get(segment[5])
    height, width = segment[1] << 8 | segment[2], segment[3] << 8 | segment[4]
    whole = len(segment) == 6 + 3 * segment[5]
    if segment[0] != 8 or mode is None or not whole or not (width and height):
        return None
    return PlainJpeg(width, height, mode)
