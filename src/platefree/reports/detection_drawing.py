"""Pictures with what a detector found drawn on them: a box, its class and its score."""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from platefree.data.frame_boxes import KINDS
from platefree.errors import StorageError
from platefree.inference.detector import FoundOnFrame
from platefree.storage.files import atomic_file

_COLORS = ("#2f6df6", "#b4459b", "#1b7f4d", "#b3541e", "#1c2127")  # of KINDS; named in text too
_PAPER = "#ffffff"


def drawn(picture: Image.Image, found: FoundOnFrame) -> Image.Image:
    """A copy of a picture with boxes, the surest on top.

    Args:
        picture: RGB.
        found: in its pixels.
    """
    copy = picture.copy()
    pen = ImageDraw.Draw(copy)
    side = max(copy.size)
    line, font = max(2, side // 480), ImageFont.load_default(max(12, side // 60))
    rows = zip(found.box, found.kind, found.score, strict=True)
    for box, kind, score in reversed(list(rows)):
        left, top = (math.floor(edge) for edge in box[:2])
        right, bottom = (math.ceil(edge) for edge in box[2:])
        color, text = _COLORS[int(kind)], f"{KINDS[int(kind)]} {score:.2f}"
        pen.rectangle((left, top, right - 1, bottom - 1), outline=color, width=line)
        _, _, wide, high = pen.textbbox((0, 0), text, font=font)
        across = max(0, min(left, math.floor(copy.width - wide - 5)))  # all of the text is seen
        place = across, (top - high - 3 if top >= high + 3 else top)
        pen.rectangle((*place, place[0] + wide + 4, place[1] + high + 3), fill=color)
        pen.text((place[0] + 2, place[1]), text, fill=_PAPER, font=font)
    return copy


def drawing_paths(pictures: Sequence[Path], folder: Path, suffix: str = ".png") -> list[Path]:
    """Where the drawn pictures or films go: ``NAME-found.png``; those of one name are numbered.

    Raises:
        StorageError: one of the pictures would be written over.
    """
    used: dict[str, int] = {}
    paths = []
    for picture in pictures:
        count = used[picture.stem] = used.get(picture.stem, 0) + 1
        number = f"-{count}" if count > 1 else ""
        paths.append(folder / f"{picture.stem}-found{number}{suffix}")
    originals = {picture.resolve() for picture in pictures}
    for path in paths:
        if path.resolve() in originals:
            raise StorageError(
                f"{path} is one of the pictures, which would be lost; choose another folder"
            )
    return paths


def save_drawing(picture: Image.Image, found: FoundOnFrame, path: Path) -> None:
    """Write a picture with what was found.

    Raises:
        StorageError: it cannot be written.
    """
    with atomic_file(path) as file:
        drawn(picture, found).save(file, "PNG")
