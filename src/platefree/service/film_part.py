"""Which seconds of a film a process of its own decodes, as it is asked for them."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Part:
    """Which seconds of a film.

    Attributes:
        path: of the film.
        frame: number of the frame around which they are.
        before: seconds before it.
        after: seconds after it.
        every: seconds from one picture to the next.
        longest: longer side of a picture in pixels.
        memory: bytes that it may take.
    """

    path: str
    frame: int
    before: float
    after: float
    every: float
    longest: int
    memory: int


def line_of(part: Part) -> bytes:
    """What the process is asked."""
    return json.dumps(asdict(part)).encode() + b"\n"
