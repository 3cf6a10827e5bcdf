"""Which pictures of a vehicle are kept, and what tells good ones from bad."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFilter

from platefree.video.best_pictures import (
    BestPictures,
    Picture,
    cut,
    hidden,
    prospects,
    sharpness,
)

CROP = np.zeros((2, 3, 3), np.uint8)


def picture(number: int, time: float, quality: float) -> Picture:
    return Picture(number, time, np.array([0, 0, 3, 2], np.float32), CROP, quality)


def scene(number: int) -> np.ndarray:
    return np.full((4, 5, 3), number % 256, np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_is_kept_and_the_others_are_of_different_moments(seed: int) -> None:
    random = np.random.default_rng(seed)
    best, offered = BestPictures(count=4, apart=0.5), list[Picture]()
    for number in range(300):
        each = picture(number, number / 10, float(random.random()))
        wanted = best.wants(each.time, each.quality)
        best.offer(each, scene(number))
        offered.append(each)
        kept = best.pictures
        assert (each in kept) == wanted
        assert len(kept) <= 4
        assert [p.quality for p in kept] == sorted((p.quality for p in kept), reverse=True)
        assert kept[0] is max(offered, key=lambda p: p.quality)
        assert best.scene[0, 0, 0] == kept[0].frame % 256
        times = sorted(p.time for p in kept)
        assert all(later - one >= 0.5 for one, later in pairwise(times))
    assert len(best.pictures) == 4


def test_what_is_in_front_hides() -> None:
    """Against a loop over the points of each box."""
    random = np.random.default_rng(1)
    for _ in range(20):
        low = random.uniform(0, 60, (6, 2))
        boxes = np.hstack([low, low + random.uniform(10, 50, (6, 2))])
        for row, (left, top, right, bottom) in enumerate(boxes):
            count = 0
            for i in range(8):
                for j in range(8):
                    x = left + (i + 0.5) / 8 * (right - left)
                    y = top + (j + 0.5) / 8 * (bottom - top)
                    count += any(
                        b[3] > bottom and b[0] <= x < b[2] and b[1] <= y < b[3] for b in boxes
                    )
            assert hidden(boxes)[row] == pytest.approx(count / 64)


def test_large_whole_and_free_boxes_promise_more() -> None:
    boxes = np.array(
        [
            [100.0, 100, 180, 150],  # as the others are compared with
            [300.0, 100, 460, 200],  # larger
            [0.0, 250, 80, 300],  # cut off at the left
            [500.0, 305, 580, 355],  # before the next
            [500.0, 300, 580, 350],  # hidden by it
        ]
    )
    plain, larger, cut_off, front, behind = prospects(boxes, 640, 360)
    assert larger == pytest.approx(2 * plain)
    assert cut_off < plain / 2
    assert front == pytest.approx(plain)
    assert behind < plain / 10
    assert ((prospects(boxes, 640, 360) >= 0) & (prospects(boxes, 640, 360) <= 1)).all()


def test_no_boxes_promise_nothing() -> None:
    assert prospects(np.empty((0, 4)), 640, 360).shape == (0,)


def test_blur_makes_pictures_less_sharp_and_contrast_does_not() -> None:
    random = np.random.default_rng(2)
    patches = np.kron(random.integers(0, 256, (12, 18, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    sharp = Image.fromarray(patches)
    levels = [
        sharpness(np.asarray(sharp.filter(ImageFilter.GaussianBlur(radius))))
        for radius in (0, 1, 2, 4)
    ]
    assert levels == sorted(levels, reverse=True)
    assert 0 <= levels[-1] < levels[0] / 2 <= 0.5
    faint = (patches.astype(float) / 2 + 60).round().astype(np.uint8)
    assert sharpness(faint) == pytest.approx(levels[0], abs=0.02)


def test_pictures_blurred_along_one_axis_are_not_sharp() -> None:
    random = np.random.default_rng(2)
    patches = np.kron(random.integers(0, 256, (12, 18, 3)), np.ones((6, 6, 1)))
    shifted = np.mean([np.roll(patches, k, axis=1) for k in range(12)], axis=0)
    assert sharpness(shifted.astype(np.uint8)) < sharpness(patches.astype(np.uint8)) / 2


def test_nothing_is_not_sharp() -> None:
    assert sharpness(np.full((20, 30, 3), 90, np.uint8)) == 0
    assert sharpness(np.full((1, 1, 3), 90, np.uint8)) == 0


def test_a_crop_is_a_copy_of_the_pixels_that_a_box_touches() -> None:
    frame = np.arange(10 * 12 * 3, dtype=np.uint8).reshape(10, 12, 3)
    crop = cut(frame, np.array([2.5, 3.0, 6.2, 9.9]))
    np.testing.assert_array_equal(crop, frame[3:10, 2:7])
    assert not np.shares_memory(crop, frame)
