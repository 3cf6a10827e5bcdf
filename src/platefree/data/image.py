"""One picture from disk: upright, RGB, 8 bits, complete, and never larger than `MAX_PIXELS`.

Decided: only formats that cameras and people use are decoded (`FORMATS`); of an animation the
first frame counts; what is transparent becomes white, as on a page; 16-bit grey is scaled, not
clipped; embedded color profiles are ignored; EXIF rotation is applied where it can be read, and
damaged EXIF is no reason to refuse good pixels.
"""

import os
import stat
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile

from platefree.data.heic import is_heic, register_heic
from platefree.data.other_files import is_no_picture
from platefree.errors import ImageError, OversizedImage

MAX_PIXELS = 100_000_000
"""A picture that claims more pixels is refused before any of them is decoded."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM", "HEIF")
"""The formats that are decoded, by their names in Pillow; HEIF with ``platefree[heic]``."""

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif",
    ".ppm", ".pgm", ".heic", ".heif",
)  # fmt: skip
"""Endings, in lower case, of the files that count as pictures when a folder is searched."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height


@dataclass(frozen=True)
class ImageHeader:
    """Size and format of a picture, from the first bytes of its file.

    Attributes:
        width: in pixels, as displayed: after EXIF rotation.
        height: in pixels, as displayed.
        format: Pillow's name of the file format (JPEG, PNG ...).
        mode: Pillow's name of the pixel format as stored (RGB, L, CMYK, I;16 ...).
    """

    width: int
    height: int
    format: str
    mode: str


def read_header(path: str | Path) -> ImageHeader:
    """Read size and format of a picture without decoding its pixels.

    Raises:
        ImageError: the file is missing, empty or no picture, or its header is damaged.
        OversizedImage: it claims more than `MAX_PIXELS` pixels.
    """
    with _regular_file(path) as file, _PILLOW_MUTED:
        image = _open(file, path)
        orientation = _orientation(image)
    width, height = image.size[::-1] if orientation in _SIDEWAYS else image.size
    return ImageHeader(width, height, image.format or "", image.mode)


def read_image(path: str | Path, *, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Decode a picture: upright, mode RGB, detached from its file.

    A truncated JPEG that ends with an end marker is not recognised as damaged.

    Args:
        path: the file; its content, not its name, decides the format.
        at_least: (width, height) in pixels, both positive, as displayed. A much larger JPEG is
            then decoded at a half, a quarter or an eighth of its size, several times faster,
            but never below this size unless it is stored smaller: the result is usually still
            larger, and other formats come at full size.

    Raises:
        ImageError: the file is missing, empty, no picture, damaged or cut short.
        OversizedImage: it claims more than `MAX_PIXELS` pixels.
    """
    with _regular_file(path) as file, _PILLOW_MUTED:
        image = _open(file, path)
        orientation = _orientation(image)
        size = at_least[::-1] if at_least and orientation in _SIDEWAYS else at_least
        return _upright(_decoded(image, path, size), orientation)


def read_part(path: str | Path, box: tuple[int, int, int, int]) -> Image.Image:
    """Decode a part of a picture: upright, mode RGB, detached from its file.

    Args:
        path: as of `read_image`.
        box: left, top, right and bottom of the part in pixels as they are stored, which is
            before EXIF rotation; right and bottom are exclusive.

    Raises:
        ImageError: as of `read_image`, or the box is empty or not within the picture.
        OversizedImage: the picture claims more than `MAX_PIXELS` pixels.
    """
    with _regular_file(path) as file, _PILLOW_MUTED:
        image = _open(file, path)
        orientation = _orientation(image)
        left, top, right, bottom = box
        if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
            raise ImageError(
                f"{path} is {image.width} x {image.height} pixels, expected a box within it, "
                f"found {left}, {top} to {right}, {bottom}"
            )
        return _upright(_decoded(image, path).crop(box), orientation)


def find_pictures(
    folder: str | Path, *, depth: int, passed_over: Counter[str] | None = None
) -> Iterator[tuple[str, ...]]:
    """Pictures in a folder, by suffix, as the parts of their paths relative to it.

    They are sorted. Hidden files and folders are skipped, and whatever is more than ``depth``
    folders down; links to folders are followed.

    Args:
        folder: where to search.
        depth: how many folders down.
        passed_over: counts the files that may be pictures too but have another ending, by that, and
            the folders that are too far down.

    Raises:
        OSError: a folder cannot be listed.
    """
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith((".", "__MACOSX")):
            continue
        if not entry.is_dir():
            if entry.name.lower().endswith(IMAGE_SUFFIXES):
                yield (entry.name,)
            elif passed_over is not None and not is_no_picture(entry.name):
                passed_over[os.path.splitext(entry.name)[1].lower() or "without an ending"] += 1
        elif depth > 0:
            for parts in find_pictures(entry.path, depth=depth - 1, passed_over=passed_over):
                yield (entry.name, *parts)
        elif passed_over is not None:
            passed_over["folder further down"] += 1


def _regular_file(path: str | Path) -> BinaryIO:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{path} is a folder, expected a picture: name a file in it")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would block forever
            raise ImageError(f"{path} is no regular file, expected a picture: copy it to a file")
        if status.st_size == 0:
            raise ImageError(f"{path} is empty (0 bytes), expected a picture: copy it again")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise ImageError(
            f"{path} does not exist, expected a picture: correct the path or put the file there"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise ImageError(
            f"{path} cannot be opened ({reason}): check its path and permissions"
        ) from error


def _open(file: BinaryIO, path: str | Path) -> ImageFile.ImageFile:
    """Like `Image.open`, without its size check, whose error does not give the size."""
    Image.init()
    start = file.read(64)
    if is_heic(start):
        register_heic(path)
    prefix = start[:16]
    for name in FORMATS:
        factory, accepts = Image.OPEN.get(name, (None, None))
        if factory is None or accepts is None or accepts(prefix) is not True:
            continue
        file.seek(0)
        try:
            image = factory(file, "")  # without a name, pixels are read and never mapped
        except Image.DecompressionBombError as error:
            raise _oversized(path, str(error)) from error
        except Exception as error:
            raise _damaged(path, error) from error
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise _oversized(path, f"{width:,} x {height:,} pixels")
        return image
    raise ImageError(
        f"{path} is no picture that can be read{_kind(start)}: convert it to one of "
        f"{', '.join(FORMATS)}, or leave it out"
    )


def _kind(start: bytes) -> str:
    """What else a file is, in words: a table may name any file, so its content is not shown."""
    first = start.lstrip().lower()
    kinds = {b"<!doctype": "a web page", b"<html": "a web page", b"%pdf": "a PDF", b"pk": "a ZIP"}
    return next((f" but {kind}" for mark, kind in kinds.items() if first.startswith(mark)), "")


def _orientation(image: ImageFile.ImageFile) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, where there is none or it is damaged."""
    if image.format == "TIFF":
        return 1  # Pillow turns TIFF files itself while it decodes, and `size` already says so
    try:
        # Not image.getexif(): for PNG that decodes every pixel to look for EXIF behind them.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
        return orientation if orientation in _TURNS else 1
    except Exception:
        return 1


def _decoded(
    image: ImageFile.ImageFile, path: str | Path, at_least: tuple[int, int] | None = None
) -> Image.Image:
    """Its pixels as RGB; ``at_least`` is the size wanted, as stored."""
    try:
        if at_least is not None:
            image.draft(None, at_least)
        image.load()
        return _rgb(image, path)
    except ImageError:
        raise
    except Exception as error:  # decoders fed hostile bytes raise nearly anything
        raise _damaged(path, error) from error


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    picture.info.clear()  # otherwise a later reader would rotate the picture a second time
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def _rgb(image: ImageFile.ImageFile, path: str | Path) -> Image.Image:
    opaque = _eight_bits(image, path) if image.mode[0] in "IF" else image
    if opaque.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(opaque.convert("RGBA"))
        opaque = page
    return opaque.convert("RGB")


def _eight_bits(image: ImageFile.ImageFile, path: str | Path) -> Image.Image:
    """Scale 16-bit grey (or 12-bit, in TIFF) to 8 bits; Pillow's own conversion would clip it."""
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        raise ImageError(
            f"{path} has pixels of 32 bits (mode {image.mode}), whose white is unknown: "
            "save it with 8 or 16 bits"
        )
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(ExifTags.Base.BitsPerSample, (16,))[0]
    grey = np.asarray(image).astype(np.float32) * (255 / (2**bits - 1))
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:  # white is zero
        grey = 255 - grey
    return Image.fromarray(np.rint(grey).clip(0, 255).astype(np.uint8))


def _oversized(path: str | Path, found: str) -> OversizedImage:
    return OversizedImage(
        f"{path} is too large ({found}), expected at most {MAX_PIXELS:,} pixels: "
        "scale it down, or leave it out"
    )


def _damaged(path: str | Path, error: Exception) -> ImageError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ImageError(f"{path} is damaged or cut short ({reason}): copy it again, or leave it out")


class _Muted:
    """Mutes Pillow's warnings while any thread is inside; what matters here becomes an error.

    `warnings.catch_warnings` alone would leave the filters wrong when threads overlap.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(kind, error, trace)


_PILLOW_MUTED = _Muted()
