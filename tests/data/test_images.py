import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import facts, says
from PIL import Image, ImageFile, features

from platefree.data.image import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    ImageHeader,
    OversizedImage,
    read_header,
    read_image,
)
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


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.int16)


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
    for kind in ("ICO", "PCX", "TGA", "PDF", "EPS"):
        path = put(encoded(smooth(), kind), "picture.png")
        with pytest.raises(ImageError, match=facts("picture.png", "no picture", "JPEG, PNG, WEBP")):
            read_image(path)


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
        str(tmp_path / "pipe.jpg"): ("pipe.jpg", "no regular file"),
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


def test_a_page_named_jpg_is_no_picture(put: Put) -> None:
    path = put(b"<!doctype html><title>404</title>", "page.jpg")
    for read in (read_image, read_header):
        with pytest.raises(ImageError, match=facts("page.jpg", "no picture", "web page")):
            read(path)


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


def bombs() -> dict[str, bytes]:
    small = encoded(smooth(), "JPEG")
    frame = small.index(b"\xff\xc0")
    jpeg = bytearray(small)
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 50_000, 50_000)
    return {
        "50,000 x 50,000": png(50_000, 50_000, 8, 2, (b"IDAT", zlib.compress(b"\0" * 100))),
        "10,000 x 10,001": png(10_000, 10_001, 8, 2, (b"IDAT", zlib.compress(b"\0" * 100))),
        "50,000 x 50,000 ": bytes(jpeg),
        "60,000 x 60,000": b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + b"\0\0\0,"
        + struct.pack("<HHHH", 0, 0, 60_000, 60_000) + b"\0\x08\x01\0\0;",
        "70,000 x 70,000": b"P6 70000 70000 255\n" + b"\0" * 100,
        "80,000 x 80,000": tiff(80_000, 80_000, {258: (3, 8)}, b"\0" * 100),
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
        with pytest.raises(
            OversizedImage, match=facts("bomb.png", "too large", size.strip(), "100,000,000")
        ):
            read(path)


def test_the_limit_is_exact_and_pillows_stays_as_it_was(put: Put) -> None:
    before = Image.MAX_IMAGE_PIXELS
    widest = png(10_000, 10_000, 1, 0, (b"IDAT", b""))
    assert read_header(put(widest)) == ImageHeader(10_000, 10_000, "PNG", "1")
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


# --- reduced decoding and real pictures -------------------------------------------------------


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
    flat = put(encoded(smooth(800, 400), "PNG"), "flat.png")
    assert read_image(flat, at_least=(100, 50)).size == (800, 400)


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
