"""The seconds of a film around a sighting, decoded in a process that can be killed."""

import json
import os
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platefree.errors import FilmError
from platefree.inputs.plain_files import MB
from platefree.service.decoder import Busy
from platefree.service.film_part import Part, line_of
from platefree.service.limits import Limits

_PICTURES = 32  # of a part, however long it is
_FASTEST = 8.0  # pictures a second
_LONGEST = 960  # pixels
_KEPT = 64 * MB  # bytes of pictures that are kept of all parts
_PATIENCE = 10.0  # seconds to wait for other parts


@dataclass(frozen=True)
class FilmPicture:
    """A frame of a film.

    Attributes:
        frame: its number, from 0.
        second: of the film.
        jpeg: the picture; plates are not masked.
    """

    frame: int
    second: float
    jpeg: bytes


@dataclass(frozen=True)
class FilmPart:
    """Some seconds of a film.

    Attributes:
        second: of the film, in which the sighting is.
        width: of the film in pixels.
        height: of the film in pixels.
        pictures: by their seconds.
    """

    second: float
    width: int
    height: int
    pictures: tuple[FilmPicture, ...]

    @property
    def size(self) -> int:
        """Bytes of its pictures."""
        return sum(len(each.jpeg) for each in self.pictures)


class FilmReader:
    """Decodes parts of films, one after the other, and keeps the last ones.

    Args:
        limits: of time and memory.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._kept: OrderedDict[tuple[str, int], FilmPart] = OrderedDict()

    def read(self, who: str, number: int, film: Path, frame: int, seconds: float) -> FilmPart:
        """Decode the seconds around a frame, and keep them for whoever asked.

        Args:
            who: asks.
            number: of the sighting.
            film: its file.
            frame: that the sighting is on.
            seconds: of the film, half of them before.

        Raises:
            FilmError: it cannot be read, or not in time.
            Busy: other parts are being decoded, for long.
        """
        every = max(seconds / _PICTURES, 1 / _FASTEST)
        half, memory = seconds / 2, self._limits.decode_bytes
        part = Part(str(film), frame, half, half, every, _LONGEST, memory)
        with self._in_turn():
            found = self._decoded(part)
        with self._lock:
            self._kept.pop((who, number), None)
            self._kept[who, number] = found
            while sum(each.size for each in self._kept.values()) > _KEPT and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return found

    def picture(self, who: str, number: int, frame: int) -> FilmPicture | None:
        """A picture of a part that this one asked for last; None if it is kept no longer."""
        with self._lock:
            part = self._kept.get((who, number))
        pictures = () if part is None else part.pictures
        return next((each for each in pictures if each.frame == frame), None)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_PATIENCE):
            raise Busy("another film is being decoded: try again later")
        try:
            yield
        finally:
            self._turn.release()

    def _decoded(self, part: Part) -> FilmPart:
        seconds, name = self._limits.film_seconds, Path(part.path).name
        try:
            done = subprocess.run(
                [sys.executable, "-m", "platefree.service.film_worker"],
                input=line_of(part),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                timeout=seconds,
                check=False,
                start_new_session=os.name == "posix",  # a Ctrl-C is for its parent
            )
        except subprocess.TimeoutExpired as error:
            raise FilmError(
                f"this part of {name} takes more than {seconds:g} s to decode: record shorter films"
            ) from error
        line, ended, pictures = done.stdout.partition(b"\n")
        if not ended or done.returncode:
            raise FilmError(f"{name} crashed its decoder: copy the film again")
        return _part(json.loads(line), pictures)


def _part(said: dict[str, Any], content: bytes) -> FilmPart:
    if "error" in said:
        raise FilmError(said["error"])
    pictures, start = list[FilmPicture](), 0
    for each in said["pictures"]:
        end = start + each["bytes"]
        pictures.append(FilmPicture(each["frame"], each["second"], content[start:end]))
        start = end
    return FilmPart(said["second"], said["width"], said["height"], tuple(pictures))
