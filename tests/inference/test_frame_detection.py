"""Detection on whole frames, with a network that predicts what the test wants."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from platefree.data.frame_boxes import KINDS
from platefree.inference.frame_detection import MEAN, FrameDetector, normalised
from platefree.nets.light_detector import BINS, STRIDES, Raw, positions
from platefree.nets.nanodet import NanoDet

CLASSES = {"plate": 0, "car": 3, "truck": 1}
Wish = tuple[int, tuple[int, int, int, int], int, float]  # position, steps to sides, class, score


class KnownOutputs(nn.Module):
    """Predicts whole steps, so that each side is a plain multiple of the stride."""

    strides = STRIDES

    def __init__(self, wishes: list[Wish]) -> None:
        super().__init__()
        self.wishes, self.shape = wishes, torch.Size()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Raw:
        self.shape = images.shape
        count = len(positions(*images.shape[-2:]))
        quality, sides = torch.full((1, count, 4), -9.0), torch.zeros(1, count, 4, BINS)
        for place, steps, kind, score in self.wishes:
            quality[0, place, kind] = torch.tensor(score).logit()
            for side, step in enumerate(steps):
                sides[0, place, side, step] = 50.0
        return Raw(quality, sides)


def found(wishes: list[Wish], threshold: float = 0.3) -> list[tuple[list[float], str, float]]:
    detector = FrameDetector(KnownOutputs(wishes), CLASSES)  # type: ignore[arg-type]
    boxes, kinds, scores = detector.find(np.zeros((70, 100, 3), np.uint8), threshold)
    return [
        (box.round(3).tolist(), KINDS[kind], round(float(score), 3))
        for box, kind, score in zip(boxes, kinds, scores, strict=True)
    ]


def test_boxes_are_in_pixels_of_the_frame_by_falling_score() -> None:
    """70 x 100 is padded to 96 x 128, so a row of stride 8 has 16 positions."""
    place = 16 * 4 + 5  # centre (44, 36)
    wishes: list[Wish] = [(place, (2, 1, 3, 2), 3, 0.5), (0, (1, 1, 1, 1), 1, 0.75)]
    assert found(wishes) == [
        ([0.0, 0.0, 12.0, 12.0], "truck", 0.75),  # cut off at the corner of the frame
        ([28.0, 28.0, 68.0, 52.0], "car", 0.5),
    ]
    assert found(wishes, 0.6) == [([0.0, 0.0, 12.0, 12.0], "truck", 0.75)]


def test_a_vehicle_is_found_once_whatever_it_is_called_and_keeps_its_plate() -> None:
    place = 16 * 4 + 5
    car: Wish = (place, (2, 2, 2, 2), 3, 0.5)
    truck: Wish = (place + 1, (3, 2, 1, 2), 1, 0.875)  # the same box
    plate: Wish = (place - 1, (1, 2, 3, 2), 0, 0.4)  # the same box
    assert [(kind, score) for _, kind, score in found([car, truck, plate])] == [
        ("truck", 0.875),
        ("plate", 0.4),
    ]


def test_what_is_beyond_the_frame_is_no_detection() -> None:
    below = 16 * 11 + 3  # centre (28, 92), in the padding
    assert found([(below, (1, 1, 1, 1), 3, 0.9)]) == []


def test_classes_that_nobody_asked_for_are_not_seen() -> None:
    assert found([(0, (1, 1, 1, 1), 2, 0.9)]) == []


def test_frames_are_padded_with_the_mean() -> None:
    frame = torch.full((1, 3, 33, 31), 255.0)
    images = normalised(frame)
    assert images.shape == (1, 3, 64, 32)
    assert images[:, :, 33:].abs().max() == 0
    assert images[:, :, :, 31:].abs().max() == 0
    assert images[0, :, 0, 0].tolist() == pytest.approx(
        [
            (1 - mean) / deviation
            for mean, deviation in zip(MEAN, (0.229, 0.224, 0.225), strict=True)
        ]
    )


def test_a_real_network_takes_any_size() -> None:
    detector = FrameDetector(NanoDet(4).eval(), CLASSES)
    boxes, _, scores = detector.find(np.zeros((50, 41, 3), np.uint8), 0.0)
    assert len(boxes)
    assert (boxes <= [41, 50, 41, 50]).all()
    assert (np.diff(scores) <= 0).all()
    assert STRIDES[-1] == 32
