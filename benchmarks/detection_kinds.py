"""How well a detector tells kinds of vehicles apart, on real crops of known type.

    python benchmarks/detection_kinds.py MODEL --pictures TABLE

MODEL is the folder of a detector, TABLE a table of pictures of one vehicle each whose column
``type`` names a kind of `platefree.data.frame_boxes.KINDS` (others are left out). Each picture is
shown in the middle of a grey frame, at its own size, or shrunk to half of the frame. A vehicle
counts as found where a box and the picture share two fifths of their union, for the pictures have
margins; its kind is that of the surest such box. A motorcycle without its rider covers less.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from platefree.data.box_overlap import overlap
from platefree.data.frame_boxes import KINDS, PLATE
from platefree.data.image_source import TableImages
from platefree.data.table import read_table
from platefree.inference.box_decoding import shrunk
from platefree.inference.detector import Detector
from platefree.inference.detector_loading import load_detector

HEIGHT, WIDTH = 352, 640
GREY = 118
FITS = 0.4


def main() -> None:
    """Print which kind each kind is taken for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=Path, required=True)
    options = parser.parse_args()
    detector = load_detector(options.model)
    table = read_table(options.pictures)
    pictures, counts = TableImages(table), Counter[tuple[str, str]]()
    for row, kind in enumerate(table.type.tolist()):
        if kind in KINDS and kind != KINDS[PLATE]:
            frame, box = shown(np.asarray(pictures.read(row)))
            counts[kind, kind_of(detector, frame, box)] += 1
    columns = [*(kind for kind in KINDS if kind != KINDS[PLATE]), "not found"]
    print("| is | pictures |", " | ".join(columns), "|")
    for kind in columns[:-1]:
        total = sum(number for (is_, _), number in counts.items() if is_ == kind)
        shares = (f"{100 * counts[kind, other] / max(total, 1):.1f} %" for other in columns)
        print(f"| {kind} | {total} |", " | ".join(shares), "|")


def shown(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A grey frame with a picture in its middle, and where that is."""
    height, width, _ = picture.shape
    share = min(1.0, WIDTH / (2 * width), HEIGHT / (2 * height))
    small = shrunk(picture, max(1, int(share * max(height, width))))
    height, width, _ = small.shape
    top, left = (HEIGHT - height) // 2, (WIDTH - width) // 2
    frame = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    frame[top : top + height, left : left + width] = small
    return frame, np.array([left, top, left + width, top + height], np.float64)


def kind_of(detector: Detector, frame: NDArray[np.uint8], box: NDArray[np.float64]) -> str:
    """The kind of the surest box that fits."""
    (found,) = detector.detect([frame])
    fits = (overlap(found.box.astype(np.float64), box) >= FITS) & (found.kind != PLATE)
    if not fits.any():
        return "not found"
    return KINDS[int(found.kind[np.flatnonzero(fits)[found.score[fits].argmax()]])]


if __name__ == "__main__":
    main()
