"""A film: the frames of a video file or stream, numbered and timed, decoded as far as needed.

Frames count from 0 in the order in which they are shown. A frame that is skipped or damaged counts
too, so the number of a frame does not depend on how much of the film is decoded: every packet is
looked at, which is quick, and takes the place of its time stamp among the others. Only where a film
has no time stamps at all, as raw H.264, or none that tell the order, as AVI of H.264 with B-frames,
are the decoded frames counted.

Packets are kept from one key frame to the next; those that end before the next wanted moment
are never decoded. Memory holds one such group at most, whatever the length of the film.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available
from numpy.typing import NDArray

from platefree.data.film_facts import FilmFacts, video_of
from platefree.data.film_packets import FilmPackets
from platefree.data.film_picture import Matrix, as_displayed, display_matrix
from platefree.data.film_sampling import EVERY_FRAME, Sampling
from platefree.data.image import MAX_PIXELS
from platefree.data.listed_text import many
from platefree.errors import FilmError, OutOfMemory
from platefree.inputs.plain_files import GB, Expected, open_input

FILM = Expected("a film", 16_384 * GB, FilmError)
"""What a film file can be."""

_BUFFER = 1 << 18  # bytes that are read at a time
_MOST_HELD = 512  # packets without a key frame that are kept
_LOCAL = {"protocol_whitelist": "data"}  # a playlist must open no other file and call nobody
_END_MISSING = 1.0  # seconds


class FilmFrame(NamedTuple):
    """A frame of a film.

    Attributes:
        number: from 0, in the order of showing, every frame of the film counted.
        time: seconds from the start of the film.
        picture: (h, w, 3) uint8 RGB, as it is displayed.
    """

    number: int
    time: float
    picture: NDArray[np.uint8]


class FilmIndex(NamedTuple):
    """The frames of a film.

    Attributes:
        stamps: (n,) int64, time stamp of each, by its number.
        keys: (m,) int64, time stamps of the key frames, from which decoding can begin.
        sound: whether the stamps are those of the file, so that one can be jumped to.
    """

    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    sound: bool


class _Shown(NamedTuple):
    """A decoded frame, not yet a picture."""

    number: int
    time: float
    frame: Any


@dataclass(eq=False)
class Film:
    """An open film, which is read once, forward.

    Attributes:
        name: for messages.
        container: of av.
        stream: of av, its video.
        facts: what it says of itself.
        damaged: frames that could not be decoded so far, those of a former reading too.
    """

    name: str
    container: Any
    stream: Any
    facts: FilmFacts
    damaged: int = 0
    _latest: float = -math.inf

    def __post_init__(self) -> None:
        self._interval = 1 / self.facts.rate
        self._packets = FilmPackets(self.container, self.stream, self._interval)
        self._numbers = self._packets.numbers
        self._wanted, self._taken = 0.0, -math.inf  # seconds
        self._passed = False  # whether all that a former reading took is passed
        self._matrix: Matrix | None = None

    def frames(self, sampling: Sampling = EVERY_FRAME) -> Iterator[FilmFrame]:
        """The frames that a sampling asks for.

        Raises:
            FilmError: nothing of the film can be decoded.
            OutOfMemory: a frame does not fit into the memory.
        """
        self._wanted, self._taken = sampling.from_moment(sampling.first), sampling.taken
        self._passed = sampling.taken == -math.inf
        try:
            for shown in self._decoded():
                if shown.time >= sampling.until:
                    return
                if shown.time >= self._wanted and shown.time > sampling.taken:
                    self._wanted = sampling.from_moment(sampling.after(shown.time))
                    yield FilmFrame(shown.number, shown.time, self._picture(shown.frame))
        except MemoryError as error:
            raise OutOfMemory(
                f"not enough memory for a frame of {self.name}: end other programs, or use fewer "
                "processes"
            ) from error
        self._check_end()

    def index(self) -> "FilmIndex":
        """Every frame of the film by its time stamp; nothing is decoded."""
        stamps, keys = list[int](), list[int]()
        for packet, _ in self._packets:
            if not self._numbers.counted and not packet.is_discard:
                stamps.append(packet.pts)
                keys += [packet.pts] if packet.is_keyframe else []
        sound = not (self._numbers.counted or self._packets.clock.repaired)
        stamped, entered = (np.sort(np.array(each, np.int64)) for each in (stamps, keys))
        return FilmIndex(stamped, entered, sound)

    def group(self, key: int, stamps: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Some frames of the group that a key frame begins.

        Args:
            key: time stamp of the key frame.
            stamps: of the frames.

        Yields:
            A time stamp, and the picture (h, w, 3) uint8 RGB.
        """
        with suppress(av.FFmpegError):
            self.container.seek(key, stream=self.stream, backward=True)
            for packet in self._packets.as_stored():
                for frame in self.stream.codec_context.decode(packet):
                    if frame.pts in stamps and not frame.is_corrupt:
                        yield frame.pts, self._picture(frame)
                    if frame.pts is None or frame.pts >= max(stamps):
                        return

    def _picture(self, frame: Any) -> NDArray[np.uint8]:  # noqa: ANN401
        if frame.width * frame.height > MAX_PIXELS:
            raise FilmError(
                f"a frame of {self.name} has {frame.width} x {frame.height} pixels, "
                f"expected at most {MAX_PIXELS:,} in all"
            )
        if self._matrix is None or "DISPLAYMATRIX" in frame.side_data:
            self._matrix = display_matrix(frame)
        return as_displayed(frame, self._matrix, float(self.stream.sample_aspect_ratio or 0))

    def _decoded(self) -> Iterator[_Shown]:
        """Decoded frames, without those that end before the wanted moment."""
        held: list[tuple[Any, float]] = []
        skipped = False
        for packet, time in self._packets:
            if packet.is_keyframe and time <= self._wanted and not self._numbers.counted:
                held, skipped = [], bool(held) or skipped
            held.append((packet, time))
            if time < self._wanted and len(held) < _MOST_HELD and not self._numbers.counted:
                continue
            if skipped:
                yield from self._enter(held[0][1])
                skipped = False
            for each, moment in held:
                if not (each.is_disposable and moment < self._wanted) or self._numbers.counted:
                    yield from self._decode(each)
            held = []
        yield from self._rest(held, skipped=skipped)

    def _rest(self, held: list[tuple[Any, float]], *, skipped: bool) -> Iterator[_Shown]:
        """The end of the film; a group that ends before the wanted moment is left out."""
        if held and max(moment for _, moment in held) >= self._wanted:
            if skipped:
                yield from self._enter(held[0][1])
            for packet, _ in held:
                yield from self._decode(packet)
        yield from self._decode(None)

    def _enter(self, time: float) -> Iterator[_Shown]:
        """Let the decoder begin anew with a key frame of this second; what it still held."""
        yield from self._decode(None)
        self.stream.codec_context.flush_buffers()
        self._passed |= time > self._taken

    def _decode(self, packet: Any) -> Iterator[_Shown]:  # noqa: ANN401
        try:
            frames = self.stream.codec_context.decode(packet)
        except av.error.EOFError:
            return
        except av.FFmpegError:
            self.damaged += self._passed
            return
        for frame in frames:
            number = self._numbers.shown(frame.pts)
            if frame.is_corrupt:
                self.damaged += self._passed
                continue
            yield _Shown(number, self._time(frame.pts, number), frame)

    def _time(self, stamp: int | None, number: int) -> float:
        """Seconds from the start, later than those of the frame before."""
        if stamp is None or self._numbers.counted:
            time = number * self._interval
        else:
            time = max(0.0, self._packets.seconds(stamp))
        if time <= self._latest:
            time = self._latest + min(self._packets.tick, self._interval)
        self._latest = time
        self._passed |= time >= self._taken
        return time

    def _check_end(self) -> None:
        if self._latest == -math.inf and not self._numbers.begun:
            raise FilmError(
                f"{self.name} holds no frame{self._why()}: expected a film; record or copy it again"
            )
        if self._latest == -math.inf and self._taken == -math.inf and self.damaged:
            raise FilmError(
                f"{self.name}: none of its {self.damaged} frames can be decoded{self._why()}; "
                "record or copy it again"
            )

    def _why(self) -> str:
        reason = self._packets.ended_early
        return f" ({reason})" if reason else ""

    def remarks(self) -> list[str]:
        """What could not be read so far, and what was decided instead, in sentences."""
        said = self._packets.clock.remarks()
        if self._numbers.counted:
            said.append(
                f"the film has no time stamps: its frames count as {self.facts.rate:g} a second"
            )
        if self.damaged:
            said.append(f"{many(self.damaged, 'damaged frame')} left out")
        read = self._packets.seconds_read()
        if self._packets.ended_early:
            said.append(f"the film breaks off after {read:.1f} s{self._why()}")
        return said

    def missing_end(self) -> list[str]:
        """Whether frames end before the film says, once it is read to its end without an error."""
        read = self._packets.seconds_read()
        if self._packets.ended_early or self._numbers.counted:
            return []
        if not read < self.facts.duration - _END_MISSING - self._interval:
            return []
        return [
            f"the film says that it is {self.facts.duration:.1f} s long, but frames end after "
            f"{read:.1f} s: the rest is missing"
        ]


@contextmanager
def open_film(path: str | Path, *, hardware: str = "") -> Iterator[Film]:
    """Open a film file of any kind that FFmpeg reads.

    Args:
        path: of the file.
        hardware: what decodes, by FFmpeg's name (``cuda``, ``vaapi``, ``videotoolbox``); empty is
            the processor, which also goes on where the hardware cannot.

    Raises:
        FilmError: it is missing, no film, has no video, or there is no such hardware.
    """
    with (
        open_input(path, FILM) as file,
        film_from(str(path), file, dict(_LOCAL), hardware=hardware) as film,
    ):
        yield film


@contextmanager
def film_from(
    name: str,
    file: Any,  # noqa: ANN401
    options: dict[str, str],
    *,
    hardware: str = "",
    patience: float | None = None,
) -> Iterator[Film]:
    """Open what av opens.

    Args:
        name: for messages.
        file: an open file, or an address.
        options: of FFmpeg.
        hardware: as of `open_film`.
        patience: seconds without an answer before it is given up.

    Raises:
        FilmError: as of `open_film`.
    """
    with ExitStack() as stack:
        try:
            container = stack.enter_context(
                av.open(
                    file,
                    options=options,
                    buffer_size=_BUFFER,
                    timeout=patience,
                    hwaccel=_acceleration(hardware),
                )
            )
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise FilmError(
                f"{name} cannot be read as a film ({reason}): expected a video that FFmpeg reads, "
                "recorded to its end; an MP4 that broke off without its index cannot be read"
            ) from error
        yield Film(name, container, *video_of(name, container))


def _acceleration(hardware: str) -> HWAccel | None:
    if not hardware:
        return None
    offered = hwdevices_available()
    if hardware not in offered:
        raise FilmError(
            f"{hardware!r} does not decode here, expected one of {', '.join(offered) or 'none'}"
        )
    return HWAccel(device_type=hardware, allow_software_fallback=True)
