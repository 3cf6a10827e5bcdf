"""Which frames of a film are looked at: from where to where, and how many a second."""

import math
from dataclasses import dataclass

from platefree.errors import FilmError

_ROUNDED = 0.002  # seconds: Matroska rounds stamps to milliseconds


@dataclass(frozen=True)
class Sampling:
    """The frames nearest after regular moments.

    Attributes:
        every: seconds from one moment to the next; 0 is every frame.
        since: seconds from the start of the film, the first moment.
        until: seconds from the start of the film; frames from there on are not read.
        taken: seconds of the last frame that a former reading took; this one goes on after it, at
            the moments at which that one would have. Minus infinity is none.

    Raises:
        FilmError: a number is negative or not finite, or nothing lies between since and until.
    """

    every: float = 0.0
    since: float = 0.0
    until: float = math.inf
    taken: float = -math.inf

    def __post_init__(self) -> None:
        if not (0 <= self.every < math.inf and 0 <= self.since < self.until):
            raise FilmError(
                f"every {self.every:g} s, from {self.since:g} to {self.until:g} s: expected "
                "seconds from 0, and an end after the start"
            )

    @classmethod
    def per_second(cls, rate: float, since: float = 0.0, until: float = math.inf) -> "Sampling":
        """So many frames a second.

        Raises:
            FilmError: the rate is not above 0, or as above.
        """
        if not 0 < rate < math.inf:
            raise FilmError(f"{rate:g} frames a second, expected a number above 0")
        return cls(1 / rate, since, until)

    def from_moment(self, moment: float) -> float:
        """Seconds from which a frame is taken for a moment: a little before, as stamps are rounded.

        Args:
            moment: seconds.
        """
        return moment - min(_ROUNDED, self.every / 4 or _ROUNDED)

    @property
    def first(self) -> float:
        """The first moment, seconds."""
        return self.since if self.taken == -math.inf else self.after(self.taken)

    def after(self, time: float) -> float:
        """The next moment, once the frame at ``time`` is taken; both in seconds."""
        if not self.every:
            return time
        passed = math.floor((time - self.from_moment(self.since)) / self.every)
        return self.since + (passed + 1) * self.every


EVERY_FRAME = Sampling()
"""All of a film."""
