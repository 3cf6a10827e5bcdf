"""One picture from disk: upright, RGB, 8 bits, complete, and of a size that fits the memory.

Decided: only formats that cameras and people use are decoded (`FORMATS`); of an animation the
first frame counts; what is transparent becomes white, as on a page; 16-bit grey is scaled, not
clipped; embedded color profiles are ignored; EXIF rotation is applied where it can be read, and
damaged EXIF is no reason to refuse good pixels.

Memory: a JPEG is decoded at a fraction of its size where a small one is asked for. Other formats
are decoded whole, so their limits are lower (`limit_of`), and then converted in strips.
"""

import os
import threading
import warnings
import zlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile

from platefree.data.foreign_files import PEEK, foreign_kind
from platefree.data.heic import is_heic, register_heic
from platefree.data.plain_jpeg import plain_jpeg
from platefree.errors import ImageError, OversizedImage
from platefree.inputs.plain_files import MB, Expected, open_input

PICTURE = Expected("a picture", 512 * MB, ImageError)  # 50 megapixels of four 16-bit channels: 400
"""What a picture file can be."""

MAX_PIXELS = 100_000_000
"""A picture that claims more pixels is refused before any of them is decoded."""

_DECODED_WHOLE = 50_000_000  # 4 bytes a pixel, once
_SEVERAL_COPIES = 25_000_000  # within the decoders of these formats
_LARGE = 10_000_000  # pixels; such pictures are decoded one after the other
_STRIP = 1_000_000  # pixels that are converted at a time

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM", "HEIF")
"""The formats that are decoded, by their names in Pillow; HEIF with ``platefree[heic]``."""

_START = 2048  # bytes: the tables of most JPEGs end before, and their pixels begin

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


@dataclass(frozen=True, slots=True)
class PictureStart:
    """What is known of a picture and its file once its first bytes are read.

    Attributes:
        header: size and format of the picture.
        size: of the file, in bytes.
        checksum: of the first bytes of the file; that of an equal file is equal.
    """

    header: ImageHeader
    size: int
    checksum: int


def limit_of(format: str, *, progressive: bool = False) -> int:
    """The most pixels that a picture of a format may have.

    Args:
        format: Pillow's name of it.
        progressive: whether a JPEG is, whose coefficients are then held in memory as a whole.
    """
    if format == "JPEG" and not progressive:
        return MAX_PIXELS
    return _SEVERAL_COPIES if format in ("WEBP", "AVIF", "HEIF") else _DECODED_WHOLE


def read_header(path: str | Path) -> ImageHeader:
    """Read size and format of a picture without decoding its pixels.

    Raises:
        ImageError: the file is missing, empty or no picture, or its header is damaged.
        OversizedImage: it claims more pixels than `limit_of` its format.
    """
    return read_start(path).header


def read_start(path: str | Path) -> PictureStart:
    """Read the header of a picture, and what the first bytes tell of its file.

    Raises:
        ImageError: as of `read_header`.
        OversizedImage: as of `read_header`.
    """
    with open_input(path, PICTURE) as file:
        start = file.read(_START)
        plain = plain_jpeg(start)
        if plain is None:
            file.seek(0)
            header = _header(file, path)
        else:
            _refuse_large(path, "JPEG", (plain.width, plain.height), limit_of("JPEG"))
            header = ImageHeader(plain.width, plain.height, "JPEG", plain.mode)
        return PictureStart(header, os.fstat(file.fileno()).st_size, zlib.crc32(start))


def read_image(path: str | Path, *, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Decode a picture: upright, mode RGB, detached from its file.

    A truncated JPEG that ends with an end marker is not recognised as damaged.

    Args:
        path: the file; its content, not its name, decides the format.
        at_least: (width, height) in pixels, both positive, as displayed. A much larger picture is
            then reduced to a half, a quarter or an eighth of its size, a JPEG while it is decoded,
            but never below this size: the result is usually still larger.

    Raises:
        ImageError: the file is missing, empty, no picture, damaged or cut short.
        OversizedImage: it claims more pixels than `limit_of` its format.
        OutOfMemory: the memory does not suffice.
    """
    with open_input(path, PICTURE) as file, _PILLOW_MUTED:
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
        OversizedImage: the picture claims more pixels than `limit_of` its format.
        OutOfMemory: the memory does not suffice.
    """
    with open_input(path, PICTURE) as file, _PILLOW_MUTED:
        image = _open(file, path)
        return _part(image, path, box, _orientation(image))


def read_displayed_part(path: str | Path, box: tuple[int, int, int, int]) -> Image.Image:
    """Like `read_part`, with a box in pixels as they are displayed, which is after EXIF rotation.

    Raises:
        ImageError: as of `read_part`.
        OutOfMemory: the memory does not suffice.
    """
    with open_input(path, PICTURE) as file, _PILLOW_MUTED:
        image = _open(file, path)
        orientation = _orientation(image)
        return _part(image, path, _stored_box(box, image.size, orientation), orientation)


def _header(file: BufferedReader, path: str | Path) -> ImageHeader:
    with _PILLOW_MUTED:
        image = _open(file, path)
        orientation = _orientation(image)
    width, height = image.size[::-1] if orientation in _SIDEWAYS else image.size
    return ImageHeader(width, height, image.format or "", image.mode)


def _open(file: BufferedReader, path: str | Path) -> ImageFile.ImageFile:
    """Like `Image.open`, without its size check, whose error does not give the size."""
    Image.init()
    start = file.read(PEEK)
    if not start:
        raise ImageError(f"{path} is empty (0 bytes), expected a picture: copy it again")
    if is_heic(start):
        register_heic(path)
    for name in FORMATS:
        factory, accepts = Image.OPEN.get(name, (None, None))
        if factory is None or accepts is None or accepts(start[:16]) is not True:
            continue
        if name == "WEBP":  # its decoder takes memory for two pictures when it is opened
            _refuse_large(path, name, _webp_size(start), limit_of(name))
        file.seek(0)
        try:
            image = factory(file, "")  # without a name, pixels are read and never mapped
        except MemoryError:
            raise
        except Image.DecompressionBombError as error:
            raise _oversized(path, str(error), MAX_PIXELS) from error
        except Exception as error:
            raise _damaged(path, error) from error
        progressive = bool(image.info.get("progression"))
        _refuse_large(path, name, image.size, limit_of(name, progressive=progressive))
        return image
    # Its first bytes are not shown: a table may name any file of the machine.
    found = foreign_kind(start)
    raise ImageError(
        f"{path} is {found}" if found
        else f"{path} cannot be read as a picture: "
        f"convert it to one of {', '.join(FORMATS)}, or leave it out"
    )  # fmt: skip


def _refuse_large(path: str | Path, format: str, size: tuple[int, int], limit: int) -> None:
    width, height = size
    if width * height > limit:
        raise _oversized(path, f"{format}, {width:,} x {height:,} pixels", limit)


def _webp_size(start: bytes) -> tuple[int, int]:
    """Width and height by the first chunk of a WebP file; zero where it is damaged.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    number = int.from_bytes
    if start[12:16] == b"VP8X":
        return 1 + number(start[24:27], "little"), 1 + number(start[27:30], "little")
    if start[12:16] == b"VP8L":
        bits = number(start[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return number(start[26:28], "little") & 0x3FFF, number(start[28:30], "little") & 0x3FFF


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
    with _in_turn(image):
        _load(image, path, at_least)
        factor = 1
        if at_least is not None and image.format != "JPEG":  # which was reduced while decoded
            factor = _factor(image.size, at_least)
        return _rgb(image, image, path, factor)


def _part(
    image: ImageFile.ImageFile, path: str | Path, box: tuple[int, int, int, int], orientation: int
) -> Image.Image:
    """A part as RGB; ``box`` is in pixels as stored."""
    left, top, right, bottom = box
    if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
        raise ImageError(
            f"{path} is {image.width} x {image.height} pixels, expected a box within it, "
            f"found {left}, {top} to {right}, {bottom}"
        )
    with _in_turn(image):
        _load(image, path)
        return _upright(_rgb(image.crop(box), image, path), orientation)


def _load(
    image: ImageFile.ImageFile, path: str | Path, at_least: tuple[int, int] | None = None
) -> None:
    """Decode the pixels, those of a JPEG at a fraction of its size if that is enough."""
    try:
        if at_least is not None:
            image.draft(None, at_least)
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # decoders fed hostile bytes raise nearly anything
        raise _damaged(path, error) from error


def _in_turn(image: ImageFile.ImageFile) -> AbstractContextManager[Any]:
    """Large pictures are decoded one after the other, however many threads read."""
    return _ONE_LARGE if image.width * image.height > _LARGE else nullcontext()


def reduced(picture: Image.Image, at_least: tuple[int, int] | None) -> Image.Image:
    """A decoded picture as `read_image` gives it if no more pixels than ``at_least`` are needed."""
    return picture if at_least is None else _reduced(picture, _factor(picture.size, at_least))


def _factor(size: tuple[int, int], at_least: tuple[int, int]) -> int:
    """By how much a picture can be reduced without getting smaller than ``at_least``."""
    fits = (
        factor
        for factor in (8, 4, 2)
        if all(have >= factor * want for have, want in zip(size, at_least, strict=True))
    )
    return next(fits, 1)


def _stored_box(
    box: tuple[int, int, int, int], size: tuple[int, int], orientation: int
) -> tuple[int, int, int, int]:
    """Where a box of the displayed picture is in the stored one, which has this size."""
    left, top, right, bottom = box
    width, height = size
    return {
        2: (width - right, top, width - left, bottom),
        3: (width - right, height - bottom, width - left, height - top),
        4: (left, height - bottom, right, height - top),
        5: (top, left, bottom, right),
        6: (top, height - right, bottom, height - left),
        7: (width - bottom, height - right, width - top, height - left),
        8: (width - bottom, left, width - top, right),
    }.get(orientation, box)


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    picture.info.clear()  # otherwise a later reader would rotate the picture a second time
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def _rgb(
    pixels: Image.Image, image: ImageFile.ImageFile, path: str | Path, factor: int = 1
) -> Image.Image:
    """The pixels of an image, or a part of them, as RGB, reduced by a factor.

    They are converted in strips, so that there is never a second copy of their full size.
    """
    width, height = pixels.size
    rows = max(_STRIP // width // factor, 1) * factor
    try:
        if rows >= height:
            return _reduced(_opaque(pixels, image, path), factor)
        whole = Image.new("RGB", (-(-width // factor), -(-height // factor)))
        for top in range(0, height, rows):
            strip = pixels.crop((0, top, width, min(top + rows, height)))
            whole.paste(_reduced(_opaque(strip, image, path), factor), (0, top // factor))
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # as in `_load`: palettes and transparency may be damaged too
        raise _damaged(path, error) from error
    return whole


def _reduced(picture: Image.Image, factor: int) -> Image.Image:
    return picture if factor == 1 else picture.reduce(factor)


def _opaque(strip: Image.Image, image: ImageFile.ImageFile, path: str | Path) -> Image.Image:
    if image.mode[0] in "IF":
        strip = _eight_bits(strip, image, path)
    if strip.has_transparency_data:
        page = Image.new("RGBA", strip.size, "white")
        page.alpha_composite(strip.convert("RGBA"))
        strip = page
    return strip.convert("RGB")


def _eight_bits(strip: Image.Image, image: ImageFile.ImageFile, path: str | Path) -> Image.Image:
    """Scale 16-bit grey (or 12-bit, in TIFF) to 8 bits; Pillow's own conversion would clip it."""
    if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        raise ImageError(
            f"{path} has pixels of 32 bits (mode {image.mode}), whose white is unknown: "
            "save it with 8 or 16 bits"
        )
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(ExifTags.Base.BitsPerSample, (16,))[0]
    grey = np.asarray(strip).astype(np.float32) * (255 / (2**bits - 1))
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:  # white is zero
        grey = 255 - grey
    return Image.fromarray(np.rint(grey).clip(0, 255).astype(np.uint8))


def _oversized(path: str | Path, found: str, limit: int) -> OversizedImage:
    return OversizedImage(
        f"{path} is too large ({found}), expected at most {limit:,} pixels: "
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
_ONE_LARGE = threading.Lock()
