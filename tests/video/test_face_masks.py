"""Faces are found by the detector inside the package, and masked on what is kept of a vehicle."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from platefree.data.frame_boxes import KINDS
from platefree.errors import CheckpointError
from platefree.inference.face_detector import FaceDetector
from platefree.video.best_pictures import Picture, cut
from platefree.video.face_masks import FaceMasks
from platefree.video.tracks import Track

WIDTH, HEIGHT = 160, 240
FACE = np.array([64.0, 38.0, 96.0, 82.0])  # of the rider, from the hair to the chin
RIDER = np.array([150.0, 30.0, 310.0, 270.0])  # in a scene


def rider(*, faceless: bool = False) -> np.ndarray:
    """A face of 32 pixels above a blue jacket, drawn large and shrunk."""
    picture = Image.new("RGB", (4 * WIDTH, 4 * HEIGHT), (128, 130, 128))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((200, 300, 440, 700), fill=(40, 60, 140))
    x, y, w, h = 320, 240, 130, 175
    draw.ellipse((x - 0.6 * w, y - 0.75 * h, x + 0.6 * w, y + 0.3 * h), fill=(50, 35, 30))
    if not faceless:
        draw.ellipse((x - w / 2, y - h / 2, x + w / 2, y + h / 2), fill=(224, 178, 150))
        for side in (-1, 1):
            eye, brow = x + side * 0.22 * w, y - 0.2 * h
            draw.ellipse((eye - 13, y - 26, eye + 13, y - 9), fill=(245, 240, 235))
            draw.ellipse((eye - 7, y - 26, eye + 7, y - 9), fill=(40, 25, 20))
            draw.line((x + side * 43, brow, x + side * 13, brow), fill=(50, 35, 30), width=8)
        draw.polygon(((x, y - 9), (x - 12, y + 25), (x + 12, y + 25)), fill=(195, 145, 120))
        draw.ellipse((x - 26, y + 40, x + 26, y + 58), fill=(170, 70, 70))
    return np.asarray(picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def skin(picture: np.ndarray) -> int:
    """Pixels of the drawn skin."""
    return int((np.abs(picture.astype(int) - (224, 178, 150)).sum(axis=2) < 40).sum())


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
    with pytest.raises(CheckpointError, match=r"faces\.onnx cannot be read"):
        FaceDetector(tmp_path / "faces.onnx")
    (tmp_path / "faces.onnx").write_bytes(b"no network")
    with pytest.raises(CheckpointError, match=r"faces\.onnx is no ONNX file"):
        FaceDetector(tmp_path / "faces.onnx")
