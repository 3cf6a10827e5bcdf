"""Plates are masked on what is kept of a vehicle."""

import numpy as np
import pytest

from platefree.video.plate_masks import masked


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_a_masked_plate_has_one_color_and_the_rest_is_as_it_was() -> None:
    picture = noise(60, 80)
    plate = np.array([[20.4, 30.2, 44.0, 38.0]])  # 7.8 high: a margin of 1.95
    before = picture.copy()
    filled = masked(picture, plate)
    np.testing.assert_array_equal(picture, before)
    part = filled[28:40, 18:46]
    mean = picture[28:40, 18:46].reshape(-1, 3).astype(float).mean(axis=0)
    np.testing.assert_allclose(
        part.reshape(-1, 3), np.tile(mean, (part[..., 0].size, 1)), atol=0.51
    )
    outside = np.ones((60, 80), bool)
    outside[28:40, 18:46] = False
    np.testing.assert_array_equal(filled[outside], picture[outside])


@pytest.mark.parametrize(
    "plate", [[-5.0, -5, 3, 3], [70, 50, 95, 70], [0, 0, 80, 60], [-9, -9, -4, -4], [90, 1, 99, 5]]
)
def test_plates_may_reach_beyond_the_picture(plate: list[float]) -> None:
    picture = noise(60, 80)
    filled = masked(picture, np.array([plate]))
    inside = np.zeros((60, 80), bool)
    for y in range(60):
        for x in range(80):
            inside[y, x] = plate[0] < x + 1 and x < plate[2] and plate[1] < y + 1 and y < plate[3]
    if inside.any():
        assert len(np.unique(filled[inside], axis=0)) == 1
    else:
        np.testing.assert_array_equal(filled, picture)


def test_plates_that_overlap_are_both_filled() -> None:
    picture = noise(60, 80)
    filled = masked(picture, np.array([[10.0, 10, 40, 20], [30, 14, 60, 24]]))
    assert len(np.unique(filled[14:24, 30:60].reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(filled[10:20, 10:27].reshape(-1, 3), axis=0)) == 1
    np.testing.assert_array_equal(masked(picture, np.zeros((0, 4))), picture)
