"""Pictures of a camera, one after the other, as footage: a folder of them, or a pattern."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from platefree.data.film import FilmFrame
from platefree.data.film_sampling import EVERY_FRAME, Sampling
from platefree.data.image import ImageHeader, read_header, read_image
from platefree.data.picture_files import IMAGE_SUFFIXES
from platefree.errors import FilmError, ImageError

_NUMBER = re.compile(r"%0?\d*d")
_DIGITS = re.compile(r"(\d+)")
_NAMED = 3  # pictures that a remark names


class ImageSequence:
    """Frames that are picture files.

    Args:
        paths: of the pictures, in order.
        rate: frames a second.
    """

    def __init__(self, paths: list[Path], rate: float) -> None:
        self.paths, self.rate = paths, rate
        self._unreadable: list[str] = []

    def frames(self, sampling: Sampling = EVERY_FRAME) -> Iterator[FilmFrame]:
        """The frames that a sampling asks for; the others are not read."""
        wanted = sampling.from_moment(sampling.first)
        for number, path in enumerate(self.paths):
            time = number / self.rate
            if time >= sampling.until:
                return
            if time < wanted or time <= sampling.taken:
                continue
            try:
                picture = np.asarray(read_image(path), np.uint8)
            except ImageError as error:
                self._unreadable.append(str(error))
                continue
            wanted = sampling.from_moment(sampling.after(time))
            yield FilmFrame(number, time, picture)

    @property
    def damaged(self) -> int:
        """How many pictures could not be read so far."""
        return len(self._unreadable)

    def remarks(self) -> list[str]:
        """What could not be read so far, in sentences."""
        more = len(self._unreadable) - _NAMED
        return self._unreadable[:_NAMED] + ([f"... and {more} more pictures"] if more > 0 else [])


def sequence_files(place: Path) -> list[Path] | None:
    """The pictures of a folder, or of a pattern such as ``gate/%06d.jpg`` or ``gate/*.jpg``.

    Numbers in names count as numbers, so that 10 comes after 9. Hidden files are passed over.

    Returns:
        Their paths in order, or None where it is neither a folder nor a pattern.

    Raises:
        FilmError: there is no such picture.
    """
    if place.is_dir():
        found = [each for each in _shown(place.iterdir()) if each.suffix.lower() in IMAGE_SUFFIXES]
    elif not place.exists() and (_NUMBER.search(place.name) or re.search(r"[*?]", place.name)):
        found = _matching(place)
    else:
        return None
    if not found:
        raise FilmError(f"{place} holds no pictures, expected those of a camera in their order")
    return sorted(found, key=lambda path: _natural(path.name))


def first_header(files: list[Path]) -> ImageHeader:
    """The header of the first picture that can be read.

    Raises:
        ImageError: none can be; what is wrong with the first one.
    """
    for path in files:
        with suppress(ImageError):
            return read_header(path)
    return read_header(files[0])


def _shown(files: Iterable[Path]) -> list[Path]:
    """Without hidden files, which some systems lay beside pictures under their names."""
    return [each for each in files if not each.name.startswith(".")]


def _matching(place: Path) -> list[Path]:
    if not place.parent.is_dir():
        return []
    if not _NUMBER.search(place.name):
        found = place.parent.glob(place.name)
        return list(found if place.name.startswith(".") else _shown(found))
    parts = [re.escape(part) for part in _NUMBER.split(place.name)]
    name = re.compile(r"\d+".join(parts))
    return [each for each in place.parent.iterdir() if name.fullmatch(each.name)]


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(name) if part
    ]
