"""A process that decodes some seconds of a film; its parent kills it when that takes too long.

It reads one line of JSON, which film and what of it (`Part`), and answers one line of JSON, what it
found or why there is nothing, and after it the pictures as JPEG, one behind the other. It may not
take more memory than it is allowed, and may not write files.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from platefree.data.film import open_film
from platefree.data.film_sampling import Sampling
from platefree.errors import FilmError, PlatefreeError
from platefree.service.decoding_worker import limit_memory
from platefree.service.film_part import Part

_QUALITY = 88


def pictures_of(part: Part) -> tuple[dict[str, Any], list[bytes]]:
    """What is said of some seconds of a film, and the pictures as JPEG.

    Raises:
        FilmError: it cannot be read, or has no such frame.
    """
    second = _second_of(Path(part.path), part.frame)
    sampling = Sampling(part.every, max(0.0, second - part.before), second + part.after)
    size, listed, pictures = (0, 0), list[dict[str, Any]](), list[bytes]()
    with open_film(part.path) as film:
        for frame in film.frames(sampling):
            picture = Image.fromarray(frame.picture)
            size = picture.size
            picture.thumbnail((part.longest, part.longest), Image.Resampling.LANCZOS)
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=_QUALITY)
            pictures.append(file.getvalue())
            listed.append({"frame": frame.number, "second": frame.time, "bytes": len(pictures[-1])})
    if not pictures:
        raise FilmError(f"no frame of {part.path} around its second {second:.1f} can be decoded")
    found = {"second": second, "width": size[0], "height": size[1], "pictures": listed}
    return found, pictures


def _second_of(path: Path, number: int) -> float:
    """The second of the film in which a frame is shown, by the stamps of the packets."""
    with open_film(path) as film:
        index = film.index()
        if not index.sound:
            return number / film.facts.rate
        if number >= len(index.stamps):
            raise FilmError(
                f"frame {number} of {path} does not exist: it has {len(index.stamps)} frames"
            )
        return float((index.stamps[number] - index.stamps[0]) * film.stream.time_base)


def main() -> None:
    """Answer once."""
    part = Part(**json.loads(sys.stdin.readline()))
    limit_memory(part.memory)
    pictures = list[bytes]()
    try:
        said, pictures = pictures_of(part)
    except PlatefreeError as error:
        said = {"error": str(error).replace(part.path, Path(part.path).name)}
    except MemoryError:
        said = {"error": "the film takes too much memory to decode"}
    out = sys.stdout.buffer
    out.write(json.dumps(said).encode() + b"\n")
    out.writelines(pictures)
    out.flush()


if __name__ == "__main__":
    main()
