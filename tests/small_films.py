"""Small films whose frames show their own number, as black and white blocks."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 12
SIDE = 16  # pixels of a block; lossy codecs keep it


def numbered_frame(number: int, height: int = 64, width: int = BITS * SIDE) -> np.ndarray:
    """(h, w, 3) uint8: the bits of the number from left to right, the lowest first, at the top."""
    picture = np.full((height, width, 3), 128, np.uint8)
    for bit in range(BITS):
        picture[:SIDE, bit * SIDE : (bit + 1) * SIDE] = 255 * (number >> bit & 1)
    return picture


def shown_number(picture: np.ndarray) -> int:
    """The number that a frame shows."""
    middles = picture[SIDE // 2, SIDE // 2 : BITS * SIDE : SIDE, 1]
    assert ((middles < 60) | (middles > 195)).all(), middles
    return sum(1 << bit for bit, value in enumerate(middles) if value > 127)


def write_film(
    path: Path,
    seconds: Sequence[float],
    *,
    codec: str = "libx264",
    group: int = 12,
    between: int = 2,
    created: str = "",
    size: tuple[int, int] = (64, BITS * SIDE),
    rate: int = 10,
) -> Path:
    """Write a film.

    Args:
        path: whose ending says the container.
        seconds: when each frame is shown.
        codec: FFmpeg's name of an encoder.
        group: frames from a key frame to the next.
        between: B-frames between others, which are stored after a later frame.
        created: what the container says.
        size: height and width.
        rate: frames a second that the film claims.
    """
    with av.open(str(path), "w") as film:
        if created:
            film.metadata["creation_time"] = created
        stream = film.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        tick = Fraction(1, rate if path.suffix in (".h264", ".avi") else 1000)
        stream.codec_context.time_base = tick
        stream.codec_context.gop_size = group
        stream.codec_context.max_b_frames = between
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": "12", "sc_threshold": "0"}
            stream.options |= {"bf": str(between), "x264-params": f"keyint={group}:scenecut=0"}
        for number, second in enumerate(seconds):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, *size), format="rgb24")
            frame.pts, frame.time_base = round(second / tick), tick
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path
