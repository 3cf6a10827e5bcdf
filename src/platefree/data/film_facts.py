"""What a film says of itself, and which of its streams is the video."""

import math
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from platefree.data.image import MAX_PIXELS
from platefree.errors import FilmError
from platefree.machine import cpu_count

_MOST_THREADS = 4
_USUAL_RATE = 25.0  # frames a second, where a film does not say


@dataclass(frozen=True)
class FilmFacts:
    """What a film says of itself.

    Attributes:
        width: in pixels as stored, before it is turned.
        height: in pixels as stored.
        rate: frames a second, on average; of a film of varying rate it says little.
        duration: seconds; NaN is unknown.
        created: UTC, milliseconds; NaT is unknown.
        codec: FFmpeg's name of how frames are coded.
    """

    width: int
    height: int
    rate: float
    duration: float
    created: np.datetime64
    codec: str


def video_of(name: str, container: Any) -> tuple[Any, FilmFacts]:  # noqa: ANN401
    """The video of a container that is no cover of music, and what it says of itself.

    Args:
        name: for messages.
        container: of av.

    Raises:
        FilmError: it has no video that can be decoded, or one of too many pixels.
    """
    streams = [
        each
        for each in container.streams.video
        if not each.disposition & av.stream.Disposition.attached_pic
    ]
    if not streams or streams[0].codec_context is None:
        kinds = ", ".join(sorted({each.type for each in container.streams})) or "nothing"
        raise FilmError(f"{name} has no video that can be decoded, only {kinds}: give a film")
    stream = streams[0]
    context = stream.codec_context
    context.thread_type, context.thread_count = "AUTO", min(_MOST_THREADS, cpu_count())
    said = stream.average_rate if stream.start_time is not None else stream.guessed_rate
    rate = float(said or stream.base_rate or 0)
    if context.width * context.height > MAX_PIXELS:
        raise FilmError(
            f"{name} has {context.width} x {context.height} pixels, expected at most "
            f"{MAX_PIXELS:,} in all"
        )
    return stream, FilmFacts(
        context.width,
        context.height,
        rate if 0 < rate < math.inf else _USUAL_RATE,
        _duration(container, stream),
        _created(container, stream),
        context.name,
    )


def _duration(container: Any, stream: Any) -> float:  # noqa: ANN401
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else math.nan


def _created(container: Any, stream: Any) -> np.datetime64:  # noqa: ANN401
    """When the film was begun, as its container says; the zero of old clocks says nothing."""
    text = container.metadata.get("creation_time") or stream.metadata.get("creation_time", "")
    try:
        found = np.datetime64(text.strip().removesuffix("Z"), "ms")
    except ValueError:
        return np.datetime64("NaT", "ms")
    return found if found > np.datetime64("1980-01-02", "ms") else np.datetime64("NaT", "ms")
