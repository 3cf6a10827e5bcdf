"""How well vehicles are followed on films of the city, beside trackers of other projects.

    platefree city films --films 40 --cameras 3 --seed 6 --vehicles 200
    python benchmarks/tracking.py films [MORE FILMS] [--detector models/vehicles] [--every 2]

HOTA, IDF1 and identity switches are those of TrackEval 1.3.0 (MIT), over all films together, at an
overlap of at least one half for the last two. Vehicles that do not count (`counts` of the truth)
are neither expected nor wrong. Boxes are those of the truth, or with ``--detector`` what is found.
The other trackers, which are left out where they are not installed: `trackers` 2.6.1 (Roboflow,
Apache-2.0) and `norfair` 2.3.0 (BSD-3-Clause). None is needed by platefree; without what they do
not need here:

    pip install --no-deps trackeval tabulate pycocotools matplotlib trackers supervision norfair \
        filterpy pydeprecate defusedxml requests tqdm contourpy cycler kiwisolver pyparsing
"""

import argparse
import csv
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from platefree.data.box_overlap import overlap
from platefree.data.frame_boxes import PLATE
from platefree.inference.detector_loading import load_detector
from platefree.video.overlap_tracker import OverlapTracker

LOWEST = 0.1  # score of the boxes that trackers are given
SURE = 0.4

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass
class Seen:
    """Boxes of a frame with their tracks or scores."""

    box: Numbers
    track: Indices
    score: Numbers
    counts: NDArray[np.bool_]

    def take(self, rows: Any) -> "Seen":  # noqa: ANN401
        """Some of the boxes."""
        return Seen(self.box[rows], self.track[rows], self.score[rows], self.counts[rows])


Follow = Callable[[float, Numbers, Numbers], tuple[Numbers, Indices]]
"""Time in seconds, boxes, scores -> boxes, tracks (-1: none)."""


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path, nargs="+")
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only each n-th frame")
    options = parser.parse_args()
    films = [
        (folder / camera["film"], folder / "truth" / camera["name"] / "gt" / "gt.txt")
        for folder in options.films
        for camera in json.loads((folder / "cameras.json").read_text("utf-8"))
    ]
    rates = [rate_of(film) for film, _ in films]
    truths = [truth_of(truth, frames_in(film))[:: options.every] for film, truth in films]
    if options.detector is None:
        given = [[frame.take(frame.counts) for frame in truth] for truth in truths]
    else:
        given = [list(found_on(film, options.detector, options.every)) for film, _ in films]
    counted = sum(int(frame.counts.sum()) for truth in truths for frame in truth)
    print(f"{len(films)} films, {sum(map(len, truths))} frames, {counted} boxes that count")
    print(f"{'':24} HOTA   DetA   AssA   IDF1   MOTA  switches  tracks   ms a frame")
    for name, make in trackers().items():
        spent = time.process_time()
        followed = [
            whole(run(make(rate / options.every), boxes, rate / options.every))
            for boxes, rate in zip(given, rates, strict=True)
        ]
        spent = 1000 * (time.process_time() - spent) / sum(map(len, given))
        show(name, score(truths, followed), followed, spent)


# --- films and boxes --------------------------------------------------------------------------


def frames_in(film: Path) -> int:
    """How many frames a film has."""
    with av.open(str(film)) as container:
        return sum(1 for _ in container.decode(video=0))


def rate_of(film: Path) -> float:
    """Frames a second."""
    with av.open(str(film)) as container:
        return float(container.streams.video[0].average_rate or 0)


def truth_of(path: Path, frames: int) -> list[Seen]:
    """The vehicles on every frame."""
    rows = np.array(list(csv.reader(path.read_text("utf-8").splitlines())), np.float64)
    rows = rows.reshape(-1, 9)
    low = rows[:, 2:4] - 1
    box, number = np.hstack([low, low + rows[:, 4:6]]), rows[:, 0].astype(int) - 1
    track, counts = rows[:, 1].astype(np.int64), rows[:, 6] == 1
    every = Seen(box, track, np.ones(len(rows)), counts)
    return [every.take(number == frame) for frame in range(frames)]


def found_on(film: Path, detector_path: Path, every: int) -> Iterator[Seen]:
    """The vehicles that a detector finds."""
    detector = load_detector(detector_path)
    with av.open(str(film)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                (found,) = detector.detect(
                    [frame.to_ndarray(format="rgb24").astype(np.uint8)], LOWEST
                )
                vehicle = found.kind != PLATE
                box, score = found.box[vehicle], found.score[vehicle]
                yield Seen(box, np.full(len(box), -1), score, np.ones(len(box), np.bool_))


# --- trackers ---------------------------------------------------------------------------------


def trackers() -> dict[str, Callable[[float], Follow]]:
    """How each one is made for a frame rate."""
    chosen: dict[str, Callable[[float], Follow]] = {"platefree": ours}
    if importlib.util.find_spec("trackers"):
        for name in ("ByteTrack", "OCSORT", "SORT"):
            chosen[f"trackers {name}"] = partial(of_trackers, name)
    if importlib.util.find_spec("norfair"):
        chosen["norfair"] = of_norfair
    return chosen


def ours(rate: float) -> Follow:
    """The tracker of this project."""
    tracker = OverlapTracker(SURE)
    return lambda time, boxes, scores: (boxes, tracker.update(time, boxes, scores))


def of_trackers(name: str, rate: float) -> Follow:
    """Those of Roboflow, with our thresholds of scores, which suit the detector."""
    import supervision
    import trackers

    settings = {"frame_rate": rate, "lost_track_buffer": 60}  # 2 seconds at 30 frames a second
    if name == "ByteTrack":
        settings["high_conf_det_threshold"] = SURE
    if name == "OCSORT":
        settings["high_conf_det_threshold"] = SURE
    if name != "OCSORT":
        settings["track_activation_threshold"] = SURE
    tracker = getattr(trackers, f"{name}Tracker")(minimum_consecutive_frames=1, **settings)

    def follow(time: float, boxes: Numbers, scores: Numbers) -> tuple[Numbers, Indices]:
        kept = np.ones(len(boxes), bool) if name != "SORT" else scores >= SURE
        given = supervision.Detections(
            xyxy=boxes[kept], confidence=scores[kept], class_id=np.zeros(kept.sum(), int)
        )
        found = tracker.update(given)
        return np.asarray(found.xyxy, np.float64), np.asarray(found.tracker_id, np.int64)

    return follow


def of_norfair(rate: float) -> Follow:
    """Norfair by the overlap of boxes; it looks at one threshold of scores."""
    import norfair

    tracker = norfair.Tracker(
        distance_function="iou",
        distance_threshold=0.8,
        initialization_delay=0,
        hit_counter_max=max(1, round(2 * rate)),
    )

    def follow(time: float, boxes: Numbers, scores: Numbers) -> tuple[Numbers, Indices]:
        rows = np.flatnonzero(scores >= SURE)
        given = [
            norfair.Detection(boxes[row].reshape(2, 2), scores[[row, row]], data=(time, row))
            for row in rows
        ]
        tracks = np.full(len(boxes), -1)
        for each in tracker.update(detections=given):
            seen, row = each.last_detection.data
            if seen == time:
                tracks[row] = each.id
        return boxes, tracks

    return follow


def run(follow: Follow, boxes: list[Seen], rate: float) -> list[Seen]:
    """The tracks of all frames."""
    frames = []
    for number, frame in enumerate(boxes):
        box, track = follow(number / rate, frame.box, frame.score)
        seen = Seen(box, track, np.ones(len(box)), np.ones(len(box), np.bool_))
        frames.append(seen.take(track >= 0))
    return frames


def whole(frames: list[Seen]) -> list[Seen]:
    """Without the tracks of a single box, which are no vehicles."""
    numbers, counts = np.unique(
        np.concatenate([frame.track for frame in frames]), return_counts=True
    )
    kept = numbers[counts > 1]
    return [frame.take(np.isin(frame.track, kept)) for frame in frames]


# --- figures ----------------------------------------------------------------------------------


def score(truths: list[list[Seen]], followed: list[list[Seen]]) -> dict[str, float]:
    """Of TrackEval, over all films together."""
    from trackeval.metrics import CLEAR, HOTA, Identity

    figures = dict[str, float]()
    for metric in (HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})):
        films = {
            str(place): metric.eval_sequence(sequence(*pair))
            for place, pair in enumerate(zip(truths, followed, strict=True))
        }
        result = metric.combine_sequences(films)
        figures |= {name: float(np.mean(result[name])) for name in result if name in WANTED}
    return figures


WANTED = ("HOTA", "DetA", "AssA", "IDF1", "MOTA", "IDSW")


def sequence(truth: list[Seen], followed: list[Seen]) -> dict[str, Any]:
    """A film as TrackEval takes it, without what is in question."""
    pairs = [_counting(*pair) for pair in zip(truth, followed, strict=True)]
    wanted, found = _numbered([one for one, _ in pairs]), _numbered([two for _, two in pairs])
    return {
        "num_timesteps": len(pairs),
        "gt_ids": wanted[0],
        "tracker_ids": found[0],
        "num_gt_ids": wanted[1],
        "num_tracker_ids": found[1],
        "num_gt_dets": sum(map(len, wanted[0])),
        "num_tracker_dets": sum(map(len, found[0])),
        "similarity_scores": [overlap(one.box[:, None], two.box[None]) for one, two in pairs],
    }


def _counting(truth: Seen, followed: Seen) -> tuple[Seen, Seen]:
    """A frame without vehicles that do not count, and what was matched with them.

    As the MOT Challenge does with distractors.
    """
    shared = overlap(truth.box[:, None], followed.box[None])
    shared[shared < 0.5] = 0
    chosen = zip(*linear_sum_assignment(shared, maximize=True), strict=True)
    aside = [int(j) for i, j in chosen if shared[i, j] > 0 and not truth.counts[i]]
    kept = np.ones(len(followed.box), np.bool_)
    kept[aside] = False
    return truth.take(truth.counts), followed.take(kept)


def _numbered(frames: list[Seen]) -> tuple[list[Indices], int]:
    """The tracks of each frame, numbered from 0."""
    known = np.unique(np.concatenate([frame.track for frame in frames]))
    return [np.searchsorted(known, frame.track) for frame in frames], len(known)


def show(
    name: str, figures: dict[str, float], followed: list[list[Seen]], milliseconds: float
) -> None:
    """A line of the table."""
    count = sum(len(np.unique(np.concatenate([f.track for f in film]))) for film in followed)
    values = "  ".join(f"{figures[key]:.3f}" for key in WANTED[:5])
    print(f"{name:24} {values}  {figures['IDSW']:8.0f} {count:7} {milliseconds:9.2f}", flush=True)


if __name__ == "__main__":
    main()
