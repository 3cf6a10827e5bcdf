"""H.264: frames to a part of a film, and parts to one film without coding anything again.

PyAV brings FFmpeg and x264. One thread codes a part, and no frame depends on a later one: so a film
does not depend on the number of processes, and parts are joined packet by packet. Films are MP4
files in fragments, which are written from beginning to end.
"""

import io
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av

from platefree.city.scene import Bytes
from platefree.inputs.plain_files import GB, Expected, open_input

_CODER = {"preset": "veryfast", "crf": "23", "bf": "0", "threads": "1"}
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_PART = Expected("a part of a film", GB)


def coded(frames: Iterable[Bytes], rate: int, size: tuple[int, int]) -> bytes:
    """Frames as an MP4 file.

    Args:
        frames: (h, w, 3) uint8 sRGB.
        rate: frames a second.
        size: width and height, even.
    """
    with io.BytesIO() as file:
        with av.open(file, "w", format="mp4") as container:
            film = container.add_stream("libx264", rate=rate, options=_CODER)
            film.width, film.height, film.pix_fmt = *size, "yuv420p"
            film.gop_size, film.thread_count = 2 * rate, 1
            film.time_base = Fraction(1, rate)
            for number, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, rate)
                container.mux(film.encode(frame))
            container.mux(film.encode(None))
        return file.getvalue()


def join_parts(parts: Iterable[Path], file: BinaryIO, *, rate: int, begun: int) -> None:
    """Write one film from its parts.

    Args:
        parts: files that `coded` made, in order.
        file: opened for writing; need not be seekable.
        rate: frames a second.
        begun: what the camera's clock shows at the first frame, UTC milliseconds, in whole seconds.

    Raises:
        DataError: a part cannot be opened.
    """
    moment = datetime.fromtimestamp(begun / 1000, UTC).isoformat(timespec="milliseconds")
    with av.open(file, "w", format="mp4", options=_FRAGMENTS) as film:
        film.metadata["creation_time"] = moment.replace("+00:00", "Z")
        target, first = None, 0
        for path in parts:
            with open_input(path, _PART) as opened, av.open(opened, "r") as part:
                source = part.streams.video[0]
                if target is None:
                    target = film.add_stream_from_template(source)
                unit, count = Fraction(1, rate), 0
                for packet in part.demux(source):
                    if packet.pts is None or packet.time_base is None:
                        continue  # the end of the part
                    packet.stream = target
                    number = first + round(packet.pts * packet.time_base / unit)
                    packet.pts = packet.dts = number
                    packet.duration, packet.time_base = 1, unit
                    film.mux(packet)
                    count += 1
                first += count
