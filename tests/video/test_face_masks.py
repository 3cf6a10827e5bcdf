"""Faces are found by the detector inside the package, and masked on what is kept of a vehicle."""

from pathlib import Path

import numpy as np
import pytest
from drawn_face import FACE, HEIGHT, WIDTH, rider, skin
from PIL import Image

from platefree.data.frame_boxes import KINDS
from platefree.errors import CheckpointError
from platefree.inference.face_detector import FaceDetector
from platefree.video.best_pictures import Picture, cut
from platefree.video.face_masks import FaceMasks
from platefree.video.tracks import Track

RIDER = np.array([150.0, 30.0, 310.0, 270.0])  # in a scene


@pytest.fixture(scope="module")
def masks() -> FaceMasks:
    return FaceMasks()


def test_faces_are_masked_on_all_that_is_kept_of_a_track(masks: FaceMasks) -> None:
    scene = np.full((300, 400, 3), 110, np.uint8)
    scene[30:270, 150:310] = rider()
    pictures = (Picture(4, 0.4, RIDER.astype(np.float32), cut(scene, RIDER), 0.8),)
    track = Track(1, np.zeros(len(KINDS)), 3, pictures, scene, np.zeros((1, 4)))
    assert skin(track.pictures[0].crop) > 500
    clean = masks.masked_track(track)
    assert skin(clean.pictures[0].crop) < 50
    assert skin(clean.scene) < 50
    np.testing.assert_array_equal(clean.pictures[0].crop[120:], track.pictures[0].crop[120:])
    np.testing.assert_array_equal(clean.scene[150:], scene[150:])
    assert skin(track.pictures[0].crop) > 500  # the track itself is as it was


def test_a_head_without_a_face_is_left(masks: FaceMasks) -> None:
    assert len(masks.on_vehicle(rider(faceless=True))) == 0
    assert len(masks.on_vehicle(np.full((30, 1, 3), 90, np.uint8))) == 0


@pytest.mark.parametrize(("wide", "side"), [(WIDTH, 192), (40, 192), (WIDTH, None), (333, 128)])
def test_a_face_is_where_it_was_drawn_at_any_size(wide: int, side: int | None) -> None:
    factor = wide / WIDTH
    size = wide, round(HEIGHT * factor)
    picture = np.asarray(Image.fromarray(rider()).resize(size, Image.Resampling.LANCZOS))
    found = FaceDetector().faces(picture, side)
    assert len(found) > 0
    middle = (found[:, :2] + found[:, 2:]) / 2
    assert (middle > FACE[:2] * factor).all()
    assert (middle < FACE[2:] * factor).all()
    assert (np.abs((found[:, 2] - found[:, 0]) / factor - 36) < 9).all()


def test_a_detector_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"faces\.onnx"):
        FaceDetector(tmp_path / "faces.onnx")
    (tmp_path / "faces.onnx").write_bytes(b"no network")
    with pytest.raises(CheckpointError, match=r"faces\.onnx is not an ONNX file"):
        FaceDetector(tmp_path / "faces.onnx")
