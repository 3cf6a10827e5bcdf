"""The packets of a film in the order in which they are stored, with the times of their frames.

The stamps of some films are wrong or missing. What can be told from the others is repaired
(`platefree.data.film_clock`); of a film without any order, frames are counted as they are decoded.
"""

import heapq
import math
from collections.abc import Iterator
from typing import Any

import av

from platefree.data.film_clock import FilmClock

_FREE_ORDER = ("h264", "hevc", "vvc")  # whose frames may be stored in any order


class FilmPackets:
    """Packets and the seconds at which their frames are shown; read once, forward.

    Args:
        container: of av.
        stream: of av, the video in it.
        interval: seconds from one frame to the next, as the film says.

    Attributes:
        tick: seconds of one unit of a stamp.
        clock: repairs stamps.
        numbers: of the frames.
        ended_early: why the file breaks off, or nothing.
    """

    def __init__(self, container: Any, stream: Any, interval: float) -> None:  # noqa: ANN401
        self._container, self._stream = container, stream
        self.tick = float(stream.time_base)
        self.clock = FilmClock(self.tick, max(1, round(interval / self.tick)))
        self.numbers = FrameNumbers()
        self.ended_early = ""
        self._zero: int | None = None  # stamp of the first frame, the least so far
        self._begun, self._trimmed = False, False  # whether it is known; whether frames precede it
        # AVI has no time stamps of showing, and FFmpeg guesses them: one frame too late without
        # B-frames, and in no order with those of H.264, which may depend on each other.
        is_avi = container.format.name == "avi"
        reorders = stream.codec_context.has_b_frames
        self._stored_as_shown = is_avi and not reorders
        self.numbers.counted = is_avi and reorders and stream.codec_context.name in _FREE_ORDER

    def __iter__(self) -> Iterator[tuple[Any, float]]:
        """Packets and their repaired times in seconds; infinite where frames are counted."""
        early = list[Any]()
        for packet in self._stamped():
            early.append(packet)
            if self._begins(packet):
                yield from ((each, self._time(each)) for each in early)
                early = []
        yield from ((each, self._time(each)) for each in early)

    def as_stored(self) -> Iterator[Any]:
        """Packets with the stamps that are believed, from where the container stands."""
        for packet in self._container.demux(self._stream):
            if self._stored_as_shown:
                packet.pts = packet.dts
            yield packet

    def seconds(self, stamp: int) -> float:
        """The time of a stamp from the first frame."""
        return float((stamp - (self._zero or 0)) * self.tick)

    def seconds_read(self) -> float:
        """The time of the last frame so far."""
        return self.clock.seconds_read(self._zero or 0)

    def _time(self, packet: Any) -> float:  # noqa: ANN401
        return math.inf if self.numbers.counted else self.seconds(packet.pts)

    def _stamped(self) -> Iterator[Any]:
        """Packets with repaired stamps."""
        packets = self.as_stored()
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self.ended_early = str(error.strerror or error)
                return
            if packet is None or (packet.dts is None and packet.pts is None and not packet.size):
                return
            if not self.numbers.begun and packet.pts is None:
                self.numbers.counted = True
            if not self.numbers.counted:
                packet.pts = self.clock.stamp(packet.pts, packet.dts)
            if not packet.is_discard:
                self.numbers.stored(packet.pts)
            yield packet

    def _begins(self, packet: Any) -> bool:  # noqa: ANN401
        """Whether it is known with this packet when the first frame is shown.

        Of a trimmed film that need not be the first packet that is kept: B-frames come after it.
        """
        if self._begun or self.numbers.counted:
            return True
        self._trimmed |= packet.is_discard
        if not packet.is_discard:
            if self._zero is None or packet.pts < self._zero:
                self._zero = packet.pts
            self._begun = not self._trimmed or packet.dts is None or packet.dts >= self._zero
        return self._begun


class FrameNumbers:
    """The number of each shown frame among all stored ones, whether decoded or not.

    Attributes:
        begun: whether a packet was read.
        counted: whether stamps do not tell the order, so that decoded frames are counted.
    """

    def __init__(self) -> None:
        self.begun, self.counted = False, False
        self._waiting: list[int] = []
        self._next = 0

    def stored(self, stamp: int | None) -> None:
        """A packet is read."""
        self.begun = True
        if not self.counted and stamp is not None:
            heapq.heappush(self._waiting, stamp)

    def shown(self, stamp: int | None) -> int:
        """The number of a frame that is shown next."""
        if stamp is not None:
            while self._waiting and self._waiting[0] < stamp:
                heapq.heappop(self._waiting)
                self._next += 1
        if self._waiting:
            heapq.heappop(self._waiting)
        self._next += 1
        return self._next - 1
