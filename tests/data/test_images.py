import io
import os
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import facts, says
from PIL import Image, ImageFile, features

from platefree.data import image
from platefree.data.image import (
    MAX_PIXELS,
    ImageHeader,
    OversizedImage,
    read_displayed_part,
    read_header,
    read_image,
)
from platefree.data.picture_files import IMAGE_SUFFIXES
from platefree.errors import ImageError

REAL = Path(__file__).parents[3] / "shared" / "data" / "two-cameras"
ORIENTATION = 0x0112


def smooth(width: int = 48, height: int = 32) -> Image.Image:
    """A color gradient without symmetry, so that every turn and flip is visible."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, (x + y) / 4], axis=2).astype(np.uint8))


def png(width: int, height: int, depth: int, color: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG written by hand, so that its chunks may say anything."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def tiff(width: int, height: int, tags: dict[int, tuple[int, int]], pixels: bytes) -> bytes:
    """A little-endian grey TIFF of one strip; ``tags`` maps a tag to (type, value)."""
    entries = {
        256: (4, width), 257: (4, height), 259: (3, 1), 262: (3, 1), 277: (3, 1),
        278: (4, height), 279: (4, len(pixels)), **tags,
    }  # fmt: skip
    entries[273] = (4, 8 + 2 + 12 * (len(entries) + 1) + 4)
    body = b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items())
    )
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + b"\0\0\0\0" + pixels


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=np.int16)


def noise(width: int, height: int) -> Image.Image:
    drawn = np.random.default_rng(0).integers(0, 256, (height, width, 4), dtype=np.uint8)
    return Image.fromarray(drawn)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes, name: str = "picture.jpg") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


Put = Callable[..., Path]


# --- formats and modes ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM"])
def test_every_format_is_read_as_rgb(kind: str, put: Put) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    original = smooth()
    path = put(encoded(original, kind), "named-wrongly.xyz")
    header = read_header(path)
    assert (header.width, header.height, header.format) == (48, 32, kind)
    picture = read_image(path)
    assert type(picture) is Image.Image
    assert (picture.mode, picture.size) == ("RGB", (48, 32))
    tolerance = 24 if kind in ("JPEG", "WEBP", "AVIF", "GIF") else 0
    assert np.abs(pixels(picture) - pixels(original)).max() <= tolerance


def test_other_formats_are_refused_even_where_pillow_knows_them(put: Put) -> None:
    for kind in ("PCX", "TGA", "EPS"):
        path = put(encoded(smooth(), kind), "picture.png")
        with pytest.raises(
            ImageError, match=facts("picture.png", "as a picture", "JPEG, PNG, WEBP")
        ):
            read_image(path)


FOREIGN = {
    "PDF": encoded(smooth(), "PDF"),
    "ICO": encoded(smooth(), "ICO"),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "video (MP4)": b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2",
    "video (AVI)": b"RIFF\x24\0\0\0AVI LIST",
    "video (MKV": b"\x1aE\xdf\xa3\x01\0\0\0",
    "video (MPEG": (b"G" + b"\0" * 187) * 3,
    "ZIP": b"PK\x03\x04\x14\0",
    "tar": b"name".ljust(257, b"\0") + b"ustar\00000",
    "gzip": b"\x1f\x8b\x08\0",
    "web page": b"\n<!DOCTYPE html><title>404</title>",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_picture_is_called_what_it_is(kind: str, put: Put) -> None:
    path = put(FOREIGN[kind], "picture.jpg")
    for read in (read_image, read_header):
        with pytest.raises(ImageError) as caught:
            read(path)
        line = str(caught.value)
        assert says(line, path)
        assert kind in line


def test_the_real_video_is_called_a_video() -> None:
    videos = sorted(path for path in (REAL.parent / "video").glob("*") if path.suffix != ".md")
    if not videos:
        pytest.skip(f"no video in {REAL.parent / 'video'}")
    with pytest.raises(ImageError, match=facts(videos[0], "video")):
        read_image(videos[0])


def test_no_byte_of_a_strange_file_is_shown(put: Put) -> None:
    """A table may name any file of the machine."""
    for content in (b"root:x:0:0:root:/root:/bin/bash\n", b"secret", b"\x7fELF\x02\x01\x01"):
        path = put(content, "passwd")
        with pytest.raises(ImageError) as caught:
            read_image(path)
        assert not any(word in str(caught.value) for word in ("root:", "secret", "ELF"))


def test_cmyk_is_converted_and_adobe_inversion_undone(put: Put) -> None:
    inverted = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red ink; Pillow writes it inverted
    adobe = encoded(inverted, "JPEG", quality=95)
    assert b"Adobe" in adobe
    red = pixels(read_image(put(adobe)))[8, 8]
    assert np.abs(red - (255, 0, 0)).max() <= 8
    assert read_header(put(adobe)).mode == "CMYK"
    flat = encoded(inverted, "TIFF")
    assert pixels(read_image(put(flat)))[8, 8].tolist() == [255, 0, 0]


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_sixteen_bit_grey_is_scaled_not_clipped(byte_order: str, put: Put) -> None:
    levels = np.array([[0, 257, 25_700, 32_896, 65_535]], dtype=np.uint16)
    expected = [0, 1, 100, 128, 255]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    as_png = png(5, 1, 16, 0, (b"IDAT", zlib.compress(rows)))
    order = levels.astype(byte_order + "u2").tobytes()
    as_tiff = tiff(5, 1, {258: (3, 16)}, order)
    if byte_order == ">":
        as_tiff = encoded(Image.fromarray(levels.astype(">u2")), "TIFF")
        assert as_tiff.startswith(b"MM")
    as_pgm = b"P5 5 1 65535\n" + levels.astype(">u2").tobytes()
    for content in (as_png, as_tiff, as_pgm):
        assert pixels(read_image(put(content)))[0, :, 1].tolist() == expected


def test_twelve_bit_and_white_is_zero_tiffs(put: Put) -> None:
    twelve = tiff(2, 1, {258: (3, 12)}, bytes([0xFF, 0xF8, 0x00]))  # 4095, 2048
    assert pixels(read_image(put(twelve)))[0, :, 0].tolist() == [255, 128]
    negative = tiff(2, 1, {258: (3, 16), 262: (3, 0)}, struct.pack("<HH", 0, 65_535))
    assert pixels(read_image(put(negative)))[0, :, 0].tolist() == [255, 0]


def test_thirty_two_bit_pixels_are_refused_because_white_is_unknown(put: Put) -> None:
    for dtype in (np.float32, np.int32):
        path = put(encoded(Image.fromarray(np.ones((4, 4), dtype)), "TIFF"), "deep.tif")
        assert read_header(path).width == 4
        with pytest.raises(ImageError, match=facts("deep.tif", "32 bits", "8 or 16 bits")):
            read_image(path)


def test_one_bit_and_grey_become_rgb(put: Put) -> None:
    checks = Image.fromarray(np.indices((8, 8)).sum(0) % 2 == 1)
    assert checks.mode == "1"
    expected = np.repeat((np.indices((8, 8)).sum(0) % 2 * 255)[..., None], 3, axis=2)
    assert (pixels(read_image(put(encoded(checks, "PNG")))) == expected).all()
    grey = Image.new("L", (8, 8), 77)
    assert (pixels(read_image(put(encoded(grey, "PNG")))) == 77).all()


def palette_with_transparency() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_entries_become_white(kind: str, put: Put) -> None:
    path = put(encoded(palette_with_transparency(), kind, transparency=0))
    assert pixels(read_image(path))[0].tolist() == [[255, 255, 255], [200, 100, 50]]


def test_partly_transparent_palettes_and_color_keys_are_blended(put: Put) -> None:
    half = encoded(palette_with_transparency(), "PNG", transparency=bytes([0, 128]))
    blended = [round(value * 128 / 255 + 255 * 127 / 255) for value in (200, 100, 50)]
    assert np.abs(pixels(read_image(put(half)))[0, 1] - blended).max() <= 1
    two = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], dtype=np.uint8))
    keyed = encoded(two, "PNG", transparency=(1, 2, 3))
    assert pixels(read_image(put(keyed)))[0].tolist() == [[255, 255, 255], [4, 5, 6]]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_on_white(mode: str, put: Put) -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 51))
    path = put(encoded(image.convert(mode), "PNG"))
    assert pixels(read_image(path))[0].tolist() == [[0] * 3, [204] * 3]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_counts(kind: str, put: Put) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    path = put(content)
    with Image.open(path) as opened:
        assert opened.n_frames == 3
    assert pixels(read_image(path))[8, 8].tolist() == [255, 0, 0]


def test_a_picture_of_one_pixel_is_legal(put: Put) -> None:
    path = put(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG"))
    assert read_header(path) == ImageHeader(1, 1, "PNG", "RGB")
    assert pixels(read_image(path)).tolist() == [[[1, 2, 3]]]


# --- rotation ---------------------------------------------------------------------------------


def displayed(stored: np.ndarray, orientation: int) -> np.ndarray:
    """The table of the EXIF standard: where row 0 and column 0 of the stored pixels belong."""
    return {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: stored.transpose(1, 0, 2)[:, ::-1],
        7: stored.transpose(1, 0, 2)[::-1, ::-1],
        8: stored.transpose(1, 0, 2)[::-1],
    }[orientation]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_once(kind: str, orientation: int, put: Put) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    path = put(encoded(smooth(), kind, exif=exif, **options))
    picture = read_image(path)
    expected = displayed(pixels(smooth()), orientation)
    assert (pixels(picture) == expected).all()
    header = read_header(path)
    assert (header.width, header.height) == picture.size
    assert ORIENTATION not in picture.getexif()


def test_rotated_jpeg_and_avif(put: Put) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    for kind in ("JPEG", "AVIF"):
        if kind == "AVIF" and not features.check("avif"):
            continue
        path = put(encoded(smooth(), kind, exif=exif, quality=95))
        assert read_header(path).height == 48
        assert np.abs(pixels(read_image(path)) - displayed(pixels(smooth()), 6)).max() < 24


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0garbage that is no TIFF at all",
        b"Exif\0\0II*\0\xff\xff\xff\x7f",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0",  # text, not number
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0",  # 99
    ],
)
def test_damaged_exif_does_not_kill(exif: bytes, put: Put) -> None:
    path = put(encoded(smooth(), "JPEG", exif=exif))
    assert read_image(path).size == (48, 32)
    assert (read_header(path).width, read_header(path).height) == (48, 32)


def test_damaged_exif_folder_of_a_tiff_does_not_kill(put: Put) -> None:
    path = put(tiff(2, 1, {258: (3, 8), 34665: (4, 2**31)}, b"\x05\x06"))
    assert pixels(read_image(path))[0, :, 0].tolist() == [5, 6]


# --- broken and hostile files -----------------------------------------------------------------


def test_missing_folder_empty_pipe_and_impossible_paths(tmp_path: Path, put: Put) -> None:
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    cases = {
        str(tmp_path / "absent.jpg"): ("absent.jpg", "not exist", "correct the path"),
        str(tmp_path / "folder.jpg"): ("folder.jpg", "is a folder", "a picture"),
        str(tmp_path / "pipe.jpg"): ("pipe.jpg", "a pipe"),
        str(put(b"", "empty.jpg")): ("empty.jpg", "is empty", "0 bytes"),
        str(put(b"x", "file") / "in-file.jpg"): ("in-file.jpg", "Not a directory"),
        "nul\0byte.jpg": ("cannot be opened", "null byte"),
        "a" * 5000: ("cannot be opened", "too long"),
    }
    for path, message in cases.items():
        for read in (read_image, read_header):
            with pytest.raises(ImageError, match=facts(message)) as caught:
                read(path)
            assert "\n" not in str(caught.value)


def test_a_file_without_permission_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", refuse)
        with pytest.raises(ImageError) as caught:
            read_image("secret.png")
    assert says(str(caught.value), "secret.png", "cannot be opened", "Permission denied")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_picture_cut_short_is_refused_by_name(kind: str, kept: float, put: Put) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    content = encoded(noise, kind)
    path = put(content[: int(len(content) * kept)], "cut.jpg")
    with pytest.raises(ImageError, match=facts("cut.jpg", "damaged", "cut short", "copy it again")):
        read_image(path)


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 30}])
@pytest.mark.parametrize("at_least", [None, (16, 16)])
def test_a_jpeg_cut_short_is_never_grey(
    options: dict[str, object], at_least: tuple[int, int] | None, put: Put
) -> None:
    content = encoded(smooth(640, 480), "JPEG", **options)
    path = put(content[: len(content) * 2 // 3])
    assert read_header(path).width == 640
    with pytest.raises(ImageError, match=facts("picture.jpg", "cut short", "truncated")):
        read_image(path, at_least=at_least)


def webp(kind: bytes, body: bytes) -> bytes:
    """A WebP of one chunk."""
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


LIMITS = {"JPEG": "100,000,000", "WEBP": "25,000,000", "AVIF": "25,000,000"}


def bombs() -> dict[str, bytes]:
    small = encoded(smooth(), "JPEG")
    frame = small.index(b"\xff\xc0")
    jpeg = bytearray(small)
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 50_000, 50_000)
    return {
        "PNG, 50,000 x 50,000": png(50_000, 50_000, 8, 2, (b"IDAT", zlib.compress(b"\0" * 100))),
        "PNG, 5,000 x 10,001": png(5_000, 10_001, 8, 2, (b"IDAT", zlib.compress(b"\0" * 100))),
        "JPEG, 50,000 x 50,000": bytes(jpeg),
        "GIF, 60,000 x 60,000": b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + b"\0\0\0,"
        + struct.pack("<HHHH", 0, 0, 60_000, 60_000) + b"\0\x08\x01\0\0;",
        "PPM, 70,000 x 70,000": b"P6 70000 70000 255\n" + b"\0" * 100,
        "TIFF, 80,000 x 80,000": tiff(80_000, 80_000, {258: (3, 8)}, b"\0" * 100),
        "WEBP, 16,000 x 16,000": webp(b"VP8X", b"\0" * 4 + 2 * (15_999).to_bytes(3, "little")),
        "WEBP, 16,384 x 16,384": webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"),
        "WEBP, 16,383 x 16,383": webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + b"\xff\x3f\xff\x3f"),
    }  # fmt: skip


@pytest.mark.parametrize("size", bombs())
def test_a_bomb_is_refused_before_it_is_decoded(
    size: str, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    path = put(bombs()[size], "bomb.png")
    monkeypatch.setattr(ImageFile.ImageFile, "load", forbidden)
    for read in (read_image, read_header):
        limit = LIMITS.get(size.partition(",")[0], "50,000,000")
        with pytest.raises(OversizedImage, match=facts("bomb.png", "too large", size, limit)):
            read(path)


def test_a_large_webp_says_its_size_before_its_decoder_takes_memory(put: Put) -> None:
    for options in ({"lossless": True}, {"quality": 10}, {"quality": 10, "exif": Image.Exif()}):
        for width, height in ((300, 7), (1, 1), (16_383, 2)):
            content = encoded(smooth(width, height), "WEBP", **options)
            assert image._webp_size(content) == (width, height)


def test_the_limit_is_exact_and_pillows_stays_as_it_was(put: Put) -> None:
    before = Image.MAX_IMAGE_PIXELS
    widest = png(5_000, 10_000, 1, 0, (b"IDAT", b""))
    assert read_header(put(widest)) == ImageHeader(5_000, 10_000, "PNG", "1")
    assert before == Image.MAX_IMAGE_PIXELS != MAX_PIXELS


def test_warnings_of_pillow_never_surface_and_filters_are_restored(put: Put) -> None:
    path = put(png(1, 1, 8, 0, (b"acTL", b"\0" * 8), (b"IDAT", zlib.compress(b"\0\x07"))))
    with pytest.warns(UserWarning, match="APNG"), Image.open(path):
        pass
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert pixels(read_image(path)).tolist() == [[[7, 7, 7]]]
        assert read_header(path).width == 1
    assert seen == []
    assert warnings.filters == before


def test_threads_leave_the_warning_filters_as_they_were(put: Put) -> None:
    path = put(encoded(smooth(), "PNG"))
    before = list(warnings.filters)
    sizes: list[tuple[int, int]] = []
    workers = [
        threading.Thread(target=lambda: sizes.extend(read_image(path).size for _ in range(40)))
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sizes == [(48, 32)] * 320
    assert warnings.filters == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=5),
    kept=st.floats(0.1, 1),
)
def test_damaged_bytes_give_a_picture_or_one_clear_line(
    kind: str,
    edits: list[tuple[float, bytes]],
    kept: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = bytearray(encoded(smooth(), kind))
    for where, new in edits:
        start = int(where * (len(content) - 1))
        content[start : start + len(new)] = new
    path = tmp_path_factory.getbasetemp() / f"fuzzed-{kind}"
    path.write_bytes(content[: max(1, int(len(content) * kept))])
    try:
        picture = read_image(path)
    except ImageError as error:
        line = str(error)
    else:
        header = read_header(path)
        assert (picture.mode, picture.size) == ("RGB", (header.width, header.height))
        line = str(path)
    assert str(path) in line
    assert "\n" not in line


# --- reduced decoding and parts ---------------------------------------------------------------


def test_at_least_decodes_large_jpegs_smaller_but_never_too_small(put: Put) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    upright = put(encoded(smooth(800, 400), "JPEG", quality=95), "upright.jpg")
    turned = put(encoded(smooth(800, 400), "JPEG", quality=95, exif=exif), "turned.jpg")
    assert read_image(upright, at_least=(100, 50)).size == (100, 50)
    assert read_image(upright, at_least=(101, 50)).size == (200, 100)
    assert read_image(upright, at_least=(100, 201)).size == (800, 400)
    assert read_image(upright, at_least=(5000, 5000)).size == (800, 400)
    assert read_image(turned, at_least=(50, 100)).size == (50, 100)
    assert read_image(turned, at_least=(100, 50)).size == (100, 200)
    small = pixels(read_image(upright, at_least=(100, 50)))
    wanted = pixels(smooth(800, 400).resize((100, 50), Image.Resampling.BOX))
    assert np.abs(small - wanted).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_at_least_reduces_other_formats_too(kind: str, put: Put) -> None:
    path = put(encoded(smooth(803, 401), kind, **({"lossless": True} if kind == "WEBP" else {})))
    whole = read_image(path)
    for at_least, factor in (((100, 50), 8), ((101, 50), 4), ((401, 2), 2), ((402, 2), 1)):
        found = read_image(path, at_least=at_least)
        expected = whole.reduce(factor)
        assert found.size == expected.size
        assert np.abs(pixels(found) - pixels(expected)).max() <= (2 if kind == "GIF" else 0)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P", "1", "I;16"])
def test_strips_give_the_same_pixels_as_the_whole(
    mode: str, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (37, 23), np.uint16)
    drawn = Image.fromarray(values) if mode == "I;16" else noise(23, 37).convert(mode)
    path = put(encoded(drawn, "PNG"))
    for at_least in (None, (11, 18), (5, 9)):
        monkeypatch.setattr(image, "_STRIP", 10**6)
        whole = read_image(path, at_least=at_least)
        for strip in (1, 23, 100, 200):
            monkeypatch.setattr(image, "_STRIP", strip)
            assert (pixels(read_image(path, at_least=at_least)) == pixels(whole)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_of_a_picture_is_cut_as_it_is_displayed(
    kind: str, orientation: int, put: Put
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = put(encoded(smooth(), kind, exif=exif))
    whole = read_image(path)
    for box in ((3, 5, 20, 9), (0, 0, *whole.size), (31, 30, 32, 32)):
        assert (pixels(read_displayed_part(path, box)) == pixels(whole.crop(box))).all()
    with pytest.raises(ImageError, match=facts(path, "within")):
        read_displayed_part(path, (0, 0, whole.width + 1, 5))


# --- memory -----------------------------------------------------------------------------------


PEAK = """
import resource, sys
from platefree.data.image import read_image, read_displayed_part
{before}
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert read_image(sys.argv[1], at_least=(256, 256)).width >= 256
reduced = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
assert read_displayed_part(sys.argv[1], (100, 100, 400, 400)).size == (300, 300)
print(reduced // 1024, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024)
"""


def peak_megabytes(path: Path, before: str = "") -> tuple[int, int]:
    """What reading a picture for a size of 256, and then a box of it, takes at most."""
    words = [sys.executable, "-c", PEAK.format(before=before), str(path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    reduced, part = map(int, done.stdout.split())
    return reduced, part


@pytest.mark.parametrize(
    ("kind", "size", "options", "most"),
    [
        ("JPEG", (10_000, 10_000), {"quality": 60}, 60),
        ("JPEG", (5_000, 10_000), {"progressive": True, "subsampling": 0, "quality": 60}, 320),
        ("PNG", (5_000, 10_000), {"compress_level": 1}, 240),
        ("PNG", (5_000, 10_000), {"compress_level": 1, "alpha": True}, 240),
        ("TIFF", (5_000, 10_000), {"compression": "tiff_lzw"}, 240),
        ("BMP", (5_000, 10_000), {}, 240),
        ("WEBP", (5_000, 5_000), {"method": 0, "quality": 10}, 420),
    ],
)
def test_the_largest_pictures_take_little_memory(
    kind: str, size: tuple[int, int], options: dict[str, Any], most: int, put: Put
) -> None:
    options = dict(options)
    tile = smooth(500, 500)
    if options.pop("alpha", False):
        tile.putalpha(200)
    large = Image.new(tile.mode, size)
    for left in range(0, size[0], 500):
        for top in range(0, size[1], 500):
            large.paste(tile, (left, top))
    path = put(encoded(large, kind, **options))
    reduced, part = peak_megabytes(path)
    assert reduced <= most
    assert part <= 450


def test_too_little_memory_says_nothing_against_the_picture(put: Put) -> None:
    """`ImageError` would let whoever leaves out unreadable pictures leave out a good one."""
    path = put(encoded(smooth(4000, 4000), "PNG"))
    script = """
import resource, sys
from platefree.data.image import read_image, read_header
from platefree.errors import ImageError, OutOfMemory
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 40_000_000,) * 2)
try:
    read_image(sys.argv[1])
except OutOfMemory as error:
    assert not isinstance(error, ImageError)
    print(error)
assert read_header(sys.argv[1]).width == 4000
"""
    words = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert says(done.stdout, path, "memory")


def test_only_one_large_picture_is_decoded_at_a_time(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(encoded(smooth(40, 40), "PNG"))
    monkeypatch.setattr(image, "_LARGE", 100)
    inside, most = [], []
    load = image._load

    def watched(*arguments: object) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        load(*arguments)
        inside.pop()

    monkeypatch.setattr(image, "_load", watched)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_image, [path] * 20))
    assert max(most) == 1


# --- real pictures ----------------------------------------------------------------------------


def test_suffixes_are_lower_case_endings() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".gif"} <= set(IMAGE_SUFFIXES)
    assert all(suffix.startswith(".") and suffix.islower() for suffix in IMAGE_SUFFIXES)


def test_real_pictures_are_read_like_pillow_reads_them() -> None:
    if not REAL.is_dir():
        pytest.skip(f"real pictures are absent: {REAL}")
    for path in sorted((REAL / "images").glob("*.jpg"))[:20]:
        with Image.open(path) as opened:
            plain = pixels(opened.convert("RGB"))
        assert (pixels(read_image(path)) == plain).all()
        assert (read_header(path).height, read_header(path).width) == plain.shape[:2]
