"""Inputs and outputs of a method as one picture: a row for each example."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from platefree.methods.base import Samples
from platefree.storage.files import atomic_file

_ROWS, _GAP, _LINE = 8, 4, 16
_CAPTION = 140  # pixels of the longest caption


def save_samples(samples: Samples, path: Path) -> Path:
    """Draw the first rows with their captions, and save them as PNG.

    Pictures narrower than their captions are enlarged.

    Args:
        samples: from `Method.samples`.
        path: the file to write; its folder is created if need be.

    Raises:
        StorageError: it cannot be written.
    """
    pictures = samples.pictures[:_ROWS].clamp(0.0, 1.0).mul(255).round().byte().numpy()
    times = -(-_CAPTION // pictures.shape[4])
    pictures = pictures.repeat(times, axis=3).repeat(times, axis=4)
    rows, columns, _, height, width = pictures.shape
    size = (columns * (width + _GAP) + _GAP, _LINE + rows * (height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for column, name in enumerate(samples.columns):
        left = _GAP + column * (width + _GAP)
        pen.text((left, 2), name, fill="black")
        for row in range(rows):
            picture = np.ascontiguousarray(pictures[row, column].transpose(1, 2, 0))
            sheet.paste(Image.fromarray(picture), (left, _LINE + _GAP + row * (height + _GAP)))
    with atomic_file(path) as file:
        sheet.save(file, "PNG")
    return path
