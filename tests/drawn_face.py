"""A rider with a face, drawn so that the detector of faces takes it for one."""

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 160, 240
FACE = np.array([64.0, 38.0, 96.0, 82.0])  # of the rider, from the hair to the chin


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
