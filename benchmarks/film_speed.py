"""How many times real time footage is read, detected, tracked, masked and embedded, step by step.

    platefree city small --films 20 --cameras 1 --seed 5
    platefree city large --films 20 --cameras 1 --seed 5 --size 1280
    python benchmarks/film_speed.py small/c001.mp4 large/c001.mp4 --detector models/vehicles \
        --model models/street-s

One process, ten frames a second unless ``--every`` says otherwise. Seconds are those of the
processor, of all threads together, and of the clock on the wall, which is too slow on a busy
machine. To draw films: `city_film_speed.py`.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from city_films import with_embeddings

from platefree.inference.detector import Detector
from platefree.inference.detector_loading import load_detector
from platefree.inference.embedder import Embedder
from platefree.inference.loading import load_model
from platefree.video.follower import Follower
from platefree.video.footage import Sampling, open_footage
from platefree.video.overlap_tracker import OverlapTracker
from platefree.video.plate_masks import PlateMasks
from platefree.video.tracks import Track

STEPS = ("read", "detect", "track", "mask", "embed")
GIVEN = 0.1  # lowest score of the boxes that the tracker is given


class Clock:
    """Seconds of the processor and on the wall, by step."""

    def __init__(self) -> None:
        self.processor, self.wall = dict.fromkeys(STEPS, 0.0), dict.fromkeys(STEPS, 0.0)

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Count what is done within."""
        processor, wall = time.process_time(), time.perf_counter()
        yield
        self.processor[step] += time.process_time() - processor
        self.wall[step] += time.perf_counter() - wall


def main() -> None:
    """Print a table for each film."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path, nargs="+")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--model", default="color_stripes", help="embedder")
    parser.add_argument("--every", type=float, default=0.1, help="seconds between frames")
    parser.add_argument("--until", type=float, default=float("inf"), help="seconds of each film")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    detector, model = load_detector(options.detector), load_model(options.model)
    sampling = Sampling(every=options.every, until=options.until)
    measured = [measure(film, detector, model, sampling) for film in options.films]
    if options.json:
        print(json.dumps([asdict(each) for each in measured], indent=2))
        return
    for each in measured:
        show(each)


@dataclass(frozen=True)
class Measured:
    """What a film took."""

    film: str
    size: str
    frames: int
    seconds: float
    tracks: int
    pictures: int
    processor: dict[str, float]
    wall: dict[str, float]


def measure(film: Path, detector: Detector, model: Embedder, sampling: Sampling) -> Measured:
    """Take one film through all steps."""
    clock, follower, masks = Clock(), Follower(OverlapTracker()), PlateMasks(detector)
    tracks, count, last = list[Track](), 0, 0.0
    with open_footage(str(film)) as footage:
        size = f"{footage.width} x {footage.height}"
        frames = footage.frames(sampling)
        while True:
            with clock.of("read"):
                frame = next(frames, None)
            if frame is None:
                break
            with clock.of("detect"):
                (found,) = detector.detect([frame.picture], GIVEN)
            with clock.of("track"):
                tracks += follower.add(frame, found)
            count, last = count + 1, frame.time
    tracks += follower.finish()
    with clock.of("mask"):
        tracks = [masks.masked_track(track) for track in tracks]
    with clock.of("embed"):
        with_embeddings(tracks, model)
    pictures = sum(len(track.pictures) for track in tracks)
    return Measured(
        film.name,
        size,
        count,
        last + sampling.every,
        len(tracks),
        pictures,
        clock.processor,
        clock.wall,
    )


def show(measured: Measured) -> None:
    """A table."""
    print(
        f"\n{measured.film}, {measured.size}: {measured.frames} frames of "
        f"{measured.seconds:.1f} s, {measured.tracks} tracks, {measured.pictures} pictures"
    )
    print(f"{'':8} processor: ms a frame  x real time    wall: ms a frame  x real time")
    both = measured.processor, measured.wall
    for step in (*STEPS, "all"):
        cells = []
        for spent in both:
            own = max(1e-9, sum(spent.values()) if step == "all" else spent[step])
            cells += [1000 * own / measured.frames, measured.seconds / own]
        print("{:8} {:21.1f} {:12.1f} {:18.1f} {:12.1f}".format(step, *cells))


if __name__ == "__main__":
    main()
