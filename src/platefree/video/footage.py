"""Footage of one camera: a film, a sequence of pictures, or a stream from an address.

Decided: time counts from the first frame. The day and hour of that are what is given, else what the
container says, else unknown. Cameras often set their clock wrongly, or write local time as UTC:
what is given wins.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from platefree.data.film import Film, FilmFrame, film_from, open_film
from platefree.data.film_sampling import EVERY_FRAME, Sampling
from platefree.data.picture_files import FILM_SUFFIXES
from platefree.errors import FilmError
from platefree.video.image_sequence import ImageSequence, first_header, sequence_files

__all__ = [
    "EVERY_FRAME",
    "FilmFrame",
    "Footage",
    "Sampling",
    "is_address",
    "is_film",
    "open_footage",
]

_ADDRESS = re.compile(r"(?:rtsps?|https?|rtmps?|srt|udp|rtp|tcp)://", re.IGNORECASE)
_PATIENCE = 20.0  # seconds without an answer
_STREAM = {
    "rtsp_transport": "tcp",  # packets of UDP get lost, which looks like damaged frames
    "protocol_whitelist": "rtsp,rtsps,rtp,srtp,rtmp,rtmps,http,https,httpproxy,tcp,tls,udp,srt,"
    "crypto,data",  # an address must not make us read files
}

StartOf = Literal["given", "container", "unknown"]


@dataclass(eq=False)
class Footage:
    """Open footage; it is read once, forward, however long it is.

    Attributes:
        name: where it is, without a password.
        width: in pixels as stored.
        height: in pixels as stored.
        rate: frames a second, on average.
        duration: seconds; NaN is unknown, as of a live stream.
        start: of the first frame, UTC, milliseconds; NaT is unknown.
        start_of: where the start comes from.
    """

    name: str
    width: int
    height: int
    rate: float
    duration: float
    start: np.datetime64
    start_of: StartOf
    _source: Film | ImageSequence = field(repr=False)
    _read_whole: bool = False

    def frames(self, sampling: Sampling = EVERY_FRAME) -> Iterator[FilmFrame]:
        """The frames that a sampling asks for; what lies between is decoded only where it must be.

        Raises:
            FilmError: nothing can be decoded.
            OutOfMemory: a frame does not fit into the memory.
        """
        yield from self._source.frames(sampling)
        self._read_whole = math.isinf(sampling.until)

    def seconds(self, sampling: Sampling = EVERY_FRAME) -> float:
        """How many seconds of it a sampling covers; NaN is unknown."""
        return max(0.0, min(self.duration, sampling.until) - sampling.since)

    def moment(self, time: float) -> np.datetime64:
        """When a frame was taken, UTC, milliseconds; NaT is unknown.

        Args:
            time: of the frame, seconds from the start.
        """
        return self.start + np.timedelta64(round(time * 1000), "ms")

    @property
    def damaged(self) -> int:
        """How many frames could not be read so far."""
        return self._source.damaged

    def remarks(self) -> list[str]:
        """What could not be read so far, and what was decided instead, in sentences."""
        said = self._source.remarks()
        if self._read_whole and isinstance(self._source, Film):
            said += self._source.missing_end()
        return said


def is_address(place: str | Path) -> bool:
    """Whether it is an address of a stream (RTSP, HTTP ...), not a path."""
    return bool(_ADDRESS.match(str(place)))


def is_film(place: str | Path) -> bool:
    """Whether it is an address, or a film by the ending of its name."""
    return is_address(place) or Path(place).suffix.lower() in FILM_SUFFIXES


@contextmanager
def open_footage(
    place: str | Path,
    *,
    start: str = "",
    rate: float | None = None,
    hardware: str = "",
    patience: float = _PATIENCE,
    damaged: int = 0,
) -> Iterator[Footage]:
    """Open footage of one camera.

    Args:
        place: a film, a folder or pattern of pictures (``gate/%06d.jpg``, ``gate/*.jpg``), or an
            address (``rtsp://``, ``http://`` ...).
        start: when its first frame was taken, ISO 8601 with a time zone.
        rate: frames a second of a sequence of pictures, which does not say it itself.
        hardware: what decodes, see `platefree.data.film.open_film`.
        patience: seconds without an answer of an address before it is given up.
        damaged: frames of a film that a former reading could not read, where this one goes on
            after it (`Sampling.taken`).

    Raises:
        FilmError: it cannot be read, the start is no moment with a time zone, or a rate is missing,
            or given where the footage has its own.
    """
    given = _moment(start) if start else None
    files = None if is_address(place) else sequence_files(Path(place))
    if (files is None) != (rate is None):
        raise FilmError(
            f"{place} has time stamps of its own: leave the rate out"
            if files is None
            else f"{place} is a sequence of pictures: give its rate, in frames a second"
        )
    if files is not None and rate is not None:
        yield _of_pictures(str(place), files, rate, given)
    elif is_address(place):
        name = without_password(str(place))
        with film_from(
            name, str(place), dict(_STREAM), hardware=hardware, patience=patience
        ) as film:
            yield _of_film(film, given)
    else:
        with open_film(place, hardware=hardware) as film:
            film.damaged = damaged
            yield _of_film(film, given)


def without_password(address: str) -> str:
    """An address that may be shown: without the name and password in it."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _of_film(film: Film, given: np.datetime64 | None) -> Footage:
    facts = film.facts
    start = facts.created if given is None else given
    start_of: StartOf = "given" if given is not None else "container"
    return Footage(
        film.name,
        facts.width,
        facts.height,
        facts.rate,
        facts.duration,
        start,
        "unknown" if np.isnat(start) else start_of,
        film,
    )


def _of_pictures(name: str, files: list[Path], rate: float, given: np.datetime64 | None) -> Footage:
    if not 0 < rate < math.inf:
        raise FilmError(f"{rate:g} frames a second, expected a number above 0")
    header = first_header(files)
    start = np.datetime64("NaT", "ms") if given is None else given
    return Footage(
        name,
        header.width,
        header.height,
        rate,
        len(files) / rate,
        start,
        "unknown" if given is None else "given",
        ImageSequence(files, rate),
    )


def _moment(text: str) -> np.datetime64:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise FilmError(
            f"start {text!r}, expected ISO 8601 with a time zone such as 2026-05-01T07:00+07:00, "
            "or a Z for UTC"
        )
    return np.datetime64(found.astimezone(UTC).replace(tzinfo=None), "ms")
