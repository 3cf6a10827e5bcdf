"""Files that somebody uploads to do harm, by name; each has to be refused in one sentence."""

import io
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image


def noise(width: int = 64, height: int = 48) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def saved(format: str, picture: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (picture or noise()).save(file, format, **options)
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG of one grey level that claims this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *chunks, chunk(b"IEND", b"")])


def rows(width: int, height: int) -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(width + 1)) for _ in range(height))
    return chunk(b"IDAT", packed + packer.flush())


def with_exif(count: int) -> bytes:
    """A JPEG with many full segments of EXIF."""
    picture = saved("JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 65_535) + b"Exif\0\0" + bytes(65_527)
    return picture[:2] + count * segment + picture[2:]


SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink">'
    b'<image x:href="http://127.0.0.1:1/x.png"/><script>alert(1)</script></svg>'
)


@cache
def hostile_pictures() -> dict[str, bytes]:
    """Name -> content."""
    frames = [noise(), noise().rotate(180)]
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x10meta" + bytes(40)
    jpeg, text = saved("JPEG"), zlib.compress(bytes(50_000_000), 1)
    return {
        "empty": b"",
        "text": b"no picture",
        "svg": SVG,
        "xml-svg": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>' + SVG,
        "html": b"<html><script>alert(1)</script></html>",
        "pdf-with-jpeg": b"%PDF-1.7\n" + jpeg,
        "zip-with-jpeg": b"PK\x03\x04" + bytes(26) + jpeg,
        "gif-and-script": b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)",
        "jpeg-with-much-behind": jpeg + bytes(3_000_000),
        "bomb-of-50000-squared": png(50_000, 50_000, chunk(b"IDAT", zlib.compress(bytes(9)))),
        "bomb-of-8000-squared": png(8_000, 8_000, rows(8_000, 80)),
        "bomb-without-rows": png(2**31 - 1, 2**31 - 1),
        "bomb-of-text": png(8, 8, chunk(b"zTXt", b"a\0\0" + text), rows(8, 8)),
        "huge-exif": with_exif(60),
        "huge-exif-of-png": png(8, 8, chunk(b"eXIf", bytes(3_000_000)), rows(8, 8)),
        "cut-jpeg": jpeg[: len(jpeg) // 2],
        "cut-png": saved("PNG")[:400],
        "cut-webp": saved("WEBP")[:200],
        "cut-heic": heic,
        "start-of-jpeg": jpeg[:3],
        "noughts-of-jpeg": jpeg[:20] + bytes(2_000),
        "animated-gif": saved("GIF", frames[0], save_all=True, append_images=frames),
        "animated-webp": saved("WEBP", frames[0], save_all=True, append_images=frames[1:]),
        "animated-png": saved("PNG", frames[0], save_all=True, append_images=frames[1:]),
        "pages-of-tiff": saved("TIFF", frames[0], save_all=True, append_images=frames[1:]),
        "icon": b"\0\0\1\0" + bytes(40),
        "script-of-postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }


def write_picture(path: Path, format: str = "JPEG") -> Path:
    path.write_bytes(saved(format))
    return path
