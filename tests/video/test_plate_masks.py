"""Plates are masked on what is kept of a vehicle."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.ndimage import find_objects, label

from platefree.data.frame_boxes import KINDS, PLATE
from platefree.inference.detector import FoundOnFrame
from platefree.video.best_pictures import Picture, cut
from platefree.video.plate_masks import PlateMasks
from platefree.video.track_masks import masked
from platefree.video.tracks import Track

MAGENTA, GREEN = (255, 0, 255), (0, 160, 0)


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


class SeesColors:
    """Magenta is a plate if it is wide enough, green a car; of a plate the score is given."""

    name, fingerprint, threshold, longest = "colors", "0", 0.4, 960

    def __init__(self, narrowest: float = 0.0, score: float = 0.9) -> None:
        self.narrowest, self.score = narrowest, score
        self.looked_at: list[tuple[int, int]] = []

    def detect(
        self, frames: Sequence[np.ndarray], threshold: float | None = None
    ) -> list[FoundOnFrame]:
        return [self._found(each, self.threshold if threshold is None else threshold)
                for each in frames]  # fmt: skip

    def _found(self, frame: np.ndarray, threshold: float) -> FoundOnFrame:
        self.looked_at.append(frame.shape[:2])
        red, green, blue = (frame[..., channel].astype(int) for channel in range(3))
        plates = boxes_of((red > 130) & (green < 110) & (blue > 130))
        plates = plates[plates[:, 2] - plates[:, 0] >= self.narrowest]
        plates = plates[: len(plates) if self.score >= threshold else 0]
        cars = boxes_of((red < 100) & (blue < 100) | (red > 130) & (green < 110) & (blue > 130))
        kind = [PLATE] * len(plates) + [KINDS.index("car")] * len(cars)
        score = [self.score] * len(plates) + [0.9] * len(cars)
        return FoundOnFrame(np.concatenate([plates, cars]), np.array(kind), np.array(score))


def boxes_of(mask: np.ndarray) -> np.ndarray:
    found = find_objects(label(mask)[0])
    corners = [(x.start, y.start, x.stop, y.stop) for y, x in found]
    return np.array(corners, float).reshape(-1, 4)


def street() -> np.ndarray:
    """Two cars, 60 and 40 pixels wide, with plates of 10 x 3 and 6 x 2 pixels."""
    scene = np.full((120, 200, 3), 200, np.uint8)
    scene[20:60, 10:70], scene[50:53, 35:45] = GREEN, MAGENTA
    scene[70:100, 120:160], scene[94:96, 137:143] = GREEN, MAGENTA
    return scene


def track_on(scene: np.ndarray, *boxes: list[float]) -> Track:
    pictures = tuple(
        Picture(9 - n, float(n), np.array(box, np.float32), cut(scene, np.array(box)), 0.9 - n / 10)
        for n, box in enumerate(boxes)
    )
    kinds = np.zeros(len(KINDS))
    return Track(3, kinds, 7, pictures, scene, np.zeros((1, 4)), {"main": np.ones(1, np.float32)})


def magenta(picture: np.ndarray) -> int:
    """Pixels that are still like a plate."""
    return int((np.abs(picture.astype(int) - MAGENTA).sum(axis=2) < 30).sum())


def test_plates_are_masked_on_all_that_is_kept_of_a_track() -> None:
    scene = street()
    track = track_on(scene, [10, 20, 70, 60], [12, 22, 68, 59])
    assert min(magenta(each.crop) for each in track.pictures) == 30
    clean = PlateMasks(SeesColors()).masked_track(track)
    assert [magenta(each.crop) for each in clean.pictures] == [0, 0]
    assert magenta(clean.scene) == 0
    for before, after in zip(track.pictures, clean.pictures, strict=True):
        np.testing.assert_array_equal(after.box, before.box)
        assert (after.frame, after.time, after.quality) == (
            before.frame, before.time, before.quality,
        )  # fmt: skip
        np.testing.assert_array_equal(after.crop[:25], before.crop[:25])
    assert (clean.number, clean.boxes, clean.embeddings) == (3, 7, track.embeddings)
    assert magenta(track.scene) == 42  # the track itself is as it was
    np.testing.assert_array_equal(clean.scene[:45], scene[:45])


def test_small_plates_are_found_on_enlarged_vehicles() -> None:
    """The detector sees nothing below 12 pixels, and plates on the frame have 10 and 6."""
    scene = street()
    track = track_on(scene, [10, 20, 70, 60])
    clean = PlateMasks(SeesColors(narrowest=12.0)).masked_track(track)
    assert magenta(clean.pictures[0].crop) == 0
    assert magenta(clean.scene) == 0
    own_size = PlateMasks(SeesColors(narrowest=12.0), sides=()).masked_track(track)
    assert magenta(own_size.pictures[0].crop) == 30
    assert magenta(own_size.scene) == 42


def test_a_vehicle_that_the_detector_misses_on_the_frame_is_looked_at() -> None:
    class SeesNoCars(SeesColors):
        def _found(self, frame: np.ndarray, threshold: float) -> FoundOnFrame:
            found = super()._found(frame, threshold)
            return FoundOnFrame(*(each[found.kind == PLATE] for each in found))

    track = track_on(street(), [10, 20, 70, 60])
    clean = PlateMasks(SeesNoCars(narrowest=12.0)).masked_track(track)
    assert magenta(clean.scene) == 12  # only the other car's
    np.testing.assert_array_equal(clean.scene[:, 100:], street()[:, 100:])


def test_unsure_plates_are_masked_and_very_unsure_ones_are_not() -> None:
    track = track_on(street(), [10, 20, 70, 60])
    for score, left in ((0.2, 0), (0.1, 30)):
        clean = PlateMasks(SeesColors(score=score)).masked_track(track)
        assert magenta(clean.pictures[0].crop) == left
    clean = PlateMasks(SeesColors(score=0.1), threshold=0.05).masked_track(track)
    assert magenta(clean.pictures[0].crop) == 0


def test_plates_of_motorcycles_count_from_a_lower_score_on() -> None:
    """A picture that is half as high again as wide is one of a motorcycle."""
    for height, count in ((60, 1), (59, 0)):
        crop = np.full((height, 40, 3), 200, np.uint8)
        crop[30:36, 12:24] = MAGENTA
        assert len(PlateMasks(SeesColors(score=0.11), sides=()).on_vehicle(crop)) == count
        assert len(PlateMasks(SeesColors(score=0.09), sides=()).on_vehicle(crop)) == 0


def test_what_is_as_large_as_a_vehicle_is_no_plate() -> None:
    crop = np.full((40, 60, 3), 200, np.uint8)
    crop[5:18, 10:30] = MAGENTA  # 13 of 40 high
    assert len(PlateMasks(SeesColors(), sides=()).on_vehicle(crop)) == 0
    crop[5:18, 10:30], crop[30:34, 5:38] = 200, MAGENTA  # 33 of 60 wide
    assert len(PlateMasks(SeesColors(), sides=()).on_vehicle(crop)) == 0
    crop[30:34, 5:10] = 200  # 28 of 60
    assert PlateMasks(SeesColors(), sides=()).on_vehicle(crop).tolist() == [[10, 30, 38, 34]]


def test_a_track_without_a_scene_has_its_pictures_masked() -> None:
    track = track_on(street(), [10, 20, 70, 60])
    bare = Track(1, track.kinds, 2, track.pictures, np.empty((0, 0, 3), np.uint8), track.path)
    clean = PlateMasks(SeesColors()).masked_track(bare)
    assert magenta(clean.pictures[0].crop) == 0
    assert clean.scene.shape == (0, 0, 3)
