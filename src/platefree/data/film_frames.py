"""Frames of a film by their numbers, in any order.

A film is indexed once, without decoding, and then entered at the key frame before the frame that is
asked for. Where its time stamps had to be repaired, it is read from its start instead. Other frames
that the table names are kept too, on the way and beyond, since the next row is often one of them.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.data.film import Film, FilmIndex, open_film
from platefree.data.film_sampling import Sampling
from platefree.errors import FilmError

_FILMS = 4  # whose index and pictures are kept
_MOST_BYTES = 96 << 20  # of pictures of a film

Pixels = NDArray[np.uint8]
Also = Callable[[], Collection[int]]
_Numbered = tuple[int, Pixels]


def frame_of_film(path: Path, number: int, also: Also = lambda: ()) -> Pixels:
    """The picture (h, w, 3) uint8 RGB of a frame, not to be written to.

    Args:
        path: of the film.
        number: from 0, in the order of showing.
        also: gives the frames that will be asked for too; called where the film has to be decoded.

    Raises:
        FilmError: the film cannot be read, it has no such frame, or the frame is damaged.
    """
    try:
        state = os.stat(path)
        written = state.st_size, state.st_mtime_ns
    except (OSError, ValueError):
        written = 0, 0  # opening it says what is wrong
    return _film_frames(path.absolute(), written).read(path, number, also)


@lru_cache(maxsize=_FILMS)
def _film_frames(place: Path, written: tuple[int, int]) -> "_FilmFrames":
    del place, written
    return _FilmFrames()


class _FilmFrames:
    """What is known of one film, and the pictures that were decoded last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index: FilmIndex | None = None
        self._kept: OrderedDict[int, Pixels] = OrderedDict()
        self._bytes = 0

    def read(self, path: Path, number: int, also: Also) -> Pixels:
        """The picture of a frame."""
        with self._lock:
            if number not in self._kept:
                self._load(path, number, also)
            if number not in self._kept:
                raise FilmError(
                    f"frame {number} of {path} is damaged and cannot be decoded: choose another "
                    "frame, or leave the row out"
                )
            self._kept.move_to_end(number)
            return self._kept[number]

    def _load(self, path: Path, number: int, also: Also) -> None:
        if self._index is None:
            with open_film(path) as film:
                self._index = film.index()
        index = self._index
        if index.sound and number >= len(index.stamps):
            raise FilmError(
                f"frame {number} of {path} does not exist: it has {len(index.stamps)} frames, "
                "from 0"
            )
        others = also()
        if index.sound:
            with open_film(path) as film:
                self._keep_from(number, _in_group(film, index, number, others))
        if number not in self._kept:
            others = () if index.sound else others  # groups find them sooner
            with open_film(path) as film:
                self._keep_from(number, _from_the_start(path, film, number, others))

    def _keep_from(self, number: int, pictures: Iterator[_Numbered]) -> None:
        """Keep what is met before a frame, and after it as much as half of the room holds."""
        after = 0
        for each, picture in pictures:
            self._keep(each, picture)
            after += picture.nbytes * (each >= number)
            if after > _MOST_BYTES // 2:
                return

    def _keep(self, number: int, picture: Pixels) -> None:
        picture.flags.writeable = False
        if number not in self._kept:
            self._bytes += picture.nbytes
        self._kept[number] = picture
        while self._bytes > _MOST_BYTES and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.nbytes


def _in_group(
    film: Film, index: FilmIndex, number: int, also: Collection[int]
) -> Iterator[_Numbered]:
    """A frame and others that are wanted of its group, which alone is decoded."""
    before = int(np.searchsorted(index.keys, index.stamps[number], "right"))
    # The key frame of a trimmed film's first frames is not shown.
    key = int(index.keys[before - 1] if before else index.stamps[0])
    end = index.keys[before] if before < len(index.keys) else index.stamps[-1] + 1
    low, high = np.searchsorted(index.stamps, [key, end])
    wanted = {int(index.stamps[each]): each for each in also if low <= each < high}
    wanted[int(index.stamps[number])] = number
    for stamp, picture in film.group(key, list(wanted)):
        yield wanted[stamp], picture


def _from_the_start(
    path: Path, film: Film, number: int, also: Collection[int]
) -> Iterator[_Numbered]:
    """A frame and others that are wanted, up to the last of them."""
    wanted, last = {number, *also}, -1
    for frame in film.frames(Sampling()):
        last = frame.number
        if last in wanted:
            yield last, frame.picture
        if last >= max(wanted):
            return
    if last < number:
        raise FilmError(
            f"frame {number} of {path} does not exist: the last that can be read is {last}"
        )
