"""What a detector sees on the frames of footage."""

from collections.abc import Iterator
from typing import NamedTuple

from platefree.data.film import FilmFrame
from platefree.data.film_sampling import EVERY_FRAME, Sampling
from platefree.inference.detector import Detector, FoundOnFrame
from platefree.video.footage import Footage
from platefree.video.regions import WHOLE_FRAME, Regions


class Seen(NamedTuple):
    """A frame and what is on it.

    Attributes:
        frame: with its number, time and picture.
        found: the boxes that count.
    """

    frame: FilmFrame
    found: FoundOnFrame


def seen_in(
    footage: Footage,
    detector: Detector,
    sampling: Sampling = EVERY_FRAME,
    *,
    regions: Regions = WHOLE_FRAME,
    threshold: float | None = None,
) -> Iterator[Seen]:
    """The frames of footage with what is on them, one after the other.

    Args:
        footage: open.
        detector: of vehicles and plates.
        sampling: which frames are looked at.
        regions: which boxes count.
        threshold: the lowest score; by default the detector's own.

    Raises:
        FilmError: nothing can be decoded.
        CheckpointError: the network cannot run.
    """
    for frame in footage.frames(sampling):
        (found,) = detector.detect([frame.picture], threshold)
        yield Seen(frame, regions.kept(found))
