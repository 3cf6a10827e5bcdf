"""Time stamps of a film that go forward: missing, repeated, backward and absurd ones are replaced.

Decided: the clock that a recorder wrote is believed as long as it goes forward, also over a gap, in
which nothing was recorded. Where it goes back, or leaps by more than a day, the film goes on one
frame later instead, and all that follows is shifted with it.
"""

from dataclasses import dataclass

from platefree.data.listed_text import many

DAY = 86_400.0
"""Seconds of a leap that no recorder's pause explains; 33 bits of MPEG-TS wrap after 26.5 hours."""

GAP = 10.0
"""Seconds without a frame that are worth a remark, unless frames are as rare as that."""

_RARE = 20  # intervals of frames
_REORDERED = 32  # intervals by which frames may be stored before their turn


@dataclass
class FilmClock:
    """Repairs the stamps of packets, in the order in which they are stored.

    Attributes:
        tick: seconds of one unit of a stamp.
        interval: units from one frame to the next, as the film says.
        missing: how many stamps were missing so far.
        back: how often the clock went back.
        leaps: how often it leapt by more than a day.
        gaps: seconds of each gap.
    """

    tick: float
    interval: int
    missing: int = 0
    back: int = 0
    leaps: int = 0

    def __post_init__(self) -> None:
        self.gaps: list[float] = []
        self._shift = 0
        self._stored: int | None = None  # the latest repaired stamp of storing (dts)
        self._highest: int | None = None  # of showing (pts)

    def stamp(self, shown: int | None, stored: int | None) -> int:
        """When the frame of the next packet is shown, repaired.

        Args:
            shown: its presentation time stamp.
            stored: its decoding time stamp, which grows from packet to packet in a sound film.
        """
        if stored is not None:
            self._follow(stored, self._stored, back=0)
            self._stored = stored + self._shift
        elif shown is not None:
            self._follow(shown, self._highest, back=_REORDERED * self.interval)
        if shown is None:
            self.missing += 1
            found = 0 if self._highest is None else self._highest + self.interval
        else:
            found = shown + self._shift
        self._highest = found if self._highest is None else max(found, self._highest)
        return found

    def _follow(self, stamp: int, before: int | None, *, back: int) -> None:
        """Shift the clock where this stamp cannot follow the one before."""
        if before is None:
            return
        step = stamp + self._shift - before
        seconds = step * self.tick
        if step < -back or seconds > DAY:
            self.back += step < 0
            self.leaps += step > 0
            self._shift += self.interval - step
        elif seconds > max(GAP, _RARE * self.interval * self.tick):
            self.gaps.append(seconds)

    @property
    def repaired(self) -> bool:
        """Whether any stamp was replaced."""
        return bool(self.missing or self.back or self.leaps)

    def seconds_read(self, zero: int) -> float:
        """Seconds from the stamp ``zero`` to the end of the last frame so far."""
        if self._highest is None:
            return 0.0
        return (self._highest + self.interval - zero) * self.tick

    def remarks(self) -> list[str]:
        """What was wrong, in sentences."""
        said = []
        if self.missing:
            said.append(
                f"{self.missing} frames have no time stamp: each is taken to be one frame later"
            )
        if self.back or self.leaps:
            said.append(
                f"time stamps go back {many(self.back, 'time')} and leap by more than a day "
                f"{many(self.leaps, 'time')}: there the film is taken to go on one frame later"
            )
        if self.gaps:
            said.append(
                f"{len(self.gaps)} gaps without frames, {sum(self.gaps):.1f} s in all, the longest "
                f"{max(self.gaps):.1f} s: taken to be pauses of the recorder"
            )
        return said
