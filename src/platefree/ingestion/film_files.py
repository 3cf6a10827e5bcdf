"""Which files are the films of a camera, and what tells a film from others under any name."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from platefree.data.content import read_content
from platefree.data.film import FILM
from platefree.data.picture_files import FILM_SUFFIXES
from platefree.errors import FilmError
from platefree.inputs.plain_files import MB, open_input
from platefree.video.footage import is_address


def film_files(places: Sequence[str | Path]) -> list[Path]:
    """The films at some places, each once, those of a folder by their names.

    Args:
        places: films, and folders, which are searched to the bottom; hidden files are passed over.

    Raises:
        FilmError: a place is an address, or there is nothing.
    """
    found = [path for place in places for path in _films_at(place)]
    return list(dict.fromkeys(found))


def _films_at(place: str | Path) -> Iterator[Path]:
    if is_address(place):
        raise FilmError(
            f"{place} is a stream, which cannot be read again after a stop: let a recorder write "
            "it to files, and watch their folder (--watch)"
        )
    path = Path(place)
    if not path.exists():
        raise FilmError(f"{path} does not exist, expected a film or a folder of films")
    if not path.is_dir():
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.lower().endswith(FILM_SUFFIXES):
                yield Path(folder) / name


def fingerprint_of(film: Path) -> str:
    """What tells a film from others, whatever it is called: 32 hexadecimal digits.

    Its size, and what stands in the first and the last megabyte: films are large, and are looked
    for again whenever their folder is.

    Raises:
        FilmError: it cannot be read.
    """
    with open_input(film, FILM) as file:
        size = os.fstat(file.fileno()).st_size
        whole = hashlib.sha256(f"{size}\n".encode())
        whole.update(file.read(MB))
        file.seek(max(0, size - MB))
        whole.update(file.read(MB))
    return whole.hexdigest()[:32]


def content_of(film: Path) -> bytes:
    """The first 16 bytes of the SHA-256 of a film, by which a gallery knows its sightings.

    Raises:
        FilmError: it cannot be read, or is being written.
    """
    return read_content(film, FILM)
