"""How much of the plates in the city is masked, by their height in pixels.

    platefree city frames --frames 1000 --seed 977
    python benchmarks/plate_masks.py frames --detector models/vehicles [--json]

Each vehicle of at least 24 pixels is cut out of its frame as a track's picture is, by its labelled
box, and masked as `platefree.video.plate_masks` does; then the whole frame is. A plate is *covered*
where at least 90 % of its pixels are. What is covered of vehicles beside their plates says what the
masks cost.
"""

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from platefree.data.frame_boxes import PLATE, FrameBoxes, read_frame_boxes
from platefree.data.image import read_image
from platefree.inference.detector_loading import load_detector
from platefree.video.best_pictures import Pixels, cut
from platefree.video.plate_masks import SIDES, THRESHOLD, PlateMasks
from platefree.video.track_masks import Boxes, filled_areas

SMALLEST = 24.0  # pixels of the longer side of a vehicle
COVERED = 0.9
HEIGHTS = ((1, 3), (3, 5), (5, 8), (8, 12), (12, 1000))

Mask = NDArray[np.bool_]


class Measured(NamedTuple):
    """What was looked at.

    Attributes:
        height: of each plate in pixels.
        share: of each plate that is covered.
        cost: share of each vehicle that is covered beside its plates.
        seconds: that it took.
    """

    height: list[float]
    share: list[float]
    cost: list[float]
    seconds: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames", type=Path, help="folder of 'platefree city --frames'")
    parser.add_argument("--detector", required=True)
    parser.add_argument("--most", type=int, default=1000, help="frames that are looked at")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--sides", type=int, nargs="*", default=SIDES)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    labels = read_frame_boxes(options.frames / "frame_boxes.csv")
    masks = PlateMasks(load_detector(options.detector), options.threshold, options.sides)
    places = range(min(options.most, len(labels.frame)))
    frames = [np.asarray(read_image(options.frames / labels.frame[place])) for place in places]
    measured = {
        "on pictures of vehicles": on_vehicles(masks, frames, labels),
        "on whole frames": on_frames(masks, frames, labels),
    }
    if options.json:
        print(json.dumps({name: as_json(each) for name, each in measured.items()}, indent=2))
        return
    print(f"{len(frames)} frames, threshold {options.threshold}, sides {list(options.sides)}")
    for name, each in measured.items():
        show(name, each)


def on_vehicles(masks: PlateMasks, frames: list[Pixels], labels: FrameBoxes) -> Measured:
    """Each vehicle by itself."""
    heights, shares, costs = list[float](), list[float](), list[float]()
    began = time.process_time()
    for place, frame in enumerate(frames):
        vehicles, plates = vehicles_and_plates(labels, place)
        owner = owners(vehicles, plates)
        for row, vehicle in enumerate(vehicles):
            crop, corner = cut(frame, vehicle), np.floor(vehicle[:2]).clip(0)
            filled = mask_of(masks.on_vehicle(crop), crop)
            own = plates[owner == row] - np.tile(corner, 2)
            add(filled, own, heights, shares)
            costs.append(cost(filled, own))
    return Measured(heights, shares, costs, time.process_time() - began)


def on_frames(masks: PlateMasks, frames: list[Pixels], labels: FrameBoxes) -> Measured:
    """Whole frames, one vehicle of which is known."""
    heights, shares, costs = list[float](), list[float](), list[float]()
    began = time.process_time()
    for place, frame in enumerate(frames):
        vehicles, plates = vehicles_and_plates(labels, place)
        filled = mask_of(masks.on_scene(frame, vehicles[:1]), frame)
        add(filled, plates, heights, shares)
        costs.append(cost(filled, plates))
    return Measured(heights, shares, costs, time.process_time() - began)


def vehicles_and_plates(labels: FrameBoxes, place: int) -> tuple[Boxes, Boxes]:
    """The boxes of a frame: vehicles that are large enough, and all plates."""
    rows = labels.of(place)
    box, is_plate = labels.box[rows], labels.kind[rows] == PLATE
    large = (box[:, 2:] - box[:, :2]).max(axis=1, initial=0.0) >= SMALLEST
    return box[large & ~is_plate], box[is_plate]


def owners(vehicles: Boxes, plates: Boxes) -> NDArray[np.int64]:
    """(n,) the smallest vehicle in which the middle of each plate is; -1 is none."""
    middle = (plates[:, :2] + plates[:, 2:]) / 2
    inside = (vehicles[:, None, :2] <= middle) & (middle <= vehicles[:, None, 2:])
    area = (vehicles[:, 2:] - vehicles[:, :2]).prod(axis=1)[:, None]
    areas = np.where(inside.all(axis=2), area, np.inf)  # (vehicles, plates)
    if not len(vehicles):
        return np.full(len(plates), -1)
    return np.where(np.isfinite(areas.min(axis=0)), areas.argmin(axis=0), -1)


def mask_of(plates: Boxes, picture: Pixels) -> Mask:
    """(h, w) what is filled."""
    filled = np.zeros(picture.shape[:2], np.bool_)
    for left, top, right, bottom in filled_areas(plates, *reversed(filled.shape)):
        filled[top:bottom, left:right] = True
    return filled


def pixels_of(box: NDArray[np.float64]) -> tuple[slice, slice]:
    """The whole pixels of a box."""
    left, top, right, bottom = box.clip(0).round().astype(int).tolist()
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def add(filled: Mask, plates: Boxes, heights: list[float], shares: list[float]) -> None:
    """What is covered of each plate."""
    for box in plates:
        part = filled[pixels_of(box)]
        if part.size:
            heights.append(float(box[3] - box[1]))
            shares.append(float(part.mean()))


def cost(filled: Mask, plates: Boxes) -> float:
    """The share of a picture that is covered beside its plates."""
    other = filled.copy()
    for box in plates:
        other[pixels_of(box)] = False
    return float(other.mean())


def rows_of(measured: Measured) -> list[tuple[str, int, float, float]]:
    """Height, number of plates, their mean share that is covered, and how many are covered."""
    height, share = np.array(measured.height), np.array(measured.share)
    rows = []
    for low, high in (*HEIGHTS, (1, 1000)):
        own = share[(height >= low) & (height < high)]
        name = (
            "all" if (low, high) == (1, 1000) else f"{low}-{high - 1}" if high < 1000 else f"{low}-"
        )
        mean = float(own.mean()) if len(own) else float("nan")
        rows.append((name, len(own), mean, float((own >= COVERED).mean()) if len(own) else mean))
    return rows


def as_json(measured: Measured) -> dict[str, object]:
    """The same figures."""
    names = ("height", "plates", "share", "covered")
    return {
        "plates": [dict(zip(names, row, strict=True)) for row in rows_of(measured)],
        "cost": float(np.mean(measured.cost)),
        "cost, 95 of 100": float(np.quantile(measured.cost, 0.95)),
        "milliseconds": 1000 * measured.seconds / len(measured.cost),
    }


def show(name: str, measured: Measured) -> None:
    """A table."""
    print(f"\n{name}\nheight  plates  mean share  covered")
    for height, count, share, covered in rows_of(measured):
        print(f"{height:6} {count:7} {share:11.3f} {covered:8.3f}")
    most, spent = np.quantile(measured.cost, 0.95), 1000 * measured.seconds / len(measured.cost)
    print(
        f"covered beside plates: {np.mean(measured.cost):.4f} of a picture, of 95 in 100 at most "
        f"{most:.4f}; {spent:.0f} ms of processor time a picture"
    )


if __name__ == "__main__":
    main()
