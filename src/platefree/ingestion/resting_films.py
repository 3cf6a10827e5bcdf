"""Which films a recorder has finished, while it writes the next.

A film is finished when its size and the time of its last change rest for some seconds; for fewer,
where a film with a later name lies beside it, for then the recorder has gone on to the next one. So
a pause of a recorder ends no film that is shorter than that. Clocks of other machines do not count:
what rests is looked at for that long.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

RESTS = 10.0
"""Seconds for which a film rests that is finished."""

RESTS_BEFORE_NEXT = 2.0
"""Seconds, where the next one has begun."""


class _State(NamedTuple):
    size: int
    changed: int
    since: float


class RestingFilms:
    """Gives each film of a camera once, when it is finished; again if it changes later.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[Path, _State] = {}
        self._given: dict[Path, tuple[int, int]] = {}

    def finished(self, films: Iterable[Path]) -> list[Path]:
        """The films that are finished and were not given yet, in their order.

        Args:
            films: all that are there; others are forgotten.
        """
        there, last = list(films), dict[Path, Path]()
        self._forget_all_but(there)
        for film in there:
            last[film.parent] = max(film, last.get(film.parent, film))
        return [film for film in there if self._is_new(film, is_last=film == last[film.parent])]

    def _forget_all_but(self, there: Iterable[Path]) -> None:
        """Recorders remove old films, and a watch goes on for as long as it may."""
        for gone in self._states.keys() - set(there):
            del self._states[gone]
            self._given.pop(gone, None)

    def _is_new(self, film: Path, *, is_last: bool) -> bool:
        try:
            status = film.stat()
        except OSError:  # it was moved or removed
            return False
        now, seen = (status.st_size, status.st_mtime_ns), self._states.get(film)
        if seen is None or seen[:2] != now:
            seen = self._states[film] = _State(*now, self._clock())
        rests = RESTS if is_last else RESTS_BEFORE_NEXT
        if self._clock() - seen.since < rests or self._given.get(film) == now:
            return False
        self._given[film] = now
        return True
