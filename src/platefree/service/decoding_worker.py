"""A process that decodes pictures from strangers; its parent kills it when one takes too long.

``python -m platefree.service.decoding_worker PIXELS BYTES`` reads the path of a picture in JSON
from each line of its input, and answers in a line: its size, or why it cannot be used. It may not
take more memory than BYTES, and may not write files.
"""

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from platefree.data.image import PICTURE, read_header, read_image
from platefree.errors import ImageError, OversizedImage, PlatefreeError
from platefree.inputs.plain_files import MB, open_input

_MANY = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")  # formats of several pictures in one file
_BYTES_PER_PIXEL = 16  # of four channels of 16 bits there are 8


def look_at(path: Path, most_pixels: int) -> tuple[int, int, str]:
    """Decode a picture as a whole; its width, height and format.

    Args:
        path: of its file.
        most_pixels: that it may have.

    Raises:
        ImageError: it cannot be decoded, is an animation, or most of the file is something else.
        OversizedImage: it has more pixels.
        OutOfMemory: the memory does not suffice.
    """
    header = read_header(path)
    pixels, size = header.width * header.height, path.stat().st_size
    if pixels > most_pixels:
        raise OversizedImage(
            f"{path} has {pixels:,} pixels, expected at most {most_pixels:,}: scale it down"
        )
    if size > MB + _BYTES_PER_PIXEL * pixels:
        raise ImageError(
            f"{path} has {size:,} bytes for {header.width} x {header.height} pixels, so most of it "
            "is no picture: save it again without metadata"
        )
    if header.format in _MANY and _count(path, header.format) > 1:
        raise ImageError(f"{path} holds several pictures: save the one that is meant")
    read_image(path)
    return header.width, header.height, header.format


def _count(path: Path, format: str) -> int:
    with open_input(path, PICTURE) as file:
        try:
            return int(getattr(Image.open(file, formats=[format]), "n_frames", 1))
        except MemoryError:
            raise
        except Exception as error:  # as `read_image`: decoders raise nearly anything
            raise ImageError(f"{path} is damaged: copy it again") from error


def answer(path: Path, most_pixels: int) -> dict[str, Any]:
    """What is said of a picture, as JSON has it; its path is left out."""
    try:
        width, height, format = look_at(path, most_pixels)
    except PlatefreeError as error:
        said = str(error).replace(str(path), "the picture")
        return {"error": said, "oversized": isinstance(error, OversizedImage)}
    except MemoryError:
        return {"error": "the picture takes too much memory: scale it down", "oversized": True}
    return {"width": width, "height": height, "format": format}


def limit_memory(most_bytes: int) -> None:
    """Let this process take no more memory, and write no files.

    Args:
        most_bytes: of memory.
    """
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    limits = ((resource.RLIMIT_AS, most_bytes), (resource.RLIMIT_FSIZE, 0))
    for kind, most in (*limits, (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(kind, (most, most))


def main() -> None:
    """Answer until the input ends."""
    most_pixels, most_bytes = map(int, sys.argv[1:3])
    limit_memory(most_bytes)
    for line in sys.stdin:
        said = answer(Path(json.loads(line)), most_pixels)
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
