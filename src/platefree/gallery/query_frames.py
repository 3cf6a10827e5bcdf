"""A second of a film as a query picture: ``street.mp4@12.5``, or ``street.mp4@1:02:03``."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from platefree.data.film_sampling import Sampling
from platefree.data.picture_files import FILM_SUFFIXES
from platefree.errors import FilmError

_AT = re.compile(r"(.+)@(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


class FrameAt(NamedTuple):
    """A frame of a film.

    Attributes:
        film: its file.
        number: of the frame, from 0.
        time: when it was taken, UTC, milliseconds; NaT is unknown.
    """

    film: Path
    number: int
    time: np.datetime64


def frame_at(place: str | Path) -> FrameAt | None:
    """The frame that a text names, the first at or after its second; None if it names a picture.

    Args:
        place: a path, with ``@`` and the seconds (or ``hours:minutes:seconds``) after that of a
            film.

    Raises:
        FilmError: the film cannot be read, has no such second, or no second is named.
    """
    text = str(place)
    if Path(text).suffix.lower() in FILM_SUFFIXES:
        raise FilmError(f"{text} is a film: say which second of it, such as {text}@12.5")
    named = _AT.fullmatch(text)
    if named is None or Path(named[1]).suffix.lower() not in FILM_SUFFIXES or Path(text).exists():
        return None
    film, hours, minutes, seconds = named.groups(default="0")
    second = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    from platefree.data.film import open_film  # few queries need FFmpeg

    with open_film(film) as opened:
        for frame in opened.frames(Sampling(since=second)):
            taken = opened.facts.created + np.timedelta64(round(frame.time * 1000), "ms")
            return FrameAt(Path(film), frame.number, taken)
    raise FilmError(f"{film} has no frame at or after {second:g} s: name an earlier second")
